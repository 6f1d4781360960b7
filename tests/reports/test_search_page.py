"""The page of a search: pictures where they may be read, else why not; texts stay texts."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from easy_vqa import get_test_image_paths
from PIL import Image

from reports.asset_pictures import AssetPictures
from reports.search_page import MOST_PICTURES, Found, SearchPage, write_search_page
from schemas.errors import UsageError
from schemas.manifest import Counts, RunManifest
from storage.index.version import IndexVersion
from storage.index_rows import IndexedAsset
from storage.index_store import IndexRecord
from storage.keys import row_keys
from tests.servers.web import reply, web_server

PICTURES = [str(get_test_image_paths()[number]) for number in range(3)]


def asset(uri: str, name: str = "a", text: str = "") -> IndexedAsset:
    return IndexedAsset(asset_id=name, uri=uri, text=text, license="", source="", modality="image")


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., IndexRecord]:
    """Makes the record of an index whose vectors came from a catalog."""

    def make(catalog: str = "/photos") -> IndexRecord:
        run = RunManifest(
            run_id="20260101-000000-aaaaaa",
            job="embed",
            state="done",
            config={"catalog": catalog, "columns": {"uri": ""}},
            table="embeddings",
            model="some-model",
            revision="r1",
            versions={},
            counts=Counts(rows_in=1, rows_out=1),
            rows_left=0,
            failures_by_kind={},
            started=0.0,
            finished=1.0,
            commit=1,
            files=(),
        )
        path = tmp_path / "out" / "_runs" / f"{run.run_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(run)))
        return IndexRecord(
            number=3,
            token="",
            run_id="20260102-000000-bbbbbb",
            version=IndexVersion(
                model="some-model",
                revision="r1",
                modality="image",
                dimension=4,
                trained="",
                shards=(),
            ),
            parts=(),
            counts=Counts(),
            embeddings=str(tmp_path / "out"),
        )

    return make


def problems(record: IndexRecord, uris: Sequence[str], index: str = "/index") -> list[str]:
    found = AssetPictures(index, record).load([asset(uri) for uri in uris])
    return [one.problem for one in found]


def test_pictures_are_small_ones_of_the_assets(record: Any) -> None:
    loading = AssetPictures("/index", record(), longer_side=48)
    first, second = loading.load([asset(PICTURES[0]), asset(PICTURES[1])])
    for path, one in ((PICTURES[0], first), (PICTURES[1], second)):
        with Image.open(path) as original, Image.open(io.BytesIO(one.jpeg)) as small:
            assert small.size == (48, 48)
            reduced = original.convert("RGB").resize((48, 48))
            for place in ((2, 2), (45, 2), (24, 24)):
                pair = zip(small.getpixel(place), reduced.getpixel(place), strict=True)  # type: ignore[arg-type]
                assert max(abs(one - other) for one, other in pair) < 60


def test_why_a_picture_is_not_there(record: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    said = problems(record(), ["", "/gone.png", str(tmp_path / "broken.png"), "ftp://a/b.png"])
    assert said == [
        "The catalog names no picture.",
        "There is no file /gone.png.",
        "The content is text, not a picture.",
        "ftp://a/b.png has a scheme that is not read.",
    ]


def test_a_local_picture_is_shown_only_of_a_local_catalog_and_index(
    record: Any, tmp_path: Path
) -> None:
    said = problems(record("s3://bucket/catalog.parquet"), [PICTURES[0]])
    assert said == [f"{PICTURES[0]} is a local file, which only a local catalog may name."]
    said = problems(record(), [PICTURES[0]], index="s3://bucket/index")
    assert said == [f"{PICTURES[0]} is a local file, which only a local catalog may name."]
    gone = replace(record(), embeddings=str(tmp_path / "gone"))
    assert "is not there any more" in problems(gone, [PICTURES[0]])[0]


def test_private_addresses_are_asked_only_where_that_is_allowed(record: Any) -> None:
    with web_server() as server:
        server.answers["/a.png"] = reply(200, Path(PICTURES[0]).read_bytes())
        wanted = [asset(f"{server.url}/a.png")]
        (refused,) = AssetPictures("/index", record()).load(wanted)
        assert "is not of the public internet" in refused.problem
        allowed = AssetPictures("/index", record(), allow_private_addresses=True)
        assert allowed.load(wanted)[0].jpeg


def test_relative_names_start_at_their_catalog(record: Any) -> None:
    folder, _, name = PICTURES[0].rpartition("/")
    for catalog in (f"{folder}/catalog.csv", f"{folder}/*.csv", folder):
        assert problems(record(catalog), [name]) == [""]


def test_pictures_within_a_parquet_file_are_read_there(record: Any, tmp_path: Path) -> None:
    catalog = tmp_path / "inside.parquet"
    pictures = [Path(path).read_bytes() for path in PICTURES]
    pq.write_table(pa.table({"id": ["a", "b", "c"], "image": pictures}), catalog, row_group_size=2)
    found = AssetPictures("/index", record(str(catalog))).load(
        [
            asset(f"{catalog}#image[2]"),
            asset(PICTURES[2]),
            asset(f"{catalog}#image[9]"),
            asset("/x.tgz#a.png"),
        ]
    )
    assert found[0].jpeg == found[1].jpeg
    assert found[2].problem == f"Row 10 of {catalog} holds no picture in 'image' any more."
    assert "lies within a compressed tar" in found[3].problem
    remote = problems(record("s3://bucket/c.parquet"), [f"{catalog}#image[2]"])
    assert "which only a local catalog may name" in remote[0]


def test_what_cannot_be_read_is_the_thumbnail_that_was_kept(record: Any, tmp_path: Path) -> None:
    known = record()
    key = f"{int(row_keys(['a'], None, b'').identity[0, 0]):016x}{7:016x}"
    (tmp_path / "out" / "_thumbnails").mkdir()
    table = pa.table({"key": [key], "jpeg": [b"a thumbnail"], "failed": [False]})
    pq.write_table(table, tmp_path / "out" / "_thumbnails" / "20260101-000000-aaaaaa.parquet")
    kept, other = AssetPictures("/index", known).load([asset("/gone"), asset("/gone", "b")])
    assert (kept.jpeg, kept.problem) == (b"a thumbnail", "")
    assert other.problem == "There is no file /gone."


def page_of(record: IndexRecord, found: Sequence[IndexedAsset], **fields: Any) -> SearchPage:
    plain = {"index": "/index", "record": record, "query": "a red circle", "picture": b"", "k": 10}
    ranked = tuple(
        Found(rank=rank, score=1 - rank / 1000, asset=one) for rank, one in enumerate(found, 1)
    )
    return SearchPage(**{**plain, "found": ranked, **fields})


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_what_was_found_is_shown_and_nothing_of_it_is_run(
    record: Any, output_at: Any, visit: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    texts = output_at.hostile_texts
    found = [asset(text, f"{text} {number}", text) for number, text in enumerate(texts)]
    found += [asset(PICTURES[0], "good", "a picture " * 50)]
    page = page_of(record(), found, query=texts[0])
    write_search_page(page, str(tmp_path / "page.html"))
    shown = visit(width, scheme).goto(tmp_path / "page.html")
    assert shown.locator(".found > li").count() == len(texts) + 1
    ids = shown.locator(".found .id").evaluate_all("nodes => nodes.map((node) => node.textContent)")
    assert ids[0] == f"{texts[0]} 0"
    assert shown.locator(".query").inner_text().strip() == texts[0]
    assert shown.locator(".found img").count() == 1
    assert shown.locator(".found img").evaluate("image => image.naturalWidth") == 64
    assert shown.locator(".why").count() == len(texts)
    assert "10 of 11 pictures could not be shown" in shown.locator(".notice").inner_text()
    assert shown.locator("script").count() == 0
    assert shown.title().startswith("What lies nearest to: </script>")


def test_two_hundred_and_none(record: Any, visit: Any, tmp_path: Path) -> None:
    found = [asset(PICTURES[number % 3], f"asset-{number}") for number in range(200)]
    page = page_of(record(), found, k=300, picture=b"\xff", query="photos/1.png")
    write_search_page(page, str(tmp_path / "page.html"))
    shown = visit().goto(tmp_path / "page.html")
    assert shown.locator(".found img").count() == 200
    assert "200 of the 300 asked for" in shown.locator(".facts").inner_text()
    assert shown.locator(".score").nth(199).inner_text().split() == ["200", "0.800", "image"]
    assert shown.locator("h1").inner_text() == "Nearest to a picture"
    assert shown.locator(".notice").count() == 0
    write_search_page(page_of(record(), []), str(tmp_path / "none.html"))
    shown = visit().goto(tmp_path / "none.html")
    assert shown.locator(".empty").inner_text() == "Nothing was found: the index is empty."


def test_so_many_pictures_a_page(record: Any, tmp_path: Path) -> None:
    page = page_of(record(), [asset(PICTURES[0])] * (MOST_PICTURES + 2))
    write_search_page(page, str(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text()
    assert text.count("data:image/jpeg") == MOST_PICTURES
    assert text.count(f"The page holds the first {MOST_PICTURES} pictures.") == 2
    with pytest.raises(UsageError, match="There is no folder"):
        write_search_page(page_of(record(), []), str(tmp_path / "nowhere" / "page.html"))
