"""The file that write_report writes."""

import base64
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

from reports.page import MOST_ROWS, write_report
from schemas.errors import UsageError
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


def _write(output: Any, **options: Any) -> _Page:
    summary = write_report(output.out, **options)
    return _Page(Path(summary.path).read_text(encoding="utf-8"))


def test_shows_the_newest_run_and_lists_all(output: Any) -> None:
    output.caption_run(OLD, rows=5)
    output.answer_run(NEW, pictures=2)
    output.unfinished_run("20260303-020000-cccccc")
    summary = write_report(output.out)
    page = _Page(Path(summary.path).read_text(encoding="utf-8"))
    assert summary.path == f"{output.out}/report.html"
    assert summary.run_id == NEW
    assert page.data["job"] == "answer"
    assert len(page.data["rows"]) == summary.rows > 5
    for run_id in (OLD, NEW, "20260303-020000-cccccc"):
        assert run_id in page.words
    assert "unfinished" in page.words


def test_shows_another_run_elsewhere(output: Any, tmp_path: Path) -> None:
    output.caption_run(OLD, rows=5)
    output.answer_run(NEW, pictures=2)
    target = tmp_path / "new" / "look.html"
    summary = write_report(output.out, str(target), run=OLD)
    assert (summary.path, summary.run_id, summary.rows) == (str(target), OLD, 5)
    assert "Not the newest run" in target.read_text(encoding="utf-8")
    assert [path.name for path in target.parent.iterdir()] == ["look.html"]


def test_unknown_runs_are_told_with_those_there_are(output: Any) -> None:
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
        assert attributes.get("href", "#") in {"data:,", "#runs", "#results", "#"}
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
    texts = {row["text"] for row in page.data["rows"]}
    assert texts == {caption.text for caption in captions} == set(output.hostile_texts)
    assert {row["message"] for row in page.data["failures"]} == set(output.hostile_texts)
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
    for row in data["rows"]:
        by_asset.setdefault(row["id"], set()).add(row["picture"])
    assert sorted(index for indices in by_asset.values() for index in indices) == list(range(12))


def test_failures_without_an_id_share_no_picture(output: Any) -> None:
    failures = output.failures({FailureKind.MISSING_ID: 3, FailureKind.MODEL_ERROR: 1})
    output.caption_run(NEW, rows=0, failures=failures)
    shown = _write(output).data["failures"]
    assert [("picture" in row) for row in shown] == [False, False, False, True]


def test_a_common_prompt_stands_in_the_head_alone(output: Any) -> None:
    output.caption_run(NEW, rows=3)
    page = _write(output)
    assert "Describe the picture." in page.words
    assert all("prompt" not in row for row in page.data["rows"])
    output.answer_run("20260304-020000-dddddd", pictures=2)
    assert all("prompt" in row for row in _write(output).data["rows"])


def test_a_large_run_is_sampled_and_says_so(large_output: Any, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    summary = write_report(large_output.out, str(target))
    assert (summary.rows, summary.failures) == (MOST_ROWS, 203)
    page = _Page(target.read_text(encoding="utf-8"))
    assert "10,000 of 10,500 captions are in this page" in page.words
    assert "203 of 903 failures are in this page" in page.words
    rows = page.data["rows"]
    assert len({row["key"] for row in rows}) == MOST_ROWS
    pictured = ["picture" in row for row in rows]
    assert pictured == sorted(pictured, reverse=True)
    assert sum(pictured) == 1000


def test_the_largest_page_stays_below_20_mb(output: Any) -> None:
    # Characters that grow most: "<" takes six bytes in the page.
    texts = json.dumps({"note": "<" * 1500})
    failures = output.failures(dict.fromkeys(list(FailureKind)[:6], 300))
    output.caption_run(NEW, rows=4000, attributes=texts, failures=failures)
    jpeg = b"\xff\xd8" + b"x" * 20_000
    keys = pq.read_table(f"{output.out}/_thumbnails/{NEW}.parquet")["key"].to_pylist()
    output.put_table(
        f"_thumbnails/{NEW}.parquet", pa.table({"key": keys, "jpeg": [jpeg] * len(keys)})
    )
    page = _write(output)
    assert Path(output.out, "report.html").stat().st_size < 20_000_000
    assert 0 < len(page.data["rows"]) < 4000
    assert "picture" in page.data["rows"][0]
    assert len({row["kind"] for row in page.data["failures"]}) == 6
    assert f"{len(page.data['rows'])} of 4,000 captions" in page.words


def test_empty_states_are_told(output: Any) -> None:
    assert "This output holds no runs" in _write(output).words
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
    assert len(page.data["rows"]) == 7
    assert len(page.data["pictures"]) == 7
