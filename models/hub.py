"""Models of the Hugging Face hub: a name becomes a commit, a commit a folder of its cache."""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from models.folder import CONFIG, check_files, check_is_no_adapter, model_type_of
from models.source import ModelSource
from schemas.errors import ModelError

# Whatever else a repository holds, pickles above all, is never fetched.
_DESCRIPTION = ["*.json", "*.txt", "*.model", "*.jinja", "*.py", "*.tiktoken"]
_WEIGHTS = ["model*.safetensors"]


def resolve_hub_model(
    name: str, revision: str | None, *, trust_remote_code: bool = False
) -> ModelSource:
    """Find the commit of a hub model: the hub's answer, or the cache's where the hub is away.

    Raises:
        ModelError: there is no such model, it may not be read, or it lacks what is needed.
    """
    reachable = _check_on_hub(name, revision)
    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=_DESCRIPTION,
                local_files_only=not reachable,
            )
        )
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"The model {name} is neither a folder here nor in the cache of the Hugging Face hub, "
            "and the hub cannot be reached. Check the name, or download the model where there is "
            "a network and name its folder."
        ) from error
    if not (folder / CONFIG).is_file():
        raise ModelError(f"The repository {name} is not a model: it has no {CONFIG}.")
    return ModelSource(
        name=name,
        location=name,
        revision=folder.name,
        model_type=model_type_of(folder / CONFIG),
        trust_remote_code=trust_remote_code,
    )


def hub_folder(name: str, commit: str, *, weights: bool) -> Path:
    """The folder of the hub's cache that holds a commit, fetched first if it is not complete.

    Args:
        weights: whether the weights must be there, or only what describes the model.

    Raises:
        ModelError: it is not there and cannot be fetched.
    """
    return hub_files(name, commit, _WEIGHTS if weights else [])


def hub_files(name: str, commit: str, patterns: Sequence[str]) -> Path:
    """The folder of the hub's cache that holds some of a commit's weights, fetched if need be.

    Args:
        patterns: of the files' names; what describes the model is fetched in any case.

    Raises:
        ModelError: it is not there and cannot be fetched.
    """
    patterns = [*_DESCRIPTION, *patterns]
    try:
        return Path(snapshot_download(name, revision=commit, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The model {name} cannot be fetched from the hub: {reason}") from error


def _check_on_hub(name: str, revision: str | None) -> bool:
    """Refuse what the hub does not have, or has in another form.

    Returns:
        Whether the hub could be reached.
    """
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
        return False
    except Exception as error:
        if not _is_transport_error(error):
            raise
        return False
    files = [sibling.rfilename for sibling in info.siblings or ()]
    check_is_no_adapter(name, files)
    check_files(name, files)
    return True


def _is_transport_error(error: Exception) -> bool:
    # No OSError, and the class belongs to whichever HTTP client the hub's library uses.
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
