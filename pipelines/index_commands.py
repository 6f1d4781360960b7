"""The commands about an index."""

from dataclasses import asdict
from typing import Annotated

from pipelines.index_config import IndexConfig
from pipelines.open_engine import open_engine
from pipelines.parameters import FLAT, ConfigFile, Embeddings, Index, Json, NewIndex
from pipelines.run_job import tell, tell_json
from pipelines.where import WhereConfig

_INDEX = IndexConfig()
_WHERE = WhereConfig()


def index(
    embeddings: Embeddings,
    index: NewIndex,
    *,
    config: Annotated[IndexConfig, FLAT] = _INDEX,
    where: Annotated[WhereConfig, FLAT] = _WHERE,
    config_file: ConfigFile = None,  # noqa: ARG001 - for the help
    json: Json = False,
) -> int:
    """Build a FAISS index over embeddings, or add what is new to one.

    For example:
    calumma index out/ index/

    calumma index s3://bucket/out s3://bucket/index --memory 8GB --recall 0.98

    calumma index out/ index/ --remove withdrawn.txt
    """
    with open_engine(where.engine(), config.reaches(embeddings), index) as engine:
        from pipelines.index import build_index, hand_over_index, index_lines
        from pipelines.progress import Progress

        if not engine.waits:
            run_id = hand_over_index(embeddings, index, config, engine)
            tell(f"Build {run_id} was handed over. Then: calumma report {index}")
            return 0
        build = build_index(embeddings, index, config, engine, Progress(quiet=json))
    if json:
        tell_json({**asdict(build.record), "is_new": build.is_new, "notes": build.notes})
    else:
        tell("\n".join(index_lines(build, index)))
    return 0


def search(
    index: Index,
    query: str,
    *,
    k: int = 10,
    model: str | None = None,
    to: str | None = None,
    allow_private_addresses: bool = False,
    json: bool = False,
) -> int:
    """Show what an index holds nearest to a text or a picture.

    For example:
    calumma search index/ "a red circle"

    calumma search index/ photos/1.jpg --k 100 --to near.html

    Parameters
    ----------
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
