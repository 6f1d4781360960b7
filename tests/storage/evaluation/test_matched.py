"""Rows of results as they are staged: what a second plan leaves of the first."""

from pathlib import Path

from storage.digests import sorted_digests
from storage.evaluation.matched import EvaluationPlan, read_matched, stage_evaluation
from storage.evaluation.result_files import find_results
from storage.evaluation.settings import EvaluationSettings
from storage.forget import forget
from storage.keys import asset_words
from storage.store.local import LocalStore
from tests.end_to_end.conftest import write_parquet
from tests.storage.rows import FINGERPRINT


def test_a_plan_made_behind_a_forgetting_takes_nothing_from_who_goes_by_the_one_before(
    tmp_path: Path,
) -> None:
    ids = ["a", "b", "c"]
    results = write_parquet(tmp_path / "r.parquet", {"asset_id": [*ids, "x"], "text": [*"abcx"]})
    file = write_parquet(tmp_path / "f.parquet", {"asset_id": ids, "references": [["a"]] * 3})
    settings = EvaluationSettings(
        kind="captions",
        results=find_results(str(results), "captions"),
        references=str(file),
        benchmark=None,
        slice_by=(),
    )
    store = LocalStore(tmp_path / "out")

    def plan() -> EvaluationPlan:
        return stage_evaluation(store, "run", settings, FINGERPRINT, "0")

    def ids_of(plan: EvaluationPlan) -> list[str]:
        (split,) = plan.splits
        (table,) = read_matched(store, "run", split, 10)
        return [str(name) for name in table["asset_id"].to_pylist()]

    first = plan()
    assert plan() == first
    words = asset_words(["b", "x"])
    forget(store, sorted_digests(words[:, 0], words[:, 1]), {})
    second = plan()
    assert ids_of(first) == ["a", "b", "c"]
    assert ids_of(second) == ["a", "c"]
    assert store.exists(f"_staging/run/evaluation/{first.splits[0].failures_name}")
    assert (second.splits[0].skipped, second.splits[0].failures_by_kind) == (2, {})
