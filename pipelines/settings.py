"""From a configuration to what the workers need to know."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from models.describing import DecodingSettings
from models.prompts import prompts_for
from models.source import ModelSource, resolve_encoder, resolve_model
from models.wanted_pixels import wanted_pixels
from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    JobConfig,
    NeighborsConfig,
)
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy
from storage.index.opened import check_model
from storage.index_store import open_record
from storage.keep_list import find_keep_list
from storage.questions import question_id_of
from storage.store import open_store
from storage.uris import absolute_uri
from transforms.settings import (
    DescribeSettings,
    EmbedOf,
    EmbedSettings,
    NeighborSettings,
    ReadSettings,
    SignSettings,
    WorkSettings,
)

_MORE_CANDIDATES = 20
# Of a picture to be signed the shorter side is at least this, where the picture has it.
_SIGNED_PIXELS = 256
_EMBEDDING = (EmbedConfig, NeighborsConfig)
_PICTURES: Mapping[EmbedOf, Literal["needed", "if any", "none"]] = {
    "image": "needed",
    "both": "if any",
    "text": "none",
}


def check_job(catalog: str, config: JobConfig) -> None:
    """Check what can be checked before anything is written.

    Raises:
        CatalogError: the catalog or the questions file cannot be read as asked.

    """
    check_catalog(absolute_uri(catalog), _column_names(config))


def find_model(config: JobConfig) -> ModelSource:
    """Find the model that a job names.

    Raises:
        ModelError: there is none, or it cannot do the job.

    """
    if isinstance(config, NeighborsConfig):
        version = open_record(open_store(absolute_uri(config.index))).version
        return resolve_encoder(
            config.model or version.model,
            config.revision,
            trust_remote_code=config.trust_remote_code,
        )
    encodes = isinstance(config, EmbedConfig | DuplicatesConfig)
    resolve = resolve_encoder if encodes else resolve_model
    return resolve(config.model, config.revision, trust_remote_code=config.trust_remote_code)


def work_settings(config: JobConfig, source: ModelSource) -> WorkSettings:
    """What the workers need to know of the model and how to ask it."""
    if isinstance(config, EmbedConfig):
        return EmbedSettings(
            source=source,
            of=config.of,
            vectors=config.vectors,
            batch_size=config.batch_size,
            device=config.device or "",
            dtype=config.dtype or "",
        )
    if isinstance(config, NeighborsConfig):
        return _neighbor_settings(config, source)
    if isinstance(config, DuplicatesConfig):
        return SignSettings(
            source=source,
            max_difference=config.max_difference,
            min_similarity=config.min_similarity,
            batch_size=config.batch_size,
            device=config.device or "",
            dtype=config.dtype or "",
        )
    return _describe_settings(config, source)


def _neighbor_settings(config: NeighborsConfig, source: ModelSource) -> NeighborSettings:
    index = absolute_uri(config.index)
    record = open_record(open_store(index))
    check_model(record.version, model=source.name, revision=source.revision)
    return NeighborSettings(
        source=source,
        of=config.of,
        index=index,
        index_version=record.number,
        index_token=record.token,
        k=config.k,
        candidates=config.candidates or config.k + _MORE_CANDIDATES,
        min_score=config.min_score,
        max_similarity=config.max_similarity,
        prefer_both=config.prefer_both,
        query_dropout=config.query_dropout,
        draw_count=config.draw_count,
        batch_size=config.batch_size,
        device=config.device or "",
        dtype=config.dtype or "",
    )


def _describe_settings(
    config: CaptionConfig | AnswerConfig, source: ModelSource
) -> DescribeSettings:
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


def read_settings(catalog: str, config: JobConfig, source: ModelSource) -> ReadSettings:
    """What the workers need to know of the catalog and its pictures.

    Raises:
        UsageError: there is no keep-list where one is said to be.

    """
    wanted = wanted_pixels(source)
    if isinstance(config, DuplicatesConfig) and wanted is not None:
        wanted = max(wanted, _SIGNED_PIXELS)
    return ReadSettings(
        catalog=catalog,
        columns=_column_names(config),
        limit=config.limit,
        keep=find_keep_list(absolute_uri(config.keep)) if config.keep else None,
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
        pictures=_PICTURES[config.of] if isinstance(config, _EMBEDDING) else "needed",
        wanted_pixels=wanted,
        fetch_threads=config.fetch_threads,
        decode_helpers=config.decode_helpers,
    )


def _column_names(config: JobConfig) -> ColumnNames:
    needed = not isinstance(config, _EMBEDDING) or config.of == "image"
    return ColumnNames(**dataclasses.asdict(config.columns), pictures_needed=needed)
