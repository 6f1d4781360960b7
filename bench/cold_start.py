"""From the command to the first caption: where the time goes, and how fast help answers.

``python -m bench.cold_start [--runs 5]``: medians over fresh processes, with the model inside the
package and pictures of its world. Beam imports torch, the model transformers.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.demo import write_demo_catalog


def first_caption(started: float, catalog: str, out: str) -> None:
    """Caption one picture in this process; print the seconds of each step."""
    marks = {"interpreter and command line": time.time()}
    import pipelines.cli  # noqa: F401

    marks["command line"] = time.time()
    from pipelines.config import CaptionConfig
    from pipelines.launch import launch
    from pipelines.progress import Progress
    from runners.local import LocalEngine

    marks["import of Beam"] = time.time()
    began = time.monotonic()
    _, tally = launch(catalog, out, CaptionConfig(limit=1), LocalEngine(), Progress(quiet=True))
    assert tally.first_row is not None
    row = tally.first_row - began
    seconds = {
        "interpreter": marks["interpreter and command line"] - started,
        "import of the command line": marks["command line"] - marks["interpreter and command line"],
        "import of Beam, which imports torch": marks["import of Beam"] - marks["command line"],
        "catalog, graph, decoder": row - tally.load_seconds - tally.model_seconds,
        "model, with transformers": tally.load_seconds,
        "first batch": tally.model_seconds,
    }
    print(json.dumps(seconds))


def median_of(command: list[str], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        started, catalog, out = arguments.alone
        first_caption(float(started), catalog, out)
        return
    calumma = str(Path(sys.executable).with_name("calumma"))
    bare = median_of([sys.executable, "-c", "pass"], arguments.runs)
    for words in (["--help"], ["caption", "--help"]):
        seconds = median_of([calumma, *words], arguments.runs)
        print(f"calumma {' '.join(words)}: {seconds:.2f} s, of which the interpreter {bare:.2f} s")
    steps: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures, _ = write_demo_catalog(Path(folder) / "catalog")
        for number in range(arguments.runs):
            command = [sys.executable, "-m", "bench.cold_start", "--alone", str(time.time())]
            done = subprocess.run(
                [*command, str(pictures), f"{folder}/out{number}"],
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for step, seconds in json.loads(done.stdout.splitlines()[-1]).items():
                steps.setdefault(step, []).append(seconds)
    print("to the first caption:")
    for step, each in steps.items():
        print(f"  {statistics.median(each):6.2f} s  {step}")
    print(f"  {sum(map(statistics.median, steps.values())):6.2f} s  in all")


if __name__ == "__main__":
    main()
