"""Small pictures of an index's assets, for pages: read as a job over their catalog would read them.

What an index names is no more to be trusted than the catalog that it came from. Schemes and
addresses go through the same policy, and pictures are decoded in helper processes.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from schemas.errors import CalummaError, RowError
from schemas.manifest import RunManifest
from storage.catalog.formats import format_of
from storage.catalog.listing import fixed_part
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool
from storage.decoding.thumbnail import THUMBNAIL_PIXELS, make_thumbnail
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy, resolve_uri, scheme_of
from storage.index_rows import IndexedAsset
from storage.index_store import IndexRecord
from storage.latest import read_manifests
from storage.sample import kept_thumbnails
from storage.store import open_store

_FETCHES_AT_ONCE = 16
_DECODERS = 2
# Somebody waits for the page: what is slow is left out, and the page says so.
_SECONDS_OF_A_PICTURE = 10.0
_SECONDS_OF_ALL = 60.0
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPicture:
    """An asset's picture.

    Attributes:
        jpeg: empty where it could not be loaded; ``problem`` says why.

    """

    jpeg: bytes = b""
    problem: str = ""


class AssetPictures:
    """Loads small pictures of the assets of an index.

    Args:
        index: the index's folder.
        record: its version.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.
        longer_side: of the pictures, in pixels.

    """

    def __init__(
        self,
        index: str,
        record: IndexRecord,
        *,
        allow_private_addresses: bool = False,
        longer_side: int = THUMBNAIL_PIXELS,
    ) -> None:
        self._embeddings = record.embeddings
        self._runs = _embedding_runs(record.embeddings)
        catalogs = [str(run.config["catalog"]) for run in self._runs if run.config.get("catalog")]
        self._catalog = catalogs[0] if catalogs else None
        # A local file is read only where whoever named it could read it anyway.
        remote = next((one for one in (index, *catalogs) if scheme_of(one) != "file"), None)
        self._policy = replace(
            FetchPolicy.for_catalog(
                remote or index,
                allow_private_addresses=allow_private_addresses,
                max_seconds=_SECONDS_OF_A_PICTURE,
            ),
            attempts=1,
        )
        self._longer_side = longer_side

    def load(self, assets: Sequence[IndexedAsset]) -> list[SmallPicture]:
        """Load the assets' pictures, in their order.

        One that cannot be read is the thumbnail that the embedding job kept, if it did.
        """
        if not assets:
            return []
        fetcher = Fetcher(self._policy)
        threads = ThreadPoolExecutor(_FETCHES_AT_ONCE, thread_name_prefix="load-small-picture")
        with DecoderPool(_DECODERS, DecodeLimits()) as decoders:
            try:
                futures = [threads.submit(self._load, one, fetcher, decoders) for one in assets]
                wait(futures, _SECONDS_OF_ALL)
                found = list(map(_outcome, futures))
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
                fetcher.close()
        missing = [asset.asset_id for asset, one in zip(assets, found, strict=True) if not one.jpeg]
        kept = self.kept(missing) if missing else {}
        return [
            SmallPicture(jpeg=kept[asset.asset_id])
            if not one.jpeg and asset.asset_id in kept
            else one
            for asset, one in zip(assets, found, strict=True)
        ]

    def _load(self, asset: IndexedAsset, fetcher: Fetcher, decoders: DecoderPool) -> SmallPicture:
        if not asset.uri:
            return SmallPicture(problem="The catalog names no picture.")
        try:
            data = self._read(asset.uri, fetcher)
            if isinstance(data, str):
                return SmallPicture(problem=data)
            pixels = decoders.decode(data, self._longer_side).pixels
        except RowError as error:
            # The sentences after the first are for who can run the job again.
            return SmallPicture(problem=f"{error.message.partition('. ')[0].rstrip('.')}.")
        return SmallPicture(jpeg=make_thumbnail(pixels, self._longer_side))

    def _read(self, uri: str, fetcher: Fetcher) -> bytes | str:
        """A picture's bytes, or why they are not read."""
        resolved = resolve_uri(uri, _folder_of(self._catalog or ""))
        if scheme_of(resolved) == "file" and self._catalog is None:
            return (
                f"It is a local file, and {self._embeddings}, which would tell whether the catalog "
                "was local too, is not there any more."
            )
        return fetcher.fetch(resolved)

    def kept(self, asset_ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails that the embedding job kept of some assets: JPEG by id."""
        runs = [run.run_id for run in self._runs[:_MOST_RUNS]]
        try:
            return kept_thumbnails(open_store(self._embeddings), runs, asset_ids)
        except (OSError, ValueError, CalummaError):
            return {}


def _embedding_runs(embeddings: str) -> list[RunManifest]:
    """The runs that made the vectors, the newest first; none where their output is gone."""
    try:
        runs = [one for one in read_manifests(open_store(embeddings)) if one.job == "embed"]
    except (OSError, ValueError, KeyError, TypeError, CalummaError):
        return []
    return sorted(runs, key=lambda run: run.commit, reverse=True)


def _outcome(future: "Future[SmallPicture]") -> SmallPicture:
    if not future.done():
        return SmallPicture(problem="It did not come in time.")
    return future.result()


def _folder_of(catalog: str) -> str:
    """What a catalog's relative uris start from."""
    if any(sign in catalog for sign in "*?["):
        return fixed_part(catalog).rstrip("/")
    return catalog.rpartition("/")[0] if format_of(catalog) else catalog.rstrip("/")
