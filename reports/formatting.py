"""Numbers, times and settings as people read them."""

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

DASH = "–"


def number(value: int) -> str:
    """A whole number with thousands separated: ``12,345``."""
    return f"{value:,}"


def noun(job: str) -> str:
    """What a job's rows are called."""
    return {
        "answer": "answers",
        "embed": "vectors",
        "neighbors": "queries",
        "duplicates": "signatures",
        "tokenize": "pictures as codes",
        "reconstruct": "pictures of codes",
        "structure": "structures",
        "filter": "verdicts",
        "generate": "drawn pictures",
        "edit": "edited pictures",
        "assemble": "documents",
    }.get(job, "captions")


def amount(value: int, things: str) -> str:
    """So many things, named in the plural: ``1 caption``, ``1,000 captions``."""
    one = "query" if things == "queries" else things.removesuffix("s")
    return f"{number(value)} {one if value == 1 else things}"


def size(value: int) -> str:
    """Bytes with three digits: ``812 bytes``, ``1.23 MB``."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)):
        # What would be rounded to 1000 is told in the larger unit.
        if value >= 0.9995 * 10**power:
            return f"{value / 10**power:.3g} {unit}"
    return f"{value} bytes"


def rate(amount: float, seconds: float) -> str:
    """An amount a second with three digits: ``41.7``; a dash where nothing was measured."""
    if seconds <= 0 or amount <= 0:
        return DASH
    value = amount / seconds
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def percent(part: int, whole: int) -> str:
    """A share in percent: ``87.3 %``; 0 and 100 only where they are exact."""
    if whole == 0:
        return DASH
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.1f} %" if part != whole and part else f"{share:.0f} %"


def duration(seconds: float) -> str:
    """A span of time: ``97.1 s``, ``2 min 12 s``, ``1 h 04 min``."""
    if seconds < 99.95:  # what would be rounded to 100.0 is told in minutes
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def moment(seconds: float | None) -> str:
    """A point in time, from seconds since the epoch: ``2026-01-31 23:59:59 UTC``."""
    if seconds is None:
        return DASH
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def settings(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Settings as (name, value) texts in their order: texts as they are, all else as JSON."""
    return [(str(name), _setting(value)) for name, value in values.items()]


def _setting(value: object) -> str:
    if value is None or value == "":
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def printable(text: str) -> str:
    """A text without what a terminal would obey: control and direction characters as escapes."""
    return "".join(
        character
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else character.encode("unicode_escape").decode()
        for character in text
    )
