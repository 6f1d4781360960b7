"""Worked examples for pictures: the neighbours that have a text, with pictures where shown."""

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.describing import Example
from models.embedding import Embedded, EmbedRequest
from schemas.asset import Asset, Image
from schemas.errors import RowError
from storage.catalog.split import CatalogRow
from storage.index_rows import IndexedAsset
from storage.load_images import ImageLoader
from transforms.allowed_assets import AllowedAssets
from transforms.retriever import Retriever, load_retriever
from transforms.settings import ExampleSettings

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """What examples are wanted for: a picture, a text or both.

    Attributes:
        asset_id: never its own example.
        pixels: uint8 array of shape (height, width, 3), RGB; None for none.
        text: empty for none.

    """

    asset_id: str
    pixels: Pixels | None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A neighbour that can be shown.

    Attributes:
        image: its picture; None where pictures are not wanted.

    """

    asset: IndexedAsset
    image: Image | None


class ExampleFinder:
    """Finds the examples of pictures or texts; threads may share one.

    An example has a text, and a picture that can be read where the model is shown pictures: what
    lacks one of them is passed over, and the next neighbour takes its place.

    Args:
        pictures: whether the examples' pictures are wanted.
        allows: whether an asset may be shown, asked of no more of them than are looked at; raises
            RowError where it cannot tell. None where all may be.

    Raises:
        CalummaError: the index or its model cannot be loaded.

    """

    def __init__(
        self,
        settings: ExampleSettings,
        *,
        pictures: bool,
        allows: Callable[[IndexedAsset], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._allows = allows
        self._retriever: Retriever = load_retriever(settings.retrieve)
        self._loader = ImageLoader(settings.load) if pictures else None
        if self._loader is not None:
            # Models are let go of, not closed.
            weakref.finalize(self, self._loader.close)

    def find(self, wanted: Sequence[Sought]) -> list[tuple[Example, ...] | RowError]:
        """Find the examples of a batch, as a model that describes is shown them: see
        :meth:`neighbors`.
        """
        return [
            some if isinstance(some, RowError) else tuple(map(self._example, some))
            for some in self.neighbors(wanted)
        ]

    def neighbors(self, wanted: Sequence[Sought]) -> list[tuple[Found, ...] | RowError]:
        """Find the neighbours of a batch that can be shown, the most alike last.

        Questions about one picture share its search, and so do rows of one text; each leaves out
        itself. A picture fails where it cannot be embedded, where a neighbour cannot be read or
        judged just now, and where no neighbour's picture can be read.
        """
        # By identity: tasks of one row hold the very same array.
        once = {(id(one.pixels), one.text): one for one in wanted}
        near = dict(zip(once, self._nearest(list(once.values())), strict=True))
        candidates: list[list[IndexedAsset] | RowError] = []
        for one in wanted:
            some = near[id(one.pixels), one.text]
            candidates.append(some if isinstance(some, RowError) else self._candidates(one, some))
        allowed = AllowedAssets(self._allows)
        lists = [some for some in candidates if not isinstance(some, RowError)]
        images = self._load(lists, allowed)
        return [
            some if isinstance(some, RowError) else self._shown(some, allowed, images)
            for some in candidates
        ]

    def _nearest(self, wanted: Sequence[Sought]) -> list[list[IndexedAsset] | RowError]:
        """What the index has most like each picture or text, the nearest first."""
        embedder = self._retriever.embedder
        requests = [EmbedRequest(pixels=one.pixels, text=one.text) for one in wanted]
        embedded = embedder.embed(embedder.encode(requests))
        vectors = [one.vector for one in embedded if isinstance(one, Embedded)]
        hits = self._retriever.nearest(vectors, self._settings.retrieve.candidates)
        # The rows of the whole batch at once: each look into the index's tables costs.
        rows = [one.rows for one in hits]
        assets = iter(self._retriever.rows.take(np.concatenate(rows)) if rows else ())
        near = iter([list(itertools.islice(assets, len(one))) for one in rows])
        return [one if isinstance(one, RowError) else next(near) for one in embedded]

    def _candidates(self, sought: Sought, near: list[IndexedAsset]) -> list[IndexedAsset]:
        """The neighbours that may serve, the nearest first."""
        return [
            asset
            for asset in near
            if asset.asset_id != sought.asset_id
            and asset.text.strip()
            and (asset.uri or self._loader is None)
        ]

    def _load(
        self, candidates: Sequence[Sequence[IndexedAsset]], allowed: AllowedAssets
    ) -> dict[str, Image | RowError]:
        """Load pictures by uri until each list has enough, or none left."""
        images: dict[str, Image | RowError] = {}
        if self._loader is None:
            return images
        count = self._settings.retrieve.k
        while wanted := {
            asset.uri: asset
            for some in candidates
            for asset in _unread(allowed.of(some), images, count)
        }:
            rows = [
                CatalogRow(position=number, asset=Asset(asset_id=asset.asset_id, uri=asset.uri))
                for number, asset in enumerate(wanted.values())
            ]
            for row, image, _ in self._loader.load(rows, ""):
                assert image is not None
                images[row.asset.uri] = image
        return images

    def _shown(
        self,
        candidates: Sequence[IndexedAsset],
        allowed: AllowedAssets,
        images: dict[str, Image | RowError],
    ) -> tuple[Found, ...] | RowError:
        """The first few candidates that can be shown, the first of them last."""
        examples: list[Found] = []
        problems: list[RowError] = []
        for asset in allowed.of(candidates):
            if isinstance(asset, RowError):
                return asset
            image = images[asset.uri] if self._loader else None
            if isinstance(image, RowError):
                if image.kind.retryable:
                    return _unreadable(asset, image, "")
                problems.append(_unreadable(asset, image, "None of its neighbours can be shown. "))
            else:
                examples.append(Found(asset=asset, image=image))
                if len(examples) == self._settings.retrieve.k:
                    break
        if problems and not examples:
            return problems[0]
        return tuple(reversed(examples))

    def _example(self, found: Found) -> Example:
        return Example(
            name=found.asset.asset_id,
            pixels=None if found.image is None else found.image.pixels,
            prompt=self._settings.prompt,
            text=found.asset.text,
        )


def _unread(
    candidates: Iterable[IndexedAsset | RowError], images: dict[str, Image | RowError], count: int
) -> Iterator[IndexedAsset]:
    """Those of the first ``count`` candidates that may serve whose picture was not looked at."""
    for asset in candidates:
        if isinstance(asset, RowError):
            return
        image = images.get(asset.uri)
        if image is None:
            yield asset
        if not isinstance(image, RowError):
            count -= 1
        if count == 0:
            return


def _unreadable(asset: IndexedAsset, problem: RowError, before: str) -> RowError:
    return RowError(
        problem.kind, f"{before}The picture of the neighbour {asset.asset_id}: {problem}"
    )
