"""From a configuration to what the workers need to know of an index and its model."""

from dataclasses import replace

from models.image_families import check_edits
from models.prompts import PromptSet
from models.source import ModelSource, resolve_encoder
from models.wanted_pixels import wanted_pixels
from pipelines.catalog_config import CatalogConfig
from pipelines.config import AnswerConfig, CaptionConfig, NeighborsConfig
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.load_settings import load_settings
from schemas.errors import UsageError
from storage.index.opened import check_model
from storage.index_store import open_record
from storage.store import open_store
from storage.uris import absolute_uri
from transforms.settings import ExampleSettings, NeighborSettings

_MORE_CANDIDATES = 20
_DEFAULT_EXAMPLES = 2
_FOLDER_REVISION = "sha256:"


def neighbor_settings(config: NeighborsConfig) -> NeighborSettings:
    """Find an index and its model, and what the workers need to know to retrieve neighbours.

    Raises:
        CalummaError: there is no such index or model, or the index is of another model.

    """
    plain = _plain_search(config.index, config.model, config.revision, config.k, config)
    return replace(
        plain,
        of=config.of,
        candidates=config.candidates or plain.candidates,
        min_score=config.min_score,
        max_similarity=config.max_similarity,
        prefer_both=config.prefer_both,
        query_dropout=config.query_dropout,
        draw_count=config.draw_count,
        batch_size=config.batch_size,
        dtype=config.dtype or "",
    )


def document_settings(
    config: GenerateConfig | EditConfig, generator: ModelSource, template: str
) -> ExampleSettings | None:
    """What the workers need to know to find documents; None where none are asked for.

    Args:
        template: of the prompts: documents are asked for likewise.

    Raises:
        CalummaError: there is no such index, it is of another model, or the model that draws is
            shown nothing.

    """
    if config.index is None:
        return None
    check_edits(generator.name, generator.model_type)
    return _examples(config, generator, template)


def example_settings(
    config: CaptionConfig | AnswerConfig, describer: ModelSource, prompts: PromptSet, prompt: str
) -> ExampleSettings | None:
    """What the workers need to know to find worked examples; None where none are asked for.

    Args:
        prompts: of the model that describes.
        prompt: of the job.

    Raises:
        CalummaError: there is no such index, it is of another model, or the model that describes
            takes no examples.

    """
    if config.index is None:
        return None
    if not prompts.neighbor_texts:
        raise UsageError(
            f"Models of type {describer.model_type} read nothing but their own prompts, so they "
            "cannot be shown neighbours. Leave out --index, or choose another model."
        )
    # Texts of an index describe: they answer no question.
    shown = prompts.short_caption if isinstance(config, AnswerConfig) else prompt
    return _examples(config, describer, shown)


def _examples(
    config: CaptionConfig | AnswerConfig | GenerateConfig | EditConfig,
    model: ModelSource,
    prompt: str,
) -> ExampleSettings:
    assert config.index is not None
    count = config.neighbors or _DEFAULT_EXAMPLES
    retrieve = _plain_search(config.index, config.encoder, None, count, config)
    return ExampleSettings(
        retrieve=retrieve,
        load=load_settings(retrieve.index, config, wanted_pixels(model)),
        prompt=prompt,
    )


def _plain_search(
    index: str, model: str | None, revision: str | None, k: int, config: CatalogConfig
) -> NeighborSettings:
    """A search with pictures, nothing filtered, by the model that the index names or the user."""
    uri = absolute_uri(index)
    record = open_record(open_store(uri))
    version = record.version
    if revision is None and not version.revision.startswith(_FOLDER_REVISION):
        revision = version.revision
    source = resolve_encoder(
        model or version.model, revision, trust_remote_code=config.trust_remote_code
    )
    check_model(version, model=source.name, revision=source.revision)
    return NeighborSettings(
        source=source,
        of="image",
        index=uri,
        index_version=record.number,
        index_token=record.token,
        k=k,
        candidates=k + _MORE_CANDIDATES,
        device=config.device or "",
    )
