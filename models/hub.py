"""Models of the Hugging Face hub: a name becomes a commit; single files of it are fetched."""

from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from models.folder import CONFIG, check_files, model_type_of
from models.source import ModelSource
from schemas.errors import ModelError


def resolve_hub_model(
    name: str, revision: str | None, *, trust_remote_code: bool = False
) -> ModelSource:
    """Find the commit of a hub model: the hub's answer, or the cache's where the hub is away.

    Raises:
        ModelError: there is no such model, it may not be read, or it lacks what is needed.

    """
    _check_on_hub(name, revision)
    try:
        # By the name of the branch, not the commit: so the cache learns where the branch stands,
        # and can tell without the hub.
        config = Path(hf_hub_download(name, CONFIG, revision=revision))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"The model {name} is neither a folder here nor in the cache of the Hugging Face hub, "
            "and the hub cannot be reached. Check the name, or download the model where there is "
            "a network and name its folder."
        ) from error
    except EntryNotFoundError as error:
        raise ModelError(f"The repository {name} is not a model: it has no {CONFIG}.") from error
    return ModelSource(
        name=name,
        location=name,
        revision=config.parent.name,
        model_type=model_type_of(config),
        trust_remote_code=trust_remote_code,
    )


def hub_file(name: str, commit: str, file: str) -> Path | None:
    """Fetch one file of a hub model, from the cache if it is there; None if the model has none.

    Raises:
        ModelError: the hub cannot be reached, and the cache does not tell.

    """
    try:
        return Path(hf_hub_download(name, file, revision=commit))
    except LocalEntryNotFoundError as error:
        if isinstance(try_to_load_from_cache(name, CONFIG, revision=commit), str):
            # The cache has this commit: what it lacks was not there, or was not asked for.
            return None
        raise ModelError(
            f"{file} of the model {name} cannot be fetched: the Hugging Face hub cannot be reached."
        ) from error
    except EntryNotFoundError:
        return None


def _check_on_hub(name: str, revision: str | None) -> None:
    """Refuse what the hub does not have, or has in another form; pass where it cannot be reached."""
    try:
        info = HfApi().model_info(name, revision=revision)
    except GatedRepoError as error:
        raise ModelError(
            f"The model {name} is gated. Ask for access on its page on the Hugging Face hub and "
            "log in with `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"The model {name} has no revision {revision!r}.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"There is no model {name}: neither a folder here nor a repository on the Hugging "
            "Face hub that may be read. Check the name, or log in with `hf auth login`."
        ) from error
    except (HfHubHTTPError, OSError):
        return
    except Exception as error:
        if not _is_transport_error(error):
            raise
        return
    check_files(name, [sibling.rfilename for sibling in info.siblings or ()])


def _is_transport_error(error: Exception) -> bool:
    # No OSError, and the class belongs to whichever HTTP client the hub's library uses.
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
