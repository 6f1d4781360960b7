"""Options of ``--runner flink``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

_FLINK = Parameter(group=Group("Runner flink", sort_key=13))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlinkOptions:
    """Which Flink a job runs on."""

    flink_master: Annotated[str, _FLINK] = "[local]"
    """Cluster: [local], inside the job server, or HOST:PORT of a session cluster's REST service."""
    flink_parallelism: Annotated[int | None, _FLINK] = None
    """Splits worked on at the same time; by default Flink's own."""
    flink_version: Annotated[Literal["1.19", "1.20", "2.0", "2.1", "2.2"], _FLINK] = "1.20"
    """Which of Beam's job servers is fetched; that of the cluster's version."""
    flink_job_server_jar: Annotated[str | None, _FLINK] = None
    """Beam's job server for Flink; by default the published one is fetched once."""
    flink_job_endpoint: Annotated[str | None, _FLINK] = None
    """HOST:PORT of a job server that runs already, rather than one that ends with the launcher."""
