"""What is compared: variants of a training, and claims about pairs of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Retrieval = Literal["none", "picture", "picture-0.1", "text", "text-dropout"]
Kind = Literal["instructions", "pairs"]

INSTRUCTIONS: Mapping[str, float] = {"caption": 0.3, "ask": 0.4, "draw": 0.3}
"""The instruction sets, which are templates too, and how often a sequence is taken from each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way of training.

    Attributes:
        title: in tables.
        kind: whether documents are instructions, or pairs of a picture and a text.
        objective: the template of pairs.
        retrieval: what stands before each document; ``picture-0.1`` has that weight in the loss.
        follows: the variant whose weights it begins with; each of the two has half of the steps.
        measured: whether it is, or only leads to another.

    """

    title: str
    kind: Kind = "instructions"
    objective: str = ""
    retrieval: Retrieval = "picture"
    follows: str = ""
    half: bool = False
    measured: bool = True

    @property
    def sets(self) -> Mapping[str, float]:
        """Names of the documents it learns from, with their shares."""
        if self.kind == "pairs":
            return {f"{self.objective}-{self.retrieval}": 1.0}
        return {f"{name}-{self.retrieval}": share for name, share in INSTRUCTIONS.items()}


VARIANTS: Mapping[str, Variant] = {
    "none": Variant(title="no retrieval", retrieval="none"),
    "retrieval": Variant(title="retrieval"),
    "weight": Variant(title="retrieved at 0.1", retrieval="picture-0.1"),
    "by-text": Variant(title="retrieved by text", retrieval="text"),
    "dropout": Variant(title="with query dropout", retrieval="text-dropout"),
    "cm3": Variant(title="CM3", kind="pairs", objective="cm3"),
    "left-to-right": Variant(title="left to right", kind="pairs", objective="left_to_right"),
    "texts-cut": Variant(title="CM3, texts cut out", kind="pairs", objective="texts_cut"),
    "begun": Variant(title="begun", kind="pairs", objective="cm3", half=True, measured=False),
    "fine-tuned": Variant(title="fine-tuned", follows="begun", half=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that the papers say of two variants.

    Attributes:
        name: of the section.
        says: what they say, in our words.
        without: the variant that it is measured against; ``having``: the one that is to be better.
        measures: by name; of those that a variant lacks a row is left out.

    """

    name: str
    says: str
    without: str
    having: str
    measures: Sequence[str]


def _at_all(*names: str) -> list[str]:
    return [f"{name}, K = {count}" for name in names for count in (0, 1, 2)]


_ASKED = ("short captions", "answers", "answers that name", "drawings")
_LOSSES = ("loss of captions", "loss of answers", "loss of pictures")
_ALONE = [f"{name}, K = 0" for name in _ASKED]
_FILLED = (
    "words filled in",
    "likeliest words",
    "whole captions filled in",
    "short captions, K = 0",
    "loss of cut codes",
    "loss of pairs, K = 0",
    "drawings, K = 0",
)

CLAIMS: Sequence[Claim] = (
    Claim(
        name="Fine-tuned against pretrained only",
        says="Fine-tuning on instructions makes a pretrained model do what it is told.",
        without="cm3",
        having="fine-tuned",
        measures=_ALONE,
    ),
    Claim(
        name="Fine-tuned against instructions alone",
        says="Pretraining first is worth its share of the steps.",
        without="retrieval",
        having="fine-tuned",
        measures=_ALONE,
    ),
    Claim(
        name="Retrieval in training",
        says="Retrieved documents in training help, the more of them are shown.",
        without="none",
        having="retrieval",
        measures=_at_all(*_LOSSES, *_ASKED),
    ),
    Claim(
        name="Query dropout",
        says="Dropping 20 % of the query's words when training sets are made regularises.",
        without="by-text",
        having="dropout",
        measures=_at_all(*_LOSSES, *_ASKED),
    ),
    Claim(
        name="Retrieved documents count as much as the main one",
        says="A weight of 1 on what is retrieved is better than one of 0.1, above all at K = 0.",
        without="weight",
        having="retrieval",
        measures=_at_all(*_LOSSES, *_ASKED),
    ),
    Claim(
        name="CM3 masking",
        says="The CM3 objective teaches infilling, and drawing does not suffer.",
        without="left-to-right",
        having="cm3",
        measures=_FILLED,
    ),
    Claim(
        name="CM3 masking with whole texts cut out",
        says="The same, where texts are cut out as often as the paper's infilling prompts need.",
        without="left-to-right",
        having="texts-cut",
        measures=_FILLED,
    ),
)


def lower_is_better(measure: str) -> bool:
    """Whether a measure is a loss."""
    return measure.startswith("loss")
