"""How many planted copies are found, and how much else, over thresholds.

``python -m bench.duplicates``: 5,000 pictures, 4,000 of easy-VQA and a planted copy of every fourth
of them, are signed through the command line. At the default and at other thresholds it prints
precision and recall over pairs (two pictures of one cluster), each counted in two ways: strictly,
where every pair counts that was not planted; and without those pairs of originals that show the
same shape in the same colour within a pixel, as easy-VQA has some itself.

``--rows N`` adds how long the search takes among N random signatures, a fifth of them noisy copies:
of all at once, and of the night when a hundredth is new. ``--originals 0`` leaves out the rest.
"""

import argparse
import itertools
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray
from PIL import Image

from bench.measuring import PeakMemory
from storage.duplicates.clusters import Compared, Nearness, find_clusters
from storage.duplicates.components import Rows
from storage.duplicates.pictures import Pictures, read_pictures
from storage.duplicates.table import find_signatures
from tests.planting import Planted, plant

_CALUMMA = str(Path(sysconfig.get_path("scripts"), "calumma"))
_THRESHOLDS = (1, 2, 3, 4, 5, 5.5, 6, 6.5, 7, 8, 9, 10, 12)
_DEFAULT = 6.0
_SIMILARITY = 0.9
# The share that is new in a night.
_NIGHT = 0.01
_BACKGROUND_LEVELS = 30

Pair = tuple[str, str]


def pairs_of(names: Sequence[str], groups: Iterable[int]) -> set[Pair]:
    """All pairs of names that are in one group."""
    members: dict[int, list[str]] = {}
    for name, group in zip(names, groups, strict=True):
        members.setdefault(group, []).append(name)
    return {pair for some in members.values() for pair in itertools.combinations(sorted(some), 2)}


def looks(path: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What an easy-VQA picture shows: a shape's colour, its frame, and its area's root."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(np.int64)
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    commonest = colours[np.argsort(-counts)]
    there = np.abs(pixels - commonest[0]).max(axis=2) > _BACKGROUND_LEVELS
    rows, columns = np.nonzero(there)
    frame = (rows.min(), rows.max(), columns.min(), columns.max(), int(np.sqrt(there.sum())))
    return tuple(map(int, commonest[1])), tuple(map(int, frame))


def same_by_nature(planted: Planted, pairs: Iterable[Pair]) -> set[Pair]:
    """Pairs whose originals show a shape of one colour whose frames differ by a pixel at most."""
    found = set()
    for pair in pairs:
        one, other = (looks(planted.folder / planted.sources.get(name, name)) for name in pair)
        apart = max(abs(a - b) for a, b in zip(one[1], other[1], strict=True))
        if one[0] == other[0] and apart <= 1:
            found.add(pair)
    return found


def measure(originals: int, copies: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        planted = plant(Path(name) / "pictures", originals, copies, seed)
        out = Path(name) / "out"
        done = subprocess.run(
            [_CALUMMA, "duplicates", str(planted.folder), str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout, end="")
        if done.returncode:
            sys.exit(done.stderr)
        table = ds.dataset(out / "duplicates").to_table(["asset_id", "kept_id"]).to_pylist()
        told = pairs_of(
            [row["asset_id"] for row in table],
            [hash(row["kept_id"]) for row in table],
        )
        signatures = find_signatures(str(out), upto=1)
        names = [
            str(row)
            for _, rows in signatures.read(["asset_id"])
            for row in rows["asset_id"].to_pylist()
        ]
        pictures = read_pictures(signatures, Path(name))
        truth = pairs_of(names, planted.groups(names))
        print(f"{len(names)} pictures, {len(planted.sources)} of them planted")
        print("threshold  recall  precision  (without what easy-VQA has itself)  by kind")
        for threshold in _THRESHOLDS:
            nearness = Nearness(max_difference=threshold, min_similarity=_SIMILARITY)
            found = pairs_of(names, find_clusters(pictures, nearness, Path(name)).tolist())
            if threshold == _DEFAULT and found != told:
                sys.exit("the command line found other pairs")
            _print_line(threshold, planted, truth, found)


def _print_line(threshold: float, planted: Planted, truth: set[Pair], found: set[Pair]) -> None:
    right = found & truth
    wrong = found - truth
    by_nature = same_by_nature(planted, wrong)
    recall = len(right) / len(truth)
    precision = len(right) / max(len(found), 1)
    fair = len(right) / max(len(found - by_nature), 1)
    kinds = Counter(planted.kinds.values())
    hit = Counter(planted.kinds[name] for pair in right for name in pair if name in planted.kinds)
    told = ", ".join(f"{kind} {hit[kind] / kinds[kind]:.3f}" for kind in kinds)
    bar = "#" * round(recall * 30)
    default = " (default)" if threshold == _DEFAULT else ""
    print(
        f"{threshold:9g}  {recall:.4f}  {precision:.4f}     ({fair:.4f}, {len(wrong)} pairs not "
        f"planted, {len(by_nature)} of these alike by themselves)  {told}  {bar}{default}"
    )


def random_pictures(count: int, folder: Path) -> tuple[Pictures, NDArray[np.int64]]:
    """Signatures with the spectrum of photographs, the last fifth noisy copies of others."""
    rng = np.random.default_rng(0)
    signatures = np.memmap(folder / "random.u8", np.uint8, "w+", shape=(count, 768))
    across, down = np.meshgrid(np.fft.fftfreq(16), np.fft.fftfreq(16))
    fall = 1 / np.maximum(np.hypot(across, down), 1 / 16) ** 1.2
    for start in range(0, count, 10_000):
        block = signatures[start : start + 10_000]
        noise = rng.standard_normal((len(block), 1, 16, 16))
        noise = noise + rng.standard_normal((len(block), 3, 16, 16)) / 2
        shown = np.fft.ifft2(np.fft.fft2(noise) * fall).real
        shown /= shown.std(axis=(1, 2, 3), keepdims=True)
        shown *= rng.uniform(20, 70, (len(block), 1, 1, 1))
        shown += rng.uniform(70, 190, (len(block), 1, 1, 1))
        block[:] = np.clip(shown, 0, 255).transpose(0, 2, 3, 1).reshape(len(block), 768)
    copies = count // 5
    sources = rng.integers(0, count - copies, copies)
    for start in range(0, copies, 10_000):
        some = sources[start : start + 10_000]
        noisy = signatures[some] + rng.integers(-3, 4, (len(some), 768))
        first = count - copies + start
        signatures[first : first + len(some)] = np.clip(noisy, 0, 255)
    vectors = np.memmap(folder / "random.f16", np.float16, "w+", shape=(count, 64))
    vectors[:] = 1 / 8
    words = np.arange(2 * count, dtype=np.uint64).reshape(count, 2)
    pictures = Pictures(
        newest=np.arange(count, dtype=np.int32),
        identity=words,
        content=words,
        pixels=words,
        signatures=signatures,
        vectors=vectors,
    )
    return pictures, sources


def measure_time(count: int) -> None:
    """Search all but a hundredth, then the night when that is new, then all at once."""
    with tempfile.TemporaryDirectory() as name:
        pictures, sources = random_pictures(count, Path(name))
        new = np.random.default_rng(1).random(count) < _NIGHT
        old = np.flatnonzero(~new).astype(np.int32)
        roots, _ = _searched(f"{len(old)} signatures", replace(pictures, newest=old), Path(name))
        before = Compared(rows=~new, first=old, second=roots[old])
        roots, nightly = _searched(f"{new.sum()} more", pictures, Path(name), before)
        whole, at_once = _searched(f"{count} at once", pictures, Path(name))
        found = float((whole[count - len(sources) :] == whole[sources]).mean())
    if (roots != whole).any():
        sys.exit("the night found others than the search of all")
    print(
        f"{found:.4f} of {len(sources)} copies found; a night takes {nightly / at_once:.3f} of all"
    )


def _searched(
    what: str, pictures: Pictures, folder: Path, before: Compared | None = None
) -> tuple[Rows, float]:
    """Search, and print what it took; the clusters, and seconds of processor time."""
    nearness = Nearness(max_difference=_DEFAULT, min_similarity=_SIMILARITY)
    with PeakMemory() as memory:
        had = memory.mebibytes
        started, worked = time.monotonic(), time.process_time()
        roots = find_clusters(pictures, nearness, folder, before=before)
        seconds, cpu = time.monotonic() - started, time.process_time() - worked
    more = memory.mebibytes - had
    print(f"{what}: {seconds:.0f} s, {cpu:.0f} s of CPU, {more:.0f} MiB more", flush=True)
    return roots, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--originals", type=int, default=4000)
    parser.add_argument("--copies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    if asked.originals:
        measure(asked.originals, asked.copies, asked.seed)
    for count in asked.rows:
        measure_time(count)


if __name__ == "__main__":
    main()
