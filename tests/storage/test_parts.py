"""What is staged of a split, and which parts of it make it whole."""

from pathlib import Path

from schemas.manifest import Counts
from storage.parts import (
    KEY_DTYPE,
    Part,
    choose_cover,
    read_keys,
    stage_part,
    staged_parts,
    sum_counts,
)
from storage.store.local import LocalStore


def a_part(first: int, last: int, attempt: str = "a", split_id: str = "s") -> Part:
    return Part(split_id=split_id, first=first, last=last, attempt=attempt, counts=Counts())


def names(parts: tuple[Part, ...]) -> list[tuple[int, int, str]]:
    return [(part.first, part.last, part.attempt) for part in parts]


def test_parts_are_staged_by_split_and_read_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    part = Part(
        split_id="s",
        first=0,
        last=9,
        attempt="a",
        counts=Counts(rows_in=9, rows_out=5, failed=3, skipped=1),
        failures_by_kind={"timeout": 3},
        files={"keys": "k"},
        sample_below=(1 << 64) - 1,
        unusual_pictures=2,
        questions_sum=7,
    )
    stage_part(store, "run", part)
    stage_part(store, "run", a_part(9, 12))
    stage_part(store, "run", a_part(0, 1, split_id="other"))
    stage_part(store, "other", a_part(0, 2))
    store.put("_staging/run/splits/s/00000000-00000009-a.rows.parquet", b"no record")
    assert staged_parts(store, "run", "s") == [part, a_part(9, 12)]
    assert staged_parts(store, "run", "absent") == []


def test_a_part_staged_twice_is_there_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for _ in range(2):
        stage_part(store, "run", a_part(0, 3))
    assert staged_parts(store, "run", "s") == [a_part(0, 3)]


def test_names_sort_by_where_parts_begin() -> None:
    parts = [a_part(first, first + 1) for first in (0, 9, 10, 999, 12_345_678)]
    assert sorted(part.name for part in parts) == [part.name for part in parts]


def test_nothing_covers_nothing() -> None:
    assert choose_cover([]) == ()
    assert choose_cover([a_part(1, 2), a_part(5, 5), a_part(0, 0)]) == ()


def test_the_furthest_cover_is_taken_and_of_those_the_one_of_fewest_parts() -> None:
    parts = [a_part(0, 5), a_part(5, 7), a_part(0, 2, "b"), a_part(2, 9, "b"), a_part(2, 7, "c")]
    assert names(choose_cover(parts)) == [(0, 2, "b"), (2, 9, "b")]
    assert names(choose_cover([*parts, a_part(0, 9, "z")])) == [(0, 9, "z")]


def test_a_tie_goes_to_the_attempt_that_sorts_first_whatever_the_order() -> None:
    parts = [a_part(0, 3, "b"), a_part(0, 3, "a"), a_part(3, 6, "c"), a_part(3, 6, "b")]
    for order in (parts, parts[::-1]):
        assert names(choose_cover(order)) == [(0, 3, "a"), (3, 6, "b")]


def test_a_gap_ends_the_cover() -> None:
    assert names(choose_cover([a_part(0, 3), a_part(4, 9)])) == [(0, 3, "a")]


def test_many_parts_are_covered_quickly() -> None:
    parts = [a_part(n, n + size, str(size)) for n in range(2000) for size in (1, 2)]
    cover = choose_cover(parts)
    assert cover[-1].last == 2001
    assert len(cover) == 1001


def test_a_part_without_keys_has_none(tmp_path: Path) -> None:
    keys = read_keys(LocalStore(tmp_path), a_part(0, 3))
    assert (len(keys), keys.dtype) == (0, KEY_DTYPE)


def test_counts_are_summed() -> None:
    counts = Counts(rows_in=4, rows_out=2, failed=1, skipped=1)
    part = Part(split_id="s", first=0, last=4, attempt="a", counts=counts)
    assert sum_counts([]) == Counts()
    assert sum_counts([part, part]) == Counts(rows_in=8, rows_out=4, failed=2, skipped=2)
