"""Looking into an index: what lies nearest to a text or a picture."""

import re
from dataclasses import dataclass
from pathlib import Path

from models.embedding import Embedded, EmbedRequest
from models.source import resolve_encoder
from models.wanted_pixels import wanted_pixels
from reports.formatting import printable
from reports.search_page import Found, SearchPage, write_search_page
from schemas.errors import RowError, UsageError
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from storage.decoding.thumbnail import make_thumbnail
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy
from storage.index.search import search
from storage.index_store import IndexRecord, open_record
from storage.store import open_store
from storage.uris import absolute_uri
from transforms.retriever import open_retriever

_WIDEST_ID = 40
_QUERY_PIXELS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What was found in an index.

    Attributes:
        index: its folder.
        record: its version that was searched.
        query: as it was given.
        picture: the query's encoded bytes; None where it is a text.
        k: how many were asked for.
        found: the nearest first.

    """

    index: str
    record: IndexRecord
    query: str
    picture: bytes | None
    k: int
    found: tuple[Found, ...]


def search_index(
    index: str,
    query: str,
    *,
    k: int = 10,
    model: str | None = None,
    allow_private_addresses: bool = False,
) -> Searched:
    """Find what lies nearest to a text or a picture.

    Args:
        index: folder of the index.
        query: a text, or a picture's path or uri.
        model: where the model is that the index's vectors are of; None for its name in the index.
        allow_private_addresses: whether an http(s) query may come from this machine and private
            networks.

    Raises:
        CalummaError: there is no such index, it is of another model, or the query is of no use.
    """
    if k < 1:
        raise UsageError(f"--k must be at least 1, not {k}.")
    store = open_store(absolute_uri(index))
    record = open_record(store)
    source = resolve_encoder(model or record.version.model)
    retriever = open_retriever(store, record, source)
    embedder = retriever.embedder
    picture = None
    request = EmbedRequest(pixels=None, text=query)
    if _names_picture(query):
        picture = _read(query, allow_private_addresses=allow_private_addresses)
        try:
            image = decode_image(
                picture, limits=DecodeLimits(), wanted_pixels=wanted_pixels(source)
            )
        except RowError as error:
            raise _of_no_use(query, error) from error
        request = EmbedRequest(pixels=image.pixels, text="")
    (embedded,) = embedder.embed(embedder.encode([request]))
    if not isinstance(embedded, Embedded):
        raise UsageError(f"The query cannot be embedded: {embedded}")
    (hits,) = search(retriever.index, embedded.vector[None], k, retriever.search)
    assets = retriever.rows.take([hit.row for hit in hits])
    found = tuple(
        Found(rank=rank, score=hit.score, asset=asset)
        for rank, (hit, asset) in enumerate(zip(hits, assets, strict=True), 1)
    )
    return Searched(
        index=absolute_uri(index), record=record, query=query, picture=picture, k=k, found=found
    )


def found_lines(found: tuple[Found, ...]) -> list[str]:
    """The neighbours, a line each."""
    if not found:
        return ["Nothing was found: the index is empty."]
    ids = [printable(one.asset.asset_id) for one in found]
    width = min(max(map(len, ids)), _WIDEST_ID)
    return [
        f"{one.rank:>3}  {one.score:6.3f}  {name:<{width}}  "
        f"{printable(' '.join(one.asset.text.split())) or '-'}  "
        f"{printable(one.asset.uri)}".rstrip()
        for one, name in zip(found, ids, strict=True)
    ]


def write_page(searched: Searched, to: str, *, allow_private_addresses: bool = False) -> None:
    """Write a page that shows what was found.

    Raises:
        CalummaError: it cannot be written.
    """
    picture = b""
    if searched.picture is not None:
        pixels = decode_image(
            searched.picture, limits=DecodeLimits(), wanted_pixels=_QUERY_PIXELS
        ).pixels
        picture = make_thumbnail(pixels, _QUERY_PIXELS)
    page = SearchPage(
        index=searched.index,
        record=searched.record,
        query=searched.query,
        picture=picture,
        k=searched.k,
        found=searched.found,
    )
    write_search_page(page, to, allow_private_addresses=allow_private_addresses)


def _names_picture(query: str) -> bool:
    """Whether a query is a uri or a file's path; all else is a text, whatever it looks like."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", query):
        return True
    try:
        return bool(query.strip()) and Path(absolute_uri(query)).is_file()
    except (OSError, ValueError):
        # Longer than names of files are, or with characters that those cannot have.
        return False


def _read(uri: str, *, allow_private_addresses: bool) -> bytes:
    absolute = absolute_uri(uri)
    policy = FetchPolicy.for_catalog(absolute, allow_private_addresses=allow_private_addresses)
    fetcher = Fetcher(policy)
    try:
        return fetcher.fetch(absolute)
    except RowError as error:
        raise _of_no_use(uri, error) from error
    finally:
        fetcher.close()


def _of_no_use(uri: str, error: RowError) -> UsageError:
    return UsageError(f"{uri} cannot be searched for: {error}")
