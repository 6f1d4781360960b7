"""Batches of rows of like size and length, made within a window of one split.

What is in a window, and so in a batch, depends on the catalog alone: not on time, threads or
bundles. That keeps results the same on every runner.
"""

from collections.abc import Iterator, Sequence

from transforms.items import Task

BATCHES_PER_WINDOW = 8
MAX_WINDOW_BYTES = 512 << 20


def make_batches(tasks: Sequence[Task], batch_size: int) -> Iterator[list[Task]]:
    """Sort a window's tasks by picture size and prompt length and cut them into batches.

    Args:
        tasks: without problems all of them.
        batch_size: tasks in a batch at most.

    """
    ready = sorted(tasks, key=_likeness)
    for start in range(0, len(ready), batch_size):
        yield ready[start : start + batch_size]


def _likeness(task: Task) -> tuple[int, int, int, int, int]:
    height, width = (0, 0) if task.image is None else task.image.pixels.shape[:2]
    text = task.prompt or task.asset.text
    return height, width, len(text), task.position, task.ordinal
