"""A catalog's pictures as the stream of a training loop, in one process of several."""

from collections.abc import Generator, Iterator

from schemas.errors import UsageError
from training.objective import Batch
from training.picture_stream import PictureBatch, PictureStream
from training.stream import Loaded, Position, read_ahead


class PictureBatches:
    """See :class:`training.stream.Stream`. A position is a number of rows, over all epochs.

    Args:
        size: pictures of a batch in each process.
        processes: how many train together; each takes its part of what lies behind a position.
        process: the number of this one.

    """

    things = "pictures"

    def __init__(self, pictures: PictureStream, size: int, *, processes: int, process: int) -> None:
        self._pictures = pictures
        self._size = size
        self._processes = processes
        self._process = process

    @property
    def identity(self) -> str:
        """That of the catalog."""
        return self._pictures.identity

    def check_enough(self) -> None:
        """Refuse a catalog that is smaller than a batch.

        Raises:
            UsageError: it is.

        """
        together = self._size * self._processes
        if self._pictures.rows < together:
            raise UsageError(
                f"There are {self._pictures.rows:,} pictures to train on, fewer than a batch of "
                f"{together}. Lower training.batch_size, or give more."
            )

    def batches(self, position: Position | None) -> Generator[Loaded, None, None]:
        """The batches behind a position."""
        together = self._size * self._processes
        first = position["rows"] if position else 0

        def read(start: int) -> Loaded:
            batch = self._pictures.batch(start + self._process * self._size, self._size)
            return Loaded(
                batch=as_batch(batch),
                position={"rows": start + together},
                things=self._size,
            )

        return read_ahead(read, _counted(first, together), 1)

    def held_out(self) -> Iterator[Batch]:
        """This process's part of the rows held out, as many batches as in each other."""
        batches = list(self._pictures.held_out(self._size))
        of_each = len(batches) // self._processes
        if not of_each:
            # Fewer batches than processes: all measure the same.
            yield from map(as_batch, batches)
            return
        mine = batches[self._process * of_each : (self._process + 1) * of_each]
        yield from map(as_batch, mine)


def as_batch(pictures: PictureBatch) -> Batch:
    """As an objective takes it."""
    return {"pixels": pictures.pixels, "texts": pictures.texts}


def _counted(first: int, step: int) -> Iterator[int]:
    while True:
        yield first
        first += step
