"""What judging licences and texts costs beside reading them, and what the whole job does.

``python -m bench.filter --rows 100000``: writes a Parquet catalog of ids, uris, texts, licences and
sources, reads its rows as the job does, judges them by each rule alone, and runs the job in this
process: once on all rows, and once more when all are known. Prints seconds of processor time for
the steps, and rows a second for the jobs. No picture exists: none may be touched.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.filter_config import FilterConfig
from pipelines.job import prepare_job
from pipelines.settings import read_settings, work_settings
from runners.local import local_pipeline
from storage.catalog.read_blocks import read_blocks, read_rows
from storage.catalog.split import CatalogRow
from storage.store.local import LocalStore
from transforms.filter_rules import FilterRules, Judge
from transforms.plan_splits import splits_of

_WORDS = ("a", "the", "blue", "red", "circle", "of", "square", "photo", "dog", "runs", "under")
_LICENSES = ("CC0", "CC-BY 4.0", "", "All rights reserved")
_RULES: Mapping[str, FilterRules] = {
    "licences": FilterRules(licenses=("cc0", "cc-by 4.0")),
    "licences, words, characters": FilterRules(
        licenses=("cc0", "cc-by 4.0"), min_words=3, max_characters=200
    ),
    "200 blocked words": FilterRules(blocked_words=tuple(f"word{place}" for place in range(200))),
    "pattern": FilterRules(pattern="[a-z]+"),
    "share of no letters": FilterRules(max_non_letters=0.3),
    "share of repeated words": FilterRules(max_repeated_words=0.6),
}


def write(path: Path, rows: int) -> None:
    """Write the catalog."""
    chance = random.Random(1)
    texts = [" ".join(chance.choices(_WORDS, k=chance.randint(1, 20))) for _ in range(rows)]
    columns = {
        "id": [f"asset-{place}" for place in range(rows)],
        "uri": [f"pictures/{place}.jpg" for place in range(rows)],
        "text": texts,
        "license": [_LICENSES[place % 4] for place in range(rows)],
        "source": ["web"] * rows,
    }
    pq.write_table(pa.table(columns), path)


def read(catalog: Path, config: FilterConfig) -> list[CatalogRow]:
    """Read all rows whole, as the job does."""
    settings = read_settings(str(catalog), config, work_settings(str(catalog), config))
    return [
        row
        for split in splits_of(settings, LocalStore(catalog.parent), "listing")
        for block in read_blocks(split, settings.columns)
        for row in read_rows(split, block, range(len(block.ids)), pictures=False)
    ]


def judge(rows: list[CatalogRow], rules: FilterRules) -> None:
    """Judge all rows."""
    judging = Judge(rules)
    for row in rows:
        judging.judge(row.asset.text, row.asset.license, None)


def run(catalog: Path, config: FilterConfig) -> int:
    """Run the job; give how many rows it judged."""
    job = prepare_job(str(catalog), str(catalog.parent / "out"), config)
    pipeline = local_pipeline()
    job.build(pipeline)
    pipeline.run().wait_until_finish()
    return job.manifest().counts.rows_out


def timed(name: str, rows: int, step: Callable[[], object]) -> None:
    """Print what a step takes."""
    started, processor = time.monotonic(), time.process_time()
    step()
    processor, seconds = time.process_time() - processor, time.monotonic() - started
    print(
        f"{name:<30} {processor:6.2f} s of a processor, {rows / seconds:>9,.0f} rows/s", flush=True
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args().rows
    config = FilterConfig(license=("CC0", "CC-BY 4.0"), min_words=3, max_characters=200)
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.parquet"
        write(catalog, count)
        rows: list[CatalogRow] = []
        timed("reading", count, lambda: rows.extend(read(catalog, config)))
        assert len(rows) == count
        for name, rules in _RULES.items():
            timed(name, count, lambda rules=rules: judge(rows, rules))  # type: ignore[misc]
        timed("the job", count, lambda: run(catalog, config))
        timed("the job, all rows known", count, lambda: run(catalog, config))


if __name__ == "__main__":
    main()
