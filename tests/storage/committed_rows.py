"""Committed tables, written as the jobs write them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from models.source import resolve_image_tokenizer
from models.tokenizer_hash import tokenizer_hash
from schemas.description import Answer, Caption
from schemas.generated_image import GeneratedImage
from schemas.image_tokens import ImageTokens
from schemas.neighbors import Neighbors
from schemas.score import RowScore
from storage.commit import commit_run
from storage.commit_record import last_commit
from storage.keys import fingerprint, row_keys
from storage.part_writer import PartWriter
from storage.parts import SplitRecord
from storage.runs import Run
from storage.store import Store
from tests.storage.rows import a_run


@cache
def embedded_tokenizer() -> str:
    """The hash of the picture tokenizer of calumma-tiny."""
    return tokenizer_hash(resolve_image_tokenizer("calumma-tiny"))


def image_tokens(asset_id: str, codes: Sequence[int], crop: int = 0, **changes: Any) -> ImageTokens:
    """A row of codes in one line of a grid; what it says follows from its id and crop."""
    values: dict[str, Any] = {
        "key": "",
        "asset_id": asset_id,
        "crop_number": crop,
        "uri": f"/pictures/{asset_id}.png",
        "text": f"text of {asset_id}",
        "license": "CC0",
        "source": f"source of {asset_id}",
        "codes": np.asarray(codes, np.int32),
        "height": 1,
        "width": len(codes),
        "frame_height": 8,
        "frame_width": 8,
        "framing": "checkpoint",
        "resolution": 0,
        "part": np.empty(0, np.int32),
        "sha256": "",
        "tokenizer_hash": embedded_tokenizer(),
        "model": "m",
        "revision": "r",
        "attributes": "{}",
    }
    return ImageTokens(**(values | changes))


def neighbors(asset_id: str, ids: Sequence[str], modality: str = "both") -> Neighbors:
    """A row of neighbours whose scores fall from 1."""
    return Neighbors(
        key="",
        asset_id=asset_id,
        uri="",
        text=f"text of {asset_id}",
        query_modality=modality,
        neighbor_ids=tuple(ids),
        scores=np.linspace(1, 0, len(ids), endpoint=False, dtype=np.float32),
        text_cut=False,
        sha256="",
        index="i",
        index_version=1,
        model="m",
        revision="r",
        attributes="{}",
    )


def generated_image(asset_id: str, image: bytes, sample: int = 0, **changes: Any) -> GeneratedImage:
    """A picture that was asked for by its id."""
    values: dict[str, Any] = {
        "key": "",
        "asset_id": asset_id,
        "sample_number": sample,
        "rank": sample + 1,
        "score": None,
        "text": asset_id,
        "prompt": f"draw {asset_id}",
        "seed": 1,
        "image": image,
        "media_type": "image/png",
        "height": 64,
        "width": 64,
        "codes": np.empty(0, np.int32),
        "codes_height": 0,
        "codes_width": 0,
        "tokenizer_hash": "t" * 64,
        "mean_logprob": -1.0,
        "contrasted": False,
        "settings": "{}",
        "neighbors": (),
        "uri": "",
        "sha256": "",
        "license": "",
        "source": "",
        "shown": (),
        "shown_sha256": (),
        "shown_licenses": (),
        "model": "m",
        "revision": "r",
        "attributes": "{}",
    }
    return GeneratedImage(**(values | changes))


_JOBS: Mapping[type, tuple[str, str]] = {
    ImageTokens: ("tokenize", "tokens"),
    Neighbors: ("neighbors", "neighbors"),
    Caption: ("caption", "captions"),
    Answer: ("answer", "answers"),
    RowScore: ("evaluate", "row_scores"),
    GeneratedImage: ("generate", "generations"),
}


def commit_rows(
    store: Store,
    rows: Sequence[Any],
    *,
    config: Mapping[str, object] | None = None,
    model: str = "m",
    rows_per_part: int = 1000,
) -> Run:
    """Commit a run that wrote rows of one table."""
    record = type(rows[0])
    job, table = _JOBS[record]
    last = last_commit(store)
    number = last.number if last else 0
    run = a_run(
        f"20260131-0000{number:02d}-aaaaaa",
        job=job,
        table=table,
        base=number,
        config=config or {},
        model=model,
        fingerprint=fingerprint({"commit": number}).hex(),
    )
    writer = PartWriter(
        store=store,
        run_id=run.run_id,
        split_id="s",
        attempt="x",
        first=0,
        record=record,
        version="0",
    )
    identities = [f"{row.asset_id}\x00{_number(row)}" for row in rows]
    keys = row_keys(identities, None, bytes.fromhex(run.fingerprint))
    parts = []
    for position, row in enumerate(rows):
        writer.add(
            position=position,
            identity=(int(keys.identity[position, 0]), int(keys.identity[position, 1])),
            second=int(keys.second[position]),
            row=row,
        )
        if (position + 1) % rows_per_part == 0 or position + 1 == len(rows):
            parts.append(writer.flush(position + 1))
    written = SplitRecord(
        split_id="s",
        offset=0,
        row_count=len(rows),
        parts=tuple(part for part in parts if part is not None),
    )
    commit_run(store, run, [("s", 0, len(rows))], [written])
    return run


def _number(row: Any) -> object:
    """What tells the rows of an asset apart."""
    names = ("question_id", "crop_number", "sample_number")
    return next((getattr(row, name) for name in names if hasattr(row, name)), 0)
