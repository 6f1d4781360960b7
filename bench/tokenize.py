"""The tokenizing job against a bare encoder loop, and how well the encoder uses the machine.

``python -m bench.tokenize [--pictures 1000] [--repeats 5]``: the job on calumma-tiny, against a
loop that decodes and encodes in turn and against one whose pictures were decoded beforehand; the
same files, model and batches. Ratios above 1 mean that the job is faster; medians of interleaved
runs, the model's loading and the building of the graph left out on both sides.

``--full-size N`` adds the encoder of a Chameleon checkpoint at its published size (8,192 codes,
512 x 512 pixels, random weights): N pictures through the project's tokenizer, with the preparation
of their values apart, and what share of the machine's peak the encoder's operations make. The peak
is that of a product of two square matrices, in the number format that the encoder's convolutions
use (float32; TF32 on an NVIDIA GPU). ``--device`` says where. ``--pictures 0`` leaves out the rest.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from easy_vqa import get_test_image_paths
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    ChameleonConfig,
    ChameleonImageProcessor,
    ChameleonVQVAE,
    ChameleonVQVAEConfig,
)

from bench.job_time import job_seconds
from models.framing import Framing
from models.image_tokens import ImageCodes, ImageTokenizer, TokenizeRequest, load_image_tokenizer
from models.source import resolve_image_tokenizer
from pipelines.config import TokenizeConfig
from pipelines.demo import write_demo_catalog
from pipelines.job import Job, prepare_job
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from transforms.settings import TokenizeSettings

_SIDE = 512
_CODES = 8192
# Large enough for the peak, and small enough for a minute of one core.
_GEMM_SIDE = {"cpu": 2048, "cuda": 8192}
_GEMM_REPEATS = 10
_LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


def loop_seconds(job: Job, model: ImageTokenizer, paths: list[Path], *, beforehand: bool) -> float:
    """A loop over batches; pictures decoded beforehand are not part of its time."""
    work = job.work
    assert isinstance(work, TokenizeSettings)

    def request(path: Path) -> TokenizeRequest:
        image = decode_image(path.read_bytes(), limits=DecodeLimits(), wanted_pixels=64)
        return TokenizeRequest(pixels=image.pixels)

    size = work.batch_size
    batches = [paths[start : start + size] for start in range(0, len(paths), size)]
    ready = [[request(path) for path in batch] for batch in batches] if beforehand else None
    started = time.perf_counter()
    for number, batch in enumerate(batches):
        requests = ready[number] if ready else [request(path) for path in batch]
        model.encode(model.prepare(requests, work.framing))
    return time.perf_counter() - started


def compare_job(count: int, repeats: int) -> None:
    """Print how the job compares with the loops."""
    in_turn, beforehand, rates, start_up = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        pictures, _ = write_demo_catalog(Path(name) / "catalog")
        paths = sorted(pictures.iterdir())[:count]
        model = None
        for number in range(repeats):
            job = prepare_job(str(pictures), f"{name}/out{number}", TokenizeConfig(limit=count))
            model = model or load_image_tokenizer(job.work.source, decoder=False)
            # What any run pays once: helper processes, graph, commit.
            one = prepare_job(str(pictures), f"{name}/one{number}", TokenizeConfig(limit=1))
            start_up.append(job_seconds(one))
            seconds = job_seconds(job) - start_up[-1]
            in_turn.append(loop_seconds(job, model, paths, beforehand=False) / seconds)
            beforehand.append(loop_seconds(job, model, paths, beforehand=True) / seconds)
            rates.append(len(paths) / seconds)
    print(f"start-up: {statistics.median(start_up):.2f} s, left out below")
    print(f"job: {statistics.median(rates):.1f} pictures/s")
    print(f"against decoding and encoding in turn:  {statistics.median(in_turn):.2f}")
    print(f"against pictures decoded beforehand:    {statistics.median(beforehand):.2f}")


def write_full_size(folder: Path) -> None:
    """Write what a tokenizer reads of a Chameleon checkpoint, with random weights."""
    torch.manual_seed(0)
    vq = ChameleonVQVAE(ChameleonVQVAEConfig(num_embeddings=_CODES))
    names = [f"IMGIMG{str(code).translate(_LETTERS)}Z" for code in range(_CODES)]
    config = ChameleonConfig(
        vq_config=vq.config.to_dict(),
        vocabulary_map={"<image>": 4, **{name: 5 + place for place, name in enumerate(names)}},
    )
    config.architectures = ["ChameleonForConditionalGeneration"]
    config.save_pretrained(folder)
    ChameleonImageProcessor().save_pretrained(folder)
    weights = {f"model.vqmodel.{name}": value for name, value in vq.state_dict().items()}
    save_file(weights, folder / "model.safetensors")


def operations_of_a_picture() -> int:
    """Floating-point operations of encoding one picture; a multiply-add is two."""
    with torch.device("meta"):
        vq = ChameleonVQVAE(ChameleonVQVAEConfig(num_embeddings=_CODES))
        picture = torch.empty(1, 3, _SIDE, _SIDE)
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        vq.encode(picture)
    return counter.get_total_flops()


def gemm_peak(device: torch.device) -> float:
    """Operations a second of a product of square matrices."""
    if device.type == "cuda" and torch.backends.cudnn.allow_tf32:
        torch.set_float32_matmul_precision("high")
    side = _GEMM_SIDE[device.type]
    left = torch.randn(side, side, device=device)
    right = torch.randn(side, side, device=device)
    taken = [_seconds(lambda: left @ right, device) for _ in range(_GEMM_REPEATS)]
    return 2 * side**3 / min(taken)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def measure_full_size(count: int, batch_size: int, name: str) -> None:
    """Print how fast the encoder of full size is."""
    device = torch.device(name)
    operations = operations_of_a_picture()
    with tempfile.TemporaryDirectory() as folder:
        write_full_size(Path(folder))
        model = load_image_tokenizer(resolve_image_tokenizer(folder), device=name, decoder=False)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (batch_size, _SIDE, _SIDE, 3), dtype=np.uint8)
    requests = [TokenizeRequest(pixels=one) for one in pixels]
    prepare = _seconds(lambda: model.prepare(requests, Framing()), device) / batch_size
    prepared = model.prepare(requests, Framing())
    grids: list[object] = []
    model.encode(prepared)
    batches = max(count // batch_size, 1)
    taken = [_seconds(lambda: grids.extend(model.encode(prepared)), device) for _ in range(batches)]
    assert all(isinstance(one, ImageCodes) for one in grids)
    each = statistics.median(taken) / batch_size
    peak = gemm_peak(device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"Chameleon's encoder at full size on {where}, {torch.get_num_threads()} threads:")
    print(f"  {1 / each:.2f} pictures/s in batches of {batch_size}; {1 / prepare:.1f}/s prepared")
    print(f"  {operations / 1e9:.0f} GFLOP a picture: {operations / each / 1e9:.0f} GFLOP/s")
    print(f"  {operations / each / peak:.0%} of the GEMM's {peak / 1e9:.0f} GFLOP/s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=len(get_test_image_paths()))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--full-size", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.pictures:
        compare_job(arguments.pictures, arguments.repeats)
    if arguments.full_size:
        measure_full_size(arguments.full_size, arguments.batch_size, arguments.device)


if __name__ == "__main__":
    main()
