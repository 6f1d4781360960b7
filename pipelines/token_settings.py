"""From a configuration to what the workers need to know of the codes of an output."""

from models.framing import Framing, pixels_made_use_of
from models.image_token_types import check_has_decoder
from models.source import resolve_image_tokenizer
from pipelines.config import ReconstructConfig
from storage.committed import CommittedRuns
from storage.tokens import TokenChoice, find_tokens
from storage.uris import absolute_uri
from transforms.settings import ReconstructSettings, WorkSettings


def reconstruct_settings(config: ReconstructConfig) -> ReconstructSettings:
    """Find the model whose decoder is to be used.

    Raises:
        CatalogError: there are no codes.
        ModelError: there is no such model, it has no codes for pictures, or no decoder of them.

    """
    model, revision = config.model, config.revision
    if not model:
        model, made_with = find_tokens(absolute_uri(config.tokens)).model
        revision = revision or made_with
    source = resolve_image_tokenizer(model, revision, trust_remote_code=config.trust_remote_code)
    if source.folder is not None:
        check_has_decoder(source.name, source.model_type, source.folder)
    return ReconstructSettings(
        source=source,
        batch_size=config.batch_size,
        device=config.device or "",
    )


def token_choice(config: ReconstructConfig, work: WorkSettings) -> TokenChoice:
    """Which codes are meant: those of the model up to the newest commit of now."""
    return TokenChoice(
        model=work.source.name,
        revision=work.source.revision,
        upto=_runs(config, work).commit,
    )


def tokens_pixels(config: ReconstructConfig, work: WorkSettings) -> int | None:
    """What was made use of of the source pictures; of several framings the most."""
    wanted = [
        pixels_made_use_of(
            work.source,
            Framing(rule=run.config["framing"], resolution=run.config["resolution"]),  # type: ignore[arg-type]
        )
        for run in _runs(config, work).runs
    ]
    return None if None in wanted else max(filter(None, wanted))


def _runs(config: ReconstructConfig, work: WorkSettings) -> CommittedRuns:
    return find_tokens(absolute_uri(config.tokens)).of(work.source.name, work.source.revision)
