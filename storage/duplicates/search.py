"""Finding the duplicates among all pictures of an output, and writing down what was found."""

import secrets
import tempfile
from pathlib import Path

from schemas.manifest import RunManifest
from storage.duplicates.before import compared_before
from storage.duplicates.clusters import Nearness, find_clusters
from storage.duplicates.pictures import read_pictures
from storage.duplicates.record import TABLE, DuplicatesRecord, put_record, read_record
from storage.duplicates.result import make_result
from storage.duplicates.table import find_signatures
from storage.layout import keep_path, published_path
from storage.part_writer import file_metadata, serialize_table
from storage.store import Store


def search_duplicates(store: Store, manifest: RunManifest, nearness: Nearness) -> DuplicatesRecord:
    """Find the duplicates among all pictures up to a run's commit; once only.

    What the search before compared by the same rule is not compared again.

    It may be done again, and by several at once: the same files come of it, and one record counts.
    """
    known = read_record(store, manifest.commit)
    if known is not None:
        return known
    signatures = find_signatures(store.uri, manifest.commit)
    with tempfile.TemporaryDirectory(prefix="calumma-duplicates-") as folder:
        pictures = read_pictures(signatures, Path(folder))
        before = compared_before(store, manifest, nearness, signatures, pictures)
        roots = find_clusters(pictures, nearness, Path(folder), before=before)
        result = make_result(signatures, pictures, roots)
        count = len(pictures.newest)
    metadata = file_metadata(manifest.run_id, manifest.versions.get("calumma", ""))
    files = []
    for number, table in enumerate(result.files()):
        path = published_path(TABLE, manifest.run_id, f"{number:05d}")
        store.put(path, serialize_table(table, metadata))
        files.append(path)
    keep = result.keep.serialize()
    keep_list = keep_path(manifest.commit, keep)
    store.put(keep_list, keep)
    record = DuplicatesRecord(
        commit=manifest.commit,
        token=secrets.token_hex(16),
        run_id=manifest.run_id,
        model=signatures.model,
        revision=signatures.revision,
        max_difference=nearness.max_difference,
        min_similarity=nearness.min_similarity,
        pictures=count,
        clusters=result.clusters,
        kept=len(result.keep),
        left_out=result.left_out,
        files=tuple(files),
        keep_list=keep_list,
    )
    put_record(store, record)
    return read_record(store, manifest.commit) or record
