"""The courtesy lock of an output: it saves two launchers from doing the same work.

Correctness never rests on it; the commit alone decides what is published. On a local disk it is a
lock of the operating system, which a dead process cannot hold. Elsewhere it is an object that its
holder rewrites every few seconds, judged by the store's clock; one left by a process that died on
this machine is taken over at once.
"""

import fcntl
import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from schemas.errors import OutputBusyError
from storage.layout import LOCK
from storage.store import Store
from storage.store.local import LocalStore

_OBJECT = f"{LOCK}/holder.json"
_HEARTBEAT_SECONDS = 10.0
_STALE_AFTER_SECONDS = 60.0


class OutputLock:
    """Held for the time of a run; a context manager.

    Raises:
        OutputBusyError: on entering, if another run holds the output.

    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: _FileLock | _ObjectLock | None = None

    def __enter__(self) -> Self:
        if isinstance(self._store, LocalStore):
            self._held = _FileLock(Path(self._store.uri) / LOCK)
        else:
            self._held = _ObjectLock(self._store)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._held is not None:
            self._held.release()


class _FileLock:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Never deleted: a lock on an unlinked file locks nobody out.
        self._file = (folder / "holder.json").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read()
            self._file.close()
            raise _busy(str(folder.parent), holder) from error
        self._file.truncate(0)
        self._file.write(json.dumps(_whoami()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()


class _ObjectLock:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._content = json.dumps({**_whoami(), "token": secrets.token_hex(16)}).encode()
        while not store.put_new(_OBJECT, self._content):
            self._take_over_if_dead()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="output-lock", daemon=True)
        self._thread.start()

    def release(self) -> None:
        self._released.set()
        self._thread.join()
        with suppress(OSError):
            if self._is_ours():
                self._store.delete(_OBJECT)

    def _beat(self) -> None:
        while not self._released.wait(_HEARTBEAT_SECONDS):
            # A missed beat costs courtesy only; one that comes after another took over is none.
            with suppress(OSError):
                if self._is_ours():
                    self._store.put(_OBJECT, self._content)

    def _is_ours(self) -> bool:
        with suppress(FileNotFoundError):
            return self._store.get(_OBJECT) == self._content
        return False

    def _take_over_if_dead(self) -> None:
        try:
            holder = self._store.get(_OBJECT)
            age = self._store.now() - self._store.modified(_OBJECT)
        except FileNotFoundError:
            return
        if age > _STALE_AFTER_SECONDS or _died_here(holder):
            self._store.delete(_OBJECT)
            return
        raise _busy(self._store.uri, holder.decode("utf-8", "replace"))


def _whoami() -> dict[str, Any]:
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "boot": boot_id(),
        "started": _start_of(pid),
    }


def _start_of(pid: int) -> str:
    """When a process started, in clock ticks since the boot: process ids come round again."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def boot_id() -> str:
    """What tells this start of the machine from others; empty where it does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _died_here(holder: bytes) -> bool:
    try:
        fields = json.loads(holder)
        if fields["host"] != socket.gethostname() or fields["boot"] != boot_id():
            return False
        pid = int(fields["pid"])
        os.kill(pid, 0)
        return bool(fields["started"] != _start_of(pid))
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, OSError):
        return False


def _busy(out: str, holder: str) -> OutputBusyError:
    try:
        fields = json.loads(holder)
        who = f"process {fields['pid']} on {fields['host']}"
    except (ValueError, KeyError):
        who = "another process"
    return OutputBusyError(
        f"{out} is being written by {who}. Wait for it to end, or choose another output."
    )
