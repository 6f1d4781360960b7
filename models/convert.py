"""Pickle checkpoints as safetensors, without running what the pickle asks for."""

import os
import pickle
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from safetensors.torch import save_file
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from schemas.errors import ModelError, UsageError

# Where trainers keep the weights, beside the optimizer and whatever else.
_WEIGHTS = ("state_dict", "model", "module", "model_state_dict")
# Beginnings of names that a model does not need once it is trained: of taming-transformers'
# checkpoints its losses, with the discriminator and the perceptual network, and averaged copies.
_TRAINING_ONLY = {
    "loss.": "weights of the training's loss",
    "discriminator.": "weights of a discriminator",
    "model_ema.": "averaged copies of the weights",
}
# A trainer leaves objects of these packages in its checkpoints. Their names stand for an object
# that does nothing; any other name is refused.
_TRAINERS = ("pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What became of a checkpoint.

    Attributes:
        path: of the safetensors file.
        count: tensors written.
        size: of the file, in bytes.
        dropped: how much of each kind of content was left out.

    """

    path: Path
    count: int
    size: int
    dropped: dict[str, int]


class _Nothing:
    """Stands for an object that is not made."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def convert_checkpoint(source: Path, target: Path) -> Converted:
    """Write the weights of a checkpoint of ``torch.save`` as safetensors.

    The pickle is read by torch's own restricted reader, which makes tensors and plain containers
    and calls nothing else.

    Args:
        source: the checkpoint (.pt, .pth, .ckpt, .bin).
        target: a file name that ends in ``.safetensors`` and is not taken. It appears whole or
            not at all.

    Raises:
        UsageError: a file name does not serve.
        ModelError: the file is no such checkpoint, asks for code to be run, or has no weights.

    """
    if target.suffix != ".safetensors":
        raise UsageError(f"The output must be a file name that ends in .safetensors, not {target}.")
    if target.exists():
        raise UsageError(f"{target} is there already. Name another file, or remove it.")
    if not source.is_file():
        raise UsageError(f"There is no file {source}.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}.")
    dropped: Counter[str] = Counter()
    tensors = _own_memory(_weights_of(source, _read(source), dropped))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, metadata={"format": "pt"})
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return Converted(
        path=target,
        count=len(tensors),
        size=target.stat().st_size,
        dropped=dict(dropped),
    )


def _read(source: Path) -> Any:
    try:
        asked_for = get_unsafe_globals_in_checkpoint(str(source))
        is_archive = True
    except (ValueError, RuntimeError, BadZipFile, pickle.UnpicklingError):
        # Before torch 1.6 a checkpoint was no archive: what it asks for shows when it is read.
        asked_for, is_archive = [], False
    refused = sorted(name for name in asked_for if not name.startswith(_TRAINERS))
    if refused:
        raise _asks_for_code(source, ", ".join(refused))
    try:
        with warnings.catch_warnings(), safe_globals([(_Nothing, name) for name in asked_for]):
            # Of pickle protocols: what it cannot read it refuses.
            warnings.simplefilter("ignore", UserWarning)
            # Archives are mapped, so that weights take no memory before they are written.
            return torch.load(source, map_location="cpu", weights_only=True, mmap=is_archive)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            name = str(error).partition("GLOBAL ")[2].split(" ")[0]
            raise _asks_for_code(source, name) from error
        raise _unreadable(source, error) from error
    except (RuntimeError, ValueError, EOFError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(source, error) from error


def _asks_for_code(source: Path, names: str) -> ModelError:
    return ModelError(
        f"{source} holds more than weights: it asks for {names}, which would run code. Where you "
        "trust it, load it with the program that wrote it and save the state_dict alone."
    )


def _unreadable(source: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(f"{source} is not a checkpoint of torch.save, or is damaged: {reason}")


def _weights_of(source: Path, content: Any, dropped: Counter[str]) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint; all else is counted as dropped."""
    if not isinstance(content, Mapping):
        raise ModelError(f"{source} holds no weights by name, but a {type(content).__name__}.")
    if not any(isinstance(value, torch.Tensor) for value in content.values()):
        found = next((name for name in _WEIGHTS if isinstance(content.get(name), Mapping)), None)
        if found is None:
            names = ", ".join(map(str, list(content)[:10])) or "nothing"
            raise ModelError(
                f"{source} holds no weights: neither tensors nor one of {', '.join(_WEIGHTS)}, but "
                f"{names}."
            )
        for name in content:
            if name != found:
                dropped[f"entry {_shown(name)}"] += 1
        content = content[found]
    tensors: dict[str, torch.Tensor] = {}
    for name, value in content.items():
        reason = next(
            (why for start, why in _TRAINING_ONLY.items() if str(name).startswith(start)), None
        )
        if not isinstance(value, torch.Tensor):
            dropped[f"entry {_shown(name)}"] += 1
        elif reason is not None:
            dropped[reason] += 1
        else:
            tensors[str(name)] = value
    if not tensors:
        raise ModelError(f"{source} holds no weights that a model needs.")
    return tensors


def _shown(name: object) -> str:
    return name.__name__ if isinstance(name, type) else str(name)


def _own_memory(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors, dense and none a part of another, which the format does not know."""
    taken: set[int] = set()
    own: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        dense = tensor.detach()
        dense = dense.to_dense() if dense.layout is not torch.strided else dense
        dense = dense.contiguous()
        memory = dense.untyped_storage().data_ptr()
        own[name] = dense.clone() if memory in taken else dense
        taken.add(memory)
    return own
