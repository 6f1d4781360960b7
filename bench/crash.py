"""Runs killed at every operation, launchers that meet at every operation, and random kills.

``python -m bench.crash [--part disk|s3|race|kill] [--every N]``: after each death a plain rerun
must finish at once with the rows of an undisturbed run, each once for a reader that only globs, and
must ask the model about nothing that was staged. ``--every`` takes each N-th operation only. Exits
with 1 at the first output that is not as it should be.

- disk: the launcher is killed before each operation on a local output in turn.
- s3: likewise before each request to an S3 server (versitygw).
- race: a launcher waits at each operation in turn while a second one runs the same command to its
  end, and every other time a third one a later night's, then it goes on.
- kill: the real command with the embedded model, killed (-9) at random moments of its working time.
"""

import argparse
import functools
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from easy_vqa import get_test_image_paths

from bench.dying import DIED, Launcher, rows_of, staged_rows
from pipelines.demo import write_demo_catalog
from tests.servers.object_stores import at_server, versitygw_s3

_STAGED = "_staging/*/splits/*/*.json"


class Scene:
    """A catalog with bad and doubled rows, an output that holds some of it, what is expected."""

    def __init__(self, folder: Path, new_out: Callable[[str], tuple[str, Path]]) -> None:
        self.folder = folder
        self.new_out = new_out
        paths = [Path(path) for path in get_test_image_paths().values()]
        (folder / "page.jpg").write_text("<html>no picture</html>")
        lines = [f"a{number:02d},{paths[number]}" for number in range(45)]
        lines[7] = f"bad07,{folder}/page.jpg"
        lines[23] = f"a22,{paths[23]}"
        lines[41] = f"a15,{paths[41]}"
        lines[30] = f"gone30,{folder}/nothing.png"
        self.earlier = self._write("earlier.csv", lines[:10])
        self.catalog = self._write("catalog.csv", lines)
        self.later = self._write("later.csv", [*lines, f"z99,{paths[99]}"])
        out, files = self.prepared("undisturbed")
        ended = Launcher(self.catalog, out).join()
        assert ended.status == 0, ended
        self.described, self.operations = ended.described, ended.operations
        self.expected = rows_of(files)
        assert [len(rows) for rows in self.expected.values()] == [41, 4]

    def prepared(self, name: str) -> tuple[str, Path]:
        """An output on which an earlier night ran; as the launcher names it, and its files."""
        out, files = self.new_out(name)
        assert Launcher(self.earlier, out).join().status == 0
        return out, files

    def finish(self, what: str, out: str, files: Path, *, redo: int) -> None:
        """Rerun the command; it must end at once and ask about just so many pictures."""
        ended = Launcher(self.catalog, out, check=lambda: nothing_twice(files)).join()
        if ended.status != 0 or ended.described != redo:
            fail(f"{what}: the rerun ended as {ended}, and {redo} pictures were to be described")
        if rows_of(files) != self.expected:
            fail(f"{what}: the rows are not those of an undisturbed run")
        again = Launcher(self.catalog, out).join()
        if again.status != 0 or again.described:
            fail(f"{what}: a run with nothing to do ended as {again}")

    def _write(self, name: str, lines: list[str]) -> Path:
        path = self.folder / name
        path.write_text("\n".join(["id,uri", *lines, ""]))
        return path


def nothing_twice(files: Path) -> None:
    keys = [row["key"] for row in rows_of(files)["captions"]]
    assert len(keys) == len(set(keys)), "a row was there twice"


def fail(message: str) -> None:
    print(message, flush=True)
    sys.exit(1)


def deaths(scene: Scene, every: int) -> int:
    """Kill a launcher before each operation in turn; give how many died."""
    died = 0
    for number in range(1, scene.operations + 1, every):
        out, files = scene.prepared(f"at-{number}")
        before = len(list(files.glob("_commits/*.json")))
        ended = Launcher(scene.catalog, out, die_at=number).join()
        if ended.status != DIED:
            continue  # threads took another turn, and the run was shorter
        died += 1
        nothing_twice(files)
        committed = len(list(files.glob("_commits/*.json"))) > before
        redo = 0 if committed else scene.described - staged_rows(files)
        scene.finish(f"killed at operation {number}", out, files, redo=redo)
        shutil.rmtree(files)
    return died


def races(scene: Scene, every: int) -> int:
    """Let two launchers meet at each operation; give how often they met."""
    met = 0
    for number in range(1, scene.operations + 1, every):
        out, files = scene.prepared(f"race-{number}")
        check = functools.partial(nothing_twice, files)
        first = Launcher(scene.catalog, out, wait_at=number, check=check)
        if not first.wait_until_waiting():
            first.join()
            continue
        met += 1
        if Launcher(scene.catalog, out).join().status != 0:
            fail(f"the second launcher failed while the first was at operation {number}")
        later = met % 2 == 0
        if later and Launcher(scene.later, out).join().described != 1:
            fail(f"a later night did not find its one new row ({number})")
        first.go_on()
        ended = first.join()
        if ended.status != 0:
            fail(f"the first launcher failed after it had waited at operation {number}: {ended}")
        if later:
            nothing_twice(files)
            if Launcher(scene.later, out).join().described:
                fail(f"a row was lost between launchers ({number})")
        else:
            scene.finish(f"met at operation {number}", out, files, redo=0)
        shutil.rmtree(files)
    return met


def kills(folder: Path, count: int) -> None:
    """Kill the real command at random moments, again and again, and finish it each time."""
    pictures, _ = write_demo_catalog(folder / "catalog")

    def command(out: Path) -> subprocess.Popen[bytes]:
        arguments = ["caption", str(pictures), str(out), "--batch-size", "8"]
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.main", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    started = time.monotonic()
    assert command(folder / "undisturbed").wait() == 0
    seconds = time.monotonic() - started
    expected = rows_of(folder / "undisturbed")
    chance = random.Random(7)
    survived = 0
    for number in range(count):
        out = folder / f"kill-{number}"
        process = command(out)
        # Every other time not before something is staged, which is late in a run this short.
        while number % 2 and process.poll() is None and not any(out.glob(_STAGED)):
            time.sleep(0.05)
        time.sleep(chance.uniform(0.0, 0.3) * seconds if number % 2 else chance.random() * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        nothing_twice(out)
        staged = {path.stem for path in out.glob(_STAGED)}
        assert command(out).wait() == 0
        if rows_of(out) != expected:
            fail(f"kill {number}: the rows are not those of an undisturbed run")
        published = [path.stem for path in out.glob("captions/*/*.parquet")]
        if any(not any(stem.endswith(part) for stem in published) for part in staged):
            fail(f"kill {number}: a part that was staged was done again")
        survived += len(staged)
        shutil.rmtree(out)
    print(f"kill: {count} of {count} finished; {survived} staged parts were gone on with")


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("disk", "s3", "race", "kill"), action="append")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    wanted = options.part or ["disk", "race", "s3", "kill"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if {"disk", "race"} & set(wanted):
            scene = Scene(folder, lambda name: (str(folder / name), folder / name))
        if "disk" in wanted:
            died = deaths(scene, options.every)
            print(f"disk: {died} deaths at {scene.operations} operations, all finished", flush=True)
        if "race" in wanted:
            met = races(scene, options.every)
            print(f"race: launchers met {met} times, and all ended well", flush=True)
        if "s3" in wanted:
            with versitygw_s3(folder / "s3", "outputs") as server, at_server(server):
                bucket = folder / "s3" / "outputs"
                scene = Scene(folder, lambda name: (f"s3://outputs/{name}", bucket / name))
                died = deaths(scene, options.every)
                print(f"s3: {died} deaths at {scene.operations} requests, all finished", flush=True)
        if "kill" in wanted:
            kills(folder, options.kills)


if __name__ == "__main__":
    main()
