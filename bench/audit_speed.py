"""How fast an audit reads, and what memory it takes.

``python -m bench.audit_speed --rows 200000``: writes Parquet files of captions of some ten words,
with one column to group by and one in ``attributes``, and audits them: by either column, with
training texts (as many, one in a hundred of the captions among them) and with licences. Prints
rows a second of processor time and the peak of anonymous memory above what was there before; first
of a tenth of the rows, so that growth is seen.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.cider_speed import make_captions
from bench.measuring import PeakMemory, anonymous_mebibytes
from reports.audit.audit import AuditSettings, audit
from reports.audit.word_lists import shipped_lists

_GENDERED = ("a man", "a woman", "people", "a dog", "a nurse and her", "an old man")


def write_rows(folder: Path, rows: int) -> None:
    """Write captions, training texts and licences."""
    draw = np.random.default_rng(1)
    texts = [
        f"{_GENDERED[place % len(_GENDERED)]} {text}"
        for place, text in enumerate(make_captions(rows, 2)[0])
    ]
    ids = [f"asset-{number:09d}" for number in range(rows)]
    sides = draw.integers(0, 8, rows).tolist()
    attributes = [json.dumps({"side": side, "camera": "x100"}) for side in sides]
    table = pa.table(
        {
            "asset_id": ids,
            "text": texts,
            "neighbors": [[ids[number // 2]] for number in range(rows)],
            "side": [str(side) for side in sides],
            "attributes": attributes,
        }
    )
    pq.write_table(table, folder / "results.parquet", row_group_size=50_000)
    training = make_captions(rows, 3)[0]
    training[::100] = texts[::100]
    pq.write_table(pa.table({"text": training}), folder / "training.parquet")
    licences = {"asset_id": ids, "license": ["CC0"] * rows}
    pq.write_table(pa.table(licences), folder / "licences.parquet")


def measure(name: str, settings: AuditSettings) -> None:
    """Audit, and print what it took."""
    before = anonymous_mebibytes()
    started, wall = time.process_time(), time.monotonic()
    with PeakMemory() as memory:
        found = audit(settings)
    seconds = time.process_time() - started
    print(
        f"{name:<28} {found.rows:>10,} rows  {found.rows / seconds:>9,.0f} rows/s of a core "
        f"({time.monotonic() - wall:.1f} s by the clock)  {memory.mebibytes - before:6.0f} MiB",
        flush=True,
    )
    if found.memorised is not None:
        print(f"{'':<28} {found.memorised.found:,} repeat a training text", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    options = parser.parse_args()
    lists = tuple(shipped_lists())
    for rows in (options.rows // 10, options.rows):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_rows(folder, rows)
            results = str(folder / "results.parquet")
            plain = AuditSettings(results=results, lists=lists, reference={}, by=("side",))
            training, licences = str(folder / "training.parquet"), str(folder / "licences.parquet")
            measure("words, refusals, one column", plain)
            measure("by a column in attributes", replace(plain, by=("camera",)))
            measure("and training texts", replace(plain, training_texts=training))
            measure("and licences", replace(plain, licenses=licences))


if __name__ == "__main__":
    main()
