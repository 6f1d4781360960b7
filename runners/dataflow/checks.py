"""Checking what is asked of Dataflow before it is asked: each mistake a sentence."""

import importlib.util
import re
import warnings

from runners.dataflow.options import DataflowOptions
from runners.errors import RunnerError

_REQUIRED = ("project", "region", "temp_location", "dataflow_image")
_AT_LEAST_ONE = ("dataflow_max_workers", "dataflow_threads", "dataflow_disk_gb")
# What each may look like, and how to say so. A bucket of fewer than three characters would make
# Beam look for another one in the project.
_FORMS = {
    "project": (r"[a-z][-a-z0-9:.]+[a-z0-9]", "a project's id, such as my-project"),
    "region": (r"[a-z]+(-[a-z]+)+\d+", "a region, such as us-central1"),
    "temp_location": (
        r"gs://[a-z0-9][-_a-z0-9.]{1,220}[a-z0-9](/\S*)?",
        "a folder of Google Cloud Storage, such as gs://my-bucket/temp",
    ),
    "dataflow_image": (
        r"[a-z0-9][-\w.]*(:\d+)?(/[-\w.]+)+(:[-\w.]+)?(@sha256:[0-9a-f]{64})?",
        "an image in a registry, such as us-central1-docker.pkg.dev/my-project/images/calumma:1",
    ),
    "dataflow_service_account": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "an account's address, NAME@..."),
    "dataflow_machine": (r"[a-z0-9]+(-[a-z0-9]+)+", "a machine type, such as g2-standard-8"),
    "dataflow_gpu": (r"nvidia(-[a-z0-9]+)+", "a type of GPU, such as nvidia-l4"),
    "dataflow_gpu_driver": (r"[0-9][0-9x.]*", "a version, such as 5xx"),
}


def check_options(options: DataflowOptions) -> None:
    """Check the options.

    Raises:
        RunnerError: an option is missing or cannot be meant.

    """
    missing = [_flag(name) for name in _REQUIRED if not getattr(options, name)]
    if missing:
        raise RunnerError(
            f"--runner dataflow needs {' and '.join(missing)} as well: see "
            "docs/runners/dataflow.md for a whole command."
        )
    for name, (form, meant) in _FORMS.items():
        value = getattr(options, name)
        if value is not None and not re.fullmatch(form, value):
            raise RunnerError(f"{_flag(name)} must be {meant}, not {value!r}.")
    for name in _AT_LEAST_ONE:
        if getattr(options, name) < 1:
            raise RunnerError(f"{_flag(name)} must be at least 1, not {getattr(options, name)}.")
    if options.dataflow_gpu_driver and not options.dataflow_gpu:
        raise RunnerError("--dataflow-gpu-driver is a GPU's: give --dataflow-gpu as well.")


def check_shared(uri: str, what: str) -> None:
    """Check that an address is not one of this machine.

    Args:
        what: what to name instead, with its article.

    Raises:
        RunnerError: it is.

    """
    if "://" not in uri or uri.startswith("file://"):
        raise RunnerError(
            f"Dataflow's workers cannot reach {uri}, which is on this machine. Name {what} that "
            "all machines share: gs://, s3:// or az://."
        )


def check_packages() -> None:
    """Check that Google's packages are installed.

    Raises:
        RunnerError: they are not.

    """
    try:
        found = importlib.util.find_spec("google.cloud.dataflow")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise RunnerError(
            "--runner dataflow needs Google's packages. Install them with: "
            "pip install 'calumma[gcp]'."
        )


def check_credentials() -> None:
    """Check that there are credentials of Google Cloud.

    Raises:
        RunnerError: there are none.

    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        with warnings.catch_warnings():
            # That a person's own credentials have no quota project matters to other services.
            warnings.simplefilter("ignore")
            google.auth.default()
    except DefaultCredentialsError as error:
        raise RunnerError(
            "There are no credentials of Google Cloud. Log in with `gcloud auth "
            "application-default login`, or point GOOGLE_APPLICATION_CREDENTIALS to a key file."
        ) from error


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
