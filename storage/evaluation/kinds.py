"""The kinds of results that are evaluated: where they lie, and what of a row is scored."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.evaluation.references import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedKind:
    """How results of one kind are read.

    Attributes:
        tables: of an output, in which such results are; the first that it holds is taken.
        needs: columns that a row must have beside ``asset_id``; of each of them one name at least.
        compared: whether a row is compared with references of its own.
        own: the column in which a row may hold them itself; empty for none.
        measured: columns that are scored beside the text.

    """

    tables: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    compared: bool = False
    own: str = ""
    measured: tuple[str, ...] = ()


KINDS: Mapping[Kind, EvaluatedKind] = {
    "captions": EvaluatedKind(
        tables=("captions",), needs=(("text",),), compared=True, own="references"
    ),
    "answers": EvaluatedKind(tables=("answers",), needs=(("text",),), compared=True, own="answers"),
    "neighbors": EvaluatedKind(
        tables=("neighbors",),
        needs=(("neighbor_ids",),),
        compared=True,
        measured=("neighbor_ids",),
    ),
    "generations": EvaluatedKind(
        tables=("generations", "embeddings"), needs=(("vector", "image"),), measured=("vector",)
    ),
    "reconstructions": EvaluatedKind(
        tables=("reconstructions",), needs=(("psnr",), ("ssim",)), measured=("psnr", "ssim")
    ),
    "tokens": EvaluatedKind(tables=("tokens",), needs=(("codes",),), measured=("codes",)),
}
"""How results of each kind are read."""
