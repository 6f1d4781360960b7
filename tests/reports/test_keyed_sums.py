"""Sums by name in bounded memory, against plain Python."""

from collections import Counter
from random import Random

import numpy as np
import pyarrow as pa

from reports.keyed_sums import OTHERS, DistinctCounts, KeyedSums, Lengths, distinct_rows
from storage.keys import asset_words


def test_sums_are_those_of_plain_python() -> None:
    random = Random(1)
    sums = KeyedSums(2)
    expected: Counter[tuple[str, str]] = Counter()
    for _ in range(5):
        rows = [(random.choice("abc"), random.choice("xy")) for _ in range(50)]
        numbers = [random.randrange(9) for _ in rows]
        names, which = distinct_rows(*(pa.array(column) for column in zip(*rows, strict=True)))
        assert [names[place] for place in which] == rows
        sums.add(names, which, (np.array(numbers), np.ones(len(rows))))
        for row, number in zip(rows, numbers, strict=True):
            expected[row] += number
    assert {name: int(total) for name, (total, _) in sums.items()} == expected
    assert sum(count for _, (_, count) in sums.items()) == 250


def test_too_many_names_are_put_together() -> None:
    sums = KeyedSums(1, most=3)
    names = [(first, str(number)) for number in range(20) for first in "ab"]
    sums.add(names, np.arange(40), (np.ones(40),))
    found = {name: int(total) for name, (total,) in sums.items()}
    assert found[("a", OTHERS)] == found[("b", OTHERS)] - 1 == 18
    assert sum(found.values()) == 40
    many = [(f"licence {number}", "s") for number in range(100)]
    sums.add(many, np.arange(100), (np.ones(100),))
    assert len(sums.items()) <= 6
    assert dict(sums.items())[(OTHERS, OTHERS)][0] == 100


def test_different_things_are_counted_once() -> None:
    random = Random(2)
    counts = DistinctCounts()
    seen: dict[int, set[str]] = {0: set(), 1: set(), 16383: set()}
    for _ in range(30):
        groups = [random.choice(list(seen)) for _ in range(200)]
        names = [str(random.randrange(3000)) for _ in groups]
        counts.add(np.array(groups), asset_words(names)[:, 0])
        for group, name in zip(groups, names, strict=True):
            seen[group].add(name)
    found = counts.counts(16384)
    assert {group: found[group] for group in seen} == {
        group: len(names) for group, names in seen.items()
    }
    assert sum(found) == sum(map(len, seen.values()))


def test_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(3).integers(0, 90, 1001)
    lengths = Lengths()
    for some in np.array_split(values, 7):
        lengths.add(some)
    assert lengths.counts.tolist() == np.bincount(values).tolist()
    for share in (0.0, 0.5, 0.95, 1.0):
        expected = np.quantile(values, share, method="inverted_cdf")
        assert lengths.quantile(share) == expected
    assert Lengths().quantile(0.5) == 0
    assert len(Lengths().counts) == 0
