"""Small pictures for pages: read under the rules of a job, decoded in helper processes."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from schemas.errors import RowError
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool
from storage.decoding.thumbnail import THUMBNAIL_PIXELS, make_thumbnail
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy

_FETCHES_AT_ONCE = 16
_DECODERS = 2
# Somebody waits for the page: what is slow is left out, and the page says so.
_SECONDS_OF_A_PICTURE = 10.0
_SECONDS_OF_ALL = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPicture:
    """A picture for a page.

    Attributes:
        jpeg: empty where it could not be loaded; ``problem`` says why.

    """

    jpeg: bytes = b""
    problem: str = ""


def policy_for_page(named_by: str, *, allow_private_addresses: bool = False) -> FetchPolicy:
    """The policy for pictures that somebody waits for.

    Args:
        named_by: where the uris stand, which says whether they may be of this machine.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.

    """
    policy = FetchPolicy.for_catalog(
        named_by,
        allow_private_addresses=allow_private_addresses,
        max_seconds=_SECONDS_OF_A_PICTURE,
    )
    return replace(policy, attempts=1)


def load_small_pictures(
    uris: Sequence[str], policy: FetchPolicy, *, longer_side: int = THUMBNAIL_PIXELS
) -> list[SmallPicture]:
    """Load pictures, in the order of their uris.

    Args:
        uris: resolved; an empty one is a picture that the catalog does not name.
        policy: what may be read.
        longer_side: of the small pictures, in pixels.

    """
    if not uris:
        return []
    fetcher = Fetcher(policy)
    threads = ThreadPoolExecutor(_FETCHES_AT_ONCE, thread_name_prefix="load-small-picture")
    with DecoderPool(_DECODERS, DecodeLimits()) as decoders:

        def load(uri: str) -> SmallPicture:
            if not uri:
                return SmallPicture(problem="The catalog names no picture.")
            try:
                pixels = decoders.decode(fetcher.fetch(uri), longer_side).pixels
            except RowError as error:
                # The sentences after the first are for who can run the job again.
                return SmallPicture(problem=f"{error.message.partition('. ')[0].rstrip('.')}.")
            return SmallPicture(jpeg=make_thumbnail(pixels, longer_side))

        try:
            futures = [threads.submit(load, uri) for uri in uris]
            wait(futures, _SECONDS_OF_ALL)
            return list(map(_outcome, futures))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            fetcher.close()


def _outcome(future: "Future[SmallPicture]") -> SmallPicture:
    if not future.done():
        return SmallPicture(problem="It did not come in time.")
    return future.result()
