"""Assembling documents: a window's rows are written, and packed into sequences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from models.document_vocabulary import load_document_vocabulary
from schemas.errors import RowError
from storage.keys import question_identity, row_keys
from storage.packing import pack
from transforms.documents.drafting import Drafter
from transforms.documents.lookups import DocumentLookups
from transforms.documents.material import DocumentRow, Draft, Written
from transforms.documents.settings import AssembleSettings
from transforms.documents.writer import DocumentWriter
from transforms.fingerprint import drawn_documents
from transforms.items import Done, Item, Outcome, Task
from transforms.lazy_model import LazyModel
from transforms.window_handler import WindowHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembler:
    """What writes documents."""

    drafter: Drafter
    lookups: DocumentLookups
    writer: DocumentWriter


class AssemblingHandler(
    WindowHandler[Assembler, DocumentRow, "Sequence[Draft | RowError]"],
):
    """Writes the documents of windows of tasks."""

    def __init__(self, work: AssembleSettings, run_id: str, out: str = "") -> None:
        super().__init__(work, run_id, out)
        self._settings = work
        self._drawn_from = drawn_documents(work)

    def run_inference(
        self,
        batch: Sequence[Item],
        model: LazyModel[Assembler],
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[Done]:
        """Write a window's documents, and find each its place in a sequence.

        A window is what a part holds at least, so a sequence never is in two of them.
        """
        done = list(super().run_inference(batch, model, inference_args))
        written = [
            (item.task, item.result)
            for item in done
            if isinstance(item, Outcome) and isinstance(item.result, Written)
        ]
        context = self._settings.documents.context
        places = pack([document.length for _, document in written], context)
        names: dict[int, str] = {}
        for (task, document), place in zip(written, places, strict=True):
            # Named by its first document in the order of the rows, and by where that stands: rows
            # of one id have the same key until the commit rejects all but one.
            document.sequence = names.setdefault(place.sequence, f"{task.key}-{task.position}")
            document.sequence_start = place.start
        return done

    def _load(self) -> Assembler:
        work = self._settings
        vocabulary = load_document_vocabulary(work.source)
        return Assembler(
            drafter=Drafter(work.documents, vocabulary.frame),
            lookups=DocumentLookups(work),
            writer=DocumentWriter(vocabulary, work.documents),
        )

    def _request(self, task: Task) -> DocumentRow:
        copy = task.question.question_id if task.question else ""
        identity = question_identity(task.asset.asset_id, copy)
        return DocumentRow(
            asset=task.asset, seed=row_keys([identity], None, self._drawn_from).seed(0)
        )

    def _encode(
        self, model: Assembler, requests: Sequence[DocumentRow]
    ) -> Sequence[Draft | RowError]:
        return [_drafted(model.drafter, row) for row in requests]

    def _run(
        self, model: Assembler, encoded: Sequence[Draft | RowError]
    ) -> Sequence[Written | RowError]:
        drafts = [draft for draft in encoded if isinstance(draft, Draft)]
        neighbors = model.lookups.neighbors([draft.query_id for draft in drafts])
        wanted = {one for draft in drafts for one in draft.wanted.values()}
        wanted |= {("", name) for near in neighbors for name in near}
        written = iter(model.writer.write(drafts, model.lookups.pictures(wanted), neighbors))
        return [next(written) if isinstance(one, Draft) else one for one in encoded]


def _drafted(drafter: Drafter, row: DocumentRow) -> Draft | RowError:
    try:
        return drafter.draft(row)
    except RowError as error:
        return error
