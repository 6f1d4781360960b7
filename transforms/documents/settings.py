"""How documents are written. Pickled into pipelines: plain values only."""

from dataclasses import dataclass
from typing import ClassVar

from models.source import ModelSource
from storage.drop_list import DropList
from storage.keep_list import KeepList
from transforms.documents.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSettings:
    """How a catalog's rows become documents.

    Attributes:
        template: how a row is written.
        k: documents retrieved for each at most.
        draw_count: whether their number is drawn, from 0 to ``k``, each as likely.
        retrieved_weight: weight in the loss of tokens of retrieved documents.
        context: tokens of a document, and of a sequence of them, at most.

    """

    template: Template
    k: int = 0
    draw_count: bool = True
    retrieved_weight: float = 1.0
    context: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesChoice:
    """A set of pictures as codes: an output of ``calumma tokenize``.

    Attributes:
        name: how templates call the set; empty for the one that they mean without a name.
        upto: number of the last commit to look at.

    """

    name: str
    uri: str
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborsChoice:
    """Neighbours: an output of ``calumma neighbors``.

    Attributes:
        upto: number of the last commit to look at.

    """

    uri: str
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleSettings:
    """How a catalog becomes documents.

    Attributes:
        source: the model in whose vocabulary they are written.
        vocabulary_hash: of that vocabulary.
        wide: whether it has more than 65,536 tokens.
        codes: the sets of pictures.
        neighbors: None where no documents are retrieved.
        keep: lists of assets: others are not retrieved.
        drop: assets that are shown nowhere; None for none.
        copies: documents of each row; of a fraction, so many of the rows have one more.
        seed: what is drawn follows from it and the rows' keys.

    """

    step: ClassVar[str] = "Assemble"
    prompt: ClassVar[str] = ""
    questions: ClassVar[tuple[tuple[str, str], ...]] = ()
    question_index: ClassVar[str] = ""
    dtype: ClassVar[str] = ""
    device: ClassVar[str] = ""
    # A window of so many batches is a split, and documents are packed by windows.
    batch_size: ClassVar[int] = 128

    source: ModelSource
    vocabulary_hash: str
    wide: bool
    documents: DocumentSettings
    codes: tuple[CodesChoice, ...]
    neighbors: NeighborsChoice | None = None
    keep: tuple[KeepList, ...] = ()
    drop: DropList | None = None
    copies: float = 1.0
    seed: int = 0
