"""Compacting and forgetting, under crashes at their operations and beside a run in flight."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.crashing import Catalog, Crash, CrashingStore, published, run_job
from schemas.errors import CatalogError
from schemas.manifest import Counts, RunManifest
from storage.committed import find_committed
from storage.compact import compact
from storage.digests import DigestFile, sorted_digests
from storage.forget import forget
from storage.forgotten import load_forgotten, names_forgotten
from storage.keys import asset_words, row_keys
from storage.known import load_known_keys
from storage.latest import latest_rows
from storage.store import Store
from storage.store.local import LocalStore
from tests.storage.rows import FINGERPRINT, a_run
from tests.storage.test_commit import TurnStore, race
from tests.storage.test_latest import commit

CATALOG: Catalog = [["a", "b", "f"], ["g", "late2", "bad2"]]
_PASSED = {"captions": ["a", "b", "c", "d", "e", "late2"], "failures": ["bad1"]}


@pytest.fixture(autouse=True, scope="module")
def no_power_cut() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of some nights: rows of older versions, failures that were mended, and a run."""
    out = tmp_path_factory.mktemp("nights") / "out"
    store = LocalStore(out)
    commit(store, a_run("20260101-000000-aaaaaa"), "a", "b", "bad1", "late2")
    commit(store, a_run("20260102-000000-aaaaaa", base=1), "b", "c", "bad1")
    # By its id older than the run before it, which was committed earlier.
    commit(store, a_run("20260101-120000-aaaaaa", base=2), "c", "d", "e")
    run_job(store, [["a", "late2"]], "x", clock=3.0)
    return out


def assets(*ids: str) -> DigestFile:
    words = asset_words(ids)
    return sorted_digests(words[:, 0], words[:, 1])


def copied(nights: Path, folder: Path) -> LocalStore:
    shutil.copytree(nights, folder)
    return LocalStore(folder)


def test_of_each_asset_the_latest_row_stays_in_fewer_files(nights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    store = copied(nights, out)
    before = latest_rows(str(out)).to_pylist()
    newest = {path: path.read_bytes() for path in out.glob("*/run=19700101*/*")}
    manifest = compact(store)
    assert manifest is not None
    assert manifest.counts == Counts(rows_in=10, rows_out=5, skipped=5)
    assert sorted(map(str, latest_rows(str(out)).to_pylist())) == sorted(map(str, before))
    assert published(out) == _PASSED
    assert all(path.read_bytes() == content for path, content in newest.items())
    (merged,) = out.glob("captions/run=20260101-120000-aaaaaa/*")
    assert len(list(out.glob("captions/*/*"))) == 2
    metadata = pq.ParquetFile(merged).schema_arrow.metadata
    assert json.loads(metadata[b"calumma.runs"]) == [
        ["20260102-000000-aaaaaa", 1],
        ["20260101-120000-aaaaaa", 3],
    ]
    # What is in no table any more is not known either; what is there, is.
    done = load_known_keys(store, upto=99).done
    assert len(done) == 6
    assert compact(store) is None
    assert not list(out.glob("_staging/*"))


Care = Callable[[Store], RunManifest | None]


def forget_b(store: Store) -> RunManifest | None:
    return forget(store, assets("b", "bad1", "g"), {})


def leftovers(out: Path) -> set[str]:
    """Which of the forgotten assets an output tells anything of."""
    found: set[Any] = set()
    for path in out.glob("**/*.parquet"):
        table = pq.ParquetFile(path).read()
        if "jpeg" in table.column_names:
            found |= {bytes(content or b"").decode()[11:] for content in table["jpeg"].to_pylist()}
        else:
            found |= set(table["asset_id"].to_pylist())
    return found & {"b", "bad1", "g"}


def expected_after(care: Care) -> dict[str, list[str]]:
    if care is compact:
        return _PASSED
    return {"captions": ["a", "a", "c", "c", "d", "e", "late2"], "failures": ["late2"]}


@pytest.mark.parametrize("care", [compact, forget_b])
def test_a_crash_loses_no_row_and_is_finished_by_whoever_comes_next(
    nights: Path, tmp_path: Path, care: Care
) -> None:
    counting = CrashingStore(copied(nights, tmp_path / "undisturbed"), 0, after=False)
    assert care(counting) is not None
    assert published(tmp_path / "undisturbed") == expected_after(care)
    before = ids_of(nights)
    undisturbed = ids_of(tmp_path / "undisturbed")
    total = counting.operations
    assert total > 30
    # Every third operation, and each where the commit is and what follows.
    for at in sorted({*range(1, total, 3), *range(total - 14, total + 1)}):
        out = tmp_path / f"{at}"
        store = copied(nights, out)
        with pytest.raises(Crash):
            care(CrashingStore(store, at, after=bool(at % 2)))
        # Readers that ask the manifests have each row at any moment.
        committed = len(list(out.glob("_commits/*"))) > 4
        assert ids_of(out) in ([before, undisturbed] if committed else [before]), at
        by_glob = set(published(out)["captions"])
        assert by_glob >= set(undisturbed), at
        if at % 2:
            # A night comes next: it finishes what was committed, and does its one new row.
            assert run_job(store, [["a", "z"]], "n", clock=9.0).counts.rows_out == 1
            out_now = published(out)
            if committed:
                out_now["captions"].remove("z")
                assert out_now == expected_after(care), at
            continue
        done = care(store)
        assert (done is None) == committed, at
        assert published(out) == expected_after(care), at
        assert care is compact or not leftovers(out), at
        assert not list(out.glob("_staging/*")), at


def ids_of(out: Path) -> dict[str, str]:
    rows = latest_rows(str(out)).select(["asset_id", "key"]).to_pylist()
    return {str(row["asset_id"]): str(row["key"]) for row in rows}


@settings(max_examples=12, deadline=None)
@given(order=st.lists(st.integers(0, 1), min_size=60, max_size=160), forgets=st.booleans())
def test_beside_a_run_in_flight_each_row_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, nights: Path, order: list[int], forgets: bool
) -> None:
    out = tmp_path_factory.mktemp("race") / "out"
    store = copied(nights, out)
    care: Care = forget_b if forgets else compact

    def launch(store: TurnStore, who: int) -> None:
        if who:
            run_job(store, CATALOG, "night", clock=9.0)
        else:
            care(store)

    race(out, order, launch)
    run_job(store, CATALOG, "last", clock=10.0)
    # The night found a done, and its b, f and g are new; a and late2 were done before.
    expected = {*"abcdefg", "late2"} - ({"b", "g"} if forgets else set())
    assert set(ids_of(out)) == expected
    keys = [
        key for path in out.glob("captions/*/*") for key in pq.read_table(path)["key"].to_pylist()
    ]
    assert len(keys) == len(set(keys))
    assert not forgets or not leftovers(out)
    compact(store)
    assert published(out)["captions"] == sorted(expected)


def test_forgotten_assets_are_skipped_until_their_list_is_deleted(
    nights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    store = copied(nights, out)
    receipt = forget_b(store)
    assert receipt is not None
    assert receipt.config["rows"] == {"captions": 2, "failures": 2}
    assert receipt.config["assets"] == 3
    assert names_forgotten(["a", "b", None, "g"], load_forgotten(store)).tolist() == [
        False,
        True,
        False,
        True,
    ]
    assert forget_b(store) is None
    keys = row_keys(["b"], ["20260102-000000-aaaaaa"], FINGERPRINT)
    known = load_known_keys(store, upto=99)
    assert not known.done.contains(keys.identity[:, 0], keys.second).any()
    (out / str(receipt.config["list"])).unlink()
    assert not len(load_forgotten(store))


def test_rows_up_to_a_commit_are_not_told_from_newer_ones_they_lie_with(
    nights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    store = copied(nights, out)
    compact(store)
    assert find_committed(str(out), "captions", missing="").commit == 4
    assert len(find_committed(str(out), "captions", missing="", upto=3).paths) == 1
    with pytest.raises(CatalogError, match="was compacted since this run began"):
        find_committed(str(out), "captions", missing="", upto=2)


def test_files_of_about_a_size_are_merged_and_large_ones_left(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for night in range(6):
        ids = [f"{night}-{number}" for number in range(200 if night == 2 else 3)]
        commit(store, a_run(f"2026010{night}-000000-aaaaaa", base=night), *ids)
    large = next(iter(tmp_path.glob("captions/run=20260102*/*")))
    size = large.stat().st_size
    rows = ids_of(tmp_path)
    assert compact(store, bytes_per_file=2 * size) is not None
    assert large.exists()
    assert len(list(tmp_path.glob("captions/*/*"))) == 3
    assert ids_of(tmp_path) == rows
    assert len(rows) == 215
