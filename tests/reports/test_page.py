"""The file that write_report writes."""

import base64
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.details import MOST_ROWS
from reports.page import ShownRun, write_report
from schemas.arrow import to_table
from schemas.description import Caption
from schemas.errors import RunError, UsageError
from schemas.failure import FailureKind
from schemas.manifest import Counts

OLD, NEW = "20260301-020000-aaaaaa", "20260302-020000-bbbbbb"


class _Page(HTMLParser):
    """Every tag of a page, and what its style and script elements hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.held: dict[str, str] = {}
        self._inside = ""
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = ""
        if tag in {"style", "script"}:
            self._inside = "data" if dict(attrs).get("type") == "application/json" else tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.held[self._inside] = self.held.get(self._inside, "") + data
        else:
            self.words += data

    @property
    def data(self) -> Any:
        return json.loads(self.held["data"])

    @property
    def run(self) -> Any:
        """The data of the page's only run."""
        (run,) = self.data["runs"]
        return run


def _write(output: Any, **options: Any) -> _Page:
    summary = write_report(output.out, **options)
    return _Page(Path(summary.path).read_text(encoding="utf-8"))


def test_shows_the_newest_run_of_each_job_and_lists_all(output: Any) -> None:
    output.caption_run("20260228-020000-999999", rows=9)
    output.caption_run(OLD, rows=5)
    output.answer_run(NEW, pictures=2)
    output.unfinished_run("20260303-020000-cccccc")
    summary = write_report(output.out)
    page = _Page(Path(summary.path).read_text(encoding="utf-8"))
    assert summary.path == f"{output.out}/report.html"
    assert summary.runs == (
        ShownRun(run_id=OLD, job="caption", rows=5, failures=0),
        ShownRun(run_id=NEW, job="answer", rows=18, failures=0),
    )
    assert [run["job"] for run in page.data["runs"]] == ["caption", "answer"]
    assert [len(run["rows"]) for run in page.data["runs"]] == [5, 18]
    for run_id in ("20260228-020000-999999", OLD, NEW, "20260303-020000-cccccc"):
        assert run_id in page.words
    assert "unfinished" in page.words
    assert "The newest" not in page.words


def test_the_summary_as_text_names_runs_and_amounts(output: Any, tmp_path: Path) -> None:
    output.unfinished_run(NEW)
    target = str(tmp_path / "look.html")
    assert str(write_report(output.out, target)) == f"{target}: no run has finished yet"
    output.caption_run(OLD, rows=1, failures=output.failures({FailureKind.TRUNCATED: 2}))
    output.answer_run(NEW, pictures=2)
    assert str(write_report(output.out, target)) == (
        f"{target}: 1 caption and 2 failures of run {OLD}, 18 answers of run {NEW}"
    )
    newer = "20260304-020000-dddddd"
    output.caption_run(newer, rows=0, failures=output.failures({FailureKind.TRUNCATED: 1}))
    assert str(write_report(output.out, target, run=newer)) == f"{target}: 1 failure of run {newer}"


def test_runs_whose_rows_are_not_shown_are_in_the_table(output: Any, tmp_path: Path) -> None:
    output.caption_run(NEW, rows=3)
    manifest = Path(output.out, "_runs", f"{NEW}.json")
    manifest.write_text(manifest.read_text().replace('"caption"', '"duplicates"'))
    summary = write_report(output.out)
    assert str(summary).endswith(": a table of 1 run, none of a job whose rows it shows")
    words = _Page(Path(summary.path).read_text(encoding="utf-8")).words
    assert "All runs" in words
    assert NEW in words
    with pytest.raises(UsageError, match="is of duplicates, and a page shows the rows of caption"):
        write_report(output.out, run=NEW)


def test_shows_another_run_elsewhere(output: Any, tmp_path: Path) -> None:
    output.caption_run(OLD, rows=5)
    output.caption_run(NEW, rows=7)
    target = tmp_path / "look.html"
    summary = write_report(output.out, str(target), run=OLD)
    assert (summary.path, [run.run_id for run in summary.runs]) == (str(target), [OLD])
    assert summary.rows == 5
    page = _Page(target.read_text(encoding="utf-8"))
    assert f"The newest caption run is {NEW}: 7 captions" in page.words
    assert [path.name for path in target.parent.glob("*.html*")] == ["look.html"]


def test_newer_runs_that_gave_no_rows_are_named(output: Any) -> None:
    output.caption_run(OLD, rows=5)
    output.caption_run(NEW, rows=0, failures=output.failures({FailureKind.TRUNCATED: 2}))
    page = _write(output)
    assert f"The newest caption run is {NEW}: 0 captions, 2 failures, 40 skipped" in page.words
    assert f"calumma report {output.out} --run {NEW}" in page.words


def test_the_page_tells_where_its_output_is(output: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    output.caption_run(OLD, rows=1)
    monkeypatch.chdir(Path(output.out).parent)
    assert write_report("out").path == "out/report.html"
    assert output.out in _Page(Path("out/report.html").read_text(encoding="utf-8")).words


def test_unknown_runs_are_told_with_those_there_are(output: Any) -> None:
    output.unfinished_run(NEW)
    with pytest.raises(UsageError, match="no run of this output has finished"):
        write_report(output.out, run="x")
    output.caption_run(OLD, rows=5)
    output.unfinished_run(NEW)
    with pytest.raises(UsageError, match=f"There are: {OLD}"):
        write_report(output.out, run="x")
    with pytest.raises(UsageError, match="has not finished"):
        write_report(output.out, run=NEW)
    assert not Path(output.out, "report.html").exists()


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no output folder"):
        write_report(str(tmp_path / "typo"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_output_gets_no_page(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(UsageError, match="photos holds no runs"):
        write_report(str(tmp_path / "photos"))
    assert list((tmp_path / "photos").iterdir()) == []


def test_a_page_that_cannot_be_written_is_one_sentence(output: Any, tmp_path: Path) -> None:
    output.caption_run(OLD, rows=1)
    with pytest.raises(UsageError, match=r"There is no folder .*/none/of/these to write x\.html"):
        write_report(output.out, str(tmp_path / "none" / "of" / "these" / "x.html"))
    assert not (tmp_path / "none").exists()
    with pytest.raises(RunError, match=r"out cannot be written: Is a directory\.$"):
        write_report(output.out, output.out)
    with pytest.raises(RunError, match=r"cannot be written: File name too long\.$"):
        write_report(output.out, str(tmp_path / ("x" * 300)))
    assert list(tmp_path.glob(".*")) == []


def test_a_file_that_is_no_manifest_is_named(output: Any) -> None:
    output.put(f"_runs/{OLD}.json", b'{"run_id": 1}')
    with pytest.raises(UsageError, match=f"{OLD}.json is not the manifest"):
        write_report(output.out)


def test_nothing_comes_from_outside_and_nothing_is_inline(output: Any) -> None:
    output.caption_run(NEW, rows=30, hostile=True)
    page = _write(output)
    for tag, attributes in page.tags:
        assert tag not in {"iframe", "object", "embed", "base", "img", "video", "audio"}
        assert "style" not in attributes
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#") in {"data:,", "#runs", "#run0-results", "#"}
    policy = next(
        attributes["content"] or ""
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    hashes = {
        kind: base64.b64encode(hashlib.sha256(page.held[kind].encode()).digest()).decode()
        for kind in ("style", "script")
    }
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{hashes['style']}'",
        f"script-src 'sha256-{hashes['script']}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_hostile_texts_neither_end_the_data_nor_enter_the_page(output: Any) -> None:
    failures = output.failures({FailureKind.NOT_FOUND: 10}, hostile=True)
    captions = output.caption_run(
        NEW,
        rows=10,
        hostile=True,
        failures=failures,
        model="<b>model</b>",
        config={"</dd><script>": "<script>alert(1)</script>"},
        versions={"<i>": "</details>"},
    )
    page = _write(output)
    texts = {row["text"] for row in page.run["rows"]}
    assert texts == {caption.text for caption in captions} == set(output.hostile_texts)
    assert {row["message"] for row in page.run["failures"]} == set(output.hostile_texts)
    assert re.findall("[<>&\u2028\u2029]", page.held["data"]) == []
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert not {"b", "i"} & {tag for tag, _ in page.tags}
    assert "<b>model</b>" in page.words


def test_a_page_is_the_same_each_time(output: Any) -> None:
    output.caption_run(NEW, rows=200)
    first = Path(write_report(output.out).path).read_bytes()
    assert Path(write_report(output.out).path).read_bytes() == first


def test_pictures_are_shared_by_the_questions_about_them(output: Any) -> None:
    output.answer_run(NEW, pictures=12)
    data = _write(output).data
    assert len(data["pictures"]) == 12
    by_asset: dict[str, set[int]] = {}
    for row in data["runs"][0]["rows"]:
        by_asset.setdefault(row["id"], set()).add(row["picture"])
    assert sorted(index for indices in by_asset.values() for index in indices) == list(range(12))


def test_failures_without_an_id_share_no_picture(output: Any) -> None:
    failures = output.failures({FailureKind.MISSING_ID: 3, FailureKind.MODEL_ERROR: 1})
    output.caption_run(NEW, rows=0, failures=failures)
    shown = _write(output).run["failures"]
    assert [("picture" in row) for row in shown] == [False, False, False, True]


def test_a_common_prompt_stands_in_the_head_alone(output: Any) -> None:
    output.caption_run(NEW, rows=3)
    page = _write(output)
    assert "Describe the picture." in page.words
    assert all("prompt" not in row for row in page.run["rows"])
    output.answer_run("20260304-020000-dddddd", pictures=2)
    page = _write(output, run="20260304-020000-dddddd")
    assert all("prompt" in row for row in page.run["rows"])


def test_large_runs_are_sampled_and_say_so(large_output: Any, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    summary = write_report(large_output.out, str(target))
    assert [(run.rows, run.failures) for run in summary.runs] == [(MOST_ROWS, 203), (9673, 0)]
    page = _Page(target.read_text(encoding="utf-8"))
    assert "10,000 of 10,500 captions are in this page" in page.words
    assert "203 of 903 failures are in this page" in page.words
    captions, answers = (run["rows"] for run in page.data["runs"])
    assert len({row["key"] for row in captions}) == MOST_ROWS
    assert all("picture" in row for row in captions[:1000])
    # A picture of either run serves both: the first thousand assets have a thousand pictures.
    assert len(page.data["pictures"]) < 2000
    for row in answers:
        if "caption" in row:
            assert captions[row["caption"]]["id"] == row["id"]
    assert sum("caption" in row for row in answers) > 9000


def test_pictures_are_shared_only_where_their_content_is_the_same(output: Any) -> None:
    captions = output.caption_run(OLD, rows=4)
    output.answer_run(NEW, pictures=4, asset="asset-{:05d}")
    data = _write(output).data
    assert len(data["pictures"]) == 4
    changed = [dataclasses.replace(caption, sha256="f" * 64) for caption in captions]
    output.put_table(f"captions/run={OLD}/part-00000000.parquet", to_table(Caption, changed))
    data = _write(output).data
    assert len(data["pictures"]) == 8
    assert not any("caption" in row for row in data["runs"][1]["rows"])
    assert "f" * 64 not in json.dumps(data)


def test_the_largest_page_stays_below_20_mb(output: Any) -> None:
    # Characters that grow most: "<" takes six bytes in the page.
    texts = json.dumps({"note": "<" * 1500})
    failures = output.failures(dict.fromkeys(list(FailureKind)[:6], 300))
    output.caption_run(OLD, rows=4000, attributes=texts, failures=failures)
    output.answer_run(NEW, pictures=200, attributes=texts, failures=failures)
    jpeg = b"\xff\xd8" + b"x" * 20_000
    for run in (OLD, NEW):
        keys = pq.read_table(f"{output.out}/_thumbnails/{run}.parquet")["key"].to_pylist()
        table = pa.table({"key": keys, "jpeg": [jpeg] * len(keys)})
        output.put_table(f"_thumbnails/{run}.parquet", table)
    page = _write(output)
    assert Path(output.out, "report.html").stat().st_size < 20_000_000
    assert f"{len(page.data['runs'][0]['rows'])} of 4,000 captions" in page.words
    for run in page.data["runs"]:
        assert 0 < len(run["rows"]) < 4000
        assert "picture" in run["rows"][0]
        assert len({row["kind"] for row in run["failures"]}) == 6


def test_empty_states_are_told(output: Any) -> None:
    output.unfinished_run(NEW)
    page = _write(output)
    assert "once a run has committed them" in page.words
    assert NEW in page.words
    output.caption_run(OLD, rows=0, skipped=1000)
    page = _write(output)
    assert "this run wrote no captions" in page.words
    assert "Nothing failed." in page.words


def test_what_is_not_as_it_should_be_is_told(output: Any) -> None:
    output.caption_run(
        NEW, rows=5, state="stopped", rows_left=1234, counts=Counts(rows_in=100, rows_out=6)
    )
    words = _write(output).words
    assert "1,234 rows of the catalog were not reached" in words
    assert "do not add up" in words
    assert "counts 6 rows out, the table holds 5" in words


def test_an_output_in_an_object_store() -> None:
    """With s3fs and a server on loopback, in a process of its own: clients read its environment."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("s3_report.py")],
        env=os.environ
        | {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["summary"] == ["s3://bucket/some/out/report.html", NEW, 7, 2]
    assert shown["runs"] == [OLD, NEW]
    assert shown["missing"] == "UsageError"
    page = _Page(shown["page"])
    assert len(page.run["rows"]) == 7
    assert len(page.data["pictures"]) == 7
