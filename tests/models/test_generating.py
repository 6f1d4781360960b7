"""Drawing: choices and probabilities against a plain forward pass, batches against single rows."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import ChameleonConfig, ChameleonForConditionalGeneration

from models.generating import (
    ContrastSettings,
    ImageDocument,
    ImageGenerator,
    ImageRequest,
    ImageSample,
    ImageSettings,
    load_image_generator,
)
from models.source import DEFAULT_MODEL, EMBEDDED_FOLDER, resolve_model
from schemas.errors import ModelError, RowError
from schemas.failure import FailureKind
from tests.models.altered import copy_of, edit_json
from tests.models.drawing_reference import ChameleonReference
from tests.models.rows import noise
from tests.oracles import sampling_formulas as oracle

_GREEDY = ImageSettings(temperature=0.0)
_CONTRAST = ContrastSettings(k=3, alpha=0.5)


def _load(name: str) -> ImageGenerator:
    return load_image_generator(resolve_model(name), device="cpu")


@pytest.fixture(scope="module")
def embedded() -> ImageGenerator:
    return _load(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def generator(checkpoint: Callable[[str], Path]) -> Callable[[str], ImageGenerator]:
    @cache
    def load(model_type: str) -> ImageGenerator:
        return _load(str(checkpoint(model_type)))

    return load


def _draw(
    generator: ImageGenerator, requests: list[ImageRequest], settings: ImageSettings
) -> list[tuple[ImageSample, ...]]:
    results = generator.generate(generator.encode(requests, settings))
    for result in results:
        assert isinstance(result, tuple), result
    return [result for result in results if isinstance(result, tuple)]


def _assert_same(
    results: list[tuple[ImageSample, ...]], others: list[tuple[ImageSample, ...]]
) -> None:
    for result, other in zip(results, others, strict=True):
        for one, two in zip(result, other, strict=True):
            assert np.array_equal(one.codes, two.codes)
            assert one.mean_logprob == pytest.approx(two.mean_logprob, abs=1e-4)
            assert one.contrasted == two.contrasted


def _assert_best(codes: NDArray[np.int32], scores: list[NDArray[np.float64]]) -> None:
    """Each code is the best of its place, or as good but for rounding."""
    for code, row in zip(codes.flatten(), scores, strict=True):
        assert row[code] >= row.max() - 1e-4


@pytest.mark.parametrize(
    "settings",
    [
        _GREEDY,
        replace(_GREEDY, guidance=3.0),
        replace(_GREEDY, contrast=_CONTRAST),
        replace(_GREEDY, guidance=3.0, unconditional="draw"),
    ],
    ids=["plain", "guided", "contrasted", "guided by a text"],
)
def test_drawing_takes_the_best_code_of_a_forward_pass(
    embedded: ImageGenerator, settings: ImageSettings
) -> None:
    reference = ChameleonReference(EMBEDDED_FOLDER)
    prompts = ["draw a red circle", "draw a small blue triangle in the top left of the image ."]
    requests = [ImageRequest(prompt=prompt, seed=0) for prompt in prompts]
    for prompt, (sample,) in zip(prompts, _draw(embedded, requests, settings), strict=True):
        assert sample.codes.shape == (8, 8)
        assert sample.codes.dtype == np.int32
        request = reference.logits(reference.prompt(prompt), sample.codes)
        nothing = reference.logits(
            reference.prompt(settings.unconditional or "<mask:0>"), sample.codes
        )
        if settings.contrast:
            scores = [oracle.contrasted(*row, 3, 0.5) for row in zip(request, nothing, strict=True)]
        else:
            scores = [
                oracle.guided(*row, settings.guidance) for row in zip(nothing, request, strict=True)
            ]
        _assert_best(sample.codes, scores)
        _assert_mean_logprob(sample, request)


def _assert_mean_logprob(sample: ImageSample, logits: NDArray[np.float64]) -> None:
    rows = zip(logits, sample.codes.flatten(), strict=True)
    logprobs = [np.log(oracle.probabilities(row)[code]) for row, code in rows]
    assert sample.mean_logprob == pytest.approx(float(np.mean(logprobs)), abs=1e-4)


@pytest.mark.parametrize(
    ("guidance", "image_guidance"), [(1.0, None), (4.0, None), (4.0, 1.5), (1.0, 1.5)]
)
def test_editing_takes_the_best_code_of_a_forward_pass(
    embedded: ImageGenerator, guidance: float, image_guidance: float | None
) -> None:
    reference = ChameleonReference(EMBEDDED_FOLDER)
    settings = replace(_GREEDY, guidance=guidance, image_guidance=image_guidance)
    pictures = [noise(64, 64, 1), noise(80, 120, 2)]
    requests = [ImageRequest(prompt="make it blue", seed=0, images=(one,)) for one in pictures]
    for picture, (sample,) in zip(pictures, _draw(embedded, requests, settings), strict=True):
        both = reference.logits(reference.prompt("make it blue", picture), sample.codes)
        alone = reference.logits(reference.prompt("<mask:0>", picture), sample.codes)
        nothing = reference.logits(reference.prompt("<mask:0>"), sample.codes)
        scores = [
            oracle.guided_edit(*row, image_guidance or 1.0, guidance)
            for row in zip(nothing, alone, both, strict=True)
        ]
        _assert_best(sample.codes, scores)
        _assert_mean_logprob(sample, both)


def test_documents_stand_before_the_request_and_are_part_of_what_is_asked(
    embedded: ImageGenerator,
) -> None:
    reference = ChameleonReference(EMBEDDED_FOLDER)
    settings = replace(_GREEDY, guidance=3.0)
    source, shown = noise(64, 64, 1), noise(80, 120, 2)
    documents = (
        ImageDocument(name="far", text="draw a teal <image> circle", pixels=shown),
        ImageDocument(name="near", text="a blue shape"),
        ImageDocument(name="nearest", text="", pixels=noise(64, 64, 3)),
    )
    request = ImageRequest(prompt="make it blue", seed=0, images=(source,), documents=documents)
    ((sample,),) = _draw(embedded, [request], settings)
    assert sample.documents == ("far", "near", "nearest")
    written = (
        "draw a teal   circle<sep><image></s>a blue shape<sep></s><image></s><image>make it blue"
    )
    both = reference.logits(
        reference.prompt(written, shown, noise(64, 64, 3), source), sample.codes
    )
    alone = reference.logits(reference.prompt("<mask:0>", source), sample.codes)
    scores = [oracle.guided(*row, 3.0) for row in zip(alone, both, strict=True)]
    _assert_best(sample.codes, scores)
    _assert_mean_logprob(sample, both)
    # The farthest are left out where the context is short: of 512 positions each takes 71, and the
    # request 6 and 64 codes.
    many = tuple(
        ImageDocument(name=str(number), text="draw a circle", pixels=shown) for number in range(7)
    )
    rows = [
        replace(request, documents=many, images=()),
        replace(request, documents=many, prompt="blue " * 350, images=()),
    ]
    (first,), (second,) = _draw(embedded, rows, settings)
    assert first.documents == ("1", "2", "3", "4", "5", "6")
    assert second.documents == ("6",)
    (alone_again,) = _draw(embedded, [replace(rows[1], documents=many[-1:])], settings)
    _assert_same([(second,)], [alone_again])


def test_without_a_mask_the_text_is_left_out(
    generator: Callable[[str], ImageGenerator], checkpoint: Callable[[str], Path]
) -> None:
    reference = ChameleonReference(checkpoint("chameleon"))
    picture = noise(64, 64, 5)
    request = ImageRequest(prompt="what colour is it", seed=0, images=(picture,))
    settings = replace(_GREEDY, guidance=3.0)
    ((sample,),) = _draw(generator("chameleon"), [request], settings)
    both = reference.logits(reference.prompt(request.prompt, picture), sample.codes)
    alone = reference.logits(reference.prompt("", picture, separator=False), sample.codes)
    scores = [oracle.guided(*row, 3.0) for row in zip(alone, both, strict=True)]
    _assert_best(sample.codes, scores)


_SAMPLED = [
    ImageSettings(top_p=0.9),
    ImageSettings(temperature=0.8, top_k=20, guidance=3.0),
    ImageSettings(guidance=2.0, contrast=replace(_CONTRAST, half=True)),
]


@pytest.mark.parametrize("settings", _SAMPLED, ids=["plain", "guided", "half contrasted"])
def test_a_batch_of_mixed_rows_gives_what_single_rows_give(
    embedded: ImageGenerator, settings: ImageSettings
) -> None:
    rows = [
        ImageRequest(prompt="draw a red circle", seed=11, samples=3),
        ImageRequest(prompt="make it teal", seed=12, images=(noise(64, 64, 3),)),
        ImageRequest(prompt="draw a large gray rectangle in the center of the image .", seed=13),
        ImageRequest(prompt="draw a red circle", seed=14, samples=2),
        ImageRequest(prompt="make it red", seed=12, images=(noise(90, 70, 4),), samples=2),
    ]
    together = _draw(embedded, rows, settings)
    assert [len(samples) for samples in together] == [3, 1, 1, 2, 2]
    _assert_same(together, [_draw(embedded, [row], settings)[0] for row in rows])
    _assert_same(together[::-1], _draw(embedded, rows[::-1], settings))
    # The first samples are the same however many are asked for, and each is another picture.
    (fewer,) = _draw(embedded, [replace(rows[0], samples=1)], settings)
    _assert_same([fewer], [together[0][:1]])
    later = _draw(embedded, [replace(rows[0], samples=2, first=1)], settings)
    _assert_same(later, [together[0][1:]])
    assert len({sample.codes.tobytes() for samples in together for sample in samples}) == 9
    if settings.contrast:
        assert [sample.contrasted for sample in together[0]] == [False, True, False]


def test_another_seed_is_another_picture(embedded: ImageGenerator) -> None:
    rows = [ImageRequest(prompt="draw a red circle", seed=seed) for seed in range(4)]
    drawn = _draw(embedded, rows, ImageSettings())
    assert len({samples[0].codes.tobytes() for samples in drawn}) == 4


def test_rows_that_cannot_be_drawn_fail_alone(embedded: ImageGenerator) -> None:
    picture = noise(64, 64, 0)
    good = ImageRequest(prompt="make it blue", seed=1, images=(picture,))
    rows = [
        good,
        replace(good, prompt="blue " * 400),
        replace(good, images=()),
        replace(good, samples=0),
        replace(good, prompt="make <image> blue"),
        replace(good, prompt="IMGIMGBAZ blue"),
        replace(good, size=(128, 64)),
        replace(good, size=(64, 64)),
    ]
    settings = ImageSettings(guidance=2.0, image_guidance=1.5)
    results = embedded.generate(embedded.encode(rows, settings))
    expected = {
        1: (FailureKind.PROMPT_TOO_LONG, "Shorten"),
        2: (FailureKind.INVALID_ROW, "no source picture"),
        3: (FailureKind.INVALID_ROW, "asks for 0 pictures"),
        4: (FailureKind.INVALID_ROW, "<image>"),
        5: (FailureKind.INVALID_ROW, "IMGIMGBAZ"),
        6: (FailureKind.INVALID_ROW, "128 x 64"),
    }
    for place, result in enumerate(results):
        if place in expected:
            kind, words = expected[place]
            assert isinstance(result, RowError)
            assert result.kind is kind
            assert words in result.message
        else:
            assert isinstance(result, tuple)
            _assert_same([result], _draw(embedded, [good], settings))


def test_the_context_is_filled_to_its_end(embedded: ImageGenerator) -> None:
    # 512 positions: the beginning, the separator, the break, 64 codes, and as many words.
    words = 512 - 3 - 64
    rows = [ImageRequest(prompt="red " * count, seed=0) for count in (words, words + 1)]
    fits, too_long = embedded.generate(embedded.encode(rows, ImageSettings()))
    assert isinstance(fits, tuple)
    assert isinstance(too_long, RowError)


@pytest.mark.parametrize("model_type", ["llava", "florence2"])
def test_models_that_make_no_images_are_refused_at_once(
    checkpoint: Callable[[str], Path], model_type: str
) -> None:
    with pytest.raises(ModelError, match=r"makes no images.*chameleon.*emu3.*janus"):
        _load(str(checkpoint(model_type)))


@pytest.mark.parametrize("model_type", ["emu3", "janus"])
def test_models_that_draw_from_text_alone_refuse_source_pictures(
    generator: Callable[[str], ImageGenerator], model_type: str
) -> None:
    model = generator(model_type)
    assert not model.edits
    rows = [
        ImageRequest(prompt="what colour is it", seed=0, images=(noise(64, 64, 0),)),
        ImageRequest(
            prompt="what colour is it", seed=0, documents=(ImageDocument(name="a", text="big"),)
        ),
    ]
    results = model.generate(model.encode(rows, ImageSettings()))
    for result, words in zip(results, ("from text alone", "from its prompt alone"), strict=True):
        assert isinstance(result, RowError)
        assert words in result.message


@pytest.mark.parametrize("model_type", ["chameleon", "emu3", "janus"])
def test_every_family_draws_the_same_in_any_batch(
    generator: Callable[[str], ImageGenerator], model_type: str
) -> None:
    model = generator(model_type)
    size = (40, 24) if model_type == "emu3" else None
    rows = [
        ImageRequest(prompt=prompt, seed=seed, samples=2, size=size)
        for seed, prompt in enumerate(["what colour is it", "describe", "the big thing is big"])
    ]
    settings = ImageSettings(temperature=0.9, top_p=0.95, guidance=2.0)
    together = _draw(model, rows, settings)
    _assert_same(together, [_draw(model, [row], settings)[0] for row in rows])
    if size:
        assert together[0][0].codes.shape == (5, 3)
    for samples in together:
        for sample in samples:
            assert 0 <= sample.codes.min() <= sample.codes.max() < 32
    other = _draw(model, rows, replace(settings, guidance=1.0))
    assert other[0][0].codes.tobytes() != together[0][0].codes.tobytes()


def test_half_precision_draws(checkpoint: Callable[[str], Path]) -> None:
    model = load_image_generator(
        resolve_model(str(checkpoint("chameleon"))), device="cpu", dtype="bfloat16"
    )
    row = ImageRequest(prompt="what colour is it", seed=0, images=(noise(64, 64, 0),))
    ((sample,),) = _draw(model, [row], ImageSettings(guidance=2.0))
    assert sample.codes.shape == (8, 8)
    assert torch.isfinite(torch.tensor(sample.mean_logprob))


def _assert_draws_by_a_forward_pass(folder: Path) -> None:
    reference = ChameleonReference(folder)
    model = _load(str(folder))
    picture = noise(64, 64, 5)
    rows = [
        ImageRequest(prompt="what colour is it", seed=0, images=(picture,)),
        ImageRequest(prompt="describe", seed=0),
    ]
    prompts = [
        reference.prompt("what colour is it", picture),
        reference.prompt("describe"),
    ]
    for prompt, (sample,) in zip(prompts, _draw(model, rows, _GREEDY), strict=True):
        logits = reference.logits(prompt, sample.codes)
        _assert_best(sample.codes, list(logits))
        _assert_mean_logprob(sample, logits)


def test_layers_that_norm_afterwards_draw_too(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    edit_json(folder / "config.json", swin_norm=True)
    _assert_draws_by_a_forward_pass(folder)


def test_heads_may_share_keys_and_layers_may_have_biases(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    edit_json(folder / "config.json", num_key_value_heads=2, attention_bias=True, mlp_bias=True)
    config = ChameleonConfig.from_pretrained(folder)
    torch.manual_seed(1)
    model = ChameleonForConditionalGeneration(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * (1.0 if "norm" in name else 0.1))
    model.save_pretrained(folder)
    _assert_draws_by_a_forward_pass(folder)
