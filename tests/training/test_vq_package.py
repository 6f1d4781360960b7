"""The folder of a tokenizer that has more codes than its base has tokens for."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, ChameleonVQVAEConfig

from models.image_tokens import load_image_tokenizer
from models.source import EMBEDDED_FOLDER, resolve_image_tokenizer, resolve_model
from models.vq_decoder import ShuffleLayout
from training.chameleon import Shape, random_model, save_model
from training.vq_losses import LossWeights
from training.vq_objective import CodebookSettings, VqObjective
from training.vq_package import TokenizerPackage


def test_new_codes_get_tokens_behind_the_others(tmp_path: Path) -> None:
    config = ChameleonVQVAEConfig(
        resolution=32,
        base_channels=32,
        channel_multiplier=[1, 1, 1],
        num_res_blocks=0,
        latent_channels=4,
        attn_resolutions=[],
        embed_dim=4,
        num_embeddings=600,
    )
    objective = VqObjective(
        config,
        ShuffleLayout(channels=(32, 32), blocks=1, shuffle=2),
        CodebookSettings(),
        LossWeights(),
        steps=10,
        first_pictures=lambda: iter(()),
    )
    torch.nn.init.normal_(objective.codebook.vectors)
    base = resolve_image_tokenizer("calumma-tiny")
    TokenizerPackage(base, config, None).write(objective, tmp_path)
    model = load_image_tokenizer(resolve_image_tokenizer(str(tmp_path)), device="cpu")
    before: Any = AutoConfig.from_pretrained(EMBEDDED_FOLDER)
    after: Any = AutoConfig.from_pretrained(tmp_path)
    ids = model.vocabulary_ids.tolist()
    assert len(set(ids)) == 600
    assert ids[512:] == list(range(before.vocab_size, before.vocab_size + 88))
    assert after.vocab_size == before.vocab_size + 88
    assert before.vocabulary_map.items() <= after.vocabulary_map.items()
    # Texts have the tokens that they had, and a code's name its own.
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (EMBEDDED_FOLDER, tmp_path)]
    one, other = (tokenizer("draw a small red circle .")["input_ids"] for tokenizer in tokenizers)
    assert one == other
    assert tokenizers[1].convert_tokens_to_ids("IMGIMGFJJZ") == ids[599]
    # A language model may be begun with it, and has the same codes.
    source = resolve_model(str(tmp_path))
    random = random_model(source, Shape(width=32, layers=1, heads=2, ff=32), seed=0)
    (tmp_path / "trained").mkdir()
    save_model(random, source, tmp_path / "trained", merge=False)
    trained = load_image_tokenizer(resolve_image_tokenizer(str(tmp_path / "trained")), device="cpu")
    assert trained.tokenizer_hash == model.tokenizer_hash
