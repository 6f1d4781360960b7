"""The configuration of an evaluation. Imported for ``--help``: no Beam, no torch here."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from schemas.errors import UsageError

_COMPARED = Parameter(group=Group("What is compared", sort_key=1))
_VECTORS = Parameter(group=Group("Scores by vectors of pictures and texts", sort_key=2))


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What results are compared with, and by what they are sliced.

    Raises:
        UsageError: options contradict each other.

    """

    references: Annotated[str | None, _COMPARED] = None
    """File of asset_id and references, or answers; for generations, an output of calumma embed."""
    benchmark: Annotated[
        Literal["vqav2", "okvqa", "vizwiz", "coco-captions", "easy-vqa"] | None, _COMPARED
    ] = None
    """Take the references of this benchmark instead."""
    annotations: Annotated[str | None, _COMPARED] = None
    """The benchmark's file of annotations, or a folder that holds it."""
    table: Annotated[
        Literal["captions", "answers", "generations", "neighbors", "reconstructions", "tokens"]
        | None,
        _COMPARED,
    ] = None
    """What to evaluate, where it is not clear which is meant."""
    slice_by: Annotated[tuple[str, ...], _COMPARED] = ()
    """Score the rows of each value of this column too; may be given several times."""

    encoder: Annotated[str | None, _VECTORS] = None
    """Dual encoder for CLIPScore: calumma-clip (inside the package), a folder, or a hub id."""
    device: Annotated[str | None, _VECTORS] = None
    """Torch device of the encoder; by default an accelerator if there is one."""
    allow_private_addresses: Annotated[bool, _VECTORS] = False
    """Let http(s) pictures come from this machine and private networks."""

    def __post_init__(self) -> None:
        if self.references is not None and self.benchmark is not None:
            raise UsageError("Name references with --references or --benchmark, one of the two.")
        if self.annotations is not None and self.benchmark is None:
            raise UsageError("--annotations needs --benchmark NAME, of what they are.")
        if self.benchmark not in {None, "easy-vqa"} and self.annotations is None:
            raise UsageError(f"--benchmark {self.benchmark} needs --annotations, its files.")
        if len(set(self.slice_by)) < len(self.slice_by):
            raise UsageError("A column to slice by is given twice.")

    def reaches(self, results: str) -> dict[str, str]:
        """Where workers must get to, by what is there, with its article."""
        named = {"a folder of results": results}
        for what, uri in (("references", self.references), ("annotations", self.annotations)):
            if uri is not None:
                named[f"a file of {what}"] = uri
        return named
