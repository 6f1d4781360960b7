"""``CaptionImages`` and ``AnswerQuestions`` of a YAML pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import apache_beam as beam
from apache_beam.pvalue import PCollection, Row

from models.describing import DecodingSettings
from models.source import DEFAULT_MODEL, resolve_model
from schemas.description import Answer, Caption
from schemas.errors import RunError, UsageError
from schemas.failure import Failure
from storage.fetching.policy import FetchPolicy
from transforms import answer_questions, caption_images
from transforms.beam_yaml.rows import record_rows, row_pictures
from transforms.caption_images import Style
from transforms.describe_images import Dtype

_Rows = PCollection[Row]


@dataclass(kw_only=True, eq=False)
class _Describe(beam.PTransform[_Rows, Any]):
    """What both have in common.

    Attributes:
        model: ``calumma-tiny``, a folder, or a hub id.
        revision: branch, tag or commit of a hub model.
        prompt: what is asked; by default the model's own prompt.
        temperature: 0 takes the likeliest token; above it, tokens are sampled.
        top_p: sampling keeps the likeliest tokens whose probabilities sum to this.
        batch_size: rows given to the model at once.
        device: a torch device; by default an accelerator if there is one.
        dtype: number format: float32, bfloat16 or float16.
        allow_private_addresses: whether http(s) pictures may come from private networks.
        fetch_threads: pictures fetched at the same time by one worker.
        decode_helpers: decoding processes of one worker.
        error_handling: ``output`` names the output of the rows that fail. Without it the first
            row that fails ends the pipeline.

    """

    model: str = DEFAULT_MODEL
    revision: str | None = None
    prompt: str | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    batch_size: int = 32
    device: str | None = None
    dtype: Dtype | None = None
    allow_private_addresses: bool = False
    fetch_threads: int = 16
    decode_helpers: int = 1
    error_handling: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        if self.error_handling is not None and set(self.error_handling) != {"output"}:
            raise UsageError("error_handling takes one setting, output.")

    def _common(self, max_new_tokens: int) -> dict[str, Any]:
        """The settings that both transforms take alike."""
        return {
            "model": resolve_model(self.model, self.revision),
            "prompt": self.prompt,
            "decoding": DecodingSettings(
                max_new_tokens=max_new_tokens, temperature=self.temperature, top_p=self.top_p
            ),
            "batch_size": self.batch_size,
            "device": self.device,
            "dtype": self.dtype,
            "policy": FetchPolicy.for_catalog(
                ".", allow_private_addresses=self.allow_private_addresses
            ),
            "fetch_threads": self.fetch_threads,
            "decode_helpers": self.decode_helpers,
        }

    def _outputs(
        self, described: tuple[PCollection[Any], PCollection[Failure]], record: type
    ) -> _Rows | dict[str, _Rows]:
        """The rows, and the failures as the output that was asked for."""
        records, failures = described
        rows = record_rows(records, record)
        if self.error_handling is None:
            _ = failures | "NoFailures" >> beam.Map(_refuse)
            return rows
        return {"good": rows, self.error_handling["output"]: record_rows(failures, Failure)}


@dataclass(kw_only=True, eq=False)
class CaptionImages(_Describe):
    """Caption the pictures of ``ReadCatalog``, or of any rows with an asset_id and a uri.

    Attributes:
        style: short or long, where no prompt is given.
        max_new_tokens: tokens of a caption at most.

    """

    style: Style = "short"
    max_new_tokens: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        self._caption = caption_images.CaptionImages(
            style=self.style, **self._common(self.max_new_tokens)
        )

    def expand(self, rows: _Rows) -> Any:
        """Caption the rows' pictures."""
        return self._outputs(row_pictures(rows) | self._caption, Caption)


@dataclass(kw_only=True, eq=False)
class AnswerQuestions(_Describe):
    """Ask questions of every picture of ``ReadCatalog``, or of rows with an asset_id and a uri.

    Attributes:
        questions: the questions' texts.
        max_new_tokens: tokens of an answer at most.

    """

    questions: Sequence[str]
    max_new_tokens: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        self._answer = answer_questions.AnswerQuestions(
            questions=self.questions, **self._common(self.max_new_tokens)
        )

    def expand(self, rows: _Rows) -> Any:
        """Ask the questions of the rows' pictures."""
        return self._outputs(row_pictures(rows) | self._answer, Answer)


def _refuse(failure: Failure) -> NoReturn:
    raise RunError(
        f"{failure.asset_id or 'A row without id'} failed ({failure.kind}): {failure.message} "
        "To go on without such rows, give this step error_handling with an output."
    )
