"""What is read of a run's tables, against the same from the records in memory."""

import dataclasses
import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from reports.output_folder import OutputFolder
from reports.reading import (
    CONFIDENCE_BINS,
    LONGEST_TEXT,
    confidences,
    read_failures,
    read_rows,
    read_thumbnails,
)
from schemas.arrow import to_table
from schemas.description import Caption
from schemas.errors import RunError
from schemas.failure import FailureKind

RUN = "20260301-020000-aaaaaa"


def _read(output: Any, *, most: int = 10_000, first: frozenset[str] = frozenset()) -> Any:
    folder = OutputFolder(output.out)
    return read_rows(folder, folder.manifests()[0], most=most, first=first)


def test_figures_cover_all_rows(output: Any) -> None:
    captions = output.caption_run(RUN, rows=3000)
    tally, rows = _read(output, most=10)
    assert tally.rows == 3000
    assert len(rows) == 10
    assert tally.tokens == sum(caption.token_count for caption in captions)
    assert tally.finish_reasons == Counter(caption.finish_reason for caption in captions)
    bins = Counter(
        min(int(round(math.exp(np.float32(caption.mean_logprob)), 4) * 20 + 1e-9), 19)
        for caption in captions
    )
    assert tally.confidence == [bins[index] for index in range(CONFIDENCE_BINS)]
    assert (tally.judged, tally.right) == (0, 0)


def test_rows_are_the_lowest_keys_and_thumbnails_come_first(output: Any) -> None:
    captions = output.caption_run(RUN, rows=500)
    by_key = sorted(caption.key for caption in captions)
    first = frozenset(by_key[:5])
    _, rows = _read(output, most=40, first=first)
    others = sorted((caption.key for caption in captions), key=lambda key: key[16:])
    expected = sorted(first, key=lambda key: key[16:])
    expected += [key for key in others if key not in first]
    assert [row["key"] for row in rows] == expected[:40]


def test_a_row_holds_what_its_record_holds(output: Any) -> None:
    captions = {caption.key: caption for caption in output.caption_run(RUN, rows=50, hostile=True)}
    _, rows = _read(output)
    assert len(rows) == 50
    for row in rows:
        caption = captions[row["key"]]
        assert row["id"] == caption.asset_id
        assert row["text"] == caption.text
        assert row["confidence"] == round(math.exp(np.float32(caption.mean_logprob)), 4)
        assert row["references"] == list(caption.references)
        assert json.loads(row["attributes"]) == json.loads(caption.attributes)


def test_answers_are_marked(output: Any) -> None:
    answers = {answer.key: answer for answer in output.answer_run(RUN, pictures=40)}
    tally, rows = _read(output)
    for row in rows:
        answer = answers[row["key"]]
        assert row["question"] == answer.question
        expected = answer.text in answer.answers if answer.answers else None
        assert row["right"] is expected
    assert tally.judged == sum(bool(answer.answers) for answer in answers.values()) < len(answers)
    assert tally.right == sum(row["right"] is True for row in rows) < tally.judged
    assert sum(tally.confidence_right) == tally.right


def test_edges_of_bins_are_where_they_are_said_to_be(output: Any) -> None:
    edges = [index / 20 for index in range(1, 21)]
    captions = output.caption_run(RUN, rows=20)
    exact = [
        dataclasses.replace(caption, mean_logprob=math.log(edge))
        for caption, edge in zip(captions, edges, strict=True)
    ]
    output.put_table(f"captions/run={RUN}/part-00000000.parquet", to_table(Caption, exact))
    tally, rows = _read(output)
    assert sorted(row["confidence"] for row in rows) == edges
    assert tally.confidence == [0] + [1] * 18 + [2]


def test_unusual_confidences() -> None:
    given = np.array([np.nan, -np.inf, 0.0, 0.5], dtype=np.float32)
    np.testing.assert_array_equal(confidences(given), [np.nan, 0.0, 1.0, 1.0])


def test_no_confidence_is_counted_nowhere(output: Any) -> None:
    (caption,) = output.caption_run(RUN, rows=1)
    row = dataclasses.replace(caption, mean_logprob=math.nan)
    output.put_table(f"captions/run={RUN}/part-00000000.parquet", to_table(Caption, [row]))
    tally, rows = _read(output)
    assert rows[0]["confidence"] is None
    assert sum(tally.confidence) == 0


def test_long_texts_are_cut(output: Any) -> None:
    output.caption_run(RUN, rows=1, attributes=json.dumps({"long": "x" * 1_000_000}))
    _, rows = _read(output)
    assert len(rows[0]["attributes"]) < LONGEST_TEXT + 10
    assert rows[0]["attributes"].endswith("… (cut)")


def test_each_kind_of_failure_has_examples(output: Any) -> None:
    kinds = {FailureKind.NOT_FOUND: 300, FailureKind.TRUNCATED: 2}
    failures = output.failures(kinds)
    output.caption_run(RUN, rows=5, failures=failures)
    sample = read_failures(OutputFolder(output.out), RUN, most_of_a_kind=7)
    assert sample.by_kind == Counter({str(kind): count for kind, count in kinds.items()})
    assert [row["kind"] for row in sample.rows] == ["not_found"] * 7 + ["truncated"] * 2
    keys = sorted((f.key for f in failures if f.kind == "not_found"), key=lambda key: key[16:])
    assert [row["key"] for row in sample.rows[:7]] == keys[:7]


def test_thumbnails_stop_at_their_bound(output: Any) -> None:
    output.caption_run(RUN, rows=50)
    folder = OutputFolder(output.out)
    everything = read_thumbnails(folder, RUN, most_bytes=10**9)
    assert len(everything) == 50
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in everything.values())
    some = read_thumbnails(folder, RUN, most_bytes=20_000)
    assert 0 < len(some) < 50
    assert sum(map(len, some.values())) <= 20_000


def test_no_tables_and_no_thumbnails(output: Any) -> None:
    output.caption_run(RUN, rows=0)
    folder = OutputFolder(output.out)
    assert read_thumbnails(folder, "none", most_bytes=10) == {}
    assert _read(output)[1] == []
    assert read_failures(folder, RUN, most_of_a_kind=5).rows == []


def test_a_broken_table_is_a_run_error(output: Any) -> None:
    output.caption_run(RUN, rows=2)
    output.put(f"captions/run={RUN}/part-00000009.parquet", b"PAR1 no more than this PAR1")
    with pytest.raises(RunError, match="cannot be read"):
        _read(output)
