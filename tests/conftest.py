"""What all tests have in common: processes that start sooner. See quick_start/sitecustomize.py."""

import os
import runpy
import sys
from pathlib import Path

_QUICK_START = Path(__file__).parent / "quick_start"

os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(_QUICK_START), os.environ.get("PYTHONPATH")])
)
runpy.run_path(str(_QUICK_START / "sitecustomize.py"))

# Where no bytecode is kept, each process compiles Beam, torch and transformers: ten seconds of it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# These Javas live for seconds, too short for what a second compiler and threads that collect cost.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
