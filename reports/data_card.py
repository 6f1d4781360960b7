"""The facts about a set of training documents, as a program reads them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.document_overlap import Overlap
from reports.document_tally import DocumentTally
from reports.formatting import amount, number
from reports.keyed_sums import Lengths
from schemas.manifest import RunManifest

FORMAT = 1
"""Raised when a field's meaning changes."""

KINDS = ("text", "image", "mark", "sentinel")

_BARS = 16


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
class Bin:
    """How many numbers are from ``low`` to ``high``, both among them."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How whole numbers are spread."""

    count: int
    total: int
    mean: float
    median: int
    p95: int
    most: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """The facts about a set of documents. As JSON, this is ``card.json``.

    Attributes:
        packing: tokens by what the sequences hold at most, 0 to 1.
        lengths: of documents, in tokens.
        retrieved: documents before the main one.
        left_out: retrieved documents that were left out for length, in ``shortened`` documents.
        fewer: documents that have fewer neighbours than were drawn.
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


def make_card(
    out: str, runs: Sequence[CardRun], tally: DocumentTally, overlap: Overlap | None
) -> DataCard:
    """Make a card of what was counted."""
    contexts = _contexts(tally)
    room = sum(one.context * one.sequences for one in contexts)
    mix = _mix(tally)
    lengths = _spread(tally.lengths, _even_edges(tally.lengths))
    return DataCard(
        out=out,
        runs=tuple(runs),
        documents=tally.documents,
        sequences=sum(one.sequences for one in contexts),
        tokens=lengths.total,
        with_loss=sum(one.with_loss for one in mix),
        loss_weight=sum(one.loss_weight for one in mix),
        packing=lengths.total / room if room else None,
        contexts=contexts,
        lengths=lengths,
        modalities=_modalities(tally),
        mix=mix,
        retrieved=_spread(tally.retrieved, _each(tally.retrieved)),
        left_out=tally.left_out,
        shortened=tally.shortened,
        fewer=tally.fewer,
        spans=_spread(tally.spans, _each(tally.spans)),
        span_lengths=_spread(tally.span_lengths, _doubling(tally.span_lengths)),
        origins=_origins(tally),
        assets=tally.assets.counts(1)[0],
        unlicensed=tally.unlicensed,
        unlicensed_assets=tally.unlicensed_assets.counts(1)[0],
        repeated=tally.documents - tally.distinct.counts(1)[0],
        vocabularies=_commonest(tally.vocabularies),
        tokenizers=_commonest(tally.tokenizers),
        models=_commonest(
            {" ".join(filter(None, one)): count for one, count in tally.models.items()}
        ),
        overlap=overlap,
        warnings=tuple(_warnings(runs, tally, overlap)),
    )


def card_run(
    manifest: RunManifest, found: int, kinds: Mapping[str, int], example: Mapping[str, str]
) -> CardRun:
    """What a card tells of a run."""
    config, counts = manifest.config, manifest.counts
    copies = config.get("copies", 1.0)
    return CardRun(
        run_id=manifest.run_id,
        state=manifest.state,
        catalog=str(config.get("catalog", "")),
        template=str(config.get("template", "")),
        copies=float(copies) if isinstance(copies, int | float) else 1.0,
        rows_in=counts.rows_in,
        rows_out=counts.rows_out,
        failed=counts.failed,
        skipped=counts.skipped,
        rows_left=manifest.rows_left,
        found=found,
        failures_by_kind=_commonest(kinds),
        example=example,
        settings={
            name: config[name]
            for name in (
                "codes",
                "neighbors",
                "k",
                "draw_count",
                "retrieved_weight",
                "context",
                "keep",
                "drop",
                "duplicates",
                "seed",
            )
            if config.get(name) is not None
        },
    )


def _warnings(
    runs: Sequence[CardRun], tally: DocumentTally, overlap: Overlap | None
) -> Iterable[str]:
    if tally.unlicensed:
        assets = tally.unlicensed_assets.counts(1)[0]
        yield (
            f"{amount(tally.unlicensed, 'tokens')} of {amount(assets, 'assets')} "
            f"{_are(tally.unlicensed)} of no known licence."
        )
    if len(tally.vocabularies) > 1:
        yield (
            f"The documents are written in {len(tally.vocabularies)} vocabularies: the same token "
            "id means different things in them. Train with one of them alone."
        )
    if len([one for one in tally.tokenizers if one]) > 1:
        yield "The pictures' codes were made by several tokenizers: they mean different things."
    if len(tally.models) > 1 and len(tally.vocabularies) == 1:
        yield "The documents name several models, of one vocabulary."
    repeated = tally.documents - tally.distinct.counts(1)[0]
    if repeated:
        yield (
            f"{amount(repeated, 'documents')} {_are(repeated)} of a row, copy and template of "
            "which there is another: of an older text, or with other settings or another seed. "
            "Assemble into a new folder to have each once."
        )
    for run in runs:
        if run.state == "stopped":
            yield (
                f"Run {run.run_id} was stopped by the failure limit: {number(run.rows_left)} rows "
                "were not reached."
            )
        if run.found != run.rows_out:
            yield (
                f"The table holds {number(run.found)} documents of run {run.run_id}, and its "
                f"manifest counts {number(run.rows_out)}."
            )
    if overlap is not None:
        yield from overlap.warnings()


def _contexts(tally: DocumentTally) -> tuple[Context, ...]:
    items = tally.contexts.items()
    counts = tally.sequences.counts(len(items))
    return tuple(
        Context(context=int(name), documents=int(documents), sequences=sequences)
        for ((name,), (documents,)), sequences in sorted(
            zip(items, counts, strict=True), key=lambda item: item[0][0]
        )
    )


def _modalities(tally: DocumentTally) -> tuple[Tokens, ...]:
    found = [
        Tokens(
            task=task,
            kind=kind,
            tokens=int(tokens),
            with_loss=int(with_loss),
            loss_weight=_rounded(weight),
        )
        for (task, kind), (tokens, with_loss, weight) in tally.modalities.items()
    ]
    order = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda one: (one.task, order.get(one.kind, len(order)))))


def _mix(tally: DocumentTally) -> tuple[Mixed, ...]:
    layouts: dict[tuple[str, str], list[Layout]] = {}
    for (task, template), sums in tally.mixed.items():
        documents, tokens, with_loss, weight = sums
        name, _, layout = template.rpartition("/")
        layouts.setdefault((task, name), []).append(
            Layout(
                layout=layout,
                documents=int(documents),
                tokens=int(tokens),
                with_loss=int(with_loss),
                loss_weight=_rounded(weight),
            )
        )
    items = tally.templates.items()
    rows = dict(zip([name for name, _ in items], tally.rows.counts(len(items)), strict=True))
    return tuple(
        Mixed(
            task=task,
            template=template,
            documents=sum(one.documents for one in some),
            rows=rows.get((task, template), 0),
            tokens=sum(one.tokens for one in some),
            with_loss=sum(one.with_loss for one in some),
            loss_weight=_rounded(sum(one.loss_weight for one in some)),
            layouts=tuple(sorted(some, key=lambda one: (len(one.layout), one.layout))),
        )
        for (task, template), some in sorted(layouts.items())
    )


def _origins(tally: DocumentTally) -> tuple[Origin, ...]:
    items = tally.origins.items()
    counts = tally.origin_assets.counts(len(items))
    found = [
        Origin(
            license=license_,
            source=source,
            tokens=int(tokens),
            retrieved=int(retrieved),
            with_loss=int(with_loss),
            assets=assets,
        )
        for ((license_, source), (tokens, retrieved, with_loss)), assets in zip(
            items, counts, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: (-one.tokens, one.license, one.source)))


def _spread(lengths: Lengths, edges: Sequence[tuple[int, int]]) -> Spread:
    counts = lengths.counts
    count = int(counts.sum())
    total = int((counts * np.arange(len(counts))).sum())
    return Spread(
        count=count,
        total=total,
        mean=total / count if count else 0.0,
        median=lengths.quantile(0.5),
        p95=lengths.quantile(0.95),
        most=max(len(counts) - 1, 0),
        bins=tuple(
            Bin(low=low, high=high, count=int(counts[low : high + 1].sum())) for low, high in edges
        ),
    )


def _even_edges(lengths: Lengths) -> list[tuple[int, int]]:
    """Bins of one width, a round number, that begin at multiples of it."""
    counts = lengths.counts
    if not len(counts):
        return []
    low, high = int(np.flatnonzero(counts)[0]), len(counts) - 1
    width = max(-(-(high - low + 1) // _BARS), 1)
    power = 10 ** max(len(str(width)) - 1, 0)
    width = next(some * power for some in (1, 2, 5, 10) if some * power >= width)
    first = low // width * width
    return [(start, start + width - 1) for start in range(first, high + 1, width)]


def _each(lengths: Lengths) -> list[tuple[int, int]]:
    return [(value, value) for value in range(len(lengths.counts))]


def _doubling(lengths: Lengths) -> list[tuple[int, int]]:
    """1, 2 to 3, 4 to 7 and so on."""
    most = len(lengths.counts) - 1
    return [(1 << power, (2 << power) - 1) for power in range(max(most, 0).bit_length())]


def _commonest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(Counter(counts).items(), key=lambda item: (-item[1], item[0])))


def _rounded(weight: float) -> float:
    # Weights are of 32 bits: what is behind the sixth digit of a sum is theirs and not meant.
    return round(float(weight), 3)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
