"""Loading: what is refused, and what is kept in which precision."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

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


def test_a_chat_checkpoint_without_a_template_gets_placeholders(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    (folder / "chat_template.jinja").unlink()
    model = load_describer(resolve_model(str(folder)), device="cpu")
    rows = [request(noise(32, 32, seed), noise(32, 32, 9)) for seed in range(2)]
    one, other = (described(result) for result in model.describe(rows, GREEDY))
    assert one.mean_logprob != pytest.approx(other.mean_logprob, abs=1e-4)


def test_a_template_for_text_alone_gets_placeholders_as_text(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    template = "{% for message in messages %}user : {{ message.content }} {% endfor %}assistant :"
    (folder / "chat_template.jinja").write_text(template)
    rows = mixed_rows()
    plain = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    template = template.replace(
        "{{",
        "{% for part in message.content %}{{ '<image>' if part.type"
        " == 'image' else part.text }}{% endfor %}{{ '' if true else",
    )
    (folder / "chat_template.jinja").write_text(template)
    parts = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    assert [described(result) for result in plain] == [described(result) for result in parts]


def test_a_template_with_the_first_token_is_not_given_it_twice(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("llava"), tmp_path)
    rows = mixed_rows()
    before = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    template = folder / "chat_template.jinja"
    template.write_text("{{ bos_token }} " + template.read_text())
    after = load_describer(resolve_model(str(folder)), device="cpu").describe(rows, GREEDY)
    assert [described(result) for result in after] == [described(result) for result in before]


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
