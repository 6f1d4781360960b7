"""Secrets in uris are not repeated in messages."""

import pytest

from storage.fetching.redacting import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:word@host/a.png?signature=abc", "https://host/a.png?..."),
        ("https://me:wo@rd@host/a.png", "https://host/a.png"),
        ("https://host/a@b.png", "https://host/a@b.png"),
        ("s3://bucket/a b.png", "s3://bucket/a b.png"),
        ("https://[broken?key=abc", "https://[broken?..."),
        ("403 for url 'https://h/a?sig=x', twice", "403 for url 'https://h/a?...', twice"),
        ("/data/what?.png", "/data/what?.png"),
    ],
)
def test_secrets_are_not_repeated(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_long_ones_are_shortened() -> None:
    assert len(redact("data:" + "A" * 10_000)) < 400
