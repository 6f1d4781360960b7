"""Writing prompts the way a model expects them: chat template or placeholders."""

import re
from typing import Any

import jinja2

from models.families import WHAT_WORKS, PromptStyle
from models.loading import LoadedModel
from schemas.errors import ModelError

# With quotation marks, so that a template that writes it out as JSON is found out.
_PROBE = 'Is "this" a probe?'
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

    Raises:
        ModelError: there is no way to show the model a picture with a prompt.

    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._processor = loaded.processor
        self._tokenizer = loaded.processor.tokenizer
        self._model = loaded.source.name
        # Some processors hold a tokenizers.AddedToken.
        token = getattr(self._processor, "image_token", None)
        self.placeholder = "" if token is None else str(getattr(token, "content", token))
        has_own = getattr(self._processor, "chat_template", None)
        self._renderer = self._processor if has_own else self._tokenizer
        self._content_is_text = False
        self.style = loaded.family.style
        if self.style is PromptStyle.CHAT:
            self.style = self._chat_style()
        self.add_special_tokens = True
        self.begins_thought = False
        if self.style is PromptStyle.CHAT:
            rendered, bos = self.write(_PROBE, 1), self._tokenizer.bos_token
            self.add_special_tokens = not (bos and rendered.startswith(bos))
            self.begins_thought = rendered.rstrip().endswith("<think>")

    def write(self, prompt: str, images: int) -> str:
        """Write one row's prompt.

        Args:
            prompt: what is asked.
            images: number of pictures shown before it.

        """
        if self.style is PromptStyle.CHAT:
            return self._render(prompt, images)
        if self.style is PromptStyle.PLACEHOLDERS:
            return self.placeholder * images + prompt
        return prompt

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

    def _render(self, prompt: str, images: int) -> str:
        content: Any
        if self._content_is_text:
            content = self.placeholder * images + prompt
        else:
            content = [{"type": "image"}] * images + [{"type": "text", "text": prompt}]
        # Asked of templates that know of it alone: processors warn of what theirs does not.
        silent = "enable_thinking" in str(self._renderer.chat_template)
        text = self._renderer.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=False,
            add_generation_prompt=True,
            **({"enable_thinking": False} if silent else {}),
        )
        assert isinstance(text, str)
        return text
