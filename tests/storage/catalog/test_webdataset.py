"""WebDataset tars: samples as the convention groups them, and no member lost in silence."""

import io
import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CatalogError
from storage.catalog import webdataset
from storage.catalog.columns import ColumnNames
from storage.catalog.plan import check_catalog
from storage.catalog.split import CatalogRow
from tests.storage.catalog.conftest import problem_of, read_all, rows_of, splits_of

Members = Sequence[tuple[str, bytes]]


def write(path: Path, members: Members, tar_format: int = tarfile.PAX_FORMAT) -> Path:
    mode: Literal["w:gz", "w"] = "w:gz" if path.suffix in {".gz", ".tgz"} else "w"
    with tarfile.open(path, mode, format=tar_format) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def pictures(count: int) -> list[tuple[str, bytes]]:
    return [(f"s{number:04d}.jpg", b"picture %d" % number) for number in range(count)]


def read(path: Path) -> list[CatalogRow]:
    return read_all(splits_of(path))


def attributes(row: CatalogRow) -> dict[str, Any]:
    return dict(json.loads(row.asset.attributes))


def by_convention(members: Members) -> list[tuple[str, dict[str, bytes]]]:
    """Group members as webdataset's ``base_plus_ext`` and ``group_by_keys`` do."""
    samples: list[tuple[str, dict[str, bytes]]] = []
    for name, content in members:
        match = re.match(r"^((?:.*/|)[^.]+)[.]([^/]*)$", name)
        assert match, name
        key, extension = match[1], match[2].lower()
        if not samples or samples[-1][0] != key:
            samples.append((key, {}))
        samples[-1][1][extension] = content
    return samples


names = st.builds(
    lambda folders, base, extension: "/".join([*folders, f"{base}.{extension}"]),
    st.lists(st.sampled_from(["a", "v1.0", "x" * 120]), max_size=2),
    st.sampled_from(["0001", "0002", "é", "y" * 150]),
    st.sampled_from(["jpg", "PNG", "txt", "json", "seg.png", "cls"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(st.tuples(names, st.binary(max_size=600)), min_size=1, max_size=15),
    rows_per_split=st.integers(1, 3),
    suffix=st.sampled_from([".tar", ".tar.gz", ".tgz"]),
    tar_format=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_the_splits_hold_all_samples_in_order_wherever_they_are_cut(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: list[tuple[str, bytes]],
    rows_per_split: int,
    suffix: str,
    tar_format: int,
) -> None:
    monkeypatch.setattr(webdataset, "ROWS_PER_SPLIT", rows_per_split)
    splits = splits_of(write(tmp_path / f"shard{suffix}", found, tar_format))
    if suffix == ".tar":
        assert all(split.row_count == rows_per_split for split in splits[:-1])
    for row, (key, sample) in zip(read_all(splits), by_convention(found), strict=True):
        first = next((content for name, content in sample.items() if name in {"jpg", "png"}), None)
        assert (row.asset.asset_id, row.data) == (key, first)
        assert problem_of(row) == ("" if first is not None else "invalid_row")


def test_json_and_texts_of_a_sample(tmp_path: Path) -> None:
    fields = {"id": 7, "caption": "from json", "license": "CC0", "version": 2, "w": [1, 2]}
    path = write(
        tmp_path / "shard.tar",
        [
            ("a.jpg", b"jpeg"),
            ("a.json", json.dumps(fields).encode()),
            ("a.cls", b"3\n"),
            ("b.txt", b"from txt\n"),
            ("b.png", b"png"),
        ],
    )
    first, second = (row.asset for row in read(path))
    assert (first.asset_id, first.uri, first.text) == ("a", f"{path}#a.jpg@512+4", "from json")
    assert (first.license, first.references) == ("CC0", ("from json",))
    assert json.loads(first.attributes) == {"cls": "3", "id": 7, "version": 2, "w": [1, 2]}
    assert (second.text, json.loads(second.attributes)) == ("from txt", {})


def test_metadata_that_is_none_costs_no_row(tmp_path: Path) -> None:
    contents = {
        "json": [b"not json", b"[1]", b"[" * 100_000, b"\xff"],
        "txt": [b"caf\xe9"],
        "npy": [b"\x93NUMPY\xff"],
    }
    members = [
        member
        for extension, values in contents.items()
        for number, value in enumerate(values)
        for member in [
            (f"{extension}{number}.jpg", b"x"),
            (f"{extension}{number}.{extension}", value),
        ]
    ]
    rows = read(write(tmp_path / "shard.tar", members))
    assert [problem_of(row) for row in rows] == [""] * 6
    assert attributes(rows[0]) == {"json": "not json"}
    assert rows[4].asset.text == "caf\ufffd"
    assert attributes(rows[5]) == {}


def test_the_content_version_changes_with_any_member(tmp_path: Path) -> None:
    def version(text: bytes) -> str:
        path = write(tmp_path / "shard.tar", [("a.jpg", b"x"), ("a.txt", text)])
        return read(path)[0].asset.content_version

    assert version(b"red") == version(b"tan")
    assert version(b"red") != version(b"green")


def test_folders_and_links_are_no_members(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(5):
            folder = tarfile.TarInfo(f"f{number}")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        link = tarfile.TarInfo("f0/z.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        picture = tarfile.TarInfo("./f0/a.jpg")
        picture.size = 1
        archive.addfile(picture, io.BytesIO(b"x"))
    assert [(row.asset.asset_id, row.data) for row in read(path)] == [("f0/a", b"x")]


def test_names_that_are_no_text_and_a_name_that_is_a_dot_s(tmp_path: Path) -> None:
    path = write(tmp_path / "shard.tar", [("caf\udce9.jpg", b"x"), (".jpg", b"y")])
    rows = read(path)
    assert [row.asset.asset_id for row in rows] == ["caf\\udce9", ""]
    assert [problem_of(row) for row in rows] == ["", "missing_id"]


@pytest.mark.parametrize("suffix", ["tar", "tgz"])
def test_a_member_too_large_fails_its_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(webdataset, "_MAX_MEMBER_BYTES", 1000)
    monkeypatch.setattr(webdataset, "_MAX_TEXT_BYTES", 100)
    members = [
        ("a.jpg", b"x" * 1001),
        ("b.jpg", b"x" * 1000),
        ("b.txt", b"t" * 101),
        ("c.jpg", b"x"),
    ]
    rows = read(write(tmp_path / f"shard.{suffix}", members))
    assert [problem_of(row) for row in rows] == ["too_large", "", ""]
    assert (rows[1].data, rows[1].asset.text) == (b"x" * 1000, "")


def test_a_stream_keeps_one_picture_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webdataset, "_MAX_TEXT_BYTES", 10)
    # Named so that all are one sample: its members must not fill the memory.
    members = [(f"img.{number}.jpg", b"x" * 50) for number in range(20)]
    path = write(tmp_path / "shard.tgz", [*members, ("img.jpg", b"kept"), ("img.png", b"y" * 50)])
    (split,) = splits_of(path)
    (row,) = rows_of(split)
    assert row.data == b"kept"
    (block,) = webdataset.read(split, ColumnNames())
    ((_, kept),) = block._samples
    assert sum(member._content is not None for member in kept.values()) == 1


@pytest.mark.parametrize("suffix", ["tar", "tgz"])
def test_a_limit_holds_inside_a_tar(tmp_path: Path, suffix: str) -> None:
    (split,) = splits_of(write(tmp_path / f"shard.{suffix}", pictures(9)), limit=4)
    assert [row.asset.asset_id for row in rows_of(split)] == ["s0000", "s0001", "s0002", "s0003"]


@pytest.mark.parametrize("damage", [b"\xff" * 512, b"\0" * 512])
def test_what_lies_behind_a_damaged_header_is_told_and_what_lies_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setattr(webdataset, "ROWS_PER_SPLIT", 2)
    path = write(tmp_path / "shard.tar", pictures(9), tarfile.USTAR_FORMAT)
    content = bytearray(path.read_bytes())
    content[5 * 1024 : 5 * 1024 + 512] = damage
    path.write_bytes(content)
    *whole, rest = splits_of(path)
    assert [row.asset.asset_id for row in read_all(whole)] == ["s0000", "s0001", "s0002", "s0003"]
    assert (rest.row_count, rest.offset, rest.rows.start) == (1, 4, 4)
    assert "shard.tar cannot be read as tar" in rest.problem


def test_a_split_is_read_whatever_lies_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webdataset, "ROWS_PER_SPLIT", 1)
    path = write(tmp_path / "shard.tar", pictures(3), tarfile.USTAR_FORMAT)
    first, second, _ = splits_of(path)
    path.write_bytes(path.read_bytes()[: 2 * 1024] + b"\xff" * 2048)
    assert [row.asset.asset_id for row in [*rows_of(first), *rows_of(second)]] == ["s0000", "s0001"]


@pytest.mark.parametrize("kept", [2 * 1024 + 100, 2 * 1024 + 512 + 3, 700])
def test_a_tar_cut_short_is_told(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path / "shard.tar", pictures(3), tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[:kept])
    assert splits_of(path)[-1].problem


def test_a_tar_without_the_blocks_that_end_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "shard.tar", pictures(3), tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[: 3 * 1024])
    assert len(read(path)) == 3


def test_a_tar_of_nothing_and_what_is_no_tar(tmp_path: Path) -> None:
    assert splits_of(write(tmp_path / "empty.tar", [])) == []
    for number, content in enumerate([b"", b"no tar", b"x" * 5000]):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(content)
        assert [split.row_count for split in splits_of(path)] == [1]
        with pytest.raises(CatalogError, match="cannot be read as tar"):
            check_catalog(str(path), ColumnNames())
