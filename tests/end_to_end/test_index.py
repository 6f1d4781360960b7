"""The index job by the command line: what is searched is what was embedded, whatever happened."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from pipelines.cli import run
from storage.index.opened import OpenIndex, open_index
from storage.index.search import search
from storage.index.settings import SearchSettings
from storage.index_rows import IndexRows
from storage.index_store import IndexRecord, open_record
from storage.store import open_store
from tests.end_to_end.embedded import some_vectors, write_embeddings
from transforms import index_commit, index_plan


def names(count: int, prefix: str = "a") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def index(embeddings: Path, out: Path, *options: str) -> IndexRecord:
    assert run(["index", str(embeddings), str(out), "--json", *options]) == 0
    return open_record(open_store(str(out)))


def opened(out: Path, record: IndexRecord) -> OpenIndex:
    version = record.version
    return open_index(out, version, model=version.model, revision=version.revision)


def nearest(
    out: Path, record: IndexRecord, queries: NDArray[np.float32], k: int = 10
) -> list[list[str]]:
    card = record.version.card
    settings = card.settings if card else SearchSettings()
    return [[hit.id for hit in hits] for hits in search(opened(out, record), queries, k, settings)]


def brute_force(
    ids: Sequence[str], vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int = 10
) -> list[list[str]]:
    order = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    return [[ids[row] for row in rows] for rows in order]


def overlap(found: list[list[str]], expected: list[list[str]]) -> float:
    return float(
        np.mean([len({*one} & {*two}) / len(two) for one, two in zip(found, expected, strict=True)])
    )


def test_a_small_index_finds_what_looking_at_all_finds(tmp_path: Path) -> None:
    ids, vectors = names(2500), some_vectors(2500)
    write_embeddings(tmp_path / "out", ids, vectors)
    record = index(tmp_path / "out", tmp_path / "index")
    queries = some_vectors(50, seed=1)
    found = nearest(tmp_path / "index", record, queries)
    assert overlap(found, brute_force(ids, vectors, queries)) > 0.999
    card = record.version.card
    assert card is not None
    assert (card.kind, card.count, card.recall[10]) == ("flat", 2500, 1.0)
    assert record.counts.rows_in == record.counts.rows_out == 2500
    assert record.version.model == "some-model"


def test_shards_are_merged_and_reach_the_recall_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_plan, "ROWS_PER_SHARD", 3000)
    ids, vectors = names(10_000), some_vectors(10_000)
    write_embeddings(tmp_path / "out", ids, vectors)
    record = index(tmp_path / "out", tmp_path / "index", "--factory", "IVF64,SQ8")
    assert len(record.version.shards) == 1
    card = record.version.card
    assert card is not None
    assert card.recall[10] >= 0.95
    assert run(["report", str(tmp_path / "index")]) == 0
    page = (tmp_path / "index" / "report.html").read_text()
    assert "IVF64,SQ8 was asked for." in page
    for shown in ("10,000 vectors", *(f"{one:.3f}" for one in card.recall.values())):
        assert shown in page
    queries = some_vectors(100, seed=1)
    found = nearest(tmp_path / "index", record, queries)
    assert overlap(found, brute_force(ids, vectors, queries)) >= 0.93
    # What a row stands for is what it was embedded from, through shards and their merging.
    whole = opened(tmp_path / "index", record)
    rows = [0, 2999, 3000, 9999]
    assets = IndexRows(tmp_path / "index", whole).take(rows)
    assert [one.asset_id for one in assets] == whole.ids(np.array(rows))
    assert {one.text for one in assets} == {f"text of {one.asset_id}" for one in assets}


def test_new_embeddings_are_added_and_newer_ones_replace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids, vectors = names(500), some_vectors(500)
    write_embeddings(tmp_path / "out", ids, vectors)
    first = index(tmp_path / "out", tmp_path / "index")
    changed = [*names(50), *names(30, "b")]
    others = some_vectors(80, seed=2)
    write_embeddings(tmp_path / "out", changed, others)
    second = index(tmp_path / "out", tmp_path / "index")
    assert (second.number, len(second.version.shards)) == (first.number + 1, 2)
    assert second.counts.rows_in == 80
    card = second.version.card
    assert card is not None
    assert card.count == 530
    all_ids = [*changed, *ids[50:]]
    all_vectors = np.concatenate([others, vectors[50:]])
    queries = some_vectors(40, seed=3)
    expected = brute_force(all_ids, all_vectors, queries)
    assert overlap(nearest(tmp_path / "index", second, queries), expected) > 0.999
    # And once more with nothing new: jobs that search would redo all for another version.
    assert index(tmp_path / "out", tmp_path / "index") == second
    assert not (tmp_path / "index" / "_builds").exists()
    assert run(["index", str(tmp_path / "out"), str(tmp_path / "index")]) == 0
    assert "Nothing new: version 2 holds all of it." in capsys.readouterr().out
    # Another recall is worth another version.
    other = index(tmp_path / "out", tmp_path / "index", "--recall", "0.9")
    assert (other.number, other.counts.rows_in) == (3, 0)
    assert nearest(tmp_path / "index", other, queries) == nearest(
        tmp_path / "index", second, queries
    )


def test_an_asset_that_was_embedded_twice_counts_once(tmp_path: Path) -> None:
    vectors = some_vectors(40)
    write_embeddings(tmp_path / "out", names(20), vectors[:20])
    write_embeddings(tmp_path / "out", names(20), vectors[20:])
    record = index(tmp_path / "out", tmp_path / "index")
    counts = record.counts
    assert (counts.rows_in, counts.rows_out, counts.skipped) == (40, 20, 20)
    found = nearest(tmp_path / "index", record, vectors[20:], k=1)
    assert found == [[name] for name in names(20)]


def test_removed_ids_are_never_found_again(tmp_path: Path) -> None:
    ids, vectors = names(300), some_vectors(300)
    write_embeddings(tmp_path / "out", ids, vectors)
    index(tmp_path / "out", tmp_path / "index")
    (tmp_path / "gone.txt").write_text("a7\na8\n\nnever-there\n")
    record = index(tmp_path / "out", tmp_path / "index", "--remove", str(tmp_path / "gone.txt"))
    found = nearest(tmp_path / "index", record, vectors[7:9], k=300)
    assert all(len(hits) == 298 for hits in found)
    assert not {"a7", "a8"} & {name for hits in found for name in hits}
    write_embeddings(tmp_path / "out", ["a7"], vectors[7:8])
    record = index(tmp_path / "out", tmp_path / "index")
    assert nearest(tmp_path / "index", record, vectors[7:8], k=1) == [["a7"]]


def test_what_is_removed_is_counted_once_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_embeddings(tmp_path / "out", ["ü", *names(30)], some_vectors(31))
    to, gone = tmp_path / "index", tmp_path / "gone.txt"
    # As Windows writes it: behind a mark, and with its ends of lines.
    gone.write_bytes("\ufeffü\r\n a7\r\n\r\nnever-there\r\na7\r\n".encode())
    command = ["index", str(tmp_path / "out"), str(to), "--remove", str(gone)]
    assert "There is no " in refused(capsys, *command[:-1], tmp_path / "nowhere.txt")
    assert not (to / "_builds").exists()
    assert not (to / "trained").exists()
    assert run(command) == 0
    told = "Of 3 ids to remove {} were there, and are found no more"
    assert told.format(2) in capsys.readouterr().out
    first = open_record(open_store(str(to)))
    assert (first.number, first.removed_ids) == (1, 2)
    assert first.version.card is not None
    assert first.version.card.count == 29
    # And every night again, with nothing to do.
    assert run(command) == 0
    said = capsys.readouterr().out
    assert told.format(0) in said
    assert "Nothing new: version 1 holds all of it." in said
    assert open_record(open_store(str(to))) == first
    # In two shards, one row of it hidden by the other, it is one id.
    write_embeddings(tmp_path / "out", ["a8"], some_vectors(1, seed=5))
    pq.write_table(pa.table({"asset_id": ["a8", "a9"]}), tmp_path / "gone.parquet")
    second = index(tmp_path / "out", to, "--remove", str(tmp_path / "gone.parquet"))
    assert (second.number, second.removed_ids) == (2, 2)
    (found,) = nearest(to, second, some_vectors(1, seed=5), k=40)
    assert set(found) == set(names(30)) - {"a7", "a8", "a9"}
    gone.write_text("")
    assert index(tmp_path / "out", to, "--remove", str(gone)) == second


def test_an_index_of_two_outputs_takes_in_each_part_once(tmp_path: Path) -> None:
    vectors = some_vectors(340)
    write_embeddings(tmp_path / "one", names(300), vectors[:300])
    write_embeddings(tmp_path / "two", names(40, "b"), vectors[300:])
    to = tmp_path / "index"
    index(tmp_path / "one", to)
    (tmp_path / "gone.txt").write_text("a7\n")
    index(tmp_path / "one", to, "--remove", str(tmp_path / "gone.txt"))
    assert index(tmp_path / "two", to).counts.rows_in == 40
    # Nothing of either is new, whichever comes next: what was removed stays removed.
    record = index(tmp_path / "one", to)
    assert record == index(tmp_path / "two", to)
    assert record.number == 3
    (found,) = nearest(to, record, vectors[7:8], k=400)
    assert set(found) == {*names(300), *names(40, "b")} - {"a7"}
    # What comes later is taken in, that alone, whichever output was read last.
    write_embeddings(tmp_path / "one", ["a7"], vectors[7:8])
    record = index(tmp_path / "one", to)
    assert (record.number, record.counts.rows_in) == (4, 1)
    assert nearest(to, record, vectors[7:8], k=1) == [["a7"]]
    # An output that was moved has nothing new, but the version says where it is now.
    (tmp_path / "one").rename(tmp_path / "moved")
    record = index(tmp_path / "moved", to)
    assert (record.number, record.counts.rows_in) == (5, 0)
    assert record.embeddings == str(tmp_path / "moved")


def test_a_build_that_was_ended_goes_on_with_its_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_plan, "ROWS_PER_SHARD", 400)
    ids, vectors = names(1000), some_vectors(1000)
    write_embeddings(tmp_path / "out", ids, vectors)

    def die(*_: object) -> None:
        raise OSError("the power went away")

    with monkeypatch.context() as patch:
        patch.setattr(index_commit, "commit_record", die)
        assert run(["index", str(tmp_path / "out"), str(tmp_path / "index"), "--json"]) == 1
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("shard.json")}
    assert written
    record = index(tmp_path / "out", tmp_path / "index")
    assert record.number == 1
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("shard.json")}
    # They were merged already, and the merged one is still the one that was written first.
    assert len(written) == 4
    assert len(after) == 1
    assert after.items() <= written.items()
    queries = some_vectors(30, seed=4)
    found = nearest(tmp_path / "index", record, queries)
    assert overlap(found, brute_force(ids, vectors, queries)) > 0.999


def test_vectors_that_no_index_takes_fail_alone(tmp_path: Path) -> None:
    vectors = some_vectors(20)
    vectors[3] = np.nan
    vectors[5] = 0
    vectors[9] *= 3
    others = [*vectors]
    others[11] = some_vectors(1, dimension=8)[0]
    write_embeddings(tmp_path / "out", names(20), others)
    write_embeddings(tmp_path / "out", names(2, "b"), some_vectors(2, dimension=24))
    record = index(tmp_path / "out", tmp_path / "index")
    counts = record.counts
    assert (counts.rows_in, counts.rows_out, counts.failed) == (22, 16, 6)
    rows = [
        row
        for path in (tmp_path / "index" / "failures").iterdir()
        for row in pq.read_table(path).to_pylist()
    ]
    told = {row["asset_id"]: (row["stage"], row["kind"], row["message"]) for row in rows}
    assert set(told) == {"a3", "a5", "a9", "a11", "b0", "b1"}
    dimensions = "The vector of {!r} has {} dimensions, and the index 16. Embed the row again."
    assert told["a11"][2] == dimensions.format("a11", 8)
    assert told["b1"][2] == dimensions.format("b1", 24)
    assert "no numbers" in told["a3"][2]
    assert told["a5"] == (
        "index",
        "invalid_row",
        "The vector of 'a5' is zero. Embed the row again.",
    )


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(list(map(str, arguments))) in (1, 2)
    return capsys.readouterr().err.removeprefix("calumma: ").strip()


def test_what_cannot_be_indexed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, to = tmp_path / "out", tmp_path / "index"
    assert "holds no embeddings. Make some: calumma embed" in refused(capsys, "index", out, to)
    write_embeddings(out, names(30), some_vectors(30))
    said = refused(capsys, "index", out, to, "--factory", "IVF64,Flat")
    assert "has 64 clusters, which is more than the 30 vectors there are" in said
    assert "must be a number of MB or GB" in refused(capsys, "index", out, to, "--memory", "lots")
    assert "No index of 30 vectors" in refused(capsys, "index", out, to, "--memory", "0.1kB")
    assert "INDEX is the embeddings' own folder" in refused(capsys, "index", out, out)
    assert not (to / "_versions").exists()
    index(out, to)
    write_embeddings(out, names(30), some_vectors(30), model="another-model")
    said = refused(capsys, "index", out, to)
    assert "The index holds vectors of some-model" in said
    assert "another-model" in said
    record = index(out, to, "--rebuild")
    assert (record.version.model, record.number) == ("another-model", 2)
    write_embeddings(out, names(30), some_vectors(30), model="another-model", of="text")
    said = refused(capsys, "index", out, to)
    assert "The index holds vectors made with --of image" in said
    assert f"embeddings of {out} were made with --of text" in said
    record = index(out, to, "--rebuild")
    assert (record.version.modality, record.number) == ("text", 3)


def test_what_cannot_be_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = refused(capsys, "search", tmp_path / "nowhere", "a red circle")
    assert "is no index. Build one: calumma index" in nowhere
    write_embeddings(tmp_path / "out", names(30), some_vectors(30), model="calumma-clip")
    index(tmp_path / "out", tmp_path / "index")
    said = refused(capsys, "search", tmp_path / "index", "a red circle")
    assert "The index holds vectors of calumma-clip at revision r1" in said
    (version,) = (tmp_path / "index" / "_versions").iterdir()
    fields: dict[str, Any] = json.loads(version.read_text())
    fields["version"]["format_version"] = 99
    version.write_text(json.dumps(fields))
    said = refused(capsys, "search", tmp_path / "index", "a red circle")
    assert "is of format 99, and this Calumma reads format 1" in said
    version.write_text(version.read_text()[:40])
    said = refused(capsys, "search", tmp_path / "index", "a red circle")
    assert "does not describe an index" in said


def test_options_that_choose_an_index_are_told_to_be_left_aside_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*options: str) -> str:
        assert run(["index", str(tmp_path / "out"), str(tmp_path / "index"), *options]) == 0
        return capsys.readouterr().out

    write_embeddings(tmp_path / "out", names(200), some_vectors(200))
    assert "left aside" not in told("--factory", "Flat", "--memory", "1MB")
    assert "left aside" not in told("--factory", "Flat")
    write_embeddings(tmp_path / "out", names(200, "b"), some_vectors(200, seed=1))
    said = told("--factory", "HNSW8", "--memory", "20kB")
    assert (
        "--memory and --factory left aside: the index is there already and stays of its kind "
        "(Flat). Choose it anew with --rebuild." in said
    )
    # 16 numbers of four bytes each, and a head of the file.
    assert re.search(r"It takes 25\.\d kB while it is searched, and 20 kB are allowed\.", said)
    said = told("--factory", "HNSW8", "--rebuild")
    assert "HNSW8, 400 vectors" in said
    assert "left aside" not in said
    assert "while it is searched" not in said


def test_a_commit_that_is_repeated_commits_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_embeddings(tmp_path / "out", names(30), some_vectors(30))
    committed = index_commit.commit_build

    def twice(*arguments: Any) -> IndexRecord:
        first = committed(*arguments)
        assert committed(*arguments) == first
        return first

    monkeypatch.setattr(index_commit, "commit_build", twice)
    index(tmp_path / "out", tmp_path / "index")
    assert len(list((tmp_path / "index" / "_versions").iterdir())) == 1
