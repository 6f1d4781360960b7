"""Loading pictures ahead: in order, within bounds, with problems as values."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image as Pillow

from schemas.asset import Asset, Image
from schemas.errors import RowError
from schemas.failure import FailureKind, Stage
from storage import load_images
from storage.catalog.split import CatalogRow
from storage.load_images import ImageLoader
from storage.picture_reader import Picture
from tests.servers.web import Answer, Handler, Web, in_turn, reply, web_server
from tests.transforms.work import a_problem, read_settings


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


@pytest.fixture(scope="module")
def loader() -> Iterator[ImageLoader]:
    with new_loader() as loader:
        yield loader


def new_loader(**changes: int) -> ImageLoader:
    settings = read_settings(Path("catalog.csv"), **changes)
    policy = type(settings.policy).for_catalog("catalog.csv", allow_private_addresses=True)
    return ImageLoader(read_settings(Path("catalog.csv"), policy=policy, **changes))


def rows_of(uris: list[str]) -> list[CatalogRow]:
    return [
        CatalogRow(position=position, asset=Asset(asset_id=f"a{position}", uri=uri))
        for position, uri in enumerate(uris)
    ]


def a_row(uri: str = "", data: bytes | None = None, problem: RowError | None = None) -> CatalogRow:
    asset = Asset(asset_id="a", uri=uri)
    return CatalogRow(position=0, asset=asset, data=data, problem=problem)


def slowly(answer: Answer, until: threading.Event) -> Answer:
    def wait(handler: Handler, number: int) -> None:
        until.wait(60)
        answer(handler, number)

    return wait


def pixels_of(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.asarray(Pillow.open(path).convert("RGB"), np.uint8)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_slow_pictures_keep_their_place(
    web: Web, loader: ImageLoader, pictures: list[Path]
) -> None:
    others_served = threading.Event()
    left = set(range(1, 12))

    def last_one_tells(place: int, answer: Answer) -> Answer:
        def tell(handler: Handler, number: int) -> None:
            answer(handler, number)
            left.discard(place)
            if not left:
                others_served.set()

        return tell

    for place, path in enumerate(pictures[:12]):
        whole = reply(200, path.read_bytes())
        web.answers[f"/{place}"] = (
            last_one_tells(place, whole) if place else slowly(whole, others_served)
        )
    rows = rows_of([f"{web.url}/{place}" for place in range(12)])
    loaded = list(loader.load(rows, ""))
    assert [row for row, _, _ in loaded] == rows
    assert others_served.is_set()
    for (_, image, stage), path in zip(loaded, pictures, strict=False):
        assert isinstance(image, Image)
        assert stage is Stage.DECODE
        assert np.array_equal(image.pixels, pixels_of(path))


def test_rows_are_read_a_bounded_number_ahead(
    monkeypatch: pytest.MonkeyPatch, loader: ImageLoader, pictures: list[Path]
) -> None:
    monkeypatch.setattr(load_images, "_LOOK_AHEAD_ROWS", 5)
    read = 0

    def rows() -> Iterator[CatalogRow]:
        nonlocal read
        for row in rows_of([str(path) for path in pictures[:20]]):
            read += 1
            yield row

    for given, _ in enumerate(loader.load(rows(), ""), 1):
        assert read <= given + 5
        assert read >= min(given + 4, 20)
    assert read == 20


def test_pictures_are_loaded_a_bounded_number_of_bytes_ahead(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path]
) -> None:
    ready = 0
    count = load_images.bytes_of

    def counted(picture: Picture) -> int:
        nonlocal ready
        ready += 1
        return count(picture)

    monkeypatch.setattr(load_images, "_LOOK_AHEAD_BYTES", 4 * 64 * 64 * 3)
    monkeypatch.setattr(load_images, "bytes_of", counted)
    with ImageLoader(read_settings(Path("c.csv"), fetch_threads=2)) as loader:
        loaded = loader.load(rows_of([str(path) for path in pictures]), "")
        next(loaded)
        before = -1
        while before != ready:
            before = ready
            time.sleep(0.3)
        # One was counted as it was given too. Four are within the bound, and each thread may be at
        # one more.
        assert 1 + 1 + 4 <= ready <= 1 + 1 + 4 + 2 + 1
        assert len(list(loaded)) == len(pictures) - 1


def test_pictures_larger_than_the_bound_are_loaded_all_the_same(
    monkeypatch: pytest.MonkeyPatch, loader: ImageLoader, pictures: list[Path]
) -> None:
    monkeypatch.setattr(load_images, "_LOOK_AHEAD_BYTES", 1)
    rows = rows_of([str(path) for path in pictures])
    loaded = list(loader.load(rows, ""))
    assert [row for row, _, _ in loaded] == rows
    assert all(isinstance(image, Image) for _, image, _ in loaded)


@pytest.mark.parametrize(
    ("row", "kind", "stage"),
    [
        (a_row("x.png", problem=a_problem(FailureKind.MISSING_ID)), "missing_id", Stage.READ),
        (a_row("/nowhere/x.png"), "not_found", Stage.FETCH),
        (a_row("/etc"), "policy", Stage.FETCH),
        (a_row("data:image/png;base64,AAAA"), "policy", Stage.FETCH),
        (a_row("http://[nonsense/x.png"), "invalid_row", Stage.FETCH),
        (a_row(data=b"<html>"), "not_an_image", Stage.DECODE),
        (a_row(data=b""), "not_an_image", Stage.DECODE),
        (a_row(__file__), "not_an_image", Stage.DECODE),
    ],
)
def test_a_problem_is_a_value_and_says_where_it_arose(
    loader: ImageLoader, row: CatalogRow, kind: str, stage: Stage
) -> None:
    ((same, error, where),) = loader.load([row], "")
    assert same is row
    assert isinstance(error, RowError)
    assert (error.kind.value, where) == (kind, stage)


def test_problems_do_not_disturb_the_order(loader: ImageLoader, pictures: list[Path]) -> None:
    uris = [str(path) if number % 3 else "/nowhere" for number, path in enumerate(pictures)]
    loaded = list(loader.load(rows_of(uris), ""))
    assert [row.position for row, _, _ in loaded] == list(range(40))
    assert [isinstance(image, Image) for _, image, _ in loaded] == [
        bool(number % 3) for number in range(40)
    ]


def test_bytes_inside_the_catalog_are_decoded_where_they_are(
    loader: ImageLoader, pictures: list[Path]
) -> None:
    row = a_row("/nowhere/x.png", data=pictures[3].read_bytes())
    ((_, image, _),) = loader.load([row], "")
    assert isinstance(image, Image)
    assert np.array_equal(image.pixels, pixels_of(pictures[3]))


def test_relative_uris_start_from_the_catalog_s_folder(
    loader: ImageLoader, pictures: list[Path]
) -> None:
    folder = str(pictures[0].parent)
    ((_, image, _),) = loader.load([a_row(pictures[5].name)], folder)
    assert isinstance(image, Image)
    assert np.array_equal(image.pixels, pixels_of(pictures[5]))


def test_a_picture_cut_short_on_its_way_is_fetched_again(
    web: Web, loader: ImageLoader, pictures: list[Path]
) -> None:
    whole = pictures[0].read_bytes()
    web.answers["/cut"] = in_turn(reply(200, whole[:-40]), reply(200, whole))
    ((_, image, _),) = loader.load([a_row(f"{web.url}/cut")], "")
    assert isinstance(image, Image)
    assert web.requests["/cut"] == 2


def test_a_picture_that_is_itself_cut_short_is_asked_for_twice_only(
    web: Web, loader: ImageLoader, pictures: list[Path]
) -> None:
    web.answers["/short"] = reply(200, pictures[0].read_bytes()[:-40])
    ((_, error, stage),) = loader.load([a_row(f"{web.url}/short")], "")
    assert isinstance(error, RowError)
    assert (error.kind, stage) == (FailureKind.TRUNCATED, Stage.DECODE)
    assert web.requests["/short"] == 2


def test_what_breaks_in_a_thread_comes_through(
    loader: ImageLoader, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the decoder broke")

    rows = rows_of([str(path) for path in pictures])
    with monkeypatch.context() as patched:
        patched.setattr(loader._reader, "decode_all", broken)
        with pytest.raises(RuntimeError, match="the decoder broke"):
            list(loader.load(rows, ""))
    assert len(list(loader.load(rows, ""))) == len(rows)


def test_small_pictures_and_large_ones_and_none_keep_their_places(
    loader: ImageLoader, pictures: list[Path], tmp_path: Path
) -> None:
    large = tmp_path / "large.bmp"
    Pillow.new("RGB", (400, 300), "teal").save(large)
    paths = [*pictures[:5], large, Path(__file__), *pictures[5:20], large]
    loaded = list(loader.load(rows_of([str(path) for path in paths]), ""))
    for path, (_, image, _) in zip(paths, loaded, strict=True):
        if path == Path(__file__):
            assert isinstance(image, RowError)
        else:
            assert isinstance(image, Image)
            assert np.array_equal(image.pixels, pixels_of(path))


def test_no_rows_give_nothing(loader: ImageLoader) -> None:
    assert list(loader.load([], "")) == []


def test_an_error_of_the_catalog_s_reader_comes_through(
    loader: ImageLoader, pictures: list[Path]
) -> None:
    def rows() -> Iterator[CatalogRow]:
        yield from rows_of([str(path) for path in pictures[:3]])
        raise ValueError("the reader broke")

    with pytest.raises(ValueError, match="the reader broke"):
        list(loader.load(rows(), ""))
    assert len(list(loader.load(rows_of([str(pictures[0])]), ""))) == 1


def test_leaving_in_the_middle_stops_what_has_not_begun(web: Web, pictures: list[Path]) -> None:
    go_on = threading.Event()
    whole = pictures[0].read_bytes()
    for place in range(30):
        answer = reply(200, whole)
        web.answers[f"/middle{place}"] = slowly(answer, go_on) if place else answer
    rows = rows_of([f"{web.url}/middle{place}" for place in range(30)])
    with new_loader(fetch_threads=2) as loader:
        loaded = loader.load(rows, "")
        assert isinstance(next(loaded)[1], Image)
        loaded.close()  # type: ignore[attr-defined]
        go_on.set()
        assert len(list(loader.load([a_row(str(pictures[1]))], ""))) == 1
    asked = sum(web.requests[f"/middle{place}"] for place in range(30))
    assert asked <= 4


def test_closing_ends_helpers_and_threads(pictures: list[Path]) -> None:
    before = set(threading.enumerate())
    with new_loader(decode_helpers=2, fetch_threads=4) as loader:
        pids = loader._reader.pids
        loaded = loader.load(rows_of([str(path) for path in pictures]), "")
        next(loaded)
        threads = set(threading.enumerate()) - before
        assert threads
    assert not any(psutil.pid_exists(pid) for pid in pids)
    until(lambda: not any(thread.is_alive() for thread in threads))
