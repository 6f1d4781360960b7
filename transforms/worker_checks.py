"""Whether the machine that a step finds itself on can work for the run at all."""

import glob
import socket
from importlib.metadata import version
from pathlib import Path

from schemas.errors import WorkerError
from storage.layout import manifest_path, run_path
from storage.store import Store
from transforms.settings import RunSettings


def check_worker(store: Store, settings: RunSettings) -> None:
    """Check that a worker has the launcher's version and output.

    Args:
        store: the output, opened on this machine.

    Raises:
        WorkerError: it has not; the text names the machine and what to do.

    """
    host = socket.gethostname()
    here = version("calumma")
    if here != settings.version:
        raise WorkerError(
            f"The worker {host} has Calumma {here}, and the run was begun with "
            f"{settings.version}. Install one version on all machines."
        )
    run_id = settings.run_id
    if not store.exists(run_path(run_id)) and not store.exists(manifest_path(run_id)):
        raise WorkerError(
            f"{settings.out} on the worker {host} is not the output that the run was begun in. "
            "Name one that all machines share: s3://, gs://, az:// or a shared disk."
        )


def check_catalog_here(catalog: str) -> None:
    """Check that a worker can see the catalog: elsewhere each of its rows would fail there.

    Args:
        catalog: the catalog's absolute URI.

    Raises:
        WorkerError: it is a path of another machine.

    """
    if catalog.startswith("/") and not Path(catalog).exists() and not glob.glob(catalog):  # noqa: PTH207
        raise WorkerError(
            f"There is no catalog {catalog} on the worker {socket.gethostname()}. Name one that "
            "all machines can read."
        )
