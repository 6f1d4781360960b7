"""The types of models that embed pictures and texts in one space. Imports no torch."""

from dataclasses import dataclass

from schemas.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class DualEncoderType:
    """What one type needs that the library does not tell.

    Attributes:
        pads_to_limit: texts were padded to the model's length in training, and without a mask.

    """

    pads_to_limit: bool = False


# Each was found by running a small checkpoint of the type: see tests/models.
_TYPES = {
    "clip": DualEncoderType(),
    "metaclip_2": DualEncoderType(),
    "chinese_clip": DualEncoderType(),
    "altclip": DualEncoderType(),
    "siglip": DualEncoderType(pads_to_limit=True),
    "siglip2": DualEncoderType(pads_to_limit=True),
}


def check_is_dual_encoder(model: str, model_type: str) -> None:
    """Refuse a type that does not embed pictures and texts in one space.

    Raises:
        ModelError: such a type.

    """
    if model_type not in _TYPES:
        raise ModelError(
            f"The model {model} is of type {model_type}, which does not embed pictures and texts "
            f"in one space. Use one of type {', '.join(_TYPES)}."
        )


def dual_encoder_type(model_type: str) -> DualEncoderType:
    """What a type needs that the library does not tell."""
    return _TYPES[model_type]
