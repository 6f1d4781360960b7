"""Some of the deaths and meetings that ``bench.crash`` goes through one by one."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("part", ["disk", "race"])
def test_a_rerun_finishes_what_a_dead_or_waiting_launcher_began(part: str) -> None:
    command = [sys.executable, "-m", "bench.crash", "--part", part, "--every", "61"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{part}:" in done.stdout
