"""Which types of models make images, and what is known of each. Imports no torch."""

from schemas.errors import ModelError

_MAKERS = {
    "chameleon": "Chameleon's architecture, such as calumma-tiny or Anole",
    "emu3": "Emu3-Gen",
    "janus": "Janus and Janus-Pro",
}


# Shown pictures before the text, by their training and by the code that runs them here.
_EDITORS = ("chameleon",)
_OF_ANY_SIZE = ("emu3",)


def check_makes_images(model: str, model_type: str) -> None:
    """Refuse a type that makes no images.

    Raises:
        ModelError: such a type; those that do are listed.

    """
    if model_type not in _MAKERS:
        makers = "; ".join(f"{name} ({what})" for name, what in _MAKERS.items())
        raise ModelError(
            f"The model {model} of type {model_type} makes no images. These types do: {makers}."
        )


def check_edits(model: str, model_type: str) -> None:
    """Refuse a type that makes images from text alone.

    Raises:
        ModelError: such a type.

    """
    if model_type not in _EDITORS:
        raise ModelError(
            f"The model {model} of type {model_type} draws from text alone. Show pictures to a "
            f"model of type {', '.join(_EDITORS)}."
        )


def check_draws_any_size(model: str, model_type: str) -> None:
    """Refuse a type whose pictures have one size.

    Raises:
        ModelError: such a type.

    """
    if model_type not in _OF_ANY_SIZE:
        raise ModelError(
            f"The model {model} of type {model_type} draws in one size. Leave --size out, or "
            f"choose a model of type {', '.join(_OF_ANY_SIZE)}."
        )
