"""What every store promises. A test class inherits it and gives two stores of one place."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.store import Store

_folders = itertools.count()


class StoreContract:
    """Each test works in a folder of its own, for a bucket may be shared."""

    @pytest.fixture
    def at(self) -> str:
        return f"test{next(_folders)}"

    @staticmethod
    def paths(store: Store, prefix: str) -> list[str]:
        return sorted(entry.path for entry in store.entries(prefix))

    def test_what_is_put_is_got(self, store: Store, second: Store, at: str) -> None:
        for data in (b"", b"one", b"\0" * 3_000_000):
            store.put(f"{at}/a/b", data)
            assert store.get(f"{at}/a/b") == data
            assert second.get(f"{at}/a/b") == data
        with store.open(f"{at}/a/b") as file:
            file.seek(2_999_998)
            assert file.read() == b"\0\0"

    def test_what_is_absent_is_told(self, store: Store, at: str) -> None:
        store.put(f"{at}/folder/x", b"1")
        for path in (f"{at}/absent", f"{at}/folder/x y", f"{at}/nowhere/at/all"):
            assert not store.exists(path)
            with pytest.raises(FileNotFoundError):
                store.get(path)
            with pytest.raises(FileNotFoundError):
                store.open(path).close()
            with pytest.raises(FileNotFoundError):
                store.modified(path)
            store.delete(path)

    def test_what_another_writes_is_seen_at_once(
        self, store: Store, second: Store, at: str
    ) -> None:
        assert self.paths(store, at) == []
        assert store.folders(at) == []
        second.put(f"{at}/a/b", b"1")
        assert self.paths(store, at) == [f"{at}/a/b"]
        assert store.folders(at) == ["a"]
        assert store.exists(f"{at}/a/b")
        second.put(f"{at}/a/b", b"22")
        assert [entry.size for entry in store.entries(at)] == [2]
        second.delete(f"{at}/a/b")
        assert not store.exists(f"{at}/a/b")
        assert self.paths(store, at) == []

    def test_put_new_writes_what_is_absent_and_leaves_what_is_there(
        self, store: Store, at: str
    ) -> None:
        assert store.put_new(f"{at}/a", b"mine")
        assert not store.put_new(f"{at}/a", b"another's")
        assert store.get(f"{at}/a") == b"mine"
        # A reply may have been lost: the same bytes are one's own.
        assert store.put_new(f"{at}/a", b"mine")
        store.put(f"{at}/a", b"now")
        assert not store.put_new(f"{at}/a", b"mine")
        store.delete(f"{at}/a")
        assert store.put_new(f"{at}/a", b"again")

    def test_of_many_that_put_new_at_once_one_does(
        self, store: Store, second: Store, at: str
    ) -> None:
        for number in range(4):
            path = f"{at}/{number}"
            start = threading.Barrier(8)

            def put(who: int, path: str = path, start: threading.Barrier = start) -> bool:
                start.wait(30)
                return (store, second)[who % 2].put_new(path, f"writer {who}".encode())

            with ThreadPoolExecutor(8) as threads:
                won = list(threads.map(put, range(8)))
            assert won.count(True) == 1
            assert store.get(path) == f"writer {won.index(True)}".encode()
        assert len(self.paths(store, at)) == 4

    def test_readers_see_an_object_whole_while_it_is_replaced(self, store: Store, at: str) -> None:
        store.put(f"{at}/a", b"0" * 50_000)
        over = threading.Event()

        def write() -> None:
            for digit in b"123456789":
                store.put(f"{at}/a", bytes([digit]) * 50_000)
            over.set()

        with ThreadPoolExecutor(1) as threads:
            writing = threads.submit(write)
            while not over.is_set():
                read = store.get(f"{at}/a")
                assert len(read) == 50_000
                assert len(set(read)) == 1
            writing.result()

    def test_entries_are_those_below_a_folder_at_any_depth(self, store: Store, at: str) -> None:
        names = ["a", "b/c", "b/d/e", "b/d/é +%", "bc/f", "b.g"]
        for name in names:
            store.put(f"{at}/{name}", name.encode())
        assert self.paths(store, at) == sorted(f"{at}/{name}" for name in names)
        assert [(entry.path, entry.size) for entry in store.entries(f"{at}/b")] == [
            (f"{at}/b/c", 3),
            (f"{at}/b/d/e", 5),
            (f"{at}/b/d/é +%", 9),
        ]
        assert self.paths(store, f"{at}/absent") == self.paths(store, f"{at}/a") == []
        assert set(self.paths(store, at)) <= set(self.paths(store, ""))
        assert store.get(f"{at}/b/d/é +%") == "b/d/é +%".encode()

    def test_entries_are_listed_by_path(self, store: Store, at: str) -> None:
        for name in ("10", "2", "a", "B", "b/a", "b/b"):
            store.put(f"{at}/{name}", b"")
        listed = [entry.path for entry in store.entries(at)]
        assert listed == sorted(listed)

    def test_folders_are_the_names_one_level_below(self, store: Store, at: str) -> None:
        for name in ("a", "c/x/y", "b/z", "b/z2"):
            store.put(f"{at}/{name}", b"")
        assert store.folders(at) == ["b", "c"]
        assert store.folders(f"{at}/c") == ["x"]
        assert store.folders(f"{at}/b") == store.folders(f"{at}/absent") == []
        assert at in store.folders("")

    def test_a_move_may_be_done_again(self, store: Store, at: str) -> None:
        store.put(f"{at}/from", b"1")
        store.move(f"{at}/from", f"{at}/deep/er/to")
        assert self.paths(store, at) == [f"{at}/deep/er/to"]
        store.move(f"{at}/from", f"{at}/deep/er/to")
        assert store.get(f"{at}/deep/er/to") == b"1"
        # One that was interrupted between copy and delete leaves both.
        store.put(f"{at}/from", b"1")
        store.move(f"{at}/from", f"{at}/deep/er/to")
        assert self.paths(store, at) == [f"{at}/deep/er/to"]
        with pytest.raises(FileNotFoundError):
            store.move(f"{at}/from", f"{at}/elsewhere")
        assert self.paths(store, at) == [f"{at}/deep/er/to"]

    def test_many_move_the_same_objects_at_once(self, store: Store, second: Store, at: str) -> None:
        for number in range(5):
            store.put(f"{at}/from/{number}", b"%d" % number)

        def move(who: int) -> None:
            for number in range(5):
                (store, second)[who % 2].move(f"{at}/from/{number}", f"{at}/to/{number}")

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(move, range(4)))
        assert self.paths(store, at) == [f"{at}/to/{number}" for number in range(5)]
        assert [store.get(path) for path in self.paths(store, at)] == [b"0", b"1", b"2", b"3", b"4"]

    def test_a_folder_is_deleted_and_its_neighbours_are_not(self, store: Store, at: str) -> None:
        for name in ("a/b", "a/c/d", "ab/e", "f"):
            store.put(f"{at}/{name}", b"")
        store.delete_folder(f"{at}/a")
        store.delete_folder(f"{at}/absent")
        assert self.paths(store, at) == [f"{at}/ab/e", f"{at}/f"]
        assert store.folders(at) == ["ab"]

    def test_the_clock_is_the_one_that_dates_objects(self, store: Store, at: str) -> None:
        before = store.now()
        store.put(f"{at}/a", b"1")
        # Stores date by whole seconds.
        assert before - 1 <= store.modified(f"{at}/a") <= store.now() + 1
        assert abs(store.now() - time.time()) < 60
        assert self.paths(store, "_lock") == []
