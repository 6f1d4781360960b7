"""The caption job against a bare loop on the same files with the same model and batch size.

``python -m bench.describe [--pictures 1000]``: ratios above 1 mean that the job is faster than a
loop that decodes and infers in turn, and than one whose pictures were decoded beforehand; median
of interleaved runs, the model's loading and the building of the graph left out on both sides.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from easy_vqa import get_test_image_paths

from bench.job_time import job_seconds
from models.describing import Describer, DescribeRequest, load_describer
from pipelines.config import CaptionConfig
from pipelines.demo import write_demo_catalog
from pipelines.job import Job, prepare_job
from storage.decoding.decode import decode_image
from storage.decoding.limits import DecodeLimits
from transforms.settings import DescribeSettings

_RUNS = 5


def loop_seconds(job: Job, model: Describer, paths: list[Path], *, beforehand: bool) -> float:
    """A loop over batches; pictures decoded beforehand are not part of its time."""
    describe = job.work
    assert isinstance(describe, DescribeSettings)

    def request(path: Path) -> DescribeRequest:
        image = decode_image(path.read_bytes(), limits=DecodeLimits(), wanted_pixels=64)
        return DescribeRequest(images=(image.pixels,), prompt=describe.prompt, seed=0)

    size = describe.batch_size
    batches = [paths[start : start + size] for start in range(0, len(paths), size)]
    ready = [[request(path) for path in batch] for batch in batches] if beforehand else None
    started = time.perf_counter()
    for number, batch in enumerate(batches):
        requests = ready[number] if ready else [request(path) for path in batch]
        model.describe(requests, describe.decoding)
    return time.perf_counter() - started


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=len(get_test_image_paths()))
    count = parser.parse_args().pictures
    in_turn, beforehand, first, start_up = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        pictures, _ = write_demo_catalog(Path(name) / "catalog")
        paths = sorted(pictures.iterdir())[:count]
        config = CaptionConfig(limit=count)
        model = None
        for number in range(_RUNS):
            job = prepare_job(str(pictures), f"{name}/out{number}", config)
            model = model or load_describer(job.work.source)
            # What any run pays once: helper processes, graph, commit.
            one = prepare_job(str(pictures), f"{name}/one{number}", CaptionConfig(limit=1))
            start_up.append(job_seconds(one))
            seconds = job_seconds(job) - start_up[-1]
            in_turn.append(loop_seconds(job, model, paths, beforehand=False) / seconds)
            beforehand.append(loop_seconds(job, model, paths, beforehand=True) / seconds)
            first.append(count / seconds)
    print(f"start-up: {statistics.median(start_up):.2f} s, left out below")
    print(f"job: {statistics.median(first):.1f} pictures/s")
    print(f"against decoding and inferring in turn: {statistics.median(in_turn):.2f}")
    print(f"against pictures decoded beforehand:    {statistics.median(beforehand):.2f}")


if __name__ == "__main__":
    main()
