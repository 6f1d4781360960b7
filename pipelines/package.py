"""Packaging a job: into a jar that spark-submit or flink run takes to a cluster."""

from pathlib import Path

from pipelines.config import JobConfig
from pipelines.launch import hand_over
from pipelines.open_engine import check_engine
from runners.engine import Engine
from runners.errors import RunnerError
from schemas.errors import UsageError


def package(catalog: str, out: str, config: JobConfig, engine: Engine, jar: str) -> str:
    """Begin a run and write its pipeline into a jar; the run is done where the jar is submitted.

    The jar holds this one run. Submitting it again goes on with the run if it was not finished,
    and changes nothing if it was.

    Returns:
        The run's id.

    Raises:
        CalummaError: the job cannot be prepared, or the jar not be written.
    """
    path = Path(jar).expanduser().absolute()
    if path.suffix != ".jar" or not path.parent.is_dir():
        raise UsageError(f"{jar} must be a name ending in .jar, in a folder that is there.")
    try:
        engine.package_to(path)
    except RunnerError as error:
        raise UsageError(str(error)) from error
    check_engine(engine, catalog, out)
    return hand_over(catalog, out, config, engine)


def packaged_lines(run_id: str, jar: str, out: str, engine: Engine) -> list[str]:
    """What is told of a package: what it holds, and what to type next."""
    submit = "spark-submit --master MASTER" if engine.name == "spark" else "flink run"
    size = Path(jar).expanduser().stat().st_size / 1e6
    return [
        f"Run {run_id} is in {jar} ({size:.0f} MB), and begins where that is submitted.",
        f"Next: {submit} {jar}",
        f"Then: calumma runs {out}",
    ]
