"""Whether another device, or another batch, makes other codes and texts of the same rows.

``python -m bench.devices [--requests 64] [--pictures 200] [--device cuda]``: calumma-tiny in
float32. The same requests with the same seeds are drawn on the CPU and on the device, and there in
batches of 1, 8 and all; the same pictures are captioned, and turned into codes, on both. Printed is
how many rows come out the same, and how many codes do not. Nothing is held to a bound: devices
round differently, and a row near a tie may come out otherwise.
"""

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.device_time import device_name
from models.checkpoint import pick_device
from models.describing import DecodingSettings, DescribeRequest, Description, load_describer
from models.framing import Framing
from models.generating import ImageRequest, ImageSettings, load_image_generator
from models.image_tokens import ImageCodes, TokenizeRequest, load_image_tokenizer
from models.prompts import prompts_for
from models.source import DEFAULT_MODEL, resolve_image_tokenizer, resolve_model
from pipelines.demo import write_demo_catalog
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from training.captions import COLORS, SHAPES

Codes = list[NDArray[np.int32]]
_BATCHES = (1, 8)
_BATCH = 32


def drawn(device: str, count: int, batch: int) -> Codes:
    """The codes of so many requests, guided and sampled, in batches of a size."""
    source = resolve_model(DEFAULT_MODEL)
    generator = load_image_generator(source, device=device, dtype="float32")
    template = prompts_for(source).draw
    looks = itertools.islice(itertools.cycle(itertools.product(COLORS, SHAPES)), count)
    rows = [
        ImageRequest(prompt=template.replace("{prompt}", f"a {color} {shape}"), seed=seed)
        for seed, (color, shape) in enumerate(looks)
    ]
    settings = ImageSettings(guidance=2.0, top_p=0.95)
    codes: Codes = []
    for start in range(0, count, batch):
        for samples in generator.generate(generator.encode(rows[start : start + batch], settings)):
            assert isinstance(samples, tuple)
            codes += [sample.codes for sample in samples]
    return codes


def captioned(device: str, pictures: Sequence[NDArray[np.uint8]]) -> list[str]:
    """What is said of each picture."""
    source = resolve_model(DEFAULT_MODEL)
    model = load_describer(source, device=device, dtype="float32")
    prompt = prompts_for(source).short_caption
    texts = []
    for start in range(0, len(pictures), _BATCH):
        requests = [
            DescribeRequest(images=(pixels,), prompt=prompt, seed=0)
            for pixels in pictures[start : start + _BATCH]
        ]
        for said in model.describe(requests, DecodingSettings(max_new_tokens=64)):
            assert isinstance(said, Description)
            texts.append(said.text)
    return texts


def tokenized(device: str, pictures: Sequence[NDArray[np.uint8]], batch: int) -> Codes:
    """The codes of each picture."""
    model = load_image_tokenizer(
        resolve_image_tokenizer(DEFAULT_MODEL), device=device, decoder=False
    )
    codes: Codes = []
    for start in range(0, len(pictures), batch):
        requests = [TokenizeRequest(pixels=pixels) for pixels in pictures[start : start + batch]]
        for one in model.encode(model.prepare(requests, Framing())):
            assert isinstance(one, ImageCodes)
            codes.append(one.codes)
    return codes


def tell(what: str, some: Codes, others: Codes) -> None:
    """Print how many rows are the same, and how many codes are not."""
    same = sum(np.array_equal(one, other) for one, other in zip(some, others, strict=True))
    differ = sum(int((one != other).sum()) for one, other in zip(some, others, strict=True))
    codes = sum(one.size for one in some)
    print(
        f"{what}: {same} of {len(some)} rows the same; {differ} of {codes} codes differ", flush=True
    )


def main() -> None:
    """Print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--device")
    arguments = parser.parse_args()
    chosen = pick_device(arguments.device)
    device, count = str(chosen), arguments.requests
    print(f"calumma-tiny in float32, CPU against {device_name(chosen)}", flush=True)
    there = drawn(device, count, count)
    tell("drawn, CPU against device", drawn("cpu", count, count), there)
    for batch in _BATCHES:
        there_too = drawn(device, count, batch)
        tell(f"drawn on the device, batches of {batch} against {count}", there_too, there)
    with tempfile.TemporaryDirectory() as name:
        folder, _ = write_demo_catalog(Path(name))
        pictures = [
            decode_image(path.read_bytes(), limits=DecodeLimits(), wanted_pixels=64).pixels
            for path in sorted(folder.iterdir())[: arguments.pictures]
        ]
    texts = zip(captioned("cpu", pictures), captioned(device, pictures), strict=True)
    same = sum(one == other for one, other in texts)
    print(f"captions, CPU against device: {same} of {len(pictures)} texts the same", flush=True)
    here = tokenized("cpu", pictures, _BATCH)
    there = tokenized(device, pictures, _BATCH)
    tell("codes of pictures, CPU against device", here, there)
    tell("codes of pictures on the device, one by one", tokenized(device, pictures, 1), there)


if __name__ == "__main__":
    main()
