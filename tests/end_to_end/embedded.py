"""Outputs of an embedding job that hold given vectors."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.arrow import arrow_schema
from schemas.embedding import Embedding
from schemas.manifest import Counts, RunManifest


def write_embeddings(
    out: Path,
    ids: Sequence[str],
    vectors: NDArray[np.float32] | Sequence[NDArray[np.float32]],
    *,
    model: str = "some-model",
    revision: str = "r1",
    of: str = "image",
    modalities: Sequence[str] = (),
    rows_per_part: int = 1000,
) -> None:
    """Add a committed run of an embedding job to an output.

    Args:
        modalities: of each row; all are ``of`` where there is none.

    """
    commit = len(list(out.glob("_runs/*.json"))) + 1
    run_id = f"20260101-0000{commit:02d}-{secrets.token_hex(3)}"
    files = []
    for start in range(0, len(ids), rows_per_part):
        some = slice(start, start + rows_per_part)
        count = len(ids[some])
        columns = {
            "key": [f"{number:032x}" for number in range(start, start + count)],
            "asset_id": list(ids[some]),
            "uri": [f"/pictures/{name}.png" for name in ids[some]],
            "text": [f"text of {name}" for name in ids[some]],
            "license": ["CC0"] * count,
            "source": ["a world"] * count,
            "modality": list(modalities[some]) or [of] * count,
            "vector": list(vectors[some]),
            "text_cut": [False] * count,
            "sha256": [""] * count,
            "model": [model] * count,
            "revision": [revision] * count,
            "attributes": ["{}"] * count,
        }
        schema = arrow_schema(Embedding)
        arrays = [pa.array(columns[field.name], field.type) for field in schema]
        path = f"embeddings/run={run_id}/part-{start:08d}.parquet"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), out / path)
        files.append(path)
    manifest = RunManifest(
        run_id=run_id,
        job="embed",
        state="done",
        config={"of": of},
        table="embeddings",
        model=model,
        revision=revision,
        versions={},
        counts=Counts(rows_in=len(ids), rows_out=len(ids)),
        rows_left=0,
        failures_by_kind={},
        started=0.0,
        finished=1.0,
        commit=commit,
        files=tuple(files),
    )
    (out / "_runs").mkdir(parents=True, exist_ok=True)
    (out / "_runs" / f"{run_id}.json").write_text(json.dumps(asdict(manifest)))


def some_vectors(count: int, dimension: int = 16, seed: int = 0) -> NDArray[np.float32]:
    """Clustered vectors of length 1: float32 array of shape (count, dimension)."""
    centres = np.random.default_rng(99).normal(size=(20, dimension))
    generator = np.random.default_rng(seed)
    vectors = centres[generator.integers(20, size=count)]
    vectors = vectors + generator.normal(scale=0.5, size=(count, dimension))
    unit: NDArray[np.float32] = vectors.astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return unit
