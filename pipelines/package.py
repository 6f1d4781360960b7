"""Packaging a job: into a jar that spark-submit or flink run takes to a cluster."""

from collections.abc import Mapping
from pathlib import Path

from pipelines.config import JobConfig
from pipelines.evaluate import hand_over_evaluation
from pipelines.evaluate_config import EvaluateConfig
from pipelines.index import hand_over_index
from pipelines.index_config import IndexConfig
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
    _write_to(jar, engine, config.reaches(catalog), out)
    return hand_over(catalog, out, config, engine)


def package_index(
    embeddings: str, index: str, config: IndexConfig, engine: Engine, jar: str
) -> str:
    """Write the build of an index into a jar; it is done where the jar is submitted.

    The jar holds the one build that adds to the index as it is now: it fails once another has
    written a version meanwhile.

    Returns:
        The build's run id.

    Raises:
        CalummaError: the build cannot be prepared, or the jar not be written.
    """
    _write_to(jar, engine, config.reaches(embeddings), index)
    return hand_over_index(embeddings, index, config, engine)


def package_evaluation(
    results: str, out: str, config: EvaluateConfig, engine: Engine, jar: str
) -> str:
    """Write an evaluation into a jar; it is done where the jar is submitted.

    Returns:
        The run's id.

    Raises:
        CalummaError: the evaluation cannot be prepared, or the jar not be written.
    """
    _write_to(jar, engine, config.reaches(results), out)
    return hand_over_evaluation(results, out, config, engine)


def packaged_lines(run_id: str, jar: str, then: str, engine: Engine) -> list[str]:
    """What is told of a package: what it holds, and what to type next.

    Args:
        then: the command that tells how the run went.

    """
    submit = "spark-submit --master MASTER" if engine.name == "spark" else "flink run"
    size = Path(jar).expanduser().stat().st_size / 1e6
    return [
        f"Run {run_id} is in {jar} ({size:.0f} MB), and begins where that is submitted.",
        f"Next: {submit} {jar}",
        f"Then: {then}",
    ]


def _write_to(jar: str, engine: Engine, reaches: Mapping[str, str], out: str) -> None:
    """Have what the engine is given written into a jar."""
    path = Path(jar).expanduser().absolute()
    if path.suffix != ".jar" or not path.parent.is_dir():
        raise UsageError(f"{jar} must be a name ending in .jar, in a folder that is there.")
    try:
        engine.package_to(path)
    except RunnerError as error:
        raise UsageError(str(error)) from error
    check_engine(engine, reaches, out)
