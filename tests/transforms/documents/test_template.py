"""Templates of documents."""

from pathlib import Path

import pytest

from schemas.errors import UsageError
from transforms.documents.template import (
    Field,
    Mark,
    Picture,
    Words,
    load_template,
    parse_template,
    template_names,
)


def layout(text: str, more: str = "") -> str:
    return f"task = 'told'\n[[layouts]]\ntext = '''{text}'''\n{more}"


def test_the_papers_tasks_come_with_the_package() -> None:
    assert template_names() == [
        "grounded",
        "instruction_edit",
        "long_caption",
        "pair",
        "question",
        "reasoning",
        "short_caption",
        "structure",
        "text_in_image",
    ]
    for name in template_names():
        template = load_template(name)
        assert template.task == name
        assert all(one.pictures for one in template.layouts)


def test_a_layout_is_read_item_by_item() -> None:
    text = "Edit {image@before:source}<break> as {instruction} <sep><mask>{boxes:objects}{image}"
    (read,) = parse_template("mine", layout(text, "mask = 'none'")).layouts
    assert read.items == (
        Words("Edit "),
        Picture(column="source", codes="before"),
        Words(" as "),
        Field("instruction"),
        Words(" "),
        Mark("sep"),
        Mark("mask"),
        Field("objects", boxes=True),
        Picture(),
    )
    # What is retrieved has a text and a picture alone.
    assert read.retrieved == (Field("text"), Mark("sep"), Picture())
    assert parse_template("mine", layout(text, "mask = 'none'")).columns == {
        "source",
        "instruction",
        "objects",
    }
    (pair,) = parse_template("mine", layout("{image}: {text}")).layouts
    assert pair.retrieved == pair.items


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("task =", "it is no TOML"),
        ("[[layouts]]\ntext = '{text}'", "must name its task"),
        ("task = 'a'", r"has no \[\[layouts\]\]"),
        (f"colour = 1\n{layout('{text}')}", "unknown key colour"),
        (layout("{text}", "wieght = 1"), "layout 1 has an unknown key wieght"),
        (layout("{text}", "weight = 0.4"), "sum to 0.4 and not to 1"),
        (layout("{text}", "weight = -1"), "weight of -1"),
        (layout("{text}", "weight = true"), "weight of True"),
        (layout("{text}", "mask = 'all'"), "'all', which must be one of cm3, fields, none"),
        (layout("{text}", "mask = 'fields'"), "names none to learn"),
        (layout("<mask><sep>{image}"), "writes <mask>, which cut spans use too"),
        (layout("{text}", "prompt_weight = 0.5"), "names no field to learn"),
        (layout("{text}", "learn = ['answer']"), "a list of fields of its text: text"),
        (layout("{text}", "learn = 'text'"), "a list of fields of its text: text"),
        (layout("{text}", "retrieved = '{question}'"), "other fields than"),
        (layout("a picture"), "writes nothing of its row"),
        (layout("{text} <image>"), "is no field and no token"),
        (layout("{image@}{text}"), "is no field and no token"),
        (layout("{text"), "is no field and no token"),
        ("task = 'a'\nlayouts = ['{text}']", "layout 1 has no text"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(content: str, said: str) -> None:
    with pytest.raises(UsageError, match=rf"The template mine cannot be used: .*{said}"):
        parse_template("mine", content)


def test_templates_are_found_by_name_and_by_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(layout("{text}{image}"))
    assert load_template(str(path)).name == "mine"
    for name in ("nothing", str(tmp_path / "none.toml")):
        with pytest.raises(UsageError, match="There is no template"):
            load_template(name)
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        load_template(str(path))
