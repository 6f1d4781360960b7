"""The commands of the jobs over a catalog."""

from dataclasses import replace
from typing import Annotated

from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    NeighborsConfig,
    TokenizeConfig,
)
from pipelines.filter_config import FilterConfig
from pipelines.parameters import FLAT, Catalog, ConfigFile, DryRun, Index, Json, Out, Queries
from pipelines.run_job import run_job
from pipelines.where import WhereConfig

_CAPTION = CaptionConfig()
_EMBED = EmbedConfig()
_NEIGHBORS = NeighborsConfig()
_DUPLICATES = DuplicatesConfig()
_TOKENIZE = TokenizeConfig()
_FILTER = FilterConfig()
_WHERE = WhereConfig()


def caption(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[CaptionConfig, FLAT] = _CAPTION,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Caption every picture of a catalog that is not captioned yet.

    For example:
    calumma caption photos/ out/

    calumma caption s3://bucket/catalog.parquet s3://bucket/out --model Qwen/Qwen2.5-VL-3B-Instruct

    calumma caption "shards/*.tar" out/ --style long --limit 100 --dry-run
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


def answer(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[AnswerConfig | None, FLAT] = None,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Answer questions about the pictures of a catalog.

    For example:
    calumma answer photos/ out/ --question "Is there a person?" --question "What season is it?"

    calumma answer catalog.parquet out/ --questions questions.csv
    """
    return run_job(catalog, out, config or AnswerConfig(), where, dry=dry_run, as_json=json)


def embed(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[EmbedConfig, FLAT] = _EMBED,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Embed the pictures and texts of a catalog with a dual encoder, such as CLIP.

    For example:
    calumma embed photos/ out/ --of image

    calumma embed catalog.parquet out/ --model openai/clip-vit-base-patch32 --vectors float16
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


def neighbors(
    queries: Queries,
    index: Index,
    out: Out,
    *,
    config: Annotated[NeighborsConfig, FLAT] = _NEIGHBORS,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Retrieve the neighbours of a catalog's rows from an index.

    For example:
    calumma neighbors photos/ index/ out/ --k 2 --of image

    calumma neighbors catalog.parquet index/ out/ --max-similarity 0.9 --query-dropout 0.2
    """
    config = replace(config, index=index)
    return run_job(queries, out, config, where, dry=dry_run, as_json=json)


def duplicates(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[DuplicatesConfig, FLAT] = _DUPLICATES,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Find the pictures of a catalog that show the same, and list one of each to keep.

    For example:
    calumma duplicates photos/ out/

    calumma duplicates s3://bucket/catalog.parquet s3://bucket/out --max-difference 4

    calumma caption photos/ captions/ --keep out/
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


def tokenize(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[TokenizeConfig, FLAT] = _TOKENIZE,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Turn the pictures of a catalog into the codes of a VQ tokenizer.

    For example:
    calumma tokenize photos/ out/

    calumma tokenize photos/ out/ --model chameleon-7b/ --framing crop --crops 4 --resolution 256
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


def filter_catalog(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[FilterConfig, FLAT] = _FILTER,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Judge the rows of a catalog by rules, and list those to keep.

    For example:
    calumma filter photos/ out/ --min-width 256 --min-height 256 --max-aspect-ratio 2

    calumma filter catalog.parquet out/ --licenses allowed.txt --min-words 3 --min-clip-score 0.28

    calumma caption photos/ captions/ --keep out/
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)
