"""What a training on pictures is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.objective import Objective
from training.picture_stream import PictureStream


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureTraining:
    """A training that can begin.

    Attributes:
        pictures: what it learns from; to be closed.
        objective: the model with its loss.
        write: writes the model's files into a folder.
        apart: parts of the configuration that change nothing of what is learnt.

    """

    pictures: PictureStream
    objective: Objective
    write: Callable[[Path], None]
    apart: tuple[str, ...] = ()
