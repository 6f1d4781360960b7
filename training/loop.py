"""The training loop, of any objective over any stream, in one process or several."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, set_seed

from schemas.errors import CalummaError, RunError, UsageError
from training.checkpoints import DATA, CheckpointWriter, check_same, newest_checkpoint
from training.ending import EndedEarlyError, EndRequest
from training.journal import Board, Watcher
from training.objective import Batch, Measures, Objective, saved_tensors
from training.optimizer import build_optimizer, optimizer_tensors, restore_optimizer
from training.random_states import random_states, restore_random_states
from training.schedule import Schedule, rate_of
from training.stream import Loaded, Position, Stream
from training.tally import MeasureTally

CHECKPOINTS = "checkpoints"
LOGS = "logs"

_DISTRIBUTED = (
    DistributedType.NO,
    DistributedType.MULTI_GPU,
    DistributedType.MULTI_CPU,
)


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How an objective is trained.

    Attributes:
        steps: of the optimizer.
        accumulation: batches a step, in each process.
        learning_rate: the largest.
        warmup_steps: steps over which it rises; see :func:`training.schedule.rate_of`.
        weight_decay: of AdamW, on matrices.
        betas: of AdamW.
        clip_norm: gradients are scaled down to this norm.
        dtype: of the arithmetic; weights and moments are kept as they are.
        seed: of all that is random in the objective.
        save_every: steps between checkpoints.
        validate_every: steps between measurements of held-out examples; 0 for none but the last.
        log_every: steps between reports.

    """

    steps: int
    accumulation: int = 1
    learning_rate: float = 1e-4
    warmup_steps: int = 0
    schedule: Schedule = "cosine"
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip_norm: float = 1.0
    dtype: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0
    save_every: int = 1000
    validate_every: int = 0
    log_every: int = 10


def start_process(seed: int) -> Accelerator:
    """Join the processes that train together, as ``accelerate launch`` started them.

    Raises:
        UsageError: they are to train in a way that is not supported.

    """
    accelerator = Accelerator()
    if accelerator.distributed_type not in _DISTRIBUTED:
        raise UsageError(
            f"accelerate is set up for {accelerator.distributed_type.value}, and checkpoints "
            "are of models that each GPU holds whole: run accelerate launch --multi_gpu."
        )
    set_seed(seed, device_specific=True)
    return accelerator


def whole_identity(
    identity: Mapping[str, object], stream: Stream, accelerator: Accelerator
) -> dict[str, object]:
    """All that determines what is learnt: what a caller says, the data, and who shares them."""
    return {**identity, DATA: stream.identity, "processes": accelerator.num_processes}


class Loop:
    """One training: goes on behind its newest checkpoint, if it has one.

    The same data, settings, seed and number of processes give the same weights on one machine's
    CPU, whether it was ended and gone on with or not.
    """

    def __init__(
        self,
        objective: Objective,
        stream: Stream,
        settings: LoopSettings,
        out: Path,
        *,
        accelerator: Accelerator,
        watcher: Watcher,
        identity: Mapping[str, object],
        validation: Callable[[], Iterator[Batch]] | None = None,
    ) -> None:
        """Take what is trained.

        Args:
            objective: on any device; it is moved to the one of the process.
            out: holds the checkpoints and logs.
            watcher: told of the first process only.
            identity: all that determines what is learnt, as JSON has it: a checkpoint of anything
                else is not gone on with.
            validation: gives this process's share of the held-out examples, as many batches in
                each process.

        """
        self._settings = settings
        self._stream = stream
        self._out = out
        self._accelerator = accelerator
        self._watcher = watcher
        self._identity = whole_identity(identity, stream, accelerator)
        self._validation = validation
        self._objective = objective
        self._model: Any = accelerator.prepare_model(objective)
        self._parameters = [one for one in objective.parameters() if one.requires_grad]
        self._optimizer = build_optimizer(
            objective, weight_decay=settings.weight_decay, betas=settings.betas
        )
        self._step = 0
        self._position: Position | None = None
        self._random = random_states(accelerator.device)
        self._saved: int | None = None
        self._held_out: Mapping[str, float] = {}

    def run(self) -> Mapping[str, float]:
        """Train to the end.

        Returns:
            What was measured with the held-out examples at the end, by name.

        Raises:
            EndedEarlyError: a signal came; a checkpoint was written.
            RunError: a checkpoint cannot be written, or the loss is no number any more.
            CalummaError: data cannot be read; a checkpoint was written.

        """
        settings = self._settings
        self._resume()
        if self._main:
            self._watcher.began(self._step, settings.steps, self._stream.things)
        board = Board(self._out / LOGS, self._step, self._stream.things) if self._main else None
        batches = self._stream.batches(self._position)
        try:
            with EndRequest() as ending:
                self._train(batches, ending, board)
        finally:
            batches.close()
            if board is not None:
                board.close()
        return self._held_out

    @property
    def _main(self) -> bool:
        return bool(self._accelerator.is_main_process)

    def _train(self, batches: Generator[Loaded], ending: EndRequest, board: Board | None) -> None:
        settings = self._settings
        tally = MeasureTally(self._accelerator)
        while self._step < settings.steps:
            started = time.perf_counter()
            loaded, trouble = self._load(batches)
            tally.waited(time.perf_counter() - started, sum(one.things for one in loaded))
            self._end_if_asked(ending, trouble)
            rate, norm = self._take_step(loaded, tally)
            self._step += 1
            self._position = loaded[-1].position
            self._random = random_states(self._accelerator.device)
            last = self._step == settings.steps
            if self._step % settings.log_every == 0 or last:
                report = tally.report(self._step, settings.steps, rate, norm)
                self._check_number(report.measures["loss"])
                if board is not None:
                    board.stepped(report)
                    self._watcher.stepped(report)
            if self._step % settings.save_every == 0 or last:
                self._save()
            if not last and settings.validate_every and self._step % settings.validate_every == 0:
                with tally.paused():
                    self._validate(board)
        self._validate(board)

    def _load(self, batches: Generator[Loaded]) -> tuple[list[Loaded], CalummaError | None]:
        """The batches of a step, or why there are none."""
        try:
            return [next(batches) for _ in range(self._settings.accumulation)], None
        except CalummaError as error:
            return [], error

    def _end_if_asked(self, ending: EndRequest, trouble: CalummaError | None) -> None:
        """Save and end where this process, or any other, has reason to."""
        number, failed = self._most(ending.number, int(trouble is not None))
        if not number and not failed:
            return
        if self._saved != self._step:
            self._save()
        if trouble is not None:
            raise trouble
        if failed:
            raise RunError("Another process cannot read its data.")
        raise EndedEarlyError(
            f"Ended early after {self._step} of {self._settings.steps} steps. Run the same "
            "command again to go on.",
            number,
        )

    def _most(self, *numbers: int) -> list[int]:
        """Of each number the largest that any process has; all must ask."""
        if self._accelerator.num_processes == 1:
            return [*numbers]
        own = torch.tensor([numbers], device=self._accelerator.device)
        most: list[int] = self._accelerator.gather(own).amax(0).tolist()
        return most

    def _take_step(
        self, loaded: Sequence[Loaded], tally: MeasureTally
    ) -> tuple[float, torch.Tensor]:
        settings, device = self._settings, self._accelerator.device
        self._model.train()
        rate = settings.learning_rate * rate_of(
            self._step,
            steps=settings.steps,
            warmup_steps=settings.warmup_steps,
            schedule=settings.schedule,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        weight = torch.zeros((), device=device)
        for number, one in enumerate(loaded):
            # Gradients are exchanged once a step.
            last = number == len(loaded) - 1
            with nullcontext() if last else self._accelerator.no_sync(self._model):
                measures = self._measure(self._model, one.batch)
                self._accelerator.backward(measures["loss"][0])
            weight += measures["loss"][1]
            tally.add(measures)
        # Sums were added up and their gradients averaged over the processes: what is wanted is
        # the gradient of the mean over all that has a weight, however it is spread over batches.
        weight = self._accelerator.reduce(weight, "sum").clamp_min(torch.finfo().tiny)
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(self._accelerator.num_processes / weight)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, settings.clip_norm)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._objective.after_step()
        return rate, norm

    def _measure(self, model: Any, batch: Batch) -> Measures:
        device = self._accelerator.device
        moved = {
            name: value.to(device, non_blocking=True) if torch.is_tensor(value) else value
            for name, value in batch.items()
        }
        reduced = self._settings.dtype == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
            measures: Measures = model(moved)
        return measures

    def _validate(self, board: Board | None) -> None:
        if self._validation is None:
            return
        tally = MeasureTally(self._accelerator)
        before = random_states(self._accelerator.device)
        self._objective.eval()
        with torch.no_grad():
            for batch in self._validation():
                # Without the wrapper, that would exchange what is not trained here.
                tally.add(self._measure(self._objective, batch))
            tally.add(self._objective.summary())
        self._held_out = tally.means()
        # A run that goes on from the checkpoint of this step does not measure again.
        restore_random_states(before, self._accelerator.device)
        if board is not None:
            board.validated(self._step, self._held_out)
            self._watcher.validated(self._step, self._held_out)

    def _check_number(self, loss: float) -> None:
        if loss != loss or loss in (float("inf"), float("-inf")):  # noqa: PLR0124
            saved = f"go on from step {self._saved}" if self._saved else "begin again"
            raise RunError(
                f"The loss is no number any more after {self._step} steps. Lower learning_rate or "
                f"lengthen warmup_steps, and {saved} in another folder."
            )

    def _save(self) -> None:
        """Write a checkpoint, unless weights are no numbers: the one before stays."""
        tensors = saved_tensors(self._objective)
        if not all(bool(torch.isfinite(one).all()) for one in tensors.values()):
            self._check_number(float("nan"))
        writer = CheckpointWriter(self._out / CHECKPOINTS, self._step)

        def begin() -> None:
            if self._main:
                writer.begin()

        def put_own() -> None:
            writer.put(f"random-{self._accelerator.process_index}", self._random)

        def finish() -> None:
            if self._main:
                writer.put("model", tensors)
                writer.put("optimizer", optimizer_tensors(self._optimizer, self._objective))
                writer.finish({"position": self._position, "identity": self._identity})

        for write in (begin, put_own, finish):
            self._write_together(write, writer)
        if self._main:
            self._watcher.saved(self._step, self._out / CHECKPOINTS)
        self._saved = self._step

    def _write_together(self, write: Callable[[], None], writer: CheckpointWriter) -> None:
        """Write in each process, and go on in all or none: who did would wait for the others."""
        trouble = None
        try:
            write()
        except RunError as error:
            trouble = error
        (failed,) = self._most(int(trouble is not None))
        if failed and self._main:
            writer.discard()
        if trouble is not None:
            raise trouble
        if failed:
            raise RunError("Another process cannot write its part of a checkpoint.")

    def _resume(self) -> None:
        checkpoint = newest_checkpoint(self._out / CHECKPOINTS)
        if checkpoint is None:
            return
        check_same(self._out, checkpoint.state["identity"], self._identity)
        tensors = checkpoint.tensors("model")
        for name, target in saved_tensors(self._objective).items():
            if name not in tensors or tensors[name].shape != target.shape:
                raise RunError(
                    f"The checkpoint {checkpoint.folder} is of another model: {name} does not "
                    "fit. Name another folder for a new training."
                )
            target.copy_(tensors[name])
        restore_optimizer(self._optimizer, self._objective, checkpoint.tensors("optimizer"))
        name = f"random-{self._accelerator.process_index}"
        restore_random_states(checkpoint.tensors(name), self._accelerator.device)
        self._step = self._saved = checkpoint.step
        self._position = checkpoint.state["position"]
        self._random = random_states(self._accelerator.device)
