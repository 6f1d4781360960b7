"""Losses of documents one by one, in nats."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.loading import load_model
from models.source import resolve_model
from storage.documents import document_groups, find_documents, read_group
from storage.sequences import Sequence as Packed
from training.document_batches import collate
from training.language_model import LanguageModelObjective

_BATCH = 32

Segment = dict[str, Any]
"""A segment of a document, as :class:`schemas.document.DocumentSegment` has it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A document, and which of its tokens are measured.

    Attributes:
        name: of the row that it is of.
        tokens: int32 array.
        measured: bool array of the same shape.

    """

    name: str
    tokens: NDArray[np.int32]
    measured: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The loss of an example: ``nats`` of ``tokens`` together."""

    nats: float
    tokens: int

    @property
    def each(self) -> float:
        """Nats a token."""
        return self.nats / self.tokens


class Losses:
    """Measures examples with one model.

    Args:
        folder: of the model.

    """

    def __init__(self, folder: Path) -> None:
        model = load_model(resolve_model(str(folder)), device="cpu", dtype="float32").model
        self._objective = LanguageModelObjective(model, attend_across=False)

    def of(self, examples: Sequence[Example]) -> dict[str, Loss]:
        """By the examples' names."""
        # Of like length together, for less padding.
        ordered = sorted(examples, key=lambda one: len(one.tokens))
        found: dict[str, Loss] = {}
        for start in range(0, len(ordered), _BATCH):
            some = ordered[start : start + _BATCH]
            losses = zip(some, self._batch(some), strict=True)
            found |= {one.name: loss for one, loss in losses}
        return found

    def _batch(self, examples: Sequence[Example]) -> list[Loss]:
        packed = [
            Packed(
                tokens=one.tokens,
                weights=one.measured.astype(np.float32),
                starts=np.zeros(1, np.int64),
                stems=np.full(1, -1),
            )
            for one in examples
        ]
        batch = collate(packed, attend_across=False)
        with torch.inference_mode():
            logits = self._objective.logits(batch, batch["places"])
            losses = functional.cross_entropy(logits.float(), batch["targets"], reduction="none")
        rows = (batch["places"] // batch["tokens"].shape[1]).numpy()
        nats = np.bincount(rows, weights=losses.double().numpy(), minlength=len(examples))
        counts = np.bincount(rows, minlength=len(examples))
        return [
            Loss(nats=float(total), tokens=int(count))
            for total, count in zip(nats, counts, strict=True)
        ]


def read_examples(documents: Path, measured: Callable[[Segment], bool]) -> list[Example]:
    """Read documents; ``measured`` says of a segment whether its tokens are measured."""
    return [
        _example(name, tokens, [one for one in segments if measured(one)])
        for name, tokens, segments in read_rows(documents)
    ]


def read_rows(documents: Path) -> Iterator[tuple[str, NDArray[np.int32], list[Segment]]]:
    """Each document's row, tokens and segments."""
    for group in document_groups(find_documents(str(documents))):
        columns = ["asset_id", "token_ids", "segments"]
        for row in read_group(group, columns).to_pylist():
            yield row["asset_id"], np.array(row["token_ids"], np.int32), row["segments"]


def _example(name: str, tokens: NDArray[np.int32], segments: Sequence[Segment]) -> Example:
    measured = np.zeros(len(tokens), bool)
    for segment in segments:
        measured[segment["start"] : segment["end"]] = True
    return Example(name=name, tokens=tokens, measured=measured)
