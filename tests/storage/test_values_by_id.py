"""Values of files, looked up by id."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CatalogError
from storage.values_by_id import ValuesById

rows = st.dictionaries(st.text(min_size=1, max_size=4), st.sampled_from(["x", "y", ""]), min_size=1)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(known=rows, asked=st.lists(st.text(max_size=4)))
def test_as_a_dictionary_has_them(tmp_path: Path, known: dict[str, str], asked: list[str]) -> None:
    file = tmp_path / "values.jsonl"
    lines = [json.dumps({"id": name, "side": value, "same": 1}) for name, value in known.items()]
    file.write_text("\n".join(lines))
    found = ValuesById(str(file), "a file", ("side",))
    assert len(found) == len(known)
    ids = [*asked, *known]
    # JSON keeps lone surrogates, which tables hold escaped.
    assert found.find([one for one in ids if one in known])["side"] == [
        known[one] for one in ids if one in known
    ]
    assert found.find([f"{one}?" for one in asked if f"{one}?" not in known])["side"] == [
        None for one in asked if f"{one}?" not in known
    ]


def test_by_sample_and_all_columns(tmp_path: Path) -> None:
    file = tmp_path / "values.parquet"
    table: dict[str, list[Any]] = {
        "asset_id": ["a", "a", None],
        "sample_number": [0, 1, 0],
        "label": ["x", "y", "z"],
        "more": [1.5, None, 2.0],
    }
    pq.write_table(pa.table(table), file)
    found = ValuesById(str(file), "a file")
    assert found.columns == ("label", "more")
    assert found.find(["a", "a", "b"], [1, 0, 0]) == {
        "label": ["y", "x", None],
        "more": ["", "1.5", None],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,side\na,b\n", "has no column asset_id"),
        ("asset_id\na\n", "has no column side"),
        ("asset_id,side\n", "holds no rows"),
        ("asset_id,side\n,b\n", "has an id"),
        ("asset_id,side\na,b\na,c\n", "says two things of one asset: its side is 'b'"),
    ],
)
def test_files_that_cannot_serve(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "values.csv"
    file.write_text(content)
    with pytest.raises(CatalogError, match=said):
        ValuesById(str(file), "a file", ("side",))
    with pytest.raises(CatalogError, match="There is no"):
        ValuesById(str(tmp_path / "gone.csv"), "a file")
