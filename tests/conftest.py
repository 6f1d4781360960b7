"""What all tests have in common: processes that start sooner. See quick_start/sitecustomize.py."""

import os
import runpy
from pathlib import Path

_QUICK_START = Path(__file__).parent / "quick_start"

os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(_QUICK_START), os.environ.get("PYTHONPATH")])
)
runpy.run_path(str(_QUICK_START / "sitecustomize.py"))
