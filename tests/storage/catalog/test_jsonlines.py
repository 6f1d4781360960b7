"""JSON lines: each line is one row, good or bad, wherever a split ends."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.arrow import to_table
from schemas.asset import Asset
from schemas.errors import CatalogError
from storage.catalog import jsonlines
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.catalog.split import CatalogRow
from tests.storage.catalog.conftest import problem_of, read_all, rows_of, splits_of

records = st.fixed_dictionaries(
    {"uri": st.text(min_size=1)},
    optional={"id": st.text() | st.integers(), "note": st.text() | st.lists(st.integers())},
)
blank_lines = st.sampled_from([b"\n", b"  \n", b"\r\n", b"\t\r\n"])


def read_lines(path: Path, *lines: str | bytes) -> list[CatalogRow]:
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    )
    return read_all(splits_of(path))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    catalog=st.lists(st.tuples(records, st.lists(blank_lines, max_size=2)), min_size=1, max_size=9),
    rows_per_split=st.integers(1, 4),
    last_line_ends=st.booleans(),
    ascii_only=st.booleans(),
)
def test_the_splits_hold_all_records_in_order_wherever_they_are_cut(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    catalog: list[tuple[dict[str, Any], list[bytes]]],
    rows_per_split: int,
    last_line_ends: bool,
    ascii_only: bool,
) -> None:
    monkeypatch.setattr(jsonlines, "ROWS_PER_SPLIT", rows_per_split)
    path = tmp_path / "catalog.jsonl"
    content = b"".join(
        json.dumps(record, ensure_ascii=ascii_only).encode() + b"\n" + b"".join(blanks)
        for record, blanks in catalog
    )
    path.write_bytes(content if last_line_ends else content.rstrip())
    splits = splits_of(path)
    assert all(split.row_count == rows_per_split for split in splits[:-1])
    has_ids = any("id" in record for record, _ in catalog)
    for row, (record, _) in zip(read_all(splits), catalog, strict=True):
        assert row.asset.uri == record["uri"]
        assert row.asset.asset_id == str(record.get("id", "") if has_ids else record["uri"])
        assert json.loads(row.asset.attributes).get("note") == record.get("note")


def test_what_is_no_object_fails_its_line_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonlines, "ROWS_PER_SPLIT", 2)
    rows = read_lines(
        tmp_path / "catalog.jsonl",
        '{"id": "a", "uri": "u"}',
        '{"id": "b", "uri": ',
        '["c", "u"]',
        "null",
        b'{"id": "caf\xe9", "uri": "u"}',
        "[" * 100_000,
        "1" * 10_000,
        '{"id": "b", "uri": "u"}{"id": "c", "uri": "u"}',
        '{"id": "z", "uri": "u"}',
    )
    assert [row.asset.asset_id for row in rows] == ["a", *[""] * 7, "z"]
    assert [problem_of(row) for row in rows] == ["", *["invalid_row"] * 7, ""]
    assert rows[2].problem is not None
    assert rows[2].problem.message.startswith("Row 3 of ")
    assert rows[2].problem.message.endswith(" is not a JSON object.")


def test_fields_that_first_come_late_are_attributes(tmp_path: Path) -> None:
    lines = [json.dumps({"uri": f"{number}.jpg"}) for number in range(200)]
    rows = read_lines(tmp_path / "c.jsonl", *lines, '{"uri": "x", "colour": "red"}')
    assert json.loads(rows[-1].asset.attributes) == {"colour": "red"}


def test_values_of_the_wrong_type_fail_no_other_row(tmp_path: Path) -> None:
    rows = read_lines(
        tmp_path / "catalog.jsonl",
        '{"id": 1, "uri": "u", "references": 5, "text": NaN}',
        '{"id": {"a": 1}, "uri": ["x"], "references": {"a": 1}}',
        '{"id": null, "uri": "u"}',
        '{"id": "d", "uri": 0.0, "text": ["t"]}',
        '{"id": "e", "uri": "u", "deep": ' + "[" * 400 + "]" * 400 + "}",
        '{"id": "\\ud800", "uri": "\\udfff", "text": "\\ud800", "note": "\\udc00"}',
    )
    assert [problem_of(row) for row in rows] == ["", "", "missing_id", "", "", ""]
    assert [row.asset.asset_id for row in rows] == ["1", '{"a": 1}', "", "d", "e", "\\ud800"]
    assert rows[0].asset.references == ("5",)
    assert rows[0].asset.text == ""
    assert to_table(Asset, [row.asset for row in rows]).num_rows == len(rows)


def test_a_version_of_zero_is_a_version(tmp_path: Path) -> None:
    rows = read_lines(
        tmp_path / "c.jsonl", '{"uri": "u", "version": 0}', '{"uri": "v", "version": null}'
    )
    assert [row.asset.content_version for row in rows] == ["0", ""]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    rows = read_lines(tmp_path / "c.jsonl", b'\xef\xbb\xbf{"uri": "u"}', '{"uri": "v"}')
    assert [row.asset.uri for row in rows] == ["u", "v"]


def test_a_compressed_file_is_one_split_of_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonlines, "ROWS_PER_SPLIT", 2)
    path = tmp_path / "catalog.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"uri": "u"}\n\n' * 7))
    (split,) = splits_of(path)
    assert len(read_all([split])) == 7
    (cut,) = splits_of(path, limit=3)
    assert len(rows_of(cut)) == 3


def test_a_file_without_objects_is_told_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "catalog.jsonl"
    for content, reason in [
        ("", "holds no JSON objects"),
        ("[1]\nx\n" + "[" * 100_000, "holds no JSON objects"),
        ('{"a": 1}\n', "The catalog has: a;"),
    ]:
        path.write_text(content)
        with pytest.raises(CatalogError, match=reason):
            check_catalog(str(path), ColumnNames())


def test_an_empty_file_is_a_catalog_of_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "catalog.jsonl"
    path.write_bytes(b"\n\n")
    assert splits_of(path) == []
