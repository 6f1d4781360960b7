"""A training document: tokens, what each is worth in the loss, and where each comes from."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Float32Vector, UInt16Vector, UInt32Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSegment:
    """A run of a document's tokens that come from one place. A document's segments cover it."""

    kind: Annotated[
        str,
        "text or image: what is said and shown; mark: what begins, parts or ends these; sentinel: "
        "what stands for a span that was cut out, or before it at the end",
    ]
    start: Annotated[int, "its first token in the document"]
    end: Annotated[int, "behind its last token"]
    asset_id: Annotated[str, "asset that it is of; empty for marks, sentinels and template texts"]
    license: Annotated[str, "licence of that asset; empty where none is known"]
    source: Annotated[str, "source of that asset; empty where none is known"]
    uri: Annotated[str, "of an image: where the picture was read"]
    field: Annotated[str, "column of the catalog that it is of; empty for texts of the template"]
    field_start: Annotated[int, "its first token in the column's own text or picture"]
    retrieved: Annotated[bool, "whether it is of a document retrieved for this one"]
    span: Annotated[
        int, "number of the span that was cut out: of its sentinels, and of its tokens; else -1"
    ]
    text: Annotated[str, "the text of the tokens; empty for images"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """One training document, of a vocabulary of at most 65,536 tokens."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the row in the catalog"]
    copy_number: Annotated[int, "which document of the row, from 0"]
    task: Annotated[str, "what is learnt, as the template names it"]
    template: Annotated[str, "the template's name, and the number of its layout"]
    token_ids: Annotated[UInt16Vector, "ids in the model's vocabulary"]
    loss_weights: Annotated[Float32Vector, "weight of each token as a target; 0 for none"]
    length: Annotated[int, "number of tokens"]
    beginning: Annotated[
        int,
        "tokens up to the end of the picture that it begins with, which other documents may begin "
        "with too; 0 where it begins otherwise",
    ]
    segments: Annotated[tuple[DocumentSegment, ...], "where the tokens come from, in order"]
    sequence: Annotated[
        str, "the sequence that the document is packed into, with others of its file"
    ]
    sequence_start: Annotated[
        int, "its first token there; rows that were rejected as doubled leave room"
    ]
    context: Annotated[int, "tokens that a sequence holds at most"]
    retrieved_ids: Annotated[tuple[str, ...], "documents before the main one, in their order"]
    choices: Annotated[str, "what was drawn for the document, as JSON text"]
    tokenizer_hash: Annotated[str, "of what made the pictures' codes; empty without pictures"]
    vocabulary_hash: Annotated[str, "of what gives tokens their ids"]
    model: Annotated[str, "the model whose vocabulary it is: folder name or hub id"]
    revision: Annotated[str, "the revision of that model"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WideDocument(Document):
    """One training document, of a larger vocabulary."""

    token_ids: Annotated[  # type: ignore[assignment]
        UInt32Vector, "ids in the model's vocabulary"
    ]
