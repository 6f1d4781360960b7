"""An index that is added to night after night: few shards, and all that was said of it holds."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import pipelines.index
from models.source import resolve_encoder
from pipelines.cli import run
from reports.neighbor_assets import look_up
from schemas.errors import WorkerError
from storage.index import choose
from storage.index.search import search
from storage.index.settings import SearchSettings
from storage.index_rows import IndexRows, find_assets
from storage.index_shards import ShardSize
from storage.index_store import open_record
from storage.store import open_store
from storage.store.local import LocalStore
from tests.end_to_end.embedded import some_vectors, write_embeddings
from tests.end_to_end.test_index import brute_force, index, names, nearest, opened, overlap
from tests.servers.object_stores import at_server, moto_s3
from transforms import index_commit
from transforms.index_merge import first_to_merge
from transforms.retriever import load_retriever
from transforms.settings import NeighborSettings

NIGHTS = 6
EFFORT = SearchSettings(nprobe=8, ef_search=1000)


@pytest.mark.parametrize(
    ("factory", "most_shards"),
    [("Flat", 3), ("IVF8,Flat", 3), ("IVF8,PQ8x4fsr", 3), ("HNSW8", NIGHTS + 1)],
)
def test_what_is_found_after_many_nights_is_what_was_left(
    tmp_path: Path, factory: str, most_shards: int
) -> None:
    draw = random.Random(factory)
    out, to = tmp_path / "out", tmp_path / "index"
    vectors = some_vectors(400 + 60 * NIGHTS)
    left = dict(zip(names(400), vectors, strict=False))
    write_embeddings(out, list(left), np.stack(list(left.values())))
    index(out, to, "--factory", factory)
    gone: set[str] = set()
    for night in range(NIGHTS):
        rows = vectors[400 + 60 * night :][:60]
        changed = draw.sample(sorted({*names(400), *left, *gone}), 20)
        tonight = dict(zip([*changed, *names(40, f"n{night}-")], rows, strict=True))
        write_embeddings(out, list(tonight), rows)
        left |= tonight
        gone = {name for name in draw.sample(sorted(left), 10) if name not in tonight}
        (tmp_path / "gone.txt").write_text("\n".join(gone))
        for name in gone:
            del left[name]
        record = index(out, to, "--remove", str(tmp_path / "gone.txt"))
        assert record.counts.rows_in == 60
        assert len(record.version.shards) <= most_shards
        card = record.version.card
        assert card is not None
        assert card.count == len(left)
        queries = some_vectors(40, seed=night + 1)
        expected = brute_force(list(left), np.stack(list(left.values())), queries)
        hits = search(opened(to, record), queries, len(left), EFFORT)
        found = [[hit.id for hit in some] for some in hits]
        assert overlap([some[:10] for some in found], expected) > 0.99
        assert {name for some in found for name in some} <= set(left)
        # An HNSW's graph does not lead to every row from everywhere.
        assert factory == "HNSW8" or all(len(some) == len(left) for some in found)
    # What a row stands for is what it was embedded from, in whichever shard it came to lie.
    whole = opened(to, record)
    everything = np.arange(whole.starts[-1])
    assets = IndexRows(to, whole).take(everything)
    assert [one.asset_id for one in assets] == whole.ids(everything)
    assert set(find_assets(to, record.version, list(left))) == set(left)


def shards_of(index: Path) -> set[str]:
    """The shards that are there."""
    return {f"shards/{path.name}" for path in (index / "shards").iterdir() if any(path.iterdir())}


def test_shards_that_were_merged_go_a_week_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, to = tmp_path / "out", tmp_path / "index"
    vectors = some_vectors(400)

    def night(number: int) -> None:
        some = slice(100 * number, 100 * number + 100)
        write_embeddings(out, names(400)[some], vectors[some])

    night(0)
    first = index(out, to)
    night(1)
    second = index(out, to)
    assert len(second.version.shards) == 1
    assert shards_of(to) == {*first.version.shards, *second.version.shards}
    assert {one.shard for one in second.retired} > set(first.version.shards)
    # Who began to search the version before goes on.
    assert nearest(to, first, vectors[:1], k=1) == [["a0"]]
    night(2)
    third = index(out, to)
    assert len(list((to / "shards").iterdir())) == 1 + len(third.version.shards)
    monkeypatch.setattr(index_commit, "KEEP_SECONDS", 0.0)
    night(3)
    fourth = index(out, to)
    assert shards_of(to) == set(fourth.version.shards)
    queries = some_vectors(20, seed=3)
    assert overlap(nearest(to, fourth, queries), brute_force(names(400), vectors, queries)) == 1
    # A page of what was made then looks its neighbours up in the index as it is.
    row = {"index": str(to), "index_version": 1, "neighbors": ["a7"]}
    assert look_up([row], {}, most_bytes=0).assets["a7"]["text"] == "text of a7"
    # Built anew, the index may come to the shards of a version before: those are not given up.
    again = index(out, to, "--rebuild")
    assert shards_of(to) == set(again.version.shards)
    write_embeddings(out, ["b"], vectors[:1])
    last = index(out, to)
    assert set(again.version.shards) <= set(last.version.shards) == shards_of(to)


def test_what_a_build_leaves_that_died_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, to = tmp_path / "out", tmp_path / "index"
    vectors = some_vectors(400)

    def die(*_: object) -> None:
        raise OSError("the power went away")

    write_embeddings(out, names(100), vectors[:100])
    index(out, to)
    # After merging, and in the middle of deleting what was merged.
    write_embeddings(out, names(100, "b"), vectors[100:200])
    with monkeypatch.context() as patch:
        patch.setattr(index_commit, "commit_record", die)
        assert run(["index", str(out), str(to), "--json"]) == 1
    write_embeddings(out, names(100, "c"), vectors[200:300])
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "delete_folder", die)
        assert run(["index", str(out), str(to), "--json"]) == 1
    record = open_record(open_store(str(to)))
    assert shards_of(to) > set(record.version.shards)
    assert {one.shard for one in record.retired} == shards_of(to) - set(record.version.shards)
    # What is left of a shard is not taken for all of it.
    rebuilt = index(out, to, "--rebuild")
    monkeypatch.setattr(index_commit, "KEEP_SECONDS", 0.0)
    write_embeddings(out, names(100, "d"), vectors[300:])
    last = index(out, to)
    assert last.number == rebuilt.number + 1
    assert shards_of(to) == set(last.version.shards)
    ids = [*names(100), *names(100, "b"), *names(100, "c"), *names(100, "d")]
    queries = some_vectors(20, seed=3)
    assert overlap(nearest(to, last, queries), brute_force(ids, vectors, queries)) == 1


def test_a_job_whose_version_is_gone_says_what_to_do(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "out", names(10), some_vectors(10))
    record = index(tmp_path / "out", tmp_path / "index")
    work = NeighborSettings(
        source=resolve_encoder("calumma-clip"),
        of="text",
        index=str(tmp_path / "index"),
        index_version=1,
        index_token=record.token,
        k=2,
        candidates=2,
    )
    (tmp_path / "index" / record.version.shards[0] / "shard.json").unlink()
    with pytest.raises(WorkerError, match=r"not there any more.*Run the same command again"):
        load_retriever(work)


def test_nights_are_merged_in_an_object_store_too(tmp_path: Path) -> None:
    with moto_s3("catalogs") as server, at_server(server):
        out, to = "s3://catalogs/vectors", "s3://catalogs/index"
        texts = tmp_path / "texts.parquet"
        for night in range(3):
            said = [f"a red circle {night}", f"a blue square {night}"]
            pq.write_table(pa.table({"id": [f"{night}a", f"{night}b"], "text": said}), texts)
            assert run(["embed", str(texts), out, "--of", "text", "--json"]) == 0
            assert run(["index", out, to, "--json"]) == 0
        record = open_record(open_store(to))
        # Two and two were merged, and the next two are few beside those.
        assert len(record.version.shards) == 2
        assert len(open_store(to).folders("shards")) == 3
        assert record.version.card is not None
        assert record.version.card.count == 6
        options = ["--of", "text", "--k", "10", "--json"]
        assert run(["neighbors", str(texts), to, str(tmp_path / "found"), *options]) == 0
    (path,) = (tmp_path / "found" / "neighbors").glob("*/*.parquet")
    rows = {row["asset_id"]: row for row in pq.read_table(path).to_pylist()}
    assert rows.keys() == {"2a", "2b"}
    assert set(rows["2a"]["neighbor_ids"]) == {"0a", "0b", "1a", "1b", "2b"}


def test_a_flat_index_that_became_large_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipelines.index, "SMALL", 150)
    monkeypatch.setattr(choose, "SMALL", 150)
    command = ["index", str(tmp_path / "out"), str(tmp_path / "index")]

    def told(*options: str) -> str:
        assert run([*command, *options]) == 0
        return capsys.readouterr().out

    advice = "Every query looks at all 200 vectors, which was quick while they were few."
    write_embeddings(tmp_path / "out", names(100), some_vectors(100))
    assert "Every query" not in told()
    write_embeddings(tmp_path / "out", names(100, "b"), some_vectors(100, seed=1))
    assert advice in told()
    said = told("--rebuild")
    assert "Every query" not in said
    assert "IVF" in said


@given(
    nights=st.lists(st.lists(st.integers(1, 1000), min_size=1, max_size=3), min_size=1, max_size=60)
)
def test_shards_stay_few(nights: list[list[int]]) -> None:
    shards: list[int] = []
    written: list[int] = []
    for new in nights:
        sizes = [ShardSize(count=one, stored_as="float32") for one in (*shards, *new)]
        first = first_to_merge(sizes, len(shards))
        merged = sum((*shards, *new)[first:])
        written.append(merged)
        shards = [*shards[:first], merged]
        assert sum(shards) == sum(map(sum, nights[: len(written)]))
        behind: NDArray[np.int64] = np.cumsum([*shards[:0:-1]])[::-1]
        assert all(one >= 2 * rest for one, rest in zip(shards, behind, strict=False))
    # Each grows to three times those behind it, so of N rows there are few.
    assert len(shards) <= np.log(sum(shards)) / np.log(3) + 2
    assert sum(written) <= sum(shards) * (1 + np.log(sum(shards)) / np.log(1.5))


def test_shards_of_another_number_format_stay_apart() -> None:
    sizes = [ShardSize(count=1, stored_as=one) for one in ("float16", "float32", "float32")]
    assert first_to_merge(sizes, 2) == 1
