"""From a configuration to what the workers need to know."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

from models.describing import DecodingSettings
from models.framing import Framing, pixels_made_use_of
from models.infill_prompts import check_infills
from models.prompts import prompts_for
from models.source import (
    ModelSource,
    resolve_encoder,
    resolve_image_tokenizer,
    resolve_model,
)
from models.wanted_pixels import wanted_pixels
from pipelines.assemble_config import AssembleConfig
from pipelines.assemble_settings import assemble_settings, check_columns
from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    JobConfig,
    NeighborsConfig,
    ReconstructConfig,
    StructureConfig,
    TokenizeConfig,
)
from pipelines.filter_config import FilterConfig
from pipelines.filter_settings import filter_settings
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.image_settings import generate_settings
from pipelines.load_settings import load_settings
from pipelines.retrieval_settings import example_settings, neighbor_settings
from pipelines.structure_settings import structure_settings
from pipelines.token_settings import reconstruct_settings, token_choice, tokens_pixels
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.decoding.thumbnail import THUMBNAIL_PIXELS
from storage.keep_list import find_keep_list
from storage.questions import question_id_of
from storage.tokens import find_tokens
from storage.uris import absolute_uri
from transforms.documents.settings import AssembleSettings
from transforms.documents.template import load_template
from transforms.settings import (
    DescribeSettings,
    EmbedOf,
    EmbedSettings,
    FilterSettings,
    ReadSettings,
    SignSettings,
    StructureSettings,
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
        UsageError: a template needs a column that the catalog lacks.

    """
    if isinstance(config, ReconstructConfig):
        find_tokens(absolute_uri(config.tokens))
        return
    columns = check_catalog(absolute_uri(catalog), _column_names(config))
    if isinstance(config, AssembleConfig) and columns is not None:
        check_columns(load_template(config.template), columns)


def work_settings(catalog: str, config: JobConfig) -> WorkSettings:
    """Find the model that a job names: what the workers need to know of it and how to ask it.

    Args:
        catalog: an absolute uri.

    Raises:
        ModelError: there is none, or it cannot do the job.
        UsageError: the job searches an index that is not there.
        IndexMismatchError: the index is of another model.

    """
    if isinstance(config, GenerateConfig | EditConfig):
        return generate_settings(catalog, config)
    if type(config) in _SETTINGS_OF:
        return _SETTINGS_OF[type(config)](config)
    assert isinstance(config, EmbedConfig | DuplicatesConfig | CaptionConfig | AnswerConfig)
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


_SETTINGS_OF: Mapping[type, Callable[[Any], WorkSettings]] = {
    NeighborsConfig: neighbor_settings,
    TokenizeConfig: _tokenize_settings,
    ReconstructConfig: reconstruct_settings,
    StructureConfig: structure_settings,
    FilterConfig: filter_settings,
    AssembleConfig: assemble_settings,
}
"""Of the jobs that find their model in their own way."""


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
    check_infills(source, prompt)
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
    load = load_settings(catalog, config, _wanted_pixels(config, work))
    return ReadSettings(
        catalog=catalog,
        columns=_column_names(config),
        limit=config.limit,
        keep=tuple(find_keep_list(absolute_uri(out)) for out in dict.fromkeys(config.keep)),
        policy=load.policy,
        limits=load.limits,
        pictures=_pictures(config),
        wanted_pixels=load.wanted_pixels,
        fetch_threads=load.fetch_threads,
        decode_helpers=load.decode_helpers,
        tokens=token_choice(config, work) if isinstance(config, ReconstructConfig) else None,
    )


def _pictures(config: JobConfig) -> Literal["needed", "if any", "if at hand", "none"]:
    """Whether a job's rows need a picture."""
    if isinstance(config, FilterConfig):
        # A row that names none is judged: it breaks all rules about pictures.
        return "if any" if config.looks_at_pictures else "none"
    if isinstance(config, GenerateConfig):
        return "if any"
    if isinstance(config, ReconstructConfig):
        return "if at hand"
    if isinstance(config, AssembleConfig):
        return "none"
    return _PICTURES[config.of] if isinstance(config, _EMBEDDING) else "needed"


def _column_names(config: JobConfig) -> ColumnNames:
    texts: tuple[str, ...] = ()
    if isinstance(config, GenerateConfig):
        texts = _PROMPTS
    elif isinstance(config, EditConfig) and config.instruction is None:
        texts = _INSTRUCTIONS
    looks = isinstance(config, FilterConfig) and config.looks_at_pictures
    return ColumnNames(
        **dataclasses.asdict(config.columns),
        pictures_needed=looks or _pictures(config) == "needed",
        usual_texts=texts,
        folder=absolute_uri(config.pictures) if config.pictures else "",
    )


def _wanted_pixels(config: JobConfig, work: WorkSettings) -> int | None:
    """What the model makes use of; more where examples are searched for, or pictures signed."""
    if isinstance(config, ReconstructConfig):
        return tokens_pixels(config, work)
    if isinstance(work, StructureSettings):
        return work.resolution
    if isinstance(work, AssembleSettings):
        return None
    if isinstance(work, TokenizeSettings):
        return pixels_made_use_of(work.source, work.framing)
    if isinstance(work, FilterSettings) and work.rules.min_clip_score is None:
        return THUMBNAIL_PIXELS
    sources = [work.source]
    if isinstance(work, DescribeSettings) and work.examples is not None:
        sources.append(work.examples.retrieve.source)
    wanted = [wanted_pixels(source) for source in sources]
    if isinstance(work, SignSettings):
        wanted.append(_SIGNED_PIXELS)
    return None if None in wanted else max(filter(None, wanted))
