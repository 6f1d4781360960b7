"""What captioning and answering have in common in a pipeline of one's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput

from models.describing import DecodingSettings
from models.source import ModelSource
from models.wanted_pixels import wanted_pixels
from schemas.description import Answer, Caption
from schemas.errors import UsageError
from schemas.failure import Failure
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy
from storage.load_settings import LoadSettings
from transforms.catalog_picture import CatalogPicture
from transforms.describe import DescribingHandler
from transforms.items import Done, Outcome
from transforms.load_tasks import LoadTasks
from transforms.outcome_rows import outcome_row
from transforms.settings import DescribeSettings

Dtype = Literal["float32", "bfloat16", "float16"]
_Outputs = TypeVar("_Outputs")

# Pictures are collected up to so many rows, or so many bytes of those that the catalog holds; among
# them the next are loaded while the model works on the last.
_ROWS_AHEAD = 1024
_BYTES_AHEAD = 64 << 20


@dataclass(kw_only=True, eq=False)
class DescribeImages(beam.PTransform[PCollection[CatalogPicture], _Outputs]):
    """Base of :class:`CaptionImages` and :class:`AnswerQuestions`; not to be used by itself.

    Attributes:
        model: from :func:`calumma.resolve_model`.
        prompt: what is asked; None for the model's own prompt.
        decoding: how tokens are chosen.
        batch_size: rows given to the model at once; halved by itself when memory runs out.
        device: a torch device; None takes an accelerator if there is one.
        dtype: number format; None takes bfloat16 on an accelerator, else float32.
        policy: what uris may make a worker read. Local files are read only for pictures that are
            ``local``, whatever the policy says.
        limits: of decoding one picture.
        fetch_threads: pictures fetched at the same time by one worker.
        decode_helpers: decoding processes of one worker.

    """

    model: ModelSource
    prompt: str | None = None
    decoding: DecodingSettings
    batch_size: int = 32
    device: str | None = None
    dtype: Dtype | None = None
    policy: FetchPolicy = field(default_factory=lambda: FetchPolicy.for_catalog("."))
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    fetch_threads: int = 16
    decode_helpers: int = 1

    def __post_init__(self) -> None:
        super().__init__()
        for name in ("batch_size", "fetch_threads", "decode_helpers"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.dtype not in (None, *get_args(Dtype)):
            raise UsageError(
                f"dtype must be one of {', '.join(get_args(Dtype))}, not {self.dtype!r}."
            )

    def _describe(
        self,
        pictures: PCollection[CatalogPicture],
        record: type[Caption] | type[Answer],
        prompt: str,
        questions: tuple[tuple[str, str], ...] = (),
    ) -> tuple[PCollection[Any], PCollection[Failure]]:
        """Collect, load, ask, and tell what failed apart; no step of it shuffles."""
        describe = DescribeSettings(
            source=self.model,
            decoding=self.decoding,
            prompt=prompt,
            questions=questions,
            batch_size=self.batch_size,
            device=self.device or "",
            dtype=self.dtype or "",
        )
        load = LoadSettings(
            policy=self.policy,
            limits=self.limits,
            wanted_pixels=wanted_pixels(self.model),
            fetch_threads=self.fetch_threads,
            decode_helpers=self.decode_helpers,
        )
        handler = DescribingHandler(describe, "").with_no_batching()
        outcomes: DoOutputsTuple = (
            pictures
            | "Collect" >> beam.BatchElements(_ROWS_AHEAD, _ROWS_AHEAD, element_size_fn=_rows_worth)
            | "Load" >> beam.ParDo(LoadTasks(describe, load))
            | "Describe" >> RunInference(handler)
            | "TellApart"
            >> beam.ParDo(_TellApart(describe))
            .with_output_types(record, failures=Failure)
            .with_outputs("failures", main="rows")
        )
        return outcomes["rows"], outcomes["failures"]


class _TellApart(beam.DoFn):
    """What became of tasks in; rows out, and failures as an output of their own."""

    def __init__(self, describe: DescribeSettings) -> None:
        self._describe = describe

    def process(
        self, described: Done
    ) -> Iterator[Caption | Answer | TaggedOutput[Literal["failures"], Failure]]:
        assert isinstance(described, Outcome)
        row = outcome_row(described, self._describe, file="")
        assert isinstance(row, (Caption, Answer, Failure))
        yield TaggedOutput("failures", row) if isinstance(row, Failure) else row


def _rows_worth(picture: CatalogPicture) -> int:
    """A picture's share of what may be collected, in rows."""
    size = len(picture.data) if picture.data else 0
    return min(1 + size * _ROWS_AHEAD // _BYTES_AHEAD, _ROWS_AHEAD)
