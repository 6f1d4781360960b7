"""A short hash of what gives a model's tokens their ids. Imports no torch."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from models.files import model_folder
from models.folder import CONFIG, read_json
from models.source import ModelSource
from schemas.errors import ModelError

TOKENIZER = "tokenizer.json"


def vocabulary_hash(source: ModelSource) -> str:
    """Hash the ids of a model's tokens: those of words and those of pictures' codes.

    Weights are not needed. Two checkpoints of one vocabulary have the same hash, whatever else
    tells them apart: documents made for one can train the other.

    Returns:
        ``sha256:`` and 16 hexadecimal digits.

    Raises:
        ModelError: the model cannot be fetched, or has no tokenizer.json.

    """
    folder = model_folder(source, weights=False)
    if not (folder / TOKENIZER).is_file():
        raise ModelError(
            f"The model {source.name} has no {TOKENIZER}, so its tokens' ids are unknown. Save its "
            "processor again with processor.save_pretrained(folder)."
        )
    tokenizer = read_json(folder / TOKENIZER)
    added = {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or ()}
    ids = _ids(tokenizer["model"]["vocab"]) | added
    codes = read_json(folder / CONFIG).get("vocabulary_map") or {}
    content = json.dumps([ids, codes], sort_keys=True, ensure_ascii=False)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _ids(vocabulary: Any) -> dict[str, int]:
    """The ids of a tokenizer's pieces: an object, or a list of pieces with their scores."""
    if isinstance(vocabulary, Mapping):
        return dict(vocabulary)
    return {piece: number for number, (piece, _) in enumerate(vocabulary)}
