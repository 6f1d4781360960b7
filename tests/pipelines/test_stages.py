"""The job's fused stages: one heavy one on every runner, and a GPU for it alone."""

import pytest

from pipelines.stages import Stage, stages_of
from runners.dataflow.engine import DataflowEngine
from runners.engine import Engine
from runners.local import LocalEngine
from tests.runners.dataflow.jobs import GPU, HINT, offline_job, options

HEAVY = (
    "CatalogJob/Work/ReadSplits",
    "CatalogJob/Work/Describe/BeamML_RunInference",
    "CatalogJob/Work/WriteParts",
)


def stages(engine: Engine) -> tuple[Stage, ...]:
    return stages_of(offline_job(engine))


@pytest.mark.parametrize(
    "engine",
    [LocalEngine(), DataflowEngine(options()), DataflowEngine(options(**GPU))],
    ids=["local", "dataflow", "dataflow with a GPU"],
)
def test_reading_describing_and_writing_are_one_stage(engine: Engine) -> None:
    heavy = [stage for stage in stages(engine) if set(HEAVY) & set(stage.steps)]
    assert len(heavy) == 1
    assert heavy[0].steps[-3:] == HEAVY


def test_a_gpu_is_for_the_heavy_stage_alone() -> None:
    found = {stage.steps: dict(stage.hints) for stage in stages(DataflowEngine(options(**GPU)))}
    assert found.pop(HEAVY) == {"accelerator": HINT}
    assert not any(found.values())


def test_without_a_gpu_there_are_no_hints() -> None:
    assert not any(stage.hints for stage in stages(DataflowEngine(options())))


def test_stages_have_titles_for_people_and_come_in_order() -> None:
    titles = [stage.title for stage in stages(LocalEngine())]
    assert titles == [
        "Catalog, PlanSplits, ShuffleSplits",
        "ShuffleSplits, ReadSplits, Describe, WriteParts",
        "Together",
        "Commit",
    ]
