"""The jobs' configurations. Imported for ``--help``: no Beam, no torch here.

Each field is a flag of the command line and a name in a configuration file; the texts below the
fields are their help.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from pipelines.assemble_config import AssembleConfig
from pipelines.catalog_config import (
    MODEL,
    CatalogConfig,
    ColumnOptions,
    PicturesConfig,
    check,
)
from pipelines.filter_config import FilterConfig
from pipelines.image_config import EditConfig, GenerateConfig
from schemas.errors import UsageError

_JOB = Parameter(group=Group("What is asked", sort_key=1))
_EXAMPLES = Parameter(group=Group("Neighbours as worked examples", sort_key=2))


@dataclass(frozen=True, kw_only=True)
class DescribeConfig(CatalogConfig):
    """What captioning and answering have in common."""

    model: Annotated[str, MODEL] = "calumma-tiny"
    """Model: calumma-tiny (inside the package), a folder, or a Hugging Face hub id."""
    temperature: Annotated[float, MODEL] = 0.0
    """0 takes the likeliest token; above it, tokens are sampled with seeds from the row key."""
    top_p: Annotated[float, MODEL] = 1.0
    """Sampling keeps the likeliest tokens whose probabilities sum to this."""
    index: Annotated[str | None, _EXAMPLES] = None
    """Index of pictures with texts: show the model those most like each picture beforehand."""
    neighbors: Annotated[int | None, _EXAMPLES] = None
    """How many of them at most [2]; fewer where the model's context holds no more."""
    encoder: Annotated[str | None, _EXAMPLES] = None
    """Where the index's model is, if it was named by a folder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "temperature", at_least=0)
        check(self, "top_p", above=0, at_most=1)
        check(self, "neighbors", at_least=1)
        if self.index is None and (self.neighbors is not None or self.encoder is not None):
            raise UsageError("--neighbors and --encoder need --index INDEX, of what they are.")

    def reaches(self, catalog: str) -> dict[str, str]:
        """The index too."""
        return super().reaches(catalog) | ({"an index": self.index} if self.index else {})


@dataclass(frozen=True, kw_only=True)
class CaptionConfig(DescribeConfig):
    """How a catalog is captioned."""

    style: Annotated[Literal["short", "long"], _JOB] = "short"
    """Length of the captions; the model's family decides how it is asked."""
    prompt: Annotated[str | None, _JOB] = None
    """Ask this instead of the style's prompt."""
    max_new_tokens: Annotated[int, _JOB] = 64
    """Tokens of a caption at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "max_new_tokens", at_least=1)


@dataclass(frozen=True, kw_only=True)
class AnswerConfig(DescribeConfig):
    """How questions about a catalog are answered."""

    question: Annotated[tuple[str, ...], _JOB] = ()
    """Ask this of every picture; may be given several times."""
    questions: Annotated[str | None, _JOB] = None
    """File of questions (Parquet, CSV, JSON lines): asset_id, question[, question_id, answers]."""
    prompt: Annotated[str | None, _JOB] = None
    """Template with {question}; by default the model's own."""
    max_new_tokens: Annotated[int, _JOB] = 16
    """Tokens of an answer at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "max_new_tokens", at_least=1)
        if bool(self.question) == bool(self.questions):
            raise UsageError("Ask with --question TEXT or with --questions FILE, one of the two.")
        if not all(text.strip() for text in self.question):
            raise UsageError("A question is empty: --question needs a text.")
        if self.prompt is not None and "{question}" not in self.prompt:
            raise UsageError("The prompt must hold {question}, where the question goes.")


@dataclass(frozen=True, kw_only=True)
class EmbedConfig(CatalogConfig):
    """How a catalog is embedded."""

    model: Annotated[str, MODEL] = "calumma-clip"
    """Dual encoder: calumma-clip (inside the package), a folder, or a Hugging Face hub id."""
    of: Annotated[Literal["image", "text", "both"], _JOB] = "both"
    """What of a row; both is the average of its picture and its text, or the one that it has."""
    vectors: Annotated[Literal["float32", "float16"], _JOB] = "float32"
    """Number format of the vectors."""


@dataclass(frozen=True, kw_only=True)
class NeighborsConfig(CatalogConfig):
    """How neighbours of a catalog's rows are retrieved."""

    model: Annotated[str, MODEL] = ""
    """Where the index's model is, if it was named by a folder."""
    index: Annotated[str, Parameter(parse=False)] = ""
    of: Annotated[Literal["image", "text", "both"], _JOB] = "both"
    """What of a row to search with; both averages its picture and its text."""
    k: Annotated[int, _JOB] = 2
    """Neighbours of a row at most. The row itself, told by its id, is never one."""
    candidates: Annotated[int | None, _JOB] = None
    """Found for each row, for the filters to choose from; by default 20 more than K."""
    min_score: Annotated[float | None, _JOB] = None
    """Leave out what scores less: a cosine, from -1 to 1."""
    max_similarity: Annotated[float | None, _JOB] = None
    """Leave out what is more like the query, or like one kept, than this cosine; say 0.9."""
    prefer_both: Annotated[bool, _JOB] = False
    """Take what has a picture and a text before what has one of them."""
    query_dropout: Annotated[float, _JOB] = 0.0
    """Drop this share of the words of each query's text; 0.2 for training sets."""
    draw_count: Annotated[bool, _JOB] = False
    """Draw K from 0, 1 and 2 for each row, for training sets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "k", at_least=1)
        check(self, "candidates", at_least=1)
        # Inner products of vectors of length 1.
        check(self, "min_score", at_least=-1, at_most=1)
        check(self, "max_similarity", at_least=-1, at_most=1)
        check(self, "query_dropout", at_least=0, at_most=1)
        if self.query_dropout and self.of == "image":
            raise UsageError(
                "--query-dropout drops words of each query's text, and --of image searches without "
                "it. Leave it out, or search with --of both or --of text."
            )
        if self.candidates is not None and self.candidates < self.k:
            raise UsageError(f"--candidates must be at least K ({self.k}), not {self.candidates}.")

    def reaches(self, catalog: str) -> dict[str, str]:
        """The index too."""
        return super().reaches(catalog) | {"an index": self.index}


@dataclass(frozen=True, kw_only=True)
class DuplicatesConfig(CatalogConfig):
    """How duplicates are found."""

    model: Annotated[str, MODEL] = "calumma-clip"
    """Dual encoder: calumma-clip (inside the package), a folder, or a Hugging Face hub id."""
    keep: Annotated[tuple[str, ...], Parameter(parse=False)] = ()
    max_difference: Annotated[float, _JOB] = 6.0
    """Up to this difference of signatures, in levels from 0 to 255, two pictures are near."""
    min_similarity: Annotated[float, _JOB] = 0.9
    """And only if the inner product of their vectors is at least this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "max_difference", at_least=0, at_most=12)
        check(self, "min_similarity", at_least=-1, at_most=1)


@dataclass(frozen=True, kw_only=True)
class TokenizeConfig(CatalogConfig):
    """How pictures become codes."""

    model: Annotated[str, MODEL] = "calumma-tiny"
    """Chameleon, Emu3 or Janus: calumma-tiny (inside the package), a folder, or a hub id."""
    # A tokenizer runs in float32, or makes other codes.
    dtype: Annotated[None, Parameter(parse=False)] = None
    framing: Annotated[Literal["checkpoint", "letterbox", "crop"], _JOB] = "checkpoint"
    """As the checkpoint's processor does, the whole picture with bars, or random square crops."""
    resolution: Annotated[int | None, _JOB] = None
    """Side of the frame in pixels; by default the checkpoint's own."""
    crops: Annotated[int, _JOB] = 1
    """Crops of each picture, each a row, drawn by its key."""
    smallest_crop: Annotated[float, _JOB] = 0.5
    """Side of a crop at least, as a share of the picture's shorter side."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "resolution", at_least=1)
        check(self, "crops", at_least=1)
        check(self, "smallest_crop", above=0, at_most=1)
        if self.crops > 1 and self.framing != "crop":
            raise UsageError("--crops needs --framing crop.")


@dataclass(frozen=True, kw_only=True)
class ReconstructConfig(PicturesConfig):
    """How codes become pictures."""

    model: Annotated[str, MODEL] = ""
    """Model whose decoder makes the pictures; by default the one that made the newest codes."""
    # A tokenizer runs in float32, and its codes' table has columns and ids of its own.
    dtype: Annotated[None, Parameter(parse=False)] = None
    keep: Annotated[tuple[str, ...], Parameter(parse=False)] = ()
    pictures: Annotated[None, Parameter(parse=False)] = None
    columns: Annotated[ColumnOptions, Parameter(parse=False)] = field(default_factory=ColumnOptions)
    tokens: Annotated[str, Parameter(parse=False)] = ""


@dataclass(frozen=True, kw_only=True)
class StructureConfig(PicturesConfig):
    """How structure is taken of a catalog's pictures."""

    # A library does it, and no model.
    model: Annotated[str, Parameter(parse=False)] = "scikit-image"
    revision: Annotated[None, Parameter(parse=False)] = None
    trust_remote_code: Annotated[bool, Parameter(parse=False)] = False
    device: Annotated[str | None, Parameter(parse=False)] = None
    dtype: Annotated[None, Parameter(parse=False)] = None
    of: Annotated[Literal["edge", "blurred-edge", "segmentation"], _JOB] = "edge"
    """Lines of one pixel, soft edges of the blurred picture, or regions in their mean colours."""
    resolution: Annotated[int, _JOB] = 512
    """Longer side in pixels at most; larger pictures are scaled down before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "resolution", at_least=1)


JobConfig = (
    CaptionConfig
    | AnswerConfig
    | EmbedConfig
    | NeighborsConfig
    | DuplicatesConfig
    | TokenizeConfig
    | ReconstructConfig
    | StructureConfig
    | FilterConfig
    | GenerateConfig
    | EditConfig
    | AssembleConfig
)
