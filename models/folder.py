"""A model in a folder: whether it is one, and a short digest of its content."""

import hashlib
import json
from pathlib import Path
from typing import Any

from schemas.errors import ModelError

CONFIG = "config.json"
PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")

_MIB = 1 << 20
_SAMPLED_BLOCKS = 16
# Configuration, tokenizers, chat templates, and the code of models that bring their own.
_READ_IN_FULL = (".json", ".txt", ".model", ".jinja", ".py", ".tiktoken")
# Changes what is asked, not the model: the prompt is part of a row's key by itself.
_NOT_THE_MODEL = ("calumma.json",)


def read_model_type(folder: Path) -> str:
    """Check that a folder holds a model that can be loaded, and read its architecture.

    Returns:
        ``model_type`` of its config.json.

    Raises:
        ModelError: it has no configuration, no safetensors weights or no processor.

    """
    names = [path.name for path in folder.iterdir()]
    check_is_no_adapter(str(folder), names)
    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"The folder {folder} is not a model: it has no {CONFIG}. Name a folder that was "
            "written by save_pretrained, or a model of the Hugging Face hub."
        )
    check_files(str(folder), names)
    return model_type_of(folder / CONFIG)


def check_is_no_adapter(model: str, names: list[str]) -> None:
    """Refuse the weights of an adapter, which are loaded on top of another model's.

    Raises:
        ModelError: there is an adapter's configuration.

    """
    if "adapter_config.json" in names:
        raise ModelError(
            f"The model {model} holds an adapter (adapter_config.json), which changes another "
            "model's weights. Merge the adapter into that model first (PEFT: "
            "model.merge_and_unload()), and save the result with its processor."
        )


def check_files(model: str, names: list[str]) -> None:
    """Check that a model has what describing pictures needs.

    Raises:
        ModelError: no safetensors weights, or no processor.

    """
    if not any(name.endswith(".safetensors") for name in names):
        pickled = any(name.endswith((".bin", ".pt", ".pth", ".ckpt")) for name in names)
        reason = (
            "its weights are pickle files, which can run code when they are read"
            if pickled
            else "it has no weights"
        )
        raise ModelError(
            f"The model {model} has no *.safetensors file: {reason}. Save it again with "
            "model.save_pretrained(folder), which writes safetensors."
        )
    if not any(name in PROCESSOR_FILES for name in names):
        raise ModelError(
            f"The model {model} has no processor ({' or '.join(PROCESSOR_FILES)}), so it takes no "
            "pictures or is incomplete. Save its processor with processor.save_pretrained(folder)."
        )


def model_type_of(config: Path) -> str:
    """Read ``model_type`` from a config.json.

    Raises:
        ModelError: it is not there.

    """
    model_type = read_json(config).get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise ModelError(
            f"{config} names no model_type, so its architecture is unknown. Add it, or save the "
            "model again with save_pretrained."
        )
    return model_type


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ModelError: the file holds something else.

    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} must hold a JSON object.")
    return value


def content_digest(folder: Path) -> str:
    """Digest what determines a model's output, without reading all of its weights.

    Configuration, tokenizer and processor files are read in full. Of each safetensors file the
    size, the first MiB (which holds the header: every tensor's name, type, shape and place), the
    last MiB and 16 evenly spaced blocks of a MiB are. That tells two trainings apart, for an
    optimiser step moves nearly all weights, and costs milliseconds where reading 14 GB would
    delay each run by minutes. It is no protection against somebody who edits single weights on
    purpose.

    Returns:
        ``sha256:`` and 16 hexadecimal digits.

    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name in _NOT_THE_MODEL:
            continue
        if path.suffix in _READ_IN_FULL:
            _add_record(digest, path.name, path.read_bytes())
        elif path.suffix == ".safetensors":
            _add_record(digest, path.name, _sample(path))
    return f"sha256:{digest.hexdigest()[:16]}"


def _add_record(digest: "hashlib._Hash", name: str, content: bytes) -> None:
    # Each piece by its own digest, so that no two different folders make the same stream.
    digest.update(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest())
    digest.update(hashlib.sha256(content).digest())


def _sample(path: Path) -> bytes:
    size = path.stat().st_size
    last = max(size - _MIB, 0)
    starts = {
        0,
        last,
        *(last * number // (_SAMPLED_BLOCKS + 1) for number in range(1, _SAMPLED_BLOCKS + 1)),
    }
    with path.open("rb") as file:
        blocks = [size.to_bytes(8, "big")]
        for start in sorted(starts):
            file.seek(start)
            blocks.append(file.read(_MIB))
    return b"".join(blocks)
