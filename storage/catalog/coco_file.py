"""One file of COCO annotations, read as a stream: its pictures, annotations and names.

The form is that of https://cocodataset.org/#format-data: an object of the lists ``images``,
``annotations``, ``categories`` and ``licenses``. Lists come in any order, so the file is gone
through once for each; that is a third of the time of one look that makes objects of them all.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson

from schemas.errors import CatalogError
from storage.catalog.columns import plain_text
from storage.catalog.opening import is_compressed, local_path, open_file

_READ_AT_ONCE = 1 << 18
_COPIED_AT_ONCE = 1 << 20


@contextlib.contextmanager
def open_coco(uri: str) -> Iterator["CocoFile"]:
    """Open a file; one that is not at hand is copied to this machine's disk first."""
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(open_file(uri))
        if local_path(uri) is None or is_compressed(uri):
            copy = opened.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(file, copy, _COPIED_AT_ONCE)
            file = copy
        yield CocoFile(uri, file)


class CocoFile:
    """An open file of annotations."""

    def __init__(self, uri: str, file: BinaryIO) -> None:
        self.uri = uri
        self._file = file

    def items(self, name: str) -> Iterator[Any]:
        """Go through one of the lists; nothing where the file has none of this name.

        Raises:
            CatalogError: the file is cut short, or is no JSON.

        """
        self._file.seek(0)
        try:
            yield from ijson.items(
                self._file, f"{name}.item", use_float=True, buf_size=_READ_AT_ONCE
            )
        except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CatalogError(
                f"{self.uri} is no whole JSON file ({reason}). If it was cut short, copy it again."
            ) from error

    def names(self, name: str) -> dict[str, str]:
        """The names in a list of things with ids, by their ids as text."""
        return {
            plain_text(one.get("id")): plain_text(one.get("name"))
            for one in self.items(name)
            if isinstance(one, dict)
        }


def check_coco(uri: str) -> None:
    """Look for the first picture.

    Raises:
        CatalogError: there is none.

    """
    with open_file(uri) as file:
        if next(CocoFile(uri, file).items("images"), None) is None:
            raise CatalogError(
                f"{uri} is no file of COCO annotations: it has no list of images. Of other rows, "
                "one JSON object a line in a file named .jsonl is a catalog."
            )
