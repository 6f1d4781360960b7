"""Each module of the storage can be the first to be imported."""

import subprocess
import sys

_PROGRAM = """
import importlib, pkgutil, sys, storage
names = [one.name for one in pkgutil.walk_packages(storage.__path__, "storage.")]
assert "storage.parallel" in names
for name in names:
    for known in [known for known in sys.modules if known.partition(".")[0] == "storage"]:
        del sys.modules[known]
    importlib.import_module(name)
"""


def test_no_module_needs_another_to_be_imported_before() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
