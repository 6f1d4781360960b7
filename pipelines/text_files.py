"""Text files that options name: lists of words, of licences."""

from schemas.errors import UsageError
from storage.catalog.opening import open_file
from storage.uris import absolute_uri


def read_text_file(file: str, named: str) -> str:
    """Read a text file, in UTF-8.

    Args:
        file: a path or uri.
        named: what is in it, for messages.

    Raises:
        UsageError: it is not there, or cannot be read.

    """
    try:
        with open_file(absolute_uri(file)) as opened:
            return opened.read().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no file of {named} {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The {named} in {file} cannot be read: {error}.") from error
