"""What a finished job prints: every row accounted for, and what to type next."""

from dataclasses import replace

import pytest

from pipelines.summary import nothing_succeeded, print_summary, summary_lines
from schemas.manifest import Counts, RunManifest
from transforms.tally import Tally

MANIFEST = RunManifest(
    run_id="20260131-000000-aaaaaa",
    job="caption",
    state="done",
    config={},
    table="captions",
    model="calumma-tiny",
    revision="sha256:0123456789abcdef",
    versions={},
    counts=Counts(rows_in=100, rows_out=80, failed=15, skipped=5),
    failures_by_kind={"not_found": 5, "timeout": 10},
    started=1000.0,
    finished=1050.0,
    commit=3,
)


def lines(tally: Tally | None = None, **changes: object) -> list[str]:
    manifest = replace(MANIFEST, **changes)  # type: ignore[arg-type]
    return summary_lines(manifest, tally or Tally(), "out/")


def test_a_run_with_failures_says_where_the_rows_ended_and_what_to_do_next() -> None:
    found = lines(Tally(model_seconds=30.0), model_loads={"node-1:71": 1}, load_seconds=2.5)
    assert found == [
        "100 rows in = 80 out + 15 failed + 5 skipped, in 50.0 s (1.9 rows/s)",
        "Failures: 10 timeout, 5 not_found",
        "Model calumma-tiny (sha256:0123456789abcdef): loaded once in 2.5 s, 30.0 s of work",
        "Results: out/captions/run=20260131-000000-aaaaaa/",
        "Reasons: calumma runs out/ 20260131-000000-aaaaaa",
        "Next: calumma report out/",
    ]


@pytest.mark.parametrize(
    ("job", "rows_out", "command"),
    [
        ("embed", 80, "calumma index out/ INDEX"),
        ("embed", 0, "calumma report out/"),
        ("neighbors", 80, "calumma report out/"),
    ],
)
def test_what_to_do_next_is_what_the_job_is_for(job: str, rows_out: int, command: str) -> None:
    counts = Counts(rows_in=100, rows_out=rows_out, failed=100 - rows_out)
    assert lines(job=job, counts=counts)[-1] == f"Next: {command}"


def test_documents_are_looked_at_and_trained_from() -> None:
    assert lines(job="assemble")[-2:] == [
        "Next: calumma report out/",
        "Then: calumma train model CONFIG.toml",
    ]


def test_folders_beside_the_table_are_named_also_where_no_row_is_new() -> None:
    folders = {"images": "s3://bucket/files/", "webdataset": "shards"}
    found = lines(counts=Counts(rows_in=9, skipped=9), failures_by_kind={}, config=folders)
    assert found[2:] == ["Files: s3://bucket/files/", "Shards: shards/"]
    assert not any("Files:" in line for line in lines(config={"images": None}))


def test_a_night_without_news_is_two_lines() -> None:
    first, second = lines(counts=Counts(rows_in=1000, skipped=1000), failures_by_kind={})
    assert first.startswith("Nothing new: all 1000 rows are known.")
    assert "--only-failed" in first
    assert second == "1000 rows in = 0 out + 0 failed + 1000 skipped, in 50.0 s"


def test_a_catalog_without_rows_is_no_night_without_news() -> None:
    assert lines(counts=Counts(), failures_by_kind={})[0] == "The catalog has no rows."


@pytest.mark.parametrize(
    ("counts", "nothing"),
    [
        (Counts(rows_in=10, failed=10), True),
        (Counts(rows_in=9, failed=9), False),  # a few bad rows are no alarm
        (Counts(rows_in=11, failed=10, rows_out=1), False),
        (Counts(rows_in=500, skipped=490, failed=10), True),
        (Counts(rows_in=500, skipped=500), False),
    ],
)
def test_a_run_in_which_nothing_succeeded_is_told(counts: Counts, nothing: bool) -> None:
    assert nothing_succeeded(replace(MANIFEST, counts=counts)) is nothing
    # Who lets all rows fail is not told that they did.
    assert not nothing_succeeded(replace(MANIFEST, counts=counts, config={"max_failure_rate": 1.0}))
    said = "None of the rows that were tried succeeded." in lines(counts=counts)
    assert said is nothing


def test_a_stopped_run_says_so_first() -> None:
    first = lines(state="stopped", rows_left=40)[0]
    assert first.startswith("Stopped: too many rows failed. 40 rows were not reached")
    assert not any(line.startswith("Nothing new") for line in lines(state="stopped"))


def test_without_outputs_no_results_are_named() -> None:
    found = lines(counts=Counts(rows_in=3, failed=3), failures_by_kind={"timeout": 3})
    assert not any(line.startswith("Results") for line in found)
    assert "Reasons: calumma runs out/ 20260131-000000-aaaaaa" in found


def test_without_failures_no_reasons_are_offered() -> None:
    found = lines(counts=Counts(rows_in=3, rows_out=3), failures_by_kind={})
    assert not any(line.startswith(("Reasons", "Failures")) for line in found)


def test_the_most_frequent_kinds_of_failure_are_named_and_the_others_counted() -> None:
    kinds = {f"kind{number}": number for number in range(1, 10)}
    (line,) = [line for line in lines(failures_by_kind=kinds) if line.startswith("Failures")]
    assert line == ("Failures: 9 kind9, 8 kind8, 7 kind7, 6 kind6, 5 kind5, 4 kind4, 6 others")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "in 0.0 s"),
        (59.9, "in 59.9 s"),
        (100.0, "in 1 min 40 s"),
        (45_296.0, "in 12 h 34 min"),
        (50 * 3600.0, "in 50 h 00 min"),
    ],
)
def test_long_times_are_hours_and_minutes(seconds: float, said: str) -> None:
    (line,) = [line for line in lines(finished=1000.0 + seconds) if " rows in " in line]
    assert said in line


def test_a_run_whose_clock_went_back_prints_all_the_same() -> None:
    assert any("100 rows in" in line for line in lines(finished=900.0))


def test_a_model_loaded_by_several_workers_is_counted() -> None:
    once = lines(model_loads={f"node-{number}:71": 1 for number in range(3)}, load_seconds=9.0)
    assert any("loaded once by each of 3 workers in 9.0 s" in line for line in once)
    again = lines(model_loads={"node-1:71": 1, "node-2:80": 2}, load_seconds=9.0)
    assert any("loaded 3 times (node-2:80 2, node-1:71 1) in 9.0 s" in line for line in again)


def test_of_many_workers_those_that_loaded_most_often_are_named() -> None:
    loads = {f"node-{number}:71": number for number in range(1, 10)}
    (line,) = [line for line in lines(model_loads=loads) if line.startswith("Model")]
    assert "loaded 45 times (node-9:71 9, node-8:71 8, " in line
    assert ", node-4:71 4, 3 others) in" in line
    assert "of work" not in line


def test_without_a_load_no_model_is_named() -> None:
    assert not any(line.startswith("Model") for line in lines())


def test_it_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(MANIFEST, Tally(), "out", suggest_report=False)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("100 rows in")
    assert "calumma report" not in captured.out
