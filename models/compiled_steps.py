"""Reading one more code of each picture by compiled operations of fixed shape.

With an accelerator a step is so little work that launching its operations one by one takes longer
than they do. Compiled, neighbouring operations become one; and on CUDA all of a step is recorded as
a graph and launched at once. Both need tensors whose shapes and places stay, so attention is paid
to the room for all codes, with what is empty masked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from models.drawing_steps import Begun, embed_step
from models.fused_layers import Angles, Transformer
from models.image_model import ImageModel
from schemas.errors import ModelError

# Prompts that differ by a few tokens shall meet the same shape.
_ROOM = 64
# CUDA wants some runs before a recording, in which libraries set themselves up.
_REHEARSALS = 3

StepFunction = Callable[..., torch.Tensor]


@dataclass(slots=True, kw_only=True)
class Buffers:
    """What stays in its place from step to step, and from batch to batch of the same shape.

    Attributes:
        codes: int64 of shape (pictures,): those to be read.
        start: int64 of shape (1,): the place in a row that they are read at.
        keys: of each layer, of shape (rows, heads, capacity, width).
        values: likewise.
        valid: bool of shape (rows, capacity): False where a prompt is padded.
        angles: of all places, each of shape (rows, capacity, width).

    """

    codes: torch.Tensor
    start: torch.Tensor
    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    valid: torch.Tensor
    angles: Angles


def check_compiles(device: torch.device) -> None:
    """See that operations can be compiled, before every batch fails for want of it.

    Raises:
        ModelError: they cannot, for instance because there is no compiler.

    """
    try:
        torch.compile(torch.negative)(torch.ones(8, device=device))
    # Whatever a backend raises: each has errors of its own.
    except Exception as error:
        cause = next((line for line in str(error).splitlines() if line.strip()), type(error))
        raise ModelError(
            f"Nothing can be compiled for {device} here: {cause} Install a C++ compiler (on a GPU "
            "Triton too), or leave out --compile."
        ) from error


class CompiledSteps:
    """Steps of one shape after another. It keeps buffers: one thread may use it at a time."""

    def __init__(self, model: ImageModel, transformer: Transformer) -> None:
        self._model = model
        self._transformer = transformer
        # One compilation for all shapes: batches end in odd ones.
        self._compiled: StepFunction = torch.compile(self._step, dynamic=True)
        self._buffers: Buffers | None = None
        self._recordings: dict[bool, tuple[torch.cuda.CUDAGraph, torch.Tensor]] = {}
        self._branches = 1

    def forget(self) -> None:
        """Let go of all room, such as when a batch did not fit beside it."""
        self._recordings.clear()
        self._buffers = None

    def make_way(self, rows: int, pictures: int, capacity: int) -> None:
        """Let go of what is no use for a shape, before there is anything else in memory."""
        buffers = self._buffers
        if buffers is not None and (
            buffers.valid.shape != (rows, _rounded(capacity)) or len(buffers.codes) != pictures
        ):
            self.forget()

    def begin(self, begun: Begun) -> None:
        """Make ready to read what follows some prompts."""
        capacity, filled = _rounded(begun.capacity), begun.prefix.length
        valid = begun.valid[begun.index]
        padding = (~valid).sum(dim=1, keepdim=True)
        places = torch.arange(capacity, device=padding.device)
        angles = self._transformer.angles((places - padding).clamp(min=0))
        self._branches = begun.branches
        pictures = len(begun.index) // begun.branches
        self.make_way(len(begun.index), pictures, begun.capacity)
        buffers = self._buffers = self._buffers or _empty(begun, pictures, angles)
        for layer, (keys, values) in enumerate(begun.prefix.layers()):
            for tensor, into in ((keys, buffers.keys[layer]), (values, buffers.values[layer])):
                into[:, :, :filled] = tensor[begun.index, :, :filled]
                # What is masked is multiplied by nought, and must be a number for that.
                into[:, :, filled:] = 0
        buffers.valid.fill_(1)
        buffers.valid[:, :filled] = valid
        for part, into in zip(angles, buffers.angles, strict=True):
            into.copy_(part)
        buffers.start.fill_(filled)

    def read(self, codes: torch.Tensor, *, ends_row: bool) -> torch.Tensor:
        """See :class:`models.drawing_steps.Steps`; what it gives is overwritten by the next."""
        buffers = self._buffers
        assert buffers is not None
        buffers.codes.copy_(codes)
        if codes.device.type == "cuda":
            # Streams and graphs are of the device that is the thread's.
            with torch.cuda.device(codes.device):
                if ends_row not in self._recordings:
                    self._recordings[ends_row] = self._record(buffers, ends_row=ends_row)
                graph, logits = self._recordings[ends_row]
                graph.replay()
        else:
            logits = self._compiled(buffers, self._branches, ends_row)
        buffers.start += 2 if ends_row else 1
        return logits

    def _record(
        self, buffers: Buffers, *, ends_row: bool
    ) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        """Record a step. Where it writes, the step itself will write the same."""
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_REHEARSALS):
                self._compiled(buffers, self._branches, ends_row)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Other threads encode the next batch meanwhile, which is no matter of this recording.
        with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
            logits = self._compiled(buffers, self._branches, ends_row)
        return graph, logits

    def _step(self, buffers: Buffers, branches: int, ends_row: bool) -> torch.Tensor:
        embedded = embed_step(self._model, buffers.codes, branches, ends_row=ends_row)
        places = buffers.start + torch.arange(embedded.shape[1], device=buffers.start.device)
        capacity = buffers.valid.shape[1]
        before = torch.arange(capacity, device=places.device) <= places.unsqueeze(1)
        seen = before & buffers.valid[:, None, None, :]
        cosine, sine = (part.index_select(1, places) for part in buffers.angles)
        cache = _FixedCache(buffers, places)
        hidden = self._transformer.run(embedded, (cosine, sine), seen, cache)
        return self._model.logits(hidden)


def _rounded(capacity: int) -> int:
    return -(-capacity // _ROOM) * _ROOM


def _empty(begun: Begun, pictures: int, angles: Angles) -> Buffers:
    rows, capacity = len(begun.index), _rounded(begun.capacity)
    device = begun.index.device

    def room(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.new_empty((rows, tensor.shape[1], capacity, tensor.shape[3]))

    layers = begun.prefix.layers()
    return Buffers(
        codes=torch.zeros(pictures, dtype=torch.int64, device=device),
        start=torch.zeros(1, dtype=torch.int64, device=device),
        keys=[room(keys) for keys, _ in layers],
        values=[room(values) for _, values in layers],
        valid=torch.ones((rows, capacity), dtype=torch.bool, device=device),
        angles=(torch.empty_like(angles[0]), torch.empty_like(angles[1])),
    )


class _FixedCache:
    """Writes at given places, and gives all there is room for."""

    def __init__(self, buffers: Buffers, places: torch.Tensor) -> None:
        self._buffers = buffers
        self._places = places

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's next keys and values, of shape (rows, heads, tokens, width)."""
        into = self._buffers.keys[layer], self._buffers.values[layer]
        into[0].index_copy_(2, self._places, keys)
        into[1].index_copy_(2, self._places, values)
        return into

    def advance(self, tokens: int) -> None:
        """Nothing to count: the places are given."""
