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

from schemas.errors import RunError
from schemas.generated_image import GeneratedImage
from storage.catalog.columns import ColumnNames
from storage.catalog.formats import read_split
from storage.catalog.plan import plan_pieces
from storage.catalog.split import Split
from storage.commit import commit_run
from storage.export_pictures import export_part
from storage.export_plan import PictureFolders, count_unwritten, plan_export
from storage.keys import question_identity, row_keys
from storage.part_writer import PartWriter
from storage.parts import SplitRecord
from storage.store import Entry, Store, open_store
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


def export(out: Store, folders: PictureFolders) -> list[str]:
    """Write what is missing; give the parts, in the order of the plan."""
    parts = plan_export(out, "generations", folders)
    for part in parts:
        export_part(out, part, folders)
    return [part.path for part in parts]


def is_exported(out: Store, folders: PictureFolders) -> bool:
    return count_unwritten(out, "generations", folders) == 0


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
    assert not is_exported(out, folders)
    export(out, folders)
    assert is_exported(out, folders)
    found = files(tmp_path / "images")
    notes = [name for name in found if name.startswith("_written/")]
    assert len(notes) == 2
    assert {name: content for name, content in found.items() if name not in notes} == {
        "photos%2Fa.jpg-0.png": a_picture(1),
        "photos%2Fa.jpg-1.webp": webp,
        "b-0.png": a_picture(2),
    }


def two_commits(out: Store) -> None:
    """Two parts, and in a later commit one of them drawn anew."""
    commit(out, RUNS[1], [generated("a", image=a_picture(1))], [generated("b", image=a_picture(2))])
    commit(out, RUNS[0], [generated("a", image=a_picture(3))], base=1)


def pictures_in(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(folder).items() if name.endswith(".png")}


def test_what_was_cut_short_is_gone_on_with_by_the_part(
    out: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_commits(out)
    folders = PictureFolders(images=str(tmp_path / "images"))
    plain, puts = LocalStore.put, []
    listed: list[str] = []

    def dying(store: LocalStore, path: str, data: bytes) -> None:
        puts.append(path.removesuffix(".json"))
        if len(puts) == 3:
            raise KeyboardInterrupt
        plain(store, path, data)

    def listing(store: LocalStore, prefix: str) -> Iterator[Entry]:
        if store.uri == folders.images:
            listed.append(prefix)
        return entries(store, prefix)

    entries = LocalStore.entries
    monkeypatch.setattr(LocalStore, "entries", listing)
    monkeypatch.setattr(LocalStore, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        export(out, folders)
    assert not is_exported(out, folders)
    assert len(export(out, folders)) == 2
    notes = [
        f"_written/{RUNS[1]}-{name}" for name in ("s-00000000-00000001-x", "s-00000001-00000002-x")
    ]
    # A file is written as its last row has it, and what was written as a whole is not again.
    assert puts[:3] == [notes[0], "b-0.png", notes[1]]
    assert puts[3:6] == ["b-0.png", notes[1], "a-0.png"]
    assert len(puts) == 7
    assert pictures_in(tmp_path / "images") == {"a-0.png": a_picture(3), "b-0.png": a_picture(2)}
    assert export(out, folders) == []
    assert len(puts) == 7
    # Nothing is asked for by the names of pictures.
    assert set(listed) == {"_written"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (2, 0, 1)])
def test_the_later_commit_counts_in_whatever_order_parts_are_written(
    out: Store, tmp_path: Path, order: Sequence[int]
) -> None:
    two_commits(out)
    folders = PictureFolders(images=str(tmp_path / "images"))
    parts = plan_export(out, "generations", folders)
    export_part(out, parts[order[0]], folders)
    # Whoever goes on plans anew, with less to do.
    assert len(plan_export(out, "generations", folders)) == 2
    for place in order[1:]:
        (part,) = [
            one for one in plan_export(out, "generations", folders) if one.path == parts[place].path
        ]
        export_part(out, part, folders)
    assert is_exported(out, folders)
    assert pictures_in(tmp_path / "images") == {"a-0.png": a_picture(3), "b-0.png": a_picture(2)}


def test_what_the_disk_refuses_is_told_with_the_folder(out: Store, tmp_path: Path) -> None:
    commit(out, RUNS[0], ROWS[:2])
    for name, told in (("images", "Is a directory"), ("webdataset", "File exists")):
        folder = tmp_path / name
        folders = PictureFolders(**{name: str(folder)})
        if name == "images":
            (folder / "photos%2Fä.jpg-1.png").mkdir(parents=True)
        else:
            folder.write_text("a file")
        with pytest.raises(RunError) as caught:
            export(out, folders)
        assert f"cannot be written to {folder}: {told}. Once that is mended" in str(caught.value)
        assert not is_exported(out, folders)
    assert not list(tmp_path.rglob("*.tmp"))


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
    export(out, folders)
    assert is_exported(out, folders)
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
        export(out, PictureFolders(webdataset=str(tmp_path / name / "shards")))
        written.append(files(tmp_path / name / "shards"))
    assert len(written[0]) == 1
    assert written[0] == written[1]


def test_shards_are_read_by_others_and_are_a_catalog(out: Store, tmp_path: Path) -> None:
    commit(out, RUNS[0], ROWS)
    export(out, PictureFolders(webdataset=str(tmp_path / "shards")))
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
    export(out, folders)
    assert is_exported(out, folders)
    target = open_store(folders.images)
    paths = [entry.path for entry in target.entries("")]
    assert paths[1:] == [f"photos%2Fä.jpg-{number}.png" for number in range(3)]
    assert target.get(paths[1]) == ROWS[0].image
    (shard,) = open_store(folders.webdataset).entries("")
    with tarfile.open(fileobj=io.BytesIO(open_store(folders.webdataset).get(shard.path))) as tar:
        assert len(tar.getmembers()) == 9
