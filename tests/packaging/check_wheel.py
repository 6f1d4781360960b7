"""Build the wheel, install it into a fresh environment, run the demo from another directory.

A command of its own rather than a test: it needs the package registry and a minute.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from training.embedded.package import MOST_BYTES

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")

COLLISIONS = """
import importlib.metadata
ours = ["calumma", "schemas", "storage", "models", "transforms", "pipelines", "reports"]
ours += ["runners", "training"]
owners = importlib.metadata.packages_distributions()
shared = {name: owners.get(name) for name in ours if set(owners.get(name, ())) != {"calumma"}}
assert not shared, f"top-level names shared with other distributions: {shared}"
"""


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command and fail with it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(list(map(str, command)), cwd=cwd, check=True, env=environment)


def check_size(wheel: Path) -> None:
    """Check that the models in a wheel are as small as a package allows."""
    with zipfile.ZipFile(wheel) as packed:
        models = [one for one in packed.infolist() if one.filename.startswith("models/")]
    weights = sum(one.file_size for one in models if one.filename.endswith(".safetensors"))
    assert 0 < weights <= MOST_BYTES, f"the models take {weights:,} bytes"


def main() -> None:
    """Check the wheel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        constraints = ROOT / "constraints.txt"
        run(UV, "build", "--wheel", "--quiet", "-b", constraints, "-o", folder, ROOT, cwd=folder)
        (wheel,) = folder.glob("*.whl")
        check_size(wheel)
        environment = folder / "environment"
        run(UV, "venv", "--quiet", "--python", sys.executable, environment, cwd=folder)
        python = environment / "bin" / "python"
        install: list[str | Path] = [
            UV,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "-c",
            constraints,
        ]
        run(*install, f"{wheel}[demo]", cwd=folder)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        run(python, "-c", COLLISIONS, cwd=elsewhere)
        run(environment / "bin" / "calumma", "demo", "results", cwd=elsewhere)
        assert (elsewhere / "results" / "results" / "report.html").is_file()
    print(f"{wheel.name}: installed alone and ran its demo from another directory")


if __name__ == "__main__":
    main()
