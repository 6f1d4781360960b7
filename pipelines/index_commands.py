"""The commands about an index."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pipelines.config import IndexConfig
from pipelines.open_engine import open_engine
from pipelines.run_job import tell, tell_json
from pipelines.where import WhereConfig

_FLAT = Parameter(name="*")
_CONFIG_FILE = Parameter(name="--config", metavar="FILE.toml")
_INDEX = IndexConfig()
_WHERE = WhereConfig()


def index(
    embeddings: str,
    index: str,
    *,
    config: Annotated[IndexConfig, _FLAT] = _INDEX,
    where: Annotated[WhereConfig, _FLAT] = _WHERE,
    config_file: Annotated[Path | None, _CONFIG_FILE] = None,  # noqa: ARG001 - for the help
    json: bool = False,
) -> int:
    """Build a FAISS index over embeddings, or add what is new to one.

    Examples:
    calumma index out/ index/

    calumma index s3://bucket/out s3://bucket/index --memory 8GB --recall 0.98

    calumma index out/ index/ --remove withdrawn.txt

    Parameters
    ----------
    embeddings
        Folder that calumma embed has written to.
    index
        Folder of the index: local, s3://, gs:// or az://.
    config_file
        Take options from this TOML file; options given here win over it.
    json
        Print the result as JSON and no progress.
    """
    with open_engine(where.engine(), embeddings, index) as engine:
        from pipelines.index import build_index, index_lines
        from pipelines.progress import Progress

        record = build_index(embeddings, index, config, engine, Progress(quiet=json))
    if json:
        tell_json(asdict(record))
    else:
        tell("\n".join(index_lines(record, index)))
    return 0


def search(
    index: str,
    query: str,
    *,
    k: int = 10,
    model: str | None = None,
    to: str | None = None,
    allow_private_addresses: bool = False,
    json: bool = False,
) -> int:
    """Show what an index holds nearest to a text or a picture.

    Examples:
    calumma search index/ "a red circle"

    calumma search index/ photos/1.jpg --k 100 --to near.html

    Parameters
    ----------
    index
        Folder that calumma index has written to.
    query
        A text, or a picture's path or uri.
    k
        How many to show.
    model
        Where the model is that embedded the index, if it was named by a folder.
    to
        Write a page here that shows them as pictures: one HTML file.
    allow_private_addresses
        Let http(s) pictures come from this machine and private networks.
    json
        Print JSON.
    """
    from pipelines.search import found_lines, search_index, write_page

    searched = search_index(
        index, query, k=k, model=model, allow_private_addresses=allow_private_addresses
    )
    if json:
        tell_json([asdict(one) for one in searched.found])
    else:
        tell("\n".join(found_lines(searched.found)))
    if to is not None:
        write_page(searched, to, allow_private_addresses=allow_private_addresses)
        if not json:
            tell(f"Open the page: {to}")
    return 0
