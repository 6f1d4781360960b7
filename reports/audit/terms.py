"""Finding the terms of word lists in texts, in one pass over a text's words."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from reports.audit.word_lists import Term, WordList

_LEAST_TEXTS = 10
_POSSESSIVES = ("'s", "’s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """Of the texts with a term and a word of one of two categories: how many have the first's.

    Attributes:
        source: the term's list.
        term: by its first form.
        category: the first category, such as ``feminine``; ``other`` the second.
        rows: texts with the term and a word of just one of the two categories.
        first: those with a word of the first.
        other_rows: the other texts with a word of just one of the two, and ``other_first`` those
            of them with a word of the first.

    """

    source: str
    term: str
    category: str
    other: str
    rows: int
    first: int
    other_rows: int
    other_first: int


class TermFinder:
    """Finds which categories of some lists a text has a term of.

    Attributes:
        categories: list and category of each measure, in order.

    """

    def __init__(self, lists: Sequence[WordList]) -> None:
        self._lists = lists
        self.categories = [(one.name, name) for one in lists for name in one.categories]
        place = {category: number for number, category in enumerate(self.categories)}
        self._terms: dict[Term, set[tuple[int, str]]] = defaultdict(set)
        self._lengths: dict[str, set[int]] = defaultdict(set)
        for one in lists:
            for name, terms in one.categories.items():
                for forms in terms:
                    for form in forms:
                        self._terms[form].add((place[one.name, name], " ".join(forms[0])))
                        self._lengths[form[0]].add(len(form))
        self._poles = {
            one.name: (place[other, first], place[other, second])
            for one in lists
            if one.leaning
            for other, first, second in [one.leaning]
            if (other, first) in place and (other, second) in place
        }
        self._pairs: Counter[tuple[str, str, bool]] = Counter()
        self._all: Counter[tuple[str, bool]] = Counter()

    def find(self, words: Sequence[str]) -> set[int]:
        """The categories that a text has terms of, by their places, and count its leanings.

        Args:
            words: in small letters.

        """
        hits: set[tuple[int, str]] = set()
        lengths = self._lengths
        for at, word in enumerate(words):
            if word not in lengths:
                if not word.endswith(_POSSESSIVES) or word[:-2] not in lengths:
                    continue
                word = word[:-2]  # noqa: PLW2901 - as if it stood there
            for length in lengths[word]:
                hits |= self._terms.get((word, *words[at + 1 : at + length]), set())
        found = {place for place, _ in hits}
        if found and self._poles:
            self._lean(found, hits)
        return found

    def leanings(self) -> list[Leaning]:
        """The terms that stand with either category in ten texts at least, the commonest first."""
        results = []
        names = {(source, term) for source, term, _ in self._pairs}
        for source, term in names:
            first, second = (self._pairs[source, term, one] for one in (True, False))
            if first + second < _LEAST_TEXTS:
                continue
            whole = self._all[source, True] + self._all[source, False]
            if whole == first + second:
                continue  # there is nothing to compare with
            category, other = (self.categories[place][1] for place in self._poles[source])
            results.append(
                Leaning(
                    source=source,
                    term=term,
                    category=category,
                    other=other,
                    rows=first + second,
                    first=first,
                    other_rows=whole - first - second,
                    other_first=self._all[source, True] - first,
                )
            )
        return sorted(results, key=lambda one: (-one.rows, one.source, one.term))

    def _lean(self, found: set[int], hits: set[tuple[int, str]]) -> None:
        for source, (first, second) in self._poles.items():
            if (first in found) == (second in found):
                continue
            self._all[source, first in found] += 1
            named = {term for place, term in hits if self.categories[place][0] == source}
            for term in named:
                self._pairs[source, term, first in found] += 1
