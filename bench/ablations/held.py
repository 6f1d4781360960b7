"""What variants are asked: questions about pictures that are held out, and gaps in their texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.ablations.place import Place
from training.captions import COLORS, SHAPES

_SEED = 7
WORDS = {"color": COLORS, "shape": SHAPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A picture that is held out.

    Attributes:
        color: and ``shape``: what it shows.
        short: the caption that is right; ``long``: the one with size and place.

    """

    name: str
    color: str
    shape: str
    short: str
    long: str

    def gap(self, kind: str) -> str:
        """The long text without its colour or its shape."""
        return self.long.replace(f" {getattr(self, kind)} ", " <mask> ", 1)


def read_held(place: Place) -> list[Held]:
    """The first pictures of those that are held out, without their twins."""
    columns = ["id", "color", "shape", "text", "long"]
    table = pq.read_table(place.catalog("held", "pictures"), columns=columns)
    return [
        Held(
            name=row["id"],
            color=row["color"],
            shape=row["shape"],
            short=row["text"],
            long=row["long"],
        )
        for row in table.slice(0, place.sizes.held).to_pylist()
    ]


def write_questions(place: Place) -> None:
    """Draw questions about these pictures, as a catalog and for ``calumma answer`` alike."""
    names = {one.name for one in read_held(place)}
    rows = [
        row | {"asset_id": row["image_id"]}
        for row in pq.read_table(place.catalog("held", "questions")).to_pylist()
        if row["image_id"] in names and not row["question"].startswith("describe")
    ]
    order = np.random.default_rng(_SEED).permutation(len(rows))[: place.sizes.asked]
    _write(place, "questions", [rows[at] for at in sorted(order.tolist())])


def write_gaps(place: Place) -> None:
    """Write each picture's long text with a gap, to be asked, and with each word that may fill it.

    ``asked.parquet`` has the texts with their gaps as questions, ``gaps.parquet`` the texts that
    are whole.
    """
    asked, whole = [], []
    for one in read_held(place):
        for kind, words in WORDS.items():
            gap = one.gap(kind)
            question = {"question_id": f"{one.name}/{kind}", "asset_id": one.name}
            # As in training, the separator stands before the picture.
            answers = [getattr(one, kind)]
            asked.append(question | {"question": f"{gap}<sep>", "answers": answers})
            for word in words:
                text = gap.replace("<mask>", word)
                name = f"{one.name}/{kind}/{word}"
                whole.append({"id": name, "image_id": one.name, "long": text})
    _write(place, "asked", asked)
    _write(place, "gaps", whole)


def _write(place: Place, name: str, rows: Sequence[dict[str, Any]]) -> None:
    path = place.out / "held" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    pq.write_table(pa.Table.from_pylist(list(rows)), partial)
    partial.replace(path)
