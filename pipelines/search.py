"""Looking into an index: what lies nearest to a text or a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.embedding import Embedded, EmbedRequest, load_embedder
from models.source import resolve_encoder
from models.wanted_pixels import wanted_pixels
from schemas.errors import RowError, UsageError
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy
from storage.index.opened import open_index
from storage.index.search import search
from storage.index.settings import SearchSettings
from storage.index_rows import IndexedAsset, IndexRows
from storage.index_store import local_index, open_record
from storage.store import open_store
from storage.uris import absolute_uri

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A neighbour of a query.

    Attributes:
        score: inner product of the two vectors of length 1.

    """

    rank: int
    score: float
    asset: IndexedAsset


def search_index(
    index: str, query: str, *, k: int = 10, model: str | None = None
) -> tuple[Found, ...]:
    """Find what lies nearest to a text or a picture.

    Args:
        index: folder of the index.
        query: a text, or a picture's path or uri.
        model: where the model is that the index's vectors are of; None for its name in the index.

    Raises:
        CalummaError: there is no such index, it is of another model, or the query is of no use.
    """
    store = open_store(absolute_uri(index))
    record = open_record(store)
    version = record.version
    source = resolve_encoder(model or version.model)
    folder = local_index(store, record)
    opened = open_index(folder, version, model=source.name, revision=source.revision)
    embedder = load_embedder(source)
    request = EmbedRequest(pixels=None, text=query)
    if "://" in query or Path(query).expanduser().is_file():
        request = EmbedRequest(pixels=_pixels(query, wanted_pixels(source)), text="")
    (embedded,) = embedder.embed(embedder.encode([request]))
    if not isinstance(embedded, Embedded):
        raise UsageError(f"The query cannot be embedded: {embedded}")
    settings = version.card.settings if version.card else SearchSettings()
    (hits,) = search(opened, embedded.vector[None], k, settings)
    assets = IndexRows(folder, opened).take([hit.row for hit in hits])
    return tuple(
        Found(rank=rank, score=hit.score, asset=asset)
        for rank, (hit, asset) in enumerate(zip(hits, assets, strict=True), 1)
    )


def found_lines(found: tuple[Found, ...]) -> list[str]:
    """The neighbours, a line each."""
    if not found:
        return ["Nothing was found: the index is empty."]
    width = max(len(one.asset.asset_id) for one in found)
    return [
        f"{one.rank:>3}  {one.score:6.3f}  {one.asset.asset_id:<{width}}  "
        f"{' '.join(one.asset.text.split()) or '-'}  {one.asset.uri}".rstrip()
        for one in found
    ]


def _pixels(uri: str, wanted: int | None) -> "NDArray[np.uint8]":
    limits = DecodeLimits()
    try:
        absolute = absolute_uri(uri)
        fetcher = Fetcher(FetchPolicy.for_catalog(absolute))
        try:
            return decode_image(fetcher.fetch(absolute), limits=limits, wanted_pixels=wanted).pixels
        finally:
            fetcher.close()
    except RowError as error:
        raise UsageError(f"{uri} cannot be searched for: {error}") from error
