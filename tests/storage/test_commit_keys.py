"""Keys at the commit: each id once within a run, and no row that another run committed."""

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest import Counts
from storage.commit_keys import drop_and_reject, key_files
from storage.digests import DigestFile, DigestSet, sorted_digests
from storage.keys import asset_words, row_keys
from storage.known import KnownKeys, load_known_keys
from storage.layout import KEYS
from storage.parts import Part, read_keys
from storage.store.local import LocalStore
from tests.storage.rows import FINGERPRINT, a_run, a_writer, add

RUN = a_run()


def staged(store: LocalStore, *parts: Iterable[str]) -> list[Part]:
    """Stage parts of a split each; ``a@2`` is the row a with version 2."""
    made = []
    for number, rows in enumerate(parts):
        writer = a_writer(store, RUN, f"s{number}")
        last = 0
        for last, row in enumerate(rows, start=1):
            add(writer, last - 1, *row.split("@"))
        part = writer.flush(last)
        if part is not None:
            made.append(part)
    return made


def ids(store: LocalStore, parts: list[Part], content: str) -> list[str]:
    return [
        str(name)
        for part in parts
        if content in part.files
        for name in pq.read_table(io.BytesIO(store.get(part.files[content])))[
            "asset_id"
        ].to_pylist()
    ]


def digests(*rows: str) -> DigestSet:
    keys = row_keys(
        [row.partition("@")[0] for row in rows],
        [row.partition("@")[2] for row in rows],
        FINGERPRINT,
    )
    return DigestSet([sorted_digests(keys.identity[:, 0], keys.second)])


def newer(done: str = "", failed: str = "", retry: str = "") -> KnownKeys:
    return KnownKeys(
        done=digests(*done.split()),
        failed=digests(*failed.split()),
        retry=digests(*retry.split()),
        doubled=digests(),
    )


def test_parts_without_anything_to_do_stay_as_they_are(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a", "bad1"], ["b", "late1"])
    before = [entry.path for entry in store.entries("")]
    result, keys = drop_and_reject(store, RUN, parts, newer(done="x"), "t")
    assert result == parts
    assert len(keys) == 4
    assert [entry.path for entry in store.entries("")] == before
    assert drop_and_reject(store, RUN, [], None, "t")[0] == []


def test_the_first_row_of_an_id_is_kept_and_the_others_fail(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a", "b", "a"], ["c", "a@2", "b", "d"])
    result, _ = drop_and_reject(store, RUN, parts, None, "t")
    assert ids(store, result, "rows") == ["a", "b", "c", "d"]
    assert ids(store, result, "failures") == ["a", "a", "b"]
    assert [part.failures_by_kind for part in result] == [{"duplicate_id": 1}, {"duplicate_id": 2}]
    assert all(part.counts.balanced for part in result)
    (row,) = pq.read_table(io.BytesIO(store.get(result[0].files["failures"]))).to_pylist()
    assert (row["stage"], row["kind"], row["retryable"]) == ("commit", "duplicate_id", False)
    assert (row["uri"], row["attributes"]) == ("a.jpg", "{}")
    metadata = pq.ParquetFile(io.BytesIO(store.get(result[0].files["failures"]))).schema_arrow
    assert metadata.metadata[b"calumma.run_id"] == RUN.run_id.encode()


def test_an_id_that_failed_first_is_doubled_too(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    result, _ = drop_and_reject(
        store, RUN, staged(store, ["bad1", "late1", "bad1", "late1"]), None, "t"
    )
    assert [part.failures_by_kind for part in result] == [
        {"truncated": 1, "timeout": 1, "duplicate_id": 2}
    ]


def test_what_a_newer_commit_did_is_dropped_and_what_failed_there_fails_here_too(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a", "b", "bad1", "late1", "bad2"])
    known = newer(done="a bad1", failed="bad2", retry="late1")
    result, keys = drop_and_reject(store, RUN, parts, known, "t")
    assert ids(store, result, "rows") == ["b"]
    assert ids(store, result, "failures") == ["late1", "bad2"]
    assert result[0].counts.skipped == 2
    assert result[0].counts.balanced
    assert len(keys) == 3


def test_a_row_is_not_dropped_for_a_newer_failure_or_another_version(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a", "b@2"])
    result, _ = drop_and_reject(store, RUN, parts, newer(done="b@1", failed="a"), "t")
    assert ids(store, result, "rows") == ["a", "b"]


def test_a_dropped_row_leaves_its_id_to_the_next(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a@1", "a@2", "a@3"])
    result, _ = drop_and_reject(store, RUN, parts, newer(done="a@1"), "t")
    assert ids(store, result, "rows") == ["a"]
    assert ids(store, result, "failures") == ["a"]
    assert result[0].counts.skipped == 1


def test_a_part_that_loses_all_its_rows_has_no_files_of_rows(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (part,) = drop_and_reject(store, RUN, staged(store, ["a", "bad1"]), newer("a bad1"), "t")[0]
    assert not {"rows", "failures"} & set(part.files)
    assert (part.counts.rows_in, part.counts.skipped) == (2, 2)


rows = st.tuples(st.sampled_from(["a", "b", "c", "bad1", "late1"]), st.sampled_from(["", "@1"]))


@settings(deadline=None, max_examples=50)
@given(
    drawn=st.lists(st.lists(rows.map("".join), max_size=6), max_size=4),
    done=st.sets(rows.map("".join)),
    failed=st.sets(rows.map("".join)),
)
def test_it_is_as_a_loop_over_the_rows_would_do_it(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[list[str]],
    done: set[str],
    failed: set[str],
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("out"))
    parts = staged(store, *drawn)
    known = newer(" ".join(done), " ".join(failed))
    seen: set[str] = set()
    expected: Counter[str] = Counter()
    for row in (row for rows in drawn for row in rows):
        name = row.partition("@")[0]
        fails = name.startswith(("bad", "late"))
        if row in done:
            expected["dropped"] += 1
        elif name in seen:
            expected["duplicate_id"] += 1
        else:
            seen.add(name)
            expected["failed" if fails else "rows"] += 1
    result, keys = drop_and_reject(store, RUN, parts, known, "t")
    kinds = sum((Counter(part.failures_by_kind) for part in result), Counter[str]())
    found = Counter(
        dropped=sum(part.counts.skipped for part in result),
        duplicate_id=kinds.pop("duplicate_id", 0),
        failed=kinds.total(),
        rows=sum(part.counts.rows_out for part in result),
    )
    assert found == expected
    assert len(keys) == sum(expected.values()) - expected["dropped"]
    assert all(part.counts.balanced for part in result)
    assert len(ids(store, result, "rows")) == len(set(ids(store, result, "rows")))


def test_the_files_of_keys_hold_each_row_by_its_outcome(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a", "b", "bad1"], ["late1", "c"])
    keys = np.concatenate([read_keys(store, part) for part in parts])
    moves = dict(key_files(store, RUN.run_id, 7, keys, "t"))
    found = {}
    for source, destination in moves.items():
        assert destination.startswith(f"{KEYS}/00000007-00000007-")
        found[destination.rpartition(".")[2]] = DigestFile.parse(store.get(source))
    for kind, names in {"done": ["a", "b", "c"], "failed": ["bad1"], "retry": ["late1"]}.items():
        wanted = row_keys(names, None, FINGERPRINT)
        assert len(found[kind]) == len(names)
        assert found[kind].contains(wanted.identity[:, 0], wanted.second).all()


def test_a_doubled_row_has_a_kind_of_its_own_unless_it_is_the_kept_row_s_key(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["late1@1", "late1@1", "a@1"], ["a@2", "a@1"])
    _, keys = drop_and_reject(store, RUN, parts, None, "t")
    for source, destination in key_files(store, RUN.run_id, 1, keys, "t"):
        store.move(source, destination)
    known = load_known_keys(store, upto=1)
    rows = row_keys(["late1", "a", "a"], ["1", "1", "2"], FINGERPRINT)
    words = rows.identity[:, 0], rows.second
    assert known.done.contains(*words).tolist() == [False, True, False]
    assert known.retry.contains(*words).tolist() == [True, False, False]
    assert known.doubled.contains(*words).tolist() == [False, False, True]
    # The first row that may pass is tried again; the doubled one is not, whatever is asked.
    assert known.to_do(*words, only_failed=False).tolist() == [True, False, False]
    assert known.to_do(*words, only_failed=True).tolist() == [True, False, False]


def as_of_an_evaluation(part: Part) -> Part:
    """A part with rows and failures alone."""
    kept = {name: path for name, path in part.files.items() if name in {"rows", "failures"}}
    return replace(part, files=kept)


def test_parts_without_keys_lose_what_was_forgotten_and_nothing_else(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = [
        as_of_an_evaluation(part)
        for part in staged(store, ["a", "bad1", "b", "a"], ["c", "bad2"], ["bad1"])
    ]
    parts[0] = replace(parts[0], files={**parts[0].files, "scores": "of all parts"})
    words = asset_words(["a", "bad1"])
    forgotten = DigestSet([sorted_digests(words[:, 0], words[:, 1])])
    result, keys = drop_and_reject(store, RUN, parts, newer(done="b c"), "t", forgotten)
    assert len(keys) == 0
    assert ids(store, result, "rows") == ["b", "c"]
    assert ids(store, result, "failures") == ["bad2"]
    assert [part.counts for part in result] == [
        Counts(rows_in=4, rows_out=1, skipped=3),
        Counts(rows_in=2, rows_out=1, failed=1),
        Counts(rows_in=1, skipped=1),
    ]
    assert [part.failures_by_kind for part in result] == [{}, {"truncated": 1}, {}]
    assert set(result[0].files) == {"rows", "scores"}
    assert result[1] == parts[1]


def test_forgotten_rows_of_parts_with_and_without_keys_go_together(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    parts = staged(store, ["a", "bad1", "b"], ["c", "a"], ["b", "a"])
    parts[1] = as_of_an_evaluation(parts[1])
    words = asset_words(["b", "c"])
    forgotten = DigestSet([sorted_digests(words[:, 0], words[:, 1])])
    result, keys = drop_and_reject(store, RUN, parts, newer(), "t", forgotten)
    assert ids(store, result, "rows") == ["a", "a"]
    assert ids(store, result, "failures") == ["bad1", "a"]
    assert [part.counts.skipped for part in result] == [1, 1, 1]
    assert len(keys) == 3


def test_no_keys_give_no_files(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _, keys = drop_and_reject(store, RUN, [], None, "t")
    assert key_files(store, RUN.run_id, 1, keys, "t") == []
    assert list(store.entries("")) == []
