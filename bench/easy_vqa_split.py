"""Pictures of easy-VQA that a model has not learnt from, with what is known of them.

Either the official test split, or what the recipe of the embedded model held out of the training
split: choices are made with the latter, and the former is looked at once, at the end.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import easy_vqa
import pyarrow as pa
import pyarrow.parquet as pq

from training.captions import COLORS, SHAPES, long_captions
from training.embedded.catalogs import TWIN
from training.mattes import separate
from training.pictures import looks_told, read_pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a picture shows: ``color`` and ``shape``, and the ``long`` caption that is right."""

    color: str
    shape: str
    long: str

    @property
    def short(self) -> str:
        """The short caption that is right."""
        return f"a {self.color} {self.shape}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Pictures and questions.

    Attributes:
        pictures: encoded pictures by id.
        looks: of those whose questions give them away.
        questions: id of the picture, question and answer.

    """

    pictures: dict[str, bytes]
    looks: dict[str, Look]
    questions: tuple[tuple[str, str, str], ...]

    @classmethod
    def test(cls) -> Self:
        """The official test split."""
        paths = easy_vqa.get_test_image_paths()
        asked = list(zip(*easy_vqa.get_test_questions(), strict=True))
        known = read_pictures("test")
        long = long_captions(separate(known).kinds().tolist())
        attributes = zip(known.colors.tolist(), known.shapes.tolist(), long, strict=True)
        return cls(
            pictures={str(number): Path(path).read_bytes() for number, path in paths.items()},
            looks={
                str(number): Look(color=COLORS[color], shape=SHAPES[shape], long=text)
                for number, (color, shape, text) in zip(
                    sorted(looks_told(asked)), attributes, strict=True
                )
            },
            questions=tuple((str(number), text, answer) for text, answer, number in asked),
        )

    @classmethod
    def held_out(cls, catalogs: Path) -> Self:
        """What the recipe held out; twins that it painted of them are left aside.

        Args:
            catalogs: the recipe's folder ``catalogs/held``.

        """
        rows = [
            row
            for row in pq.read_table(catalogs / "pictures.parquet").to_pylist()
            if TWIN not in row["id"]
        ]
        asked = pq.read_table(catalogs / "questions.parquet").to_pylist()
        pictures = {row["id"]: row["image"] for row in rows}
        return cls(
            pictures=pictures,
            looks={
                row["id"]: Look(color=row["color"], shape=row["shape"], long=row["long"])
                for row in rows
            },
            questions=tuple(
                (row["image_id"], row["question"], row["answers"][0])
                for row in asked
                if row["image_id"] in pictures and not row["question"].startswith("describe")
            ),
        )

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write a catalog of the pictures and a file of the questions; give their paths."""
        catalog, questions = folder / "pictures.parquet", folder / "questions.parquet"
        pictures = [{"id": one, "image": image} for one, image in self.pictures.items()]
        pq.write_table(pa.Table.from_pylist(pictures), catalog)
        names = ("asset_id", "question", "answers")
        asked = [dict(zip(names, one, strict=True)) for one in self.questions]
        pq.write_table(pa.Table.from_pylist(asked), questions)
        return catalog, questions
