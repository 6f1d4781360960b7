"""What a filter keeps: of each asset the newest verdict, by the newest rules."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import RunError
from schemas.failure import FailureKind
from schemas.verdict import Rule, Verdict
from storage.digests import DigestSet
from storage.keep_list import find_keep_list, open_keep_list
from storage.keys import asset_words, row_keys
from storage.layout import filter_path
from storage.store import open_store
from storage.verdict_record import load_superseded, newest_verdicts
from tests.verdicts import failure, verdict, write_verdicts

NAMES = "abcdef"
RULES = ("first rules", "other rules")

judged = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(
        st.sampled_from(("", "1", "2")),
        st.lists(st.sampled_from(Rule), unique=True).map(lambda some: tuple(sorted(some))),
        st.none() | st.floats(-1, 1, width=32),
    ),
)
runs = st.lists(st.tuples(st.sampled_from(RULES), judged), min_size=1, max_size=4)


def contains(keys: DigestSet, name: str, version: str, rules: str) -> bool:
    found = row_keys([name], [version], rules.encode())
    return bool(keys.contains(found.identity[:, 0], found.second)[0])


@settings(max_examples=20, deadline=None)
@given(runs)
def test_newest_verdicts_count(
    drawn: list[tuple[str, dict[str, tuple[str, tuple[Rule, ...], float | None]]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for rules, rows in drawn:
            made = [
                verdict(name, reasons, version=version, rules=rules, clip_score=score)
                for name, (version, reasons, score) in rows.items()
            ]
            write_verdicts(out, made, rules=rules)
        last = drawn[-1][0]
        of_last = {
            name: row for rules, rows in drawn if rules == last for name, row in rows.items()
        }
        kept = {name for name, (_, reasons, _) in of_last.items() if not reasons}
        record = newest_verdicts(open_store(folder))
        assert record is not None
        assert (record.judged, record.kept) == (len(of_last), len(kept))
        broken = [rule for _, reasons, _ in of_last.values() for rule in reasons]
        assert record.broken == {rule: broken.count(rule) for rule in Rule if rule in broken}
        assert sum(record.scores.values()) == sum(
            score is not None for *_, score in of_last.values()
        )
        words = asset_words(list(NAMES))
        on_list = open_keep_list(find_keep_list(folder)).contains(words[:, 0], words[:, 1])
        assert {name for name, is_on in zip(NAMES, on_list, strict=True) if is_on} == kept
        # A row is known as long as its verdict is the newest of its asset, by whatever rules.
        newest = {name: (row[0], rules) for rules, rows in drawn for name, row in rows.items()}
        superseded = load_superseded(open_store(folder), upto=len(drawn))
        for rules, rows in drawn:
            for name, (version, *_) in rows.items():
                is_old = newest[name] != (version, rules)
                assert contains(superseded, name, version, rules) == is_old


def kept(out: Path) -> set[str]:
    words = asset_words(list(NAMES))
    on_list = open_keep_list(find_keep_list(str(out))).contains(words[:, 0], words[:, 1])
    return {name for name, is_on in zip(NAMES, on_list, strict=True) if is_on}


def superseded(out: Path, name: str, version: str) -> bool:
    store = open_store(str(out))
    record = newest_verdicts(store)
    assert record is not None
    return contains(load_superseded(store, upto=record.commit), name, version, "some rules")


def test_what_failed_since_it_was_judged_is_not_kept(tmp_path: Path) -> None:
    write_verdicts(tmp_path, [verdict(name, version="1") for name in "abc"])
    failures = [
        failure("a", version="2"),
        failure("d"),
        # Its first row was kept.
        failure("b", FailureKind.DUPLICATE_ID, version="2"),
    ]
    write_verdicts(tmp_path, [], failures=failures)
    record = newest_verdicts(open_store(str(tmp_path)))
    assert record is not None
    assert (kept(tmp_path), record.judged, record.kept) == ({"b", "c"}, 2, 2)
    # What goes back to what it was is judged again.
    assert [superseded(tmp_path, name, "1") for name in "abc"] == [True, False, False]
    write_verdicts(tmp_path, [verdict("a", version="2")])
    assert kept(tmp_path) == {"a", "b", "c"}
    assert not superseded(tmp_path, "a", "2")
    # The same version may fail after it was done: it has a verdict, and is not known by it.
    write_verdicts(tmp_path, [], failures=[failure("a", FailureKind.TIMEOUT, version="2")])
    assert kept(tmp_path) == {"b", "c"}
    assert superseded(tmp_path, "a", "2")


def test_scores_are_counted_by_hundredths(tmp_path: Path) -> None:
    scores = [0.29, 0.28999, 0.2999, -0.01, -0.00001, 1.0, -1.0, None]
    rows = [verdict(str(number), clip_score=score) for number, score in enumerate(scores)]
    write_verdicts(tmp_path, rows)
    record = newest_verdicts(open_store(str(tmp_path)))
    assert record is not None
    assert record.scores == {"-1.00": 1, "-0.01": 2, "0.28": 1, "0.29": 2, "0.99": 1}


def test_lists_before_the_last_but_one_are_removed(tmp_path: Path) -> None:
    rows: list[Verdict] = []
    for number in range(4):
        rows.append(verdict(str(number)))
        write_verdicts(tmp_path, rows, rules=f"rules {number}")
    for folder in ("_keep", "_superseded"):
        names = sorted(path.name for path in (tmp_path / folder).iterdir())
        assert [name.partition("-")[0] for name in names] == ["00000003", "00000004"]


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    write_verdicts(tmp_path, [verdict("a")])
    (tmp_path / filter_path(1)).write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        newest_verdicts(open_store(str(tmp_path)))
    with pytest.raises(RunError, match="cannot be read"):
        find_keep_list(str(tmp_path))
