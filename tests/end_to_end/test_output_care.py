"""Looking after an output by the command line: what later runs and indexes make of it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import run
from schemas.manifest import Counts, RunManifest
from storage.commit import commit_run
from storage.digests import sorted_digests
from storage.forget import forget
from storage.index_store import open_record
from storage.keys import asset_words
from storage.latest import latest_rows
from storage.store import Store, open_store
from tests.end_to_end.conftest import (
    RunJson,
    copy_pictures,
    described,
    read_table,
    write_parquet,
)
from tests.end_to_end.embedded import some_vectors, write_embeddings
from tests.servers.object_stores import at_server, moto_s3
from transforms import commit_scores


def counts(manifest: dict[str, object]) -> Counts:
    return Counts(**manifest["counts"])  # type: ignore[arg-type]


def test_nights_are_compacted_and_what_is_forgotten_stays_away(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 4), tmp_path / "out"
    run_json("caption", pictures, out)
    for number in (4, 5, 6):
        copy_pictures(pictures, number, number + 1)
        run_json("caption", pictures, out)
    before = described(out)
    assert run_json("compact", out)["counts"]["rows_out"] == 6
    assert described(out) == before
    assert len(list(out.glob("captions/*/*"))) == 2
    assert counts(run_json("caption", pictures, out)) == Counts(rows_in=7, skipped=7)

    withdrawn = tmp_path / "withdrawn.csv"
    withdrawn.write_text("asset_id\n0001.png\n0006.png\n")
    assert run(["forget", str(out), "--ids", str(withdrawn)]) == 0
    said = capsys.readouterr().out
    assert "2 assets are forgotten. Rows removed: 2 captions" in said
    assert described(out) == [row for row in before if row[0] not in {"0001.png", "0006.png"}]
    assert counts(run_json("caption", pictures, out)) == Counts(rows_in=7, skipped=7)
    assert run_json("caption", pictures, out, "--dry-run")["to_do"] == 0
    (listed,) = out.glob("_forgotten/*")
    assert f"{listed}" in said
    listed.unlink()
    assert counts(run_json("caption", pictures, out)) == Counts(rows_in=7, rows_out=2, skipped=5)
    assert described(out) == before
    latest = tmp_path / "latest.parquet"
    assert run(["latest", str(out), "--to", str(latest)]) == 0
    ids = [row["asset_id"] for row in pq.read_table(latest).to_pylist()]
    assert sorted(ids) == [row[0] for row in before]


def test_an_output_in_a_bucket_is_looked_after_too(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = tmp_path / "pictures", "s3://outputs/out"
    with moto_s3("outputs") as server, at_server(server):
        for night in range(3):
            copy_pictures(pictures, night * 2, night * 2 + 2)
            run_json("caption", pictures, out)
        assert run_json("compact", out)["counts"]["rows_out"] == 4
        assert run(["forget", out, "--license", "CC BY"]) == 2
        assert "No row of s3://outputs/out is of the licence" in capsys.readouterr().err
        withdrawn = tmp_path / "withdrawn.txt"
        withdrawn.write_text("0003.png\n")
        assert run(["forget", out, "--ids", str(withdrawn)]) == 0
        assert "1 asset is forgotten. Rows removed: 1 captions" in capsys.readouterr().out
        assert counts(run_json("caption", pictures, out)) == Counts(rows_in=6, skipped=6)
        # Six rows a job's history is too short for; nothing is unusual.
        assert run(["watch", out]) == 0
        assert run(["latest", out, "--to", str(tmp_path / "latest.parquet")]) == 0
    rows = pq.read_table(tmp_path / "latest.parquet").to_pylist()
    assert sorted(row["asset_id"] for row in rows) == [
        "0000.png",
        "0001.png",
        "0002.png",
        "0004.png",
        "0005.png",
    ]


def test_an_index_takes_in_only_what_is_new_and_finds_nothing_forgotten(tmp_path: Path) -> None:
    out, index = tmp_path / "out", tmp_path / "index"
    vectors = some_vectors(300)
    for night in range(3):
        ids = [f"{night}-{number}" for number in range(100)]
        write_embeddings(out, ids, vectors[night * 100 : night * 100 + 100], rows_per_part=20)
    assert run(["index", str(out), str(index)]) == 0
    first = open_record(open_store(str(index)))
    assert run(["compact", str(out)]) == 0
    assert len(list(out.glob("embeddings/*/*"))) == 6
    assert run(["index", str(out), str(index)]) == 0
    assert open_record(open_store(str(index))) == first
    ids_file = tmp_path / "ids.txt"
    ids_file.write_text("0-7\n2-8\n")
    command = ["forget", str(out), "--ids", str(ids_file), "--index", str(index)]
    assert run(command) == 0
    assert len(read_table(out, "embeddings")) == 298
    found = tmp_path / "found.parquet"
    write_embeddings(out, ["new"], vectors[:1])
    assert run(["index", str(out), str(index)]) == 0
    record = open_record(open_store(str(index)))
    assert record.counts == Counts(rows_in=1, rows_out=1)
    assert record.version.card is not None
    assert record.version.card.count == 299
    assert run(["latest", str(out), "--table", "embeddings", "--to", str(found)]) == 0
    assert len(pq.read_table(found)) == 299


def test_a_licence_s_assets_are_forgotten_and_an_unknown_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    write_embeddings(out, ["a", " b\n", "c"], some_vectors(3))
    index = str(tmp_path / "index")
    assert run(["index", str(out), index, "--json"]) == 0
    (part,) = out.glob("embeddings/*/*")
    table = pq.ParquetFile(part).read()
    place = table.column_names.index("license")
    licenses = pa.array(["CC0", "CC  by-NC 4.0", "CC0"])
    pq.write_table(table.set_column(place, table.schema.field(place), licenses), part)
    assert run(["forget", str(out), "--license", "cc by-nc 3.0"]) == 2
    assert "No row of" in capsys.readouterr().err
    assert run(["forget", str(out), "--license", "cc by-nc 4.0", "--index", index]) == 0
    assert [row["asset_id"] for row in read_table(out, "embeddings")] == ["a", "c"]
    assert open_record(open_store(index)).removed_ids == 1
    assert run(["forget", str(out)]) == 2


def test_verdicts_that_were_compacted_are_shown_and_older_rules_judge_anew(
    tmp_path: Path, run_json: RunJson
) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    small, large = ("--min-width", 10), ("--min-width", 100)
    for night in range(3):
        copy_pictures(pictures, 2 * night, 2 * night + 2)
        run_json("filter", pictures, out, *small)
    assert run_json("compact", out)["config"]["tables"] == {
        "verdicts": {"files": 2, "into": 1, "rows": 4, "left_out": 0}
    }
    assert run(["report", str(out)]) == 0
    copy_pictures(pictures, 6, 7)
    again = run_json("filter", pictures, out, *small)
    assert (again["counts"]["rows_out"], again["verdicts"]["kept"]) == (1, 7)
    assert run_json("filter", pictures, out, *large)["verdicts"]["kept"] == 0
    assert run_json("compact", out)["counts"]["rows_out"] == 0
    assert [row["kept"] for row in read_table(out, "verdicts")] == [False] * 7
    back = run_json("filter", pictures, out, *small)
    assert (back["counts"]["rows_out"], back["verdicts"]["kept"]) == (7, 7)
    assert run_json("filter", pictures, out, *small)["counts"]["skipped"] == 7


def captions_and_references(folder: Path) -> tuple[Path, Path]:
    """Results of four assets, and references of those and of one without a result."""
    ids = ["a", "b", "c", "d"]
    results = {"asset_id": ids, "text": [f"the caption of {name}" for name in ids]}
    references = {
        "asset_id": [*ids, "e"],
        "references": [[f"the picture of {name}"] for name in (*ids, "e")],
    }
    return (
        write_parquet(folder / "results.parquet", results),
        write_parquet(folder / "references.parquet", references),
    )


def test_rows_of_an_evaluation_are_forgotten_and_its_scores_stay(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    results, references = captions_and_references(tmp_path)
    out, ids = tmp_path / "scores", tmp_path / "ids.txt"
    run_json("evaluate", results, out, "--references", references)
    before = latest_rows(str(out), "scores")
    ids.write_text("b\n")
    assert run(["forget", str(out), "--ids", str(ids)]) == 0
    said = capsys.readouterr().out
    assert "1 asset is forgotten. Rows removed: 1 row_scores" in said
    assert [row["asset_id"] for row in read_table(out, "row_scores")] == ["a", "c", "d"]
    assert latest_rows(str(out), "scores") == before
    assert run(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "the caption of a" in page
    assert "the caption of b" not in page


def test_an_evaluation_in_flight_drops_what_is_forgotten_before_it_commits(
    tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, references = captions_and_references(tmp_path)
    # Of an asset without references the failure goes.
    write_parquet(
        results, {"asset_id": ["a", "b", "c", "x"], "text": ["the caption", "of b", "of c", "of x"]}
    )
    out = tmp_path / "scores"
    command = ("evaluate", results, out, "--references", references)
    run_json(*command)
    words = asset_words(["b", "x"])

    def commit_late(store: Store, *arguments: Any) -> RunManifest:
        # A run that was handed over holds no lock.
        forget(store, sorted_digests(words[:, 0], words[:, 1]), {})
        return commit_run(store, *arguments)

    monkeypatch.setattr(commit_scores, "commit_run", commit_late)
    done = run_json(*command)
    assert counts(done) == Counts(rows_in=4, rows_out=2, skipped=2)
    assert done["failures_by_kind"] == {}
    # Sums cannot be undone: these have the row in them, as those of earlier runs do.
    assert {score["count"] for score in done["scores"]} == {3}
    rows = read_table(out, "row_scores")
    assert sorted(row["asset_id"] for row in rows) == ["a", "a", "c", "c"]
    assert not list(out.glob("failures/*/*"))


def test_an_evaluation_scores_nothing_of_what_was_forgotten_in_its_output(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    results, references = captions_and_references(tmp_path)
    out, ids = tmp_path / "scores", tmp_path / "ids.txt"
    command = ("evaluate", results, out, "--references", references)
    run_json(*command)
    # The second never had a result: its id is told no more either.
    ids.write_text("b\ne\n")
    assert run(["forget", str(out), "--ids", str(ids)]) == 0
    assert "2 assets are forgotten. Rows removed: 1 row_scores" in capsys.readouterr().out
    assert run([*map(str, command)]) == 0
    said = capsys.readouterr().out
    assert "4 rows in = 3 out + 0 failed + 1 skipped" in said
    assert "Not evaluated" not in said
    again = run_json(*command)
    assert counts(again) == Counts(rows_in=4, rows_out=3, skipped=1)
    assert (again["config"]["unmatched"], again["config"]["first_unmatched"]) == (0, [])
    assert {score["count"] for score in again["scores"]} == {3}
    rows = read_table(out, "row_scores")
    assert sorted(row["asset_id"] for row in rows) == sorted("acd" * 3)
    assert "of b" not in str(rows)
    (listed,) = out.glob("_forgotten/*")
    listed.unlink()
    assert counts(run_json(*command)) == Counts(rows_in=4, rows_out=4)


def test_results_of_which_everything_is_forgotten_are_refused_in_a_sentence(
    tmp_path: Path, run_json: RunJson, capsys: pytest.CaptureFixture[str]
) -> None:
    results, references = captions_and_references(tmp_path)
    out, ids = tmp_path / "scores", tmp_path / "ids.txt"
    ids.write_text("a\nb\nc\nd\n")
    command = ["evaluate", str(results), str(out), "--references", str(references)]
    assert run(command) == 0
    assert run(["forget", str(out), "--ids", str(ids)]) == 0
    capsys.readouterr()
    assert run(command) in {1, 2}
    said = capsys.readouterr().err.splitlines()[-1]
    assert "can be scored (4 of assets that were forgotten in the output)." in said
    assert read_table(out, "row_scores") == []


def test_an_evaluation_that_was_killed_goes_on_without_what_was_forgotten_meanwhile(
    tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, references = captions_and_references(tmp_path)
    out, ids = tmp_path / "scores", tmp_path / "ids.txt"
    command = ("evaluate", results, out, "--references", references)
    run_json(*command)
    ids.write_text("b\n")

    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(commit_scores, "commit_run", die)
        assert run([*map(str, command)]) == 1
    (staged,) = out.glob("_staging/*")
    assert run(["forget", str(out), "--ids", str(ids)]) == 0
    done = run_json(*command)
    assert done["run_id"] == staged.name
    assert counts(done) == Counts(rows_in=4, rows_out=3, skipped=1)
    assert {score["count"] for score in done["scores"]} == {3}
    assert sorted(row["asset_id"] for row in read_table(out, "row_scores")) == sorted("acd" * 2)
    assert not list(out.glob("_staging/*"))
