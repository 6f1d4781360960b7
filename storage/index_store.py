"""Where an index lies, and how a version of it comes to count.

::

    INDEX/_versions/<n>.json    numbered, put if absent: the truth
    INDEX/trained/<name>.faiss  the trained index that all shards are built from
    INDEX/shards/<name>/...     see storage.index.shard; rows.arrow tells of each row what it is
    INDEX/removed/<name>.json   rows that no search may find
    INDEX/failures/<name>.parquet   vectors that could not be taken

Names are hashes of what went in, so what is there is what would be built again: a build that was
killed goes on with its finished shards. Nothing that a version names is ever changed; what the
newest one does not name goes a week after.
"""

import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from schemas.errors import RunError, UsageError
from schemas.manifest import Counts
from storage.index.descriptions import FORMAT_VERSION
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.version import IndexVersion, version_from_json
from storage.index_shards import fetch_shard, has_shard, shard_name
from storage.parallel import for_each
from storage.shared_files import machine_cache
from storage.store import Store
from storage.store.local import LocalStore

VERSIONS = "_versions"
_KEEP_SECONDS = 3 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A shard that is there and that the newest version does not name.

    Attributes:
        shard: its folder.
        at: when a version was first committed without it, in seconds since the epoch.

    """

    shard: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRecord:
    """A committed version of an index.

    Attributes:
        number: counts up from 1.
        token: known only to its writer: tells a lost reply from a lost race.
        run_id: of the build.
        version: what belongs to it.
        parts: parts of all outputs that were taken in, by path: what the next build leaves out.
        counts: where the rows of the build ended.
        embeddings: the output that the build read.
        removed_ids: how many ids the build has removed because it was told to.
        retired: shards that are still there: of versions before, and of builds that were ended.

    """

    number: int
    token: str
    run_id: str
    version: IndexVersion
    parts: tuple[str, ...]
    counts: Counts
    embeddings: str
    removed_ids: int = 0
    retired: tuple[Retired, ...] = ()


def latest_record(store: Store, upto: int | None = None) -> IndexRecord | None:
    """The newest version; None where nothing was built.

    Args:
        store: of the index.
        upto: number of the last version to look at; None for all.

    Raises:
        IndexDamagedError: its record cannot be read.
        IndexMismatchError: it is of another format.

    """
    paths = [entry.path for entry in store.entries(VERSIONS)]
    last = None if upto is None else _path_of(upto)
    newest = max((path for path in paths if last is None or path <= last), default=None)
    return None if newest is None else _read_record(store, newest)


def newest_records(store: Store, most: int) -> list[IndexRecord]:
    """The newest versions, at most so many, the newest first; none where nothing was built.

    Raises:
        IndexDamagedError: the record of one cannot be read.
        IndexMismatchError: one is of another format.

    """
    paths = sorted((entry.path for entry in store.entries(VERSIONS)), reverse=True)
    return list(for_each(store, partial(_read_record, store), paths[:most]))


def committed_by(store: Store, number: int) -> str | None:
    """The build that has committed a version of this number; None if none has."""
    path = _path_of(number)
    return _read_record(store, path).run_id if store.exists(path) else None


def _read_record(store: Store, path: str) -> IndexRecord:
    try:
        fields: Mapping[str, Any] = json.loads(store.get(path))
        version = dict(fields["version"])
        if version["format_version"] != FORMAT_VERSION:
            raise IndexMismatchError(
                f"{store.uri} is of format {version['format_version']}, and this Calumma reads "
                f"format {FORMAT_VERSION}. Build it again, or use the Calumma that wrote it."
            )
        return IndexRecord(
            number=fields["number"],
            token=fields["token"],
            run_id=fields["run_id"],
            version=version_from_json(version),
            parts=tuple(fields["parts"]),
            counts=Counts(**fields["counts"]),
            embeddings=fields["embeddings"],
            removed_ids=fields.get("removed_ids", 0),
            retired=tuple(Retired(**one) for one in fields.get("retired", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise IndexDamagedError(
            f"{store.uri}/{path} does not describe an index. Fetch or build it again."
        ) from error


def commit_record(store: Store, record: IndexRecord) -> IndexRecord:
    """Make a version count, under the first number that is free.

    Raises:
        RunError: another build has committed meanwhile.

    """
    record = replace(record, token=secrets.token_hex(16))
    content = json.dumps(asdict(record), indent=1).encode()
    if not store.put_new(_path_of(record.number), content):
        raise RunError(
            f"Another build has written version {record.number} of {store.uri} meanwhile. Run the "
            "same command again: its finished shards are kept."
        )
    return record


def _forget_old(cache: Path) -> None:
    """Remove copies of days ago: each version is one of its own. Who has one open keeps it."""
    oldest = time.time() - _KEEP_SECONDS
    for copy in cache.iterdir():
        if copy.stat().st_mtime < oldest:
            shutil.rmtree(copy, ignore_errors=True)


def _path_of(number: int) -> str:
    return f"{VERSIONS}/{number:08d}.json"


def open_record(store: Store) -> IndexRecord:
    """The newest version of an index that must be there.

    Raises:
        UsageError: there is none.

    """
    record = latest_record(store)
    if record is None:
        raise UsageError(f"{store.uri} is no index. Build one: calumma index EMBEDDINGS INDEX.")
    return record


def name_of(*parts: object) -> str:
    """A name that stands for what went in: 24 hexadecimal digits."""
    return blake2b("\x00".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def is_complete(store: Store, record: IndexRecord) -> bool:
    """Whether all shards of a version are there: those of an old one go."""
    return all(has_shard(store, shard_name(folder)) for folder in record.version.shards)


def local_index(store: Store, record: IndexRecord) -> Path:
    """The folder of an index on this machine: where it lies, or fetched once a machine.

    Processes that come at the same time may each fetch it; the first that is done counts.
    """
    if isinstance(store, LocalStore):
        return Path(store.uri)
    name = name_of(store.uri, record.number, record.token)
    cache = machine_cache("calumma-index")
    if not (cache / name).is_dir():
        _forget_old(cache)
        fetching = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache))
        try:
            for shard in record.version.shards:
                fetch_shard(store, shard_name(shard), fetching)
            for path in (record.version.trained, record.version.removed):
                if path is not None:
                    (fetching / path).parent.mkdir(exist_ok=True)
                    store.fetch(path, fetching / path)
            fetching.rename(cache / name)
        except OSError:
            shutil.rmtree(fetching, ignore_errors=True)
            if not (cache / name).is_dir():
                raise
    return cache / name
