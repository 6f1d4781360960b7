"""Writing prompts the way a model expects them: chat template or placeholders."""

from typing import Any

from models.families import PromptStyle
from models.loading import LoadedModel

_PROBE = "probe"


class PromptWriter:
    """Turns what is asked, and a number of pictures, into the text that the processor takes.

    Attributes:
        style: how pictures enter the prompt of this checkpoint.
        placeholder: the text that stands for a picture; empty where there is none.
        add_special_tokens: whether the tokenizer is to add its own: not where the chat template
            already begins with the beginning-of-sequence token.

    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._processor = loaded.processor
        self._tokenizer = loaded.processor.tokenizer
        # Some processors hold a tokenizers.AddedToken.
        token = getattr(self._processor, "image_token", None)
        self.placeholder = "" if token is None else str(getattr(token, "content", token))
        self.style = loaded.family.style
        self._content_is_text = False
        self.add_special_tokens = True
        if self.style is PromptStyle.CHAT:
            self.style = self._chat_style()
        if self.style is PromptStyle.CHAT:
            bos = self._tokenizer.bos_token
            self.add_special_tokens = not (bos and self.write(_PROBE, 1).startswith(bos))

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
        templates = (
            getattr(self._processor, "chat_template", None),
            getattr(self._tokenizer, "chat_template", None),
        )
        if any(templates):
            for self._content_is_text in (False, True):
                rendered = self._render(_PROBE, 1)
                # A template for text alone writes the list of parts out, or passes pictures by.
                if "'type'" not in rendered and rendered != self._render(_PROBE, 0):
                    return PromptStyle.CHAT
        return PromptStyle.PLACEHOLDERS if self.placeholder else PromptStyle.IMPLICIT

    def _render(self, prompt: str, images: int) -> str:
        content: Any
        if self._content_is_text:
            content = self.placeholder * images + prompt
        else:
            content = [{"type": "image"}] * images + [{"type": "text", "text": prompt}]
        has_own = getattr(self._processor, "chat_template", None)
        renderer = self._processor if has_own else self._tokenizer
        text = renderer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        assert isinstance(text, str)
        return text
