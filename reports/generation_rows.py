"""Reading the pictures that a run drew: figures over all rows, and a sample with small pictures."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from reports.output_folder import OutputFolder
from reports.reading import SHA256, Row, clip, clip_all, other_columns, read_batches
from schemas.arrow import arrow_schema
from schemas.errors import RowError
from schemas.generated_image import GeneratedImage
from schemas.manifest import RunManifest
from storage.decoding.limits import DecodeLimits
from storage.decoding.pool import DecoderPool
from storage.decoding.thumbnail import THUMBNAIL_PIXELS, make_thumbnail
from storage.score_bins import ScoreCounts, rounded

DRAWING = ("generate", "edit")
"""The jobs whose rows are pictures that a model drew."""

MOST_PICTURES = 3_000
"""Pictures of a page at most: each is read from the table and made small."""

_DECODERS = 2
_PICTURES_AT_ONCE = 64
# What a page does not show, and what only some rows' is looked at.
_LEFT_OUT = frozenset(
    {"codes", "codes_height", "codes_width", "tokenizer_hash", "shown_sha256", "image"}
)


@dataclass(slots=True)
class GenerationTally:
    """Figures over all rows of a run that drew.

    Attributes:
        requests: rows that are the first of their request by rank.
        contrasted: rows that contrastive decoding chose the codes of.
        scores: of the rows that have one.

    """

    rows: int = 0
    requests: int = 0
    contrasted: int = 0
    scores: ScoreCounts = field(default_factory=ScoreCounts)


def read_generation_rows(
    folder: OutputFolder, manifest: RunManifest, *, most: int
) -> tuple[GenerationTally, list[Row]]:
    """Read a run's rows without their pictures.

    Rows that are kept are those of whole parts, drawn by a hash of their names, so that the samples
    of a request stay together and few files hold the pictures.

    Args:
        most: rows kept.

    Returns:
        Figures over all rows, and the kept ones as plain values for JSON.

    """
    whole = arrow_schema(GeneratedImage)
    schema = pa.schema([one for one in whole if one.name not in _LEFT_OUT])
    tally = GenerationTally()
    rows: list[Row] = []
    for file in _parts(folder, manifest):
        for batch in read_batches(folder, [file], schema):
            _count(tally, batch)
            kept = batch.slice(0, most - len(rows))
            rows += [_row(values) for values in kept.to_pylist()]
    return tally, rows


def read_generation_pictures(
    folder: OutputFolder, manifest: RunManifest, *, most_bytes: int
) -> dict[str, bytes]:
    """Read small pictures of the first rows that :func:`read_generation_rows` keeps.

    Args:
        most_bytes: of all of them together.

    Returns:
        JPEG by row key; one that cannot be read is left out.

    """
    found: dict[str, bytes] = {}
    total = 0
    with DecoderPool(_DECODERS, DecodeLimits()) as pool, ThreadPoolExecutor(_DECODERS) as threads:
        for keys, images in _encoded(folder, manifest):
            small = threads.map(partial(_small, pool), images)
            for key, jpeg in zip(keys, small, strict=True):
                total += len(jpeg)
                if total > most_bytes or len(found) == MOST_PICTURES:
                    return found
                if jpeg:
                    found[key] = jpeg
    return found


def _parts(folder: OutputFolder, manifest: RunManifest) -> list[str]:
    files = folder.parquet_files(f"{manifest.table}/run={manifest.run_id}")
    return sorted(files, key=lambda path: hashlib.sha256(path.rpartition("/")[2].encode()).digest())


def _encoded(folder: OutputFolder, manifest: RunManifest) -> Iterator[tuple[list[Any], list[Any]]]:
    """Keys and encoded pictures, some at a time."""
    fields: list[pa.Field[Any]] = [pa.field("key", pa.string()), pa.field("image", pa.binary())]
    for file in _parts(folder, manifest):
        for batch in read_batches(folder, [file], pa.schema(fields), rows=_PICTURES_AT_ONCE):
            yield batch["key"].to_pylist(), batch["image"].to_pylist()


def _small(pool: DecoderPool, image: bytes) -> bytes:
    try:
        return make_thumbnail(pool.decode(image, THUMBNAIL_PIXELS).pixels)
    except RowError:
        return b""


def _count(tally: GenerationTally, batch: pa.RecordBatch) -> None:
    scores = batch["score"].drop_null().to_numpy(zero_copy_only=False)
    tally.rows += batch.num_rows
    tally.requests += int((batch["rank"].to_numpy() == 1).sum())
    contrasted: Any = batch["contrasted"]
    tally.contrasted += contrasted.true_count
    tally.scores.add(rounded(scores))


def _row(values: Row) -> Row:
    score = values["score"]
    licenses = dict.fromkeys(one for one in values["shown_licenses"] if one)
    return {
        "key": values["key"],
        # Not the source picture's: each row has a picture of its own.
        SHA256: values["key"],
        "id": clip(values["asset_id"]),
        "sample": values["sample_number"],
        "rank": values["rank"],
        "score": None if score is None else float(rounded(np.array(score))),
        "text": clip(values["text"]),
        "prompt": clip(values["prompt"]),
        "seed": str(values["seed"]),  # a script's numbers hold 53 bits of it
        "size": f"{values['width']} × {values['height']}",
        "contrasted": values["contrasted"] or None,
        "settings": clip(values["settings"]),
        "neighbors": clip_all(values["neighbors"]),
        "uri": clip(values["uri"]),
        "shown": clip_all(values["shown"]),
        "licenses": clip_all(list(licenses)),
        "attributes": other_columns(values["attributes"]),
    }
