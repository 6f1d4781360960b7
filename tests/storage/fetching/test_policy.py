"""What a catalog may name."""

from pathlib import Path

import pytest

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy, resolve_uri, scheme_of
from tests.storage.fetching.conftest import error_of, kind_of


@pytest.mark.parametrize(
    "catalog",
    ["https://host/catalog.csv", "s3://bucket/c.parquet", "gs://b/c", "hf://datasets/a/b"],
)
@pytest.mark.parametrize("form", ["file://{}", "FILE://{}", "file:{}", "{}"])
def test_a_remote_catalog_names_no_local_file(tmp_path: Path, catalog: str, form: str) -> None:
    (tmp_path / "p").write_bytes(b"secret")
    fetcher = Fetcher(FetchPolicy.for_catalog(catalog))
    assert kind_of(fetcher, form.format(tmp_path / "p")) is FailureKind.POLICY


@pytest.mark.parametrize("catalog", ["/data/catalog.csv", "catalog.csv", "file:///data/c.csv"])
@pytest.mark.parametrize("form", ["file://{}", "FILE://{}", "file:{}", "file://localhost{}", "{}"])
def test_a_local_catalog_names_local_files(tmp_path: Path, catalog: str, form: str) -> None:
    (tmp_path / "p").write_bytes(b"picture")
    fetcher = Fetcher(FetchPolicy.for_catalog(catalog))
    assert fetcher.fetch(form.format(tmp_path / "p")) == b"picture"


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64,AAAA",
        "ftp://host/a.png",
        "ssh://host/a.png",
        "javascript:alert(1)",
        "simplecache::s3://bucket/a.png",
        "zip://a.png::file:///etc/x.zip",
        "github://a:b@main/c.png",
        "reference://x",
        "ws://host/a.png",
        "memory://a.png",
    ],
)
def test_other_schemes_are_refused(uri: str) -> None:
    error = error_of(Fetcher(FetchPolicy.for_catalog("/data/c.csv")), uri)
    assert error.kind is FailureKind.POLICY
    assert "Copy the picture to one of file, s3, gs, az, http, https, hf, then" in error.message


@pytest.mark.parametrize(
    "scheme", ["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "http", "https", "hf", "S3"]
)
def test_schemes_are_read_by_their_other_names_too(scheme: str) -> None:
    FetchPolicy.for_catalog("s3://bucket/c.csv").check(f"{scheme}://bucket/a.png")


def test_what_a_policy_is_given() -> None:
    policy = FetchPolicy.for_catalog(
        "c.csv", allow_private_addresses=True, max_bytes=5, max_seconds=7.0
    )
    assert (policy.allow_private_addresses, policy.max_bytes, policy.max_seconds) == (True, 5, 7.0)


def test_a_refused_picture_in_a_uri_does_not_fill_the_message() -> None:
    with pytest.raises(RowError) as caught:
        FetchPolicy.for_catalog("/data/c.csv").check("data:image/png;base64," + "A" * 1_000_000)
    assert len(caught.value.message) < 1000


def test_a_zero_byte_is_refused_everywhere() -> None:
    fetcher = Fetcher(FetchPolicy.for_catalog("/data/c.csv"))
    for uri in ("a\0b", "s3://bucket/a\0b", "http://host/a\0b"):
        assert kind_of(fetcher, uri) is FailureKind.INVALID_ROW


@pytest.mark.parametrize(
    ("uri", "folder", "resolved"),
    [
        ("a/b.png", "/data", "/data/a/b.png"),
        ("a.png", "s3://bucket/x", "s3://bucket/x/a.png"),
        ("a.png", "https://host/x", "https://host/x/a.png"),
        ("../a.png", "https://host/x/y", "https://host/x/a.png"),
        ("a.png?v=1", "https://host/x", "https://host/x/a.png?v=1"),
        ("/abs.png", "/data", "/abs.png"),
        ("https://other/a.png", "/data", "https://other/a.png"),
        ("file:///a.png", "s3://bucket", "file:///a.png"),
        ("//host/a.png", "https://host/x", "//host/a.png"),
        ("a.png", "", "a.png"),
    ],
)
def test_uris_resolve_against_the_catalog_s_folder(uri: str, folder: str, resolved: str) -> None:
    assert resolve_uri(uri, folder) == resolved


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("HTTPS://host/x", "https"),
        ("s3://b/a:b", "s3"),
        ("/a:b", "file"),
        ("c:\\a.png", "file"),
        ("a.png", "file"),
        (" http://host/x", "file"),
    ],
)
def test_schemes(uri: str, scheme: str) -> None:
    assert scheme_of(uri) == scheme
