"""The page of training documents: their data card, and some of them to judge by eye."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from reports.data_card import CardRun, DataCard
from reports.document_overlap import OverlapTally
from reports.document_samples import DocumentSampler, Row, show_document, uris_of
from reports.document_tally import BatchSegments, DocumentTally
from reports.make_data_card import card_run, make_card
from reports.output_folder import OutputFolder, choose_run, write_whole
from reports.pictures import base64_of
from reports.reading import read_batches, read_failures
from reports.rendering import render
from reports.small_pictures import load_small_pictures, policy_for_page
from schemas.arrow import arrow_schema
from schemas.document import Document
from schemas.errors import RunError
from schemas.manifest import RunManifest

JOB = "assemble"
CARD = "card.json"

_TABLE = "documents/"
_NOT_READ = ("token_ids", "beginning", "attributes")
_ROWS_AT_ONCE = 512
_MOST_ORIGINS = 50
_LONGER_SIDE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsSummary:
    """What :func:`write_documents_page` wrote; as text, a line for the terminal."""

    path: str
    card: str
    documents: int
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """For example ``out/report.html: 1,895 documents; the same as JSON: out/card.json``."""
        lines = [f"{self.path}: {self.documents:,} documents; the same as JSON: {self.card}"]
        return "\n".join([*lines, *(f"Look: {warning}" for warning in self.warnings)])


def is_of_documents(out: str, run: str | None = None) -> bool:
    """Whether a run of an output, or the newest one, wrote training documents.

    Raises:
        UsageError: there is no such folder, or a file among the manifests is not one.

    """
    manifests = OutputFolder(out).manifests()
    named = next((one for one in manifests if run in (None, one.run_id)), None)
    return named is not None and named.job == JOB


def write_documents_page(
    out: str,
    destination: str | None = None,
    *,
    run: str | None = None,
    duplicates: str | None = None,
    test_ids: str | None = None,
    allow_private_addresses: bool = False,
) -> DocumentsSummary:
    """Write a page about the documents in an output, and ``card.json`` beside it.

    Args:
        out: the output, a local path or a URI.
        destination: the page to write, a local path or a URI; ``OUT/report.html`` by default.
        run: id of the one run to count; by default all that wrote documents.
        duplicates: an output of ``calumma duplicates`` over the pictures that they show.
        test_ids: a file with the ids of assets that no document should show.
        allow_private_addresses: whether http(s) pictures may come from this machine and private
            networks.

    Raises:
        CalummaError: a manifest cannot be read, ``duplicates`` or ``test_ids`` is not
            there, or the destination's folder is not.
        RunError: a table is gone or damaged, or the page cannot be written.

    """
    folder = OutputFolder(out)
    manifests, unfinished = folder.runs()
    chosen = [one for one in reversed(manifests) if one.job == JOB]
    if run is not None:
        chosen = [choose_run(manifests, unfinished, run)]
    overlap = OverlapTally(duplicates, test_ids) if duplicates or test_ids else None
    tally, sampler = DocumentTally(), DocumentSampler()
    runs = [_count_run(folder, one, tally, sampler, overlap) for one in chosen]
    card = make_card(folder.address, runs, tally, overlap.counted() if overlap else None)
    path = destination if destination is not None else f"{out.rstrip('/')}/report.html"
    card_path = f"{path.rpartition('/')[0]}/{CARD}" if "/" in path else CARD
    named = _named_by(folder.address, chosen)
    content = _page(card, sampler.rows(), named, allow_private=allow_private_addresses)
    write_whole(card_path, json.dumps(asdict(card), indent=1, ensure_ascii=False).encode())
    write_whole(path, content.encode())
    return DocumentsSummary(
        path=path, card=card_path, documents=card.documents, warnings=card.warnings
    )


def _count_run(
    folder: OutputFolder,
    manifest: RunManifest,
    tally: DocumentTally,
    sampler: DocumentSampler,
    overlap: OverlapTally | None,
) -> CardRun:
    schema = arrow_schema(Document)
    for name in _NOT_READ:
        schema = schema.remove(schema.get_field_index(name))
    before = tally.documents
    for file in manifest.files:
        if not file.startswith(_TABLE):
            continue
        try:
            for batch in read_batches(folder, [folder.path(file)], schema, rows=_ROWS_AT_ONCE):
                segments = BatchSegments(batch, file)
                tally.add(batch, segments)
                sampler.add(batch)
                if overlap is not None:
                    overlap.add(segments)
        except FileNotFoundError:
            raise RunError(
                f"{folder.uri} is not whole: {file} was committed and is gone. Copy the folder "
                "again, with all that is in it."
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{file} in {folder.uri} cannot be counted: {error!r}. It was damaged, or written "
                "by another version of Calumma: assemble into another folder."
            ) from error
    example: dict[str, str] = {}
    kinds = manifest.failures_by_kind
    if manifest.counts.failed:
        failures = read_failures(folder, manifest.run_id, most_of_a_kind=1)
        example = {row["kind"]: row["message"] for row in failures.rows}
        kinds = kinds or failures.by_kind
    return card_run(manifest, tally.documents - before, kinds, example)


def _page(card: DataCard, rows: Sequence[Row], named: str, *, allow_private: bool) -> str:
    documents = [show_document(row) for row in rows]
    uris = uris_of(documents)
    policy = policy_for_page(named, allow_private_addresses=allow_private)
    loaded = load_small_pictures(uris, policy, longer_side=_LONGER_SIDE)
    return render(
        "documents.html",
        styles=("documents",),
        card=card,
        documents=documents,
        pictures={
            uri: (base64_of(one.jpeg), one.problem) for uri, one in zip(uris, loaded, strict=True)
        },
        by_kind=_summed(card, "kind"),
        by_task=_summed(card, "task"),
        tasks=sorted({one.task for one in card.modalities}),
        most_origins=_MOST_ORIGINS,
        card_name=CARD,
    )


def _summed(card: DataCard, name: str) -> list[tuple[str, int, int, float]]:
    """Tokens, those with loss and weights by task, or by kind, of all together."""
    sums: dict[str, list[float]] = {}
    for one in card.modalities:
        some = sums.setdefault(getattr(one, name), [0, 0, 0])
        some[0] += one.tokens
        some[1] += one.with_loss
        some[2] += one.loss_weight
    return [(key, int(tokens), int(loss), weight) for key, (tokens, loss, weight) in sums.items()]


def _named_by(out: str, runs: Sequence[RunManifest]) -> str:
    """A local file is read only where the output and all that it was made of are of this machine.

    The addresses of pictures came from the catalogs that were tokenized.
    """
    told = [out]
    for run in runs:
        codes = run.config.get("codes")
        told.append(str(run.config.get("catalog", "")))
        told += [str(one) for one in codes] if isinstance(codes, list | tuple) else []
    return next((one for one in told if "://" in one), out)
