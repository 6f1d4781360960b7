"""Word lists, and finding their terms."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.audit.terms import TermFinder
from reports.audit.word_lists import NAMES, Term, WordList, read_word_list, shipped_lists
from reports.nightly.texts import script_of, words_of
from schemas.errors import CatalogError

few_words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)
terms = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3).map(tuple)


def categories(finder: TermFinder, text: str) -> set[str]:
    found = finder.find(words_of(text, script_of(text)))
    return {finder.categories[place][1] for place in found}


@settings(deadline=None)
@given(few_words, st.dictionaries(st.sampled_from("xyz"), st.lists(terms, min_size=1, max_size=3)))
def test_terms_are_found_where_they_stand(words: list[str], lists: dict[str, list[Term]]) -> None:
    of_category = {name: tuple((one,) for one in some) for name, some in lists.items()}
    one = WordList(name="own", title="own", sources=(), categories=of_category)
    finder = TermFinder([one])
    expected = {
        name
        for name, some in lists.items()
        if any(f" {' '.join(term)} " in f" {' '.join(words)} " for term in some)
    }
    assert {finder.categories[place][1] for place in finder.find(words)} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A woman's hat, and Men's shoes", {"feminine", "masculine"}),
        ("the human mansion of a mandarin", set()),
        ("a white shirt and a black dog", set()),
        ("a black man in a white shirt", {"dark skin", "masculine"}),
        ("an old man", {"old", "masculine"}),
        ("an old house", set()),
        ("a flight attendant", {"seen as women's"}),
        ("eine Frau, ένας άνδρας, 女性, ผู้หญิง, امرأة", set()),
        ("", set()),
        ("🦎 \u202e \x00", set()),
    ],
)
def test_what_the_shipped_lists_find(text: str, expected: set[str]) -> None:
    assert categories(TermFinder(shipped_lists()), text) == expected


def test_shipped_lists_are_cited_and_say_no_term_twice() -> None:
    for one in shipped_lists():
        assert one.sources
        forms = [form for some in one.categories.values() for term in some for form in term]
        assert len(forms) == len(set(forms)), one.name
    assert [one.name for one in shipped_lists()] == list(NAMES)


def test_leanings_are_counted_by_term() -> None:
    finder = TermFinder(shipped_lists())
    texts = ["a nurse with her bag"] * 12 + ["nurses and a man"] * 4 + ["a man and a dog"] * 10
    texts += ["a nurse"] * 5 + ["a nurse, a man and a woman"] * 5 + ["a pilot and a man"] * 9
    for text in texts:
        categories(finder, text)
    (one,) = finder.leanings()
    assert (one.term, one.category, one.other) == ("nurse", "feminine", "masculine")
    assert (one.rows, one.first, one.other_rows, one.other_first) == (16, 12, 19, 0)


def test_lists_of_the_users(tmp_path: Path) -> None:
    text = tmp_path / "hats.txt"
    text.write_text("# hats\nhat|hats\n女性\nผู้หญิง # woman\nشابة\n", "utf-8")
    finder = TermFinder([read_word_list("hats", str(text))])
    for found in ("Two HATS.", "一位女性在跑步", "ผู้หญิงกำลังวิ่ง", "امرأة شابة تركض"):
        assert categories(finder, found) == {"hats"}, found
    table = tmp_path / "own.toml"
    table.write_text(
        'persons = ["dog"]\n[before_persons]\nbig = ["huge"]\n[terms]\nsmall = ["tiny"]'
    )
    finder = TermFinder([read_word_list("own", str(table))])
    assert categories(finder, "a huge dog and a tiny cat") == {"big", "small"}
    assert categories(finder, "a huge cat") == set()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.txt", b"# nothing\n\n", "holds no terms"),
        ("empty.toml", b"title = 'a'", "holds no terms"),
        ("broken.toml", b"[terms", "cannot be read"),
        ("wrong.toml", b"[terms]\na = 'b'", "must be a list"),
        ("wrong.toml", b"terms = 3", "must be a table"),
        ("binary.txt", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match=said):
        read_word_list("own", str(tmp_path / name))
    with pytest.raises(CatalogError, match="There is no"):
        read_word_list("own", str(tmp_path / "gone.txt"))
