"""Runs in flight: the one to go on with is found, and what finished ones left is swept."""

from pathlib import Path

from storage.layout import manifest_path, staging_folder
from storage.runs import find_unfinished, new_run_id, read_run, stage_run, sweep_finished
from storage.store.local import LocalStore
from tests.storage.rows import a_run


def test_a_run_is_read_as_it_was_staged(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    run = a_run(config={"prompt": "é", "limit": None}, versions={"calumma": "1"}, base=7)
    stage_run(store, run)
    assert read_run(store, run.run_id) == run
    assert read_run(store, "another") is None


def test_run_ids_sort_by_time_and_differ() -> None:
    moments = [0.0, 1.0, 59.0, 60.0, 86_400.0, 1e9, 1.8e9]
    ids = [new_run_id(moment) for moment in moments]
    assert sorted(ids) == ids
    assert ids[0].startswith("19700101-000000-")
    assert len({new_run_id(0.0) for _ in range(50)}) == 50


def test_the_newest_unfinished_run_of_the_same_command_is_found(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert find_unfinished(store, "resume") is None
    for number, key in enumerate(["resume", "resume", "other", "resume"]):
        stage_run(store, a_run(f"2026010{number}", resume_key=key))
    store.put("_staging/20260109/splits/s/part.json", b"no run")
    found = find_unfinished(store, "resume")
    assert found is not None
    assert found.run_id == "20260103"
    store.put(manifest_path("20260103"), b"{}")
    found = find_unfinished(store, "resume")
    assert found is not None
    assert found.run_id == "20260101"
    assert find_unfinished(store, "absent") is None


def test_what_finished_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    sweep_finished(store)
    for run_id in ("finished", "flying"):
        stage_run(store, a_run(run_id))
        store.put(f"{staging_folder(run_id)}/splits/s/part.json", b"{}")
    store.put(manifest_path("finished"), b"{}")
    store.put(manifest_path("long ago"), b"{}")
    sweep_finished(store)
    assert store.folders("_staging") == ["flying"]
    assert read_run(store, "flying") is not None
    assert [entry.path for entry in store.entries("_runs")] == [
        manifest_path("finished"),
        manifest_path("long ago"),
    ]
