"""Small pictures of an index's assets, for pages: read as a job over their catalog would read them.

What an index names is no more to be trusted than the catalog that it came from. Schemes and
addresses go through the same policy, and pictures are decoded in helper processes.
"""

from collections.abc import Sequence

from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.errors import CalummaError
from schemas.manifest import RunManifest
from storage.catalog.formats import folder_of
from storage.decoding.thumbnail import THUMBNAIL_PIXELS
from storage.fetching.policy import resolve_uri, scheme_of
from storage.index_rows import IndexedAsset
from storage.index_store import IndexRecord
from storage.latest import read_manifests
from storage.sample import kept_thumbnails
from storage.store import open_store

_MOST_RUNS = 20


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
        self._policy = policy_for_page(
            remote or index, allow_private_addresses=allow_private_addresses
        )
        self._longer_side = longer_side

    def load(self, assets: Sequence[IndexedAsset]) -> list[SmallPicture]:
        """Load the assets' pictures, in their order.

        One that cannot be read is the thumbnail that the embedding job kept, if it did.
        """
        folder = folder_of(self._catalog or "")
        uris = [resolve_uri(asset.uri, folder) if asset.uri else "" for asset in assets]
        unsure = [bool(uri) and scheme_of(uri) == "file" and self._catalog is None for uri in uris]
        read = iter(
            load_small_pictures(
                [uri for uri, left in zip(uris, unsure, strict=True) if not left],
                self._policy,
                longer_side=self._longer_side,
            )
        )
        untold = SmallPicture(
            problem=f"It is a local file, and {self._embeddings}, which would tell whether the "
            "catalog was local too, is not there any more."
        )
        found = [untold if left else next(read) for left in unsure]
        missing = [asset.asset_id for asset, one in zip(assets, found, strict=True) if not one.jpeg]
        kept = self.kept(missing) if missing else {}
        return [
            SmallPicture(jpeg=kept[asset.asset_id])
            if not one.jpeg and asset.asset_id in kept
            else one
            for asset, one in zip(assets, found, strict=True)
        ]

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
