"""A run may be ended at any moment; the same command goes on with it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import RunJson, copy_pictures, described


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.main", *map(str, arguments)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not any(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_is_gone_on_with(
    number: signal.Signals, tmp_path: Path, run_json: RunJson
) -> None:
    pictures = copy_pictures(tmp_path / "pictures", 0, 1000)
    out = tmp_path / "out"
    process = start("caption", pictures, out)
    # Folders of more than 500 pictures make two splits: one is staged, the other in work.
    wait_for(out, "_staging/*/splits/*/*.json", process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if number is not signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "run the same command again" in errors
    manifest = run_json("caption", pictures, out)
    assert manifest["counts"] == {"rows_in": 1000, "rows_out": 1000, "failed": 0, "skipped": 0}
    rows = described(out)
    assert [asset_id for asset_id, *_ in rows] == [f"{row:04d}.png" for row in range(1000)]
    assert not list(out.glob("_staging/*/splits"))
