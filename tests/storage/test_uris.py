"""A user's paths mean the same from any folder."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.uris import absolute_uri

names = st.text(st.characters(exclude_characters="/\0~:", codec="utf-8"), min_size=1).filter(
    lambda name: name.strip() not in {"", ".", ".."}
)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/catalog.parquet",
        "gs://bucket/folder/",
        "https://example.org/a b.csv?x=~/y",
        "file:///data/pictures",
        "s3://bucket/shards/*.tar",
    ],
)
def test_uris_are_left_as_they_are(uri: str) -> None:
    assert absolute_uri(uri) == uri


@settings(deadline=None)
@given(st.lists(names, min_size=1, max_size=4))
def test_a_relative_path_starts_from_the_current_folder(parts: list[str]) -> None:
    uri = absolute_uri("/".join(parts))
    assert uri == "/".join([str(Path.cwd()), *parts])
    assert absolute_uri(uri) == uri


def test_another_current_folder_is_another_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_uri("out/") == absolute_uri("./out") == f"{tmp_path}/out"
    assert absolute_uri("shards/*.tar") == f"{tmp_path}/shards/*.tar"


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute_uri("~/photos") == f"{tmp_path}/photos"
    assert absolute_uri("~") == str(tmp_path)


def test_a_name_with_a_tilde_that_is_no_user_s_is_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_uri("~nobody-has-this-name/out") == f"{tmp_path}/~nobody-has-this-name/out"
