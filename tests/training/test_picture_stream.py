"""Pictures of a catalog in batches: each once, at their places, whatever fails."""

import csv
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from transformers import AutoImageProcessor

from models.source import EMBEDDED_FOLDER
from schemas.errors import RunError, UsageError
from training.picture_frames import Augmentation, Framer
from training.picture_stream import PictureStream, StreamSettings

SIDE = 16
COUNT = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures, each of one colour that tells its number."""
    folder = tmp_path_factory.mktemp("numbered")
    for number in range(COUNT):
        pixels = np.full((SIDE, SIDE, 3), (number, 255 - number, 7), np.uint8)
        Pillow.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


def settings(catalog: Path, **changes: Any) -> StreamSettings:
    plain = StreamSettings(catalog=str(catalog), framer=Framer(side=SIDE), held_out=4, seed=3)
    return replace(plain, **changes)


def numbers(pixels: torch.Tensor) -> list[int]:
    assert pixels.dtype == torch.uint8
    assert pixels.shape[1:] == (3, SIDE, SIDE)
    return pixels[:, 0, 5, 5].tolist()


def opened(tmp_path: Path, catalog: Path, **changes: Any) -> "closing[PictureStream]":
    return closing(PictureStream(settings(catalog, **changes), tmp_path / "listing"))


# All in memory, and blocks of ten.
MEMORY = (1 << 20, 20 * 3 * SIDE**2)


@pytest.mark.parametrize("memory", MEMORY)
def test_each_epoch_has_each_picture_once_and_none_that_is_held_out(
    folder: Path, tmp_path: Path, memory: int
) -> None:
    with opened(tmp_path, folder, memory=memory) as stream:
        assert stream.rows == COUNT - 4
        batches = [numbers(stream.batch(start, 8).pixels) for start in range(0, 112, 8)]
        epochs = [list(chain(*batches[:7])), list(chain(*batches[7:]))]
        apart = [one for batch in stream.held_out(3) for one in numbers(batch.pixels)]
        # A batch over the end of an epoch.
        across = numbers(stream.batch(52, 8).pixels)
        assert not stream.failures
    assert across == epochs[0][52:] + epochs[1][:4]
    assert epochs[0] != epochs[1]
    assert len(apart) == 4
    for epoch in epochs:
        assert sorted(epoch + apart) == list(range(COUNT))
        assert epoch != sorted(epoch)


@pytest.mark.parametrize("memory", MEMORY)
def test_a_batch_depends_on_its_place_alone(folder: Path, tmp_path: Path, memory: int) -> None:
    changes: dict[str, Any] = {
        "memory": memory,
        "augmentation": Augmentation(mirror=True, shift=2),
        "framer": Framer(side=SIDE, rule="crop"),
    }
    with opened(tmp_path, folder, **changes) as stream:
        before = [stream.batch(start, 7).pixels for start in range(0, 140, 7)]
    with opened(tmp_path, folder, **changes) as stream:
        for number in (19, 3, 8):
            assert torch.equal(stream.batch(7 * number, 7).pixels, before[number])
        identity = stream.identity
    with opened(tmp_path, folder, seed=4) as stream:
        assert not torch.equal(stream.batch(0, 7).pixels, before[0])
        assert stream.identity == identity


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty")
def test_threads_may_ask_for_batches_of_different_blocks(folder: Path, tmp_path: Path) -> None:
    # Blocks of one picture.
    with opened(tmp_path, folder, memory=2 * 3 * SIDE**2) as stream:
        alone = [numbers(stream.batch(start, 2).pixels) for start in range(20)]
        # How long a block takes to be read is not what is tried.
        rows = [stream._load_block(0, number) for number in range(22)]
        stream._load_block = lambda epoch, number: rows[epoch + number]  # type: ignore[method-assign]
        starts = [start for start in range(20) for _ in range(4)] * 10
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda start: numbers(stream.batch(start, 2).pixels), starts))
    assert made == [alone[start] for start in starts]


@pytest.fixture
def captioned(folder: Path, tmp_path: Path) -> Path:
    """A catalog with captions, of which one is empty, and a picture that is missing."""
    path = tmp_path / "captions.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "uri", "caption"])
        for number in range(20):
            uri = folder / (f"{number:03d}.png" if number != 5 else "none.png")
            writer.writerow([f"p{number}", uri, "" if number == 9 else f"number {number}"])
    return path


def test_texts_stay_with_their_pictures_and_what_fails_is_stood_in_for(
    captioned: Path, tmp_path: Path
) -> None:
    with opened(tmp_path, captioned, texts=True, held_out=2, max_failure_rate=0.2) as stream:
        seen = []
        for start in range(0, 18, 6):
            batch = stream.batch(start, 6)
            assert len(batch.texts) == len(batch.pixels) == 6
            assert [f"number {one}" for one in numbers(batch.pixels)] == list(batch.texts)
            seen += numbers(batch.pixels)
        seen += [one for batch in stream.held_out(2) for one in numbers(batch.pixels)]
        failures = stream.failures
    assert set(seen) == set(range(20)) - {5, 9}
    assert failures.startswith("2 of 20 rows could not be used (")
    assert "1 not_found" in failures
    assert "1 invalid_row" in failures
    assert "p5: There is no file" in failures or "p9: It has no text." in failures


def test_too_many_failures_end_it(folder: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.csv"
    lines = [f"{folder}/{number % COUNT:03d}.png" for number in range(88)]
    lines += ["gone.png"] * 22
    catalog.write_text("\n".join(["uri", *lines]))
    with opened(tmp_path, catalog) as stream, pytest.raises(RunError, match="more than the 10%"):
        stream.batch(0, 8)
    with opened(tmp_path, catalog, max_failure_rate=0.3) as stream:
        stream.batch(0, 8)
        assert "22 not_found" in stream.failures or "21 not_found" in stream.failures
    catalog.write_text("uri\ngone.png\nlost.png\naway.png\n")
    with opened(tmp_path, catalog, held_out=1) as stream, pytest.raises(RunError, match="2 of 2"):
        stream.batch(0, 2)
    with pytest.raises(UsageError, match="has 3 pictures, of which 4 are to be held out"):
        PictureStream(settings(catalog), tmp_path / "listing")


def shapes() -> Iterator[tuple[int, int]]:
    yield from ((40, 90), (77, 33), (64, 64), (20, 21))


def test_frames_are_those_of_the_checkpoints_processor() -> None:
    processor: Any = AutoImageProcessor.from_pretrained(EMBEDDED_FOLDER, backend="pil")  # type: ignore[no-untyped-call]
    generator = np.random.default_rng(0)
    for height, width in shapes():
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        plain = processor(images=[Pillow.fromarray(pixels)], do_rescale=False, do_normalize=False)[
            "pixel_values"
        ][0]
        made = Framer(side=64).frame(pixels, 0, 0)
        np.testing.assert_array_equal(made, np.asarray(plain).transpose(1, 2, 0))


def test_frames_are_moved_and_mirrored_each_by_itself() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (40, 9, 9, 3), dtype=np.uint8)
    changed = Augmentation(mirror=True, shift=2).apply(frames, np.random.default_rng(1))
    found: set[tuple[int, int, bool]] = set()
    for frame, made in zip(frames, changed, strict=True):
        padded = np.pad(frame, ((2, 2), (2, 2), (0, 0)), mode="edge")
        options = {
            (down, across, mirrored): _cut(padded, down, across, mirrored=mirrored)
            for down in range(5)
            for across in range(5)
            for mirrored in (False, True)
        }
        found.add(next(key for key, one in options.items() if np.array_equal(one, made)))
    assert len(found) > 15
    assert len({down for down, _, _ in found}) == len({across for _, across, _ in found}) == 5
    assert np.array_equal(Augmentation().apply(frames, np.random.default_rng(1)), frames)


def _cut(
    padded: "np.ndarray[Any, Any]", down: int, across: int, *, mirrored: bool
) -> "np.ndarray[Any, Any]":
    part = padded[down : down + 9, across : across + 9]
    return part[:, ::-1] if mirrored else part
