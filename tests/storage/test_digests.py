"""Sorted sets of keys: what they contain, compared with Python's own sets."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.digests import DigestFile, DigestSet, merge_digests, sorted_digests
from storage.keys import Words

WORD = 1 << 64
# Few first words, so that versions of one row lie beside each other, and the largest ones.
words = st.sampled_from([0, 1, 2, 1 << 63, WORD - 2, WORD - 1]) | st.integers(0, WORD - 1)
keys = st.lists(st.tuples(words, words), max_size=40)

Keys = list[tuple[int, int]]


def columns(pairs: Keys) -> tuple[Words, Words]:
    array = np.array(pairs, dtype=np.uint64).reshape(-1, 2)
    return array[:, 0].copy(), array[:, 1].copy()


def file_of(pairs: Keys) -> DigestFile:
    return sorted_digests(*columns(pairs))


def pairs_of(file: DigestFile) -> Keys:
    return [(int(a), int(b)) for a, b in zip(file.first, file.second, strict=True)]


@settings(deadline=None)
@given(held=keys, asked=keys)
def test_a_file_contains_what_the_set_does(held: Keys, asked: Keys) -> None:
    asked = asked + held[::2]
    file = file_of(held)
    assert pairs_of(file) == sorted(set(held))
    assert file.contains(*columns(asked)).tolist() == [pair in set(held) for pair in asked]


@settings(deadline=None)
@given(held=st.lists(keys, max_size=5), asked=keys)
def test_sets_and_merged_files_contain_what_their_files_do(held: list[Keys], asked: Keys) -> None:
    files = [file_of(pairs) for pairs in held]
    union = {pair for pairs in held for pair in pairs}
    expected = [pair in union for pair in asked]
    assert DigestSet(files).contains(*columns(asked)).tolist() == expected
    assert len(DigestSet(files)) == sum(len(set(pairs)) for pairs in held)
    assert pairs_of(merge_digests(files)) == sorted(union)


@settings(deadline=None)
@given(held=keys)
def test_a_file_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, held: Keys
) -> None:
    content = file_of(held).serialize()
    assert len(content) == 16 + 16 * len(set(held))
    path = tmp_path_factory.mktemp("digests") / "keys"
    path.write_bytes(content)
    for read in (DigestFile.parse(content), DigestFile.map(path)):
        assert pairs_of(read) == sorted(set(held))
        assert read.serialize() == content


@pytest.mark.parametrize("damage", [b"", b"calkeys1", b"other..." + b"\0" * 8])
def test_what_is_no_digest_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "keys"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match="not a digest file"):
        DigestFile.parse(damage)
    with pytest.raises(ValueError, match="not a digest file"):
        DigestFile.map(path)


@pytest.mark.parametrize("size", [15, 47, 49])
def test_a_file_of_the_wrong_size_is_refused(tmp_path: Path, size: int) -> None:
    content = (file_of([(1, 1), (2, 2)]).serialize() + b"more")[:size]
    with pytest.raises(ValueError, match="cut short"):
        DigestFile.parse(content)


def test_a_hundred_thousand_random_keys() -> None:
    generator = np.random.default_rng(7)
    first, second = generator.integers(0, WORD - 1, (2, 100_000), dtype=np.uint64)
    file = sorted_digests(first, second)
    assert len(file) == 100_000
    assert file.contains(first, second).all()
    assert not file.contains(first, second + np.uint64(1)).any()
    assert not file.contains(first + np.uint64(1), second).any()


def test_keys_that_are_not_spread_are_found_too() -> None:
    # Somebody may choose ids whose hashes begin alike; and a row may have many versions.
    crowded = [(number, number) for number in range(5000)] + [(9, v) for v in range(10_000, 10_300)]
    file = file_of(crowded)
    assert file.contains(*columns(crowded)).all()
    assert not file.contains(*columns([(n, n + 1) for n in range(5000)])).any()
    assert not file.contains(*columns([(5000, 0), (WORD - 1, 0)])).any()
