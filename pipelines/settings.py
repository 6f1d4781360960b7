"""From a configuration to what the workers need to know."""

import dataclasses

from models.describing import DecodingSettings
from models.prompts import prompts_for
from models.source import ModelSource
from models.wanted_pixels import wanted_pixels
from pipelines.config import AnswerConfig, CaptionConfig
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy
from storage.questions import question_id_of
from storage.uris import absolute_uri
from transforms.settings import DescribeSettings, ReadSettings


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
        prompt = config.prompt if config.prompt is not None else prompts.caption(config.style)
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
        decode_helpers=config.decode_helpers,
    )


def _column_names(config: CaptionConfig | AnswerConfig) -> ColumnNames:
    return ColumnNames(**dataclasses.asdict(config.columns))
