"""Duplicates by the command line: what is found, what is kept, and what other jobs make of it."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from easy_vqa import get_test_image_paths
from PIL import Image

import calumma
from pipelines.cli import run
from storage.duplicates.clusters import Compared, find_clusters
from storage.duplicates.difference import differences
from storage.duplicates.signature import signature_of
from tests.end_to_end.conftest import RunJson, copy_pictures, read_table, write_parquet
from tests.oracles.components import components
from tests.planting import Planted, plant

KEPT_COLUMNS = ("asset_id", "kept_id", "kept", "why", "cluster_size")


def told(out: Path) -> dict[str, tuple[Any, ...]]:
    rows = read_table(out, "duplicates")
    return {row["asset_id"]: tuple(row[name] for name in KEPT_COLUMNS[1:]) for row in rows}


def captioned(out: Path) -> list[str]:
    return [row["asset_id"] for row in read_table(out, "captions")]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A hundred and twenty pictures and copies of forty of them, and what is exactly alike."""
    planted = plant(tmp_path_factory.mktemp("planted") / "pictures", 120, 40, seed=1)
    folder = planted.folder
    shutil.copy(folder / "0100.png", folder / "0100-again.png")
    with Image.open(folder / "0101.png") as picture:
        picture.convert("RGB").save(folder / "0101.bmp")
    (folder / "broken.png").write_bytes(b"no picture")
    return planted


@pytest.fixture(scope="module")
def found(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("duplicates") / "out"
    assert run(["duplicates", str(planted.folder), str(out), "--json"]) == 0
    return out


def test_planted_copies_are_found_and_nothing_else(planted: Planted, found: Path) -> None:
    clusters: dict[str, set[str]] = {}
    for name, (kept_id, *_) in told(found).items():
        clusters.setdefault(kept_id, set()).add(name)
    pairs = {frozenset(some) for some in clusters.values()}
    expected = {frozenset(pair) for pair in planted.sources.items()}
    expected |= {frozenset(("0100.png", "0100-again.png")), frozenset(("0101.png", "0101.bmp"))}
    # A copy of one of the two that are there twice makes three.
    named = {name for pair in expected for name in pair}
    right = sum(pair in expected or all(name in named for name in pair) for pair in pairs)
    assert right >= 0.98 * len(pairs)
    assert sum(any(pair <= one for one in pairs) for pair in expected) >= 0.98 * len(expected)


def test_clusters_are_those_of_all_pairs_compared_one_by_one(planted: Planted, found: Path) -> None:
    rows = read_table(found, "signatures")
    signatures = np.array([list(row["signature"]) for row in rows], np.uint8).reshape(-1, 16, 16, 3)
    vectors = np.array([row["vector"] for row in rows], np.float64)
    for row, signature in zip(rows, signatures, strict=True):
        with Image.open(planted.folder / row["asset_id"]) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert (signature == signature_of(pixels)).all()
        assert (row["width"], row["height"]) == (pixels.shape[1], pixels.shape[0])
        assert row["encoded_bytes"] == (planted.folder / row["asset_id"]).stat().st_size
    first, second = np.triu_indices(len(rows), 1)
    wide = signatures.reshape(len(rows), -1).astype(np.float64)
    squares = (wide**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * wide @ wide.T, 0) / 768)
    close = (apart[first, second] <= 12) & ((vectors @ vectors.T)[first, second] >= 0.9)
    first, second = first[close], second[close]
    near = differences(signatures[first], signatures[second]) <= 6
    edges = list(zip(first[near].tolist(), second[near].tolist(), strict=True))
    roots = components(len(rows), edges)
    sizes = {root: roots.count(root) for root in roots}
    expected = {row["asset_id"] for row, root in zip(rows, roots, strict=True) if sizes[root] > 1}
    assert set(told(found)) == expected


def test_the_largest_is_kept_and_told_why(planted: Planted, found: Path) -> None:
    rows = read_table(found, "duplicates")
    by_cluster: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_cluster.setdefault(row["kept_id"], []).append(row)
    sizes = {row["asset_id"]: row for row in read_table(found, "signatures")}
    for kept_id, members in by_cluster.items():
        order = sorted(
            (row["asset_id"] for row in members),
            key=lambda name: (
                -sizes[name]["width"] * sizes[name]["height"],
                -sizes[name]["encoded_bytes"],
                name,
            ),
        )
        assert kept_id == order[0]
        assert [row["asset_id"] for row in members if row["kept"]] == [kept_id]
        assert {row["cluster_size"] for row in members} == {len(members)}
    why = told(found)
    assert why["0100.png"][:3] == ("0100-again.png", False, "bytes")
    # The BMP has the same pixels in more bytes.
    assert why["0101.png"][:3] == ("0101.bmp", False, "pixels")
    assert why["0101.bmp"][:3] == ("0101.bmp", True, "kept")
    assert all(row["difference"] > 0 for row in rows if row["why"] == "near")


def test_a_bad_picture_is_a_failure_and_the_rest_are_kept(
    planted: Planted, found: Path, tmp_path: Path, run_json: RunJson
) -> None:
    manifest = json.loads(next((found / "_runs").iterdir()).read_text())
    count = len(list(planted.folder.iterdir()))
    assert manifest["counts"] == {
        "rows_in": count,
        "rows_out": count - 1,
        "failed": 1,
        "skipped": 0,
    }
    left_out = {row["asset_id"] for row in read_table(found, "duplicates") if not row["kept"]}
    kept = {path.name for path in planted.folder.iterdir()} - left_out - {"broken.png"}
    out = tmp_path / "captions"
    done = run_json("caption", planted.folder, out, "--keep", found)
    assert set(captioned(out)) == kept
    assert done["counts"]["skipped"] == count - len(kept)
    assert done["counts"]["failed"] == 0
    # Without the list the others follow, and what is done stays done.
    rest = run_json("caption", planted.folder, out)
    assert rest["counts"]["rows_out"] == len(left_out)


def test_every_job_over_a_catalog_takes_the_list(
    found: Path, planted: Planted, tmp_path: Path, run_json: RunJson
) -> None:
    left_out = next(row["asset_id"] for row in read_table(found, "duplicates") if not row["kept"])
    kept = next(row["asset_id"] for row in read_table(found, "duplicates") if row["kept"])
    catalog = write_parquet(
        tmp_path / "catalog.parquet",
        {
            "id": [left_out, kept, None],
            "uri": [str(planted.folder / name) for name in (left_out, kept, kept)],
        },
    )
    options = ("--keep", found)
    questions = ("--question", "what shape?", "--question", "what color?")
    expected = {"rows_in": 3, "rows_out": 1, "failed": 1, "skipped": 1}
    vectors = run_json("embed", catalog, tmp_path / "vectors", "--of", "image", *options)
    assert vectors["counts"] == expected
    answers = run_json("answer", catalog, tmp_path / "answers", *questions, *options)
    assert answers["counts"] == {"rows_in": 5, "rows_out": 2, "failed": 1, "skipped": 2}
    assert run(["index", str(tmp_path / "vectors"), str(tmp_path / "index"), "--json"]) == 0
    near = run_json(
        "neighbors", catalog, tmp_path / "index", tmp_path / "near", "--of", "image", *options
    )
    assert near["counts"] == expected
    dry = run_json("caption", catalog, tmp_path / "captions", "--dry-run", *options)
    assert (dry["to_do"], dry["skipped"]) == (2, 1)


def test_a_night_signs_what_is_new_and_finds_anew(tmp_path: Path, run_json: RunJson) -> None:
    catalog = copy_pictures(tmp_path / "pictures", 0, 20)
    with Image.open(catalog / "0003.png") as picture:
        small = picture.convert("RGB").resize((48, 48))
        large = picture.convert("RGB").resize((128, 128))
    small.save(catalog / "small.png")
    out = tmp_path / "out"
    first = run_json("duplicates", catalog, out)
    assert told(out)["small.png"] == ("0003.png", False, "near", 2)
    assert (first["duplicates"]["pictures"], first["duplicates"]["kept"]) == (21, 20)
    large.save(catalog / "large.png")
    second = run_json("duplicates", catalog, out)
    assert second["counts"] == {"rows_in": 22, "rows_out": 1, "failed": 0, "skipped": 21}
    # A new picture takes the place of the one that was kept, and the table is of this night only.
    assert {row[0] for row in told(out).values()} == {"large.png"}
    assert len(list((out / "duplicates").glob("*/*.parquet"))) == 1
    assert calumma.latest_rows(str(out), "duplicates")["asset_id"].to_pylist() == [
        "large.png",
        "0003.png",
        "small.png",
    ]
    captions = tmp_path / "captions"
    assert run_json("caption", catalog, captions, "--keep", out)["counts"]["rows_out"] == 20
    assert "large.png" in captioned(captions)
    # Another threshold signs nothing again.
    third = run_json("duplicates", catalog, out, "--max-difference", "0")
    assert third["counts"]["rows_out"] == 0
    assert told(out) == {}
    assert third["duplicates"]["kept"] == 22
    assert len(list((out / "_keep").iterdir())) == 2


def test_an_asset_whose_picture_was_replaced_counts_once(tmp_path: Path, run_json: RunJson) -> None:
    catalog = copy_pictures(tmp_path / "pictures", 0, 4)
    out = tmp_path / "out"
    run_json("duplicates", catalog, out)
    shutil.copy(catalog / "0001.png", catalog / "0002.png")
    done = run_json("duplicates", catalog, out)
    assert done["counts"]["rows_out"] == 1
    assert done["duplicates"]["pictures"] == 4
    assert told(out)["0002.png"] == ("0001.png", False, "bytes", 2)


def test_nights_that_compare_what_is_new_find_what_one_search_finds(
    planted: Planted, tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures are added, replaced, forgotten and rewritten; each night against a fresh output."""
    compared: list[int | None] = []

    def spied(*arguments: Any, before: Compared | None, **options: Any) -> Any:
        compared.append(None if before is None else int((~before.rows).sum()))
        return find_clusters(*arguments, before=before, **options)

    monkeypatch.setattr("storage.duplicates.search.find_clusters", spied)
    catalog, out = tmp_path / "pictures", tmp_path / "out"
    catalog.mkdir()
    draw = random.Random(2)
    names = sorted(path.name for path in planted.folder.iterdir() if path.name != "broken.png")
    draw.shuffle(names)

    def night(number: int, added: list[str]) -> int | None:
        for name in added:
            shutil.copy(planted.folder / name, catalog / name)
        run_json("duplicates", catalog, out)
        done = compared[-1]
        run_json("duplicates", catalog, tmp_path / f"fresh-{number}")
        assert compared[-1] is None
        assert told(out) == told(tmp_path / f"fresh-{number}") != {}
        return done

    assert night(0, names[:90]) is None
    assert night(1, names[90:110]) == 20
    # Of two clusters a picture goes, once as another takes its place, once as it is forgotten.
    first, second = sorted({kept_id for kept_id, *_ in told(out).values()})[:2]
    members = [name for name, row in told(out).items() if row[0] in (first, second)]
    shutil.copy(planted.folder / names[150], catalog / first)
    (catalog / second).unlink()
    (tmp_path / "gone.txt").write_text(second)
    run_json("forget", out, "--ids", tmp_path / "gone.txt")
    # All that is left of the clusters is compared again; the row that was replaced counts too.
    assert night(2, names[110:125]) == 15 + 1 + len(members) - 1
    run_json("compact", out)
    night(3, names[125:150])
    for path in (out / "duplicates").glob("*/*.parquet"):
        path.unlink()
    assert night(4, names[150:]) is None
    run_json("duplicates", catalog, out, "--min-similarity", "0.95")
    assert compared[-1] is None


@pytest.mark.parametrize("count", [0, 1, 12])
def test_nothing_one_and_all_alike(count: int, tmp_path: Path, run_json: RunJson) -> None:
    picture = get_test_image_paths()[0]
    names = [f"a/ü {number}\n\"'" for number in range(count)]
    catalog = write_parquet(tmp_path / "c.parquet", {"id": names, "uri": [str(picture)] * count})
    if count == 0:
        catalog = tmp_path / "c.csv"
        catalog.write_text("id,uri\n")
    out = tmp_path / "out"
    done = run_json("duplicates", catalog, out)
    assert done["duplicates"]["kept"] == min(count, 1)
    assert done["duplicates"]["clusters"] == (1 if count > 1 else 0)
    assert done["duplicates"]["left_out"]["bytes"] == max(count - 1, 0)
    assert len(told(out)) == (count if count > 1 else 0)
    captions = tmp_path / "captions"
    done = run_json("caption", catalog, captions, "--keep", out)
    assert captioned(captions) == names[:1]
    assert done["counts"]["skipped"] == max(count - 1, 0)


def test_a_list_that_is_none_is_refused(
    pictures: Path, captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(keep: Path, code: int = 2) -> str:
        capsys.readouterr()
        assert run(["caption", str(pictures), str(tmp_path / "o"), "--keep", str(keep)]) == code
        assert not (tmp_path / "o" / "captions").exists()
        return capsys.readouterr().err

    for other in (tmp_path / "none", captions):
        assert f"{other} holds no keep-list. Make one: calumma duplicates" in complaint(other)
    out = tmp_path / "out"
    assert run(["duplicates", str(pictures), str(out), "--limit", "3", "--json"]) == 0
    (keep,) = (out / "_keep").iterdir()
    whole = keep.read_bytes()
    keep.write_bytes(whole[:-1])
    assert "is cut short. Make it again" in complaint(out)
    keep.unlink()
    assert "is missing. Make it again" in complaint(out)
    keep.write_bytes(whole)
    (record,) = (out / "_duplicates").iterdir()
    record.write_text("{")
    assert "cannot be read" in complaint(out, 1)


@pytest.mark.parametrize(
    ("option", "value", "bounds"),
    [
        ("--max-difference", "-1", "at least 0 and at most 12"),
        ("--max-difference", "12.5", "at least 0 and at most 12"),
        ("--min-similarity", "1.5", "at least -1 and at most 1"),
    ],
)
def test_thresholds_have_bounds(
    option: str, value: str, bounds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["duplicates", str(tmp_path), str(tmp_path / "out"), option, value]) == 2
    assert f"{option} must be {bounds}, not {value}" in capsys.readouterr().err


def test_what_is_told_at_the_end(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["duplicates", str(pictures), str(out), "--limit", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        "5 of 5 pictures are kept. Left out of 0 clusters: 0 of like bytes, 0 of like pixels, "
        "0 near"
    ) in lines
    assert lines[-2:] == [
        f"Next: calumma report {out}",
        f"Then: calumma caption {pictures} CAPTIONS --keep {out}",
    ]
    captions = tmp_path / "captions"
    command = ["caption", str(pictures), str(captions), "--keep", str(out)]
    assert run(command) == 0
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "Nothing new: all rows are known, or are not on the keep-list." in said


def test_a_search_that_died_after_the_commit_is_made_up_for(
    tmp_path: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = copy_pictures(tmp_path / "pictures", 0, 5)
    shutil.copy(catalog / "0001.png", catalog / "copy.png")
    out = tmp_path / "out"

    def die(*arguments: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("storage.duplicates.search.read_pictures", die)
        assert run(["duplicates", str(catalog), str(out), "--json"]) == 1
    assert len(read_table(out, "signatures")) == 6
    assert not (out / "_duplicates").exists()
    done = run_json("duplicates", catalog, out)
    assert done["counts"] == {"rows_in": 6, "rows_out": 0, "failed": 0, "skipped": 6}
    assert told(out)["copy.png"] == ("0001.png", False, "bytes", 2)
