"""Documents that begin with the same picture, which is read once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.source import resolve_model
from pipelines.cli import run
from storage.documents import document_groups, find_documents
from storage.sequences import Sequence, read_sequences
from storage.shared_beginnings import share_beginnings
from storage.store.local import LocalStore
from tests.end_to_end.conftest import write_parquet
from tests.storage.committed_rows import commit_rows, image_tokens
from training.chameleon import Shape, random_model
from training.document_batches import collate
from training.language_model import LanguageModelObjective

_QUESTIONS = ("what color is the shape?", "is there a red shape?", "what is the shape?")
_TEMPLATE = """
task = "question"
[[layouts]]
weight = 0.75
text = "{image:image_id}{question}<sep>{answer}"
mask = "none"
[[layouts]]
weight = 0.25
text = "{question}<sep>{image:image_id}"
mask = "none"
"""


@pytest.fixture(scope="module")
def model() -> Any:
    shape = Shape(width=32, layers=2, heads=2, ff=64)
    return random_model(resolve_model("calumma-tiny"), shape, seed=1).eval()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    pictures = [
        image_tokens(f"p{number}", random.integers(0, 512, 64).tolist(), height=8, width=8)
        for number in range(4)
    ]
    commit_rows(LocalStore(tmp_path / "tokens"), pictures)
    rows = [(number % 4, text) for number in range(32) for text in _QUESTIONS]
    catalog = write_parquet(
        tmp_path / "questions.parquet",
        {
            "id": [f"q{number}" for number in range(len(rows))],
            "image_id": [f"p{number}" for number, _ in rows],
            "question": [text for _, text in rows],
            "answer": ["red" if number % 3 else "yes" for number in range(len(rows))],
        },
    )
    (tmp_path / "question.toml").write_text(_TEMPLATE)
    command = ["assemble", str(catalog), str(tmp_path / "out"), "--codes", str(tmp_path / "tokens")]
    assert run([*command, "--template", str(tmp_path / "question.toml"), "--json"]) == 0
    return tmp_path / "out"


def _sequences(out: Path) -> tuple[list[Sequence], list[Sequence]]:
    """A group's sequences as they were packed, and with shared beginnings."""
    (group,) = document_groups(find_documents(str(out)))
    read = read_sequences(group, vocabulary=575, longest=512)
    return [read[number] for number in range(len(read))], share_beginnings(read)


def _gradient(model: Any, sequences: list[Sequence]) -> tuple[torch.Tensor, torch.Tensor]:
    objective = LanguageModelObjective(model, attend_across=False)
    model.zero_grad()
    loss = objective(collate(sequences, attend_across=False))["loss"]
    loss[0].backward()
    gradients = [one.grad.flatten() for one in model.parameters() if one.grad is not None]
    return loss.detach(), torch.cat(gradients)


def test_what_is_learnt_is_the_same_and_fewer_tokens_are_read(documents: Path, model: Any) -> None:
    packed, shared = _sequences(documents)
    assert sum(map(len, shared)) < 0.5 * sum(map(len, packed))
    assert max(map(len, shared)) <= 512
    loss, gradient = _gradient(model, packed)
    same_loss, same_gradient = _gradient(model, shared)
    torch.testing.assert_close(same_loss, loss)
    torch.testing.assert_close(same_gradient, gradient, rtol=1e-4, atol=1e-4)


def test_a_document_sees_the_beginning_and_itself_alone(documents: Path, model: Any) -> None:
    _, shared = _sequences(documents)
    sequence = max(shared, key=lambda one: int((one.stems >= 0).sum()))
    batch = collate([sequence], attend_across=False)
    objective = LanguageModelObjective(model, attend_across=False)
    everywhere = torch.arange(batch["tokens"].numel())
    with torch.no_grad():
        logits = objective.logits(batch, everywhere)
        number = int(np.flatnonzero(sequence.stems >= 0)[1])
        stem = int(sequence.stems[number])
        start, end = sequence.starts[number], [*sequence.starts[1:], len(sequence)][number]
        beginning = sequence.tokens[sequence.starts[stem] : sequence.starts[stem + 1]]
        alone = np.append(beginning, sequence.tokens[start:end])
        hidden = model.model(input_ids=torch.tensor(alone[None].astype(np.int64)))
        expected = model.lm_head(hidden.last_hidden_state[0])[len(beginning) :]
    torch.testing.assert_close(logits[start:end], expected, rtol=1e-4, atol=1e-4)
