"""Puts what the recipe has made into the package, with its card.

``python -m training.embedded.package FOLDER``: from the recipe's folder, with the scores that
``bench.evaluate_embedded`` has written there (``scores-SEED.json``), to ``models/tiny`` and
``models/clip``. The cards have what was measured, how long it took, and the hash of each file.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import torch
from safetensors import safe_open

import models
from training.clip_accuracy import accuracy_of

MOST_BYTES = 25_000_000
"""What the models may take in the package."""

_SEED = 0
_CARDS = Path(__file__).parent / "cards"
_PACKAGE = Path(models.__file__).parent
# What a training leaves in its folder beside the model.
_LEFT_OUT = {"checkpoints", "logs", "training.json"}


def main() -> None:
    """Copy the models and write their cards."""
    parser = argparse.ArgumentParser(
        prog="python -m training.embedded.package", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=Path, default=_PACKAGE, help="folder of tiny and clip")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    scores = {
        int(path.stem.partition("-")[2]): json.loads(path.read_text())
        for path in sorted(folder.glob("scores-*.json"))
    }
    made = {"tiny": folder / f"model-{_SEED}", "clip": folder / "clip"}
    # Whole before the older ones go: the recipe itself begins with what is in the package.
    targets: dict[str, Path] = {name: arguments.to / f".{name}.new" for name in made}
    for name, source in made.items():
        target = targets[name]
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for path in sorted(source.iterdir()):
            if path.name not in _LEFT_OUT:
                shutil.copyfile(path, target / path.name)
        facts = {
            "hashes": {path.name: _sha256(path) for path in sorted(target.iterdir())},
            "millions": {
                path.name: _parameters(path) for path in sorted(target.glob("*.safetensors"))
            },
            "training": json.loads((source / "training.json").read_text()),
            "scores": scores,
            "seed": _SEED,
            "stages": _stages(folder),
            "machine": _machine(),
            "clip_accuracy": str(accuracy_of(folder / "clip")),
        }
        (target / "README.md").write_text(_render(f"{name}.md.j2", facts))
    _check_size(targets.values())
    for name, target in targets.items():
        shutil.rmtree(arguments.to / name, ignore_errors=True)
        target.rename(arguments.to / name)


def _check_size(folders: Iterable[Path]) -> None:
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*"))
    if size > MOST_BYTES:
        raise SystemExit(f"The models take {size:,} bytes, and the package {MOST_BYTES:,} at most.")


def _render(template: str, facts: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_CARDS),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown of our own figures
    )
    environment.filters["interval"] = _interval
    return environment.get_template(template).render(facts)


def _interval(score: Mapping[str, float]) -> str:
    return f"{score['share']:.1%} ({score['low']:.1%} to {score['high']:.1%})"


def _stages(folder: Path) -> dict[str, float]:
    """Minutes of each stage, over all times that it was begun."""
    minutes: dict[str, float] = {}
    for line in (folder / "seconds.tsv").read_text().splitlines():
        stage, seconds = line.split("\t")
        minutes[stage] = minutes.get(stage, 0) + int(seconds) / 60
    return minutes


def _parameters(path: Path) -> float:
    """Millions of numbers in a file of tensors."""
    with safe_open(path, "pt") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return float(sum(torch.Size(shape).numel() for shape in shapes) / 1e6)


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    kind = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores of {kind}, torch {torch.__version__}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
