"""How near the pictures of a reconstructing run are to those that their codes were made of."""

import math
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import RunManifest
from storage.parallel import for_each
from storage.store import open_store

TABLE = "reconstructions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Means over the pictures of a run.

    Attributes:
        compared: pictures whose source was at hand.
        equal: those of them that equal it; they have no finite PSNR and are not in its mean.
        psnr: in decibels; None where there is none to take the mean of.
        ssim: likewise.

    """

    compared: int
    equal: int
    psnr: float | None
    ssim: float | None


def read_quality(out: str, manifest: RunManifest) -> Quality:
    """Read what a run measured: two columns of the files that it published."""
    store = open_store(out)

    def read(path: str) -> pa.Table:
        with store.open(path) as file:
            return pq.ParquetFile(file).read(columns=["psnr", "ssim"])

    paths = [path for path in manifest.files if path.startswith(f"{TABLE}/")]
    tables = for_each(store, read, paths)
    signal = [value for table in tables for value in table["psnr"].to_pylist() if value is not None]
    similar = [
        value for table in tables for value in table["ssim"].to_pylist() if value is not None
    ]
    finite = [value for value in signal if math.isfinite(value)]
    return Quality(
        compared=len(signal),
        equal=len(signal) - len(finite),
        psnr=sum(finite) / len(finite) if finite else None,
        ssim=sum(similar) / len(similar) if similar else None,
    )
