"""Describing a batch: outcomes, order, refusals."""

import itertools
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from models.describing import (
    DecodingSettings,
    Describer,
    Description,
    is_out_of_memory,
    load_describer,
)
from models.loading import load_model
from models.memory import is_device_lost
from models.source import resolve_model
from models.thoughts import without_thought
from models.transformers_describer import TransformersDescriber
from schemas.errors import RowError, UsageError
from schemas.failure import FailureKind
from tests.models.altered import token_id, with_generation
from tests.models.checkpoints.parts import WORDS
from tests.models.rows import GREEDY, SAMPLING, assert_same, mixed_rows, noise, request


def test_no_rows_give_no_results(embedded: Describer) -> None:
    assert embedded.describe([], GREEDY) == []


def test_a_describer_can_be_referred_to_weakly(checkpoint: Callable[[str], Path]) -> None:
    model = load_describer(resolve_model(str(checkpoint("llava"))), device="cpu")
    reference = weakref.ref(model)
    assert reference() is model
    assert model.device == "cpu"
    assert model.source.model_type == "llava"


def test_a_prompt_that_holds_the_placeholder_is_refused(
    describer: Callable[[str], Describer],
) -> None:
    rows = mixed_rows()
    bad = request(noise(64, 64, 0), prompt="what is <image> in the picture")
    results = describer("llava").describe([rows[0], bad], GREEDY)
    assert isinstance(results[1], RowError)
    assert results[1].kind is FailureKind.INVALID_ROW
    assert "<image>" in results[1].message
    assert_same(results[:1], describer("llava").describe(rows[:1], GREEDY))


def test_a_text_of_special_tokens_alone_is_an_empty_output(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = checkpoint("llava")
    words = [token_id(folder, word) for word in WORDS]
    source = with_generation(folder, tmp_path, suppress_tokens=[*words, 2])
    model = load_describer(source, device="cpu")
    (result,) = model.describe([request(noise(64, 64, 0))], GREEDY)
    assert isinstance(result, RowError)
    assert result.kind is FailureKind.EMPTY_OUTPUT


def test_numbers_that_overflow_make_no_description(checkpoint: Callable[[str], Path]) -> None:
    loaded = load_model(resolve_model(str(checkpoint("llava"))), device="cpu", dtype="float16")
    loaded.model.lm_head.weight.data.fill_(float("nan"))
    (result,) = TransformersDescriber(loaded).describe([request(noise(64, 64, 0))], GREEDY)
    assert isinstance(result, RowError)
    assert result.kind is FailureKind.MODEL_ERROR
    assert "overflowed in float16" in result.message


def test_what_a_model_raises_is_let_through(describer: Callable[[str], Describer]) -> None:
    # Qwen2-VL refuses pictures 200 times as wide as high.
    with pytest.raises(ValueError, match="aspect ratio"):
        describer("qwen2_vl").describe([request(noise(2, 800, 0)), *mixed_rows()], GREEDY)


@pytest.mark.parametrize("model_type", ["llava", "qwen2_vl", "florence2"])
def test_sampling_depends_on_the_seed_alone(
    describer: Callable[[str], Describer], model_type: str
) -> None:
    model = describer(model_type)
    picture = noise(64, 64, 0)
    rows = [request(picture, seed=seed) for seed in (7, 8, 7)]
    first, other, again = model.describe(rows, SAMPLING)
    assert_same([first], [again])
    assert isinstance(first, Description)
    assert isinstance(other, Description)
    assert first.text != other.text
    assert_same([first, other, again], model.describe(rows, SAMPLING))


def test_threads_may_share_a_describer(checkpoint: Callable[[str], Path]) -> None:
    # Qwen2-VL keeps the positions of the batch at hand on the model: batches must not mingle.
    loaded = load_model(resolve_model(str(checkpoint("qwen2_vl"))), device="cpu")
    model = TransformersDescriber(loaded)
    rows = mixed_rows()
    expected = [model.describe([row], GREEDY) for row in rows]
    steps: list[int] = []
    loaded.model.register_forward_pre_hook(lambda *_: steps.append(threading.get_ident()))
    results: dict[int, list[list[Description | RowError]]] = {}
    calls = 5

    def work(number: int) -> None:
        results[number] = [model.describe([rows[number]], GREEDY) for _ in range(calls)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(rows))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for number, alone in enumerate(expected):
        for result in results[number]:
            assert_same(result, alone)
    switches = sum(one != other for one, other in itertools.pairwise(steps))
    assert switches < calls * len(rows)


def test_a_batch_is_encoded_while_another_generates(checkpoint: Callable[[str], Path]) -> None:
    loaded = load_model(resolve_model(str(checkpoint("llava"))), device="cpu")
    model = TransformersDescriber(loaded)
    rows = mixed_rows()
    expected = model.describe(rows, GREEDY)
    first, second = model.encode(rows[:2], GREEDY), []
    generating = threading.Event()

    def encode_meanwhile(*_: object) -> None:
        # The model's forward pass waits here until the other thread has encoded.
        if not generating.is_set():
            generating.set()
            encoder.join(timeout=60)

    loaded.model.register_forward_pre_hook(encode_meanwhile)

    def encode() -> None:
        generating.wait(timeout=60)
        second.append(model.encode(rows[2:], GREEDY))

    encoder = threading.Thread(target=encode)
    encoder.start()
    results = model.generate(first)
    assert_same(results + model.generate(second[0]), expected)
    # An encoded batch may be tried again.
    assert_same(model.generate(first), expected[:2])


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_new_tokens", 0), ("temperature", -0.1), ("temperature", float("inf")), ("top_p", 0.0)],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=field):
        DecodingSettings(**{"max_new_tokens": 8, field: value})  # type: ignore[arg-type]


def test_running_out_of_memory_is_told_from_other_errors() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55, dtype=torch.float64)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    )
    assert is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_device_that_failed_is_told_from_a_bad_row() -> None:
    import torch

    assert is_device_lost(RuntimeError("CUDA error: device-side assert triggered"))
    assert is_device_lost(torch.AcceleratorError("an illegal memory access was encountered"))
    assert not is_device_lost(torch.AcceleratorError("CUDA error: out of memory"))
    assert not is_device_lost(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"))
    assert not is_device_lost(RuntimeError("shapes differ"))
    assert not is_device_lost(ValueError("CUDA error: said a processor"))


@pytest.mark.parametrize(
    ("text", "begun", "expected"),
    [
        ("a red bus", False, "a red bus"),
        ("<think>\nwhat is it\n</think>\n\na red bus", False, "a red bus"),
        ("<think></think> a bus", False, "a bus"),
        ("what is it </think> a red bus", False, "a red bus"),
        ("what is it </think> a red bus", True, "a red bus"),
        ("<think> what is", False, ""),
        ("what is", True, ""),
        ("a tag <think> in </think> a text", False, "a tag <think> in </think> a text"),
    ],
)
def test_a_thought_is_no_part_of_the_text(text: str, begun: bool, expected: str) -> None:
    assert without_thought(text, begun=begun) == expected
