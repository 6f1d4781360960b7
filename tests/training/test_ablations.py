"""The parts of the ablations that reckon: intervals, losses, tables, and what is kept."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp

from bench.ablations.cut_codes import cut
from bench.ablations.intervals import Estimate
from bench.ablations.losses import Example, Losses
from bench.ablations.measuring import Measured, kept
from bench.ablations.plan import CLAIMS, VARIANTS
from bench.ablations.plot import Panel, write_plot
from bench.ablations.report import judged, tables, written
from bench.ablations.training_runs import steps_to
from models.loading import load_model
from models.source import resolve_model
from transforms.metrics.interval import share_interval


@pytest.mark.parametrize("shape", [(1, 30), (3, 1)])
def test_an_interval_of_one_seed_or_item_is_students(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    expected = ttest_1samp(values.ravel(), 0).confidence_interval()
    estimate = Estimate.of(values)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert estimate.mean == pytest.approx(values.mean())


@pytest.mark.parametrize("spread", [(0.0, 1.0), (0.3, 0.3), (1.0, 1.0)])
def test_intervals_of_crossed_effects_hold_the_truth(spread: tuple[float, float]) -> None:
    random = np.random.default_rng(1)
    of_seeds, of_items = spread
    held = 0
    for _ in range(1000):
        values = (
            random.normal(scale=of_seeds, size=(3, 1))
            + random.normal(scale=of_items, size=(1, 50))
            + random.normal(size=(3, 50))
        )
        estimate = Estimate.of(values)
        held += estimate.low <= 0 <= estimate.high
    # 95 % of the time, rather more often, with a standard error of 0.7 %.
    assert 0.93 <= held / 1000 <= 0.995


def test_where_all_is_right_the_interval_is_wilsons() -> None:
    estimate = Estimate.of(np.ones((3, 40)))
    assert (estimate.low, estimate.high) == share_interval(1, 40)


def test_a_loss_is_reached_between_two_looks() -> None:
    curve = [(10, 3.0), (20, 2.0), (30, 1.0)]
    losses = [3.5, 3.0, 2.25, 1.5, 1.0]
    expected = np.interp(losses, [1, 2, 3], [30, 20, 10])
    assert [steps_to(curve, loss) for loss in losses] == pytest.approx(list(expected))
    assert steps_to(curve, 0.9) is None


def test_each_loss_is_that_of_its_document_alone() -> None:
    source = resolve_model("calumma-tiny")
    random = np.random.default_rng(0)
    examples = [
        Example(
            name=str(length),
            tokens=random.integers(0, 575, length).astype(np.int32),
            measured=np.arange(length) >= length // 2,
        )
        for length in (20, 7, 90)
    ]
    found = Losses(Path(source.name)).of(examples)
    model = load_model(source, device="cpu", dtype="float32").model
    for one in examples:
        tokens = torch.from_numpy(one.tokens).long()
        with torch.inference_mode():
            hidden = model.model(input_ids=tokens[None], use_cache=False).last_hidden_state
            logprobs = model.lm_head(hidden)[0].log_softmax(-1)
        nats = [-float(logprobs[at - 1, tokens[at]]) for at in np.flatnonzero(one.measured)]
        assert found[one.name].tokens == len(nats)
        assert found[one.name].nats == pytest.approx(sum(nats), rel=1e-4)


def test_what_is_cut_out_stands_at_the_end() -> None:
    mask, infill = 100, 101
    tokens = np.arange(10, dtype=np.int32)
    told = cut(tokens, 3, 6, mask=mask, infill=infill).tolist()
    head, _, (named, *span, end) = told[:7], told[7], told[8:]
    assert (named, told[7]) == (mask, infill)
    at = head.index(mask)
    assert [*head[:at], *span, *head[at + 1 :], end] == tokens.tolist()


def test_what_is_measured_is_kept_and_what_fails_is_not(tmp_path: Path) -> None:
    path = tmp_path / "run" / "losses.json"

    def fails() -> Measured:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept(path, fails)
    made = {"loss of pairs, K = 0": {"a": 1.5}}
    assert kept(path, lambda: made) == made
    assert kept(path, fails) == made


def test_tables_say_which_way_a_difference_goes() -> None:
    random = np.random.default_rng(0)

    def some(better: float) -> list[Measured]:
        seeds = []
        for _ in range(3):
            noise = random.normal(scale=0.01, size=50)
            seeds.append(
                {
                    "loss of captions, K = 0": _items(2 - better + noise),
                    "answers, K = 0": _items((np.arange(50) < 20 + 20 * better).astype(float)),
                }
            )
        return seeds

    measured = {name: some(0.0) for name in VARIANTS} | {"retrieval": some(1.0)}
    lines = list(tables(measured))
    assert [line for line in lines if line.startswith("###")] == [
        f"### {one.name}" for one in CLAIMS
    ]
    (retrieval,) = (one for one in CLAIMS if one.without == "none")
    rows = lines[lines.index(f"### {retrieval.name}") :]
    losses = next(row for row in rows if row.startswith("| loss of captions, K = 0"))
    answers = next(row for row in rows if row.startswith("| answers, K = 0"))
    assert "-1.0" in losses
    assert losses.endswith("| as claimed |")
    assert "| 40.0% (" in answers
    assert "+40.0 points" in answers
    assert answers.endswith("| as claimed |")
    # Against instructions alone, it is the fine-tuned one that is worse here.
    assert any(row.endswith("| the other way |") for row in lines)


def _items(values: np.ndarray) -> dict[str, float]:
    return {str(at): float(value) for at, value in enumerate(values)}


def test_an_interval_around_nothing_decides_nothing() -> None:
    around = Estimate(mean=0.01, low=-0.02, high=0.04, seeds=3, items=9)
    assert judged("answers, K = 0", around) == "not told apart"
    assert written("answers, K = 0", around, sign=True) == "+1.0 points (-2.0 to +4.0)"


def test_the_plot_is_well_formed_and_within_its_edges(tmp_path: Path) -> None:
    wide = Estimate(mean=0.5, low=-0.3, high=1.4, seeds=3, items=9)
    lines = {"a < b": [(0.0, wide), (1.0, wide)], "other": [(0.0, wide)]}
    panels = [Panel(title="answers", across="K", lines=lines)] * 2
    write_plot(tmp_path / "plot.svg", panels)
    root = ElementTree.parse(tmp_path / "plot.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f".//{name}circle")) == 6
    height = float(root.attrib["height"])
    for path in root.iter(f"{name}path"):
        if "V" in path.attrib["d"]:
            top = path.attrib["d"].partition("V")[2]
            assert 0 <= float(top) <= height
