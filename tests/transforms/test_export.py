"""Writing pictures beside a table by Beam: parts are shared, and one that failed is for a rerun."""

import threading
from pathlib import Path

import apache_beam as beam
import pytest

from runners.local import local_pipeline
from storage.commit_record import read_manifest
from storage.export_pictures import export_part
from storage.export_plan import PartToExport, PictureFolders, count_unwritten
from storage.store import Store
from storage.store.local import LocalStore
from tests.generated import generated
from tests.storage.test_export_pictures import RUNS, commit, pictures_in
from tests.transforms.work import run_settings
from transforms.export import ExportPictures
from transforms.tally import begin_tally

PARTS = 6


def test_workers_share_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = LocalStore(tmp_path / "out")
    rows = [generated(f"row-{number}") for number in range(2 * PARTS)]
    commit(out, RUNS[0], *(rows[first : first + 2] for first in range(0, len(rows), 2)))
    manifest = read_manifest(out, RUNS[0])
    folders = PictureFolders(images=str(tmp_path / "images"), webdataset=str(tmp_path / "shards"))
    settings = run_settings(tmp_path / "out", RUNS[0], folders=folders)
    tally = begin_tally(RUNS[0])
    # Nobody passes who is alone.
    both = threading.Barrier(2)

    def together(out: Store, part: PartToExport, folders: PictureFolders) -> None:
        both.wait(timeout=60)
        export_part(out, part, folders)

    monkeypatch.setattr("transforms.export.export_part", together)
    with local_pipeline(workers=2) as pipeline:
        _ = pipeline | beam.Create([manifest]) | ExportPictures(settings=settings)
    assert count_unwritten(out, "generations", folders) == 0
    assert (tally.parts_to_export, tally.parts_exported) == (PARTS, PARTS)
    assert pictures_in(tmp_path / "images") == {f"{row.asset_id}-0.png": row.image for row in rows}
    assert len(list((tmp_path / "shards").glob("*.tar"))) == PARTS
