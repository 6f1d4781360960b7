"""The pictures of a catalog, and their texts, as an endless row of shuffled batches."""

import hashlib
import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.errors import RunError, UsageError
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog, plan_splits
from storage.fetching.policy import FetchPolicy
from storage.load_settings import LoadSettings
from storage.store.local import LocalStore
from storage.uris import absolute_uri
from training.picture_frames import Augmentation, Framer
from training.picture_order import PictureOrder, Piece, draw_held_out, pieces_of
from training.picture_rows import LoadedRows, PictureRows

# Tells the draws of a batch from others of the same seed.
_BATCH = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What is trained on, and how much of it is in memory.

    Attributes:
        catalog: a file, folder or glob.
        columns: column names, where they are not the usual ones.
        framer: how pictures become frames.
        augmentation: of frames in training, not of those held out.
        texts: whether each row needs a text.
        held_out: rows that are not trained on, drawn by the seed.
        memory: bytes of frames in memory at most. If all frames take no more, each is read and
            decoded once; otherwise half of it is the block that is shuffled, the other half the
            block that is read meanwhile.
        seed: of the order, the rows held out and the augmentation.
        max_failure_rate: share of rows that may fail, of a hundred or more.

    """

    catalog: str
    framer: Framer
    columns: ColumnNames = field(default_factory=ColumnNames)
    augmentation: Augmentation = field(default_factory=Augmentation)
    texts: bool = False
    held_out: int = 256
    memory: int = 1 << 30
    seed: int = 0
    max_failure_rate: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureBatch:
    """Some pictures.

    Attributes:
        pixels: uint8 of shape (pictures, 3, side, side), RGB.
        texts: one a picture; empty where none are asked for.

    """

    pixels: torch.Tensor
    texts: tuple[str, ...] = ()


class PictureStream:
    """Batches by their place: each depends on the settings and its place alone.

    Several threads may ask for batches.

    Args:
        folder: where the listing of a folder of pictures is kept.

    Raises:
        UsageError: there are too few rows.
        CatalogError: the catalog cannot be read.

    """

    def __init__(self, settings: StreamSettings, folder: Path) -> None:
        self._settings = settings
        catalog = absolute_uri(settings.catalog)
        check_catalog(catalog, settings.columns)
        store = LocalStore(folder)
        self._splits = list(plan_splits(catalog, settings.columns, None, store, "listing"))
        counts = [split.row_count for split in self._splits]
        rows = sum(counts)
        if rows < settings.held_out + 2:
            raise UsageError(
                f"{settings.catalog} has {rows:,} pictures, of which {settings.held_out:,} are to "
                "be held out: too few to train on. Hold out fewer, or give more."
            )
        side = settings.framer.side
        frames_in_memory = settings.memory // (3 * side**2)
        # Crops are drawn anew in each epoch.
        self._whole = rows <= frames_in_memory and settings.framer.rule != "crop"
        held_out = draw_held_out(rows, settings.held_out, settings.seed)
        self._order = PictureOrder(
            counts,
            held_out=held_out,
            block_rows=rows if self._whole else max(frames_in_memory // 2, 1),
            seed=settings.seed,
        )
        self._held_out = pieces_of(counts, held_out)
        self._rows = PictureRows(
            self._splits,
            settings.columns,
            LoadSettings(policy=FetchPolicy.for_catalog(catalog), wanted_pixels=side),
            settings.framer,
            texts=settings.texts,
            max_failure_rate=settings.max_failure_rate,
        )
        # All reading is done by this one thread.
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="load-block")
        self._blocks: dict[tuple[int, int], Future[list[LoadedRows]]] = {}
        # Batches are asked for by a thread that is ahead, and by who begins a codebook meanwhile.
        self._of_blocks = Lock()
        self._kept: dict[tuple[int, int, int], LoadedRows] = {}

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        return self._order.rows

    @property
    def identity(self) -> str:
        """A digest of the catalog's rows: 16 hexadecimal digits."""
        names = "\n".join(split.split_id for split in self._splits)
        return hashlib.sha256(names.encode()).hexdigest()[:16]

    @property
    def failures(self) -> str:
        """How many rows could not be used and why, in sentences; empty if all could."""
        return self._rows.failures

    def close(self) -> None:
        """End threads and helper processes."""
        self._ahead.shutdown(wait=False, cancel_futures=True)
        self._rows.close()

    def batch(self, start: int, size: int) -> PictureBatch:
        """The batch behind ``start`` rows, counted over all epochs.

        A row that cannot be used is stood in for by another of the batch, so that batches are
        alike in size, and a place is a place whatever fails.

        Raises:
            RunError: too many rows cannot be used, or none of the batch.

        """
        frames: list[NDArray[np.uint8]] = []
        texts: list[tuple[str, ...]] = []
        usable: list[int] = []
        for epoch, number, places in self._order.runs(start, size):
            block = self._order.block(epoch, number)
            loaded = self._block(epoch, number)
            ends = np.cumsum([len(piece.rows) for piece in block.pieces])
            for row in block.order[places].tolist():
                piece = int(np.searchsorted(ends, row, side="right"))
                within = row - int(ends[piece]) + len(block.pieces[piece].rows)
                if loaded[piece].usable[within]:
                    usable.append(len(frames))
                frames.append(loaded[piece].frames[within])
                texts.append(loaded[piece].texts[within])
        if not usable:
            raise RunError(f"None of a batch's {size} pictures can be used. {self.failures}")
        spare = itertools.cycle(usable)
        good = set(usable)
        taken = [place if place in good else next(spare) for place in range(size)]
        generator = np.random.default_rng([self._settings.seed, _BATCH, start])
        chosen = [
            texts[place][generator.integers(len(texts[place]))] for place in taken if texts[place]
        ]
        stacked = np.stack([frames[place] for place in taken])
        return _batch(self._settings.augmentation.apply(stacked, generator), chosen)

    def held_out(self, size: int) -> Iterator[PictureBatch]:
        """The rows held out, in batches, without augmentation; of several texts the first."""
        pieces = self._held_out
        loaded = self._ahead.submit(lambda: [self._kept_rows(piece) for piece in pieces]).result()
        frames = [frame for one in loaded for frame in one.frames[one.usable]]
        texts = [said[0] for one in loaded for said in one.texts if said]
        for first in range(0, len(frames), size):
            some = slice(first, first + size)
            yield _batch(np.stack(frames[some]), texts[some])

    def texts(self, rows: int) -> Iterator[str]:
        """The texts of the catalog's first rows, without their pictures."""
        return itertools.islice(self._rows.texts(), rows)

    def _block(self, epoch: int, number: int) -> list[LoadedRows]:
        """A block's rows, while those of the next one are read."""
        wanted = [(epoch, number)]
        if not self._whole:
            last = number + 1 == self._order.blocks
            wanted.append((epoch + 1, 0) if last else (epoch, number + 1))
        with self._of_blocks:
            for key in [key for key in self._blocks if key not in wanted]:
                del self._blocks[key]
            for key in wanted:
                if key not in self._blocks:
                    self._blocks[key] = self._ahead.submit(self._load_block, *key)
            loading = self._blocks[wanted[0]]
        return loading.result()

    def _load_block(self, epoch: int, number: int) -> list[LoadedRows]:
        pieces = self._order.block(epoch, number).pieces
        if self._whole:
            return [self._kept_rows(piece) for piece in pieces]
        return [self._rows.load(piece, epoch) for piece in pieces]

    def _kept_rows(self, piece: Piece) -> LoadedRows:
        """Rows that are read once: those of a catalog that fits, and those held out."""
        key = (piece.split, int(piece.rows[0]), len(piece.rows))
        if key not in self._kept:
            self._kept[key] = self._rows.load(piece, 0)
        return self._kept[key]


def _batch(frames: NDArray[np.uint8], texts: list[str]) -> PictureBatch:
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    return PictureBatch(pixels=pixels, texts=tuple(texts))
