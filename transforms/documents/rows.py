"""A written document as the row of the table."""

import json

import numpy as np

from schemas.document import Document, DocumentSegment, WideDocument
from transforms.documents.material import Written
from transforms.documents.segment import Segment
from transforms.documents.settings import AssembleSettings
from transforms.items import Task


def document_row(task: Task, written: Written, work: AssembleSettings) -> Document:
    """The row of a document."""
    tokens = written.token_ids
    record = WideDocument if work.wide else Document
    return record(
        key=task.key,
        asset_id=task.asset.asset_id,
        copy_number=int(task.question.question_id) if task.question else 0,
        task=written.task,
        template=written.template,
        token_ids=tokens.astype(np.uint32 if work.wide else np.uint16),
        loss_weights=written.loss_weights,
        length=len(tokens),
        beginning=written.beginning,
        segments=segment_rows(written.segments),
        sequence=written.sequence,
        sequence_start=written.sequence_start,
        context=work.documents.context,
        retrieved_ids=written.retrieved_ids,
        choices=json.dumps(written.choices),
        tokenizer_hash=written.tokenizer_hash,
        vocabulary_hash=work.vocabulary_hash,
        model=work.source.name,
        revision=work.source.revision,
        attributes=task.asset.attributes,
    )


def segment_rows(segments: list[Segment]) -> tuple[DocumentSegment, ...]:
    """Segments with their places in the document."""
    rows = []
    start = 0
    for segment in segments:
        end = start + len(segment.tokens)
        rows.append(
            DocumentSegment(
                kind=segment.kind,
                start=start,
                end=end,
                asset_id=segment.asset_id,
                license=segment.license,
                source=segment.source,
                uri=segment.uri,
                field=segment.field,
                field_start=segment.field_start,
                retrieved=segment.retrieved,
                span=segment.span,
                text=segment.text,
            )
        )
        start = end
    return tuple(rows)
