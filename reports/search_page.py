"""The page of a search: the query, and what an index holds nearest to it, as pictures."""

from dataclasses import dataclass

from reports.asset_pictures import AssetPictures
from reports.output_folder import write_whole
from reports.pictures import base64_of
from reports.rendering import render
from reports.small_pictures import SmallPicture
from storage.index_rows import IndexedAsset
from storage.index_store import IndexRecord

MOST_PICTURES = 400
"""Of a page. At 256 pixels they are some 10 kB each."""

_LONGER_SIDE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A neighbour of a query.

    Attributes:
        score: inner product of the two vectors of length 1.

    """

    rank: int
    score: float
    asset: IndexedAsset


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """What a page shows.

    Attributes:
        index: folder of the index.
        record: its version that was searched.
        query: a text, or where the picture is.
        picture: the query as a small JPEG; empty where it is a text.
        k: how many were asked for.
        found: the nearest first.

    """

    index: str
    record: IndexRecord
    query: str
    picture: bytes
    k: int
    found: tuple[Found, ...]


def write_search_page(
    page: SearchPage, destination: str, *, allow_private_addresses: bool = False
) -> None:
    """Load the pictures of what was found, and write one self-contained HTML file.

    Args:
        destination: the file to write, a local path or a URI.
        allow_private_addresses: whether http(s) pictures may come from this machine and private
            networks.

    Raises:
        UsageError: the destination's folder is not there.
        RunError: the page cannot be written.

    """
    loading = AssetPictures(
        page.index,
        page.record,
        allow_private_addresses=allow_private_addresses,
        longer_side=_LONGER_SIDE,
    )
    pictures = loading.load([one.asset for one in page.found[:MOST_PICTURES]])
    left_out = SmallPicture(problem=f"The page holds the first {MOST_PICTURES} pictures.")
    pictures += [left_out] * (len(page.found) - len(pictures))
    content = render(
        "search.html",
        index=page.index,
        record=page.record,
        query=page.query,
        query_picture=base64_of(page.picture),
        k=page.k,
        found=[
            (one, base64_of(picture.jpeg), picture.problem)
            for one, picture in zip(page.found, pictures, strict=True)
        ],
        without_picture=sum(not picture.jpeg for picture in pictures),
    )
    write_whole(destination, content.encode())
