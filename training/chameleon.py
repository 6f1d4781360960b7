"""The model that is trained: from weights or none, whole or by adapters; and its folder."""

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoConfig, ChameleonForConditionalGeneration

from models.checkpoint import loading, quiet_library
from models.files import model_folder
from models.folder import CONFIG, read_json
from models.loading import load_model
from models.source import ModelSource
from models.vq_weights import load_weights, read_vq_tensors
from schemas.errors import ModelError, UsageError
from training.finished import RECEIPT

ADAPTER = "adapter"
_PART = "vqmodel"
# Of a checkpoint's files, those that are written anew, or that tell of other weights.
_NOT_COPIED = ("README.md", CONFIG, "generation_config.json", RECEIPT)
_WEIGHTS = "model"
_COPIED = (".json", ".jinja", ".txt", ".model", ".safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The size of a model that begins with random weights; None takes the checkpoint's."""

    width: int | None = None
    layers: int | None = None
    heads: int | None = None
    ff: int | None = None

    def changes(self) -> dict[str, int]:
        """By their names in a ``ChameleonConfig``."""
        named = {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "intermediate_size": self.ff,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Low-rank adapters (LoRA, arXiv 2106.09685).

    Attributes:
        rank: of their matrices; ``alpha``: they are scaled by this divided by the rank.
        targets: ends of the names of the linear layers that get one.

    """

    rank: int
    alpha: int
    targets: tuple[str, ...]


def check_trainable(source: ModelSource) -> None:
    """Refuse a model of another architecture.

    Raises:
        ModelError: such a model.

    """
    if source.model_type != "chameleon":
        raise ModelError(
            f"The model {source.name} is of type {source.model_type}; what can be trained is of "
            "type chameleon, such as calumma-tiny, Chameleon and Anole."
        )


def read_limits(source: ModelSource) -> tuple[int, int]:
    """Size of a checkpoint's vocabulary, and tokens that it reads at most; no weights are read."""
    config = read_json(model_folder(source, weights=False) / CONFIG)
    return int(config["vocab_size"]), int(config["max_position_embeddings"])


def load_for_training(source: ModelSource, dtype: Literal["float32", "bfloat16"]) -> Any:
    """Load a checkpoint's weights, on the CPU, to be trained but for the picture tokenizer's.

    Raises:
        ModelError: it cannot be loaded, or its weights do not fit its configuration.

    """
    check_trainable(source)
    return _frozen(load_model(source, device="cpu", dtype=dtype).model)


def random_model(source: ModelSource, shape: Shape, seed: int) -> Any:
    """A model of random weights, but for the picture tokenizer's, which are the checkpoint's.

    Raises:
        ModelError: the checkpoint's picture tokenizer cannot be loaded.
        UsageError: there is no model of this shape.

    """
    check_trainable(source)
    folder = model_folder(source, weights=True)
    with loading(source):
        config: Any = AutoConfig.from_pretrained(folder)
    for name, value in shape.changes().items():
        setattr(config, name, value)
    if config.hidden_size % (2 * config.num_attention_heads):
        raise UsageError(
            f"width ({config.hidden_size}) must be a multiple of twice the heads "
            f"({config.num_attention_heads})."
        )
    config.dtype = torch.float32
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = ChameleonForConditionalGeneration(config)
    load_weights(source, model.model.vqmodel, read_vq_tensors(source))
    return _frozen(model)


def _frozen(model: Any) -> Any:
    """The same, with all trained that writes and reads tokens."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(requires_grad=_PART not in name.split("."))
    return model


def add_adapters(model: Any, adapters: Adapters, source: ModelSource) -> Any:
    """Put adapters into a model; they alone are trained.

    Returns:
        A ``PeftModel``; the model itself, with the adapters within, is its ``get_base_model()``.

    Raises:
        UsageError: it has no layers of these names.

    """
    from peft import LoraConfig, get_peft_model

    linear = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and _PART not in name.split(".")
    }
    ends = {name.rpartition(".")[2] for name in linear}
    if unknown := sorted({*adapters.targets} - ends):
        raise UsageError(
            f"lora_targets: the model {source.name} has no linear layers named "
            f"{', '.join(unknown)}. It has {', '.join(sorted(ends))}."
        )
    targets = sorted(name for name in linear if name.rpartition(".")[2] in adapters.targets)
    config = LoraConfig(
        r=adapters.rank, lora_alpha=adapters.alpha, target_modules=targets, task_type="CAUSAL_LM"
    )
    with warnings.catch_warnings():
        # It asks the library whether the model checkpoints, by a name that will be removed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return get_peft_model(model, config)


def save_model(model: Any, source: ModelSource, folder: Path, *, merge: bool) -> None:
    """Write what was trained: a checkpoint that is loaded like the one it began with.

    Args:
        model: the trained model, or one with adapters. These are written into a folder of their
            own.
        folder: an empty folder.
        merge: of adapters, whether a checkpoint is written in which they are added to the weights.

    Raises:
        OSError, SafetensorError: it cannot be written, for example because the disk is full.

    """
    adapted = hasattr(model, "merge_and_unload")
    if adapted:
        model.save_pretrained(folder / ADAPTER, safe_serialization=True)
        # It says how to load an adapter with a model that is nobody's.
        (folder / ADAPTER / "README.md").unlink(missing_ok=True)
    if merge or not adapted:
        _save_whole(model.merge_and_unload() if adapted else model, source, folder)


def _save_whole(model: Any, source: ModelSource, folder: Path) -> None:
    origin = model_folder(source, weights=True)
    for path in origin.iterdir():
        weights = path.suffix == ".safetensors" or path.name.endswith(".safetensors.index.json")
        if path.name in _NOT_COPIED or not path.is_file():
            continue
        if not (weights and path.name.startswith(_WEIGHTS)) and path.suffix in _COPIED:
            shutil.copyfile(path, folder / path.name)
    dtype = getattr(torch, str(read_json(origin / CONFIG).get("dtype") or "float32"))
    with quiet_library():
        model.to(dtype).save_pretrained(folder)
