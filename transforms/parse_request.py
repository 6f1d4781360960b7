"""From a catalog row to what it asks of a model that makes images. Pure functions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.image_tasks import grounded_prompt, structure_lead
from models.prompts import fill_prompt
from schemas.asset import Asset
from schemas.errors import RowError
from schemas.failure import FailureKind
from schemas.generation_request import Box, GenerationRequest, ShownDocument
from storage.catalog.json_columns import json_column, read_attributes

REQUEST_COLUMNS = (
    "samples",
    "seed",
    "size",
    "images",
    "boxes",
    "structure",
    "feature",
    "mask",
    "documents",
)
"""What a row of requests may say beside its id, its prompt and its picture."""

# Any number of digits would be more than an integer is read of.
_SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")
_LARGEST_SIDE = 2**31 - 1
_MOST_SAMPLES = 10_000
_SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDefaults:
    """What holds where a row says nothing.

    Attributes:
        template: what the model is given; holds ``{prompt}``.
        text: what is asked of every row; empty where each has its own.
        size: height and width in pixels; None for the model's own.
        reads_columns: whether rows may say more than their prompt: see :data:`REQUEST_COLUMNS`.

    """

    template: str
    text: str = ""
    samples: int = 1
    seed: int | None = None
    size: tuple[int, int] | None = None
    reads_columns: bool = True


def parse_request(asset: Asset, defaults: RequestDefaults) -> tuple[GenerationRequest, int]:
    """Read what a row asks, and how many samples of it.

    Raises:
        RowError: the row has no prompt, or a column that cannot be made sense of.

    """
    text = defaults.text or asset.text
    if not text.strip():
        raise _invalid("has no prompt. Fill in its column prompt, or name that with --columns.text")
    columns = read_attributes(asset.attributes) if defaults.reads_columns else {}
    found = {
        name: value
        for name in REQUEST_COLUMNS
        if (value := _plain(name, columns.get(name))) is not None
    }
    samples = _whole("samples", found.get("samples", defaults.samples))
    if not 1 <= samples <= _MOST_SAMPLES:
        raise _invalid(f"asks for {samples} samples. Ask for 1 or more, {_MOST_SAMPLES} at most")
    seed = defaults.seed
    if "seed" in found:
        seed = _whole("seed", found["seed"])
    if seed is not None and not 0 <= seed < 1 << 63:
        raise _invalid(f"has the seed {seed}. Seeds are from 0 to 2**63 - 1")
    boxes = tuple(map(_box, _several("boxes", found.get("boxes"))))
    structure = _text("structure", found.get("structure", ""))
    feature = _text("feature", found.get("feature", ""))
    request = GenerationRequest(
        text=text,
        prompt=_prompt(text, boxes, structure, defaults),
        seed=seed,
        size=parse_size(_text("size", found["size"])) if "size" in found else defaults.size,
        images=tuple(_text("images", uri) for uri in _several("images", found.get("images"))),
        boxes=boxes,
        structure=structure,
        feature=feature,
        lead=structure_lead(feature) if structure else "",
        mask=_sides("mask", found["mask"]) if "mask" in found else None,
        documents=tuple(map(_document, _several("documents", found.get("documents")))),
    )
    _check_together(asset, request)
    return request, samples


def _prompt(text: str, boxes: tuple[Box, ...], structure: str, defaults: RequestDefaults) -> str:
    """What the model is given of a text: tasks with a template of their own take that."""
    if boxes:
        return grounded_prompt(text, boxes)
    # What asks for a picture of that structure stands before it.
    return text if structure else fill_prompt(defaults.template, text)


def parse_size(text: str) -> tuple[int, int]:
    """Read the size of a picture, ``WIDTHxHEIGHT`` in pixels; give height and width.

    Raises:
        RowError: it is none.

    """
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None or not int(match[1]) or not int(match[2]):
        raise _invalid(
            f"has the size {_shown(text)}. Write it as WIDTHxHEIGHT in pixels, say 768x512"
        )
    return int(match[2]), int(match[1])


def check_boxes(boxes: tuple[Box, ...], height: int, width: int) -> None:
    """Check that boxes lie in the picture that is to be made.

    Raises:
        RowError: one does not.

    """
    for box in boxes:
        if box.right > width or box.bottom > height:
            raise _invalid(
                f"has a box for {box.label!r} from ({box.left}, {box.top}) to ({box.right}, "
                f"{box.bottom}), which is not inside the picture of {width} x {height} pixels"
            )


def _check_together(asset: Asset, request: GenerationRequest) -> None:
    tasks = {
        "a source picture": bool(asset.uri or request.images),
        "boxes": bool(request.boxes),
        "a structure picture": bool(request.structure),
    }
    given = [name for name, there in tasks.items() if there]
    if len(given) > 1:
        raise _invalid(
            f"has {' and '.join(given)}, which ask for different things. Keep one of them, and "
            "make a row of its own for the other"
        )
    if request.feature and not request.structure:
        raise _invalid("has a feature but no structure picture. Fill in its column structure")
    if request.structure and not request.feature.strip():
        raise _invalid(
            "has a structure picture and does not say what it shows. Fill in its column feature: "
            "edge, say"
        )
    if request.mask is not None and (not asset.uri or request.images):
        raise _invalid(
            "has a mask, which is a part of the row's own picture. Name that one in its column "
            "uri, and no others"
        )


def _plain(name: str, value: Any) -> Any:
    """A column's value, read from JSON text where it is such; None where there is nothing."""
    if isinstance(value, str):
        value = value.strip()
        if value[:1] in ("[", "{"):
            try:
                value = json_column(value)
            except ValueError as error:
                raise _invalid(f"has a column {name} that is not JSON: {error}") from None
    return None if value in ("", [], {}) else value


def _whole(name: str, value: Any) -> int:
    """A whole number, also as text or as a float, which tables make of columns with gaps."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise _wrong(name, "a whole number", value) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(name, "a whole number", value)
    if isinstance(value, float) and not value.is_integer():
        raise _wrong(name, "a whole number", value)
    return int(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value


def _several(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        # One of them, without the list around it.
        return [value]
    if any(one is None for one in value):
        raise _wrong(name, "a list without gaps", value)
    return value


def _box(value: Any) -> Box:
    box = _mapping("boxes", value, '{"label": "dog", "box": [left, top, right, bottom]}')
    label, sides = box.get("label"), box.get("box")
    if not isinstance(label, str) or not label.strip():
        raise _wrong("boxes", "boxes with a label each", value)
    left, top, right, bottom = _sides("boxes", sides)
    return Box(label=label, left=left, top=top, right=right, bottom=bottom)


def _sides(name: str, value: Any) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box."""
    if not isinstance(value, list) or len(value) != len(_SIDES):
        raise _wrong(name, f"boxes of four numbers each ({', '.join(_SIDES)})", value)
    for side in value:
        if isinstance(side, bool) or not isinstance(side, (int, float)):
            raise _wrong(name, f"boxes of four numbers each ({', '.join(_SIDES)})", value)
        # No number is within bounds that is none: NaN.
        if not abs(side) <= _LARGEST_SIDE:
            raise _wrong(name, f"boxes of four numbers each ({', '.join(_SIDES)})", value)
    left, top, right, bottom = (round(side) for side in value)
    if left < 0 or top < 0 or right <= left or bottom <= top:
        raise _invalid(
            f"has a box in {name} from ({left}, {top}) to ({right}, {bottom}). Boxes begin inside "
            "the picture, and end to the right of and below where they begin"
        )
    return left, top, right, bottom


def _document(value: Any) -> ShownDocument:
    known = ("id", "uri", "text", "license")
    given = _mapping("documents", value, '{"uri": "dog.png", "text": "a dog"}')
    document = {name: "" if given.get(name) is None else str(given[name]) for name in known}
    if not document["uri"] and not document["text"].strip():
        raise _wrong("documents", "documents with a uri, a text or both", value)
    return ShownDocument(
        document_id=document["id"] or document["uri"],
        uri=document["uri"],
        text=document["text"],
        license=document["license"],
    )


def _mapping(name: str, value: Any, form: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, f"a list of {form}", value)
    return value


def _wrong(name: str, wanted: str, value: Any) -> RowError:
    return _invalid(f"has a column {name} that must hold {wanted}, not {_shown(value)}")


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _invalid(what: str) -> RowError:
    return RowError(FailureKind.INVALID_ROW, f"The row {what}.")
