"""The facts about a set of training documents, as a program reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.document_overlap import Overlap
from reports.spreads import Spread

FORMAT = 1
"""Raised when a field's meaning changes."""

KINDS = ("text", "image", "mark", "sentinel")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRun:
    """A run that wrote documents.

    Attributes:
        copies: documents that were asked for of each row.
        rows_in: documents that could have been; ``skipped`` are those that were done before, were
            not drawn, or were not to be kept.
        found: documents that the table holds.
        example: a message of each kind of failure.

    """

    run_id: str
    state: str
    catalog: str
    template: str
    copies: float
    rows_in: int
    rows_out: int
    failed: int
    skipped: int
    rows_left: int
    found: int
    failures_by_kind: Mapping[str, int]
    example: Mapping[str, str]
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of a task and a kind of segment.

    Attributes:
        kind: text, image, mark or sentinel.
        with_loss: tokens of a weight above 0.
        loss_weight: the sum of all weights.

    """

    task: str
    kind: str
    tokens: int
    with_loss: int
    loss_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Documents of one layout of a template."""

    layout: str
    documents: int
    tokens: int
    with_loss: int
    loss_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Documents of one template.

    Attributes:
        rows: of catalogs that have a document of it.

    """

    task: str
    template: str
    documents: int
    rows: int
    tokens: int
    with_loss: int
    loss_weight: float
    layouts: tuple[Layout, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is of assets of one licence and source; either is empty where it is not known.

    Attributes:
        retrieved: tokens of retrieved documents, of all.
        assets: different ones.

    """

    license: str
    source: str
    tokens: int
    retrieved: int
    with_loss: int
    assets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Documents of a context, and the sequences that they are packed into."""

    context: int
    documents: int
    sequences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """The facts about a set of documents. As JSON, this is ``card.json``.

    Attributes:
        packing: tokens by what the sequences hold at most, 0 to 1.
        lengths: of documents, in tokens.
        retrieved: documents before the main one.
        left_out: retrieved documents that were left out for length, in ``shortened`` documents.
        fewer: documents that have fewer neighbours than were drawn.
        passed_over: neighbours that have no codes, or no text to show.
        spans: cut out of a document.
        span_lengths: of these, in tokens.
        assets: different ones.
        unlicensed: tokens of assets without a licence; ``unlicensed_assets`` such assets.
        repeated: documents of which another has row, copy and template.
        vocabularies: documents by the hash of their vocabulary; tokenizers and models likewise.
        overlap: with duplicates and a test set, where these were asked for.
        warnings: sentences.

    """

    format: int = FORMAT
    out: str
    runs: tuple[CardRun, ...]
    documents: int
    sequences: int
    tokens: int
    with_loss: int
    loss_weight: float
    packing: float | None
    contexts: tuple[Context, ...]
    lengths: Spread
    modalities: tuple[Tokens, ...]
    mix: tuple[Mixed, ...]
    retrieved: Spread
    left_out: int
    shortened: int
    fewer: int
    passed_over: int
    spans: Spread
    span_lengths: Spread
    origins: tuple[Origin, ...]
    assets: int
    unlicensed: int
    unlicensed_assets: int
    repeated: int
    vocabularies: Mapping[str, int]
    tokenizers: Mapping[str, int]
    models: Mapping[str, int]
    overlap: Overlap | None
    warnings: tuple[str, ...]
