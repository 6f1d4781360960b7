"""Spans that texts share with training texts, against looking at all of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.audit import memorised, spans
from reports.audit.memorised import Memorised, MemorisedFinder

texts = st.lists(st.lists(st.sampled_from("abc"), max_size=14), min_size=1, max_size=8)


def longest_shared(one: list[str], other: list[str]) -> int:
    """The longest run of words in both, by the table of common suffixes."""
    best = 0
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for at, word in enumerate(one):
        for place, another in enumerate(other):
            if word == another:
                lengths[at + 1][place + 1] = lengths[at][place] + 1
                best = max(best, lengths[at + 1][place + 1])
    return best


def find(
    folder: Path, training: list[list[str]], audited: list[list[str]], least: int
) -> Memorised:
    file = folder / "training.parquet"
    pq.write_table(pa.table({"text": [" ".join(one) for one in training]}), file)
    with MemorisedFinder(str(file), least) as finder:
        for start in range(0, len(audited), 3):
            some = audited[start : start + 3]
            finder.add([str(start + place) for place in range(len(some))], some)
        return finder.finish()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(training=texts, audited=texts, least=st.integers(2, 5), small=st.booleans())
def test_as_looking_at_all_of_them(
    tmp_path: Path,
    training: list[list[str]],
    audited: list[list[str]],
    least: int,
    small: bool,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if small:  # several runs on disk, and several blocks of training texts
            patch.setattr(spans, "_HASHES_OF_A_RUN", 3)
            patch.setattr(memorised, "_TEXTS_AT_ONCE", 2)
        found = find(tmp_path, training, audited, least)
    expected = [max(longest_shared(one, other) for other in training) for one in audited]
    over = [length for length in expected if length >= least]
    assert found.found == found.compared == len(over)
    assert found.rows == len(audited)
    assert found.short == sum(len(one) < least for one in audited)
    assert found.whole == sum(
        length == len(one) for one, length in zip(audited, expected, strict=True) if length >= least
    )
    assert sum(one.rows for one in found.longest) == len(over)
    for one in found.longest:
        assert f" {one.text} " in f" {one.training_text} "
        assert one.words == len(one.text.split()) == expected[int(one.asset_id)]
    assert max((one.words for one in found.longest), default=0) == max(over, default=0)


def test_more_texts_than_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorised, "MOST_COMPARED", 4)
    training = [[f"w{number}x{place}" for place in range(6 + number)] for number in range(10)]
    found = find(tmp_path, training, training * 2, 5)
    # All are counted, and the longest are those that are compared.
    assert (found.found, found.compared) == (20, 8)
    assert [one.words for one in found.longest] == [15, 14, 13, 12]


def test_scripts_without_blanks(tmp_path: Path) -> None:
    file = tmp_path / "training.jsonl"
    file.write_text('{"text": "一只红色的狐狸在雪地里奔跑着"}\n{"text": null}\n', "utf-8")
    with MemorisedFinder(str(file), 8) as finder:
        from reports.nightly.texts import script_of, words_of

        text = "照片：红色的狐狸在雪地里"
        finder.add(["a"], [words_of(text, script_of(text))])
        assert finder.finish().longest[0].words == 9
