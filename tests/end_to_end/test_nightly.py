"""A job run again and again: only what is new is done."""

from pathlib import Path

from pipelines.cli import run
from schemas.manifest import Counts
from tests.end_to_end.conftest import RunJson, copy_pictures, read_table


def counts(manifest: dict[str, object]) -> Counts:
    return Counts(**manifest["counts"])  # type: ignore[arg-type]


def test_only_new_pictures_are_done_and_a_new_prompt_redoes_all(
    tmp_path: Path, run_json: RunJson
) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 20), tmp_path / "out"
    first = run_json("caption", pictures, out)
    assert counts(first) == Counts(rows_in=20, rows_out=20)
    again = run_json("caption", pictures, out)
    assert counts(again) == Counts(rows_in=20, skipped=20)
    copy_pictures(pictures, 20, 30)
    grown = run_json("caption", pictures, out)
    assert counts(grown) == Counts(rows_in=30, rows_out=10, skipped=20)
    assert [row["asset_id"] for row in read_table(out, "captions")] == [
        f"{number:04d}.png" for number in range(30)
    ]
    prompted = run_json("caption", pictures, out, "--prompt", "describe in detail")
    assert counts(prompted) == Counts(rows_in=30, rows_out=30)
    assert len({row["key"] for row in read_table(out, "captions")}) == 60


def test_a_changed_picture_is_done_again(tmp_path: Path, run_json: RunJson) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 5), tmp_path / "out"
    run_json("caption", pictures, out)
    (pictures / "0003.png").write_bytes((pictures / "0004.png").read_bytes() + b"\0")
    assert counts(run_json("caption", pictures, out)) == Counts(rows_in=5, rows_out=1, skipped=4)


def test_dry_run_counts_and_writes_nothing(tmp_path: Path, run_json: RunJson) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 6), tmp_path / "out"
    found = run_json("caption", pictures, out, "--dry-run")
    assert (found["to_do"], found["skipped"]) == (6, 0)
    assert not out.exists()
    run_json("caption", pictures, out, "--limit", 4)
    found = run_json("caption", pictures, out, "--dry-run")
    assert (found["to_do"], found["skipped"]) == (2, 4)


def test_failures_that_stay_are_skipped_and_only_failed_does_them(
    tmp_path: Path, run_json: RunJson
) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 5), tmp_path / "out"
    (pictures / "bad.jpg").write_bytes(b"<html>not found</html>")
    first = run_json("caption", pictures, out)
    assert counts(first) == Counts(rows_in=6, rows_out=5, failed=1)
    assert first["failures_by_kind"] == {"not_an_image": 1}
    assert counts(run_json("caption", pictures, out)) == Counts(rows_in=6, skipped=6)
    only = run_json("caption", pictures, out, "--only-failed")
    assert counts(only) == Counts(rows_in=6, failed=1, skipped=5)


def test_a_run_with_too_many_failures_stops_keeps_its_rows_and_says_so(
    tmp_path: Path, run_json: RunJson
) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 3), tmp_path / "out"
    for number in range(700):
        (pictures / f"bad{number:03d}.jpg").write_bytes(b"no picture")
    manifest = run_json("caption", pictures, out, code=1)
    assert manifest["state"] == "stopped"
    done = counts(manifest)
    assert done.balanced
    assert done.failed > 100
    assert manifest["rows_left"] == 703 - done.rows_in > 0
    assert len(read_table(out, "failures")) == done.failed
    # The limit is a fraction: raised, the next run does the rest and ends well.
    rest = counts(run_json("caption", pictures, out, "--max-failure-rate", 1))
    assert rest == Counts(rows_in=703, failed=700 - done.failed, skipped=done.rows_in)
    assert len(read_table(out, "captions")) == 3


def test_a_config_file_stands_behind_the_flags(tmp_path: Path, run_json: RunJson) -> None:
    pictures, out = copy_pictures(tmp_path / "pictures", 0, 4), tmp_path / "out"
    config = tmp_path / "nightly.toml"
    config.write_text('style = "long"\nlimit = 3\n[columns]\nid = ""\n')
    manifest = run_json("caption", pictures, out, "--config", config)
    assert counts(manifest).rows_out == 3
    assert manifest["config"]["style"] == "long"
    manifest = run_json("caption", pictures, out, "--config", config, "--limit", 4)
    assert counts(manifest) == Counts(rows_in=4, rows_out=1, skipped=3)


def test_usage_errors_are_sentences_with_exit_code_2(tmp_path: Path, capfd: object) -> None:
    out = str(tmp_path / "out")
    for arguments in (
        ["caption", str(tmp_path / "nothing-there"), out],
        ["caption", str(tmp_path), out],
        ["caption", str(tmp_path)],
        ["answer", str(tmp_path), out],
        ["caption", str(tmp_path), out, "--config", "no-such.toml"],
        ["caption", str(tmp_path), "ftp://host/out"],
    ):
        assert run(arguments) == 2, arguments
