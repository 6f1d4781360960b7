"""Questions from a file: all of them, found by asset, told apart, and kept out of memory."""

import csv
import gzip
import json
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.asset import Question
from schemas.errors import CatalogError
from storage.questions import QuestionIndex, build_question_index, question_id_of, row_hash

Found = dict[str, list[tuple[int, Question]]]


@contextmanager
def index_of(uri: str | Path, folder: Path) -> Iterator[QuestionIndex]:
    path = folder / "index.sqlite"
    build_question_index(str(uri), path)
    index = QuestionIndex(path)
    try:
        yield index
    finally:
        index.close()


def write_csv(path: Path, *rows: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows(rows)
    return path


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def find(uri: str | Path, folder: Path, *ids: str | None) -> Found:
    with index_of(uri, folder) as index:
        return index.find(ids)


def asked(found: Found) -> list[tuple[int, str, str]]:
    return sorted((row, q.asset_id, q.question) for rows in found.values() for row, q in rows)


def test_every_format_gives_the_same_questions(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"asset_id": "a", "question": 'what, "where"\n?', "question_id": "q1", "answers": "x"},
        {"asset_id": "b", "question": "é?", "question_id": "q2", "answers": ""},
        {"asset_id": "a", "question": "who?", "question_id": "q3", "answers": "y"},
    ]
    names = list(rows[0])
    table = [names, *([row[name] for name in names] for row in rows)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "q.parquet")
    plain = write_lines(tmp_path / "q.jsonl", *rows)
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    uris = [
        tmp_path / "q.parquet",
        plain,
        tmp_path / "q.jsonl.gz",
        write_csv(tmp_path / "q.csv", *table),
        write_csv(tmp_path / "q.tsv", *table),
    ]
    first, second, third = (
        Question(
            asset_id=row["asset_id"],
            question_id=row["question_id"],
            question=row["question"],
            answers=(row["answers"],) if row["answers"] else (),
        )
        for row in rows
    )
    for uri in uris:
        assert find(uri, tmp_path, "b", "a", None, "absent") == {
            "a": [(0, first), (2, third)],
            "b": [(1, second)],
        }


def test_answers_are_one_text_or_many(tmp_path: Path) -> None:
    values = ["one", ["a", None, "b"], None, "", math.nan, 7, []]
    rows = [{"asset_id": "a", "question": f"{n}?", "answers": v} for n, v in enumerate(values)]
    found = find(write_lines(tmp_path / "q.jsonl", *rows), tmp_path, "a")["a"]
    assert [question.answers for _, question in found] == [
        ("one",), ("a", "b"), (), (), (), ("7",), ()
    ]  # fmt: skip


def test_a_question_without_id_has_one_that_its_text_gives(tmp_path: Path) -> None:
    rows = [["asset_id", "question"], ["a", "what?"], ["a", "who?"], ["b", "what?"], ["a", "what?"]]
    found = find(write_csv(tmp_path / "q.csv", *rows), tmp_path, "a", "b")
    ids = [question.question_id for _, question in found["a"]]
    # What one asset is asked twice is told apart; what two are asked has the same id.
    assert ids == [question_id_of("what?"), question_id_of("who?"), f"{question_id_of('what?')}-2"]
    assert found["b"][0][1].question_id == question_id_of("what?")
    assert len(question_id_of("what?")) == 16


def test_ids_of_other_types_are_the_texts_that_catalogs_make_of_them(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"asset_id": [7, None], "question": ["a?", "b?"]}), tmp_path / "q.parquet"
    )
    assert asked(find(tmp_path / "q.parquet", tmp_path, "7", "", "None")) == [(0, "7", "a?")]


def test_more_assets_than_one_statement_takes(tmp_path: Path) -> None:
    rows = [[f"a{number}", "what?"] for number in range(3000)]
    random.Random(1).shuffle(rows)
    path = write_csv(tmp_path / "q.csv", ["asset_id", "question"], *rows)
    found = find(path, tmp_path, *(f"a{number}" for number in range(-5, 2000)))
    assert set(found) == {f"a{number}" for number in range(2000)}
    assert all(rows[row][0] == name for name, ((row, _),) in found.items())


def test_questions_that_lack_a_field_belong_to_no_asset(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "q.jsonl",
        {"asset_id": "a", "question": "good?"},
        {"asset_id": "a", "question": ""},
        {"asset_id": "a"},
        {"question": "whose?"},
        [1],
        {"asset_id": "\ud800", "question": "\ud800?"},
        {"asset_id": "b", "question": math.nan},
    )
    with index_of(path, tmp_path) as index:
        assert asked(index.find(["a", "b", ""])) == [(0, "a", "good?")]
        assert asked(index.find(["\\ud800"])) == [(5, "\\ud800", "\\ud800?")]
        unasked = list(index.not_of(["a", "\\ud800", None], tmp_path / "scratch"))
    assert [(row, question.asset_id) for row, question in unasked] == [
        (1, ""), (2, ""), (3, ""), (4, ""), (6, "")
    ]  # fmt: skip


def test_the_rest_is_what_no_asset_has(tmp_path: Path) -> None:
    rows = [[f"a{number % 10}", f"{number}?"] for number in range(100)]
    path = write_csv(tmp_path / "q.csv", ["asset_id", "question"], *rows)
    catalog = iter(["a1", "a2", "a2", None, "z"])
    with index_of(path, tmp_path) as index:
        rest = [row for row, _ in index.not_of(catalog, tmp_path / "scratch")]
    assert rest == [row for row in range(100) if row % 10 not in {1, 2}]


def test_the_sum_of_all_rows_is_that_of_those_found_and_not_found(tmp_path: Path) -> None:
    rows = [[f"a{number % 7}", f"{number}?"] for number in range(50)]
    path = write_csv(tmp_path / "q.csv", ["asset_id", "question"], *rows)
    with index_of(path, tmp_path) as index:
        found = [row for pairs in index.find(["a1", "a3"]).values() for row, _ in pairs]
        rest = [row for row, _ in index.not_of(["a1", "a3"], tmp_path / "scratch")]
        total = index.all_rows_sum()
    assert total == sum(map(row_hash, found + rest)) % (1 << 64)
    assert total != sum(map(row_hash, found + rest[1:])) % (1 << 64)


def test_an_index_lies_in_a_folder_of_any_name_and_replaces_an_older_one(tmp_path: Path) -> None:
    folder = tmp_path / "100% #1?mode=rw&x"
    folder.mkdir()
    path = write_csv(tmp_path / "q.csv", ["asset_id", "question"], ["a", "old?"], ["a", "older?"])
    assert build_question_index(str(path), folder / "index.sqlite") == 2
    write_csv(path, ["asset_id", "question"], ["a", "new?"])
    assert asked(find(path, folder, "a")) == [(0, "a", "new?")]


def test_a_file_without_questions_gives_an_empty_index(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "q.csv", ["asset_id", "question"])
    assert build_question_index(str(path), tmp_path / "index") == 0


def test_what_is_no_questions_file_is_told(tmp_path: Path) -> None:
    def error(name: str, content: bytes | None) -> str:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(CatalogError) as caught:
            build_question_index(f"{tmp_path}/{name}", tmp_path / "index")
        return str(caught.value)

    assert error("none.csv", None) == f"There is no {tmp_path}/none.csv."
    assert "is not a questions file" in error("q.txt", b"")
    assert "no column question; it has: asset_id, q." in error("q.csv", b"asset_id,q\na,b\n")
    assert "no column asset_id and no column question" in error("q.jsonl", b'{"x": 1}\n')
    assert "Line 2 of" in error("r.jsonl", b'{"asset_id": "a", "question": "b"}\n{')
    assert "cannot be read" in error("q.parquet", b"PAR1")
    assert "cannot be read" in error("q.csv.gz", gzip.compress(b"asset_id,question\n" * 99)[:-9])
    limit = csv.field_size_limit(100)
    assert "field larger than" in error("r.csv", b"asset_id,question\na," + b"x" * 101)
    csv.field_size_limit(limit)
