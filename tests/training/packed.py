"""Outputs that hold given documents, packed, as a job would leave them."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from models.source import EMBEDDED_FOLDER, ModelSource
from models.vocabulary_hash import vocabulary_hash
from schemas.arrow import to_table
from schemas.document import Document
from schemas.manifest import Counts, RunManifest

EMBEDDED = ModelSource(
    name="calumma-tiny", location=str(EMBEDDED_FOLDER), revision="r", model_type="chameleon"
)
CONTEXT = 48
HASH = vocabulary_hash(EMBEDDED)


def a_document(
    number: int, tokens: Sequence[int], sequence: str, start: int, **changes: object
) -> Document:
    weights = changes.pop("loss_weights", [1.0] * len(tokens))
    fields: dict[str, object] = {
        "key": f"{number:032x}",
        "asset_id": f"a{number}",
        "copy_number": 0,
        "task": "caption",
        "template": "caption/0",
        "token_ids": np.array(tokens, np.uint16),
        "loss_weights": np.array(weights, np.float32),
        "length": len(tokens),
        "segments": (),
        "sequence": sequence,
        "sequence_start": start,
        "beginning": 0,
        "context": CONTEXT,
        "retrieved_ids": (),
        "choices": "{}",
        "tokenizer_hash": "",
        "vocabulary_hash": HASH,
        "model": "calumma-tiny",
        "revision": "r",
        "attributes": "{}",
    }
    return Document(**(fields | changes))  # type: ignore[arg-type]


def some_documents(
    count: int, *, seed: int = 0, context: int = CONTEXT, vocabulary: int = 575
) -> list[Document]:
    """Documents of random tokens, in sequences one behind the other; some weights are 0."""
    random = np.random.default_rng(seed)
    documents: list[Document] = []
    room, sequence = 0, -1
    for number in range(count):
        length = int(random.integers(4, context // 2))
        if length > room:
            room, sequence = context, sequence + 1
        tokens = random.integers(5, vocabulary, length)
        weights = random.choice([0.0, 0.1, 1.0], length)
        documents.append(
            a_document(
                seed * 1_000_000 + number,
                tokens.tolist(),
                f"{seed}-{sequence}",
                context - room,
                loss_weights=weights,
                context=context,
            )
        )
        room -= length
    return documents


def write_documents(
    out: Path,
    parts: Sequence[Sequence[Document]],
    *,
    rows_per_group: int | None = None,
    record: type[Document] = Document,
    table: str = "documents",
) -> list[Path]:
    """Add a committed run of documents to an output, a file for each part."""
    commit = len(list(out.glob("_runs/*.json"))) + 1
    run_id = f"20260101-0000{commit:02d}-{secrets.token_hex(3)}"
    files = [f"{table}/run={run_id}/part-{number:04d}.parquet" for number in range(len(parts))]
    for path, part in zip(files, parts, strict=True):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        rows = to_table(record, part)
        pq.write_table(rows, out / path, row_group_size=rows_per_group or len(part))
    count = sum(map(len, parts))
    manifest = RunManifest(
        run_id=run_id,
        job="assemble",
        state="done",
        config={},
        table=table,
        model="calumma-tiny",
        revision="r",
        versions={},
        counts=Counts(rows_in=count, rows_out=count),
        started=0.0,
        finished=1.0,
        commit=commit,
        files=tuple(files),
    )
    (out / "_runs").mkdir(parents=True, exist_ok=True)
    (out / "_runs" / f"{run_id}.json").write_text(json.dumps(asdict(manifest)))
    return [out / path for path in files]


def by_sequence(documents: Sequence[Document], each: int) -> list[list[Document]]:
    """Cut documents into parts of so many whole sequences."""
    names = list(dict.fromkeys(one.sequence for one in documents))
    parts = [set(names[start : start + each]) for start in range(0, len(names), each)]
    return [[one for one in documents if one.sequence in part] for part in parts]
