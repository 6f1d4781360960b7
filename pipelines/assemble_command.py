"""The command of the job that assembles training documents."""

from typing import Annotated

from pipelines.assemble_config import AssembleConfig
from pipelines.parameters import FLAT, Catalog, ConfigFile, DryRun, Json, Out
from pipelines.run_job import run_job
from pipelines.where import WhereConfig

_WHERE = WhereConfig()


def assemble(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[AssembleConfig | None, FLAT] = None,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Assemble training documents of pictures as codes, texts and neighbours.

    For example:
    calumma assemble photos/ out/ --codes tokens/ --neighbors neighbors/

    calumma assemble vqa.parquet out/ --codes tokens/ --template question --columns.id question_id
    """
    return run_job(catalog, out, config or AssembleConfig(), where, dry=dry_run, as_json=json)
