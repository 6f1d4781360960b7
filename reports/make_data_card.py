"""From what was counted of training documents to their data card."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reports.data_card import KINDS, CardRun, Context, DataCard, Layout, Mixed, Origin, Tokens
from reports.document_overlap import Overlap
from reports.document_tally import DocumentTally
from reports.formatting import amount, number
from reports.spreads import doubling_edges, each_value, even_edges, spread_of
from schemas.manifest import RunManifest


def make_card(
    out: str, runs: Sequence[CardRun], tally: DocumentTally, overlap: Overlap | None
) -> DataCard:
    """Make a card of what was counted."""
    contexts = _contexts(tally)
    room = sum(one.context * one.sequences for one in contexts)
    mix = _mix(tally)
    lengths = spread_of(tally.lengths, even_edges(tally.lengths))
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
        retrieved=spread_of(tally.retrieved, each_value(tally.retrieved)),
        left_out=tally.left_out,
        shortened=tally.shortened,
        fewer=tally.fewer,
        passed_over=tally.passed_over,
        spans=spread_of(tally.spans, each_value(tally.spans)),
        span_lengths=spread_of(tally.span_lengths, doubling_edges(tally.span_lengths)),
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


def _commonest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(Counter(counts).items(), key=lambda item: (-item[1], item[0])))


def _rounded(weight: float) -> float:
    # Weights are of 32 bits: what is behind the sixth digit of a sum is theirs and not meant.
    return round(float(weight), 3)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
