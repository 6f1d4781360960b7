"""What the workers of a run need to know. Pickled into the pipeline: plain values only."""

from dataclasses import dataclass, field

from models.describing import DecodingSettings
from models.source import ModelSource
from storage.catalog.columns import ColumnNames
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How pictures are loaded.

    Attributes:
        wanted_pixels: length of the shorter side that the model makes use of; None for all.
        fetch_threads: pictures fetched at the same time by one worker.
        decode_helpers: decoding processes of one worker; None for half of its cores, eight at
            most.

    """

    policy: FetchPolicy
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    wanted_pixels: int | None = None
    fetch_threads: int = 16
    decode_helpers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings(LoadSettings):
    """How a catalog's rows are read and its pictures loaded.

    Attributes:
        limit: rows taken from the catalog's beginning, None for all.

    """

    catalog: str
    columns: ColumnNames = field(default_factory=ColumnNames)
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeSettings:
    """How pictures are described.

    Attributes:
        prompt: the caption prompt, or a question template with ``{question}``.
        questions: asked of every picture, as (question id, question) pairs; empty for captions.
        question_index: path in the output of the index of a questions file; empty for none.
        device: a torch device; empty picks one.
        dtype: a torch dtype's name; empty picks one.

    """

    source: ModelSource
    decoding: DecodingSettings
    prompt: str
    questions: tuple[tuple[str, str], ...] = ()
    question_index: str = ""
    batch_size: int = 32
    device: str = ""
    dtype: str = ""

    @property
    def asks(self) -> bool:
        """Whether rows are questions rather than pictures."""
        return bool(self.questions or self.question_index)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Where a run writes, and when it gives up.

    Attributes:
        out: the output folder.
        known_upto: rows of commits up to this number are skipped as done.
        max_failure_rate: fraction of rows that may fail before the run is stopped.

    """

    out: str
    run_id: str
    version: str
    known_upto: int
    max_failure_rate: float = 0.1
