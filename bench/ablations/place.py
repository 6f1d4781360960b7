"""Where the ablations find and leave things, and how they run Calumma's commands."""

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.cli import run

TEMPLATES = Path(__file__).parent / "templates"
CONTEXT = 288
NEIGHBORS = (0, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is trained and measured. What was measured with other sizes is not mixed with it.

    Attributes:
        steps: of each training.
        seeds: trainings of each variant.
        pictures: of the catalog to learn from.
        held: pictures to measure with, and ``asked``: questions about them.
        drawings: of each combination of a colour and a shape.

    """

    steps: int = 600
    seeds: int = 3
    pictures: int = 12_000
    held: int = 200
    asked: int = 400
    drawings: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Folders.

    Attributes:
        recipe: that the recipe of the embedded model has filled; it is only read.
        out: all that is made here.

    """

    recipe: Path
    out: Path
    sizes: Sizes

    @property
    def tokenizer(self) -> Path:
        """What all trainings begin with: vocabulary and picture tokenizer."""
        return self.recipe / "tokenizer"

    def catalog(self, split: str, name: str) -> Path:
        """A catalog of the recipe's."""
        return self.recipe / "catalogs" / split / f"{name}.parquet"

    def documents(self, split: str, name: str) -> Path:
        """Where documents of a name are."""
        return self.out / "documents" / split / name

    def check(self) -> None:
        """Refuse a recipe that is not done, and an output of other sizes.

        Raises:
            SystemExit: with the reason.

        """
        parts = [
            f"{kind}/{split}"
            for kind in ("catalogs", "tokens", "neighbors")
            for split in ("known", "held")
        ]
        for part in (*parts, "tokenizer", "clip", "index"):
            if not (self.recipe / part).is_dir():
                raise SystemExit(
                    f"{self.recipe} lacks {part}. Run training/embedded/recipe.sh {self.recipe} "
                    "first, or name its folder with --recipe."
                )
        settings = {"recipe": str(self.recipe.resolve()), **asdict(self.sizes)}
        kept = self.out / "settings.json"
        if kept.exists() and (before := json.loads(kept.read_text())) != settings:
            raise SystemExit(f"{self.out} is of other settings, {before}: name another --out.")
        self.out.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(settings, indent=1) + "\n")


def job(command: str, catalog: object, out: Path, *options: object) -> None:
    """Run a job in this process. Rows may fail, also all of them.

    Raises:
        SystemExit: it was refused, stopped or ended; the same command goes on.

    """
    said = io.StringIO()
    line = [command, str(catalog), str(out), *map(str, options), "--json"]
    with contextlib.redirect_stdout(said):
        code = run(line)
    if code and not is_done(out):
        raise SystemExit(f"{said.getvalue()}calumma {' '.join(line)}: exit code {code}")


def training(*arguments: object) -> None:
    """Run a training in a process of its own.

    Raises:
        SystemExit: it failed or was ended; the same command goes on.

    """
    line = [sys.executable, "-m", "pipelines.main", "train", "model", *map(str, arguments)]
    if code := subprocess.run(line, check=False).returncode:
        raise SystemExit(f"{' '.join(line)}: exit code {code}")


def made(command: str, catalog: object, out: Path, *options: object) -> None:
    """Run a job once: nothing where it is done. No row may fail.

    Raises:
        SystemExit: it was refused, stopped or ended, or rows have failed.

    """
    if not is_done(out):
        job(command, catalog, out, *options)
    if failed := sum(int(one["counts"]["failed"]) for one in _receipts(out)):
        raise SystemExit(f"{failed} rows of {catalog} have failed: see {out}/failures.")


def is_done(out: Path) -> bool:
    """Whether a job has finished in an output: its receipt is written last."""
    return any(one["state"] == "done" for one in _receipts(out))


def _receipts(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(out.glob("_runs/*.json"))]
