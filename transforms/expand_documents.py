"""From a block of catalog rows to the documents that are to be made of them."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.asset import Asset, Question
from schemas.errors import NoPictureError, RowError
from storage.catalog.read_blocks import read_rows
from storage.catalog.split import RowBlock, Split
from storage.digests import DigestFile, Flags
from storage.forgotten import names_forgotten
from storage.keys import asset_words, question_identity, row_identity, row_keys
from storage.known import KnownKeys
from transforms.documents.values import RowValues
from transforms.expand_rows import BlockTasks, RowExpander, RowTask

_WORDS = float(1 << 64)


class DocumentExpander(RowExpander):
    """Turns rows into tasks, one a document, and leaves out what is done.

    What a row says is part of its version, so that a corrected text is written anew. Rows are read
    whole for that, but for pictures that the catalog itself holds.

    Args:
        copies: documents of each row; of a fraction, so many of the rows have one more.
        drawn_from: hash of what it depends on which rows these are, beside their ids: the same ones
            again in each run.
        drop: assets that are shown nowhere: rows of these are left out, and so are rows with a
            picture of one in any layout.
        pictures: columns that name pictures which a layout shows; empty for the row's own. What is
            to be kept is told of these: where rows are questions, lists are of their pictures.

    """

    def __init__(
        self,
        *,
        fingerprint: bytes,
        known: KnownKeys,
        only_failed: bool,
        copies: float,
        drawn_from: bytes,
        keep: Sequence[DigestFile] = (),
        drop: DigestFile | None = None,
        pictures: Sequence[str] = (),
    ) -> None:
        super().__init__(fingerprint=fingerprint, known=known, only_failed=only_failed, keep=keep)
        self._whole = int(copies)
        self._fraction = copies - self._whole
        self._drawn_from = drawn_from
        self._drop = drop
        self._pictures = pictures

    def expand(self, split: Split, block: RowBlock) -> BlockTasks:
        """Find the tasks of a block's rows."""
        first = split.rows.start + block.start
        most = self._whole + (self._fraction > 0)
        identities: list[str] = []
        versions: list[str] = []
        asked: list[tuple[int, int, str, RowError | None]] = []
        rows = list(read_rows(split, block, range(len(block.ids)), pictures=False))
        shown: list[tuple[int, str]] = []
        for index, row in enumerate(rows):
            asset_id = block.ids[index]
            problem = None if isinstance(row.problem, NoPictureError) else row.problem
            said = f"{block.versions[index] if block.versions else ''}\x00{_digest(row.asset)}"
            if asset_id is None or problem is not None:
                identities.append(asset_id or row_identity(split.file.uri, first + index))
                versions.append(said)
                asked.append((index, -1, row.asset.asset_id, problem))
                continue
            if self._drop is not None or self._keep or len(self._known.forgotten):
                shown += [(index, name) for name in self._shown(row.asset)]
            for copy in range(most):
                identities.append(question_identity(asset_id, str(copy)))
                versions.append(said)
                asked.append((index, copy, row.asset.asset_id, None))
        keys = row_keys(identities, versions, self._fingerprint)
        whole = self._shows_kept(shown, len(block.ids)) & self._not_dropped(block, shown)
        whole &= ~names_forgotten(block.ids, self._known.forgotten)
        forgotten = names_forgotten([name for _, name in shown], self._known.forgotten)
        whole[_rows_of(shown)[forgotten]] = False
        kept = whole[[index for index, *_ in asked]]
        to_do = self._to_do(keys) & kept
        skipped = [0] * len(block.ids)
        ordinals = [0] * len(block.ids)
        tasks = []
        for key, (index, copy, asset_id, problem) in enumerate(asked):
            if not to_do[key] or (copy >= self._whole and not self._draws(identities[key])):
                skipped[index] += 1
                continue
            tasks.append(
                RowTask(
                    index=index,
                    ordinal=ordinals[index],
                    question=None
                    if copy < 0
                    else Question(question_id=str(copy), asset_id=asset_id, question=""),
                    key=key,
                    problem=problem,
                )
            )
            ordinals[index] += 1
        return BlockTasks(
            keys=keys, tasks=tuple(tasks), skipped=skipped, questions_sum=(), rows=rows
        )

    def _draws(self, identity: str) -> bool:
        seed = row_keys([identity], None, self._drawn_from).seed(0)
        return seed * 2 / _WORDS < self._fraction

    def _shown(self, asset: Asset) -> Iterator[str]:
        """The ids of the pictures that a row shows in any layout; its own where it shows none."""
        values = RowValues(asset)
        for column in self._pictures or ("",):
            # A row that names none fails later, and is told why.
            with contextlib.suppress(RowError):
                yield values.name(column)

    def _shows_kept(self, shown: Sequence[tuple[int, str]], rows: int) -> Flags:
        kept = np.ones(rows, bool)
        if self._keep:
            words = asset_words([name for _, name in shown])
            lists = [keep.contains(words[:, 0], words[:, 1]) for keep in self._keep]
            kept[_rows_of(shown)[~np.logical_and.reduce(lists)]] = False
        return kept

    def _not_dropped(self, block: RowBlock, shown: Sequence[tuple[int, str]]) -> Flags:
        left = np.ones(len(block.ids), bool)
        if self._drop is not None:
            own = [(index, name) for index, name in enumerate(block.ids) if name is not None]
            words = asset_words([name for _, name in (*shown, *own)])
            dropped = self._drop.contains(words[:, 0], words[:, 1])
            left[_rows_of([*shown, *own])[dropped]] = False
        return left


def _rows_of(shown: Sequence[tuple[int, str]]) -> NDArray[np.intp]:
    return np.array([index for index, _ in shown], np.intp)


def _digest(asset: Asset) -> str:
    said = (asset.uri, asset.text, asset.license, asset.source, *asset.references)
    text = json.dumps([*said, asset.attributes], ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
