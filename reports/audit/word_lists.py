"""Word lists: those that ship with the project, and the user's own."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.nightly.texts import script_of, words_of
from schemas.errors import CatalogError
from storage.catalog.opening import open_file

_SHIPPED = Path(__file__).parent.parent / "word_lists"
NAMES = ("gender", "age", "origin", "occupations", "activities")
"""The lists that ship, in the order in which they are told."""

Term = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList:
    """Terms by category.

    Attributes:
        name: such as ``gender``.
        title: for people.
        sources: the literature that its categories come from.
        categories: of each category its terms; of each term its forms, words each; the first form
            names the term.
        leaning: another list and two of its categories, of which it is counted which one the
            texts with a term name; empty for none.

    """

    name: str
    title: str
    sources: tuple[str, ...]
    categories: Mapping[str, tuple[tuple[Term, ...], ...]]
    leaning: tuple[str, ...] = ()


def shipped_lists() -> list[WordList]:
    """The lists that ship with the project."""
    return [
        _from_table(name, tomllib.loads((_SHIPPED / f"{name}.toml").read_text("utf-8")), name)
        for name in NAMES
    ]


def read_word_list(name: str, uri: str) -> WordList:
    """Read a list of the user's: TOML as the shipped ones are, or a text with one term a line.

    Args:
        name: of the list, and of its only category where it is a text.

    Raises:
        CatalogError: it is not there, is no text, or holds no terms.

    """
    try:
        with open_file(uri) as file:
            content = file.read().decode("utf-8-sig")
        if uri.endswith(".toml"):
            return _from_table(name, tomllib.loads(content), uri)
    except FileNotFoundError:
        raise CatalogError(f"There is no {uri}.") from None
    except CatalogError:
        raise
    except (OSError, ValueError) as error:
        raise CatalogError(f"The words in {uri} cannot be read: {error}") from error
    lines = (line.partition("#")[0].strip() for line in content.splitlines())
    terms = tuple(_forms(line) for line in lines if line)
    return _checked(WordList(name=name, title=name, sources=(), categories={name: terms}), uri)


def _from_table(name: str, table: Mapping[str, Any], uri: str) -> WordList:
    categories: dict[str, tuple[tuple[Term, ...], ...]] = {}
    for category, listed in _lists(table, "terms", uri):
        categories[category] = tuple(map(_forms, listed))
    persons = table.get("persons", [])
    for category, listed in _lists(table, "before_persons", uri):
        phrases = tuple(
            tuple(_words(f"{word} {person}") for person in persons) for word in listed if persons
        )
        categories[category] = (*categories.get(category, ()), *phrases)
    return _checked(
        WordList(
            name=name,
            title=str(table.get("title", name)),
            sources=tuple(map(str, table.get("sources", ()))),
            categories=categories,
            leaning=tuple(map(str, table.get("leaning", ()))),
        ),
        uri,
    )


def _lists(table: Mapping[str, Any], name: str, uri: str) -> Iterator[tuple[str, Sequence[str]]]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise CatalogError(
            f"[{name}] of {uri} must be a table of categories, each a list of terms."
        )
    for category, listed in found.items():
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise CatalogError(
                f"{category} in [{name}] of {uri} must be a list of terms in quotes."
            )
        yield category, listed


def _checked(made: WordList, uri: str) -> WordList:
    if not any(form for terms in made.categories.values() for forms in terms for form in forms):
        raise CatalogError(
            f"{uri} holds no terms. Write one a line, its other forms behind it: nurse|nurses."
        )
    if made.leaning and len(made.leaning) != 3:
        raise CatalogError(f"leaning of {uri} must be a list and two of its categories.")
    return made


def _forms(term: str) -> tuple[Term, ...]:
    return tuple(form for form in map(_words, term.split("|")) if form)


def _words(text: str) -> Term:
    return tuple(words_of(text, script_of(text)))
