"""What to ask: prompts that each family of models was trained for. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from models.files import model_file
from models.folder import read_json
from models.source import ModelSource
from schemas.errors import ModelError

OVERRIDES = "calumma.json"
_SLOT = "{question}"
_TEXTS, _PROMPT = "{texts}", "{prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """The prompts of one model.

    Attributes:
        short_caption: asks for a short caption.
        long_caption: asks for a detailed one.
        question: a template that holds ``{question}``.
        neighbor_texts: a template that holds ``{texts}`` and ``{prompt}``, for models that take
            one picture: how they are told what pictures like it show. Empty where the model reads
            nothing but its own prompts.
        draw: a template that holds ``{prompt}``, for models that make images: how one is asked
            for. ``edit``: and how a change to the picture before it is.

    """

    short_caption: str
    long_caption: str
    question: str
    neighbor_texts: str = "Similar pictures show: {texts}\n{prompt}"
    draw: str = "{prompt}"
    edit: str = "{prompt}"

    def caption(self, style: Literal["short", "long"]) -> str:
        """The prompt that asks for a caption of a style."""
        return self.short_caption if style == "short" else self.long_caption


_INSTRUCTIONS = PromptSet(
    short_caption="Describe this picture in one short sentence.",
    long_caption="Describe this picture in detail.",
    question="{question}\nAnswer the question using a single word or phrase.",
)

# Sources: the papers and model cards of PaliGemma (arXiv 2407.07726, task prefixes), Florence-2
# (arXiv 2311.06242, task tokens), BLIP-2 (arXiv 2301.12597, section 4) and InstructBLIP
# (arXiv 2305.06500, appendix: instruction templates).
_BY_MODEL_TYPE = {
    "paligemma": PromptSet(
        short_caption="caption en",
        long_caption="describe en",
        question="answer en {question}",
        # What is asked stands first, as in training.
        neighbor_texts="{prompt} similar pictures show: {texts}",
    ),
    "florence2": PromptSet(
        short_caption="<CAPTION>",
        long_caption="<MORE_DETAILED_CAPTION>",
        question="{question}",
        neighbor_texts="",
    ),
    "blip-2": PromptSet(
        short_caption="a photo of",
        long_caption="Question: What is shown in the picture, in detail? Answer:",
        question="Question: {question} Answer:",
    ),
    "instructblip": PromptSet(
        short_caption="A short image description:",
        long_caption="Write a detailed description for the image.",
        question="Question: {question} Short answer:",
    ),
    "chameleon": replace(_INSTRUCTIONS, question="{question}"),
}


def prompts_for(source: ModelSource) -> PromptSet:
    """The prompts of a model: its family's, with what its own ``calumma.json`` says instead.

    ``calumma.json`` lies in the model's folder: ``{"prompts": {"short_caption": "...", ...}}``,
    with any of the fields of :class:`PromptSet`.

    Raises:
        ModelError: the file says something else.

    """
    prompts = _BY_MODEL_TYPE.get(source.model_type, _INSTRUCTIONS)
    path = model_file(source, OVERRIDES)
    if path is None:
        return prompts
    overrides = read_json(path).get("prompts", {})
    known = {field.name for field in fields(PromptSet)}
    if not isinstance(overrides, dict) or not all(
        name in known and isinstance(text, str) for name, text in overrides.items()
    ):
        raise ModelError(f"{path}: prompts may hold the texts {', '.join(sorted(known))} only.")
    prompts = replace(prompts, **overrides)
    if _SLOT not in prompts.question:
        raise ModelError(f"{path}: the prompt for questions lacks {_SLOT}.")
    for name in ("draw", "edit"):
        if _PROMPT not in getattr(prompts, name):
            raise ModelError(f"{path}: the prompt {name!r} lacks {_PROMPT}.")
    if prompts.neighbor_texts and not all(
        slot in prompts.neighbor_texts for slot in (_TEXTS, _PROMPT)
    ):
        raise ModelError(
            f"{path}: the prompt with texts of neighbours lacks {_TEXTS} or {_PROMPT}."
        )
    return prompts


def fill_question(template: str, question: str) -> str:
    """Put a question in a template's place for it; other braces are left as they are."""
    return template.replace(_SLOT, question)


def fill_prompt(template: str, prompt: str) -> str:
    """Put what is to be drawn in a template's place for it; other braces are left as they are."""
    return template.replace(_PROMPT, prompt)


def fill_texts(template: str, texts: Sequence[str], prompt: str) -> str:
    """Put texts of neighbours, and what is asked, in a template's places for them."""
    before, _, after = template.partition(_PROMPT)
    joined = "; ".join(texts)
    return before.replace(_TEXTS, joined) + prompt + after.replace(_TEXTS, joined)
