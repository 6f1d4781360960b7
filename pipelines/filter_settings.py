"""From a configuration to what the workers need to know to judge rows."""

from dataclasses import replace

from models.phrases import read_phrases
from models.source import ModelSource, resolve_encoder
from pipelines.filter_config import FilterConfig
from pipelines.text_files import read_text_file
from schemas.asset import normal_license
from schemas.errors import UsageError
from transforms.filter_rules import FilterRules
from transforms.fingerprint import job_fingerprint
from transforms.settings import FilterSettings

_NO_MODEL = ModelSource(name="", location="", revision="", model_type="")


def filter_settings(config: FilterConfig) -> FilterSettings:
    """Read the lists that the rules name, and find the model if a score is asked for.

    Raises:
        UsageError: there is no rule, or a list is missing or empty.
        ModelError: there is no such dual encoder.

    """
    rules = FilterRules(
        licenses=_licenses(config),
        min_words=config.min_words,
        max_words=config.max_words,
        min_characters=config.min_characters,
        max_characters=config.max_characters,
        required_words=_words(config.required_words, "required words"),
        blocked_words=_words(config.blocked_words, "blocked words"),
        pattern=config.pattern,
        max_non_letters=config.max_non_letters,
        max_repeated_words=config.max_repeated_words,
        min_width=config.min_width,
        min_height=config.min_height,
        min_pixels=config.min_pixels,
        max_aspect_ratio=config.max_aspect_ratio,
        min_clip_score=config.min_clip_score,
    )
    if not rules.asked:
        raise UsageError(
            "A filter needs a rule, such as --licenses FILE or --min-width 256: calumma filter "
            "--help lists them."
        )
    source = _NO_MODEL
    if rules.min_clip_score is not None:
        source = resolve_encoder(
            config.model, config.revision, trust_remote_code=config.trust_remote_code
        )
    work = FilterSettings(
        source=source,
        rules=rules,
        batch_size=config.batch_size,
        device=config.device or "",
        dtype=config.dtype or "",
    )
    return replace(work, digest=job_fingerprint(work).hex())


def _licenses(config: FilterConfig) -> tuple[str, ...]:
    names = list(config.license)
    if config.licenses is not None:
        lines = read_text_file(config.licenses, "licences").splitlines()
        listed = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not listed:
            raise UsageError(f"The list of licences {config.licenses} is empty.")
        names += listed
    return tuple(sorted({normal_license(name) for name in names}))


def _words(file: str | None, named: str) -> tuple[str, ...]:
    if file is None:
        return ()
    entries = read_phrases(read_text_file(file, named), named)
    if not entries:
        raise UsageError(f"The list of {named} {file} is empty.")
    return entries
