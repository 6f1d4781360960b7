"""The latest row of each asset: older prompts, models and contents stay in the tables beside it."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import CatalogError, UsageError
from schemas.manifest import RunManifest
from storage.commit_record import manifest_from_json
from storage.duplicates.record import TABLE as DUPLICATES
from storage.duplicates.record import newest_record
from storage.layout import RUNS
from storage.parallel import for_each
from storage.replaced import CARE, Replacements
from storage.store import Store, open_store

IDENTITY = {
    "captions": ["asset_id"],
    "answers": ["asset_id", "question_id"],
    "embeddings": ["asset_id", "modality"],
    "neighbors": ["asset_id"],
    "signatures": ["asset_id"],
    "generations": ["asset_id", "sample_number"],
    "tokens": ["asset_id", "crop_number", "framing", "resolution"],
    "reconstructions": ["asset_id", "crop_number", "framing", "resolution"],
    "structures": ["asset_id", "feature"],
    "verdicts": ["asset_id"],
    "scores": ["metric", "slice"],
    "row_scores": ["asset_id", "question_id"],
    "documents": ["asset_id", "task", "copy_number"],
    DUPLICATES: ["asset_id"],
}
"""The tables, and the columns that tell an asset's rows apart: of rows alike in them one counts."""


def latest_rows(out: str, table: str = "captions") -> pa.Table:
    """Read a table's newest rows: one an asset, or one an asset and what tells its rows apart.

    Newest is what was committed last; a run that was interrupted and gone on with may have an
    older id than one that was committed before it.

    Args:
        out: an output, as given to a job.
        table: ``captions``, ``answers``, ``embeddings``, ``neighbors``, ``signatures``,
            ``generations``, ``tokens``, ``reconstructions``, ``structures``, ``verdicts``,
            ``scores``, ``row_scores`` or ``duplicates``.

    Returns:
        The table's columns, in the order of the commits. It is read into memory whole.

    Raises:
        UsageError: there is no such table.

    """
    if table not in IDENTITY:
        raise UsageError(f"There is no table {table!r}: name one of {', '.join(IDENTITY)}.")
    store = open_store(out)
    tables = _read_all(store, out, table)
    rows = pa.concat_tables([part.replace_schema_metadata(None) for part in tables])
    numbered = rows.select(IDENTITY[table]).append_column("row", pa.array(range(len(rows))))
    newest = numbered.group_by(IDENTITY[table]).aggregate([("row", "max")])
    return rows.take(newest["row_max"].combine_chunks().sort())


def _read_all(store: Store, out: str, table: str) -> list[pa.Table]:
    while True:
        files = current_files(store, table)
        if not files:
            raise UsageError(f"{out} holds no {table}.")
        try:
            return list(
                for_each(
                    store, lambda path: pq.ParquetFile(io.BytesIO(store.get(path))).read(), files
                )
            )
        except FileNotFoundError:
            # Written anew since the manifests were read? Then others say where its rows are.
            if current_files(store, table) == files:
                raise


def current_files(store: Store, table: str) -> list[str]:
    """The files of a table, in the order of the commits; none where it has no rows."""
    if table == DUPLICATES:
        # Written whole by each run, after its commit.
        record = newest_record(store)
        return list(read_history(store).replacements.resolve(record.files)) if record else []
    return [path for _, path in table_files(read_manifests(store), table)]


def table_files(manifests: Sequence[RunManifest], table: str) -> list[tuple[RunManifest, str]]:
    """The files of a table, each with its run, in the order of the commits."""
    return [
        (manifest, path)
        for manifest in sorted(manifests, key=lambda manifest: manifest.commit)
        for path in manifest.files
        if path.startswith(f"{table}/")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was committed to an output.

    Attributes:
        runs: manifests of the finished runs of jobs, with the files that are there now.
        replacements: which files stand in the place of which.

    """

    runs: list[RunManifest]
    replacements: Replacements

    def check_not_merged(self, uri: str, table: str, upto: int | None) -> None:
        """Check that the rows up to a commit can still be told from newer ones.

        Raises:
            CatalogError: they cannot.

        """
        commits = {one.run_id: one.commit for one in self.runs}
        if upto is not None and self.replacements.merged_across(commits, table, upto):
            raise CatalogError(
                f"{uri} was compacted since this run began, and rows that it was to read lie in "
                "one file with newer ones. Run the same command again."
            )


def read_history(store: Store) -> History:
    """Read the manifests of all finished runs."""
    paths = [entry.path for entry in store.entries(RUNS)]
    manifests = [
        manifest_from_json(json.loads(content)) for content in for_each(store, store.get, paths)
    ]
    replacements = Replacements(manifests)
    jobs = [one for one in manifests if one.job not in CARE]
    return History(runs=replacements.apply(jobs), replacements=replacements)


def read_manifests(store: Store) -> list[RunManifest]:
    """Read the manifests of all finished runs of jobs, with the files that are there now."""
    return read_history(store).runs
