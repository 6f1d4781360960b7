"""Templates of documents: files that say how a row of a catalog becomes one.

task = "short_caption"

[[layouts]]
weight = 0.5
text = "{text}<sep>{image}"

[[layouts]]
weight = 0.5
text = "{image}describe briefly<sep>{text}"
learn = ["text"]
mask = "none"
"""

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schemas.errors import UsageError

TEMPLATES = Path(__file__).parent / "templates"
"""Folder of the templates that come with the package."""

Masking = Literal["cm3", "fields", "none"]
"""Whether spans are drawn and cut out, or what is to be learnt is, or nothing."""

_MASKINGS = ("cm3", "fields", "none")
_PAIR = "{text}<sep>{image}"
_SLOT = re.compile(
    r"\{image(?:@(?P<codes>\w+))?(?::(?P<picture>[^{}:]+))?\}"
    r"|\{boxes:(?P<boxes>[^{}:]+)\}"
    r"|\{(?P<field>[^{}:@]+)\}"
    r"|<(?P<mark>sep|break|mask)>"
)
_IMAGE = "image"
_KEYS = {"weight", "text", "retrieved", "learn", "mask", "prompt_weight"}


@dataclass(frozen=True, slots=True)
class Words:
    """Text of the template itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """The text of a column; ``boxes`` says whether it is a list of objects and their boxes."""

    column: str
    boxes: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: ``column`` holds its asset id, none for the row's own; ``codes`` names a set."""

    column: str = ""
    codes: str = ""

    @property
    def field(self) -> str:
        """How the template calls it."""
        set_name = f"{_IMAGE}@{self.codes}" if self.codes else _IMAGE
        return f"{set_name}:{self.column}" if self.column else set_name


@dataclass(frozen=True, slots=True)
class Mark:
    """A token with a name: the separator, or a mask for what is not said."""

    name: Literal["sep", "mask"]


Item = Words | Field | Picture | Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way to write a row.

    Attributes:
        weight: how often it is drawn.
        items: what is written, in order.
        retrieved: likewise of each document before it; these have a text and a picture alone.
        learn: fields that are to be learnt; empty for all.
        prompt_weight: weight in the loss of what is not among them; 0 by default.
        mask: what is cut out.

    """

    weight: float
    items: tuple[Item, ...]
    retrieved: tuple[Item, ...]
    learn: tuple[str, ...] = ()
    prompt_weight: float = 1.0
    mask: Masking = "cm3"

    @property
    def fields(self) -> frozenset[str]:
        """Columns whose text is written."""
        return frozenset(item.column for item in self.items if isinstance(item, Field))

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures that are shown."""
        return tuple(item for item in self.items if isinstance(item, Picture))


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How rows become documents.

    Attributes:
        name: of its file.
        task: what is learnt.
        layouts: ways to write a row, of which one is drawn for each document.

    """

    name: str
    task: str
    layouts: tuple[Layout, ...]

    @property
    def columns(self) -> frozenset[str]:
        """Columns that every layout needs or some do, of texts and of asset ids."""
        texts = {name for layout in self.layouts for name in layout.fields}
        return frozenset(
            texts
            | {item.column for layout in self.layouts for item in layout.pictures if item.column}
        )


def template_names() -> list[str]:
    """The templates that come with the package."""
    return sorted(path.stem for path in TEMPLATES.glob("*.toml"))


def load_template(name: str) -> Template:
    """Read a template: one of the package's by its name, or a file.

    Raises:
        UsageError: there is no such template, or it is not one; the text says what is wrong.

    """
    path = TEMPLATES / f"{name}.toml" if re.fullmatch(r"[\w-]+", name) else Path(name)
    try:
        content = path.read_text("utf-8")
    except FileNotFoundError:
        names = ", ".join(template_names())
        raise UsageError(
            f"There is no template {name}. Name a .toml file, or one of these: {names}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The template {name} cannot be read: {error}.") from error
    return parse_template(path.stem, content)


def parse_template(name: str, content: str) -> Template:
    """Read the content of a template's file.

    Raises:
        UsageError: it is no template.

    """
    try:
        read = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, f"it is no TOML: {error}") from error
    task = read.get("task")
    layouts = read.get("layouts")
    if unknown := sorted(read.keys() - {"task", "layouts"}):
        raise _wrong(name, f"it has an unknown key {unknown[0]}")
    if not isinstance(task, str) or not task.strip():
        raise _wrong(name, "it must name its task")
    if not isinstance(layouts, list) or not layouts:
        raise _wrong(name, "it has no [[layouts]]")
    found = tuple(_layout(name, number, one) for number, one in enumerate(layouts, 1))
    total = math.fsum(layout.weight for layout in found)
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise _wrong(name, f"the weights of its layouts sum to {total:g} and not to 1")
    return Template(name=name, task=task, layouts=found)


def _layout(name: str, number: int, read: Any) -> Layout:
    def wrong(why: str) -> UsageError:
        return _wrong(name, f"layout {number} {why}")

    if not isinstance(read, dict) or not isinstance(read.get("text"), str):
        raise wrong("has no text")
    if unknown := sorted(read.keys() - _KEYS):
        raise wrong(f"has an unknown key {unknown[0]}")
    learn = read.get("learn", [])
    weight, prompt_weight = (
        read.get("weight", 1.0),
        read.get("prompt_weight", 0.0 if learn else 1.0),
    )
    for key, value in (("weight", weight), ("prompt_weight", prompt_weight)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf:
            raise wrong(f"has a {key} of {value!r}, which must be a number of 0 or more")
    mask = read.get("mask", "cm3")
    if mask not in _MASKINGS:
        raise wrong(f"has the mask {mask!r}, which must be one of {', '.join(_MASKINGS)}")
    items = _items(read["text"], wrong)
    named = {item.column if isinstance(item, Field) else item.field for item in _named(items)}
    if not isinstance(learn, list) or any(one not in named for one in learn):
        fields = ", ".join(sorted(named))
        raise wrong(f"is to learn {learn!r}, which must be a list of fields of its text: {fields}")
    if mask == "fields" and not learn:
        raise wrong('cuts out fields (mask = "fields") and names none to learn')
    if mask != "none" and Mark("mask") in items:
        raise wrong('writes <mask>, which cut spans use too: give it mask = "none"')
    if prompt_weight != 1.0 and not learn:
        raise wrong("has a prompt_weight and names no field to learn")
    own = {"text"} >= {item.column for item in items if isinstance(item, Field)} and {_IMAGE} >= {
        item.field for item in items if isinstance(item, Picture)
    }
    retrieved = read.get("retrieved", read["text"] if own else _PAIR)
    if not isinstance(retrieved, str):
        raise wrong("has no text for retrieved documents")
    shown = _items(retrieved, wrong)
    if any(_name_of(item) not in {"text", _IMAGE} for item in _named(shown)):
        raise wrong("shows retrieved documents with other fields than {text} and {image}")
    return Layout(
        weight=float(weight),
        items=items,
        retrieved=shown,
        learn=tuple(learn),
        prompt_weight=float(prompt_weight),
        mask=mask,
    )


def _named(items: tuple[Item, ...]) -> list[Field | Picture]:
    return [item for item in items if isinstance(item, Field | Picture)]


def _name_of(item: Field | Picture) -> str:
    return item.column if isinstance(item, Field) else item.field


def _items(text: str, wrong: Any) -> tuple[Item, ...]:
    items: list[Item] = []
    at = 0
    for slot in _SLOT.finditer(text):
        _add_words(items, text[at : slot.start()], wrong)
        at = slot.end()
        items += _slot_items(slot)
    _add_words(items, text[at:], wrong)
    if not any(isinstance(item, Field | Picture) for item in items):
        raise wrong("writes nothing of its row")
    return tuple(items)


def _slot_items(slot: re.Match[str]) -> list[Item]:
    if slot["mark"] == "break":
        # The tokens that begin and end a picture are what says that the modality changes.
        return []
    if slot["mark"] is not None:
        return [Mark("sep" if slot["mark"] == "sep" else "mask")]
    if slot["field"] is not None:
        return [Field(slot["field"])]
    if slot["boxes"] is not None:
        return [Field(slot["boxes"], boxes=True)]
    return [Picture(column=slot["picture"] or "", codes=slot["codes"] or "")]


def _add_words(items: list[Item], text: str, wrong: Any) -> None:
    if re.search(r"[{}]|<\w+>", text):
        raise wrong(
            f"has {text.strip()!r}, which is no field and no token: those are {{column}}, "
            "{image}, {image:column}, {image@codes}, {boxes:column}, <sep>, <break> and <mask>"
        )
    if text:
        items.append(Words(text))


def _wrong(name: str, why: str) -> UsageError:
    return UsageError(f"The template {name} cannot be used: {why}.")
