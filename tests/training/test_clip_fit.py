"""A short training of the small CLIP."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoProcessor

from training.clip_fit import FitSettings, Fitted, fit_clip
from training.pictures import Pictures

_SETTINGS = FitSettings(steps=90, batch_size=16, held_out=40)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def fitted(few: Pictures, lines: list[str]) -> Fitted:
    return fit_clip(few, _SETTINGS, lines.append)


def test_steps_lower_the_loss_and_are_reported(fitted: Fitted, lines: list[str]) -> None:
    assert len(fitted.losses) == _SETTINGS.steps
    assert np.mean(fitted.losses[-10:]) < 0.9 * np.mean(fitted.losses[:10])
    assert [line.split(",")[0] for line in lines] == ["step 50"]
    assert fitted.held_out.pictures == _SETTINGS.held_out


def test_a_seed_gives_the_same_steps_again(few: Pictures, fitted: Fitted) -> None:
    settings = FitSettings(steps=3, batch_size=16, held_out=40)
    again = fit_clip(few, settings, lambda _: None)
    assert again.losses == fitted.losses[:3]


def test_minutes_are_turned_into_steps(few: Pictures) -> None:
    lines: list[str] = []
    settings = FitSettings(minutes=1e-6, batch_size=2, held_out=2)
    assert len(fit_clip(few, settings, lines.append).losses) == 51
    assert lines[1].endswith("steps a second: 51 steps")


def test_transformers_loads_what_was_written(few: Pictures, fitted: Fitted, tmp_path: Path) -> None:
    fitted.model.save_pretrained(tmp_path)
    fitted.processor.save_pretrained(tmp_path)
    model = AutoModel.from_pretrained(tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    assert type(model).__name__ == "CLIPModel"
    assert type(processor).__name__ == "CLIPProcessor"
    assert processor.tokenizer.get_vocab() == fitted.processor.tokenizer.get_vocab()
    words = {"text": ["a red circle", "large"], "images": list(few.pixels[:2])}
    expected, loaded = (
        one(**words, padding=True, return_tensors="pt") for one in (fitted.processor, processor)
    )
    assert expected.keys() == loaded.keys()
    for name in expected:
        assert torch.equal(expected[name], loaded[name])
    with torch.inference_mode():
        same = fitted.model(**expected).logits_per_image, model(**loaded).logits_per_image
    assert torch.equal(*same)
