"""Every supported family: a batch gives what single rows give, and the picture matters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import AutoProcessor

from models.describing import DecodingSettings, Describer
from schemas.errors import RowError
from schemas.failure import FailureKind
from tests.models.checkpoints.families import BUILDERS, ONE_PICTURE, TILING
from tests.models.reference import Reference, assert_by
from tests.models.rows import (
    GREEDY,
    SAMPLING,
    assert_same,
    described,
    mixed_rows,
    noise,
    request,
)

SEVERAL_PICTURES = [name for name in BUILDERS if name not in ONE_PICTURE]


@pytest.mark.parametrize("model_type", BUILDERS)
@pytest.mark.parametrize("settings", [GREEDY, SAMPLING], ids=["greedy", "sampling"])
def test_a_batch_gives_what_a_forward_pass_over_each_row_gives(
    describer: Callable[[str], Describer],
    reference: Callable[[str], Reference],
    model_type: str,
    settings: DecodingSettings,
) -> None:
    rows = mixed_rows()
    for row, result in zip(rows, describer(model_type).describe(rows, settings), strict=True):
        assert_by(reference(model_type), row, described(result), greedy=settings is GREEDY)


@pytest.mark.parametrize("model_type", BUILDERS)
def test_a_batch_samples_what_single_runs_sample(
    describer: Callable[[str], Describer], model_type: str, library_messages: list[str]
) -> None:
    model = describer(model_type)
    rows = mixed_rows()
    batch = model.describe(rows, SAMPLING)
    assert_same(batch, [model.describe([row], SAMPLING)[0] for row in rows])
    backwards = model.describe(rows[::-1], SAMPLING)
    assert_same(batch, backwards[::-1])
    assert not library_messages


@pytest.mark.parametrize("model_type", BUILDERS)
def test_the_output_depends_on_the_picture(
    describer: Callable[[str], Describer], model_type: str
) -> None:
    model = describer(model_type)
    rows = mixed_rows()
    inverted = [request(255 - row.images[0], prompt=row.prompt) for row in rows]
    changes = [
        abs(described(one).mean_logprob - described(other).mean_logprob)
        for one, other in zip(
            model.describe(rows, GREEDY), model.describe(inverted, GREEDY), strict=True
        )
    ]
    # Ten times what batch and single runs may differ by.
    assert min(changes) > 1e-3


@pytest.mark.parametrize("model_type", SEVERAL_PICTURES)
def test_several_pictures_are_seen_in_their_order(
    describer: Callable[[str], Describer], reference: Callable[[str], Reference], model_type: str
) -> None:
    model = describer(model_type)
    first, second, third = noise(64, 64, 1), noise(64, 64, 2), noise(64, 64, 3)
    rows = [request(first, second), request(second, first), request(first, third), request(first)]
    batch = model.describe(rows, GREEDY)
    assert_same(batch, [model.describe([row], GREEDY)[0] for row in rows])
    for row, result in zip(rows, batch, strict=True):
        assert_by(reference(model_type), row, described(result), greedy=True)
    scores = [round(described(result).mean_logprob, 4) for result in batch]
    assert len(set(scores)) == len(rows)


@pytest.mark.parametrize("model_type", ONE_PICTURE)
def test_families_of_one_picture_refuse_two_and_go_on(
    describer: Callable[[str], Describer], model_type: str
) -> None:
    model = describer(model_type)
    rows = mixed_rows()
    two = request(noise(64, 64, 1), noise(64, 64, 2))
    results = model.describe([rows[0], two, rows[2]], GREEDY)
    refusal = results.pop(1)
    assert isinstance(refusal, RowError)
    assert refusal.kind is FailureKind.INVALID_ROW
    assert "2 pictures" in refusal.message
    assert model.source.model_type in refusal.message
    assert_same(results, [model.describe([row], GREEDY)[0] for row in (rows[0], rows[2])])


@pytest.mark.parametrize("model_type", ["llava", "paligemma", "blip-2"])
def test_a_row_without_a_picture_is_refused_alone(
    describer: Callable[[str], Describer], model_type: str
) -> None:
    model = describer(model_type)
    rows = mixed_rows()
    results = model.describe([request(), rows[1]], GREEDY)
    assert isinstance(results[0], RowError)
    assert results[0].kind is FailureKind.INVALID_ROW
    assert_same(results[1:], model.describe([rows[1]], GREEDY))


@pytest.mark.parametrize(
    "model_type",
    ["llava", "qwen2_vl", "paligemma", "florence2", "instructblip", "instructblip with t5"],
)
def test_a_prompt_beyond_the_context_fails_alone(
    describer: Callable[[str], Describer], model_type: str
) -> None:
    model = describer(model_type)
    rows = mixed_rows()
    long = request(noise(64, 64, 1), prompt="what " * 600)
    results = model.describe([rows[0], long, rows[2]], GREEDY)
    problem = results.pop(1)
    assert isinstance(problem, RowError)
    assert problem.kind is FailureKind.PROMPT_TOO_LONG
    assert_same(results, [model.describe([row], GREEDY)[0] for row in (rows[0], rows[2])])


@pytest.mark.parametrize("model_type", BUILDERS)
def test_a_larger_picture_than_wanted_gives_the_processor_nothing_more(
    describer: Callable[[str], Describer], checkpoint: Callable[[str], Path], model_type: str
) -> None:
    wanted = describer(model_type).wanted_pixels
    assert (wanted is None) == (model_type in TILING)
    if wanted is None:
        return
    processor: Any = AutoProcessor
    processor = processor.from_pretrained(checkpoint(model_type)).image_processor
    shapes = {
        np.shape(processor(Image.fromarray(noise(side, side, 0)))["pixel_values"][0])
        for side in (wanted, 4 * wanted)
    }
    assert len(shapes) == 1
