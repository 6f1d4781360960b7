"""How often calumma-tiny draws what it is asked for, told by a checker of pixels.

``python -m bench.generation_quality [--model FOLDER] [--held-out CATALOGS] [--seeds 20]
[--edits 500]``: through the command line, all 24 combinations of a colour and a shape, each with so
many seeds, drawn plain, guided, by contrastive decoding (CD-K), by the paper's mixture of halves,
and as the best of 8 samples by calumma-clip; then edits of easy-VQA's test pictures, each to
another colour, of which the shape is to stay. ``bench.pixel_checker`` says what is seen. Shares
have Wilson's 95 % interval. The first line is the ceiling: what the tokenizer's decoder makes of
the pictures' own codes.
"""

import argparse
import contextlib
import io
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from PIL import Image

from bench.easy_vqa_split import Split
from bench.pixel_checker import Seen, look_at
from bench.shares import Share
from models.framing import Framing
from models.image_tokens import ImageCodes, TokenizeRequest, load_image_tokenizer
from models.source import DEFAULT_MODEL, resolve_image_tokenizer
from pipelines.cli import run
from training.captions import COLORS, SHAPES

_GUIDANCE = "3"
_CDK = ("--contrast-k", "3", "--contrast-alpha", "0.1")
_HALVES = ("--guidance", _GUIDANCE, "--top-p", "0.9", *_CDK, "--contrast-half")
_BEST_OF_8 = ("--samples", "8", "--rank-with", "calumma-clip")
DRAWN: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "temperature 0.7": ("--temperature", "0.7"),
    "guided": ("--guidance", _GUIDANCE),
    "CD-K": _CDK,
    "plain, best of 8": _BEST_OF_8,
    "guided, best of 8": ("--guidance", _GUIDANCE, *_BEST_OF_8),
    "halves, best of 8": (*_HALVES, *_BEST_OF_8),
}
EDITED: Mapping[str, tuple[str, ...]] = {
    "edit, plain": (),
    "edit, likeliest codes": ("--temperature", "0"),
    "edit, guided": ("--guidance", _GUIDANCE),
    "edit, two scales": ("--guidance", _GUIDANCE, "--image-guidance", "1.5"),
}

Drawn = tuple[Share, Share, Share]
"""Colour, shape, and both."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--held-out", type=Path, help="catalogs/held of the recipe's folder")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--edits", type=int, default=500)
    arguments = parser.parse_args()
    split = Split.held_out(arguments.held_out) if arguments.held_out else Split.test()
    print("| way | of | colour | shape | both |\n|---|---|---|---|---|")
    for drawn in (
        [decoded(split, arguments.model)],
        drawings(DRAWN, model=arguments.model, seeds=arguments.seeds),
        edits(EDITED, split, model=arguments.model, most=arguments.edits),
    ):
        for color, shape, both in drawn:
            print(f"| {both.what} | {both.count} | {color} | {shape} | {both} |", flush=True)


def decoded(split: Split, model: str) -> Drawn:
    """What the tokenizer's decoder makes of pictures' own codes."""
    tokenizer = load_image_tokenizer(resolve_image_tokenizer(model))
    seen: list[Seen] = []
    names = list(split.looks)
    for start in range(0, len(names), 100):
        pictures = [split.pictures[name] for name in names[start : start + 100]]
        some = [TokenizeRequest(pixels=_pixels(one)) for one in pictures]
        codes = tokenizer.encode(tokenizer.prepare(some, Framing()))
        made = tokenizer.decode([one for one in codes if isinstance(one, ImageCodes)])
        seen += [look_at(one) for one in made if isinstance(one, np.ndarray)]
    there = [Seen(color=look.color, shape=look.shape) for look in split.looks.values()]
    return _compared("decoded codes of pictures", there, seen)


def drawings(ways: Mapping[str, Sequence[str]], *, model: str, seeds: int) -> Iterator[Drawn]:
    """Draw each combination of a colour and a shape, in several ways.

    Args:
        ways: their names and options.
        seeds: of each combination.

    """
    wanted = {
        f"{color}-{shape}-{seed}": Seen(color=color, shape=shape)
        for color, shape, seed in itertools.product(COLORS, SHAPES, range(seeds))
    }
    requests: dict[str, list[Any]] = {
        "id": list(wanted),
        "prompt": [f"a {one.color} {one.shape}" for one in wanted.values()],
        "seed": [int(name.rpartition("-")[2]) for name in wanted],
    }
    yield from _done("generate", requests, ways, model, wanted)


def edits(
    ways: Mapping[str, Sequence[str]], split: Split, *, model: str, most: int
) -> Iterator[Drawn]:
    """Edit pictures, each to another colour, in several ways."""
    wanted = {}
    for place, (name, look) in enumerate(itertools.islice(split.looks.items(), most)):
        # Every other colour in turn.
        at = (COLORS.index(look.color) + 1 + place % (len(COLORS) - 1)) % len(COLORS)
        wanted[name] = Seen(color=COLORS[at], shape=look.shape)
    requests: dict[str, list[Any]] = {
        "id": list(wanted),
        "image": [split.pictures[name] for name in wanted],
        "instruction": [f"make it {one.color}" for one in wanted.values()],
    }
    yield from _done("edit", requests, ways, model, wanted)


def _done(
    command: str,
    requests: dict[str, list[Any]],
    ways: Mapping[str, Sequence[str]],
    model: str,
    wanted: Mapping[str, Seen],
) -> Iterator[Drawn]:
    with tempfile.TemporaryDirectory() as name:
        catalog = Path(name) / "requests.parquet"
        pq.write_table(pa.table(requests), catalog)
        for number, (way, options) in enumerate(ways.items()):
            out = Path(name) / str(number)
            with contextlib.redirect_stdout(io.StringIO()):
                line = [command, str(catalog), str(out), "--model", model, *options, "--json"]
                assert run(line) == 0
            table = ds.dataset(out / "generations").to_table(["asset_id", "rank", "image"])
            best = {row["asset_id"]: row["image"] for row in table.to_pylist() if row["rank"] == 1}
            assert sorted(best) == sorted(wanted)
            seen = [look_at(_pixels(best[name])) for name in wanted]
            yield _compared(way, list(wanted.values()), seen)


def _pixels(image: bytes) -> Any:
    with Image.open(io.BytesIO(image)) as picture:
        return np.asarray(picture.convert("RGB"))


def _compared(way: str, wanted: Sequence[Seen], seen: Sequence[Seen]) -> Drawn:
    pairs = list(zip(wanted, seen, strict=True))
    return (
        Share.of(way, [one.color == other.color for one, other in pairs]),
        Share.of(way, [one.shape == other.shape for one, other in pairs]),
        Share.of(way, [one == other for one, other in pairs]),
    )


if __name__ == "__main__":
    main()
