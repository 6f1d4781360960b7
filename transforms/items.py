"""What passes between the steps of the fused stage. None of it ever crosses a shuffle.

A split gives: Opened, then windows of Tasks each ended by a WindowClosed, then Closed. The
model's step turns each Task into an Outcome and passes the rest on, so the order holds.
"""

from dataclasses import dataclass

from models.describing import Description
from models.embedding import Embedded
from models.image_tokens import ImageCodes
from schemas.asset import Asset, Image, Question
from schemas.errors import RowError
from schemas.failure import Stage
from schemas.generation_request import GenerationRequest
from schemas.image_tokens import ImageTokens
from storage.catalog.split import Split
from storage.parts import Part
from transforms.documents.material import Written
from transforms.drawn import Drawn
from transforms.filtered import Filtered
from transforms.reconstructed import Reconstructed
from transforms.retrieved import Retrieved
from transforms.signed import Signed
from transforms.structured import Structured


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A split begins, or goes on behind what an earlier attempt staged."""

    split: Split
    attempt: str
    parts: tuple[Part, ...]

    @property
    def first(self) -> int:
        """Position of the first row that is not staged."""
        return self.parts[-1].last if self.parts else 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One row to do: an asset, and the question about it in a job that has one.

    Attributes:
        position: of the catalog row, counted from the split's first row.
        ordinal: which of the catalog row's tasks this is.
        identity: the two words of the row's identity hash.
        second: the second word of its key.
        key: the key as 32 hexadecimal digits.
        image: the picture; None where ``problem`` says why not, or the job needs none.
        stage: where the problem arose.
        tokens: the picture as codes, in a job that reads those.
        request: what the row asks, in a job that draws: its samples hold the very same.

    """

    position: int
    ordinal: int
    identity: tuple[int, int]
    second: int
    key: str
    asset: Asset
    question: Question | None
    prompt: str
    image: Image | None
    problem: RowError | None
    stage: Stage
    tokens: ImageTokens | None = None
    request: GenerationRequest | None = None

    @property
    def seed(self) -> int:
        """Sampling seed: 63 bits of the key."""
        return (self.identity[0] ^ self.second) >> 1


Success = (
    Description
    | Embedded
    | Retrieved
    | Signed
    | ImageCodes
    | Reconstructed
    | Structured
    | Filtered
    | Drawn
    | Written
)
Result = Success | RowError
"""What a model says of a task."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What became of a task."""

    task: Task
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowClosed:
    """All tasks of the rows before ``position`` have been handed on.

    Attributes:
        tasks: how many were handed on since the last window: just so many must have arrived.
        skipped: rows of the window that were done before.
        questions_sum: see :func:`storage.questions.row_hash`.

    """

    position: int
    tasks: int
    skipped: int
    questions_sum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The split ends here, or was stopped here."""


Item = Opened | Task | WindowClosed | Closed
Done = Opened | Outcome | WindowClosed | Closed
