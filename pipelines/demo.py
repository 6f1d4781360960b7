"""The demonstration's data: easy-VQA's test pictures, from the package that carries them."""

import csv
import random
import shutil
from pathlib import Path

from schemas.errors import UsageError

_QUESTIONS = 300
_SEED = 20230905


def write_demo_catalog(folder: Path) -> tuple[Path, Path]:
    """Write 1,000 pictures and 300 of the questions about them as a catalog.

    Returns:
        The folder of pictures, and the questions file.

    Raises:
        UsageError: the package ``easy-vqa`` is not installed.
    """
    try:
        from easy_vqa import get_test_image_paths, get_test_questions
    except ImportError as error:
        raise UsageError("The demo needs its pictures: pip install 'easy-vqa==1.0'.") from error
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for number, path in sorted(get_test_image_paths().items()):
        target = pictures / f"{number:04d}.png"
        if not target.exists():
            # With its time: a picture's version is its size and time, and a second demo is no news.
            part = target.with_suffix(".part")
            shutil.copy2(path, part)
            part.rename(target)
    texts, answers, numbers = get_test_questions()
    rows = list(zip(numbers, texts, answers, strict=True))
    chosen = random.Random(_SEED).sample(rows, _QUESTIONS)  # noqa: S311 - a choice, not a secret
    questions = folder / "questions.csv"
    with questions.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["asset_id", "question", "answers"])
        writer.writerows([f"{number:04d}.png", text, answer] for number, text, answer in chosen)
    return pictures, questions
