"""Bad input: a clear row in failures, nothing lost, the rest goes on."""

import csv
import http.server
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import RunJson, copy_pictures, read_table, write_parquet


def huge_png() -> bytes:
    """A PNG whose header claims a billion pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def web(pictures: Path) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = int(self.path.strip("/").split(".")[0] or 404)
            body = (pictures / "0000.png").read_bytes() if status == 200 else b"no"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_bad_picture_is_one_failure_of_its_kind(
    tmp_path: Path, run_json: RunJson, web: str
) -> None:
    folder = copy_pictures(tmp_path / "files", 0, 2)
    good = (folder / "0000.png").read_bytes()
    contents = {
        "empty.jpg": b"",
        "page.jpg": b"<html><body>404</body></html>",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "cut.png": good[: len(good) // 2],
        "bomb.png": huge_png(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    expected = {
        "0000.png": None,
        "0001.png": None,
        "empty.jpg": "not_an_image",
        "page.jpg": "not_an_image",
        "drawing.svg": "unsupported_format",
        "cut.png": "truncated",
        "bomb.png": "decompression_bomb",
        "absent.png": "not_found",
        "data:image/png;base64,AAAA": "policy",
        f"{web}/200.png": None,
        f"{web}/404.png": "not_found",
        f"{web}/403.png": "forbidden",
    }
    rows = [(f"row{number}", uri) for number, uri in enumerate(expected)]
    catalog = folder / "catalog.csv"
    with catalog.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "uri", "note"])
        writer.writerows([asset_id, uri, ""] for asset_id, uri in rows)
        writer.writerow(["", "0000.png", ""])
        writer.writerow(["row0", "0001.png", "the id of another row"])
        writer.writerow(["too", "few"])
    out = tmp_path / "out"
    manifest = run_json("caption", catalog, out, "--allow-private-addresses")
    kinds = {row["asset_id"]: row["kind"] for row in read_table(out, "failures")}
    for asset_id, uri in rows:
        kind = expected[uri]
        if asset_id == "row0":
            assert kinds[asset_id] == "duplicate_id"
        else:
            assert kinds.get(asset_id) == kind, uri
    assert manifest["failures_by_kind"]["missing_id"] == 1
    assert manifest["failures_by_kind"]["invalid_row"] == 1
    assert manifest["counts"] == {
        "rows_in": len(rows) + 3,
        "rows_out": 3,
        "failed": len(rows),
        "skipped": 0,
    }
    for row in read_table(out, "failures"):
        assert row["message"]
        assert row["stage"] in {"read", "fetch", "decode", "commit"}


def test_private_addresses_are_refused_unless_allowed(
    tmp_path: Path, run_json: RunJson, web: str
) -> None:
    catalog = write_parquet(tmp_path / "c.parquet", {"id": ["a"], "url": [f"{web}/200.png"]})
    manifest = run_json("caption", catalog, tmp_path / "out")
    assert manifest["failures_by_kind"] == {"policy": 1}


def test_an_unreadable_file_among_good_ones_is_one_failed_row(
    tmp_path: Path, run_json: RunJson, pictures: Path
) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    uris = [str(pictures / "0000.png"), str(pictures / "0001.png")]
    write_parquet(shards / "a.parquet", {"id": ["a", "b"], "uri": uris})
    (shards / "b.parquet").write_bytes(b"PAR1 not really")
    manifest = run_json("caption", shards, tmp_path / "out")
    assert manifest["counts"] == {"rows_in": 3, "rows_out": 2, "failed": 1, "skipped": 0}
    (failure,) = read_table(tmp_path / "out", "failures")
    assert failure["kind"] == "invalid_row"
    assert "b.parquet" in failure["message"]


def test_questions_for_unknown_assets_are_asked_once_the_asset_is_there(
    tmp_path: Path, run_json: RunJson
) -> None:
    pictures = copy_pictures(tmp_path / "pictures", 0, 3)
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        '{"asset_id": "0001.png", "question": "what color is the shape?"}\n'
        '{"asset_id": "0004.png", "question": "what color is the shape?"}\n'
        '{"asset_id": "0001.png", "question": ""}\n'
    )
    out = tmp_path / "out"
    manifest = run_json("answer", pictures, out, "--questions", questions)
    assert manifest["counts"] == {"rows_in": 3, "rows_out": 1, "failed": 2, "skipped": 0}
    assert manifest["failures_by_kind"] == {"invalid_row": 1, "unknown_asset": 1}
    copy_pictures(pictures, 4, 5)
    manifest = run_json("answer", pictures, out, "--questions", questions)
    assert manifest["counts"] == {"rows_in": 3, "rows_out": 1, "failed": 0, "skipped": 2}
