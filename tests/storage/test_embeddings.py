"""Reading what an embedding job wrote: which rows count, where an asset comes more than once."""

from pathlib import Path

import numpy as np

from storage.embeddings import find_embeddings, open_embeddings, superseded_rows
from tests.end_to_end.embedded import write_embeddings


def test_the_last_row_of_an_asset_counts(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    drawn = [str(name) for name in rng.integers(0, 300, 500)]
    for ids in (drawn[:350], drawn[350:]):
        write_embeddings(tmp_path, ids, np.ones((len(ids), 2), np.float32), rows_per_part=40)
    runs = find_embeddings(str(tmp_path))
    files = open_embeddings(runs).files
    assert sum(file.rows for file in files) == len(drawn)
    last = {name: row for row, name in enumerate(drawn)}
    expected, start = {}, 0
    for file in files:
        rows = range(start, start + file.rows)
        gone = [row - start for row in rows if last[drawn[row]] != row]
        if gone:
            expected[file.path] = gone
        start += file.rows
    found = superseded_rows(runs.uri, files)
    assert {path: rows.tolist() for path, rows in found.items()} == expected
    assert superseded_rows(runs.uri, ()) == {}
