"""How right a CLIP is on easy-VQA's official test pictures.

``python -m training.clip_accuracy FOLDER``: loads the folder as anybody would, and compares each
picture whose colour and shape the questions tell with all captions.
"""

import argparse
from pathlib import Path

from rich.console import Console
from transformers import AutoModel, AutoProcessor
from transformers.utils.logging import disable_progress_bar

from training.mattes import separate
from training.pictures import read_pictures
from training.zero_shot import ZeroShot, measure


def accuracy_of(folder: Path) -> ZeroShot:
    """Measure a saved model."""
    pictures = read_pictures("test")
    model = AutoModel.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    return measure(model, processor, pictures.pixels, separate(pictures).kinds())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m training.clip_accuracy", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    disable_progress_bar()  # type: ignore[no-untyped-call]
    Console(soft_wrap=True, highlight=False, markup=False).print(str(accuracy_of(folder)))


if __name__ == "__main__":
    main()
