"""Progress: plain lines, a live line on a terminal, silence when asked, on standard error alone."""

import os
import sys
import threading
from collections.abc import Callable

import pytest

from pipelines import progress as module
from pipelines.progress import Progress
from transforms.tally import Tally


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pipelines.progress.time.monotonic", clock)
    return clock


def a_tally(**changes: object) -> Tally:
    tally = Tally()
    tally.failed.update({"timeout": 2, "not_found": 1})
    fields = {"planned": 50, "planning_done": True, "passed": 20, "rows_out": 12, "skipped": 5}
    for name, value in {**fields, **changes}.items():
        setattr(tally, name, value)
    return tally


def test_a_run_is_named_at_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().begin("20260131-000000-aaaaaa", resumed=False)
    assert capsys.readouterr().err == "Run 20260131-000000-aaaaaa\n"
    Progress().begin("20260131-000000-aaaaaa", resumed=True)
    assert capsys.readouterr().err == "Going on with 20260131-000000-aaaaaa\n"


def test_a_build_counts_vectors_and_says_what_comes_last(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    progress = Progress()
    progress.begin("run", resumed=False, things="vectors", first="training", last="merging")
    said = []
    for tally in (Tally(), a_tally(), a_tally(passed=50, rows_out=42)):
        capsys.readouterr()
        clock.now += 10
        progress.update(tally)
        said.append(capsys.readouterr().err)
    assert said == [
        "0 vectors: getting ready: training\n",
        "20 of 50 vectors: 12 out, 3 failed, 5 skipped, 0.8 rows/s, 30.0 s left\n",
        "50 of 50 vectors: 42 out, 3 failed, 5 skipped; merging\n",
    ]


def test_pictures_are_written_beside_the_table_once_all_is_committed(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    progress = Progress()
    progress.begin("run", resumed=False)
    capsys.readouterr()
    clock.now += 10
    progress.update(a_tally(passed=50, rows_out=42, parts_to_export=7, parts_exported=2))
    said = "50 of 50 pictures: committed; pictures of 2 of 7 parts of the table are written\n"
    assert capsys.readouterr().err == said


def test_elsewhere_than_on_a_terminal_a_line_comes_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    progress = Progress()
    progress.begin("run", resumed=False)
    capsys.readouterr()
    for _ in range(99):
        clock.now += 0.2
        progress.update(a_tally())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "20 of 50 pictures: 12 out, 3 failed, 5 skipped, 1.5 rows/s, 15.0 s left\n"
    )


def test_what_is_not_planned_yet_has_no_total(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    progress = Progress()
    progress.begin("run", resumed=False)
    clock.now += 11
    progress.update(a_tally(planning_done=False))
    said = capsys.readouterr().err
    assert "20 pictures: 12 out" in said
    assert "left" not in said


def test_no_time_at_all_is_no_division_by_zero(
    capsys: pytest.CaptureFixture[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", 0.0)
    progress = Progress()
    progress.begin("run", resumed=False)
    progress.update(a_tally())
    assert "0.0 rows/s" in capsys.readouterr().err


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    progress = Progress(quiet=True)
    progress.begin("run", resumed=True)
    clock.now += 100
    progress.update(a_tally(unusual_pictures=3), demonstration=True)
    progress.end(a_tally())
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_pictures_the_small_model_does_not_know_are_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress()
    progress.begin("run", resumed=False)
    progress.update(a_tally(), demonstration=True)
    assert "demonstration model" not in capsys.readouterr().err
    progress.update(a_tally(unusual_pictures=1))  # another model
    assert "demonstration model" not in capsys.readouterr().err
    for unusual in range(1, 4):
        progress.update(a_tally(unusual_pictures=unusual), demonstration=True)
    said = capsys.readouterr().err
    assert said.count("it is a demonstration model") == 1
    assert "--model HuggingFaceTB/SmolVLM-256M-Instruct" in said


def test_an_interrupt_says_how_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.begin("run", resumed=False)
    progress.interrupted()
    assert "run the same command again to go on" in capsys.readouterr().err


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> str:
    """Do something with standard error being a terminal; give what was drawn."""
    main, terminal = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    drawn = bytearray()

    def read() -> None:
        try:
            while piece := os.read(main, 4096):
                drawn.extend(piece)
        except OSError:
            pass  # the other side is closed

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with monkeypatch.context() as patch, os.fdopen(terminal, "w") as file:
            patch.setattr(sys, "stderr", file)
            act()
    finally:
        reader.join()
        os.close(main)
    return drawn.decode()


def test_a_terminal_has_a_line_that_is_drawn_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> None:
        progress = Progress()
        progress.begin("20260131-000000-aaaaaa", resumed=False)
        progress.update(a_tally(planning_done=False, passed=3))
        progress.update(a_tally())
        progress.end(a_tally(passed=50, rows_out=42))

    drawn = on_a_terminal(monkeypatch, act)
    assert "Run 20260131-000000-aaaaaa" in drawn
    assert "50/50" in drawn
    assert "42 out, 3 failed, 5 skipped" in drawn
    assert "\x1b[2K" in drawn  # erases its line rather than add another
    assert drawn.rstrip().endswith("\x1b[?25h")  # and leaves the cursor visible
    assert capsys.readouterr().out == ""


def test_a_note_stands_above_the_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        progress = Progress()
        progress.begin("run", resumed=False)
        progress.update(a_tally(unusual_pictures=1), demonstration=True)
        progress.end(a_tally())

    drawn = on_a_terminal(monkeypatch, act)
    assert drawn.count("it is a demonstration model") == 1


def test_an_interrupt_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        progress = Progress()
        progress.begin("run", resumed=False)
        progress.interrupted()

    drawn = on_a_terminal(monkeypatch, act)
    assert "\x1b[?25h" in drawn
    assert "run the same command again" in drawn
