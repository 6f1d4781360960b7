"""One picture of a catalog on its way to a model, not yet loaded."""

from dataclasses import dataclass

from schemas.asset import Asset
from schemas.errors import RowError


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPicture:
    """A row of a catalog: what it says of a picture, and where the picture lies.

    Attributes:
        asset: its ``uri`` is where the picture lies, unless ``data`` is there. An asset without an
            id is a row that fails.
        data: the picture's encoded bytes, where the catalog itself holds them; None elsewhere.
        file: the catalog's file. Relative uris start from its folder.
        row: the row's number in that file, from 0: a row without an id is known by where it is.
        local: whether the uri may name a file of the machine that reads it: true where the catalog
            is itself a local one.
        problem: why the row cannot be described; None where nothing is known against it.

    """

    asset: Asset
    data: bytes | None = None
    file: str = ""
    row: int = 0
    local: bool = False
    problem: RowError | None = None
