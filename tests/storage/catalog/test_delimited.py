"""CSV and TSV catalogs: no record is lost, doubled or cut in two, wherever a split ends."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CatalogError
from storage.catalog import delimited
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.catalog.split import CatalogRow
from tests.storage.catalog.conftest import problem_of, read_all, rows_of, splits_of

fields = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ['"', "a\nb", "\r\n", ",", "\t", '""', "\ufeff", " ", "\0"]
)


def written(records: list[list[str]], delimiter: str = ",", line_end: str = "\r\n") -> bytes:
    text = io.StringIO()
    # Before Python 3.13 a carriage return is quoted only where it is part of the line's end.
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows(records)
    return text.getvalue().encode()


def values(row: CatalogRow) -> tuple[str, str, str]:
    return row.asset.asset_id, row.asset.uri, json.loads(row.asset.attributes)["note"]


def read_text(path: Path, content: str | bytes) -> list[CatalogRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_all(splits_of(path))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.tuples(fields, fields, fields).map(list), max_size=12),
    rows_per_split=st.integers(1, 5),
    tabs=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_splits_hold_all_records_in_order_wherever_they_are_cut(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[list[str]],
    rows_per_split: int,
    tabs: bool,
    line_end: str,
) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", rows_per_split)
    path = tmp_path / ("catalog.tsv" if tabs else "catalog.csv")
    header = [["id", "uri", "note"]]
    path.write_bytes(written(header + records, "\t" if tabs else ",", line_end))
    splits = splits_of(path)
    assert all(split.row_count == rows_per_split for split in splits[:-1])
    kept = [tuple(record) for record in records if any(record)]
    assert [values(row) for row in read_all(splits)] == kept


def test_a_quoted_line_end_at_the_border_of_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 2)
    path = tmp_path / "catalog.csv"
    path.write_text('id,uri,note\n1,u,a\n2,u,"b\n3,u,c\n"\n4,u,"\n\n"\n5,u,d')
    splits = splits_of(path)
    assert [split.row_count for split in splits] == [2, 2]
    assert [values(row) for row in read_all(splits)] == [
        ("1", "u", "a"),
        ("2", "u", "b\n3,u,c\n"),
        ("4", "u", "\n\n"),
        ("5", "u", "d"),
    ]


def test_pandas_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 7)
    path = tmp_path / "catalog.csv"
    table = pd.DataFrame(
        {
            "id": [f"{number:03d}" for number in range(50)],
            "uri": [f"é{number}, x.jpg" for number in range(50)],
            "note": ['"quoted"\n', "", "plain", "tab\t", "comma,"] * 10,
        }
    )
    table.to_csv(path, index=False, encoding="utf-8-sig", quoting=csv.QUOTE_ALL)
    read = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows = [values(row) for row in read_all(splits_of(path))]
    assert rows == list(read.itertuples(index=False, name=None))


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    for header in ("\ufeffid,uri,note\n", '\ufeff"id","uri","note"\r\n'):
        (row,) = read_text(tmp_path / "catalog.csv", header + "a,b,c\n")
        assert values(row) == ("a", "b", "c")


def test_a_wrong_number_of_fields_fails_its_row_only(tmp_path: Path) -> None:
    rows = read_text(tmp_path / "catalog.csv", "id,uri\na,1\nb\nc,2,3\nd,4\n")
    assert [problem_of(row) for row in rows] == ["", "invalid_row", "invalid_row", ""]
    assert rows[1].problem is not None
    assert "Row 2 of" in rows[1].problem.message
    assert "has 1 fields where the header has 2" in rows[1].problem.message


def test_a_carriage_return_without_quotes_fails_its_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 1)
    rows = read_text(tmp_path / "catalog.csv", "id,uri\na,1\nb\rx,2\nc,3\n")
    assert [problem_of(row) for row in rows] == ["", "invalid_row", ""]
    assert [row.asset.asset_id for row in rows] == ["a", "", "c"]


def test_a_field_beyond_measure_fails_its_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_MAX_FIELD_CHARACTERS", 20)
    limit = csv.field_size_limit()
    rows = read_text(tmp_path / "catalog.csv", f"id,uri\na,1\nb,{'x' * 21}\nc,3\n")
    csv.field_size_limit(limit)
    assert [problem_of(row) for row in rows] == ["", "invalid_row", ""]


def test_a_line_is_read_in_pieces_beyond_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_MAX_LINE_BYTES", 10)
    rows = read_text(tmp_path / "catalog.csv", f'id,uri\na,"{"x" * 95}"\n{"y" * 25}\nc,3\n')
    assert rows[0].asset.uri == "x" * 95
    assert [problem_of(row) for row in rows] == ["", *["invalid_row"] * 3, ""]


def test_stray_quotes_cost_no_other_row(tmp_path: Path) -> None:
    rows = read_text(tmp_path / "catalog.csv", 'id,uri,note\na,1,5" wide\n"b"x,2,"q"\nc,3,n\n')
    assert [values(row) for row in rows] == [
        ("a", "1", '5" wide'),
        ("bx", "2", "q"),
        ("c", "3", "n"),
    ]


def test_a_quote_that_is_never_closed_takes_the_rest_as_one_row(tmp_path: Path) -> None:
    rows = read_text(tmp_path / "catalog.csv", 'id,uri\na,1\nb,"2\nc,3\nd,4\n')
    assert [row.asset.uri for row in rows] == ["1", "2\nc,3\nd,4\n"]


def test_lines_without_a_value_are_no_rows(tmp_path: Path) -> None:
    rows = read_text(tmp_path / "catalog.csv", "\n\nid,uri\n\na,1\r\n\r\n,\n\nb,2\n\n")
    assert [row.asset.asset_id for row in rows] == ["a", "b"]


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path / "catalog.csv", b"id,uri,note\na,b,caf\xe9\n")
    assert values(row)[2] == "caf\ufffd"


def test_rows_without_id_or_picture_have_a_problem_each(tmp_path: Path) -> None:
    rows = read_text(tmp_path / "catalog.csv", "id,uri\n,u\na,\n")
    assert [problem_of(row) for row in rows] == ["missing_id", "invalid_row"]


def test_the_uri_is_the_id_and_a_version_column_the_version(tmp_path: Path) -> None:
    (row,) = read_text(tmp_path / "catalog.csv", "uri,etag\nx.jpg,0\n")
    assert (row.asset.asset_id, row.asset.content_version) == ("x.jpg", "0")


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_a_compressed_file_is_one_split_of_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(delimited, "ROWS_PER_SPLIT", 2)
    path = tmp_path / f"catalog.tsv.{suffix}"
    records = [["id", "uri", "note"], *([f"{number}", "u", 'x\n"'] for number in range(7))]
    path.write_bytes(pack(written(records, "\t")))
    (split,) = splits_of(path)
    assert [list(values(row)) for row in read_all([split])] == records[1:]
    (cut,) = splits_of(path, limit=3)
    assert len(rows_of(cut)) == 3


def test_the_delimiter_is_told_by_the_file_s_name_and_not_its_folder_s(tmp_path: Path) -> None:
    folder = tmp_path / "export.tsv.d"
    folder.mkdir()
    assert len(read_text(folder / "catalog.csv", "id,uri\na,1\n")) == 1


def test_a_compressed_file_cut_short_is_one_row_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv.gz"
    path.write_bytes(gzip.compress(b"id,uri\n" + b"a,b\n" * 1000)[:-12])
    (split,) = splits_of(path)
    assert split.row_count == 1
    assert "cannot be read as csv: Compressed file ended" in split.problem


def test_what_is_no_table_is_told_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv"
    for content, reason in [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"id\ruri\ra\rb", "column names cannot be read"),
        (b"id;uri\na;b\n", "The catalog has: id;uri;"),
    ]:
        path.write_bytes(content)
        with pytest.raises(CatalogError, match=reason):
            check_catalog(str(path), ColumnNames())


def test_a_header_alone_is_a_catalog_of_no_rows(tmp_path: Path) -> None:
    assert read_text(tmp_path / "catalog.csv", "id,uri\n") == []
