"""The tutorial as it is written: every block of docs/tutorial.md is run, in order.

``python -m bench.tutorial``: console blocks by the shell, Python by this Python, SQL by DuckDB, all
in one new folder. Exits with 1 at the first that fails, and where the two ways of making documents
disagree.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

_PAGE = Path(__file__).parent.parent / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(console|python|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Run the page."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        for language, text in _BLOCK.findall(_PAGE.read_text()):
            print(f"--- {language}\n{text}", flush=True)
            if language == "sql":
                with duckdb.connect() as database:
                    database.execute(f"SET file_search_path = '{folder}'")
                    database.execute(text.replace("TO 'build", f"TO '{folder}/build"))
                continue
            command = ["bash", "-e"] if language == "console" else [sys.executable, "-"]
            done = subprocess.run(
                command,
                input=text,
                text=True,
                cwd=folder,
                env={**os.environ, "PATH": path},
                check=False,
            )
            if done.returncode:
                sys.exit(f"This block failed with {done.returncode}.")
        built = Path(folder, "build")
        if _documents(built / "documents.parquet") != _documents(built / "documents-sql.parquet"):
            sys.exit("Python and SQL made different documents.")
    print("All blocks ran; Python and SQL made the same documents.")


def _documents(path: Path) -> dict[str, list[str]]:
    """The retrieved ids of each document, whatever order the file has."""
    return {
        row["asset_id"]: [one["asset_id"] for one in row["retrieved"] or ()]
        for row in pq.read_table(path).to_pylist()
    }


if __name__ == "__main__":
    main()
