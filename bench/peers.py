"""Environments of the programs that are measured against, each apart from the project's own."""

import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "peers"
_UV = Path(sys.executable).with_name("uv")


def peer_environment(name: str, *packages: str) -> Path:
    """Make a virtual environment with some packages, unless it is there; give its ``bin``.

    Args:
        name: of its folder in ``build/peers``.
        packages: with their versions: those of the peers, and of what they need.

    """
    folder = _FOLDER / name
    done = folder / "packages.txt"
    wanted = "\n".join(packages)
    if not done.exists() or done.read_text() != wanted:
        print(f"installing {', '.join(packages)} in {folder}", flush=True)
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages)
        done.write_text(wanted)
    return folder / "bin"


def _uv(*arguments: str) -> None:
    subprocess.run([str(_UV), *arguments], check=True)
