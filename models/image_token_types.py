"""The types of models that read pictures as tokens and can make them again. Imports no torch."""

from schemas.errors import ModelError

DECODER_FILE = "vq_decoder.safetensors"
"""Where a checkpoint of a type that the library cannot decode keeps its decoder's weights."""

# Whether the library decodes the type's codes itself; each was found by running a small checkpoint.
_DECODED_BY_LIBRARY = {"chameleon": False, "emu3": True, "janus": True}


def check_has_image_tokens(model: str, model_type: str) -> None:
    """Refuse a type that has no codes for pictures.

    Raises:
        ModelError: such a type.

    """
    if model_type not in _DECODED_BY_LIBRARY:
        raise ModelError(
            f"The model {model} is of type {model_type}, which does not turn pictures into tokens "
            f"or make pictures. Use one of type {', '.join(_DECODED_BY_LIBRARY)}, such as "
            "calumma-tiny."
        )


def needs_decoder_file(model_type: str) -> bool:
    """Whether a decoder's weights must lie beside the checkpoint for pictures to be made."""
    return not _DECODED_BY_LIBRARY[model_type]
