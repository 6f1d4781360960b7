"""The command ``calumma package``, with a command of its own for each job."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from pipelines.assemble_config import AssembleConfig
from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    JobConfig,
    NeighborsConfig,
    ReconstructConfig,
    StructureConfig,
    TokenizeConfig,
)
from pipelines.evaluate_config import EvaluateConfig
from pipelines.filter_config import FilterConfig
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.index_config import IndexConfig
from pipelines.parameters import FLAT, ConfigFile
from pipelines.where import WhereConfig

_CAPTION = CaptionConfig()
_EMBED = EmbedConfig()
_DUPLICATES = DuplicatesConfig()
_TOKENIZE = TokenizeConfig()
_RECONSTRUCT = ReconstructConfig()
_STRUCTURE = StructureConfig()
_FILTER = FilterConfig()
_GENERATE = GenerateConfig()
_EDIT = EditConfig()
_NEIGHBORS = NeighborsConfig()
_INDEX = IndexConfig()
_EVALUATE = EvaluateConfig()
_RUNNER = Parameter(group=Group("Where it runs", sort_key=9))

_Source = Annotated[
    str, Parameter(help="As for the command itself; the workers must be able to read it.")
]
_Out = Annotated[
    str, Parameter(help="Folder for the results; the workers must be able to write it.")
]
_NewIndex = Annotated[
    str, Parameter(help="Folder of the index; the workers must be able to write it.")
]
_Index = Annotated[str, Parameter(help="Folder of the index; the workers must be able to read it.")]
_Jar = Annotated[str, Parameter(help="The file to write.")]


@dataclass(frozen=True, kw_only=True)
class _PackageConfig(WhereConfig):
    """Where a packaged job is to run."""

    runner: Annotated[Literal["spark", "flink"], _RUNNER] = "spark"
    """Engine: what the jar is for."""


_WHERE = _PackageConfig()
_Where = Annotated[_PackageConfig, FLAT]

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
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[CaptionConfig, FLAT] = _CAPTION,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a captioning job.

    For example:
    calumma package caption s3://bucket/catalog.parquet s3://bucket/out job.jar --runner spark
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def answer(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[AnswerConfig | None, FLAT] = None,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package an answering job.

    For example:
    calumma package answer s3://bucket/photos/ s3://bucket/out job.jar --question "What is it?"
    """
    return _package(catalog, out, jar, config or AnswerConfig(), where)


@package_app.command
def embed(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[EmbedConfig, FLAT] = _EMBED,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package an embedding job.

    For example:
    calumma package embed s3://bucket/catalog.parquet s3://bucket/out job.jar --of image
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def index(
    embeddings: _Source,
    index: _NewIndex,
    jar: _Jar,
    *,
    config: Annotated[IndexConfig, FLAT] = _INDEX,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package the build of an index.

    For example:
    calumma package index s3://bucket/out s3://bucket/index job.jar --memory 8GB
    """
    # Imports Beam and torch, which help must not wait for.
    from pipelines.package import package_index, packaged_lines

    engine = where.engine()
    run_id = package_index(embeddings, index, config, engine, jar)
    _tell(packaged_lines(run_id, jar, f"calumma report {index}", engine))
    return 0


@package_app.command
def neighbors(
    queries: _Source,
    index: _Index,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[NeighborsConfig, FLAT] = _NEIGHBORS,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package the retrieval of neighbours.

    For example:
    calumma package neighbors s3://bucket/catalog s3://bucket/index s3://bucket/out job.jar --k 2
    """
    return _package(queries, out, jar, replace(config, index=index), where)


@package_app.command
def duplicates(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[DuplicatesConfig, FLAT] = _DUPLICATES,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package the finding of duplicates.

    For example:
    calumma package duplicates s3://bucket/catalog.parquet s3://bucket/out job.jar
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def tokenize(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[TokenizeConfig, FLAT] = _TOKENIZE,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a tokenizing job.

    For example:
    calumma package tokenize s3://bucket/catalog.parquet s3://bucket/out job.jar
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def reconstruct(
    tokens: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[ReconstructConfig, FLAT] = _RECONSTRUCT,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a reconstructing job.

    For example:
    calumma package reconstruct s3://bucket/tokens s3://bucket/out job.jar
    """
    return _package(tokens, out, jar, replace(config, tokens=tokens), where)


@package_app.command
def structure(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[StructureConfig, FLAT] = _STRUCTURE,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a job that takes structure of pictures.

    For example:
    calumma package structure s3://bucket/catalog.parquet s3://bucket/out job.jar
    """
    return _package(catalog, out, jar, config, where)


@package_app.command(name="filter")
def filter_catalog(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[FilterConfig, FLAT] = _FILTER,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a filter.

    For example:
    calumma package filter s3://bucket/catalog.parquet s3://bucket/out job.jar --min-width 256
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def generate(
    requests: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[GenerateConfig, FLAT] = _GENERATE,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a job that draws what requests ask for.

    For example:
    calumma package generate s3://bucket/requests.parquet s3://bucket/out job.jar --samples 4
    """
    return _package(requests, out, jar, config, where)


@package_app.command
def edit(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[EditConfig, FLAT] = _EDIT,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a job that edits pictures.

    For example:
    calumma package edit s3://bucket/photos/ s3://bucket/out job.jar --instruction "make it blue"
    """
    return _package(catalog, out, jar, config, where)


@package_app.command
def assemble(
    catalog: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[AssembleConfig | None, FLAT] = None,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package a job that assembles training documents.

    For example:
    calumma package assemble s3://bucket/photos/ s3://bucket/out job.jar --codes s3://bucket/tokens
    """
    return _package(catalog, out, jar, config or AssembleConfig(), where)


@package_app.command
def evaluate(
    results: _Source,
    out: _Out,
    jar: _Jar,
    *,
    config: Annotated[EvaluateConfig, FLAT] = _EVALUATE,
    where: _Where = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
) -> int:
    """Package an evaluation.

    For example:
    calumma package evaluate s3://bucket/out s3://bucket/scores job.jar --benchmark easy-vqa
    """
    # Imports Beam and torch, which help must not wait for.
    from pipelines.package import package_evaluation, packaged_lines

    engine = where.engine()
    run_id = package_evaluation(results, out, config, engine, jar)
    _tell(packaged_lines(run_id, jar, f"calumma runs {out}", engine))
    return 0


def _package(catalog: str, out: str, jar: str, config: JobConfig, where: WhereConfig) -> int:
    # Imports Beam and torch, which help must not wait for.
    from pipelines.package import package, packaged_lines

    engine = where.engine()
    run_id = package(catalog, out, config, engine, jar)
    _tell(packaged_lines(run_id, jar, f"calumma runs {out}", engine))
    return 0


def _tell(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)  # noqa: T201
