"""What the workers of a run need to know. Pickled into the pipeline: plain values only."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from models.describing import DecodingSettings
from models.framing import Framing
from models.generating import ImageSettings
from models.image_policy import PolicySettings
from models.source import ModelSource
from models.structures import Feature
from storage.catalog.columns import ColumnNames
from storage.encode_image import ImageFormat
from storage.export_plan import PictureFolders
from storage.keep_list import KeepList
from storage.load_settings import LoadSettings
from storage.tokens import TokenChoice
from transforms.documents.settings import AssembleSettings
from transforms.filter_rules import FilterRules
from transforms.parse_request import RequestDefaults


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings(LoadSettings):
    """How a catalog's rows are read and its pictures loaded.

    Attributes:
        limit: rows taken from the catalog's beginning, None for all.
        keep: lists of the assets to do; what is not on all of them is skipped.
        tokens: the catalog is an output, and its rows are these codes; None for any other.

    """

    catalog: str
    columns: ColumnNames = field(default_factory=ColumnNames)
    limit: int | None = None
    keep: tuple[KeepList, ...] = ()
    tokens: TokenChoice | None = None


EmbedOf = Literal["image", "text", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """How rows are embedded.

    Attributes:
        of: what of a row; ``both`` takes what it has, and is the average where it has both.
        vectors: number format of the vectors that are written.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name, of the model; empty picks one.

    """

    step: ClassVar[str] = "Embed"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""

    source: ModelSource
    of: EmbedOf
    vectors: Literal["float32", "float16"] = "float32"
    batch_size: int = 32
    device: str = ""
    dtype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborSettings:
    """How neighbours are retrieved.

    Attributes:
        of: what of a row is searched with; see :class:`EmbedSettings`.
        index: folder of the index.
        index_version: its number; ``index_token``: and what tells it from any other.
        k: neighbours of a row at most.
        candidates: found for each row, for the filters to choose from.
        min_score, max_similarity, prefer_both: see
            :class:`transforms.filter_neighbors.FilterSettings`.
        query_dropout: share of the words of a query's text that are dropped.
        draw_count: whether ``k`` is drawn from 0, 1 and 2 for each row.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name, of the model; empty picks one.

    """

    step: ClassVar[str] = "Retrieve"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""

    source: ModelSource
    of: EmbedOf
    index: str
    index_version: int
    index_token: str
    k: int
    candidates: int
    min_score: float | None = None
    max_similarity: float | None = None
    prefer_both: bool = False
    query_dropout: float = 0.0
    draw_count: bool = False
    batch_size: int = 32
    device: str = ""
    dtype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignSettings:
    """How pictures get the signatures by which duplicates are found.

    Attributes:
        max_difference: of the signatures of two pictures that are near.
        min_similarity: of their vectors.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name, of the model; empty picks one.

    """

    step: ClassVar[str] = "Sign"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""

    source: ModelSource
    max_difference: float
    min_similarity: float
    batch_size: int = 32
    device: str = ""
    dtype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeSettings:
    """How pictures become codes.

    Attributes:
        framing: how each is brought to the size that the tokenizer reads.
        questions: one for each crop to draw of a picture, its number as the id; none where the
            whole picture is framed.
        smallest_crop: side of a crop at least, as a share of the picture's shorter side.
        device: a torch device; empty picks one.

    """

    step: ClassVar[str] = "Tokenize"
    prompt: ClassVar[str] = ""
    dtype: ClassVar[str] = "float32"
    question_index: ClassVar[str] = ""

    source: ModelSource
    framing: Framing
    questions: tuple[tuple[str, str], ...] = ()
    smallest_crop: float = 0.5
    batch_size: int = 32
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructSettings:
    """How codes become pictures.

    Attributes:
        device: a torch device; empty picks one.

    """

    step: ClassVar[str] = "Reconstruct"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""
    dtype: ClassVar[str] = "float32"

    source: ModelSource
    batch_size: int = 32
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSettings:
    """How structure is taken of pictures.

    Attributes:
        source: the library in the place of a model, its version in the place of a revision.
        feature: what is taken.
        resolution: longer side of a picture at most, in pixels.

    """

    step: ClassVar[str] = "Structure"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""
    dtype: ClassVar[str] = ""
    device: ClassVar[str] = ""

    source: ModelSource
    feature: Feature
    resolution: int
    batch_size: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSettings:
    """How rows are judged.

    Attributes:
        source: the dual encoder; without a name where no score is asked for.
        digest: hash of all that a verdict depends on beside its row, in hexadecimal digits.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name; empty picks one.

    """

    step: ClassVar[str] = "Filter"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""

    source: ModelSource
    rules: FilterRules
    digest: str = ""
    batch_size: int = 32
    device: str = ""
    dtype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """With what pictures and texts are embedded that an evaluation scores.

    Attributes:
        source: the dual encoder.
        load: how the pictures are loaded.
        folder: what relative uris of pictures start from.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name; empty picks one.

    """

    source: ModelSource
    load: LoadSettings
    folder: str
    batch_size: int = 32
    device: str = ""
    dtype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSettings:
    """How worked examples are found for a picture: neighbours that have a text.

    Attributes:
        retrieve: what is searched, with pictures alone; ``k`` examples are shown at most.
        load: how the neighbours' pictures are loaded.
        prompt: what their texts are said to answer.

    """

    retrieve: NeighborSettings
    load: LoadSettings
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateSettings:
    """How pictures are drawn.

    Attributes:
        job: whether rows are requests, or pictures of which each is to be edited.
        choice: how codes are chosen.
        requests: what holds where a row says nothing.
        format: how pictures are encoded, without loss.
        load: how pictures are loaded that rows name beside their own.
        examples: documents that are shown before the prompts of rows that name none; None for none.
        ranker: the dual encoder that scores pictures; None for no scores.
        policy: what may be asked for, and drawn.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name, of the model; empty picks one.
        compiled: whether the step that draws a code is compiled.

    """

    step: ClassVar[str] = "Generate"
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""

    source: ModelSource
    job: Literal["generate", "edit"]
    choice: ImageSettings
    requests: RequestDefaults
    load: LoadSettings
    examples: ExampleSettings | None = None
    format: ImageFormat = "png"
    ranker: ModelSource | None = None
    policy: PolicySettings = field(default_factory=PolicySettings)
    batch_size: int = 32
    device: str = ""
    dtype: str = ""
    compiled: bool = False

    @property
    def prompt(self) -> str:
        """The template of the prompts."""
        return self.requests.template


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeSettings:
    """How pictures are described.

    Attributes:
        prompt: the caption prompt, or a question template with ``{question}``.
        questions: asked of every picture, as (question id, question) pairs; empty for captions.
        question_index: path in the output of the index of a questions file; empty for none.
        examples: what the model is shown before each picture; None for nothing.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name; empty picks one.

    """

    source: ModelSource
    decoding: DecodingSettings
    step: ClassVar[str] = "Describe"

    prompt: str
    questions: tuple[tuple[str, str], ...] = ()
    question_index: str = ""
    examples: ExampleSettings | None = None
    batch_size: int = 32
    device: str = ""
    dtype: str = ""

    @property
    def asks(self) -> bool:
        """Whether rows are questions rather than pictures."""
        return bool(self.questions or self.question_index)


WorkSettings = (
    DescribeSettings
    | EmbedSettings
    | NeighborSettings
    | SignSettings
    | TokenizeSettings
    | ReconstructSettings
    | StructureSettings
    | FilterSettings
    | GenerateSettings
    | AssembleSettings
)
"""What a job does with each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Where a run writes, and when it gives up.

    Attributes:
        out: the output folder.
        folders: where a job that makes pictures writes them besides.
        known_upto: rows of commits up to this number are skipped as done.
        max_failure_rate: fraction of rows that may fail before the run is stopped.

    """

    out: str
    run_id: str
    version: str
    known_upto: int
    max_failure_rate: float = 0.1
    folders: PictureFolders = field(default_factory=PictureFolders)
