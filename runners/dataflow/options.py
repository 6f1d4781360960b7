"""Options of ``--runner dataflow``."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

_DATAFLOW = Parameter(group=Group("Runner dataflow", sort_key=15))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataflowOptions:
    """What a job asks of Dataflow."""

    project: Annotated[str | None, _DATAFLOW] = None
    """Google Cloud project."""
    region: Annotated[str | None, _DATAFLOW] = None
    """Region of the workers, such as us-central1."""
    temp_location: Annotated[str | None, _DATAFLOW] = None
    """Folder below gs:// for what the service stages."""
    dataflow_image: Annotated[str | None, _DATAFLOW] = None
    """Container image of the workers, made from runners/dataflow/Dockerfile or Dockerfile.cuda."""
    dataflow_service_account: Annotated[str | None, _DATAFLOW] = None
    """Account that the workers act as; by default the project's own for its machines."""
    dataflow_max_workers: Annotated[int, _DATAFLOW] = 4
    """Machines at most; the service starts as many as the work asks for."""
    dataflow_machine: Annotated[str | None, _DATAFLOW] = None
    """Machine type of the workers; with a GPU, of those that run the model (nvidia-l4: a g2)."""
    dataflow_disk_gb: Annotated[int, _DATAFLOW] = 100
    """Disk of each machine, which must hold the image and the model."""
    dataflow_threads: Annotated[int, _DATAFLOW] = 2
    """Splits worked on at the same time by a machine, in one process that holds one model."""
    dataflow_gpu: Annotated[str | None, _DATAFLOW] = None
    """GPU of each machine that runs the model, one of a type such as nvidia-l4; none by default."""
    dataflow_gpu_driver: Annotated[str | None, _DATAFLOW] = None
    """Version of the GPU's driver, such as 5xx, rather than the one the service picks."""
