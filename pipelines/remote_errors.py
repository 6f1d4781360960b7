"""Our own errors, from the text that a runner passes on when another process raised them."""

import re

from schemas import errors
from schemas.errors import CalummaError, RunError

_OURS = re.compile(r"schemas\.errors\.(\w+): (.+)")
_BEAMS_NOTE = re.compile(r" \[while running .*?\]")
_WRAPPING = re.compile(r"^Caused by: |^Pipeline \S+ failed in state \w+: ")
_RAISED = re.compile(r"[\w.$]+(?:Error|Exception)\b")
_JAVAS = re.compile(r"(?:java|javax|org|com|io)\.")


def without_beams_note(text: str) -> str:
    """A message without the name of the step that Beam adds to it."""
    return _BEAMS_NOTE.sub("", text)


def error_told_in(text: str) -> CalummaError | None:
    """The last error of ours that a traceback tells of, None if there is none."""
    found = _OURS.findall(_unescaped(text))
    if not found:
        return None
    name, message = found[-1]
    kind = getattr(errors, name, RunError)
    sentence = without_beams_note(message).strip()
    # A row's error never ends a run; it has another signature.
    ours = isinstance(kind, type) and issubclass(kind, CalummaError)
    if not ours or issubclass(kind, errors.RowError):
        kind = RunError
    error: CalummaError = kind(sentence)
    return error


def last_line(text: str) -> str:
    """The line of a remote traceback that says what was raised: Python's, or else Java's cause."""
    lines = [_WRAPPING.sub("", line.strip()) for line in _unescaped(text).splitlines()]
    lines = [line for line in lines if line]
    raised = [line for line in lines if _RAISED.match(line)]
    pythons = [line for line in raised if not _JAVAS.match(line)]
    return without_beams_note((pythons or raised or lines or ["unknown error"])[-1])


def _unescaped(text: str) -> str:
    """A text that a runner may have quoted on its way."""
    return text.replace("\\n", "\n")
