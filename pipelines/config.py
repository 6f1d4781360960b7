"""The jobs' configurations. Imported for ``--help``: no Beam, no torch here.

Each field is a flag of the command line and a name in a configuration file; the texts below the
fields are their help.
"""

from dataclasses import dataclass, field
from typing import Literal

from schemas.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """Column names, where they are not the usual ones."""

    id: str = ""
    """Column of the asset ids [usual names: id, asset_id, image_id, key]."""
    uri: str = ""
    """Column of the pictures: uris, or bytes in Parquet [uri, url, path, image]."""
    text: str = ""
    """Column of the assets' texts [text, caption]."""
    license: str = ""
    """Column of the licences [license]."""
    source: str = ""
    """Column of the sources [source]."""
    references: str = ""
    """Column of reference captions, a list of texts [references, captions]."""
    version: str = ""
    """Column that changes when a picture does [etag, version, updated, sha256]."""


@dataclass(frozen=True, kw_only=True)
class DescribeConfig:
    """What captioning and answering have in common."""

    model: str = "calumma-tiny"
    """Model: calumma-tiny (inside the package), a folder, or a Hugging Face hub id."""
    revision: str | None = None
    """Branch, tag or commit of a hub model."""
    trust_remote_code: bool = False
    """Let code that comes with the model run. Only for models you have read."""
    device: str = ""
    """Torch device; by default an accelerator if there is one."""
    dtype: str = ""
    """float32, bfloat16 or float16; by default bfloat16 on an accelerator, else float32."""
    temperature: float = 0.0
    """0 takes the likeliest token; above it, tokens are sampled with seeds from the row key."""
    top_p: float = 1.0
    """Sampling keeps the likeliest tokens whose probabilities sum to this."""
    batch_size: int = 32
    """Rows given to the model at once; halved by itself when memory runs out."""
    limit: int | None = None
    """Take only so many rows from the beginning of the catalog."""
    only_failed: bool = False
    """Do only the rows that failed before, whatever the reason."""
    max_failure_rate: float = 0.1
    """Stop when more than this fraction of the rows fails (judged after 100 rows)."""
    allow_private_addresses: bool = False
    """Let http(s) pictures come from private and loopback addresses."""
    fetch_threads: int = 16
    """Pictures fetched at the same time."""
    decode_helpers: int | None = None
    """Decoding processes; by default half of the cores, eight at most."""
    max_picture_bytes: int = 64 << 20
    """Larger files fail as too_large."""
    max_picture_pixels: int = 178_956_970
    """Pictures of more pixels fail as decompression_bomb."""
    max_picture_seconds: float = 20.0
    """Decoding a picture for longer fails as timeout."""
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    """Column names, where they are not the usual ones."""


@dataclass(frozen=True, kw_only=True)
class CaptionConfig(DescribeConfig):
    """How a catalog is captioned."""

    style: Literal["short", "long"] = "short"
    """Length of the captions; the model's family decides how it is asked."""
    prompt: str | None = None
    """Ask this instead of the style's prompt."""
    max_new_tokens: int = 64
    """Tokens of a caption at most."""


@dataclass(frozen=True, kw_only=True)
class AnswerConfig(DescribeConfig):
    """How questions about a catalog are answered."""

    question: tuple[str, ...] = ()
    """Ask this of every picture; may be given several times."""
    questions: str | None = None
    """File of questions (Parquet, CSV, JSON lines): asset_id, question[, question_id, answers]."""
    prompt: str | None = None
    """Template with {question}; by default the model's own."""
    max_new_tokens: int = 16
    """Tokens of an answer at most."""

    def __post_init__(self) -> None:
        if bool(self.question) == bool(self.questions):
            raise UsageError("Ask with --question TEXT or with --questions FILE, one of the two.")
        if self.prompt is not None and "{question}" not in self.prompt:
            raise UsageError("The prompt must hold {question}, where the question goes.")
