"""The commands of the jobs that make pictures."""

from dataclasses import replace
from typing import Annotated

from pipelines.config import ReconstructConfig, StructureConfig
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.parameters import FLAT, Catalog, ConfigFile, DryRun, Json, Out, Requests, Tokens
from pipelines.run_job import run_job
from pipelines.where import WhereConfig

_RECONSTRUCT = ReconstructConfig()
_GENERATE = GenerateConfig()
_EDIT = EditConfig()
_STRUCTURE = StructureConfig()
_WHERE = WhereConfig()


def generate(
    requests: Requests,
    out: Out,
    *,
    config: Annotated[GenerateConfig, FLAT] = _GENERATE,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Draw the pictures that requests ask for.

    For example:
    calumma generate requests.csv out/ --samples 4 --guidance 3

    calumma generate requests.parquet out/ --model anole-7b/ --contrast-k 3 --contrast-half
    """
    return run_job(requests, out, config, where, dry=dry_run, as_json=json)


def edit(
    catalog: Catalog,
    out: Out,
    *,
    config: Annotated[EditConfig, FLAT] = _EDIT,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    dry_run: DryRun = False,
    json: Json = False,
) -> int:
    """Edit the pictures of a catalog as an instruction says.

    For example:
    calumma edit photos/ out/ --instruction "make it blue"

    calumma edit catalog.parquet out/ --guidance 7.5 --image-guidance 1.5
    """
    return run_job(catalog, out, config, where, dry=dry_run, as_json=json)


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
