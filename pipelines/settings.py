"""From a configuration to what the workers need to know."""

import dataclasses
import os

from models.describing import DecodingSettings
from models.prompts import prompts_for
from models.source import ModelSource
from models.wanted_pixels import wanted_pixels
from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.uris import absolute_uri
from schemas.arrow import SCHEMA_VERSION
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy
from storage.keys import fingerprint
from storage.questions import question_id_of
from transforms.settings import DescribeSettings, ReadSettings

_MOST_HELPERS = 8


def check_job(catalog: str, config: CaptionConfig | AnswerConfig) -> None:
    """Check what can be checked before anything is written.

    Raises:
        CatalogError: the catalog or the questions file cannot be read as asked.

    """
    check_catalog(absolute_uri(catalog), _column_names(config))


def describe_settings(
    config: CaptionConfig | AnswerConfig, source: ModelSource
) -> DescribeSettings:
    """What the workers need to know of the model and how to ask it."""
    prompts = prompts_for(source)
    questions: tuple[tuple[str, str], ...] = ()
    if isinstance(config, AnswerConfig):
        prompt = config.prompt or prompts.question
        questions = tuple((question_id_of(text), text) for text in dict.fromkeys(config.question))
    else:
        by_style = {"short": prompts.short_caption, "long": prompts.long_caption}
        prompt = config.prompt if config.prompt is not None else by_style[config.style]
    return DescribeSettings(
        source=source,
        decoding=DecodingSettings(
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
        ),
        prompt=prompt,
        questions=questions,
        batch_size=config.batch_size,
        device=config.device or "",
        dtype=config.dtype or "",
    )


def read_settings(
    catalog: str, config: CaptionConfig | AnswerConfig, source: ModelSource
) -> ReadSettings:
    """What the workers need to know of the catalog and its pictures."""
    helpers = config.decode_helpers or min(_MOST_HELPERS, max(1, (os.cpu_count() or 1) // 2))
    return ReadSettings(
        catalog=catalog,
        columns=_column_names(config),
        limit=config.limit,
        policy=FetchPolicy.for_catalog(
            catalog,
            allow_private_addresses=config.allow_private_addresses,
            max_bytes=config.max_picture_bytes,
            max_seconds=config.fetch_seconds,
        ),
        limits=DecodeLimits(
            max_bytes=config.max_picture_bytes,
            max_pixels=config.max_picture_pixels,
            max_seconds=config.max_picture_seconds,
        ),
        wanted_pixels=wanted_pixels(source),
        fetch_threads=config.fetch_threads,
        decode_helpers=helpers,
    )


def job_fingerprint(describe: DescribeSettings) -> bytes:
    """Hash what determines a row's content apart from its asset and question."""
    return fingerprint(
        {
            "asks": describe.asks,
            "revision": describe.source.revision,
            "prompt": describe.prompt,
            "decoding": dataclasses.asdict(describe.decoding),
            "schema": SCHEMA_VERSION,
        }
    )


def _column_names(config: CaptionConfig | AnswerConfig) -> ColumnNames:
    return ColumnNames(**dataclasses.asdict(config.columns))
