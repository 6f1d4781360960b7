"""What the configurations of the jobs over a catalog have in common. No Beam, no torch here.

Each field is a flag of the command line and a name in a configuration file; the texts below the
fields are their help.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from schemas.errors import UsageError

MODEL = Parameter(group=Group("Model", sort_key=2))
FILES = Parameter(group=Group("Picture files", sort_key=2))
_ROWS = Parameter(group=Group("Which rows", sort_key=3))
_PICTURES = Parameter(group=Group("Pictures", sort_key=4))
_COLUMNS = Parameter(group=Group("Columns, where their names are not the usual ones", sort_key=5))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """Column names, where they are not the usual ones."""

    id: Annotated[str, _COLUMNS] = ""
    """Column of the asset ids [usual names: id, asset_id, image_id, key]."""
    uri: Annotated[str, _COLUMNS] = ""
    """Column of the pictures: uris, or bytes in Parquet [uri, url, path, image]."""
    text: Annotated[str, _COLUMNS] = ""
    """Column of the assets' texts [text, caption]."""
    license: Annotated[str, _COLUMNS] = ""
    """Column of the licences [license]."""
    source: Annotated[str, _COLUMNS] = ""
    """Column of the sources [source]."""
    references: Annotated[str, _COLUMNS] = ""
    """Column of reference captions, a list of texts [references, captions]."""
    version: Annotated[str, _COLUMNS] = ""
    """Column that changes when a picture does [etag, version, updated, sha256]."""


@dataclass(frozen=True, kw_only=True)
class CatalogConfig:
    """What the jobs over a catalog have in common: a model, its rows and its pictures.

    Raises:
        UsageError: a value is out of range.

    """

    model: Annotated[str, MODEL]
    revision: Annotated[str | None, MODEL] = None
    """Branch, tag or commit of a hub model."""
    trust_remote_code: Annotated[bool, MODEL] = False
    """Let code that comes with the model run. Only for models you have read."""
    device: Annotated[str | None, MODEL] = None
    """Torch device; by default an accelerator if there is one."""
    dtype: Annotated[Literal["float32", "bfloat16", "float16"] | None, MODEL] = None
    """Number format; by default bfloat16 on an accelerator, else float32."""
    batch_size: Annotated[int, MODEL] = 32
    """Rows given to the model at once; halved by itself when memory runs out."""
    limit: Annotated[int | None, _ROWS] = None
    """Take only so many rows from the beginning of the catalog."""
    keep: Annotated[tuple[str, ...], _ROWS] = ()
    """Do only what calumma duplicates or filter kept: its folder; of several, what all keep."""
    only_failed: Annotated[bool, _ROWS] = False
    """Do only the rows that failed before, whatever the reason."""
    max_failure_rate: Annotated[float, _ROWS] = 0.1
    """Stop when more than this fraction of the rows fails (judged after 100 rows)."""
    pictures: Annotated[str | None, _PICTURES] = None
    """Folder that the file names of COCO annotations start from; by default the file's own."""
    allow_private_addresses: Annotated[bool, _PICTURES] = False
    """Let http(s) pictures come from this machine and private networks."""
    fetch_threads: Annotated[int, _PICTURES] = 16
    """Pictures fetched at the same time."""
    fetch_seconds: Annotated[float, _PICTURES] = 30.0
    """One attempt at fetching a picture for longer fails as timeout."""
    decode_helpers: Annotated[int | None, _PICTURES] = None
    """Decoding processes; by default one a core, eight at most."""
    max_picture_bytes: Annotated[int, _PICTURES] = 64 << 20
    """Larger files fail as too_large."""
    max_picture_pixels: Annotated[int, _PICTURES] = 178_956_970
    """Pictures of more pixels fail as decompression_bomb."""
    max_picture_seconds: Annotated[float, _PICTURES] = 20.0
    """Decoding a picture for longer fails as timeout."""
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    """Column names, where they are not the usual ones."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "limit", "fetch_threads", "decode_helpers"):
            check(self, name, at_least=1)
        for name in ("max_picture_bytes", "max_picture_pixels"):
            check(self, name, at_least=1)
        for name in ("fetch_seconds", "max_picture_seconds"):
            check(self, name, above=0)
        check(self, "max_failure_rate", at_least=0, at_most=1)

    def reaches(self, catalog: str) -> dict[str, str]:
        """Where workers must get to besides OUT, by what is there, with its article."""
        lists = ("a keep-list", *(f"keep-list {number}" for number in range(2, len(self.keep) + 1)))
        return (
            {"a catalog": catalog}
            | dict(zip(lists, self.keep, strict=False))
            | ({"a folder of pictures": self.pictures} if self.pictures else {})
        )


@dataclass(frozen=True, kw_only=True)
class PicturesConfig(CatalogConfig):
    """What the jobs that make pictures have in common."""

    images: Annotated[str | None, FILES] = None
    """Write all pictures of the table as files into this folder too, named by asset id."""

    def reaches(self, catalog: str) -> dict[str, str]:
        """The folder of files too."""
        return super().reaches(catalog) | ({"a folder": self.images} if self.images else {})


def check(
    config: object,
    name: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> None:
    """Check that a number is in its range; None stands for a default and is fine."""
    value = getattr(config, name)
    if value is None:
        return
    bounds = []
    if at_least is not None:
        bounds.append((value >= at_least, f"at least {at_least:g}"))
    if above is not None:
        bounds.append((value > above, f"above {above:g}"))
    if at_most is not None:
        bounds.append((value <= at_most, f"at most {at_most:g}"))
    if not all(holds for holds, _ in bounds):
        wanted = " and ".join(words for _, words in bounds)
        raise UsageError(f"--{name.replace('_', '-')} must be {wanted}, not {value:g}.")
