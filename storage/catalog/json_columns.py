"""Reading JSON that a catalog's columns hold: none of it may end a run, nor what is made of it."""

import json
from typing import Any

from storage.catalog.columns import attributes_json, plain_text


def read_attributes(attributes: str) -> dict[str, Any]:
    """Read a row's other columns.

    Args:
        attributes: from :func:`storage.catalog.columns.attributes_json`.

    Returns:
        Values by column, lone surrogates in them escaped, which no tokenizer reads and no table
        holds.

    """
    values: dict[str, Any] = json.loads(attributes)
    # The escapes of surrogates are written so.
    return _escaped(values) if "\\ud" in attributes else values


def json_column(text: str) -> Any:
    """Read a column that holds JSON as text, as if the catalog held what that says.

    Raises:
        ValueError: it is not JSON, or nested too deep to be read.

    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep to be read") from None
    return read_attributes(attributes_json({"": value}))[""]


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return {plain_text(name): _escaped(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    return value
