"""What a template's fields say for a row of a catalog."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.asset import Asset
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.catalog.json_columns import json_column, read_attributes

_LARGEST_SIDE = 2**31 - 1
_OWN = ("asset_id", "text", "license", "source", "references")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The text of a field.

    Attributes:
        drawn: which of a list it is; None where the column holds one text.

    """

    text: str
    drawn: int | None = None


class RowValues:
    """The columns of one row: those that every catalog has, and the others by their names."""

    def __init__(self, asset: Asset) -> None:
        self._asset = asset
        self._attributes: Mapping[str, Any] | None = None

    def text(self, column: str, random: Random) -> Value:
        """The text of a column; of a list of texts one is drawn.

        Raises:
            RowError: there is no such column, or it says nothing.

        """
        value = self._value(column)
        drawn = None
        if isinstance(value, list | tuple):
            said = [one for one in value if _written(one)]
            if not said:
                raise _empty(column)
            drawn = random.randrange(len(said))
            value = said[drawn]
        text = _written(value)
        if not text:
            raise _empty(column)
        return Value(text=text, drawn=drawn)

    def name(self, column: str) -> str:
        """The id in a column; the row's own where none is named.

        Raises:
            RowError: there is no such column, or it is empty.

        """
        if not column:
            return self._asset.asset_id
        name = _written(self._value(column))
        if not name:
            raise _empty(column)
        return name

    def objects(self, column: str) -> list[tuple[str, tuple[float, float, float, float]]]:
        """The objects in a column, with their boxes: left, top, right and bottom, in pixels.

        A box of many (``crowd``) is of no object, and left out.

        Raises:
            RowError: there are none, or they are not written as they should be.

        """
        value = self._value(column)
        if isinstance(value, str):
            try:
                value = json_column(value)
            except ValueError:
                raise _no_objects(column) from None
        if not value:
            raise _empty(column)
        try:
            found = [
                (str(one["name"]), tuple(float(edge) for edge in one["box"]))
                for one in value
                if not one.get("crowd")
            ]
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            raise _no_objects(column) from None
        if any(
            len(box) != 4 or not all(map(math.isfinite, box)) or not name.strip()
            for name, box in found
        ):
            raise _no_objects(column)
        if not found:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The row's column {column} has boxes of crowds alone, and the template needs "
                "objects. Add some, or leave the row out, and run again.",
            )
        return found  # type: ignore[return-value]

    def size(self) -> tuple[int, int] | None:
        """Width and height of the picture in pixels; None where none are told that can be."""
        width, height = self._all().get("width"), self._all().get("height")
        if not isinstance(width, int) or not isinstance(height, int):
            return None
        if min(width, height) < 1 or max(width, height) > _LARGEST_SIDE:
            return None
        return width, height

    def _all(self) -> Mapping[str, Any]:
        if self._attributes is None:
            self._attributes = read_attributes(self._asset.attributes)
        return self._attributes

    def _value(self, column: str) -> Any:
        # What the catalog calls by a usual name is not among its other columns.
        if column in _OWN:
            own = getattr(self._asset, column)
            if own or column not in self._all():
                return own
        attributes = self._all()
        if column not in attributes:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The row has no column {column}, which the template needs. Add it to the catalog, "
                "or use a template that does without, and run again.",
            )
        return attributes[column]


def _written(value: Any) -> str:
    if value is None or isinstance(value, dict | list | tuple):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()


def _empty(column: str) -> RowError:
    return RowError(
        FailureKind.INVALID_ROW,
        f"The row's column {column} is empty, and the template needs it. Fill it in, or leave the "
        "row out, and run again.",
    )


def _no_objects(column: str) -> RowError:
    return RowError(
        FailureKind.INVALID_ROW,
        f"The row's column {column} must be a list of objects, each with its name and its box: "
        "left, top, right and bottom in pixels. Mend it, and run again.",
    )
