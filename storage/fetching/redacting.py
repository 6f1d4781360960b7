"""Naming uris in messages without their secrets."""

import re

_LONGEST = 300
_USER = re.compile(r"(?<=://)[^/?#\s]*@")
# Signed requests carry their signature in the query.
_QUERY = re.compile(r"(\w://[^\s?#'\"<>]*)\?[^\s'\"<>]*")


def redact(text: str) -> str:
    """A uri, or a message that holds uris, without user names, passwords and queries.

    Shortened to 300 characters: a ``data:`` uri can be a whole picture.
    """
    text = _QUERY.sub(r"\1?...", _USER.sub("", text))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
