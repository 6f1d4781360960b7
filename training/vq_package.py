"""A trained tokenizer as a checkpoint."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    AddedToken,
    AutoConfig,
    AutoProcessor,
    ChameleonVQVAEConfig,
)

from models.checkpoint import loading
from models.files import model_folder
from models.image_token_types import DECODER_FILE
from models.prompts import OVERRIDES
from models.source import ModelSource
from schemas.errors import UsageError
from training.vq_objective import SCALE, VqObjective

_PART = "model.vqmodel."
# Tokens that begin and end a picture.
_AROUND = 2
_LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


class TokenizerPackage:
    """What a tokenizer's folder holds beside its weights: a checkpoint without a language model.

    What another language model has learnt is about other codes, so none is there: its
    configuration, text tokens and prompts are those of ``base``, for one to be trained.

    Args:
        base: a checkpoint of Chameleon's architecture.
        vq: of the encoder.
        context: positions of a language model; None for as many as the base has.

    Raises:
        UsageError: a picture has more codes than there are positions, or the base has another
            architecture.
        ModelError: the base cannot be loaded.

    """

    def __init__(self, base: ModelSource, vq: ChameleonVQVAEConfig, context: int | None) -> None:
        if base.model_type != "chameleon":
            raise UsageError(
                f"The base {base.name} is of type {base.model_type}; a tokenizer of Chameleon's "
                "layout goes with type chameleon alone."
            )
        self._folder = model_folder(base, weights=False)
        with loading(base):
            self._config: Any = AutoConfig.from_pretrained(self._folder)
            self._processor: Any = AutoProcessor.from_pretrained(self._folder)  # type: ignore[no-untyped-call]
        side = vq.resolution // 2 ** (len(vq.channel_multiplier) - 1)
        if context is not None:
            self._config.max_position_embeddings = context
        if self._config.max_position_embeddings < side**2 + _AROUND:
            raise UsageError(
                f"A picture has {side**2} codes, which do not fit a language model of "
                f"{self._config.max_position_embeddings} positions: raise context."
            )
        self._config.vq_config = vq
        self._config.dtype = torch.float32
        self._set_codes(vq.num_embeddings, side**2)
        self._set_frame(vq.resolution)

    def write(self, objective: VqObjective, folder: Path) -> None:
        """Write the folder's files.

        Raises:
            OSError: they cannot be written.

        """
        weights = _contiguous(objective.vq.state_dict())
        weights["quantize.embedding.weight"] = objective.codebook.vectors.cpu().clone()
        save_file(
            {f"{_PART}{name}": value for name, value in weights.items()},
            folder / "model.safetensors",
            metadata={"format": "pt"},
        )
        save_file(_contiguous(objective.decoder.state_dict()), folder / DECODER_FILE)
        self._config.save_pretrained(folder)
        self._processor.save_pretrained(folder)
        if (self._folder / OVERRIDES).is_file():
            shutil.copyfile(self._folder / OVERRIDES, folder / OVERRIDES)

    def _set_codes(self, codes: int, codes_of_picture: int) -> None:
        """Name a token for each code: the base's own as far as they go, then new ones."""
        tokenizer = self._processor.tokenizer
        before: Mapping[str, int] = self._config.vocabulary_map
        names = [f"IMGIMG{str(code).translate(_LETTERS)}Z" for code in range(codes)]
        missing = [name for name in names if name not in before]
        known = tokenizer.get_vocab()
        tokenizer.add_tokens(
            [AddedToken(name, special=True) for name in missing if name not in known]
        )
        vocabulary = tokenizer.get_vocab() | dict(before)
        image = tokenizer.convert_tokens_to_ids(self._processor.image_token)
        self._config.vocabulary_map = {self._processor.image_token: image} | {
            name: vocabulary[name] for name in names
        }
        self._config.vocab_size = max(self._config.vocab_size, len(tokenizer))
        self._processor.image_seq_length = codes_of_picture

    def _set_frame(self, side: int) -> None:
        images = self._processor.image_processor
        images.size = {"shortest_edge": side}
        images.crop_size = {"height": side, "width": side}
        images.do_resize = images.do_center_crop = images.do_rescale = images.do_normalize = True
        images.rescale_factor = SCALE
        images.image_mean = images.image_std = [1.0, 1.0, 1.0]


def _contiguous(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors on the CPU, in the order of their axes, as files hold them."""
    return {
        name: value.detach().cpu().contiguous(memory_format=torch.contiguous_format).clone()
        for name, value in state.items()
    }
