"""How often calumma-tiny draws what it is asked for, told by a checker of pixels.

``python -m bench.generation_quality [--seeds 20] [--edits 500]``: through the command line, all 24
combinations of a colour and a shape, each with so many seeds, drawn plain, guided, by contrastive
decoding (CD-K), by the paper's mixture of halves, and as the best of 8 samples by calumma-clip;
then edits of easy-VQA's test pictures, each to another colour, of which the shape is to stay.
``bench.pixel_checker`` says what is seen. Shares have Wilson's 95 % interval. The first line is the
ceiling: what the tokenizer's decoder makes of the test pictures' own codes.
"""

import argparse
import contextlib
import csv
import io
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from easy_vqa import get_test_image_paths, get_test_questions
from PIL import Image

from bench.accuracy import wilson_interval
from bench.pixel_checker import Seen, look_at
from models.framing import Framing
from models.image_tokens import ImageCodes, TokenizeRequest, load_image_tokenizer
from models.source import DEFAULT_MODEL, resolve_image_tokenizer
from pipelines.cli import run
from training.captions import COLORS, SHAPES
from training.pictures import looks_told, read_pictures

_GUIDANCE = "3"
_CDK = ("--contrast-k", "3", "--contrast-alpha", "0.1")
_HALVES = ("--guidance", _GUIDANCE, "--top-p", "0.9", *_CDK, "--contrast-half")
_BEST_OF_8 = ("--samples", "8", "--rank-with", "calumma-clip")
_WAYS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "temperature 0.7": ("--temperature", "0.7"),
    "guided": ("--guidance", _GUIDANCE),
    "CD-K": _CDK,
    "plain, best of 8": _BEST_OF_8,
    "guided, best of 8": ("--guidance", _GUIDANCE, *_BEST_OF_8),
    "halves, best of 8": (*_HALVES, *_BEST_OF_8),
}
_EDITS: dict[str, tuple[str, ...]] = {
    "edit, plain": (),
    "edit, likeliest codes": ("--temperature", "0"),
    "edit, guided": ("--guidance", _GUIDANCE),
    "edit, two scales": ("--guidance", _GUIDANCE, "--image-guidance", "1.5"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--edits", type=int, default=500)
    arguments = parser.parse_args()
    print("| way | of | colour | shape | both |\n|---|---|---|---|---|")
    _tell("decoded codes of test pictures", *_ceiling())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requests, asked = _requests(folder, arguments.seeds)
        for number, (way, options) in enumerate(_WAYS.items()):
            out = folder / f"out-{number}"
            _run("generate", str(requests), str(out), *options)
            _tell(way, *_compare(out, asked))
        pictures, wanted = _edits(folder, arguments.edits)
        for number, (way, options) in enumerate(_EDITS.items()):
            out = folder / f"edits-{number}"
            _run("edit", str(pictures), str(out), *options)
            _tell(way, *_compare(out, wanted))


def _ceiling() -> tuple[list[Seen], list[Seen]]:
    pictures = read_pictures("test")
    tokenizer = load_image_tokenizer(resolve_image_tokenizer(DEFAULT_MODEL))
    seen: list[Seen] = []
    for start in range(0, len(pictures.pixels), 100):
        some = [TokenizeRequest(pixels=one) for one in pictures.pixels[start : start + 100]]
        codes = tokenizer.encode(tokenizer.prepare(some, Framing()))
        decoded = tokenizer.decode([one for one in codes if isinstance(one, ImageCodes)])
        seen += [look_at(one) for one in decoded if isinstance(one, np.ndarray)]
    there = zip(pictures.colors, pictures.shapes, strict=True)
    return [Seen(color=COLORS[color], shape=SHAPES[shape]) for color, shape in there], seen


def _requests(folder: Path, seeds: int) -> tuple[Path, dict[str, Seen]]:
    asked = {}
    rows = []
    for color, shape, seed in itertools.product(COLORS, SHAPES, range(seeds)):
        name = f"{color}-{shape}-{seed}"
        asked[name] = Seen(color=color, shape=shape)
        rows.append((name, f"a {color} {shape}", seed))
    return _write(folder / "requests.csv", ["id", "prompt", "seed"], rows), asked


def _edits(folder: Path, count: int) -> tuple[Path, dict[str, Seen]]:
    paths = get_test_image_paths()
    looks = looks_told(zip(*get_test_questions(), strict=True))
    wanted = {}
    rows = []
    for place, (number, (color, shape)) in enumerate(itertools.islice(looks.items(), count)):
        # Every other colour in turn.
        new = COLORS[(COLORS.index(color) + 1 + place % (len(COLORS) - 1)) % len(COLORS)]
        wanted[str(number)] = Seen(color=new, shape=shape)
        rows.append((number, paths[number], f"make it {new}"))
    return _write(folder / "edits.csv", ["id", "uri", "instruction"], rows), wanted


def _compare(out: Path, wanted: dict[str, Seen]) -> tuple[list[Seen], list[Seen]]:
    """What was wanted of each request, and what its best picture shows."""
    table = ds.dataset(out / "generations").to_table(["asset_id", "rank", "image"])
    best: list[dict[str, Any]] = [row for row in table.to_pylist() if row["rank"] == 1]
    assert sorted(row["asset_id"] for row in best) == sorted(wanted)
    return [wanted[row["asset_id"]] for row in best], [_seen(row["image"]) for row in best]


def _seen(image: bytes) -> Seen:
    with Image.open(io.BytesIO(image)) as picture:
        return look_at(np.asarray(picture.convert("RGB")))


def _tell(way: str, wanted: Sequence[Seen], seen: Sequence[Seen]) -> None:
    pairs = list(zip(wanted, seen, strict=True))
    hits = [
        sum(one.color == other.color for one, other in pairs),
        sum(one.shape == other.shape for one, other in pairs),
        sum(one == other for one, other in pairs),
    ]
    shares = " | ".join(_share(hit, len(pairs)) for hit in hits)
    print(f"| {way} | {len(pairs)} | {shares} |", flush=True)


def _share(hits: int, count: int) -> str:
    low, high = wilson_interval(hits, count)
    return f"{hits / count:.1%} ({low:.1%} to {high:.1%})"


def _run(*command: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*command, "--json"]) == 0


def _write(path: Path, names: list[str], rows: Sequence[tuple[object, ...]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


if __name__ == "__main__":
    main()
