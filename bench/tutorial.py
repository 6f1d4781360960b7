"""A tutorial as it is written: every block of a page of docs/ is run, in order.

``python -m bench.tutorial [PAGE]``: by the shell, all in one new folder; by default ``tutorial``.
Exits with 1 at the first block that fails, and where what the page promises did not come of it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.dataset as ds

_DOCS = Path(__file__).parent.parent / "docs"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _describes(folder: Path) -> str:
    described = ds.dataset(folder / "build" / "described" / "captions")
    texts = described.to_table(["text"])["text"].to_pylist()
    if len(texts) != 20 or not all(texts):
        sys.exit("The trained model does not describe all pictures.")
    return f"The trained model says, of the first picture: {texts[0]}"


def _tells(folder: Path) -> str:
    comparison = json.loads((folder / "build" / "compare.json").read_text())
    if comparison["rows"] != 300 or not (folder / "build" / "compare.html").exists():
        sys.exit("Not all answers were compared.")
    return str(comparison["differences"][0]["sentence"])


_CHECKS: Mapping[str, Callable[[Path], str]] = {
    "tutorial": _describes,
    "compare-two-models": _tells,
}


def main() -> None:
    """Run the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", default="tutorial", choices=sorted(_CHECKS))
    page = parser.parse_args().page
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        for text in _BLOCK.findall((_DOCS / f"{page}.md").read_text()):
            print(f"--- {text}", flush=True)
            done = subprocess.run(
                ["bash", "-e"],
                input=text,
                text=True,
                cwd=folder,
                env={**os.environ, "PATH": path},
                check=False,
            )
            if done.returncode:
                sys.exit(f"This block failed with {done.returncode}.")
        said = _CHECKS[page](Path(folder))
    print(f"All blocks ran. {said}")


if __name__ == "__main__":
    main()
