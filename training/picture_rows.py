"""Reading rows of a catalog as frames and texts, and counting those that cannot be used."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RowError, RunError
from schemas.failure import FailureKind
from storage.catalog.columns import ColumnNames
from storage.catalog.read_blocks import check_unchanged, read_blocks, read_rows
from storage.catalog.split import CatalogRow, Split
from storage.load_images import ImageLoader
from storage.load_settings import LoadSettings
from storage.picture_reader import Picture
from training.picture_frames import Framer
from training.picture_order import Piece

# Fewer rows than this say nothing of a rate.
_ROWS_TO_JUDGE = 100
_ROWS_IN_VAIN = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedRows:
    """Some rows in memory.

    Attributes:
        frames: uint8 of shape (rows, side, side, 3); black where a row cannot be used.
        texts: of each row; empty where none are wanted or the row cannot be used.
        usable: bool of shape (rows,).

    """

    frames: NDArray[np.uint8]
    texts: tuple[tuple[str, ...], ...]
    usable: NDArray[np.bool_]


class PictureRows:
    """Reads, decodes and frames rows of a catalog's splits. For one thread at a time.

    Args:
        splits: the catalog's.
        columns: column names, where they are not the usual ones.
        load: how pictures are loaded.
        framer: how they become frames.
        texts: whether each row needs a text.
        max_failure_rate: share of the rows that may fail, of a hundred or more.

    """

    def __init__(
        self,
        splits: Sequence[Split],
        columns: ColumnNames,
        load: LoadSettings,
        framer: Framer,
        *,
        texts: bool,
        max_failure_rate: float,
    ) -> None:
        self._splits = splits
        self._columns = columns
        self._framer = framer
        self._texts = texts
        self._max_failure_rate = max_failure_rate
        self._loader = ImageLoader(load)
        self._seen = 0
        self._failed: Counter[str] = Counter()
        self._first_failure = ""

    def close(self) -> None:
        """End threads and helper processes."""
        self._loader.close()

    @property
    def failures(self) -> str:
        """How many rows could not be used and why, in sentences; empty if all could."""
        if not self._failed:
            return ""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._failed.most_common())
        return (
            f"{self._failed.total():,} of {self._seen:,} rows could not be used ({kinds}). "
            f"The first: {self._first_failure}"
        )

    def load(self, piece: Piece, epoch: int) -> LoadedRows:
        """Read some rows of a split.

        Args:
            epoch: for frames that are drawn anew in each.

        Raises:
            RunError: too many rows failed, or the split's file was changed.

        """
        split = self._splits[piece.split]
        side = self._framer.side
        frames = np.zeros((len(piece.rows), side, side, 3), np.uint8)
        texts: list[tuple[str, ...]] = []
        usable = np.zeros(len(piece.rows), np.bool_)
        folder = split.file.uri.rpartition("/")[0]
        loaded = self._loader.load(self._rows(split, piece.rows), folder)
        for place, (row, picture, _) in enumerate(loaded):
            said: tuple[str, ...] = ()
            try:
                seed = split.offset + int(piece.rows[place])
                frames[place] = self._frame(row, picture, seed, epoch)
                said = self._said(row)
                usable[place] = True
            except RowError as error:
                self._count_failure(split, row, error)
            texts.append(said)
            self._seen += 1
        check_unchanged(split)
        self._judge()
        return LoadedRows(frames=frames, texts=tuple(texts), usable=usable)

    def texts(self) -> Iterator[str]:
        """The texts of all rows, in the catalog's order; pictures are not read."""
        for split in self._splits:
            for block in read_blocks(split, self._columns):
                for row in read_rows(split, block, range(len(block.ids)), pictures=False):
                    yield from _texts_of(row)

    def _rows(self, split: Split, wanted: NDArray[np.int64]) -> Iterator[CatalogRow]:
        for block in read_blocks(split, self._columns):
            first, last = np.searchsorted(wanted, [block.start, block.start + len(block.ids)])
            if first < last:
                yield from read_rows(split, block, (wanted[first:last] - block.start).tolist())

    def _frame(self, row: CatalogRow, picture: Picture, seed: int, epoch: int) -> NDArray[np.uint8]:
        if isinstance(picture, RowError):
            raise picture
        if picture is None:
            raise row.problem or RowError(FailureKind.INVALID_ROW, "It names no picture.")
        return self._framer.frame(picture.pixels, seed, epoch)

    def _said(self, row: CatalogRow) -> tuple[str, ...]:
        if not self._texts:
            return ()
        said = _texts_of(row)
        if not said:
            raise RowError(FailureKind.INVALID_ROW, "It has no text.")
        return said

    def _count_failure(self, split: Split, row: CatalogRow, error: RowError) -> None:
        self._failed[error.kind.value] += 1
        if not self._first_failure:
            where = row.asset.asset_id or f"row {split.rows.start + row.position + 1}"
            # Of the message what is wrong, not the remedy, which is a job's.
            self._first_failure = f"{where}: {error.message.partition('. ')[0].rstrip('.')}."

    def _judge(self) -> None:
        failed = self._failed.total()
        most = self._max_failure_rate * self._seen
        in_vain = failed == self._seen >= _ROWS_IN_VAIN
        if in_vain or (self._seen >= _ROWS_TO_JUDGE and failed > most):
            raise RunError(
                f"{self.failures} That is more than the {self._max_failure_rate:.0%} allowed "
                "(max_failure_rate)."
            )


def _texts_of(row: CatalogRow) -> tuple[str, ...]:
    return tuple(text for text in (row.asset.text, *row.asset.references) if text.strip())
