"""How training documents are assembled. No Beam, no torch here.

Each field is a flag of the command line and a name in a configuration file; the texts below the
fields are their help.
"""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from pipelines.catalog_config import MODEL, CatalogConfig, check
from schemas.errors import UsageError

_JOB = Parameter(group=Group("What documents are made of", sort_key=1))
_HOW = Parameter(group=Group("How they are written", sort_key=2))
_HIDDEN = Parameter(parse=False)


@dataclass(frozen=True, kw_only=True)
class AssembleConfig(CatalogConfig):
    """How a catalog's rows become documents."""

    model: Annotated[str, MODEL] = "calumma-tiny"
    """Model in whose vocabulary they are written: calumma-tiny, a folder, or a hub id."""
    # Nothing is run, and no picture is loaded.
    device: Annotated[str | None, _HIDDEN] = None
    dtype: Annotated[None, _HIDDEN] = None
    batch_size: Annotated[int, _HIDDEN] = 128
    allow_private_addresses: Annotated[bool, _HIDDEN] = False
    fetch_threads: Annotated[int, _HIDDEN] = 16
    fetch_seconds: Annotated[float, _HIDDEN] = 30.0
    decode_helpers: Annotated[int | None, _HIDDEN] = None
    max_picture_bytes: Annotated[int, _HIDDEN] = 64 << 20
    max_picture_pixels: Annotated[int, _HIDDEN] = 178_956_970
    max_picture_seconds: Annotated[float, _HIDDEN] = 20.0

    codes: Annotated[tuple[str, ...], _JOB] = ()
    """Output of calumma tokenize with the pictures; NAME=OUT for what templates call @NAME."""
    neighbors: Annotated[str | None, _JOB] = None
    """Output of calumma neighbors: documents of these come before each row's own."""
    template: Annotated[str, _JOB] = "pair"
    """How a row is written: the name of a template that comes along, or a .toml file."""
    copies: Annotated[float, _JOB] = 1.0
    """Documents of each row, drawn anew each; 0.3 takes three of ten rows."""
    drop: Annotated[str | None, _JOB] = None
    """File of asset ids, as of a test set: neither rows nor retrieved documents show them."""
    duplicates: Annotated[str | None, _JOB] = None
    """Output of calumma duplicates: with --drop, what is like one of these is dropped too."""
    k: Annotated[int, _HOW] = 2
    """Retrieved documents before each at most."""
    draw_count: Annotated[bool, Parameter(group=_HOW.group, negative="--no-draw-count")] = True
    """Draw how many from 0 to K, each as likely; else always K."""
    retrieved_weight: Annotated[float, _HOW] = 1.0
    """Weight in the loss of tokens of retrieved documents; RA-CM3 has 0.1."""
    context: Annotated[int | None, _HOW] = None
    """Tokens of a document, and of a packed sequence, at most; by default what the model reads."""
    seed: Annotated[int, _HOW] = 0
    """Another seed draws all anew."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "copies", above=0)
        check(self, "k", at_least=0)
        check(self, "retrieved_weight", at_least=0)
        check(self, "context", at_least=2)
        if self.duplicates and not self.drop:
            raise UsageError(
                "--duplicates says what else is like the assets of --drop, which is missing. To "
                "leave out duplicates alone: --keep."
            )
        if not self.codes:
            raise UsageError(
                "--codes is missing: the folder that calumma tokenize has written the pictures' "
                "codes to."
            )

    def reaches(self, catalog: str) -> dict[str, str]:
        """Codes and neighbours too."""
        named = {}
        for one in self.codes:
            name, _, uri = one.rpartition("=")
            what = f"codes {name}" if name else "codes of pictures"
            named[f"{what} in {uri}" if what in named else what] = uri
        if self.neighbors:
            named["neighbours"] = self.neighbors
        if self.drop:
            named["a list of ids"] = self.drop
        if self.duplicates:
            named["duplicates"] = self.duplicates
        return super().reaches(catalog) | named
