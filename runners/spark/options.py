"""Options of ``--runner spark``."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

_SPARK = Parameter(group=Group("Runner spark", sort_key=12))


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkOptions:
    """Which Spark a job runs on."""

    spark_master: Annotated[str, _SPARK] = "local[*]"
    """Master: local[N], local[*] or spark://HOST:PORT; YARN and Kubernetes take a packaged job."""
    spark_conf: Annotated[tuple[str, ...], _SPARK] = ()
    """Spark property, such as spark.executor.memory=4g; may be given several times."""
    spark_job_server_jar: Annotated[str | None, _SPARK] = None
    """Beam's job server for Spark 3; by default the published one is fetched once."""
    spark_job_endpoint: Annotated[str | None, _SPARK] = None
    """HOST:PORT of a job server that runs already, rather than one that ends with the launcher."""
