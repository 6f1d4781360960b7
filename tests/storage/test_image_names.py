"""Names of picture files: any id becomes one, and most come back."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.image_names import image_name, sample_key

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("asset_id", "name"),
    [
        ("photo-1", "photo-1-3.png"),
        ("a/b c.jpg", "a%2Fb c.jpg-3.png"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd-3.png"),
        ("100%", "100%25-3.png"),
        ("_parts", "%5Fparts-3.png"),
        ("a\0b\n", "a%00b%0A-3.png"),
        ('C:\\x<>"|?*', "C%3A%5Cx%3C%3E%22%7C%3F%2A-3.png"),
        ("图片 naïve", "图片 naïve-3.png"),
    ],
)
def test_what_a_file_name_cannot_hold_is_escaped(asset_id: str, name: str) -> None:
    assert image_name(asset_id, "png", 3) == name


@given(ids, st.none() | st.integers(0, 10**6))
def test_what_decodes_urls_gives_the_id_back(asset_id: str, number: int | None) -> None:
    stem = image_name(asset_id, "webp", number).removesuffix(".webp")
    key = sample_key(asset_id, number)
    for name in (stem, key):
        told = name if number is None else name.removesuffix(f"-{number}")
        if len(asset_id.encode()) * 3 <= 200:
            assert unquote(told) == asset_id
        assert not re.search(r'[\x00-\x1f/\\:*?"<>|]', name)
        assert len(name.encode()) <= 210
    assert "." not in key


@given(st.lists(ids, unique=True, min_size=2, max_size=2), st.integers(0, 30), st.integers(0, 30))
def test_different_ids_have_different_names(pair: list[str], first: int, second: int) -> None:
    assert image_name(pair[0], "png", first) != image_name(pair[1], "png", second)


def test_a_long_id_is_cut_and_told_by_a_digest(tmp_path: Path) -> None:
    names = {image_name("图" * 300 + end, "png", 12345) for end in ("a", "b", "")}
    assert len(names) == 3
    for name in names:
        (tmp_path / name).write_bytes(b"")
        assert name.startswith("图图")
    assert {file.name for file in tmp_path.iterdir()} == names
    # A name of someone else's making cannot pass for a cut one.
    (cut,) = {name for name in names if name == image_name("图" * 300, "png", 12345)}
    assert image_name(cut.removesuffix("-12345.png"), "png", 12345) != cut
