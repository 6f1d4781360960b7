"""Notes of loaded models: every load of every worker, once."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from storage.loads import ModelLoads, note_load, read_loads
from storage.store.local import LocalStore

NOTE = """
import os, sys
from storage.loads import note_load
from storage.store import open_store
for seconds in sys.argv[2:]:
    note_load(open_store(sys.argv[1]), "run", float(seconds))
print(os.getpid())
"""


def test_each_worker_is_counted_by_machine_and_process(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    note_load(store, "run", 1.5)
    note_load(store, "other", 100.0)
    pids = []
    for seconds in (["2.0"], ["0.5", "0.25"]):
        command = [sys.executable, "-c", NOTE, str(tmp_path), *seconds]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        pids.append(int(done.stdout))
    host = socket.gethostname()
    found = read_loads(store, "run")
    assert found.by_worker == {
        f"{host}:{os.getpid()}": 1,
        f"{host}:{pids[0]}": 1,
        f"{host}:{pids[1]}": 2,
    }
    assert list(found.by_worker) == sorted(found.by_worker)
    assert found.seconds == 1.5 + 2.0 + 0.75


def test_a_run_without_news_loaded_nothing(tmp_path: Path) -> None:
    assert read_loads(LocalStore(tmp_path), "run") == ModelLoads(by_worker={}, seconds=0.0)
