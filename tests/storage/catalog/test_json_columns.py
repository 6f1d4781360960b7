"""JSON in columns: whatever stands there, a value that can be written, or a ValueError."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.arrow import to_table
from schemas.asset import Asset
from storage.catalog.columns import attributes_json
from storage.catalog.json_columns import json_column, read_attributes


@settings(deadline=None)
@given(st.text(st.sampled_from('[]{}",:0189.-eutrlnNaI\\ d'), max_size=40))
@example("9" * 5000)
@example("[" * 3000)
@example("[" * 900 + "]" * 900)
@example('{"a": ["\\ud83d", "\\ud83d\\ude00", NaN, 1e999]}')
def test_a_column_is_a_value_that_can_be_written_or_none(text: str) -> None:
    try:
        value = json_column(text)
    except ValueError:
        return
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    to_table(Asset, [Asset(asset_id="a", uri="u", text=written)])


def test_values_are_what_the_text_says() -> None:
    assert json_column(' [1, 2.5, null, {"a": true}] ') == [1, 2.5, None, {"a": True}]
    with pytest.raises(ValueError, match="nested too deep"):
        json_column("[" * 3000)


def test_lone_surrogates_are_escaped_and_pairs_left() -> None:
    values = {"a\ud83d": ["b\ude00", "\U0001f600", "\\ud"], "c": {"d": "e"}}
    assert read_attributes(attributes_json(values)) == {
        "a\\ud83d": ["b\\ude00", "\U0001f600", "\\ud"],
        "c": {"d": "e"},
    }
