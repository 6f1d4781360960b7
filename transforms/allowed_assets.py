"""Which of an index's assets may be shown to a model, by what judges them."""

from collections.abc import Callable, Iterator, Sequence

from schemas.errors import RowError
from storage.index_rows import IndexedAsset


class AllowedAssets:
    """Leaves out what may not be shown. An asset is judged once, when it is come to.

    Args:
        allows: whether an asset may be shown; raises RowError where it cannot tell. None where all
            may be.

    """

    def __init__(self, allows: Callable[[IndexedAsset], bool] | None) -> None:
        self._allows = allows
        self._verdicts: dict[str, bool | RowError] = {}

    def of(self, assets: Sequence[IndexedAsset]) -> Iterator[IndexedAsset | RowError]:
        """Those that may be shown, in order; an error, at the end, where one cannot be judged."""
        for asset in assets:
            verdict = self._verdict(asset)
            if isinstance(verdict, RowError):
                yield verdict
                return
            if verdict:
                yield asset

    def _verdict(self, asset: IndexedAsset) -> bool | RowError:
        if self._allows is None:
            return True
        if asset.asset_id not in self._verdicts:
            try:
                self._verdicts[asset.asset_id] = self._allows(asset)
            except RowError as error:
                self._verdicts[asset.asset_id] = error
        return self._verdicts[asset.asset_id]
