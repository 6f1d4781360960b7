"""Reading the scores that an evaluation committed."""

import io

import pyarrow.parquet as pq

from schemas.arrow import from_table
from schemas.manifest import RunManifest
from schemas.score import Score
from storage.layout import SCORES
from storage.store import Store


def read_scores(store: Store, manifest: RunManifest) -> list[Score]:
    """Read the scores of a run: all rows first, then slice by slice."""
    scores: list[Score] = []
    for path in manifest.files:
        if path.startswith(f"{SCORES}/"):
            table = pq.ParquetFile(io.BytesIO(store.get(path))).read()
            scores += from_table(Score, table)
    return scores
