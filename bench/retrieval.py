"""Whether neighbours share a picture's looks: easy-VQA's test pictures among its training pictures.

``python -m bench.retrieval``: embeds the 4,000 training pictures with calumma-clip, indexes them,
and retrieves the neighbours of the 1,000 test pictures, through the command line. Prints how many
of the neighbours have the query's colour and shape, and how many of any pictures do.
"""

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import easy_vqa
import numpy as np
import pyarrow.dataset as ds

from training.pictures import looks_told

_CALUMMA = str(Path(sysconfig.get_path("scripts"), "calumma"))


def link_pictures(folder: Path, paths: dict[int, str]) -> Path:
    """A folder of pictures named by number."""
    folder.mkdir()
    for number, path in paths.items():
        (folder / f"{number}.png").symlink_to(path)
    return folder


def main() -> None:
    """Print the shares."""
    known = looks_told(zip(*easy_vqa.get_train_questions(), strict=True))
    asked = looks_told(zip(*easy_vqa.get_test_questions(), strict=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = link_pictures(folder / "train", easy_vqa.get_train_image_paths())
        test = link_pictures(folder / "test", easy_vqa.get_test_image_paths())
        out, index, found = folder / "out", folder / "index", folder / "found"
        _run("embed", train, out, "--of", "image")
        _run("index", out, index)
        _run("neighbors", test, index, found, "--of", "image", "--k", "5")
        table = ds.dataset(found / "neighbors").to_table(["asset_id", "neighbor_ids"])
    pairs = [
        (asked[_number(row["asset_id"])], known[_number(neighbor)])
        for row in table.to_pylist()
        for neighbor in row["neighbor_ids"]
        if _number(row["asset_id"]) in asked and _number(neighbor) in known
    ]
    everybody = list(known.values())
    for what, at in (("colour", 0), ("shape", 1)):
        same = np.mean([query[at] == neighbor[at] for query, neighbor in pairs])
        chance = np.mean(
            [query[at] == other[at] for query in asked.values() for other in everybody]
        )
        print(f"{what}: {same:.1%} of {len(pairs)} neighbours, {chance:.1%} of any pictures")
    both = np.mean([query == neighbor for query, neighbor in pairs])
    chance = np.mean([query == other for query in asked.values() for other in everybody])
    print(f"colour and shape: {both:.1%}, {chance:.1%} of any pictures")


def _number(asset_id: str) -> int:
    return int(asset_id.removesuffix(".png"))


def _run(*arguments: object) -> None:
    done = subprocess.run(
        [_CALUMMA, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    print(done.stdout, end="")
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
