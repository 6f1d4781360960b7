"""What a catalog's columns stand for, and what becomes of the values in them."""

import datetime
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.arrow import to_table
from schemas.asset import Asset
from schemas.errors import CatalogError
from storage.catalog.columns import (
    ColumnNames,
    attributes_json,
    build_asset,
    id_text,
    map_columns,
    plain_text,
)

NONE_GIVEN = ColumnNames()


def asset_of(record: dict[str, Any], given: ColumnNames = NONE_GIVEN) -> Asset:
    return build_asset(record, map_columns(list(record), given), "a", "u", "v")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_usual_names_are_found_and_the_rest_are_others() -> None:
    columns = map_columns(["colour", "caption", "image_id", "etag", "url", "licence"], NONE_GIVEN)
    assert (columns.id, columns.uri, columns.text) == ("image_id", "url", "caption")
    assert (columns.license, columns.version, columns.source) == ("licence", "etag", None)
    assert columns.others == ("colour",)


def test_of_several_usual_names_one_is_taken_and_the_others_stay_attributes() -> None:
    columns = map_columns(["image", "uri", "key", "id"], NONE_GIVEN)
    assert (columns.id, columns.uri, columns.others) == ("id", "uri", ("image", "key"))


def test_given_names_win_over_usual_ones() -> None:
    columns = map_columns(["id", "sku", "uri", "link"], ColumnNames(id="sku", uri="link"))
    assert (columns.id, columns.uri, columns.others) == ("sku", "link", ("id", "uri"))


def test_a_picture_column_serves_where_no_usual_name_does() -> None:
    assert map_columns(["id", "photo"], NONE_GIVEN, pictures=["id", "photo"]).uri == "photo"
    assert map_columns(["uri", "photo"], NONE_GIVEN, pictures=["photo"]).uri == "uri"
    with pytest.raises(CatalogError, match="where the pictures are"):
        map_columns(["id"], NONE_GIVEN, pictures=["id"])


def test_a_given_name_that_is_absent_is_told_with_those_there_are() -> None:
    with pytest.raises(CatalogError, match=r"no column 'nope' .* id column.*It has: uri, colour\."):
        map_columns(["uri", "colour"], ColumnNames(id="nope"))


def test_a_catalog_without_pictures_is_told_its_columns_but_not_a_thousand() -> None:
    names = [f"c{number}" for number in range(1000)]
    with pytest.raises(CatalogError, match=r"c0, c1, .*c29, \.\.\.; looked for uri") as caught:
        map_columns(names, NONE_GIVEN)
    assert "c30" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (math.nan, None),
        (b"", None),
        (0, "0"),
        (12, "12"),
        (False, "False"),
        (" ", " "),
        ("é", "é"),
        (b"sku-1", "sku-1"),
        (b"\xff\x00", "ff00"),
        ("\ud800x", "\\ud800x"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_ids_as_text(value: object, expected: str | None) -> None:
    assert id_text(value) == expected


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.none(), st.booleans()))
def test_any_value_gives_text_that_a_table_can_hold(value: object) -> None:
    text = plain_text(value)
    assert text.encode().decode() == text


def test_references_are_texts_however_the_catalog_has_them() -> None:
    for value, expected in [
        (["one", None, "", "two"], ("one", "two")),
        ("alone", ("alone",)),
        (7, ("7",)),
        (math.nan, ()),
        ([], ()),
        (None, ()),
    ]:
        assert asset_of({"uri": "u", "references": value}).references == expected


def test_the_text_is_the_only_reference_where_there_are_none() -> None:
    assert asset_of({"uri": "u", "text": "t", "references": []}).references == ("t",)
    assert asset_of({"uri": "u", "text": "t", "references": ["r"]}).references == ("r",)
    assert asset_of({"uri": "u", "text": math.nan}).references == ()


def test_nulls_and_not_a_numbers_are_no_text() -> None:
    asset = asset_of({"uri": "u", "text": math.nan, "license": None, "source": 3})
    assert (asset.text, asset.license, asset.source) == ("", "", "3")


def test_a_column_that_only_this_record_has_is_an_attribute_too() -> None:
    columns = map_columns(["uri", "colour"], NONE_GIVEN)
    asset = build_asset({"uri": "u", "late": 1}, columns, "a", "u", "")
    assert json.loads(asset.attributes) == {"colour": None, "late": 1}


def test_attributes_of_odd_types() -> None:
    values = {
        "price": Decimal("1.50"),
        "day": datetime.date(2026, 1, 31),
        "bytes": b"\xff",
        "nan": math.nan,
        "inner": {"bytes": b"x", "list": [math.inf, b"y", (1, {"z": None})], 3: "three"},
        "text": 'é"\n',
    }
    assert json.loads(attributes_json(values)) == {
        "price": "1.50",
        "day": "2026-01-31",
        "nan": None,
        "inner": {"list": [None, [1, {"z": None}]], "3": "three"},
        "text": 'é"\n',
    }
    assert attributes_json({}) == "{}"


def test_what_is_nested_beyond_reason_becomes_null_at_any_depth_of_stack() -> None:
    assert json.loads(attributes_json({"a": nested(64)})) == {"a": nested(64)}
    for depth in (65, 900):
        innermost = json.loads(attributes_json({"a": nested(depth)}))["a"]
        for _ in range(64):
            (innermost,) = innermost
        assert innermost is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates too, which JSON can express.
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec=None), min_size=1), json_values, max_size=4))
def test_attributes_are_the_json_values_they_were_and_can_be_written(
    values: dict[str, Any],
) -> None:
    written = attributes_json(values)
    # Two lone surrogates side by side are one character to any reader.
    assert json.loads(written) == json.loads(json.dumps(values))
    to_table(Asset, [Asset(asset_id="a", uri="u", attributes=written)])
