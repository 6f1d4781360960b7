"""Which types of models make images, and what is known of each. Imports no torch."""

from schemas.errors import ModelError

_MAKERS = {
    "chameleon": "Chameleon's architecture, such as calumma-tiny or Anole",
    "emu3": "Emu3-Gen",
    "janus": "Janus and Janus-Pro",
}


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
