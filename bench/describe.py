"""The caption job against a bare loop on the same files with the same model and batch size.

``python -m bench.describe [--pictures 1000] [--repeats 5]``: ratios above 1 mean that the job is
faster than a loop that decodes, encodes and infers in turn, than one whose pictures were decoded
beforehand, and than the model alone, its input all made beforehand; median of interleaved runs, the
model's loading and the building of the graph left out on both sides.

``--device``, ``--dtype`` (several, one after another), ``--batch-size`` and ``--max-new-tokens``
are the job's. ``--random 1B`` takes a Chameleon of a billion random parameters in the place of
calumma-tiny, and ``100M`` a smaller one: the larger the model, the less there is to hide behind its
work.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from easy_vqa import get_test_image_paths

from bench.device_time import device_name
from bench.job_time import job_seconds
from bench.random_chameleon import write_random_chameleon
from models.checkpoint import pick_device
from models.describing import Describer, DescribeRequest, load_describer
from pipelines.config import CaptionConfig
from pipelines.demo import write_demo_catalog
from pipelines.job import Job, prepare_job
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from transforms.settings import DescribeSettings

Beforehand = Literal["nothing", "decoded", "encoded"]
_LOOPS: dict[Beforehand, str] = {
    "nothing": "decoding and inferring in turn",
    "decoded": "pictures decoded beforehand",
    "encoded": "the model alone",
}


def loop_seconds(job: Job, model: Describer, paths: list[Path], beforehand: Beforehand) -> float:
    """A loop over batches; what was done beforehand is not part of its time."""
    describe = job.work
    assert isinstance(describe, DescribeSettings)

    def requests(batch: list[Path]) -> list[DescribeRequest]:
        images = [
            decode_image(path.read_bytes(), limits=DecodeLimits(), wanted_pixels=64)
            for path in batch
        ]
        return [
            DescribeRequest(images=(image.pixels,), prompt=describe.prompt, seed=0)
            for image in images
        ]

    size = describe.batch_size
    batches = [paths[start : start + size] for start in range(0, len(paths), size)]
    ready = [] if beforehand == "nothing" else [requests(batch) for batch in batches]
    encoded = (
        [model.encode(batch, describe.decoding) for batch in ready]
        if beforehand == "encoded"
        else []
    )
    started = time.perf_counter()
    for number, batch in enumerate(batches):
        if encoded:
            model.generate(encoded[number])
        else:
            model.describe(ready[number] if ready else requests(batch), describe.decoding)
    return time.perf_counter() - started


def compare(config: CaptionConfig, count: int, repeats: int, folder: Path) -> None:
    """Print how the job compares with the loops."""
    pictures, _ = write_demo_catalog(folder / "catalog")
    paths = sorted(pictures.iterdir())[:count]
    config = replace(config, limit=count)
    ratios: dict[Beforehand, list[float]] = {beforehand: [] for beforehand in _LOOPS}
    rates, start_up = [], []
    model = None
    for number in range(repeats):
        job = prepare_job(str(pictures), str(folder / f"out{number}"), config)
        if model is None:
            model = load_describer(
                job.work.source, device=config.device or None, dtype=config.dtype or None
            )
            # A device's first batch takes longer than any other.
            loop_seconds(job, model, paths[: config.batch_size], "nothing")
        # What any run pays once: helper processes, graph, commit.
        one = prepare_job(str(pictures), str(folder / f"one{number}"), replace(config, limit=1))
        start_up.append(job_seconds(one))
        seconds = job_seconds(job) - start_up[-1]
        for beforehand, column in ratios.items():
            column.append(loop_seconds(job, model, paths, beforehand) / seconds)
        rates.append(len(paths) / seconds)
    where = device_name(pick_device(config.device))
    dtype = config.dtype or "the default format"
    print(f"{Path(config.model).name} on {where} in {dtype}, batches of {config.batch_size}:")
    print(f"  start-up: {statistics.median(start_up):.2f} s, left out below")
    print(f"  job: {statistics.median(rates):.1f} pictures/s")
    for beforehand, name in _LOOPS.items():
        print(f"  against {name}: {statistics.median(ratios[beforehand]):.2f}", flush=True)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=len(get_test_image_paths()))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device")
    parser.add_argument("--dtype", nargs="+", default=[None])
    parser.add_argument("--batch-size", type=int, default=CaptionConfig.batch_size)
    parser.add_argument("--max-new-tokens", type=int, default=CaptionConfig.max_new_tokens)
    parser.add_argument("--random", choices=("100M", "1B"))
    arguments = parser.parse_args()
    config = CaptionConfig(
        device=arguments.device,
        batch_size=arguments.batch_size,
        max_new_tokens=arguments.max_new_tokens,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.random:
            model = folder / f"chameleon-{arguments.random}"
            write_random_chameleon(model, arguments.random, str(pick_device(arguments.device)))
            config = replace(config, model=str(model))
        for dtype in arguments.dtype:
            asked = replace(config, dtype=dtype)
            compare(asked, arguments.pictures, arguments.repeats, folder / str(dtype))


if __name__ == "__main__":
    main()
