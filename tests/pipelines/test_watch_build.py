"""Progress of an index build from what its workers write down, at each point of the build."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import watching
from pipelines.watch_build import BuildWatch
from storage.index_builds import BUILDS, stage_progress
from storage.store import open_store
from tests.end_to_end.embedded import some_vectors, write_embeddings
from transforms import index_build, index_plan
from transforms.index_build import BuildShards
from transforms.index_commit import commit_build
from transforms.index_plan import PlanIndex, plan_build
from transforms.index_settings import IndexSettings
from transforms.tally import begin_tally


def look(watch: BuildWatch) -> tuple[int, int, int, int]:
    """Look, wait for what is done beside, give rows passed, out, failed and superseded."""
    watch.look()
    assert watch._looking is not None
    watch._looking.join()
    tally = watch.tally
    return tally.passed, tally.rows_out, sum(tally.failed.values()), tally.skipped


def test_rows_are_counted_while_shards_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SECONDS_BETWEEN_LISTINGS", 0.0)
    monkeypatch.setattr(watching, "_LOOKS_LAST_A", 0.0)
    monkeypatch.setattr(index_build, "_SECONDS_BETWEEN_TELLINGS", 0.0)
    monkeypatch.setattr(index_plan, "ROWS_PER_SHARD", 700)
    vectors = some_vectors(1000)
    vectors[3] = np.nan
    names = [f"a{number}" for number in range(1000)]
    write_embeddings(tmp_path / "out", names, vectors, rows_per_part=500)
    write_embeddings(tmp_path / "out", names[:50], vectors[:50])
    settings = IndexSettings(
        embeddings=str(tmp_path / "out"),
        embeddings_upto=2,
        index=str(tmp_path / "index"),
        index_upto=0,
        run_id="20260101-000000-aaaaaa",
        memory_bytes=1 << 30,
        recall=0.95,
    )
    store = open_store(settings.index)
    tally = begin_tally(settings.run_id)
    watch = BuildWatch(store, settings)
    assert look(watch) == (0, 0, 0, 0)
    assert not watch.tally.planning_done
    list(PlanIndex().process(settings))  # type: ignore[no-untyped-call]
    plan, shards = plan_build(settings)
    assert len(shards) == 2
    assert look(watch) == (50, 0, 0, 50)
    assert (watch.tally.planning_done, watch.tally.planned) == (True, 1050)

    builder = BuildShards(settings)
    builder.setup()
    done = {}
    seen = []

    def told(*arguments: Any) -> None:
        stage_progress(*arguments)
        seen.append(look(watch))

    monkeypatch.setattr(index_build, "stage_progress", told)
    for shard in shards:
        (done[shard.name],) = builder.process(shard)
    # The rows of the first parts that are not superseded, and the later ones of the second shard.
    assert seen == [
        (500, 450, 0, 50),
        (700, 650, 0, 50),
        (1000, 950, 0, 50),
        (1050, 999, 1, 50),
    ]
    assert look(watch) == (1050, 999, 1, 50)
    assert (tally.passed, tally.rows_out, sum(tally.failed.values())) == (1050, 999, 1)
    assert not watch.is_over
    record = commit_build(settings, plan, done)
    assert record.counts.rows_out == 999
    # What was merged is gone, and so is what was written down; what was seen stays.
    assert not list(store.entries(BUILDS))
    assert look(watch) == (1050, 999, 1, 50)
    monkeypatch.setattr(watching, "_SECONDS_FOR_THE_ENGINE", 0.0)
    assert watch.is_over


def test_a_build_that_another_won_is_not_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SECONDS_BETWEEN_LISTINGS", 0.0)
    monkeypatch.setattr(watching, "_SECONDS_FOR_THE_ENGINE", 0.0)
    write_embeddings(tmp_path / "out", ["a", "b"], some_vectors(2))
    for run_id in ("20260101-000000-aaaaaa", "20260101-000000-bbbbbb"):
        settings = IndexSettings(
            embeddings=str(tmp_path / "out"),
            embeddings_upto=1,
            index=str(tmp_path / "index"),
            index_upto=0,
            run_id=run_id,
            memory_bytes=1 << 30,
            recall=0.95,
        )
        watch = BuildWatch(open_store(settings.index), settings)
        if run_id.endswith("aaaaaa"):
            plan, shards = plan_build(settings)
            builder = BuildShards(settings)
            builder.setup()
            commit_build(settings, plan, {one.name: one for one in builder.process(shards[0])})
        look(watch)
        assert watch.is_over == run_id.endswith("aaaaaa")
