"""Trains the small CLIP inside the package.

``python -m training.clip OUT_FOLDER [--steps N | --minutes N] [--seed N]`` learns from easy-VQA's
training pictures and writes a folder that transformers loads.
"""

import argparse
from pathlib import Path

import torch
from rich.console import Console
from transformers.utils.logging import disable_progress_bar

from training.clip_fit import FitSettings, fit_clip
from training.pictures import read_pictures


def main() -> None:
    """Train, save, and say how good it is."""
    parser = argparse.ArgumentParser(prog="python -m training.clip", description=__doc__)
    parser.add_argument("out_folder", type=Path)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=FitSettings.steps)
    length.add_argument("--minutes", type=float, help="as many steps as fit in them, about")
    parser.add_argument("--seed", type=int, default=FitSettings.seed)
    arguments = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    # A sum's order depends on the number of threads, and a model this small gains little by them.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    settings = FitSettings(steps=arguments.steps, minutes=arguments.minutes, seed=arguments.seed)
    fitted = fit_clip(read_pictures("train"), settings, console.print)
    fitted.model.save_pretrained(arguments.out_folder)
    fitted.processor.save_pretrained(arguments.out_folder)
    console.print(
        f"{arguments.out_folder}: seed {settings.seed}, {len(fitted.losses)} steps; "
        f"held out: {fitted.held_out}"
    )


if __name__ == "__main__":
    main()
