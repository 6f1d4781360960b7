"""Tasks, settings and describers as tests of the Beam steps need them."""

import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.describing import DecodingSettings, DescribeRequest, Description, EncodedRequests
from models.source import ModelSource
from schemas.asset import Asset, Image, Question
from schemas.errors import RowError
from schemas.failure import FailureKind, Stage
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import plan_splits
from storage.catalog.split import Split
from storage.fetching.policy import FetchPolicy
from storage.keys import row_keys
from storage.store.local import LocalStore
from tests.storage.rows import FINGERPRINT
from transforms.items import Outcome, Task
from transforms.settings import DescribeSettings, ReadSettings, RunSettings

SOURCE = ModelSource(name="fake", location="fake", revision="r", model_type="fake")


def an_image(height: int = 8, width: int = 8, shade: int = 0) -> Image:
    pixels = np.full((height, width, 3), shade, dtype=np.uint8)
    return Image(sha256="0" * 64, format="png", width=width, height=height, pixels=pixels)


def a_task(
    position: int,
    *,
    ordinal: int = 0,
    image: Image | None = None,
    prompt: str = "p",
    problem: RowError | None = None,
    question: Question | None = None,
) -> Task:
    """A task of the asset ``a<position>``."""
    keys = row_keys([f"a{position}.{ordinal}"], None, FINGERPRINT)
    return Task(
        position=position,
        ordinal=ordinal,
        identity=(int(keys.identity[0, 0]), int(keys.identity[0, 1])),
        second=int(keys.second[0]),
        key=keys.hex(0),
        asset=Asset(asset_id=f"a{position}", uri=f"a{position}.png"),
        question=question,
        prompt=prompt,
        image=None if problem else image or an_image(),
        problem=problem,
        stage=Stage.FETCH if problem else Stage.DECODE,
    )


def a_problem(kind: FailureKind = FailureKind.NOT_FOUND) -> RowError:
    return RowError(kind, "it is not there")


def a_description(text: str = "a shape") -> Description:
    return Description(text=text, mean_logprob=-0.5, finish_reason="stop", token_count=3)


def an_outcome(task: Task) -> Outcome:
    return Outcome(task=task, result=task.problem or a_description(f"of {task.asset.asset_id}"))


def say_what_is_seen(request: DescribeRequest) -> Description:
    """A text that tells pictures and prompts apart."""
    return a_description(f"{zlib.crc32(request.images[0].tobytes()):08x} {request.prompt}")


class FakeDescriber:
    """A model that says of each row what a function says; what that raises fails the batch."""

    source = SOURCE
    device = "cpu"
    wanted_pixels = None
    shows_examples = True

    def __init__(
        self,
        say: Callable[[DescribeRequest], Description | RowError] = say_what_is_seen,
    ) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._encoded: dict[int, tuple[EncodedRequests, list[DescribeRequest]]] = {}
        self.batches: list[list[DescribeRequest]] = []

    def encode(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> EncodedRequests:
        encoded = EncodedRequests(
            count=len(requests), refused={}, groups=(), settings=settings, examples=()
        )
        with self._lock:
            self._encoded[id(encoded)] = (encoded, list(requests))
        return encoded

    def generate(self, encoded: EncodedRequests) -> list[Description | RowError]:
        with self._lock:
            requests = self._encoded[id(encoded)][1]
            self.batches.append(requests)
        return [self._say(request) for request in requests]

    def describe(
        self, requests: Sequence[DescribeRequest], settings: DecodingSettings
    ) -> list[Description | RowError]:
        return self.generate(self.encode(requests, settings))


def describe_settings(**changes: Any) -> DescribeSettings:
    settings = DescribeSettings(
        source=SOURCE, decoding=DecodingSettings(max_new_tokens=8), prompt="say", batch_size=4
    )
    return replace(settings, **changes)


def read_settings(catalog: Path, **changes: Any) -> ReadSettings:
    settings = ReadSettings(catalog=str(catalog), policy=FetchPolicy.for_catalog(str(catalog)))
    return replace(settings, **changes)


def run_settings(out: Path, run_id: str, **changes: Any) -> RunSettings:
    settings = RunSettings(out=str(out), run_id=run_id, version=version("calumma"), known_upto=0)
    return replace(settings, **changes)


def a_catalog(path: Path, ids: Sequence[str | None], uris: Sequence[object], **others: Any) -> Path:
    """A Parquet catalog in row groups of a thousand rows."""
    columns = {"id": pa.array(ids, pa.string()), "uri": pa.array(map(str, uris), pa.string())}
    pq.write_table(pa.table({**columns, **others}), path, row_group_size=1000)
    return path


def splits_of(catalog: Path, limit: int | None = None) -> list[Split]:
    store = LocalStore(catalog.parent / "listing")
    return list(plan_splits(str(catalog), ColumnNames(), limit, store, "listing"))
