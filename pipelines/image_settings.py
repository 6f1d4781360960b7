"""From the configuration of a job that draws to what its workers need to know."""

from models.generating import ContrastSettings, ImageSettings
from models.image_families import check_draws_any_size, check_edits
from models.image_policy import PolicySettings, load_policy, read_blocked_words, version_of
from models.prompts import prompts_for
from models.source import ModelSource, resolve_encoder, resolve_image_model
from models.wanted_pixels import wanted_pixels
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.load_settings import load_settings
from pipelines.retrieval_settings import document_settings
from pipelines.text_files import read_text_file
from schemas.errors import RowError, UsageError
from transforms.parse_request import RequestDefaults, parse_size
from transforms.settings import GenerateSettings

_DEFAULT_ALPHA = 0.1


def generate_settings(catalog: str, config: GenerateConfig | EditConfig) -> GenerateSettings:
    """Find the model that a job names, and how it is to draw.

    Args:
        catalog: whose rows may name pictures beside their own.

    Raises:
        ModelError: there is no such model, it makes no images, or not of pictures where there are.
        UsageError: two options contradict each other.

    """
    source = resolve_image_model(
        config.model, config.revision, trust_remote_code=config.trust_remote_code
    )
    if isinstance(config, EditConfig) or config.image_guidance is not None:
        check_edits(source.name, source.model_type)
    if config.size is not None:
        check_draws_any_size(source.name, source.model_type)
    requests = _defaults(config, source)
    return GenerateSettings(
        source=source,
        job="edit" if isinstance(config, EditConfig) else "generate",
        choice=_choice(config),
        requests=requests,
        load=load_settings(catalog, config, wanted_pixels(source)),
        examples=document_settings(config, source, requests.template),
        format=config.format,
        ranker=_ranker(config),
        policy=policy_settings(config),
        batch_size=config.batch_size,
        device=config.device or "",
        dtype=config.dtype or "",
        compiled=config.compile,
    )


def _ranker(config: GenerateConfig | EditConfig) -> ModelSource | None:
    if config.rank_with is None:
        return None
    return resolve_encoder(config.rank_with, trust_remote_code=config.trust_remote_code)


def policy_settings(config: GenerateConfig | EditConfig) -> PolicySettings:
    """Read the blocked words, and see that a policy of the user's own is there.

    Raises:
        UsageError: one of them is not.

    """
    words: tuple[str, ...] = ()
    if config.blocked_words is not None:
        words = read_blocked_words(read_text_file(config.blocked_words, "blocked words"))
    version = version_of(load_policy(config.policy)) if config.policy is not None else ""
    return PolicySettings(blocked_words=words, judge=config.policy or "", version=version)


def _choice(config: GenerateConfig | EditConfig) -> ImageSettings:
    contrast = None
    if config.contrast_k is not None:
        alpha = _DEFAULT_ALPHA if config.contrast_alpha is None else config.contrast_alpha
        contrast = ContrastSettings(k=config.contrast_k, alpha=alpha, half=config.contrast_half)
    return ImageSettings(
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
        guidance=config.guidance,
        image_guidance=config.image_guidance,
        contrast=contrast,
    )


def _defaults(config: GenerateConfig | EditConfig, source: ModelSource) -> RequestDefaults:
    prompts = prompts_for(source)
    edits = isinstance(config, EditConfig)
    size = None
    if config.size is not None:
        try:
            size = parse_size(config.size)
        except RowError:
            raise UsageError(
                f"--size must be WIDTHxHEIGHT in pixels, say 768x512, not {config.size}."
            ) from None
    return RequestDefaults(
        template=config.template or (prompts.edit if edits else prompts.draw),
        text=(config.instruction or "") if isinstance(config, EditConfig) else "",
        samples=config.samples,
        seed=config.seed,
        size=size,
        # A catalog's columns of these names may mean something else.
        reads_columns=not edits,
    )
