"""Describing pictures with worked examples before them, which are retrieved batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.describing import (
    Describer,
    DescribeRequest,
    Description,
    EncodedRequests,
    load_describer,
)
from schemas.errors import RowError
from transforms.find_examples import ExampleFinder, Sought
from transforms.items import Task
from transforms.settings import DescribeSettings
from transforms.window_handler import WindowHandler


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class DescriberWithExamples:
    """A model, and where its examples come from."""

    describer: Describer
    finder: ExampleFinder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """A row for the model, before it has examples."""

    asset_id: str
    request: DescribeRequest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedWithExamples:
    """A batch that is ready for the model, but for the rows that have no examples because of an
    error: by their place.
    """

    encoded: EncodedRequests
    failed: dict[int, RowError]


class ExampleDescribingHandler(WindowHandler[DescriberWithExamples, Asked, EncodedWithExamples]):
    """Runs an image-text-to-text model on windows of tasks, each with examples."""

    def __init__(self, work: DescribeSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        assert work.examples is not None
        self._decoding = work.decoding
        self._examples = work.examples

    def _load(self) -> DescriberWithExamples:
        describer = load_describer(
            self._work.source, device=self._work.device or None, dtype=self._work.dtype or None
        )
        finder = ExampleFinder(self._examples, pictures=describer.shows_examples)
        return DescriberWithExamples(describer=describer, finder=finder)

    def _request(self, task: Task) -> Asked:
        assert task.image is not None
        request = DescribeRequest(images=(task.image.pixels,), prompt=task.prompt, seed=task.seed)
        return Asked(asset_id=task.asset.asset_id, request=request)

    def _encode(
        self, model: DescriberWithExamples, requests: Sequence[Asked]
    ) -> EncodedWithExamples:
        found = model.finder.find(
            [Sought(asset_id=one.asset_id, pixels=one.request.images[0]) for one in requests]
        )
        ready = [
            replace(one.request, examples=examples)
            for one, examples in zip(requests, found, strict=True)
            if not isinstance(examples, RowError)
        ]
        return EncodedWithExamples(
            encoded=model.describer.encode(ready, self._decoding),
            failed={
                place: problem
                for place, problem in enumerate(found)
                if isinstance(problem, RowError)
            },
        )

    def _run(
        self, model: DescriberWithExamples, encoded: EncodedWithExamples
    ) -> Sequence[Description | RowError]:
        described = iter(model.describer.generate(encoded.encoded))
        count = encoded.encoded.count + len(encoded.failed)
        return [encoded.failed.get(place) or next(described) for place in range(count)]
