"""The generation job against a bare loop of the same sampler on the same requests.

``python -m bench.generate [--requests 256] [--samples 4] [--repeats 5]``: ratios above 1 mean that
the job is faster than a loop that encodes a batch, draws it, decodes its codes and encodes the
pictures, in turn; and than one that draws and decodes alone, to 0.95 of which the job is held: ends
with 1 where it has less. Median of interleaved runs, the
model's loading and the building of the graph left out on both sides. Job and loop run where calumma
does by default, on an accelerator if there is one.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.bounds import held
from bench.device_time import device_name
from bench.job_time import job_seconds
from models.checkpoint import pick_device
from models.generating import ImageGenerator, ImageRequest, load_image_generator
from models.image_tokens import ImageCodes, ImageTokenizer, load_image_tokenizer
from pipelines.image_config import GenerateConfig
from pipelines.job import prepare_job
from storage.encode_image import encode_image
from storage.provenance import Provenance
from training.captions import COLORS, SHAPES
from transforms.settings import GenerateSettings

_PROVENANCE = Provenance(
    software="Calumma", model="", revision="", prompt="a red circle", seed=1, settings="{}"
)
_BOUND = 0.95
_CONFIG = GenerateConfig(guidance=2.0, top_p=0.95)


def loop_seconds(
    work: GenerateSettings,
    generator: ImageGenerator,
    tokenizer: ImageTokenizer,
    prompts: list[str],
    *,
    to_files: bool,
) -> float:
    """A loop over batches of whole requests, in the order in which the job has them."""
    samples = work.requests.samples
    rows = [
        ImageRequest(prompt=work.prompt.replace("{prompt}", prompt), seed=seed, samples=samples)
        for seed, prompt in enumerate(prompts)
    ]
    started = time.perf_counter()
    for start in range(0, len(rows), work.batch_size // samples):
        batch = rows[start : start + work.batch_size // samples]
        codes = []
        for drawn in generator.generate(generator.encode(batch, work.choice)):
            assert isinstance(drawn, tuple)
            codes += [
                ImageCodes(
                    codes=sample.codes,
                    tokenizer=work.source.name,
                    tokenizer_hash=tokenizer.tokenizer_hash,
                )
                for sample in drawn
            ]
        for pixels in tokenizer.decode(codes):
            if to_files:
                assert not isinstance(pixels, Exception)
                encode_image(pixels, image_format=work.format, provenance=_PROVENANCE)
    return time.perf_counter() - started


def main() -> None:
    """Print the ratios; end with 1 if the bound is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    pairs = itertools.cycle(itertools.product(COLORS, SHAPES))
    prompts = sorted(
        (f"a {color} {shape}" for color, shape in itertools.islice(pairs, options.requests)),
        key=len,
    )
    in_turn: list[float] = []
    alone: list[float] = []
    rates, start_up = [], []
    with tempfile.TemporaryDirectory() as name:
        for file, some in (("one", prompts[:1]), ("all", prompts)):
            lines = (
                json.dumps({"id": f"{number:06d}", "prompt": prompt})
                for number, prompt in enumerate(some)
            )
            Path(name, f"{file}.jsonl").write_text("".join(f"{line}\n" for line in lines))
        generator = tokenizer = None
        for number in range(options.repeats):
            config = replace(_CONFIG, samples=options.samples)
            job = prepare_job(f"{name}/all.jsonl", f"{name}/out{number}", config)
            work = job.work
            assert isinstance(work, GenerateSettings)
            generator = generator or load_image_generator(work.source)
            if tokenizer is None:
                tokenizer = load_image_tokenizer(work.source)
                # A device's first batch takes longer than any other.
                loop_seconds(work, generator, tokenizer, prompts[:8], to_files=True)
            # What any run pays once: helper processes, graph, commit.
            one = prepare_job(f"{name}/one.jsonl", f"{name}/one{number}", _CONFIG)
            start_up.append(job_seconds(one))
            seconds = job_seconds(job) - start_up[-1]
            for ratios, to_files in ((in_turn, True), (alone, False)):
                loop = loop_seconds(work, generator, tokenizer, prompts, to_files=to_files)
                ratios.append(loop / seconds)
            rates.append(len(prompts) * options.samples / seconds)
    print(f"drawing on {device_name(pick_device(None))}")
    print(f"start-up: {statistics.median(start_up):.2f} s, left out below")
    print(f"job: {statistics.median(rates):.1f} pictures/s")
    print(f"against drawing and encoding in turn: {statistics.median(in_turn):.2f}")
    ratio = statistics.median(alone)
    holds = held(f"against drawing alone:                {ratio:.2f}", ratio, least=_BOUND)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
