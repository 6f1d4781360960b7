"""Embedding pictures against ``clip-retrieval inference``, which writes the same vectors.

``python -m bench.embed_speed [--pictures 2000] [--pairs 1]``: JPEGs of 1 to 3 megapixels through
the same checkpoint, on all processors. Its weights are random, which takes as long as trained ones:
a ViT-B/32 of full size, where the model is most of the work; and the same of one thin layer, where
decoding is. Each program runs as its command line does, with its own batches and helper processes;
what differs is told in figures of both. Commands alternate. A run of a few pictures tells what each
pays once; rates are without it, and whole commands are printed beside.

Held to at least 1.1 times clip-retrieval's pictures a second with the large model and twice with
the small one, and to vectors that are the same within a cosine of 0.98: reduced decoding makes
other pixels than full decoding does.

Where there is an NVIDIA GPU both use it, and decoding is most of the work of the large model, which
then stands alone. Each program runs with its defaults, and once more with as many workers as a
machine of sixteen cores has use for; the better rate of each is taken, and held to 1.5 times
clip-retrieval's. ``--peer`` names a command to run as ``clip-retrieval``, where no environment can
be made for it.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import torch

from bench.decode import photos
from bench.device_time import device_name
from bench.peers import peer_environment

_CALUMMA = (sys.executable, "-m", "pipelines.main")
_PEER = (
    "clip-retrieval==2.45.0",
    "transformers==4.57.6",
    "torch==2.15.0",
    "torchvision==0.29.2",
    "setuptools==80.9.0",  # torch wants 77 at least, and clip the pkg_resources of old ones
)
_FEW = 16
_SIZES = ((1200, 900), (1600, 1200), (1920, 1440), (900, 1200))  # 1.1 to 2.8 megapixels
_DISTINCT = 25
_BOUNDS = {"ViT-B/32": 1.1, "one thin layer": 2.0}
_BOUNDS_WITH_GPU = {"ViT-B/32": 1.5}
_DEFAULTS = "defaults"
_Ways = dict[str, tuple[str, ...]]
_WAYS: dict[str, _Ways] = {"ours": {_DEFAULTS: ()}, "clip-retrieval": {_DEFAULTS: ()}}
_WAYS_WITH_GPU: dict[str, _Ways] = {
    "ours": {
        _DEFAULTS: (),
        "four workers": ("--workers", "4", "--decode-helpers", "4"),
    },
    "clip-retrieval": {
        _DEFAULTS: (),
        "16 workers": ("--num_prepro_workers", "16"),
    },
}
_LEAST_COSINE = 0.98


def write_checkpoint(folder: Path, *, large: bool) -> None:
    """Write a CLIP with random weights that both programs load."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    torch.manual_seed(1)
    sizes: dict[str, Any] = {} if large else {"num_hidden_layers": 1, "hidden_size": 64}
    heads = {} if large else {"num_attention_heads": 2, "intermediate_size": 64}
    config = CLIPConfig(
        text_config={"vocab_size": 49408, **sizes, **heads},
        vision_config={"patch_size": 32, **sizes, **heads},
        projection_dim=512,
    )
    images = CLIPImageProcessor(size={"shortest_edge": 224}, crop_size=224)
    # It has to be there, and is not used: only pictures are embedded.
    tokenizer = CLIPTokenizer(vocab={"<|startoftext|>": 0, "<|endoftext|>": 1}, merges=[])
    model: Any = CLIPModel(config)
    model.save_pretrained(folder)
    CLIPProcessor(images, tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]


def make_pictures() -> list[bytes]:
    """The distinct JPEGs."""

    def of_size(size: tuple[int, int]) -> list[bytes]:
        return photos(_DISTINCT, *size, "JPEG", quality=90)

    with ThreadPoolExecutor() as threads:
        return [data for some in threads.map(of_size, _SIZES) for data in some]


def write_pictures(folder: Path, made: list[bytes], count: int) -> Path:
    """So many JPEGs, of which each distinct one comes again and again."""
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:06d}.jpg"
        if number < len(made):
            path.write_bytes(made[number * 7 % len(made)])
        else:
            path.hardlink_to(folder / f"{number % len(made):06d}.jpg")
    return folder


class Bench:
    """Both commands, timed on the same pictures with the same checkpoint."""

    def __init__(self, folder: Path, many: Path, few: Path, peer: str | None) -> None:
        self._folder = folder
        self._many = many
        self._few = few
        self._count = sum(1 for _ in many.iterdir())
        self._peer = (
            shlex.split(peer)
            if peer
            else [str(peer_environment("clip-retrieval", *_PEER) / "clip-retrieval")]
        )
        self._runs = 0

    def compare(
        self, name: str, model: Path, pairs: int, ways: dict[str, _Ways], bound: float
    ) -> bool:
        """Print all rates and the ratio of the best; say whether the bounds are held."""
        run = {"ours": self._ours, "clip-retrieval": self._theirs}
        few: dict[str, list[float]] = {who: [] for who in ways}
        many: dict[tuple[str, str], list[float]] = {
            (who, way): [] for who, all_ways in ways.items() for way in all_ways
        }
        vectors: dict[str, dict[str, Any]] = {}
        for _ in range(pairs):
            for who, seconds in few.items():
                seconds.append(run[who](model, self._few, ())[0])
            for (who, way), seconds in many.items():
                taken, out = run[who](model, self._many, ways[who][way])
                seconds.append(taken)
                vectors[who] = _our_vectors(out) if who == "ours" else _their_vectors(out)
        rates: dict[str, float] = {}
        for (who, way), seconds in many.items():
            whole, start_up = statistics.median(seconds), statistics.median(few[who])
            rate = (self._count - _FEW) / (whole - start_up)
            rates[who] = max(rates.get(who, 0.0), rate)
            print(
                f"{name}, {who}, {way}: {rate:.1f} pictures/s apart from start-up; "
                f"the command {whole:.1f} s, of which start-up {start_up:.1f} s",
                flush=True,
            )
        ratio = rates["ours"] / rates["clip-retrieval"]
        mine, other = vectors["ours"], vectors["clip-retrieval"]
        cosines = [float(np.dot(mine[one], other[one])) for one in other if one in mine]
        least = min(cosines) if set(mine) == set(other) else -1.0
        print(
            f"{name}: {ratio:.2f} times clip-retrieval's rate, held to {bound}; "
            f"least cosine of the two vectors of a picture {least:.3f}, held to {_LEAST_COSINE}",
            flush=True,
        )
        return ratio >= bound and least >= _LEAST_COSINE

    def _ours(self, model: Path, pictures: Path, options: tuple[str, ...]) -> tuple[float, Path]:
        out = self._out()
        command = [*_CALUMMA, "embed", pictures, out, "--of", "image", "--model", model, *options]
        return self._timed(command), out

    def _theirs(self, model: Path, pictures: Path, options: tuple[str, ...]) -> tuple[float, Path]:
        out = self._out()
        asked = ["--clip_model", f"hf_clip:{model}", "--enable_text", "False", *options]
        where = ["--input_dataset", pictures, "--output_folder", out]
        return self._timed([*self._peer, "inference", *where, *asked]), out

    def _timed(self, command: list[object]) -> float:
        started = time.perf_counter()
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        # At once: whoever gives it too little time shall see what took long.
        program, last = Path(str(command[0])).name, " ".join(map(str, command[-4:]))
        print(f"{seconds:.1f} s: {program} ... {last}", flush=True)
        return seconds

    def _out(self) -> Path:
        self._runs += 1
        return self._folder / f"out-{self._runs}"


def _our_vectors(out: Path) -> dict[str, Any]:
    table = ds.dataset(out / "embeddings").to_table(["asset_id", "vector"])
    return {row["asset_id"]: np.array(row["vector"]) for row in table.to_pylist()}


def _their_vectors(out: Path) -> dict[str, Any]:
    paths: list[str] = []
    for file in sorted((out / "metadata").glob("*.parquet")):
        paths += map(str, ds.dataset(file).to_table()["image_path"].to_pylist())
    vectors = np.concatenate([np.load(file) for file in sorted((out / "img_emb").glob("*.npy"))])
    return {Path(path).name: one.astype(float) for path, one in zip(paths, vectors, strict=True)}


def main() -> None:
    """Print the ratios; end with 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--peer", help="a command to run as clip-retrieval")
    arguments = parser.parse_args()
    gpu = torch.cuda.is_available()
    print(f"on {device_name(torch.device('cuda' if gpu else 'cpu'))}, {os.cpu_count()} cores")
    held = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make_pictures()
        many = write_pictures(folder / "many", made, arguments.pictures)
        few = write_pictures(folder / "few", made, _FEW)
        bench = Bench(folder, many, few, arguments.peer)
        for model, bound in (_BOUNDS_WITH_GPU if gpu else _BOUNDS).items():
            checkpoint = folder / model.replace("/", "-")
            write_checkpoint(checkpoint, large=model == "ViT-B/32")
            ways = _WAYS_WITH_GPU if gpu else _WAYS
            held.append(bench.compare(model, checkpoint, arguments.pairs, ways, bound))
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
