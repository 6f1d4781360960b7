"""From a configuration to what the workers need to know."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from models.describing import DecodingSettings
from models.framing import Framing, pixels_made_use_of
from models.prompts import prompts_for
from models.source import (
    ModelSource,
    resolve_encoder,
    resolve_image_tokenizer,
    resolve_model,
)
from models.wanted_pixels import wanted_pixels
from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    JobConfig,
    NeighborsConfig,
    TokenizeConfig,
)
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.image_settings import generate_settings
from pipelines.load_settings import load_settings
from pipelines.retrieval_settings import example_settings, neighbor_settings
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.keep_list import find_keep_list
from storage.questions import question_id_of
from storage.uris import absolute_uri
from transforms.settings import (
    DescribeSettings,
    EmbedOf,
    EmbedSettings,
    ReadSettings,
    SignSettings,
    TokenizeSettings,
    WorkSettings,
)

# Of a picture to be signed the shorter side is at least this, where the picture has it.
_SIGNED_PIXELS = 256
# Usual names of the columns that say what is to be drawn.
_PROMPTS = ("prompt", "text", "caption")
_INSTRUCTIONS = ("instruction", "edit_prompt", "prompt")
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


def work_settings(catalog: str, config: JobConfig) -> WorkSettings:
    """Find the model that a job names: what the workers need to know of it and how to ask it.

    Args:
        catalog: an absolute uri.

    Raises:
        ModelError: there is none, or it cannot do the job.
        UsageError: the job searches an index that is not there.
        IndexMismatchError: the index is of another model.

    """
    if isinstance(config, NeighborsConfig):
        return neighbor_settings(config)
    if isinstance(config, TokenizeConfig):
        return _tokenize_settings(config)
    if isinstance(config, GenerateConfig | EditConfig):
        return generate_settings(catalog, config)
    encodes = isinstance(config, EmbedConfig | DuplicatesConfig)
    resolve = resolve_encoder if encodes else resolve_model
    source = resolve(config.model, config.revision, trust_remote_code=config.trust_remote_code)
    if isinstance(config, EmbedConfig):
        return EmbedSettings(
            source=source,
            of=config.of,
            vectors=config.vectors,
            batch_size=config.batch_size,
            device=config.device or "",
            dtype=config.dtype or "",
        )
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


def _tokenize_settings(config: TokenizeConfig) -> TokenizeSettings:
    crops = range(config.crops) if config.framing == "crop" else ()
    return TokenizeSettings(
        source=resolve_image_tokenizer(
            config.model, config.revision, trust_remote_code=config.trust_remote_code
        ),
        framing=Framing(rule=config.framing, resolution=config.resolution),
        questions=tuple((str(number), "") for number in crops),
        smallest_crop=config.smallest_crop,
        batch_size=config.batch_size,
        device=config.device or "",
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
        examples=example_settings(config, source, prompts, prompt),
        batch_size=config.batch_size,
        device=config.device or "",
        dtype=config.dtype or "",
    )


def read_settings(catalog: str, config: JobConfig, work: WorkSettings) -> ReadSettings:
    """What the workers need to know of the catalog and its pictures.

    Raises:
        UsageError: there is no keep-list where one is said to be.

    """
    load = load_settings(catalog, config, _wanted_pixels(work))
    return ReadSettings(
        catalog=catalog,
        columns=_column_names(config),
        limit=config.limit,
        keep=find_keep_list(absolute_uri(config.keep)) if config.keep else None,
        policy=load.policy,
        limits=load.limits,
        pictures=_pictures(config),
        wanted_pixels=load.wanted_pixels,
        fetch_threads=load.fetch_threads,
        decode_helpers=load.decode_helpers,
    )


def _pictures(config: JobConfig) -> Literal["needed", "if any", "none"]:
    """Whether a job's rows need a picture."""
    if isinstance(config, GenerateConfig):
        return "if any"
    return _PICTURES[config.of] if isinstance(config, _EMBEDDING) else "needed"


def _column_names(config: JobConfig) -> ColumnNames:
    texts: tuple[str, ...] = ()
    if isinstance(config, GenerateConfig):
        texts = _PROMPTS
    elif isinstance(config, EditConfig) and config.instruction is None:
        texts = _INSTRUCTIONS
    return ColumnNames(
        **dataclasses.asdict(config.columns),
        pictures_needed=_pictures(config) == "needed",
        usual_texts=texts,
    )


def _wanted_pixels(work: WorkSettings) -> int | None:
    """What the model makes use of; more where examples are searched for, or pictures signed."""
    if isinstance(work, TokenizeSettings):
        return pixels_made_use_of(work.source, work.framing)
    sources = [work.source]
    if isinstance(work, DescribeSettings) and work.examples is not None:
        sources.append(work.examples.retrieve.source)
    wanted = [wanted_pixels(source) for source in sources]
    if isinstance(work, SignSettings):
        wanted.append(_SIGNED_PIXELS)
    return None if None in wanted else max(filter(None, wanted))
