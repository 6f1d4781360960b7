"""An evaluation that was committed, and the rows that it scored."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import SCHEMA_VERSION, arrow_schema
from schemas.errors import CatalogError
from schemas.manifest import RunManifest
from schemas.score import RowScore
from storage.catalog.opening import open_file
from storage.latest import read_manifests
from storage.store import open_store
from storage.uris import absolute_uri

_TABLE = "row_scores"
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedRun:
    """A run of an evaluation.

    Attributes:
        uri: its output.
        manifest: of the run.
        rows: that it scored.

    """

    uri: str
    manifest: RunManifest
    rows: int

    @property
    def kind(self) -> str:
        """What was evaluated: ``captions`` or ``answers``."""
        return str(self.manifest.config.get("kind", ""))

    @property
    def results(self) -> str:
        """What was evaluated: an output, or Parquet files."""
        return str(self.manifest.config.get("results", ""))

    @property
    def sliced_by(self) -> tuple[str, ...]:
        """The columns that it was sliced by."""
        columns = self.manifest.config.get("slice_by")
        return tuple(map(str, columns)) if isinstance(columns, list | tuple) else ()

    def read(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Read columns of the rows that it scored, some thousand rows at a time.

        Raises:
            CatalogError: a file cannot be read, or was written with another schema.

        """
        schema = arrow_schema(RowScore)
        wanted = pa.schema([schema.field(name) for name in columns])
        for file in _files(self.uri, self.manifest):
            try:
                with open_file(file) as opened:
                    parquet = pq.ParquetFile(opened)
                    _check(file, parquet)
                    for batch in parquet.iter_batches(_ROWS_AT_ONCE, columns=columns):
                        yield batch.select(columns).cast(wanted)
            except CatalogError:
                raise
            except Exception as error:
                raise CatalogError(f"{file} cannot be read: {error}") from error


def find_evaluation(out: str, run_id: str | None = None) -> EvaluatedRun:
    """Find the newest evaluation of an output, or one by its run.

    Raises:
        CatalogError: there is none, or its rows were merged with those of others.

    """
    uri = absolute_uri(out)
    runs = sorted(
        (one for one in read_manifests(open_store(uri)) if one.table == _TABLE),
        key=lambda one: one.commit,
    )
    if not runs:
        raise CatalogError(
            f"{out} holds no evaluation. Make one (calumma evaluate RESULTS OUT --references FILE) "
            "and name its OUT."
        )
    chosen = [one for one in runs if run_id in {None, one.run_id}]
    if not chosen:
        named = ", ".join(one.run_id for one in reversed(runs[-5:]))
        raise CatalogError(f"{out} holds no evaluation {run_id}. The newest are: {named}.")
    manifest = chosen[-1]
    rows = 0
    for file in _files(uri, manifest):
        try:
            with open_file(file) as opened:
                rows += pq.ParquetFile(opened).metadata.num_rows
        except Exception as error:
            raise CatalogError(f"{file} cannot be read: {error}") from error
    if rows > manifest.counts.rows_out or (manifest.counts.rows_out and not rows):
        raise CatalogError(
            f"The rows of evaluation {manifest.run_id} of {out} were merged with those of older "
            "ones (calumma compact). Evaluate again, into a folder of its own."
        )
    return EvaluatedRun(uri=uri, manifest=manifest, rows=rows)


def _files(uri: str, manifest: RunManifest) -> list[str]:
    return [f"{uri.rstrip('/')}/{path}" for path in manifest.files if path.startswith(f"{_TABLE}/")]


def _check(file: str, parquet: pq.ParquetFile) -> None:
    missing = [
        name for name in arrow_schema(RowScore).names if name not in parquet.schema_arrow.names
    ]
    if missing:
        stored = (parquet.schema_arrow.metadata or {}).get(b"calumma.schema_version", b"?")
        raise CatalogError(
            f"{file} was written with schema {stored.decode()} of Calumma and lacks "
            f"{' and '.join(missing)}; this Calumma reads schema {SCHEMA_VERSION}. Evaluate again."
        )
