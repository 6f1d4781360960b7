"""What the terminal is told about runs."""

import json
import re
from typing import Any

import pytest

from reports.summary import print_run, print_runs
from schemas.errors import UsageError
from schemas.failure import FailureKind

OLD, NEW, OPEN = "20260301-020000-aaaaaa", "20260302-020000-bbbbbb", "20260303-020000-cccccc"


@pytest.fixture
def three_runs(output: Any) -> Any:
    output.caption_run(OLD, rows=5)
    failures = output.failures({FailureKind.NOT_FOUND: 20, FailureKind.TRUNCATED: 2})
    output.answer_run(NEW, pictures=150, failures=failures, state="stopped", rows_left=17)
    output.unfinished_run(OPEN)
    return output


def test_a_table_of_runs(three_runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_runs(three_runs.out)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("2")]
    assert [line.split()[:3] for line in lines] == [
        [OPEN, "caption", "unfinished"],
        [NEW, "answer", "stopped"],
        [OLD, "caption", "done"],
    ]
    assert "12 min 34 s" in lines[1]
    assert lines[2].split()[-5:] == ["45", "5", "0", "40", "calumma-tiny"]


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_block_for_each_run_where_a_table_is_too_wide(
    three_runs: Any,
    columns: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _narrow(monkeypatch, columns)
    print_runs(three_runs.out)
    text = _plain(capsys.readouterr().out)
    assert all(len(line) <= columns for line in text.splitlines())
    assert text.count("\n") <= 20
    words = " ".join(text.split())
    assert f"{OPEN} caption, unfinished started 2026-03-03 02:00:00 UTC calumma-tiny" in words
    assert "45 in = 5 out + 0 failed + 40 skipped calumma-tiny" in words
    assert "took 12 min 34 s" in words


def test_a_table_as_long_as_it_fits(
    three_runs: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_runs(three_runs.out)  # not to a terminal, so of any width
    table = capsys.readouterr().out
    width = max(map(len, table.splitlines()))
    _narrow(monkeypatch, width)
    print_runs(three_runs.out)
    assert _plain(capsys.readouterr().out).splitlines() == table.splitlines()
    _narrow(monkeypatch, width - 1)
    print_runs(three_runs.out)
    assert "took 12 min 34 s" in capsys.readouterr().out


def _narrow(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")  # a dumb one is taken for 80 columns, whatever it has


def _plain(text: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def test_runs_as_json(three_runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_runs(three_runs.out, json=True)
    runs = json.loads(capsys.readouterr().out)
    assert [(run["run_id"], run["state"]) for run in runs] == [
        (OPEN, "unfinished"),
        (NEW, "stopped"),
        (OLD, "done"),
    ]
    assert (runs[2]["rows_in"], runs[2]["rows_out"], runs[2]["skipped"]) == (45, 5, 40)
    assert runs[2]["rows_per_second"] == pytest.approx(5 / 754.2)


def test_one_run_in_full(three_runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(three_runs.out, NEW)
    text = capsys.readouterr().out
    assert "Not reached  17" in text
    assert "20 not_found  No object of this name." in text
    assert "2 truncated   The JPEG ends before its last scan." in text
    assert "batch_size  32" in text
    print_run(three_runs.out, OPEN)
    assert "unfinished: in flight, or interrupted" in capsys.readouterr().out


def test_one_run_as_json(three_runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(three_runs.out, NEW, json=True)
    run = json.loads(capsys.readouterr().out)
    assert run["counts"]["failed"] == 22
    assert run["config"]["batch_size"] == 32
    assert set(run["failure_examples"]) == {"not_found", "truncated"}
    print_run(three_runs.out, OPEN, json=True)
    assert json.loads(capsys.readouterr().out)["state"] == "unfinished"


def test_hostile_texts_are_neither_markup_nor_commands(
    output: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    output.caption_run(
        OLD,
        rows=10,
        hostile=True,
        model="[red]m\x1b[31m\u202e[/red] :smile:",
        failures=output.failures({FailureKind.NOT_FOUND: 10}, hostile=True),
    )
    print_runs(output.out)
    print_run(output.out, OLD)
    text = capsys.readouterr().out
    assert text.count("[red]m\\x1b[31m\\u202e[/red] :smile:") == 2
    assert not {"\x1b", "\u202e", "\x00", "\u2028"} & set(text)


def test_no_runs_and_unknown_runs(output: Any) -> None:
    with pytest.raises(UsageError, match="holds no runs"):
        print_runs(output.out)
    with pytest.raises(UsageError, match="no run of this output has finished"):
        print_run(output.out, "x")
    output.caption_run(OLD, rows=5)
    with pytest.raises(UsageError, match=f"There are: {OLD}"):
        print_run(output.out, "x")
    with pytest.raises(UsageError, match="There is no output folder"):
        print_runs(f"{output.out}-typo")
