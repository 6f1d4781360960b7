"""What a model that draws is shown beside its prompt: source pictures and documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.generating import ImageDocument
from models.image_policy import PolicyGuard
from models.prompts import fill_prompt
from schemas.asset import Asset, Image
from schemas.errors import RowError
from schemas.generation_request import GenerationRequest, ShownDocument
from storage.index_rows import IndexedAsset
from transforms.drawn import Shown
from transforms.find_examples import ExampleFinder, Found, Sought
from transforms.row_pictures import RowPictures
from transforms.settings import GenerateSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """One sample of a row.

    Attributes:
        image: the row's own picture; None without.
        number: of the sample.

    """

    request: GenerationRequest
    asset: Asset
    image: Image | None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What a row's samples are shown.

    Attributes:
        images: source pictures, and what is told of each.
        documents: the most like the request last.
        of_documents: what is told of the documents' pictures, by the documents' names.

    """

    images: tuple[tuple[Image, Shown], ...]
    documents: tuple[ImageDocument, ...]
    of_documents: Mapping[str, Shown]

    def shown(self, documents: Sequence[str]) -> tuple[Shown, ...]:
        """What is told of all pictures: of the source, then of those documents, nearest first."""
        of_documents = [
            self.of_documents[name] for name in reversed(documents) if name in self.of_documents
        ]
        return (*(shown for _, shown in self.images), *of_documents)


class MaterialFinder:
    """Loads what rows name, and finds neighbours in an index for rows that name no documents.

    Args:
        guard: judges the neighbours' texts: one that is refused is left out, and the next neighbour
            takes its place. None where all may pass.

    Raises:
        CalummaError: the index or its model cannot be loaded.

    """

    def __init__(self, work: GenerateSettings, guard: PolicyGuard | None) -> None:
        self._template = work.requests.template
        self._by_picture = work.job == "edit"
        self._pictures = RowPictures(work.load)
        self._guard = guard
        self._finder = None
        if work.examples is not None:
            allows = None if guard is None else self._allows
            self._finder = ExampleFinder(work.examples, pictures=True, allows=allows)

    def find(self, batch: Sequence[Asked]) -> list[Material | RowError]:
        """Find the material of a batch; the samples of a row share theirs."""
        rows = {id(one.request): one for one in batch}
        neighbors = self._neighbors(list(rows.values()))
        loaded = self._pictures.load(uri for one in rows.values() for uri in _uris(one.request))
        found: dict[int, Material | RowError] = {}
        for name, asked in rows.items():
            try:
                found[name] = self._material(asked, loaded, neighbors.get(name, ()))
            except RowError as error:
                found[name] = error
        return [found[id(one.request)] for one in batch]

    def _allows(self, asset: IndexedAsset) -> bool:
        assert self._guard is not None
        text = document_text(asset.text, self._template)
        return self._guard.allows(text, f"text of the neighbour {asset.asset_id}")

    def _neighbors(self, rows: Sequence[Asked]) -> dict[int, tuple[Found, ...] | RowError]:
        if self._finder is None:
            return {}
        without = [one for one in rows if not one.request.documents]
        if not without:
            return {}
        sought = [
            Sought(
                asset_id=one.asset.asset_id,
                # Of a picture that is edited the instruction says nothing.
                pixels=one.image.pixels if self._by_picture and one.image else None,
                text="" if self._by_picture else one.request.text,
            )
            for one in without
        ]
        found = self._finder.neighbors(sought)
        return {id(one.request): some for one, some in zip(without, found, strict=True)}

    def _material(
        self,
        asked: Asked,
        loaded: Mapping[str, Image | RowError],
        neighbors: tuple[Found, ...] | RowError,
    ) -> Material:
        """Put a row's material together.

        Raises:
            RowError: a picture of it cannot be read.

        """
        if isinstance(neighbors, RowError):
            raise neighbors
        documents: list[ImageDocument] = []
        of_documents: dict[str, Shown] = {}
        for one in reversed(asked.request.documents):
            image = _picture(one.uri, loaded) if one.uri else None
            documents.append(self._document(one, image))
            if image is not None:
                of_documents[one.document_id] = _shown(one.uri, image, one.license)
        for found in neighbors:
            asset = found.asset
            assert found.image is not None
            one = ShownDocument(
                document_id=asset.asset_id,
                uri=asset.uri,
                text=asset.text,
                license=asset.license,
            )
            documents.append(self._document(one, found.image))
            of_documents[asset.asset_id] = _shown(asset.uri, found.image, asset.license)
        return Material(
            images=tuple(_source_pictures(asked, loaded)),
            documents=tuple(documents),
            of_documents=of_documents,
        )

    def _document(self, document: ShownDocument, image: Image | None) -> ImageDocument:
        """A document, asked for as the request is: its text in the same template."""
        return ImageDocument(
            name=document.document_id,
            text=document_text(document.text, self._template),
            pixels=None if image is None else image.pixels,
        )


def document_text(text: str, template: str) -> str:
    """What a model is given of a document's text; empty where there is none."""
    text = text.strip()
    return fill_prompt(template, text) if text else ""


def _uris(request: GenerationRequest) -> list[str]:
    """The pictures that a row names beside its own."""
    structure = [request.structure] if request.structure else []
    return [*request.images, *structure, *(one.uri for one in request.documents if one.uri)]


def _source_pictures(
    asked: Asked, loaded: Mapping[str, Image | RowError]
) -> list[tuple[Image, Shown]]:
    """A row's pictures in the order in which the model is shown them."""
    license_ = asked.asset.license
    images: list[tuple[Image, Shown]] = []
    if asked.image is not None:
        images.append((asked.image, _shown(asked.asset.uri, asked.image, license_)))
    request = asked.request
    for uri in (*request.images, *([request.structure] if request.structure else ())):
        image = _picture(uri, loaded)
        images.append((image, _shown(uri, image, license_)))
    return images


def _picture(uri: str, loaded: Mapping[str, Image | RowError]) -> Image:
    image = loaded[uri]
    if isinstance(image, RowError):
        raise RowError(image.kind, f"The picture {uri}: {image}")
    return image


def _shown(uri: str, image: Image, license_: str) -> Shown:
    return Shown(uri=uri, sha256=image.sha256, license=license_)
