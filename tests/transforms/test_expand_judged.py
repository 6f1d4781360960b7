"""Which rows a filter judges: what its rules look at is part of a row's version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.asset import Asset
from schemas.errors import NoPictureError, RowError
from schemas.failure import FailureKind
from storage.catalog.split import CatalogFile, CatalogRow, RowRange, Split
from storage.digests import DigestSet
from storage.known import KnownKeys
from transforms.expand_judged import JudgedExpander
from transforms.filter_rules import FilterRules

SPLIT = Split(
    split_id="s",
    offset=0,
    file=CatalogFile(uri="/catalog.parquet", identity="1"),
    format="parquet",
    rows=RowRange(start=0, stop=9),
)
LICENSES = FilterRules(licenses=("cc0",))
TEXTS = FilterRules(min_words=1)
SIZES = FilterRules(min_width=1)
SCORES = FilterRules(min_clip_score=0.1)

Said = tuple[str, str]
"""A text and a licence."""


@dataclass
class Block:
    said: Sequence[Said]
    problem: RowError | None = None
    versions: Sequence[str] | None = None
    start: int = 0

    @property
    def ids(self) -> Sequence[str | None]:
        return ["same"] * len(self.said)

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:
        assert not pictures
        for index in wanted:
            text, license_name = self.said[index]
            asset = Asset(asset_id="same", uri="", text=text, license=license_name)
            yield CatalogRow(position=index, asset=asset, problem=self.problem)


def keys(rules: FilterRules, block: Block) -> list[str]:
    none = DigestSet([])
    expander = JudgedExpander(
        fingerprint=b"f" * 16,
        known=KnownKeys(done=none, failed=none, retry=none, doubled=none),
        only_failed=False,
        rules=rules,
    )
    expanded = expander.expand(SPLIT, block)
    assert [task.index for task in expanded.tasks] == list(range(len(block.said)))
    return [expanded.keys.hex(place) for place in range(len(block.said))]


said = st.tuples(st.text(max_size=3), st.text(max_size=3))


@given(said, said)
def test_what_is_judged_tells_versions_apart(first: Said, second: Said) -> None:
    def same(rules: FilterRules, problem: RowError | None = None) -> bool:
        one, other = keys(rules, Block([first, second], problem=problem))
        return one == other

    for problem in (None, NoPictureError(FailureKind.INVALID_ROW, "names none")):
        assert same(LICENSES, problem) == (first[1] == second[1])
        assert same(TEXTS, problem) == same(SCORES, problem) == (first[0] == second[0])
        assert same(FilterRules(licenses=("cc0",), min_words=1), problem) == (first == second)
    assert same(TEXTS, RowError(FailureKind.INVALID_ROW, "cannot be parsed"))


def test_of_sizes_alone_no_row_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*arguments: object, **named: object) -> None:
        raise AssertionError("a row was read")

    monkeypatch.setattr(Block, "rows", read)
    one, other = keys(SIZES, Block([("a", "b"), ("c", "d")]))
    assert one == other
    one, other = keys(SIZES, Block([("a", "b"), ("c", "d")], versions=["1", "2"]))
    assert one != other
