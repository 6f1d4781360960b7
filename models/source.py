"""Naming a model: from what a user types to a folder or a hub commit. Imports no torch."""

import socket
from dataclasses import dataclass
from pathlib import Path

from models.dual_encoders import check_is_dual_encoder
from models.families import check_takes_prompts
from models.image_families import check_makes_images
from models.image_token_types import check_has_decoder, check_has_image_tokens
from schemas.errors import ModelError

DEFAULT_MODEL = "calumma-tiny"
"""The name of the model inside the package that describes pictures."""

DEFAULT_ENCODER = "calumma-clip"
"""The name of the dual encoder inside the package."""

_EMBEDDED = {
    DEFAULT_MODEL: Path(__file__).parent / "tiny",
    DEFAULT_ENCODER: Path(__file__).parent / "clip",
}
EMBEDDED_FOLDER = _EMBEDDED[DEFAULT_MODEL]
"""Where the package keeps the model that describes pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A model that is there to be loaded.

    Attributes:
        name: the folder's name or the hub id, as written on each row.
        location: an absolute folder, the hub id, or the name of a model of the package, which
            each machine has where its package lies.
        revision: ``sha256:`` and 16 hexadecimal digits of a folder's content, or the commit hash
            of a hub repository.
        model_type: the architecture, as the model's config.json names it.
        trust_remote_code: whether code that comes with the model may run.

    """

    name: str
    location: str
    revision: str
    model_type: str
    trust_remote_code: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder of this machine where the model lies; None if it is on the hub."""
        if self.location in _EMBEDDED:
            return _EMBEDDED[self.location]
        return Path(self.location) if Path(self.location).is_absolute() else None


def resolve_model(
    name: str, revision: str | None = None, *, trust_remote_code: bool = False
) -> ModelSource:
    """Find a model that describes pictures, and the revision of it that will be loaded.

    Args:
        name: ``calumma-tiny``, an existing folder, or a hub id such as ``org/model``.
        revision: branch, tag or commit of a hub id; None for its main branch.
        trust_remote_code: whether code that comes with the model may run.

    Raises:
        ModelError: there is no such model, it is not one that can be loaded safely, or it is of
            a type that takes no prompt.

    """
    source = _resolve(name, revision, trust_remote_code=trust_remote_code)
    check_takes_prompts(name, source.model_type)
    return source


def resolve_encoder(
    name: str, revision: str | None = None, *, trust_remote_code: bool = False
) -> ModelSource:
    """Find a dual encoder, and the revision of it that will be loaded.

    Args:
        name: ``calumma-clip``, an existing folder, or a hub id such as ``org/model``.
        revision: branch, tag or commit of a hub id; None for its main branch.
        trust_remote_code: whether code that comes with the model may run.

    Raises:
        ModelError: there is no such model, it is not one that can be loaded safely, or it is of
            a type that does not embed pictures and texts in one space.

    """
    source = _resolve(name, revision, trust_remote_code=trust_remote_code)
    check_is_dual_encoder(name, source.model_type)
    return source


def resolve_image_tokenizer(
    name: str, revision: str | None = None, *, trust_remote_code: bool = False
) -> ModelSource:
    """Find a model that reads pictures as tokens, and the revision of it that will be loaded.

    Args:
        name: ``calumma-tiny``, an existing folder, or a hub id such as ``org/model``.
        revision: branch, tag or commit of a hub id; None for its main branch.
        trust_remote_code: whether code that comes with the model may run.

    Raises:
        ModelError: there is no such model, it is not one that can be loaded safely, or it is of
            a type that has no codes for pictures.

    """
    source = _resolve(name, revision, trust_remote_code=trust_remote_code)
    check_has_image_tokens(name, source.model_type)
    return source


def resolve_image_model(
    name: str, revision: str | None = None, *, trust_remote_code: bool = False
) -> ModelSource:
    """Find a model that makes images, and the revision of it that will be loaded.

    Args:
        name: ``calumma-tiny``, an existing folder, or a hub id such as ``org/model``.
        revision: branch, tag or commit of a hub id; None for its main branch.
        trust_remote_code: whether code that comes with the model may run.

    Raises:
        ModelError: there is no such model, it is not one that can be loaded safely, it is of a
            type that makes no images, or its decoder's weights are missing.

    """
    source = _resolve(name, revision, trust_remote_code=trust_remote_code)
    check_makes_images(name, source.model_type)
    # Of a hub model, whose weights are not here yet, only loading tells.
    if source.folder is not None:
        check_has_decoder(name, source.model_type, source.folder)
    return source


def _resolve(name: str, revision: str | None, *, trust_remote_code: bool) -> ModelSource:
    folder = _EMBEDDED.get(name) or Path(name).expanduser()
    if folder.is_dir():
        return _resolve_folder(name, folder.resolve(), revision, trust_remote_code)
    # Imported only here: the hub's client takes a while to import.
    from models.hub import resolve_hub_model

    return resolve_hub_model(name, revision, trust_remote_code=trust_remote_code)


def _resolve_folder(
    name: str, folder: Path, revision: str | None, trust_remote_code: bool
) -> ModelSource:
    if revision is not None:
        raise ModelError(
            f"The model {name} is a folder, and a folder has no revision {revision!r}. "
            "Leave the revision out, or name a model of the Hugging Face hub."
        )
    from models.folder import content_digest, read_model_type

    return ModelSource(
        name=name if name in _EMBEDDED else folder.name,
        location=name if name in _EMBEDDED else str(folder),
        model_type=read_model_type(folder),
        revision=content_digest(folder),
        trust_remote_code=trust_remote_code,
    )


def check_source_here(source: ModelSource) -> None:
    """Check that this machine has a model that was resolved on another.

    Raises:
        ModelError: its folder is not here, or holds another model.

    """
    folder = source.folder
    if folder is None:
        return
    from models.folder import CONFIG, content_digest

    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"There is no model in {folder} on {socket.gethostname()}. Put it where each machine "
            "has it under this path, or name a model of the Hugging Face hub."
        )
    found = content_digest(folder)
    if found != source.revision:
        raise ModelError(
            f"The model folder {folder} on {socket.gethostname()} holds another model ({found}) "
            f"than where the run began ({source.revision})."
        )


def is_embedded(source: ModelSource) -> bool:
    """Whether this is a model inside the package."""
    return source.location in _EMBEDDED
