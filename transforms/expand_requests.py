"""From a block of requests for pictures to its tasks: one a sample."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.asset import Asset, Question
from schemas.errors import NoPictureError, RowError
from schemas.generation_request import GenerationRequest
from storage.catalog.read_blocks import read_rows
from storage.catalog.split import RowBlock, Split
from storage.digests import DigestFile
from storage.fetching.policy import resolve_uri
from storage.keys import question_identity, row_identity, row_keys
from storage.known import KnownKeys
from transforms.expand_rows import BlockTasks, RowExpander, RowTask
from transforms.parse_request import RequestDefaults, parse_request


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One sample, or a row that asks for none because of a problem.

    Attributes:
        index: of the row in its block.
        version: of the row's content: what it asks among it.

    """

    index: int
    question: Question | None
    request: GenerationRequest | None
    problem: RowError | None
    identity: str
    version: str


class RequestExpander(RowExpander):
    """Turns requests into tasks, one a sample, and leaves out what is done.

    What is asked is part of a row's version, so that a changed prompt is drawn anew. How many
    samples are asked for is not: more of them are drawn beside those that are there. Rows are read
    whole for that, but for pictures that the catalog itself holds.

    Args:
        seeds_from: the part of the fingerprint that tells which pictures are drawn: what is done
            with them afterwards does not change the seeds.
        defaults: what holds where a row says nothing.

    """

    def __init__(
        self,
        *,
        fingerprint: bytes,
        seeds_from: bytes,
        known: KnownKeys,
        only_failed: bool,
        defaults: RequestDefaults,
        keep: Sequence[DigestFile] = (),
    ) -> None:
        super().__init__(fingerprint=fingerprint, known=known, only_failed=only_failed, keep=keep)
        self._seeds_from = seeds_from
        self._defaults = defaults

    def expand(self, split: Split, block: RowBlock) -> BlockTasks:
        """Find the tasks of a block's rows."""
        asked = list(self._samples(split, block))
        versions = [one.version for one in asked]
        keys = row_keys([one.identity for one in asked], versions, self._fingerprint)
        kept = self._kept(block.ids)[[one.index for one in asked]]
        to_do = self._to_do(keys) & kept
        skipped = [0] * len(block.ids)
        ordinals = [0] * len(block.ids)
        tasks = []
        for key in range(len(asked)):
            one = asked[key]
            if not to_do[key]:
                skipped[one.index] += 1
                continue
            tasks.append(
                RowTask(
                    index=one.index,
                    ordinal=ordinals[one.index],
                    question=one.question,
                    key=key,
                    request=one.request,
                    problem=one.problem,
                )
            )
            ordinals[one.index] += 1
        return BlockTasks(keys=keys, tasks=tuple(tasks), skipped=skipped, questions_sum=())

    def _samples(self, split: Split, block: RowBlock) -> Iterator[_Asked]:
        first = split.rows.start + block.start
        rows = read_rows(split, block, range(len(block.ids)), pictures=False)
        for index, row in enumerate(rows):
            asset_id = block.ids[index]
            version = block.versions[index] if block.versions else ""
            if asset_id is None:
                identity = row_identity(split.file.uri, first + index)
                yield _whole_row(index, identity, version, None)
                continue
            # That a picture is missing is not known here, and not always a problem.
            if row.problem is not None and not isinstance(row.problem, NoPictureError):
                yield _whole_row(index, asset_id, version, row.problem)
                continue
            try:
                request, samples = parse_request(row.asset, self._defaults)
            except RowError as error:
                # With what it says, so that a corrected row is tried.
                said = f"{version}\x00{_digest(row.asset)}"
                yield _whole_row(index, asset_id, said, error)
                continue
            version = f"{version}\x00{_digest(request)}"
            if request.seed is None:
                # Of the row and not of a sample: which samples are drawn with it changes nothing.
                keys = row_keys([asset_id], [version], self._seeds_from)
                request = replace(request, seed=keys.seed(0))
            request = _resolved(request, split.file.uri.rpartition("/")[0])
            for number in range(samples):
                yield _Asked(
                    index=index,
                    question=Question(
                        question_id=str(number), asset_id=asset_id, question=request.text
                    ),
                    request=request,
                    problem=None,
                    identity=question_identity(asset_id, str(number)),
                    version=version,
                )


def _resolved(request: GenerationRequest, folder: str) -> GenerationRequest:
    """With the uris that it names resolved against its file's folder."""
    return replace(
        request,
        images=tuple(resolve_uri(uri, folder) for uri in request.images),
        structure=resolve_uri(request.structure, folder) if request.structure else "",
        documents=tuple(
            replace(one, uri=resolve_uri(one.uri, folder) if one.uri else "")
            for one in request.documents
        ),
    )


def _whole_row(index: int, identity: str, version: str, problem: RowError | None) -> _Asked:
    return _Asked(
        index=index,
        question=None,
        request=None,
        problem=problem,
        identity=identity,
        version=version,
    )


def _digest(asked: GenerationRequest | Asset) -> str:
    text = json.dumps(dataclasses.asdict(asked), sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
