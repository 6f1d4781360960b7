"""Pictures of evaluated rows: where the job found them, or as it kept them; local ones guarded."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from easy_vqa import get_test_image_paths

from reports.evaluated_pictures import PicturedRow, load_evaluated_pictures
from reports.small_pictures import SmallPicture
from storage.keys import question_identity, row_keys
from storage.store import open_store
from tests.storage.committed_rows import commit_rows
from tests.storage.rows import caption


def row(uri: str, asset_id: str = "a", question_id: str = "") -> PicturedRow:
    return PicturedRow(asset_id=asset_id, question_id=question_id, uri=uri)


def load(
    rows: Sequence[PicturedRow], results: Path | str, named_by: Sequence[str] = ("/scores",)
) -> list[SmallPicture]:
    found = load_evaluated_pictures(
        rows, str(results), named_by, longer_side=32, allow_private_addresses=False
    )
    return [found[one.uri] for one in rows]


def test_relative_names_start_at_the_catalog_of_the_results(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(get_test_image_paths()[0], tmp_path / "photos" / "one.png")
    out = tmp_path / "out"
    commit_rows(
        open_store(str(out)),
        [replace(caption("0" * 32), uri="one.png")],
        config={"catalog": str(tmp_path / "photos")},
    )
    first, again, none = load([row("one.png"), row("one.png", "b"), row("")], out)
    assert first.jpeg
    assert again.jpeg == first.jpeg
    assert none.problem == "The catalog names no picture."
    # Of plain files, where they lie.
    (tmp_path / "photos" / "results.parquet").touch()
    (found,) = load([row("one.png")], tmp_path / "photos" / "results.parquet")
    assert found.jpeg == first.jpeg


def test_what_is_gone_is_shown_as_the_job_kept_it(tmp_path: Path) -> None:
    run = commit_rows(open_store(str(tmp_path)), [caption("0" * 32)], config={"catalog": "/gone"})
    identities = ["a", question_identity("a", "7")]
    words = row_keys(identities, None, b"").identity[:, 0].tolist()
    (tmp_path / "_thumbnails").mkdir()
    kept = pa.table(
        {
            "key": [f"{word:016x}{5:016x}" for word in words],
            "jpeg": [b"of the picture", b"of the question"],
            "failed": [False, False],
        }
    )
    pq.write_table(kept, tmp_path / "_thumbnails" / f"{run.run_id}.parquet")
    shown = load([row("a.png"), row("q.png", "a", "7"), row("b.png", "b")], tmp_path)
    assert [one.jpeg for one in shown] == [b"of the picture", b"of the question", b""]
    assert shown[2].problem == "There is no file /gone/b.png."


def test_a_local_picture_is_shown_only_where_all_is_local(tmp_path: Path) -> None:
    local = str(get_test_image_paths()[0])
    for results, named_by in (
        ("s3://bucket/results.parquet", ("/scores",)),
        ("/results.parquet", ("/scores", "s3://bucket/scores")),
    ):
        (found,) = load([row(local)], results, named_by)
        assert found.problem == f"{local} is a local file, which only a local catalog may name."
    # Of results that are gone nobody can tell who named it.
    assert not load([row(local)], "/results.parquet")[0].jpeg
    (tmp_path / "results.parquet").touch()
    assert load([row(local)], tmp_path / "results.parquet")[0].jpeg
