"""The commands of the jobs over a catalog."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    NeighborsConfig,
)
from pipelines.run_job import run_job
from pipelines.where import WhereConfig

_FLAT = Parameter(name="*")
# Taken out of the arguments before the rest is read, for its values stand behind theirs.
_CONFIG_FILE = Parameter(name="--config", metavar="FILE.toml")
_CAPTION = CaptionConfig()
_EMBED = EmbedConfig()
_NEIGHBORS = NeighborsConfig()
_DUPLICATES = DuplicatesConfig()
_WHERE = WhereConfig()


def caption(
    catalog: str,
    out: str,
    *,
    config: Annotated[CaptionConfig, _FLAT] = _CAPTION,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Caption every picture of a catalog that is not captioned yet.

    Examples:
    calumma caption photos/ out/

    calumma caption s3://bucket/catalog.parquet s3://bucket/out --model Qwen/Qwen2.5-VL-3B-Instruct

    calumma caption "shards/*.tar" out/ --style long --limit 100 --dry-run

    Parameters
    ----------
    catalog
        Parquet, CSV, JSON lines or WebDataset tar; a folder of pictures; or a glob in quotes.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


def answer(
    catalog: str,
    out: str,
    *,
    config: Annotated[AnswerConfig | None, _FLAT] = None,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Answer questions about the pictures of a catalog.

    Examples:
    calumma answer photos/ out/ --question "Is there a person?" --question "What season is it?"

    calumma answer catalog.parquet out/ --questions questions.csv

    Parameters
    ----------
    catalog
        Parquet, CSV, JSON lines or WebDataset tar; a folder of pictures; or a glob in quotes.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    return run_job(catalog, out, config or AnswerConfig(), where, dry=dry_run, as_json=json)


def embed(
    catalog: str,
    out: str,
    *,
    config: Annotated[EmbedConfig, _FLAT] = _EMBED,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Embed the pictures and texts of a catalog with a dual encoder, such as CLIP.

    Examples:
    calumma embed photos/ out/ --of image

    calumma embed catalog.parquet out/ --model openai/clip-vit-base-patch32 --vectors float16

    Parameters
    ----------
    catalog
        Parquet, CSV, JSON lines or WebDataset tar; a folder of pictures; or a glob in quotes.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


def neighbors(
    queries: str,
    index: str,
    out: str,
    *,
    config: Annotated[NeighborsConfig, _FLAT] = _NEIGHBORS,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Retrieve the neighbours of a catalog's rows from an index.

    Examples:
    calumma neighbors photos/ index/ out/ --k 2 --of image

    calumma neighbors catalog.parquet index/ out/ --max-similarity 0.9 --query-dropout 0.2

    Parameters
    ----------
    queries
        Catalog of the queries: Parquet, CSV, JSON lines or WebDataset tar; a folder; or a glob.
    index
        Folder that calumma index has written to.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    config = replace(config, index=index)
    return run_job(queries, out, config, where, dry=dry_run, as_json=json)


def duplicates(
    catalog: str,
    out: str,
    *,
    config: Annotated[DuplicatesConfig, _FLAT] = _DUPLICATES,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Find the pictures of a catalog that show the same, and list one of each to keep.

    Examples:
    calumma duplicates photos/ out/

    calumma duplicates s3://bucket/catalog.parquet s3://bucket/out --max-difference 4

    calumma caption photos/ captions/ --keep out/

    Parameters
    ----------
    catalog
        Parquet, CSV, JSON lines or WebDataset tar; a folder of pictures; or a glob in quotes.
    out
        Folder for the results: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    dry_run
        Say what would be done and do nothing.
    json
        Print the result as JSON and no progress.
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)
