"""Trains and measures small models that differ in one thing each, and says what comes out.

``python -m bench.ablations [--recipe FOLDER] [--out FOLDER]``: see docs/ablations.md. FOLDER is one
that ``training/embedded/recipe.sh`` has filled up to its neighbours. Ended at any moment, the same
command goes on; ``--only VARIANT`` does a part of it.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from bench.ablations.costs import costs_table
from bench.ablations.documents import make_documents
from bench.ablations.intervals import Estimate
from bench.ablations.measuring import Measured, measure
from bench.ablations.place import NEIGHBORS, Place, Sizes
from bench.ablations.plan import VARIANTS
from bench.ablations.plot import Panel, write_plot
from bench.ablations.report import Curve, steps_table, table_of, tables
from bench.ablations.training_runs import Run, read_curve, train

_WITHOUT, _HAVING = "none", "retrieval"
_SHOWN = ("short captions", "answers", "drawings")


def main() -> None:
    """Do what is not done yet, and write ``ablations.md`` and ``ablations.svg``."""
    parser = argparse.ArgumentParser(prog="python -m bench.ablations", description=__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("build/embedded"))
    parser.add_argument("--out", type=Path, default=Path("build/ablations"))
    parser.add_argument("--only", nargs="+", choices=VARIANTS, help="variants; no tables then")
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    arguments = vars(parser.parse_args())
    sizes = Sizes(**{field.name: arguments[field.name] for field in fields(Sizes)})
    folders = {name: arguments[name].absolute() for name in ("recipe", "out")}
    place = Place(**folders, sizes=sizes)
    place.check()
    names = _with_what_they_follow(arguments["only"] or list(VARIANTS))
    make_documents(place, names)
    measured: dict[str, list[Measured]] = {}
    # All variants of a seed, then the next: what there is of it can be compared already.
    for seed in range(sizes.seeds):
        for name, variant in VARIANTS.items():
            if name not in names:
                continue
            run = Run(place=place, name=name, seed=seed)
            print(f"== {name}, seed {seed}", flush=True)
            train(run)
            if variant.measured:
                measured.setdefault(name, []).append(measure(run))
    if not arguments["only"]:
        _report(place, measured)


def _with_what_they_follow(names: Sequence[str]) -> set[str]:
    return {*names, *(VARIANTS[name].follows for name in names if VARIANTS[name].follows)}


def _report(place: Place, measured: Mapping[str, Sequence[Measured]]) -> None:
    curves = {
        name: [
            read_curve(Run(place=place, name=name, seed=seed)) for seed in range(place.sizes.seeds)
        ]
        for name in (_WITHOUT, _HAVING)
    }
    lines = [*tables(measured), *steps_table(curves[_WITHOUT], curves[_HAVING]), ""]
    lines += costs_table(place)
    (place.out / "ablations.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_plot(place.out / "ablations.svg", [_loss_panel(curves), *_panels(measured)])
    print("\n".join(lines))


def _loss_panel(curves: Mapping[str, Sequence[Curve]]) -> Panel:
    lines = {}
    for name, seeds in curves.items():
        values = np.array([[value for _, value in curve] for curve in seeds])
        lines[VARIANTS[name].title] = [
            (float(step), Estimate.of(values[:, at : at + 1]))
            for at, (step, _) in enumerate(seeds[0])
        ]
    return Panel(title="loss, held out", across="step", lines=lines, whole=False)


def _panels(measured: Mapping[str, Sequence[Measured]]) -> list[Panel]:
    panels = []
    for what in _SHOWN:
        lines = {}
        for name in (_WITHOUT, _HAVING):
            tables_by_count = [
                (count, table_of(measured[name], f"{what}, K = {count}")) for count in NEIGHBORS
            ]
            lines[VARIANTS[name].title] = [
                (float(count), Estimate.of(values))
                for count, values in tables_by_count
                if values is not None
            ]
        panels.append(Panel(title=what, across="K", lines=lines))
    return panels


if __name__ == "__main__":
    main()
