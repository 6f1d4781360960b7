"""Reading the weights of a checkpoint's VQ tokenizer, and no others: a 7B checkpoint has 14 GB."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open

from models.checkpoint import check_weights
from models.files import model_file, some_weights
from models.folder import read_json
from models.image_token_types import DECODER_FILE, no_decoder
from models.source import ModelSource
from schemas.errors import ModelError

# All families name the part so; what stands before it changed between versions of the library.
_PART = "vqmodel."
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"


def read_vq_tensors(
    source: ModelSource, *, without: tuple[str, ...] = ()
) -> dict[str, torch.Tensor]:
    """Read a checkpoint's VQ tensors, by their names inside that part.

    Args:
        without: beginnings of names that are not needed.

    Returns:
        Tensors on the CPU; those of floating point in float32.

    Raises:
        ModelError: the checkpoint has no such tensors.

    """
    shards = _shards(source)
    folder = some_weights(source, shards)
    tensors: dict[str, torch.Tensor] = {}
    for shard in shards:
        if not (folder / shard).is_file():
            raise ModelError(
                f"The model {source.name} lacks the file {shard}. Get the complete checkpoint."
            )
        tensors |= _read(folder / shard, _PART, without)
    if not tensors:
        raise ModelError(
            f"The model {source.name} has no weights of a VQ tokenizer (*.{_PART}*). Get the "
            "complete checkpoint."
        )
    return tensors


def read_decoder_tensors(source: ModelSource) -> dict[str, torch.Tensor]:
    """Read the decoder's weights that lie beside a checkpoint.

    Returns:
        Tensors on the CPU, in float32.

    Raises:
        ModelError: there is no such file.

    """
    path = some_weights(source, [DECODER_FILE]) / DECODER_FILE
    if not path.is_file():
        raise no_decoder(source.name)
    return _read(path, "", ("encoder.", "quant_conv.", "loss."))


def load_weights(
    source: ModelSource, module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Give a module, built without memory on the device ``meta``, its weights.

    Args:
        tensors: by the names of the module's state; there may be others.

    Raises:
        ModelError: one is missing or of another shape.

    """
    wanted = module.state_dict()
    info = {
        "missing_keys": [name for name in wanted if name not in tensors],
        "mismatched_keys": [
            (name, tensors[name].shape, value.shape)
            for name, value in wanted.items()
            if name in tensors and tensors[name].shape != value.shape
        ],
    }
    check_weights(source, info)
    module.load_state_dict({name: tensors[name] for name in wanted}, assign=True)
    module.eval().requires_grad_(requires_grad=False)


def digest_tensors(tensors: Mapping[str, torch.Tensor], more: Iterable[str]) -> str:
    """A digest of all values, shapes and names; ``sha256:`` and 16 hexadecimal digits.

    Args:
        tensors: on the CPU.
        more: what else it is to depend on.

    """
    digest = hashlib.sha256(json.dumps(list(more)).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().numpy().data)
    return f"sha256:{digest.hexdigest()[:16]}"


def _shards(source: ModelSource) -> list[str]:
    """The files that hold the part's weights."""
    index = model_file(source, _INDEX)
    if index is None:
        return [_SINGLE]
    files = read_json(index).get("weight_map", {})
    names = sorted({Path(files[name]).name for name in files if _PART in name})
    return names or [_SINGLE]


def _read(path: Path, part: str, without: tuple[str, ...]) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - the file is no mapping
            name = key.partition(part)[2] if part else key
            if (part and part not in key) or name.startswith(without):
                continue
            tensor = file.get_tensor(key)
            tensors[name] = tensor.float() if tensor.is_floating_point() else tensor
    return tensors
