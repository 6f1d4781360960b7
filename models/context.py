"""How long a prompt may be."""

from typing import Any

from schemas.errors import RowError
from schemas.failure import FailureKind


def is_encoder_decoder(config: Any) -> bool:
    """Whether a prompt goes to an encoder; InstructBLIP's own configuration does not say so."""
    return any(
        getattr(part, "is_encoder_decoder", False)
        for part in (config, getattr(config, "text_config", None))
    )


class ContextLimits:
    """The positions that a model has, read from its configuration."""

    def __init__(self, config: Any) -> None:
        text = config.get_text_config()
        self._positions: int | None = getattr(text, "max_position_embeddings", None)
        self._is_encoder_decoder = is_encoder_decoder(config)
        qformer = getattr(config, "qformer_config", None)
        self._qformer: int | None = getattr(qformer, "max_position_embeddings", None)

    def check(
        self, prompt_tokens: int, qformer_tokens: int, max_new_tokens: int
    ) -> RowError | None:
        """Tell whether a row fits.

        Args:
            prompt_tokens: of the prompt, pictures included.
            qformer_tokens: of the prompt as a Q-Former reads it, 0 without one.

        """
        if self._positions is not None:
            # An encoder and its decoder have their positions each.
            needed = (
                max(prompt_tokens, max_new_tokens)
                if self._is_encoder_decoder
                else prompt_tokens + max_new_tokens
            )
            if needed > self._positions:
                return _too_long(prompt_tokens, max_new_tokens, self._positions)
        if self._qformer is not None and qformer_tokens > self._qformer:
            return _too_long(qformer_tokens, 0, self._qformer)
        return None


def _too_long(prompt_tokens: int, max_new_tokens: int, positions: int) -> RowError:
    return RowError(
        FailureKind.PROMPT_TOO_LONG,
        f"The prompt with its pictures has {prompt_tokens} tokens and up to {max_new_tokens} are "
        f"to be generated, but the model's context holds {positions}. Shorten the prompt, or "
        "allow fewer new tokens.",
    )
