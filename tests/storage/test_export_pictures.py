"""Pictures beside the table: what is committed is written once, anywhere, for others to read."""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from PIL import Image

from schemas.generated_image import GeneratedImage
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import read_split
from storage.catalog.plan import plan_pieces
from storage.catalog.split import Split
from storage.commit import commit_run
from storage.export_pictures import PictureFolders, export_pictures, is_exported
from storage.keys import question_identity, row_keys
from storage.part_writer import PartWriter
from storage.parts import SplitRecord
from storage.store import Store, open_store
from storage.store.local import LocalStore
from tests.generated import a_picture, generated
from tests.servers.object_stores import StoreServer, at_server, moto_s3
from tests.storage.rows import FINGERPRINT, a_run

RUNS = ("20260101-000000-aaaaaa", "20260102-000000-bbbbbb")


def commit(out: Store, run_id: str, *parts: Sequence[GeneratedImage], base: int = 0) -> None:
    """Commit a run of one split with these parts."""
    run = a_run(run_id, job="generate", table="generations", base=base)
    staged = []
    first = 0
    for rows in parts:
        writer = PartWriter(
            store=out,
            run_id=run.run_id,
            split_id="s",
            attempt="x",
            first=first,
            record=GeneratedImage,
            version="0",
        )
        for position, row in enumerate(rows, first):
            keys = row_keys(
                [question_identity(row.asset_id, str(row.sample_number))], [run_id], FINGERPRINT
            )
            words = int(keys.identity[0, 0]), int(keys.identity[0, 1])
            writer.add(position=position, identity=words, second=int(keys.second[0]), row=row)
        first += len(rows)
        part = writer.flush(first)
        assert part is not None
        staged.append(part)
    record = SplitRecord(split_id="s", offset=0, row_count=first, parts=tuple(staged))
    commit_run(out, run, [("s", 0, first)], [record])


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def out(tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "out")


def test_files_are_named_by_id_and_sample(out: Store, tmp_path: Path) -> None:
    webp = a_picture(5, file_format="webp")
    rows = [
        generated("photos/a.jpg", 0, image=a_picture(1)),
        generated("photos/a.jpg", 1, image=webp, media_type="image/webp"),
        generated("b", 0, image=a_picture(2)),
    ]
    commit(out, RUNS[0], rows[:2], rows[2:])
    folders = PictureFolders(images=str(tmp_path / "images"))
    assert not is_exported(out, "generations", folders)
    export_pictures(out, "generations", folders)
    assert is_exported(out, "generations", folders)
    found = files(tmp_path / "images")
    notes = [name for name in found if name.startswith("_written/")]
    assert len(notes) == 2
    assert {name: content for name, content in found.items() if name not in notes} == {
        "photos%2Fa.jpg-0.png": a_picture(1),
        "photos%2Fa.jpg-1.webp": webp,
        "b-0.png": a_picture(2),
    }


def test_what_was_cut_short_is_gone_on_with_and_the_later_commit_counts(
    out: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(out, RUNS[1], [generated("a", image=a_picture(1))], [generated("b", image=a_picture(2))])
    commit(out, RUNS[0], [generated("a", image=a_picture(3))], base=1)
    folders = PictureFolders(images=str(tmp_path / "images"))
    plain, puts = LocalStore.put, []

    def dying(store: LocalStore, path: str, data: bytes) -> None:
        puts.append(path)
        if len(puts) == 3:
            raise KeyboardInterrupt
        plain(store, path, data)

    monkeypatch.setattr(LocalStore, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        export_pictures(out, "generations", folders)
    assert not is_exported(out, "generations", folders)
    export_pictures(out, "generations", folders)
    # The first part was whole, and is not written again.
    assert puts[0] == "a-0.png"
    assert [path for path in puts[3:] if path.endswith(".png")] == ["b-0.png", "a-0.png"]
    assert (tmp_path / "images" / "a-0.png").read_bytes() == a_picture(3)
    before = files(tmp_path / "images")
    export_pictures(out, "generations", folders)
    assert files(tmp_path / "images") == before
    assert len(puts) == 3 + 4


ROWS = [
    generated(
        "photos/ä.jpg",
        number,
        image=a_picture(number),
        text="ein rotes Dreieck",
        score=0.25,
        license="CC0-1.0",
        attributes='{"shelf": "s3"}',
        neighbors=("n1", "n2"),
    )
    for number in range(40)
]


def test_shards_hold_picture_text_and_row(out: Store, tmp_path: Path) -> None:
    commit(out, RUNS[0], ROWS[:35], ROWS[35:])
    folders = PictureFolders(webdataset=str(tmp_path / "shards"))
    export_pictures(out, "generations", folders)
    assert is_exported(out, "generations", folders)
    shards = sorted((tmp_path / "shards").iterdir())
    assert len(shards) == 2
    members = {}
    for shard in shards:
        with tarfile.open(shard) as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file is not None
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")
                members[member.name] = file.read()
    assert len(members) == 3 * 40
    for row in ROWS:
        key = f"photos%2Fä%2Ejpg-{row.sample_number}"
        assert members[f"{key}.png"] == row.image
        assert members[f"{key}.txt"].decode() == row.text
        described = json.loads(members[f"{key}.json"])
        assert described["settings"] == {"guidance": 3.0}
        assert described["attributes"] == {"shelf": "s3"}
        assert (described["codes"], described["score"]) == ([0, 1, 2, 3], 0.25)
        assert (described["neighbors"], described["license"]) == (["n1", "n2"], "CC0-1.0")
        assert set(described) == set(GeneratedImage.__dataclass_fields__) - {"image"}


def test_the_same_parts_give_the_same_shards(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        out = LocalStore(tmp_path / name / "out")
        commit(out, RUNS[0], ROWS)
        export_pictures(
            out, "generations", PictureFolders(webdataset=str(tmp_path / name / "shards"))
        )
        written.append(files(tmp_path / name / "shards"))
    assert len(written[0]) == 1
    assert written[0] == written[1]


def test_shards_are_read_by_others_and_are_a_catalog(out: Store, tmp_path: Path) -> None:
    commit(out, RUNS[0], ROWS)
    export_pictures(out, "generations", PictureFolders(webdataset=str(tmp_path / "shards")))
    (shard,) = (tmp_path / "shards").iterdir()
    loaded: Any = load_dataset(
        "webdataset",
        data_files=str(shard),
        split="train",
        streaming=True,
        cache_dir=str(tmp_path / "cache"),
    )
    for row, sample in zip(ROWS, loaded, strict=True):
        assert sample["txt"] == row.text
        assert sample["json"]["seed"] == 7
        with Image.open(io.BytesIO(row.image)) as image:
            assert sample["png"].tobytes() == image.convert("RGB").tobytes()
    (split,) = plan_pieces(str(shard), ColumnNames(), None)
    assert isinstance(split, Split)
    rows = [
        row
        for block in read_split(split, ColumnNames())
        for row in block.rows(range(len(block.ids)))
    ]
    assert [row.data for row in rows] == [row.image for row in ROWS]
    assert {(row.asset.text, row.asset.license) for row in rows} == {
        ("ein rotes Dreieck", "CC0-1.0")
    }


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    with moto_s3() as server, at_server(server):
        yield server


def test_it_writes_to_a_store(server: StoreServer) -> None:
    out = open_store(f"s3://{server.bucket}/out")
    commit(out, RUNS[0], ROWS[:3])
    folders = PictureFolders(
        images=f"s3://{server.bucket}/images", webdataset=f"s3://{server.bucket}/shards"
    )
    export_pictures(out, "generations", folders)
    assert is_exported(out, "generations", folders)
    target = open_store(folders.images)
    paths = [entry.path for entry in target.entries("")]
    assert paths[1:] == [f"photos%2Fä.jpg-{number}.png" for number in range(3)]
    assert target.get(paths[1]) == ROWS[0].image
    (shard,) = open_store(folders.webdataset).entries("")
    with tarfile.open(fileobj=io.BytesIO(open_store(folders.webdataset).get(shard.path))) as tar:
        assert len(tar.getmembers()) == 9
