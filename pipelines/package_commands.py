"""The commands ``calumma package caption``, ``answer`` and ``embed``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from pipelines.config import AnswerConfig, CaptionConfig, EmbedConfig, JobConfig
from pipelines.where import WhereConfig

_FLAT = Parameter(name="*")
_CONFIG_FILE = Parameter(name="--config", metavar="FILE.toml")
_CAPTION = CaptionConfig()
_EMBED = EmbedConfig()
_RUNNER = Parameter(group=Group("Where it runs", sort_key=9))


@dataclass(frozen=True, kw_only=True)
class _PackageConfig(WhereConfig):
    """Where a packaged job is to run."""

    runner: Annotated[Literal["spark", "flink"], _RUNNER] = "spark"
    """Engine: what the jar is for."""


_WHERE = _PackageConfig()

package_app = App(
    name="package",
    help=(
        "Write a job into a jar for spark-submit (also to YARN and Kubernetes) or flink run.\n\n"
        "The jar holds one run: submitted again, it goes on with the run or finds it done."
    ),
    help_format="plaintext",
)


@package_app.command
def caption(
    catalog: str,
    out: str,
    jar: str,
    *,
    config: Annotated[CaptionConfig, _FLAT] = _CAPTION,
    where: Annotated[_PackageConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a captioning job.

    Example:
    calumma package caption s3://bucket/catalog.parquet s3://bucket/out job.jar --runner spark

    Parameters
    ----------
    catalog
        As for calumma caption; the workers must be able to read it.
    out
        Folder for the results; the workers must be able to write it.
    jar
        The file to write.
    config_file
        Take options from this TOML file; options given here win over it.
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def answer(
    catalog: str,
    out: str,
    jar: str,
    *,
    config: Annotated[AnswerConfig | None, _FLAT] = None,
    where: Annotated[_PackageConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
) -> int:
    """Package an answering job.

    Example:
    calumma package answer s3://bucket/photos/ s3://bucket/out job.jar --question "What is it?"

    Parameters
    ----------
    catalog
        As for calumma answer; the workers must be able to read it.
    out
        Folder for the results; the workers must be able to write it.
    jar
        The file to write.
    config_file
        Take options from this TOML file; options given here win over it.
    """
    return _package(catalog, out, jar, config or AnswerConfig(), where)


@package_app.command
def embed(
    catalog: str,
    out: str,
    jar: str,
    *,
    config: Annotated[EmbedConfig, _FLAT] = _EMBED,
    where: Annotated[_PackageConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
) -> int:
    """Package an embedding job.

    Example:
    calumma package embed s3://bucket/catalog.parquet s3://bucket/out job.jar --of image

    Parameters
    ----------
    catalog
        As for calumma embed; the workers must be able to read it.
    out
        Folder for the results; the workers must be able to write it.
    jar
        The file to write.
    config_file
        Take options from this TOML file; options given here win over it.
    """
    return _package(catalog, out, jar, config, where)


def _package(catalog: str, out: str, jar: str, config: JobConfig, where: WhereConfig) -> int:
    # Imports Beam and torch, which help must not wait for.
    from pipelines.package import package, packaged_lines

    engine = where.engine()
    run_id = package(catalog, out, config, engine, jar)
    print("\n".join(packaged_lines(run_id, jar, out, engine)), flush=True)  # noqa: T201
    return 0
