"""Tables, blocks and pairs on a terminal of any width; texts are never markup nor commands."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports.formatting import printable

_FIGURES = ("Duration", "In", "Out", "Failed", "Skipped")
_COLUMNS = ("Run", "Job", "State", "Started (UTC)", *_FIGURES, "Model")

# Where the text goes to a file or a pipe there is no width to fit: rows then stay whole.
_WIDTH_OF_A_FILE = 200


def print_table(runs: Iterable[Sequence[str]]) -> None:
    """Print runs as a table, or where that is wider than the terminal as a block for each.

    Args:
        runs: each run's id, job, state, start, duration, rows in, out, failed, skipped, and model.

    """
    cells = [[_text(value) for value in run] for run in runs]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for name in _COLUMNS:
        table.add_column(name, no_wrap=True, justify="right" if name in _FIGURES else "left")
    for run in cells:
        table.add_row(*run, style="bold" if _is_unfinished(run) else "")
    console = _console()
    unbounded = console.options.update(max_width=sys.maxsize)
    if console.measure(table, options=unbounded).maximum <= console.width:
        console.print(table)
        return
    for run in cells:
        _print_block(console, run)


def print_pairs(pairs: Iterable[tuple[str, str]], title: str = "") -> None:
    """Print names and values in two columns; nothing where there are none."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold", style="dim")
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(_text(name), _text(value))
    if not grid.row_count:
        return
    console = _console()
    if title:
        console.print(Text(f"\n{title}", style="bold"))
    console.print(grid)


def _print_block(console: Console, run: Sequence[Text]) -> None:
    run_id, job, state, started, duration, rows_in, rows_out, failed, skipped, model = run
    console.print(Text(f"{run_id}  {job}, {state}", style="bold"))
    lines = [f"started {started} UTC", str(model)]
    if not _is_unfinished(run):
        lines[0] += f", took {duration}"
        lines.insert(1, f"{rows_in} in = {rows_out} out + {failed} failed + {skipped} skipped")
    for line in lines:
        console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _is_unfinished(run: Sequence[Text]) -> bool:
    return run[2].plain == "unfinished"


def _text(value: str) -> Text:
    """A cell: never read as markup, and without what a terminal would obey."""
    return Text(printable(value))


def _console() -> Console:
    return Console(
        width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, highlight=False, emoji=False
    )
