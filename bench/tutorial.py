"""The tutorial as it is written: every block of docs/tutorial.md is run, in order.

``python -m bench.tutorial``: by the shell, all in one new folder. Exits with 1 at the first block
that fails, and where the trained model describes nothing.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pyarrow.dataset as ds

_PAGE = Path(__file__).parent.parent / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Run the page."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        for text in _BLOCK.findall(_PAGE.read_text()):
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
        described = ds.dataset(Path(folder, "build", "described", "captions"))
        texts = described.to_table(["text"])["text"].to_pylist()
        if len(texts) != 20 or not all(texts):
            sys.exit("The trained model does not describe all pictures.")
    print(f"All blocks ran. The trained model says, of the first picture: {texts[0]}")


if __name__ == "__main__":
    main()
