"""Catalogs of painted pictures, with captions, questions and edits: such as others have them.

Captions are asked for, too, so that all that is told of a picture is in one catalog.

Of each picture there are twins in other colours, for edits: of four colours each goes over into
three, so that one picture is shown for three edits. Some pictures of the training split are held
out: they are not painted from, their questions are not asked of others, and they are catalogs of
their own, for all choices. The test split is not opened.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from schemas.errors import UsageError
from training.captions import (
    ATTRIBUTES_BEYOND,
    COLORS,
    LONG_FORMS,
    SHAPES,
    SHORT_FORMS,
    long_captions,
    short_captions,
)
from training.embedded.questions import Asked, asked_of
from training.mattes import Mattes, separate
from training.painting import Painter
from training.pictures import looks_told, read_pictures

HELD_OUT = 400
# What calumma-tiny is asked for captions, as its calumma.json has it.
_BRIEFLY, _IN_DETAIL = "describe briefly", "describe in detail"
# Of a picture, in other colours, and what stands before their numbers in their names.
TWINS = 3
TWIN = "-twin-"
_AT_ONCE = 8
_ROW_GROUP = 4096
_SPLIT_SEED = 20230905
_LICENSE, _SOURCE = "MIT", "easy-VQA, training split"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The training split in two parts, with its questions.

    Attributes:
        known: pictures that are painted from; ``held_out``: those that are not.
        asked: questions about the known ones.
        asked_of_held_out: questions about each of the others, in their order.

    """

    known: Mattes
    held_out: Mattes
    asked: tuple[Asked, ...]
    asked_of_held_out: tuple[tuple[Asked, ...], ...]


def read_world(held_out: int = HELD_OUT) -> World:
    """Read the training split and take its pictures apart; the same ones are held out each time.

    Raises:
        UsageError: the package ``easy-vqa`` is not installed.

    """
    pictures = read_pictures("train")
    import easy_vqa

    rows = list(zip(*easy_vqa.get_train_questions(), strict=True))
    numbers = sorted(looks_told(rows))
    mattes = separate(pictures)
    apart = np.random.default_rng(_SPLIT_SEED).permutation(len(mattes))[:held_out]
    known = np.setdiff1d(np.arange(len(mattes)), apart)
    place = {number: at for at, number in enumerate(numbers)}
    asked: dict[int, list[Asked]] = {}
    for question, answer, number in rows:
        if number in place:
            at = place[number]
            color, shape = int(mattes.colors[at]), int(mattes.shapes[at])
            one = Asked(question=question, answer=answer, color=color, shape=shape)
            asked.setdefault(at, []).append(one)
    return World(
        known=mattes.take(known),
        held_out=mattes.take(apart),
        asked=tuple(one for at in known.tolist() for one in asked.get(at, ())),
        asked_of_held_out=tuple(tuple(asked.get(at, ())) for at in apart.tolist()),
    )


def write_catalogs(world: World, folder: Path, *, scenes: int, questions: int, seed: int) -> None:
    """Write ``pictures``, ``questions`` and ``edits`` of painted pictures and their twins.

    Args:
        scenes: a picture and its twins each.
        questions: about each picture.
        seed: of all that is drawn.

    Raises:
        UsageError: fewer than one is asked for.

    """
    if min(scenes, questions) < 1:
        raise UsageError("There must be one picture and one question at least.")
    random = np.random.default_rng(seed)
    painter = Painter(world.known, random)
    with _Catalogs(folder) as catalogs:
        for start in range(0, scenes, _AT_ONCE):
            painted = painter.draw(min(_AT_ONCE, scenes - start))
            names = [f"{seed}-{start + at}" for at in range(len(painted))]
            asked = [
                [_drawn(world.asked, random) for _ in range(questions)] for _ in range(len(painted))
            ]
            catalogs.write(painted, names, asked, random)


def write_held_out(world: World, folder: Path, *, seed: int) -> None:
    """Write the same catalogs of the pictures that are held out, with their own questions."""
    with _Catalogs(folder) as catalogs:
        names = [f"held-{number}" for number in range(len(world.held_out))]
        catalogs.write(
            world.held_out,
            names,
            world.asked_of_held_out,
            np.random.default_rng(seed),
            as_asked=True,
        )


class _Catalogs:
    """Three catalogs that are written side by side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {}
        self._asked = 0

    def __enter__(self) -> "_Catalogs":
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for catalog, writer in self._writers.items():
            if kind is None:
                self._flush(catalog)
            writer.close()

    def write(
        self,
        mattes: Mattes,
        names: Sequence[str],
        asked: Sequence[Sequence[Asked]],
        random: np.random.Generator,
        *,
        as_asked: bool = False,
    ) -> None:
        """Write pictures and their twins, their questions, and the edits from one to the other.

        Args:
            as_asked: whether the questions are the pictures' own, and are left as they are.

        """
        # Each picture's colours, all different, its own first.
        shifts = random.permuted(np.tile(np.arange(1, len(COLORS)), (len(mattes), 1)), axis=1)
        others = (mattes.colors[:, None] + shifts[:, :TWINS]) % len(COLORS)
        versions = [mattes, *(replace(mattes, colors=colors) for colors in others.T)]
        called = [list(names)]
        called += [[f"{name}{TWIN}{twin}" for name in names] for twin in range(1, TWINS + 1)]
        for number, (some, own) in enumerate(zip(versions, called, strict=True)):
            left = as_asked and number == 0
            self._add("pictures", _picture_rows(some, own))
            self._add("questions", self._question_rows(some, own, asked, None if left else random))
        for before, after in permutations(range(len(versions)), 2):
            self._add(
                "edits",
                {
                    "id": [f"{name}-{before}-to-{after}" for name in names],
                    "image_before": called[before],
                    "image_after": called[after],
                    "instruction": [
                        f"make it {COLORS[color]}" for color in versions[after].colors.tolist()
                    ],
                },
            )

    def _question_rows(
        self,
        mattes: Mattes,
        names: Sequence[str],
        asked: Sequence[Sequence[Asked]],
        random: np.random.Generator | None,
    ) -> dict[str, list[Any]]:
        rows: dict[str, list[Any]] = {
            name: [] for name in ("question_id", "image_id", "question", "answers")
        }
        kinds = mattes.kinds().tolist()
        briefly, in_detail = short_captions(), long_captions(kinds)
        looks = zip(mattes.colors.tolist(), mattes.shapes.tolist(), strict=True)
        for at, (name, some, (color, shape)) in enumerate(zip(names, asked, looks, strict=True)):
            told = [
                (_BRIEFLY, briefly[kinds[at] // ATTRIBUTES_BEYOND]),
                (_IN_DETAIL, in_detail[at]),
            ]
            for one in some:
                own = one.question, one.answer
                told.append(own if random is None else asked_of(one, color, shape, random))
            for question, answer in told:
                rows["question_id"].append(f"q{self._asked}")
                rows["image_id"].append(name)
                rows["question"].append(question)
                rows["answers"].append([answer])
                self._asked += 1
        return rows

    def _add(self, catalog: str, columns: Mapping[str, Sequence[Any]]) -> None:
        table = pa.table(dict(columns))
        if catalog not in self._writers:
            path = self._folder / f"{catalog}.parquet"
            self._writers[catalog] = pq.ParquetWriter(path, table.schema)
        waiting = self._waiting.setdefault(catalog, [])
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= _ROW_GROUP:
            self._flush(catalog)

    def _flush(self, catalog: str) -> None:
        if tables := self._waiting.pop(catalog, []):
            self._writers[catalog].write_table(pa.concat_tables(tables))


def _picture_rows(mattes: Mattes, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    kinds = mattes.kinds().tolist()
    looks = [kind // ATTRIBUTES_BEYOND for kind in kinds]
    short = [short_captions(form) for form in SHORT_FORMS]
    long = [long_captions(kinds, form) for form in LONG_FORMS]
    return {
        "id": list(names),
        "image": [_encoded(pixels) for pixels in mattes.paint()],
        "text": [short[0][look] for look in looks],
        "long": long[0],
        # Of all forms, for CLIP.
        "references": [
            [*(one[look] for one in short[1:]), *(one[at] for one in long)]
            for at, look in enumerate(looks)
        ],
        "color": [COLORS[color] for color in mattes.colors.tolist()],
        "shape": [SHAPES[shape] for shape in mattes.shapes.tolist()],
        "license": [_LICENSE] * len(names),
        "source": [_SOURCE] * len(names),
    }


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _drawn(asked: Sequence[Asked], random: np.random.Generator) -> Asked:
    return asked[int(random.integers(len(asked)))]
