"""The caption job with catalog, pictures and output in object stores that fail a fifth of requests.

``python -m bench.stores [--pictures 300]``: on S3 (versitygw) and on Google Cloud Storage
(fake-gcs-server), each behind a proxy that answers 500 or 503, resets, does the work and loses the
reply, or cuts the body. The rows must be those of a local run, and the commits numbered without a
gap. Exits with 1 where they are not.
"""

import argparse
import contextlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import fsspec
import pyarrow.parquet as pq

from pipelines.config import CaptionConfig
from pipelines.demo import write_demo_catalog
from pipelines.launch import launch
from pipelines.progress import Progress
from runners.local import LocalEngine
from schemas.manifest import Counts
from storage.filesystems import open_filesystem
from tests.servers.fault_proxy import FaultProxy, Mode, fault_proxy
from tests.servers.object_stores import at_server, fake_gcs, versitygw_s3

_MODES: tuple[Mode, ...] = get_args(Mode)


@contextlib.contextmanager
def failing(scheme: str, folder: Path) -> Iterator[tuple[fsspec.AbstractFileSystem, FaultProxy]]:
    """A store behind the proxy, and a client of it that goes around the proxy."""
    # The Google server tells clients where to upload, so it has to know the proxy.
    with fault_proxy("http://127.0.0.1:1", *_MODES) as proxy:
        server_of = {
            "s3": lambda: versitygw_s3(folder / "s3", "bucket"),
            "gs": lambda: fake_gcs("bucket", url=proxy.url),
        }
        with server_of[scheme]() as server:
            proxy.pass_on_to(server.url)
            with at_server(server):
                direct = open_filesystem(f"{scheme}://bucket")[0]
            with at_server(server, proxy.url):
                yield direct, proxy


def rows_of(filesystem: fsspec.AbstractFileSystem, folder: str) -> list[dict[str, Any]]:
    filesystem.invalidate_cache()
    rows: list[dict[str, Any]] = []
    for name in filesystem.find(f"{folder}/captions"):
        with filesystem.open(name, "rb") as file:
            rows += pq.ParquetFile(file).read().drop_columns(["uri"]).to_pylist()
    # Keys hold the pictures' versions, which each store has in its own way.
    return sorted(({**row, "key": ""} for row in rows), key=lambda row: str(row["asset_id"]))


def caption(catalog: str, out: str, count: int) -> Counts:
    config = CaptionConfig(limit=count)
    manifest, _ = launch(catalog, out, config, LocalEngine(), Progress(quiet=True))
    return manifest.counts


def main() -> int:
    """Compare each store's rows with a local run's."""
    # Each failed request would be told of, as in the command it is not.
    logging.getLogger().setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    count = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures, _ = write_demo_catalog(folder / "catalog")
        caption(str(pictures), f"{folder}/local", count)
        expected = rows_of(fsspec.filesystem("file"), f"{folder}/local")
        for scheme in ("s3", "gs"):
            with failing(scheme, folder) as (direct, proxy):
                for path in sorted(pictures.iterdir())[:count]:
                    direct.pipe_file(f"bucket/pictures/{path.name}", path.read_bytes())
                started = time.monotonic()
                for done in (count, 0):
                    uris = (f"{scheme}://bucket/pictures", f"{scheme}://bucket/out")
                    assert caption(*uris, count).rows_out == done
                seconds = time.monotonic() - started
                direct.invalidate_cache()
                commits = sorted(direct.find("bucket/out/_commits"))
                numbers = [json.loads(direct.cat_file(path))["number"] for path in commits]
                same = rows_of(direct, "bucket/out") == expected and numbers == [1, 2]
            faults = ", ".join(f"{number} {mode}" for mode, number in sorted(proxy.faults.items()))
            print(
                f"{scheme}: {len(expected)} rows {'as locally' if same else 'NOT as locally'}, "
                f"{proxy.requests} requests in {seconds:.0f} s, failed: {faults}",
                flush=True,
            )
            if not same:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
