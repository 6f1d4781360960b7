"""Loading: what is refused, and what is kept in which precision."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from models.describing import load_describer
from models.loading import load_model
from models.source import DEFAULT_MODEL, resolve_model
from schemas.errors import ModelError
from tests.models.altered import copy_of, edit_json
from tests.models.rows import GREEDY, described, mixed_rows, noise, request


@pytest.mark.parametrize("model_type", ["chameleon", "emu3"])
def test_a_vq_tokenizer_stays_in_float32(
    checkpoint: Callable[[str], Path], model_type: str
) -> None:
    source = resolve_model(str(checkpoint(model_type)))
    full = load_model(source, device="cpu").model
    half = load_model(source, device="cpu", dtype="bfloat16").model
    tokenizers = [dict(model.model.vqmodel.named_parameters()) for model in (full, half)]
    assert all(torch.equal(one, tokenizers[1][name]) for name, one in tokenizers[0].items())
    others = {
        parameter.dtype for name, parameter in half.named_parameters() if "vqmodel" not in name
    }
    assert others == {torch.bfloat16}


@pytest.mark.parametrize(
    "model_type", ["chameleon", "emu3", "llava", "janus", "florence2", "blip-2"]
)
def test_models_run_in_bfloat16(checkpoint: Callable[[str], Path], model_type: str) -> None:
    source = resolve_model(str(checkpoint(model_type)))
    model = load_describer(source, device="cpu", dtype="bfloat16")
    for result in model.describe(mixed_rows(), GREEDY):
        assert described(result).token_count == 8


def test_the_embedded_model_says_the_same_in_bfloat16() -> None:
    picture = noise(64, 64, 0)
    picture[:] = 240
    picture[20:40, 20:40] = (255, 0, 0)
    row = request(picture, prompt="describe briefly")
    texts = {
        described(
            load_describer(resolve_model(DEFAULT_MODEL), device="cpu", dtype=dtype).describe(
                [row], GREEDY
            )[0]
        ).text
        for dtype in ("float32", "bfloat16")
    }
    assert texts == {"a red rectangle"}


def test_missing_weights_are_refused(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "q_proj" in name)
    del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights .*q_proj"):
        load_describer(resolve_model(str(folder)), device="cpu")


def test_weights_of_another_shape_are_refused_in_one_line(
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    library_messages: list[str],
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] *= 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ModelError, match=r"layers\.0\.mlp\.down_proj\.weight has the shape"
    ) as caught:
        load_describer(resolve_model(str(folder)), device="cpu")
    assert "(32, 64) and should have (32, 128)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not library_messages
    assert capfd.readouterr().err == ""


def test_a_library_that_was_quiet_or_loud_is_so_again(checkpoint: Callable[[str], Path]) -> None:
    before = transformers_logging.get_verbosity()
    load_model(resolve_model(str(checkpoint("llava"))), device="cpu")
    assert transformers_logging.get_verbosity() == before


def test_code_of_a_model_s_own_is_allowed_for_its_configuration_too(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = []
    original = AutoConfig.from_pretrained

    def spy(folder: Path, **options: Any) -> Any:
        allowed.append(options.get("trust_remote_code"))
        return original(folder, **options)

    monkeypatch.setattr("models.loading.AutoConfig.from_pretrained", spy)
    source = resolve_model(str(checkpoint("chameleon")), trust_remote_code=True)
    load_model(source, device="cpu")
    assert allowed[-1] is True


def test_a_model_of_another_kind_is_refused(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_describer(resolve_model(str(folder)), device="cpu")


def test_a_damaged_weights_file_is_refused(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_describer(resolve_model(str(folder)), device="cpu")


@pytest.mark.parametrize("model_type", ["blip-2", "instructblip"])
def test_a_processor_that_would_ignore_pictures_is_refused(
    checkpoint: Callable[[str], Path], tmp_path: Path, model_type: str
) -> None:
    folder = copy_of(checkpoint(model_type), tmp_path)
    edit_json(folder / "processor_config.json", num_query_tokens=None)
    with pytest.raises(ModelError, match="num_query_tokens"):
        load_describer(resolve_model(str(folder)), device="cpu")


def test_a_missing_separator_puts_no_word_in_the_prompt(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    edit_json(folder / "tokenizer_config.json", sep_token=None)
    model = load_describer(resolve_model(str(folder)), device="cpu")
    # 64 picture tokens, two around them, the beginning and one word fill 68 positions of 512.
    picture = noise(64, 64, 0)
    longest = 512 - 8 - 67
    fits, too_long = (
        model.describe([request(picture, prompt="word1 " * words)], GREEDY)[0]
        for words in (longest, longest + 1)
    )
    assert described(fits).token_count == 8
    assert "513" not in str(too_long)
    assert f"{longest + 68} tokens" in str(too_long)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:99"}, "'cuda:99' cannot be used"),
        ({"device": "toaster"}, "'toaster' cannot be used"),
        ({"device": "cpu", "dtype": "int8"}, "'int8' is none of"),
        ({"device": "cpu", "dtype": "nonsense"}, "'nonsense' is none of"),
    ],
)
def test_devices_and_dtypes_that_are_not_there_are_refused(
    options: dict[str, str], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load_describer(resolve_model(DEFAULT_MODEL), **options)
