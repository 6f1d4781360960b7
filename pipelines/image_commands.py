"""The commands of the jobs that make pictures."""

from dataclasses import replace
from typing import Annotated

from pipelines.config import ReconstructConfig, StructureConfig
from pipelines.parameters import FLAT, Catalog, ConfigFile, DryRun, Json, Out, Tokens
from pipelines.run_job import run_job
from pipelines.where import WhereConfig

_RECONSTRUCT = ReconstructConfig()
_STRUCTURE = StructureConfig()
_WHERE = WhereConfig()


def reconstruct(
    tokens: Tokens,
    out: Out,
    *,
    config: Annotated[ReconstructConfig, FLAT] = _RECONSTRUCT,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Make pictures of codes, and say how near they are to the pictures these were made of.

    For example:
    calumma reconstruct tokens/ out/

    calumma reconstruct s3://bucket/tokens s3://bucket/out --images s3://bucket/pictures
    """
    config = replace(config, tokens=tokens)
    return run_job(tokens, out, config, where, dry=dry_run, as_json=json)


def structure(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[StructureConfig, FLAT] = _STRUCTURE,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Take edges, soft edges or segments of the pictures of a catalog, as pictures.

    For example:
    calumma structure photos/ out/ --of edge

    calumma structure photos/ out/ --of segmentation --images segments/
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)
