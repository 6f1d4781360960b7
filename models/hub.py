"""Models of the Hugging Face hub: a name becomes a commit; single files of it are read."""

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
    commit = _commit_of(name, revision)
    config = None if commit is None else _file(name, commit, CONFIG)
    if commit is not None and config is None:
        raise ModelError(f"The model {name} is not one: its repository has no {CONFIG}.")
    if config is None:
        cached = try_to_load_from_cache(name, CONFIG, revision=revision)
        if not isinstance(cached, str):
            raise ModelError(
                f"The model {name} is neither a folder here nor in the cache of the Hugging Face "
                "hub, and the hub cannot be reached. Check the name, or download the model where "
                "there is a network and name its folder."
            )
        config = Path(cached)
        commit = config.parent.name
    assert commit is not None
    return ModelSource(
        name=name,
        location=name,
        revision=commit,
        model_type=model_type_of(config),
        trust_remote_code=trust_remote_code,
    )


def model_file(source: ModelSource, name: str) -> Path | None:
    """Where one file of a model lies on this machine, fetched first if need be; None if it has none.

    Args:
        name: a file in the model's top folder.
    """
    if not source.is_folder:
        return _file(source.location, source.revision, name)
    path = Path(source.location) / name
    return path if path.is_file() else None


def _commit_of(name: str, revision: str | None) -> str | None:
    """The commit that the hub names; None where the hub cannot be reached."""
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
        return None
    except Exception as error:
        if not _is_connection_error(error):
            raise
        return None
    check_files(name, [sibling.rfilename for sibling in info.siblings or ()])
    return info.sha


def _is_connection_error(error: Exception) -> bool:
    # The client's transport errors do not descend from OSError.
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _file(name: str, commit: str, file: str) -> Path | None:
    try:
        return Path(hf_hub_download(name, file, revision=commit))
    except LocalEntryNotFoundError as error:
        cached = try_to_load_from_cache(name, "config.json", revision=commit)
        if isinstance(cached, str):
            return None
        raise ModelError(f"{file} of the model {name} cannot be fetched: {error}.") from error
    except EntryNotFoundError:
        return None
