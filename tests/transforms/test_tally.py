"""Counts of this process: shared by run, and the judge of too many failures."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from transforms.tally import Tally, tally_of


def test_all_threads_of_a_run_share_one_tally() -> None:
    barrier = threading.Barrier(8)

    def ask(_: int) -> Tally:
        barrier.wait()
        return tally_of("shared")

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(8)))
    assert all(tally is found[0] for tally in found)


def test_runs_have_their_own() -> None:
    tally_of("one").rows_out = 5
    assert tally_of("another").rows_out == 0


@pytest.mark.parametrize(
    ("rows_out", "failed", "rate", "too_many"),
    [
        (0, 99, 0.1, False),  # too early to tell
        (0, 100, 0.1, True),
        (90, 10, 0.1, False),  # just the limit
        (89, 11, 0.1, True),
        (99, 1, 0.0, True),
        (100, 0, 0.0, False),
        (0, 500, 1.0, False),
        (0, 0, 0.0, False),
    ],
)
def test_failures_are_judged_by_their_fraction_of_the_rows_done(
    rows_out: int, failed: int, rate: float, too_many: bool
) -> None:
    tally = Tally(rows_out=rows_out)
    tally.failed.update({"timeout": failed // 2, "not_found": failed - failed // 2})
    assert tally.too_many_failures(rate) is too_many


def test_skipped_rows_do_not_hide_failures() -> None:
    tally = Tally(rows_out=50, skipped=1_000_000)
    tally.failed["not_found"] = 50
    assert tally.too_many_failures(0.1)
