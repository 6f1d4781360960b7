"""Writing prompts the way a model expects them: chat template or placeholders."""

import re
from collections.abc import Sequence
from typing import Any

import jinja2

from models.describing import Example
from models.families import WHAT_WORKS, PromptStyle
from models.infill_prompts import MASK, sentinels_of
from models.loading import LoadedModel
from models.prompts import fill_texts, prompts_for
from schemas.errors import ModelError

# With quotation marks, so that a template that writes it out as JSON is found out.
_PROBE = 'Is "this" a probe?'
_PROBE_EXAMPLE = Example(name="", pixels=None, prompt=_PROBE, text='It is "one".')
# What a template for text writes of a list of parts.
_WRITTEN_OUT = re.compile(r"""['"]type['"]\s*:""")
# What templates raise that were not made for the content they are given.
_TEMPLATE_ERRORS = (jinja2.TemplateError, TypeError, ValueError)


class PromptWriter:
    """Turns what is asked, and a number of pictures, into the text that the processor takes.

    Attributes:
        style: how pictures enter the prompt of this checkpoint.
        placeholder: the text that stands for a picture; empty where there is none.
        add_special_tokens: whether the tokenizer is to add its own: not where the chat template
            already begins with the beginning-of-sequence token.
        begins_thought: whether the prompt ends where the model's thought begins.
        shows_examples: whether pictures of examples stand in the prompt, each with what was asked
            and answered; else their texts stand in what is asked.
        takes_examples: whether it takes any.
        sentinels: for prompts that ask to fill in a text; None where the model cannot.

    Raises:
        ModelError: there is no way to show the model a picture with a prompt.

    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._processor = loaded.processor
        self._tokenizer = loaded.processor.tokenizer
        self._model = loaded.source.name
        self._texts_template = prompts_for(loaded.source).neighbor_texts
        # Some processors hold a tokenizers.AddedToken.
        token = getattr(self._processor, "image_token", None)
        self.placeholder = "" if token is None else str(getattr(token, "content", token))
        has_own = getattr(self._processor, "chat_template", None)
        self._renderer = self._processor if has_own else self._tokenizer
        self._content_is_text = self._answer_is_text = False
        self.style = loaded.family.style
        if self.style is PromptStyle.CHAT:
            self.style = self._chat_style()
        self.add_special_tokens = True
        self.begins_thought = False
        if self.style is PromptStyle.CHAT:
            rendered, bos = self.write(_PROBE, 1), self._tokenizer.bos_token
            self.add_special_tokens = not (bos and rendered.startswith(bos))
            self.begins_thought = rendered.rstrip().endswith("<think>")
            self.shows_examples = self._find_answer_form()
        else:
            # What was asked and answered must be told apart.
            tokenizer = self._tokenizer
            self.shows_examples = bool(
                loaded.family.separator and tokenizer.sep_token and tokenizer.eos_token
            )
        self.takes_examples = self.shows_examples or bool(self._texts_template)
        self.sentinels = None
        if self.style is PromptStyle.PLACEHOLDERS:
            self.sentinels = sentinels_of(self._tokenizer.get_vocab())

    def write(self, prompt: str, images: int, examples: Sequence[Example] = ()) -> str:
        """Write one row's prompt.

        Args:
            prompt: what is asked.
            images: number of pictures shown before it.
            examples: what is shown before, one picture each where the model is shown them.

        """
        if examples and not self.shows_examples:
            texts = [self._clean(example.text) for example in examples]
            prompt, examples = fill_texts(self._texts_template, texts, prompt), ()
        if self.style is PromptStyle.CHAT:
            return self._render(prompt, images, examples)
        if self.style is PromptStyle.PLACEHOLDERS:
            shown = self.placeholder * images
            return "".join(map(self._document, examples)) + self._asked(prompt, shown)
        return prompt

    def _asked(self, prompt: str, pictures: str) -> str:
        """What is asked, with the pictures before it, or behind it where a text is filled in."""
        if MASK in prompt and self.sentinels is not None:
            return self.sentinels.write(prompt, pictures)
        return f"{pictures}{prompt}"

    def _document(self, example: Example) -> str:
        """An example as training has them: a document of its own, with its end."""
        asked = self._asked(example.prompt, self.placeholder)
        separator = "" if MASK in example.prompt else self._tokenizer.sep_token
        return f"{asked}{separator}{self._clean(example.text)}{self._tokenizer.eos_token}"

    def _clean(self, text: str) -> str:
        """A text of a catalog's, without what would be taken for a picture."""
        return text.replace(self.placeholder, " ").strip() if self.placeholder else text

    def _find_answer_form(self) -> bool:
        """Find out how the chat template takes examples; tell whether it does."""
        for form in (True,) if self._content_is_text else (False, True):
            self._answer_is_text = form
            if self._shows_example():
                return True
        return False

    def _shows_example(self) -> bool:
        try:
            rendered = self._render(_PROBE, 1, (_PROBE_EXAMPLE,))
        except _TEMPLATE_ERRORS:
            return False
        before, answer, after = rendered.partition(_PROBE_EXAMPLE.text)
        if not answer or _WRITTEN_OUT.search(rendered):
            return False
        return all(
            part.count(_PROBE) == 1 and (not self.placeholder or part.count(self.placeholder) == 1)
            for part in (before, after)
        )

    def _chat_style(self) -> PromptStyle:
        """Find out what the checkpoint's template, if any, makes of a picture."""
        if getattr(self._renderer, "chat_template", None):
            for self._content_is_text in (False, True):
                if self._shows_picture():
                    return PromptStyle.CHAT
            raise ModelError(
                f"The chat template of the model {self._model} cannot show a picture: it fails, "
                "or leaves out the picture or the prompt. Write one that takes both, or remove "
                "it if the model is to be asked without."
            )
        if not self.placeholder:
            raise ModelError(
                f"The model {self._model} has neither a chat template nor a placeholder for "
                f"pictures, so it cannot be shown a picture with a prompt. {WHAT_WORKS}"
            )
        return PromptStyle.PLACEHOLDERS

    def _shows_picture(self) -> bool:
        try:
            rendered = self._render(_PROBE, 1)
            if _PROBE not in rendered or _WRITTEN_OUT.search(rendered):
                return False
            if self.placeholder:
                return rendered.count(self.placeholder) == 1
            return rendered != self._render(_PROBE, 0)
        except _TEMPLATE_ERRORS:
            return False

    def _render(self, prompt: str, images: int, examples: Sequence[Example] = ()) -> str:
        turns: list[dict[str, Any]] = []
        for example in examples:
            text = self._clean(example.text)
            answer = text if self._answer_is_text else [{"type": "text", "text": text}]
            turns += [self._turn(example.prompt, 1), {"role": "assistant", "content": answer}]
        # Asked of templates that know of it alone: processors warn of what theirs does not.
        silent = "enable_thinking" in str(self._renderer.chat_template)
        rendered = self._renderer.apply_chat_template(
            [*turns, self._turn(prompt, images)],
            tokenize=False,
            add_generation_prompt=True,
            **({"enable_thinking": False} if silent else {}),
        )
        assert isinstance(rendered, str)
        return rendered

    def _turn(self, prompt: str, images: int) -> dict[str, Any]:
        content: Any
        if self._content_is_text:
            content = self.placeholder * images + prompt
        else:
            content = [{"type": "image"}] * images + [{"type": "text", "text": prompt}]
        return {"role": "user", "content": content}
