"""The real launcher in forked processes that die or wait at a chosen operation on the output.

On a disk, operations are what Python itself reports to audit hooks (PEP 578): each file opened,
renamed, linked, removed or listed below the output folder. On S3 they are the requests that s3fs
sends. What lies between two of them cannot be told apart by whoever comes next, so dying before
each one in turn is dying at every moment.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import s3fs

import pipelines.locked_output
import storage.catalog.delimited
import storage.known
import storage.part_writer
import transforms.describe
from models.describing import DecodingSettings, DescribeRequest, Description
from models.source import ModelSource
from pipelines.config import CaptionConfig
from pipelines.launch import launch
from pipelines.progress import Progress
from runners.local import LocalEngine
from schemas.errors import CalummaError
from storage.parts import choose_cover, staged_parts
from storage.store.local import LocalStore

_EVENTS = frozenset(
    {"open", "os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.scandir"}
)
DIED = 9
"""The exit status of a launcher that was killed at its operation."""

Hook = Callable[[int], None]
"""Called before each operation on the output with its number, from 1 on."""


class PixelDescriber:
    """Says what depends on the picture alone, and counts the pictures it was asked about."""

    wanted_pixels = None
    device = "none"

    def __init__(self, source: ModelSource, **_: object) -> None:
        self.source = source

    def encode(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> Sequence[DescribeRequest]:
        del settings
        return requests

    def generate(self, requests: Sequence[DescribeRequest]) -> list[Description]:
        described.extend(request.seed for request in requests)
        return [
            Description(
                text=f"{request.images[0].mean():.3f}",
                mean_logprob=-0.5,
                finish_reason="stop",
                token_count=3,
            )
            for request in requests
        ]


described: list[int] = []


class NoLock:
    """The courtesy lock off: launchers are to meet."""

    def __init__(self, _store: object) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a launcher ended: its exit status, pictures it asked the model about, operations."""

    status: int
    described: int
    operations: int = 0


class Launcher:
    """One ``calumma caption`` in a forked process.

    Args:
        out: a folder, or an s3 uri.
        die_at: operation before which it is killed, 0 for none.
        wait_at: operation before which it waits until ``go_on``, 0 for none.
        check: called before each operation.

    """

    def __init__(
        self,
        catalog: Path,
        out: str,
        *,
        die_at: int = 0,
        wait_at: int = 0,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._reading, writing = os.pipe()
        waiting, self._going = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(writing)
            os.close(waiting)
            return

        def hook(number: int) -> None:
            if check is not None:
                check()
            if number == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == wait_at:
                os.write(writing, b"W\n")
                os.read(waiting, 1)

        _run(catalog, out, hook, writing)

    def wait_until_waiting(self) -> bool:
        """Wait for the operation it waits at; False if it ended before."""
        return os.read(self._reading, 2) == b"W\n"

    def go_on(self) -> None:
        """Let it go on."""
        os.write(self._going, b"G")

    def join(self) -> Ended:
        """Wait for its end."""
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        with os.fdopen(self._reading) as pipe:
            said = pipe.read().splitlines()
        os.close(self._going)
        if status == -signal.SIGKILL:
            return Ended(status=DIED, described=0)
        return Ended(status=status, **json.loads(said[-1]))


def _run(catalog: Path, out: str, hook: Hook, writing: int) -> None:
    """The child: never returns."""
    vars(transforms.describe)["load_describer"] = PixelDescriber
    vars(pipelines.locked_output)["OutputLock"] = NoLock
    # Small enough that a few dozen rows make several splits of several parts each, and a second
    # commit merges the keys of the first.
    vars(storage.catalog.delimited)["ROWS_PER_SPLIT"] = 20
    vars(storage.part_writer)["ROWS_PER_PART"] = 8
    vars(storage.known)["_FILES_BEFORE_MERGE"] = 1
    logging.getLogger().setLevel(logging.CRITICAL)
    counter = _Counter(hook)
    status = 1
    try:
        counter.watch_s3() if out.startswith("s3://") else counter.watch_folder(out)
        config = CaptionConfig(batch_size=1, max_failure_rate=1.0)
        launch(str(catalog), out, config, LocalEngine(), Progress(quiet=True))
        status = 0
    except CalummaError as error:
        print(error, file=sys.stderr)
    finally:
        counter.inside = True
        result = {"described": len(described), "operations": counter.operations}
        os.write(writing, (json.dumps(result) + "\n").encode())
        os._exit(status)


class _Counter:
    """Counts operations and calls the hook before each, unless the hook itself makes them."""

    def __init__(self, hook: Hook) -> None:
        self.operations = 0
        self.inside = False
        self._hook = hook

    def watch_folder(self, out: str) -> None:
        def audit(event: str, arguments: tuple[object, ...]) -> None:
            if event in _EVENTS and str(arguments[0]).startswith(out):
                self._count()

        sys.addaudithook(audit)

    def watch_s3(self) -> None:
        send = s3fs.S3FileSystem._call_s3

        async def counted(filesystem: s3fs.S3FileSystem, *arguments: Any, **named: Any) -> Any:
            self._count()
            return await send(filesystem, *arguments, **named)

        s3fs.S3FileSystem._call_s3 = counted

    def _count(self) -> None:
        if self.inside:
            return
        self.operations += 1
        self.inside = True
        try:
            self._hook(self.operations)
        finally:
            self.inside = False


def rows_of(out: Path) -> dict[str, list[dict[str, object]]]:
    """Both tables as a reader sees them who only globs the Parquet files."""
    return {
        table: sorted(
            (
                row
                for file in sorted((out / table).glob("*/*.parquet"))
                for row in pq.ParquetFile(file).read().to_pylist()
            ),
            key=lambda row: (row["asset_id"], row["key"]),
        )
        for table in ("captions", "failures")
    }


def staged_rows(out: Path) -> int:
    """Rows that a rerun of the run in flight need not do again; of a finished one, none."""
    store = LocalStore(out)
    total = 0
    for run_id in store.folders("_staging"):
        for split_id in store.folders(f"_staging/{run_id}/splits"):
            cover = choose_cover(staged_parts(store, run_id, split_id))
            total += sum(part.counts.rows_out for part in cover)
    return total
