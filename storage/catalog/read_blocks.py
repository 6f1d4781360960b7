"""Reading a split's rows: what cannot be read becomes rows that fail, none is left out."""

from collections.abc import Iterator, Sequence

from schemas.asset import Asset
from schemas.errors import CountMismatchError, RowError, RunError
from schemas.failure import FailureKind
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import read_split
from storage.catalog.opening import describe_file
from storage.catalog.split import CatalogRow, RowBlock, Split


def read_blocks(split: Split, columns: ColumnNames) -> Iterator[RowBlock]:
    """Read a split's blocks, in order and without gaps, from its first row to its last.

    Raises:
        CountMismatchError: a reader left rows out or gave rows twice.

    """
    done = 0
    problem = RowError(FailureKind.INVALID_ROW, split.problem)
    try:
        if not split.problem:
            for block in read_split(split, columns):
                _check_next(split, block, done)
                yield block
                done += len(block.ids)
            problem = RowError(
                FailureKind.INVALID_ROW,
                f"{split.file.uri} ended before row {split.rows.stop}: it was changed or cut "
                "short while it was read.",
            )
    except CountMismatchError:
        raise
    except Exception as error:  # noqa: BLE001 - readers raise what their library raises
        problem = _unreadable(split, error)
    if done < split.row_count:
        yield _ProblemBlock(done, split.row_count - done, problem)


def read_rows(
    split: Split, block: RowBlock, wanted: Sequence[int], *, pictures: bool = True
) -> Iterator[CatalogRow]:
    """Read some rows of a block; those that cannot be read come with a problem and their id.

    Args:
        pictures: whether with the pictures that the catalog itself holds.

    """
    given = 0
    try:
        for row in block.rows(wanted, pictures=pictures):
            given += 1
            yield row
        problem = RowError(FailureKind.INVALID_ROW, f"{split.file.uri} lacks rows that it listed.")
    except Exception as error:  # noqa: BLE001 - readers raise what their library raises
        problem = _unreadable(split, error)
    for index in wanted[given:]:
        asset = Asset(asset_id=block.ids[index] or "", uri="")
        yield CatalogRow(position=block.start + index, asset=asset, problem=problem)


def check_unchanged(split: Split) -> None:
    """Check that a split's file is still the one that was cut.

    Rows are found by number and byte: in another file they would be other rows under these ids.

    Raises:
        RunError: it is another file by now, or gone.

    """
    if not split.file.identity or split.problem:
        return
    try:
        identity = describe_file(split.file.uri).identity
    except FileNotFoundError:
        identity = ""
    if identity != split.file.identity:
        raise RunError(
            f"{split.file.uri} was changed while the run read it. What was done before is staged: "
            "run the same command again."
        )


def _check_next(split: Split, block: RowBlock, done: int) -> None:
    if block.start != done:
        raise CountMismatchError(
            f"{split.file.uri} was read to row {done} of a split and on from row {block.start}."
        )


def _unreadable(split: Split, error: Exception) -> RowError:
    kind = FailureKind.STORAGE_ERROR if isinstance(error, OSError) else FailureKind.INVALID_ROW
    return RowError(kind, f"{split.file.uri} cannot be read: {error}")


class _ProblemBlock:
    """Rows that cannot be read: each is one row that fails."""

    def __init__(self, start: int, count: int, problem: RowError) -> None:
        self.start = start
        self.ids: list[str | None] = [None] * count
        self.versions = None
        self._problem = problem

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:  # noqa: ARG002
        """The wanted rows, each with the problem."""
        for index in wanted:
            asset = Asset(asset_id="", uri="")
            yield CatalogRow(position=self.start + index, asset=asset, problem=self._problem)
