"""The configurations of the jobs that draw pictures. No Beam, no torch here.

Each field is a flag of the command line and a name in a configuration file; the texts below the
fields are their help.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from pipelines.catalog_config import FILES, MODEL, PicturesConfig, check
from schemas.errors import UsageError

_JOB = Parameter(group=Group("What is asked", sort_key=1))
_DOCUMENTS = Parameter(group=Group("Neighbours as documents before the prompt", sort_key=2))
_CHOICE = Parameter(group=Group("How pictures are drawn", sort_key=2))
_AFTER = Parameter(group=Group("What becomes of them", sort_key=3))


@dataclass(frozen=True, kw_only=True)
class DrawConfig(PicturesConfig):
    """What generating and editing have in common."""

    model: Annotated[str, MODEL] = "calumma-tiny"
    """Chameleon, Emu3 or Janus: calumma-tiny (inside the package), a folder, or a hub id."""
    template: Annotated[str | None, _JOB] = None
    """What the model is given: a text with {prompt}; by default the model's own."""
    samples: Annotated[int, _JOB] = 1
    """Pictures of each row, each a row of the output."""
    seed: Annotated[int | None, _JOB] = None
    """Seed of every row; by default each row's own, from its key."""
    size: Annotated[str | None, _JOB] = None
    """Size of the pictures, WIDTHxHEIGHT in pixels, of models that draw in any (Emu3)."""
    format: Annotated[Literal["png", "webp"], _JOB] = "png"
    """How pictures are encoded, without loss."""
    temperature: Annotated[float, _CHOICE] = 1.0
    """0 takes the likeliest code; above it, codes are sampled with the row's seed."""
    top_k: Annotated[int, _CHOICE] = 0
    """Sampling keeps so many of the likeliest codes; 0 keeps all."""
    top_p: Annotated[float, _CHOICE] = 1.0
    """Sampling keeps the likeliest codes whose probabilities sum to this."""
    guidance: Annotated[float, _CHOICE] = 1.0
    """Scale of classifier-free guidance by the text; 1 for none."""
    image_guidance: Annotated[float | None, _CHOICE] = None
    """Scale of guidance by the source picture, beside that by the text."""
    contrast_k: Annotated[int | None, _CHOICE] = None
    """Draw by contrastive decoding (CD-K) with this k, in place of guidance, top-k and top-p."""
    contrast_alpha: Annotated[float | None, _CHOICE] = None
    """CD-K keeps codes of at least this share of the k-th likeliest one's probability [0.1]."""
    contrast_half: Annotated[bool, _CHOICE] = False
    """Draw every second sample by CD-K and the others by guidance, top-k and top-p."""
    compile: Annotated[bool, MODEL] = False
    """Compile the step that draws a code: for large runs on a GPU; takes up to a minute."""
    rank_with: Annotated[str | None, _AFTER] = None
    """Dual encoder to score and rank pictures with: calumma-clip, a folder, or a hub id."""
    blocked_words: Annotated[str | None, _AFTER] = None
    """File of words and phrases, one a line: prompts and documents that hold one fail as policy."""
    policy: Annotated[str | None, _AFTER] = None
    """module:name of a policy of your own that judges words and pictures. Its code runs."""
    webdataset: Annotated[str | None, FILES] = None
    """Write them into this folder too, as the shards of a WebDataset."""

    index: Annotated[str | None, _DOCUMENTS] = None
    """Index of pictures with texts: show the model those most like each row beforehand."""
    neighbors: Annotated[int | None, _DOCUMENTS] = None
    """How many of them at most [2]; fewer where the model's context holds no more."""
    encoder: Annotated[str | None, _DOCUMENTS] = None
    """Where the index's model is, if it was named by a folder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "neighbors", at_least=1)
        if self.index is None and (self.neighbors is not None or self.encoder is not None):
            raise UsageError("--neighbors and --encoder need --index INDEX, of what they are.")
        check(self, "samples", at_least=1)
        check(self, "seed", at_least=0, at_most=(1 << 63) - 1)
        check(self, "temperature", at_least=0)
        check(self, "top_k", at_least=0)
        check(self, "top_p", above=0, at_most=1)
        check(self, "guidance", at_least=0)
        check(self, "image_guidance", at_least=0)
        check(self, "contrast_k", at_least=1)
        check(self, "contrast_alpha", at_least=0, at_most=1)
        if self.template is not None and "{prompt}" not in self.template:
            raise UsageError("The template must hold {prompt}, where the prompt goes.")
        if self.contrast_k is None and (self.contrast_alpha is not None or self.contrast_half):
            raise UsageError("--contrast-alpha and --contrast-half need --contrast-k K.")
        if self.temperature == 0 and (self.top_k or self.top_p < 1):
            raise UsageError(
                "--temperature 0 takes the likeliest code, so that nothing is sampled: leave out "
                "--top-k and --top-p, or raise the temperature."
            )
        if self.temperature == 0 and self.samples > 1:
            raise UsageError(
                "At --temperature 0 all samples of a row would be alike: leave out --samples, or "
                "raise the temperature."
            )

    def reaches(self, catalog: str) -> dict[str, str]:
        """The index and the folder of shards too."""
        named = {"an index": self.index, "a folder of shards": self.webdataset}
        return super().reaches(catalog) | {what: uri for what, uri in named.items() if uri}


@dataclass(frozen=True, kw_only=True)
class GenerateConfig(DrawConfig):
    """How requests are drawn."""


@dataclass(frozen=True, kw_only=True)
class EditConfig(DrawConfig):
    """How the pictures of a catalog are edited."""

    instruction: Annotated[str | None, _JOB] = None
    """What is to be done to every picture; by default the catalog's column instruction says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.instruction is not None and not self.instruction.strip():
            raise UsageError("The instruction is empty: --instruction needs a text.")
        if self.instruction is not None and self.columns.text:
            raise UsageError("Give --instruction TEXT or name a column of them, one of the two.")
