"""Requests to tasks: one a sample, told apart by what is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from schemas.asset import Asset
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.catalog.columns import missing_uri
from storage.catalog.split import CatalogFile, CatalogRow, RowRange, Split
from storage.digests import DigestSet, sorted_digests
from storage.keys import asset_words, row_keys
from storage.known import KnownKeys
from transforms.expand_requests import RequestExpander
from transforms.expand_rows import BlockTasks
from transforms.parse_request import RequestDefaults

_FINGERPRINT = bytes(16)
_SPLIT = Split(
    split_id="s",
    offset=0,
    file=CatalogFile(uri="/folder/requests.jsonl", identity=""),
    format="jsonl",
    rows=RowRange(start=0, stop=100),
)
_NOTHING = DigestSet([])


@dataclass
class Block:
    """Rows of requests; their pictures must be left alone."""

    assets: Sequence[Asset]
    problems: dict[int, RowError] = field(default_factory=dict)
    start: int = 0

    @property
    def ids(self) -> list[str | None]:
        return [asset.asset_id or None for asset in self.assets]

    @property
    def versions(self) -> list[str]:
        return [asset.content_version for asset in self.assets]

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:
        assert not pictures
        for index in wanted:
            yield CatalogRow(
                position=index, asset=self.assets[index], problem=self.problems.get(index)
            )


def expand(
    block: Block,
    *,
    done: DigestSet = _NOTHING,
    failed: DigestSet = _NOTHING,
    only_failed: bool = False,
    keep: Sequence[str] | None = None,
    samples: int = 1,
    seed: int | None = None,
) -> BlockTasks:
    expander = RequestExpander(
        fingerprint=_FINGERPRINT,
        seeds_from=_FINGERPRINT,
        known=KnownKeys(done=done, failed=failed, retry=_NOTHING, doubled=_NOTHING),
        only_failed=only_failed,
        defaults=RequestDefaults(template="draw {prompt}", samples=samples, seed=seed),
        keep=[] if keep is None else [sorted_digests(*asset_words(keep).T)],
    )
    return expander.expand(_SPLIT, block)


def keys_of(found: BlockTasks, *tasks: int) -> DigestSet:
    """The keys of some tasks as those of a commit."""
    keys = [found.tasks[task].key for task in tasks]
    return DigestSet([sorted_digests(found.keys.identity[keys, 0], found.keys.second[keys])])


def samples_of(found: BlockTasks) -> list[tuple[int, str]]:
    return [
        (task.index, task.question.question_id if task.question else "") for task in found.tasks
    ]


_TWO = Block(
    [
        Asset(asset_id="a", uri="", text="a dog", attributes='{"samples": 3}'),
        Asset(asset_id="b", uri="", text="a cat"),
    ]
)


def test_each_sample_is_a_task() -> None:
    found = expand(_TWO, samples=2)
    assert samples_of(found) == [(0, "0"), (0, "1"), (0, "2"), (1, "0"), (1, "1")]
    assert [task.ordinal for task in found.tasks] == [0, 1, 2, 0, 1]
    assert len({found.keys.hex(task.key) for task in found.tasks}) == 5
    first = [task.request for task in found.tasks[:3]]
    assert first[0] is first[1] is first[2]
    assert first[0] is not None
    assert first[0].prompt == "draw a dog"


def test_what_is_done_is_skipped_sample_by_sample() -> None:
    found = expand(_TWO, samples=2)
    again = expand(_TWO, done=keys_of(found, 0, 2, 3, 4), samples=2)
    assert samples_of(again) == [(0, "1")]
    assert list(again.skipped) == [2, 2]
    # More samples change neither keys nor seeds of those that are there.
    more = expand(_TWO, done=keys_of(found, 0, 1, 2, 3, 4), samples=3)
    assert samples_of(more) == [(1, "2")]
    assert more.tasks[0].request == found.tasks[3].request
    failed = expand(_TWO, failed=keys_of(found, 1), only_failed=True, samples=2)
    assert samples_of(failed) == [(0, "1")]
    kept = expand(_TWO, keep=["b"], samples=2)
    assert samples_of(kept) == [(1, "0"), (1, "1")]
    assert list(kept.skipped) == [3, 0]


@pytest.mark.parametrize(
    "changed",
    [
        replace(_TWO.assets[1], text="a cow"),
        replace(_TWO.assets[1], attributes='{"seed": 5}'),
        replace(_TWO.assets[1], content_version="2"),
    ],
)
def test_a_row_that_asks_something_else_is_another_one_of_the_same_id(changed: Asset) -> None:
    before, after = expand(_TWO), expand(Block([changed]))
    one, other = before.tasks[3].key, after.tasks[0].key
    assert before.keys.hex(one) != after.keys.hex(other)
    # Doubled ids are told by the identity.
    assert (before.keys.identity[one] == after.keys.identity[other]).all()


def test_seeds_are_of_the_row_unless_it_or_the_command_names_one() -> None:
    seeds = [task.request.seed for task in expand(_TWO).tasks if task.request]
    assert len(set(seeds)) == 2
    assert all(seed is not None and 0 <= seed < 1 << 63 for seed in seeds)
    assert [task.request.seed for task in expand(_TWO, seed=4).tasks if task.request] == [4] * 4


def test_uris_start_from_the_requests_own_folder_and_not_in_the_key() -> None:
    block = Block(
        [
            Asset(
                asset_id="a",
                uri="",
                text="a dog",
                attributes='{"images": ["x.png"], "documents": [{"uri": "y.png"}, {"text": "z"}]}',
            )
        ]
    )
    (task,) = expand(block).tasks
    assert task.request is not None
    assert task.request.images == ("/folder/x.png",)
    assert [one.uri for one in task.request.documents] == ["/folder/y.png", ""]


def test_rows_that_ask_nothing_sensible_are_one_task_that_fails() -> None:
    unreadable = RowError(FailureKind.STORAGE_ERROR, "gone")
    block = Block(
        [
            Asset(asset_id="a", uri="", text="a dog", attributes='{"samples": 0}'),
            Asset(asset_id="b", uri="", text=""),
            Asset(asset_id="", uri="", text="a dog"),
            Asset(asset_id="d", uri=""),
            # Whether a picture is needed is not known here.
            Asset(asset_id="e", uri="", text="a dog"),
        ],
        {3: unreadable, 4: missing_uri("It")},
    )
    found = expand(block, samples=2)
    assert samples_of(found) == [(0, ""), (1, ""), (2, ""), (3, ""), (4, "0"), (4, "1")]
    problems = [task.problem for task in found.tasks]
    assert "0 samples" in str(problems[0])
    assert "no prompt" in str(problems[1])
    # Reading tells what is wrong with a row without id.
    assert problems[2:] == [None, unreadable, None, None]
    # Once it is corrected it is tried again; until then it is known.
    known = keys_of(found, 0)
    assert 0 not in [task.index for task in expand(block, failed=known, samples=2).tasks]
    corrected = replace(block.assets[0], attributes='{"samples": 1}')
    assert samples_of(expand(Block([corrected]), failed=known)) == [(0, "0")]


def test_keys_are_those_of_row_keys() -> None:
    found = expand(Block([replace(_TWO.assets[1], asset_id="x", text="")]))
    (task,) = found.tasks
    keys = row_keys(["x"], [""], _FINGERPRINT)
    assert (found.keys.identity[task.key] == keys.identity[0]).all()
