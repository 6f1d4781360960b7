"""Some of the deaths and meetings that ``bench.crash`` goes through one by one."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(600)
def test_a_rerun_finishes_what_a_dead_or_waiting_launcher_began() -> None:
    command = [sys.executable, "-m", "bench.crash", "--part", "disk", "--part", "race"]
    command += ["--every", "127"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=560, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "disk:" in done.stdout
    assert "race:" in done.stdout
