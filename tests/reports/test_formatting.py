"""Numbers, times and texts as people read them."""

import pytest

from reports.formatting import (
    amount,
    duration,
    moment,
    noun,
    number,
    percent,
    printable,
    rate,
    settings,
    size,
)


def test_number() -> None:
    assert number(1234567) == "1,234,567"


def test_amounts_of_what_a_job_writes() -> None:
    assert amount(1, noun("caption")) == "1 caption"
    assert amount(1000, noun("answer")) == "1,000 answers"


@pytest.mark.parametrize(
    ("amount", "seconds", "text"),
    [
        (1, 0, "–"),
        (0, 5, "–"),
        (1, 15, "0.067"),
        (9, 2, "4.5"),
        (83, 2, "41.5"),
        (9e5, 2, "450,000"),
    ],
)
def test_rate(amount: float, seconds: float, text: str) -> None:
    assert rate(amount, seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"),
        (812, "812 bytes"),
        (1_234_567, "1.23 MB"),
        (999_600, "1 MB"),
        (740_123, "740 kB"),
        (5 * 10**12, "5 TB"),
    ],
)
def test_size(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 3, "33.3 %"),
        (1, 9999, "< 0.1 %"),
        (9998, 9999, "> 99.9 %"),
    ],
)
def test_percent(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (4.23, "4.2 s"),
        (97.1, "97.1 s"),
        (99.97, "1 min 40 s"),
        (132, "2 min 12 s"),
        (725, "12 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3840, "1 h 04 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moment() -> None:
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert moment(None) == "–"


def test_settings() -> None:
    given = {"prompt": None, "style": "", "limit": 3, "columns": {"id": "ä"}, "model": "tiny"}
    assert settings(given) == [
        ("prompt", "not set"),
        ("style", "not set"),
        ("limit", "3"),
        ("columns", '{"id": "ä"}'),
        ("model", "tiny"),
    ]


def test_printable_leaves_nothing_that_a_terminal_obeys() -> None:
    text = "a\x1b[31mred\x07 b\u202ec\n\u2028 ä 猫"
    assert printable(text) == "a\\x1b[31mred\\x07 b\\u202ec\\n\\u2028 ä 猫"
