"""The tokenizing job against a bare encoder loop, and how well the encoder uses the machine.

``python -m bench.tokenize [--pictures 1000] [--repeats 5]``: the job on calumma-tiny, against a
loop that decodes and encodes in turn and against one whose pictures were decoded beforehand; the
same files, model and batches. Ratios above 1 mean that the job is faster; medians of interleaved
runs, the model's loading and the building of the graph left out on both sides. Of the latter loop
the job is held to 0.95; ends with 1 where it has less.

``--full-size N`` adds the tokenizer of a Chameleon checkpoint at its published size (8,192 codes,
512 x 512 pixels, random weights): the job over N JPEGs of 2.5 megapixels against the same loops;
and N pictures through the project's tokenizer, with the preparation of their values apart, and
what share of the machine's peak the encoder's operations make. The peak
is that of a product of two square matrices, in the number format that the encoder's convolutions
use (float32, without TF32). ``--batch-size`` takes several sizes, and ``--device`` says
where. ``--pictures 0`` leaves out the rest.

On an NVIDIA GPU that tokenizer is followed by the encoder alone, with its input on the GPU: in
batches of those sizes, in float32, in TF32 and in bfloat16, each against the peak in that format;
and by how many codes of the latter two are those of float32.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

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

from bench.bounds import held
from bench.decode import photos
from bench.device_time import device_name, seconds_of
from bench.job_time import job_seconds
from models.framing import Framing
from models.image_tokens import ImageCodes, ImageTokenizer, TokenizeRequest, load_image_tokenizer
from models.source import resolve_image_tokenizer
from pipelines.config import TokenizeConfig
from pipelines.demo import write_demo_catalog
from pipelines.job import Job, prepare_job
from storage.decoding.decode import decode_image
from transforms.settings import TokenizeSettings

_SIDE = 512
_CODES = 8192
_BOUND = 0.95
# Large enough for the peak, and small enough for a minute of one core.
_GEMM_SIDE = {"cpu": 2048, "cuda": 8192}
_GEMM_REPEATS = 10
_LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


def loop_seconds(job: Job, model: ImageTokenizer, paths: list[Path], *, beforehand: bool) -> float:
    """A loop over batches; pictures decoded beforehand are not part of its time."""
    work = job.work
    assert isinstance(work, TokenizeSettings)

    def request(path: Path) -> TokenizeRequest:
        limits, wanted = job.read.limits, job.read.wanted_pixels
        image = decode_image(path.read_bytes(), limits=limits, wanted_pixels=wanted)
        return TokenizeRequest(pixels=image.pixels)

    size = work.batch_size
    batches = [paths[start : start + size] for start in range(0, len(paths), size)]
    ready = [[request(path) for path in batch] for batch in batches] if beforehand else None
    started = time.perf_counter()
    for number, batch in enumerate(batches):
        requests = ready[number] if ready else [request(path) for path in batch]
        model.encode(model.prepare(requests, work.framing))
    return time.perf_counter() - started


def compare_job(name: str, pictures: Path, config: TokenizeConfig, repeats: int) -> bool:
    """Print how the job compares with the loops, over a folder of pictures; is the bound held?"""
    in_turn, beforehand, rates, start_up = [], [], [], []
    paths = sorted(pictures.iterdir())[: config.limit]
    with tempfile.TemporaryDirectory() as out:
        model = None
        for number in range(repeats):
            job = prepare_job(str(pictures), f"{out}/out{number}", config)
            if model is None:
                model = load_image_tokenizer(job.work.source, decoder=False, device=config.device)
                # A device's first batch takes longer than any other.
                loop_seconds(job, model, paths[: config.batch_size], beforehand=False)
            # What any run pays once: helper processes, graph, commit; and the one picture's time.
            one = prepare_job(str(pictures), f"{out}/one{number}", replace(config, limit=1))
            start_up.append(job_seconds(one))
            start_up[-1] -= loop_seconds(job, model, paths[:1], beforehand=True)
            seconds = job_seconds(job) - start_up[-1]
            in_turn.append(loop_seconds(job, model, paths, beforehand=False) / seconds)
            beforehand.append(loop_seconds(job, model, paths, beforehand=True) / seconds)
            rates.append(len(paths) / seconds)
    assert model is not None
    print(f"{name} on {device_name(torch.device(model.device))}")
    print(f"start-up: {statistics.median(start_up):.2f} s, left out below")
    print(f"job: {statistics.median(rates):.2f} pictures/s")
    print(f"against decoding and encoding in turn:  {statistics.median(in_turn):.2f}")
    ratio = statistics.median(beforehand)
    return held(f"against pictures decoded beforehand:    {ratio:.2f}", ratio, least=_BOUND)


def write_photos(folder: Path, count: int) -> Path:
    """Write JPEGs of 2.5 megapixels."""
    folder.mkdir()
    for number, data in enumerate(photos(count, 1920, 1280, "JPEG", quality=90)):
        (folder / f"{number:04d}.jpg").write_bytes(data)
    return folder


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
    folder.mkdir(exist_ok=True)
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


def gemm_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a product of square matrices."""
    before = torch.backends.cuda.matmul.allow_tf32
    # As the convolutions have it.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    side = _GEMM_SIDE[device.type]
    left = torch.randn(side, side, device=device).to(dtype)
    right = torch.randn(side, side, device=device).to(dtype)
    taken = [seconds_of(lambda: left @ right, device) for _ in range(_GEMM_REPEATS)]
    torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * side**3 / min(taken)


def measure_full_size(count: int, batch_sizes: Sequence[int], name: str, repeats: int) -> bool:
    """Print how fast the encoder of full size is, and how the job with it compares.

    Returns:
        Whether the job's bound is held.

    """
    device = torch.device(name)
    operations = operations_of_a_picture()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint")
        write_full_size(checkpoint)
        source = resolve_image_tokenizer(str(checkpoint))
        model = load_image_tokenizer(source, device=name, decoder=False)
        config = TokenizeConfig(model=str(checkpoint), device=name, limit=count)
        pictures = write_photos(Path(folder, "photos"), count)
        holds = compare_job("Chameleon's tokenizer at full size", pictures, config, repeats)
    print(
        f"Chameleon's encoder at full size on {device_name(device)}, "
        f"{torch.get_num_threads()} threads: {operations / 1e9:.0f} GFLOP a picture"
    )
    peak = gemm_peak(device, torch.float32)
    for batch_size in batch_sizes:
        each, prepare = tokenizer_seconds(model, count, batch_size, device)
        print(f"  tokenizer, batches of {batch_size}: {_told(each, operations, peak)}")
        print(f"    {1 / prepare:.1f} pictures/s prepared", flush=True)
    if device.type == "cuda":
        measure_encoder(count, batch_sizes, device, operations)
    return holds


def tokenizer_seconds(
    model: ImageTokenizer, count: int, batch_size: int, device: torch.device
) -> tuple[float, float]:
    """Seconds that a picture takes to encode, and to prepare."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (batch_size, _SIDE, _SIDE, 3), dtype=np.uint8)
    requests = [TokenizeRequest(pixels=one) for one in pixels]
    prepare = seconds_of(lambda: model.prepare(requests, Framing()), device)
    prepared = model.prepare(requests, Framing())
    grids: list[object] = []
    model.encode(prepared)
    taken = [
        seconds_of(lambda: grids.extend(model.encode(prepared)), device)
        for _ in range(max(count // batch_size, 1))
    ]
    assert all(isinstance(one, ImageCodes) for one in grids)
    return statistics.median(taken) / batch_size, prepare / batch_size


def measure_encoder(
    count: int, batch_sizes: Sequence[int], device: torch.device, operations: int
) -> None:
    """Print how fast the library's encoder is by itself, in three number formats."""
    torch.manual_seed(0)
    vq: Any = ChameleonVQVAE(ChameleonVQVAEConfig(num_embeddings=_CODES))
    vq.eval().to(device)
    exact: torch.Tensor | None = None
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
        ("bfloat16", torch.bfloat16, True),
    ):
        torch.backends.cudnn.allow_tf32 = tf32
        vq.to(dtype)
        peak = gemm_peak(device, dtype)
        for batch_size in batch_sizes:
            each, codes = encoder_seconds(vq, count, batch_size, device, dtype)
            print(f"  {name}, batches of {batch_size}: {_told(each, operations, peak)}", flush=True)
        if exact is None:
            exact = codes
        else:
            same = (codes == exact).float().mean().item()
            print(f"    {same:.2%} of the codes are those of float32", flush=True)


def encoder_seconds(
    vq: ChameleonVQVAE, count: int, batch_size: int, device: torch.device, dtype: torch.dtype
) -> tuple[float, torch.Tensor]:
    """Seconds that a picture takes, and the codes of a batch of random ones, always the same."""
    torch.manual_seed(batch_size)
    values = torch.rand(batch_size, 3, _SIDE, _SIDE, device=device).mul_(2).sub_(1).to(dtype)
    with torch.inference_mode():
        # The first batch takes longer than any other.
        codes = vq.encode(values).image_tokens
        taken = [
            seconds_of(lambda: vq.encode(values), device)
            for _ in range(max(count // batch_size, 1))
        ]
    assert codes is not None
    return statistics.median(taken) / batch_size, codes.flatten()


def _told(each: float, operations: int, peak: float) -> str:
    return (
        f"{1 / each:.2f} pictures/s, {operations / each / 1e9:.0f} GFLOP/s, "
        f"{operations / each / peak:.0%} of the GEMM's {peak / 1e9:.0f}"
    )


def main() -> None:
    """Print the figures; end with 1 if a bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=len(get_test_image_paths()))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--full-size", type=int, default=0)
    parser.add_argument("--batch-size", type=int, nargs="+", default=[4])
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    device, repeats = arguments.device, arguments.repeats
    all_held = []
    if arguments.pictures:
        with tempfile.TemporaryDirectory() as folder:
            pictures, _ = write_demo_catalog(Path(folder))
            config = TokenizeConfig(limit=arguments.pictures, device=device)
            all_held.append(compare_job("calumma-tiny", pictures, config, repeats))
    if arguments.full_size:
        sizes = arguments.batch_size
        all_held.append(measure_full_size(arguments.full_size, sizes, device, repeats))
    sys.exit(0 if all(all_held) else 1)


if __name__ == "__main__":
    main()
