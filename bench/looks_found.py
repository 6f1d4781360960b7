"""Whether what a dual encoder finds looks as it should: for texts, and for pictures of a split.

Through the command line: the split's pictures are embedded and indexed, and neighbours retrieved of
each picture among the others, and of each caption that is right for one of them. A hit is a picture
of the colour and the shape, first or among the first five.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bench.easy_vqa_split import Split
from bench.shares import Share
from pipelines.cli import run

_CUTS = (1, 5)

Kind = tuple[str, str]


def looks_found(split: Split, encoder: str) -> Iterator[Share]:
    """Retrieve pictures for pictures and for texts, and tell how many have the looks.

    Args:
        encoder: a dual encoder, by name or folder.

    """
    kinds = {name: (look.color, look.shape) for name, look in split.looks.items()}
    texts = {
        **{look.short: (look.color, look.shape) for look in split.looks.values()},
        **{look.long: (look.color, look.shape) for look in split.looks.values()},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures, asked = folder / "pictures.parquet", folder / "texts.parquet"
        rows = [{"id": one, "image": split.pictures[one]} for one in kinds]
        pq.write_table(pa.Table.from_pylist(rows), pictures)
        queries = {f"text-{number}": text for number, text in enumerate(texts)}
        table = pa.table({"id": list(queries), "text": list(queries.values())})
        pq.write_table(table, asked)
        vectors, index = folder / "vectors", folder / "index"
        _run("embed", pictures, vectors, "--of", "image", "--model", encoder)
        _run("index", vectors, index)
        wanted = {one: texts[text] for one, text in queries.items()}
        yield from _hits("text to picture", _found(asked, index, "text", encoder), wanted, kinds)
        yield from _hits(
            "picture to picture", _found(pictures, index, "image", encoder), kinds, kinds
        )


def _found(queries: Path, index: Path, of: str, encoder: str) -> dict[str, list[str]]:
    out = queries.parent / f"found-{of}"
    _run("neighbors", queries, index, out, "--of", of, "--k", max(_CUTS), "--model", encoder)
    rows = ds.dataset(out / "neighbors").to_table(["asset_id", "neighbor_ids"]).to_pylist()
    return {row["asset_id"]: row["neighbor_ids"] for row in rows}


def _hits(
    what: str,
    found: Mapping[str, list[str]],
    wanted: Mapping[str, Kind],
    kinds: Mapping[str, Kind],
) -> Iterator[Share]:
    assert found.keys() == wanted.keys()
    for cut in _CUTS:
        hits = [
            any(kinds[one] == kind for one in found[name][:cut]) for name, kind in wanted.items()
        ]
        yield Share.of(f"calumma-clip, {what}: recall@{cut}", hits)


def _run(*command: object) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*map(str, command), "--json"]) == 0
