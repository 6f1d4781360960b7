"""The first half of writing a document: what of a row it shows, and how."""

import bisect
import itertools
from random import Random

from schemas.errors import RowError
from schemas.failure import FailureKind
from transforms.documents.boxes import frame_box, write_boxes
from transforms.documents.material import DocumentRow, Draft
from transforms.documents.settings import DocumentSettings
from transforms.documents.template import Field, Layout
from transforms.documents.values import RowValues, Value


class Drafter:
    """Draws layouts and counts of retrieved documents, and reads what the layouts need.

    Args:
        frame: width and height in pixels of the pictures that the model reads.

    """

    def __init__(self, settings: DocumentSettings, frame: tuple[int, int]) -> None:
        self._settings = settings
        self._frame = frame
        layouts = settings.template.layouts
        self._ends = list(itertools.accumulate(layout.weight for layout in layouts))

    def draft(self, row: DocumentRow) -> Draft:
        """Begin a document.

        Raises:
            RowError: the row lacks what its layout needs.

        """
        random = Random(row.seed)  # noqa: S311 - the same draws are wanted again
        layouts = self._settings.template.layouts
        at = bisect.bisect_right(self._ends, random.random() * self._ends[-1])
        number = min(at, len(layouts) - 1)
        layout = layouts[number]
        values = RowValues(row.asset)
        texts = {}
        for item in layout.items:
            if isinstance(item, Field) and item.column not in texts:
                if item.boxes:
                    texts[item.column] = Value(text=self._boxes(values, item.column))
                else:
                    texts[item.column] = values.text(item.column, random)
        most = self._settings.k
        return Draft(
            row=row,
            random=random,
            layout=layout,
            layout_number=number,
            values=values,
            texts=texts,
            wanted={one.field: (one.codes, values.name(one.column)) for one in layout.pictures},
            query_id=_query_id(values, layout),
            count=random.randrange(most + 1) if self._settings.draw_count else most,
        )

    def _boxes(self, values: RowValues, column: str) -> str:
        objects = values.objects(column)
        size = values.size()
        if size is None:
            return write_boxes(objects)
        framed = [(name, frame_box(box, size, self._frame)) for name, box in objects]
        seen = [(name, box) for name, box in framed if box is not None]
        if not seen:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"None of the objects in the row's column {column} is inside the part of the "
                "picture that the model sees. Leave the row out, or mend its boxes, and run again.",
            )
        return write_boxes(seen)


def _query_id(values: RowValues, layout: Layout) -> str:
    """Whose neighbours are retrieved: the row's own, or those of the picture that it is about."""
    columns = [picture.column for picture in layout.pictures]
    return values.name("" if "" in columns or not columns else columns[0])
