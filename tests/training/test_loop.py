"""The loop: what a step does, by plain formulas; ending, resuming, failing to save."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from schemas.errors import RunError, UsageError
from tests.training.full_disk import small_files
from tests.training.lines import SETTINGS, Line, Points, points, train
from tests.training.several import CODES, PROCESSES
from tests.training.test_vq_codebook import a_codebook, random_vectors
from training.checkpoints import newest_checkpoint
from training.ending import EndedEarlyError
from training.objective import Batch, Measures
from training.schedule import rate_of
from training.vq_codebook import totals


def _same(one: Line, other: Line) -> bool:
    states = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in states)


def test_a_step_is_adamw_on_the_mean_over_all_of_its_batches(tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=3, clip_norm=0.5, weight_decay=0.2)
    trained, silent = train(tmp_path, settings=settings, objective=Line(dropout=0))

    # By torch's own AdamW, on one batch that holds those of a step.
    plain = Line(dropout=0)
    matrices = [plain.inner.weight, plain.outer.weight]
    vectors = [plain.inner.bias, plain.outer.bias]
    groups = [
        {"params": matrices, "weight_decay": 0.2},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    losses = []
    for step, rate in enumerate((0.025, 0.05, 0.05)):
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = _joined([points(step * 3 + number) for number in range(3)])
        missed = plain.outer(plain.inner(batch["points"]))[:, 0] - batch["values"]
        loss = (missed**2 * batch["weights"]).sum() / batch["weights"].sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*matrices, *vectors], 0.5)
        optimizer.step()
        losses.append(loss.item())
    for name, value in plain.named_parameters():
        torch.testing.assert_close(trained.get_parameter(name), value)
    (report,) = silent.reports
    assert report.step == 3
    assert report.measures["loss"] == pytest.approx(_weighted_mean(losses), rel=1e-5)
    assert 0 <= report.measures["misses"] <= 1
    assert trained.get_buffer("steps").item() == 3


def test_what_is_reported_does_not_depend_on_when_is_validated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    class Timed(Line):
        def forward(self, batch: Batch) -> Measures:
            nonlocal now
            now += 1 if self.training else 1000
            return super().forward(batch)

    monkeypatch.setattr("training.tally.time.perf_counter", lambda: now)
    settings = replace(SETTINGS, log_every=4, validate_every=0)
    _, plain = train(tmp_path / "plain", settings=settings, objective=Timed())
    settings = replace(settings, validate_every=3)
    _, often = train(tmp_path / "often", settings=settings, objective=Timed())
    assert [step for step, _ in often.held_out] == [3, 6, 9, 12]
    assert [one.step for one in often.reports] == [4, 8, 12]
    assert often.reports == plain.reports
    # A batch has five points.
    assert {one.things_per_second for one in often.reports} == {5}


def _joined(batches: list[Batch]) -> Batch:
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def _weighted_mean(losses: list[float]) -> float:
    weights = [
        sum(float(points(step * 3 + number)["weights"].sum()) for number in range(3))
        for step in range(3)
    ]
    return sum(map(float.__mul__, losses, weights)) / sum(weights)


@pytest.mark.parametrize("ends_at", [9, 20, 25])
def test_ended_and_gone_on_with_the_weights_are_bit_equal(tmp_path: Path, ends_at: int) -> None:
    whole, told = train(tmp_path / "whole")
    with pytest.raises(EndedEarlyError, match=rf"after {ends_at // 3} of 12 steps") as caught:
        train(tmp_path / "parts", Points(ends_at=ends_at))
    assert caught.value.number == 15
    # Another start of the weights, to show that nothing of it is left.
    other = Line()
    torch.nn.init.ones_(other.inner.weight)
    parts, silent = train(tmp_path / "parts", objective=other)
    assert silent.begins == [ends_at // 3]
    assert _same(whole, parts)
    assert told.held_out[-1] == silent.held_out[-1]
    folders = sorted(path.name for path in (tmp_path / "parts" / "checkpoints").iterdir())
    assert folders == ["step-00000008", "step-00000012"]
    kinds = {path.suffix for path in (tmp_path / "parts" / "checkpoints").rglob("*.*")}
    assert kinds == {".safetensors", ".json"}
    # What is done twice is logged once.
    events = EventAccumulator(str(tmp_path / "parts" / "logs")).Reload()
    tags = events.Tags()["scalars"]
    assert {"train/loss", "train/misses", "speed/data_wait", "validation/loss"} <= set(tags)
    steps = [event.step for event in events.Scalars("validation/loss")]
    assert steps == [5, 10, 12]


def test_killed_without_a_word_it_goes_on_from_its_newest_checkpoint(tmp_path: Path) -> None:
    whole, _ = train(tmp_path / "whole")
    train(tmp_path / "parts")
    checkpoints = tmp_path / "parts" / "checkpoints"
    # As after a kill in step 9 while a checkpoint was written.
    (checkpoints / "step-00000012").rename(checkpoints / ".step-00000009.partial")
    parts, silent = train(tmp_path / "parts")
    assert silent.begins == [8]
    assert _same(whole, parts)
    assert not list(checkpoints.glob(".*"))


def test_what_cannot_be_read_is_said_behind_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="batch 17 is broken"):
        train(tmp_path, Points(breaks_at=17))
    whole, _ = train(tmp_path / "whole")
    repaired, silent = train(tmp_path)
    assert silent.begins == [5]
    assert _same(whole, repaired)


def test_a_full_disk_leaves_the_checkpoint_before_whole(tmp_path: Path) -> None:
    with pytest.raises(EndedEarlyError):
        train(tmp_path, Points(ends_at=9))
    before = newest_checkpoint(tmp_path / "checkpoints")
    assert before is not None
    with (
        pytest.raises(RunError, match=r"checkpoint of step 4 .* The checkpoint of step 3 is whole"),
        small_files(300),
    ):
        train(tmp_path)
    after = newest_checkpoint(tmp_path / "checkpoints")
    assert after == before
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    assert _same(train(tmp_path)[0], train(tmp_path / "whole")[0])


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes came to."""
    folder = tmp_path_factory.mktemp("several")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {"ACCELERATE_USE_CPU": "true", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    together |= {"WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.several", str(folder)]
    processes = [
        subprocess.Popen(command, env=os.environ | together | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return folder


def test_two_processes_train_as_one_with_the_batches_of_both(several: Path, tmp_path: Path) -> None:
    together = Points(shares=range(PROCESSES), processes=PROCESSES)
    alone, _ = train(tmp_path, together, objective=Line(dropout=0))
    started = Line(dropout=0).state_dict()
    codebook = a_codebook(CODES)
    for step in range(3):
        vectors = random_vectors(40, step)
        codebook.follow(*totals(vectors, codebook.nearest(vectors), CODES))
    for rank in range(PROCESSES):
        found = torch.load(several / f"found-{rank}.pt")
        for name, expected in alone.state_dict().items():
            torch.testing.assert_close(found["exact"][name], expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found["codes"], codebook.vectors, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(alone.inner.weight, started["inner.weight"], atol=1e-2)


def test_two_processes_ended_and_gone_on_with_have_bit_equal_weights(several: Path) -> None:
    first, second = (torch.load(several / f"found-{rank}.pt") for rank in range(PROCESSES))
    for name, expected in first["whole"].items():
        for found in (first["parts"], second["parts"], second["whole"]):
            assert torch.equal(found[name], expected)
    assert not torch.equal(first["whole"]["inner.weight"], first["exact"]["inner.weight"])


def test_all_of_several_processes_end_where_one_cannot_write(several: Path) -> None:
    said = [json.loads((several / f"said-{rank}.json").read_text()) for rank in range(2)]
    for rank, other in ((0, 1), (1, 0)):
        assert "The checkpoint of step 4 cannot be written into " in said[rank][rank]
        assert said[rank][other] == "Another process cannot write its part of a checkpoint."


def test_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(UsageError, match=r"holds a training with learning_rate = 0\.05, not 0\.1"):
        train(tmp_path, identity={"learning_rate": 0.1})
    other = Points()
    other.identity = "other points"
    with pytest.raises(UsageError, match=r"other documents or pictures .* name another `out`"):
        train(tmp_path, other)
    # Where a setting is why, that is said.
    with pytest.raises(UsageError, match=r"with seed = null, not 3"):
        train(tmp_path, other, identity={"learning_rate": 0.05, "seed": 3})


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    train(tmp_path)
    state = tmp_path / "checkpoints" / "step-00000012" / "state.json"
    content = json.loads(state.read_text())
    state.write_text("{")
    with pytest.raises(RunError, match=r"step-00000012/state\.json cannot be read"):
        train(tmp_path)
    state.write_text(json.dumps(content))
    (state.parent / "model.safetensors").write_bytes(b"none")
    with pytest.raises(RunError, match=r"Delete .*step-00000012 to go on"):
        train(tmp_path)


def test_a_loss_that_is_no_number_ends_it_and_saves_nothing(tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e30, clip_norm=1e30)
    with pytest.raises(RunError, match=r"no number any more after \d+ steps\. Lower learning_rate"):
        train(tmp_path, settings=settings)
    assert newest_checkpoint(tmp_path / "checkpoints") is None


def test_rates_rise_in_a_line_and_fall_to_nothing() -> None:
    settings = {"steps": 10, "warmup_steps": 4}
    cosine = [rate_of(step, schedule="cosine", **settings) for step in range(11)]
    linear = [rate_of(step, schedule="linear", **settings) for step in range(11)]
    assert cosine[:5] == linear[:5] == [0.25, 0.5, 0.75, 1, 1]
    assert linear[4:] == pytest.approx([1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0])
    assert cosine[7] == pytest.approx(0.5)
    assert cosine[10] == pytest.approx(0)
