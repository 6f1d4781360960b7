"""The types of models that read pictures as tokens and can make them again. Imports no torch."""

from pathlib import Path

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


def check_has_decoder(model: str, model_type: str, folder: Path) -> None:
    """Refuse a folder that can make codes and not pictures.

    Raises:
        ModelError: the decoder's weights are not there.

    """
    if needs_decoder_file(model_type) and not (folder / DECODER_FILE).is_file():
        raise no_decoder(model)


def no_decoder(model: str) -> ModelError:
    """The error of a checkpoint without its decoder's weights."""
    return ModelError(
        f"The model {model} reads pictures but cannot make them: its folder has no "
        f"{DECODER_FILE}. Put the decoder's weights there (calumma convert vqgan.ckpt "
        f"{DECODER_FILE}), or encode only."
    )
