"""Showing how far a run is: a live line on a terminal, plain lines elsewhere, nothing for JSON."""

import sys
import time
from typing import TYPE_CHECKING

from reports.formatting import duration
from transforms.tally import Tally

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SECONDS_BETWEEN_LINES = 10.0
_COLUMNS_FOR_A_BAR = 110


class Progress:
    """Draws on standard error, so that standard output holds results only."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: RichProgress | None = None
        self._printed = time.monotonic()
        self._started = time.monotonic()
        self._told = False
        self._things = self._first = self._last = ""

    def begin(
        self,
        run_id: str,
        *,
        resumed: bool,
        things: str = "pictures",
        first: str = "catalog, model, first pictures",
        last: str = "",
    ) -> None:
        """Say which run this is.

        Args:
            things: what is counted.
            first: what is done before there is anything to count.
            last: what is done once all is counted, where that takes long.

        """
        self._things, self._first, self._last = things, first, last
        self._started = self._printed = time.monotonic()
        if self._quiet:
            return
        verb = "Going on with" if resumed else "Run"
        self._say(f"{verb} {run_id}")
        if sys.stderr.isatty():
            self._live = self._bar()
            self._live.start()
            self._task = self._live.add_task("rows", total=None, note="")

    def update(self, tally: Tally, *, demonstration: bool = False) -> None:
        """Draw the counts as they are now."""
        if self._quiet:
            return
        if demonstration and tally.unusual_pictures and not self._told:
            self._told = True
            self._say(
                "These pictures are not of the small world that calumma-tiny knows (64x64 pictures "
                "of coloured shapes): it is a demonstration model. Name another with --model, for "
                "example --model HuggingFaceTB/SmolVLM-256M-Instruct."
            )
        total = tally.planned if tally.planning_done else None
        if self._live is not None:
            self._live.update(
                self._task, completed=tally.passed, total=total, note=self._note(tally)
            )
        elif time.monotonic() - self._printed >= _SECONDS_BETWEEN_LINES:
            self._printed = time.monotonic()
            of = f" of {total}" if total is not None else ""
            self._say(
                f"{tally.passed}{of} {self._things}: {self._note(tally)}{self._left(tally, total)}"
            )

    def end(self, tally: Tally, *, demonstration: bool = False) -> None:
        """Draw the last counts and leave them there."""
        self.update(tally, demonstration=demonstration)
        if self._live is not None:
            self._live.stop()
            self._live = None

    def tell(self, text: str) -> None:
        """Say something beside the counts."""
        if not self._quiet:
            self._say(text)

    def interrupted(self) -> None:
        """Say that the run was ended early and how it goes on."""
        if self._live is not None:
            self._live.stop()
        self._say("Ended early. What is done is staged: run the same command again to go on.")

    def _say(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def _left(self, tally: Tally, total: int | None) -> str:
        """The time left at the rate so far, where there is one to speak of."""
        if total is None or not tally.passed or tally.passed == total:
            return ""
        seconds = (time.monotonic() - self._started) * (total - tally.passed) / tally.passed
        return f", {duration(seconds)} left"

    def _note(self, tally: Tally) -> str:
        if tally.searching:
            return "committed; searching for duplicates"
        if tally.parts_to_export:
            parts = f"{tally.parts_exported} of {tally.parts_to_export} parts of the table"
            return f"committed; pictures of {parts} are written"
        failed = sum(tally.failed.values())
        done = tally.rows_out + tally.answered
        if not tally.passed and not done:
            return f"getting ready: {self._first}"
        if self._last and tally.planning_done and tally.passed == tally.planned:
            return f"{done} out, {failed} failed, {tally.skipped} skipped; {self._last}"
        seconds = time.monotonic() - self._started
        rate = (done + failed) / seconds if seconds else 0.0
        return f"{done} out, {failed} failed, {tally.skipped} skipped, {rate:.1f} rows/s"

    def _bar(self) -> "RichProgress":
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            ProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        # What counts comes first, whole; on a narrow terminal the rest goes without a bar.
        columns: list[ProgressColumn] = [
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
        ]
        if console.width >= _COLUMNS_FOR_A_BAR:
            columns += [TimeElapsedColumn(), BarColumn(bar_width=20)]
        return Bar(*columns, console=console)
