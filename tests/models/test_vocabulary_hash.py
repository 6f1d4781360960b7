"""What of a checkpoint its vocabulary's hash depends on."""

import json
from pathlib import Path

import pytest

from models.source import EMBEDDED_FOLDER, ModelSource
from models.vocabulary_hash import vocabulary_hash
from schemas.errors import ModelError
from tests.models.altered import edit_json


def _source(folder: Path) -> ModelSource:
    return ModelSource(name="m", location=str(folder), revision="r", model_type="chameleon")


def _described(folder: Path) -> Path:
    """What describes the embedded model, without its weights."""
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes((EMBEDDED_FOLDER / name).read_bytes())
    return folder


def test_only_what_gives_tokens_their_ids_counts(tmp_path: Path) -> None:
    same = _described(tmp_path / "same")
    edit_json(same / "config.json", hidden_size=8, initializer_range=0.5)
    tokenizer = json.loads((same / "tokenizer.json").read_text())
    backwards = dict(reversed(tokenizer["model"]["vocab"].items()))
    edit_json(same / "tokenizer.json", model=tokenizer["model"] | {"vocab": backwards})
    expected = vocabulary_hash(_source(EMBEDDED_FOLDER))
    assert vocabulary_hash(_source(same)) == expected
    assert expected.startswith("sha256:")
    assert len(expected) == 23

    other_codes = _described(tmp_path / "codes")
    codes = json.loads((other_codes / "config.json").read_text())["vocabulary_map"]
    edit_json(other_codes / "config.json", vocabulary_map=codes | {"IMGIMGAZ": 64, "IMGIMGBZ": 63})
    words = backwards | {"red": backwards["blue"], "blue": backwards["red"]}
    other_words = _described(tmp_path / "words")
    edit_json(other_words / "tokenizer.json", model=tokenizer["model"] | {"vocab": words})
    other_added = _described(tmp_path / "added")
    added = [{"id": 575, "content": "<more>"}]
    edit_json(other_added / "tokenizer.json", added_tokens=tokenizer["added_tokens"] + added)
    hashes = {
        vocabulary_hash(_source(folder)) for folder in (other_codes, other_words, other_added)
    }
    assert len(hashes | {expected}) == 4


def test_pieces_with_scores_are_a_vocabulary_too(tmp_path: Path) -> None:
    pieces = _described(tmp_path / "pieces")
    vocabulary = json.loads((pieces / "tokenizer.json").read_text())["model"]["vocab"]
    by_id = sorted(vocabulary, key=vocabulary.__getitem__)
    edit_json(pieces / "tokenizer.json", model={"vocab": [[piece, -1.0] for piece in by_id]})
    assert vocabulary_hash(_source(pieces)) == vocabulary_hash(_source(EMBEDDED_FOLDER))


def test_a_model_without_tokenizer_json_is_refused(tmp_path: Path) -> None:
    folder = _described(tmp_path / "without")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        vocabulary_hash(_source(folder))
