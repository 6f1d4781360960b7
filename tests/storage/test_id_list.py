"""Ids in files of any kind."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import CatalogError
from storage.id_list import read_id_digests, read_ids
from storage.keys import asset_words

IDS = ["a", "b c", "ü"]


def write(folder: Path, name: str) -> str:
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"asset_id": IDS, "more": [1, 2, 3]}), path)
    elif name.endswith(".csv"):
        path.write_text("id,more\n" + "".join(f"{one},1\n" for one in IDS))
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps({"id": one}) + "\n" for one in IDS))
    else:
        path.write_text("\ufeff" + "\r\n".join([*IDS, "", IDS[0]]))
    return str(path)


@pytest.mark.parametrize("name", ["ids.parquet", "ids.csv", "ids.jsonl", "ids.txt", "ids"])
def test_ids_are_found(tmp_path: Path, name: str) -> None:
    found = read_id_digests(write(tmp_path, name))
    words = asset_words([*IDS, "d", ""])
    assert found.contains(words[:, 0], words[:, 1]).tolist() == [True, True, True, False, False]
    assert len(found) == 3
    assert read_ids(str(tmp_path / name)) == IDS


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"There is no .*gone\.txt"):
        read_id_digests(str(tmp_path / "gone.txt"))
    (tmp_path / "none.txt").write_text("\n\n")
    with pytest.raises(CatalogError, match="holds no ids"):
        read_id_digests(str(tmp_path / "none.txt"))
    (tmp_path / "picture.png").write_bytes(b"a\n\xff\xfe\n")
    with pytest.raises(CatalogError, match=r"Line 2 of .* is not text"):
        read_id_digests(str(tmp_path / "picture.png"))
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    with pytest.raises(CatalogError, match=r"damaged\.parquet"):
        read_id_digests(str(tmp_path / "damaged.parquet"))


def test_a_text_without_ids_is_a_list_of_none_and_a_table_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("\n")
    assert read_ids(str(tmp_path / "none.txt")) == []
    (tmp_path / "none.csv").write_text("name\na\n")
    with pytest.raises(CatalogError, match=r"none\.csv holds no ids"):
        read_ids(str(tmp_path / "none.csv"))
    with pytest.raises(CatalogError, match=r"There is no .*gone\.txt"):
        read_ids(str(tmp_path / "gone.txt"))
