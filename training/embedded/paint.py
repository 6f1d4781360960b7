"""Paints the catalogs that the embedded model is made of.

``python -m training.embedded.paint FOLDER``: ``FOLDER/known`` to learn from, and ``FOLDER/held``
of the pictures that are held out. What is there already stays.
"""

import argparse
import shutil
from pathlib import Path

from training.embedded.catalogs import read_world, write_catalogs, write_held_out

_SCENES = 8_000
_QUESTIONS = 4
_SEED = 0


def main() -> None:
    """Write both folders, each of which has its name once it is whole."""
    parser = argparse.ArgumentParser(prog="python -m training.embedded.paint", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--scenes", type=int, default=_SCENES, help="pictures, each with twins in other colours"
    )
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if (folder / "known").is_dir() and (folder / "held").is_dir():
        return
    world = read_world()
    begun = folder / "_begun"
    shutil.rmtree(begun, ignore_errors=True)
    write_catalogs(
        world, begun / "known", scenes=arguments.scenes, questions=_QUESTIONS, seed=_SEED
    )
    write_held_out(world, begun / "held", seed=_SEED)
    for name in ("known", "held"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (begun / name).rename(folder / name)


if __name__ == "__main__":
    main()
