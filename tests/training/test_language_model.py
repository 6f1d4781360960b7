"""The loss on packed documents: by each document alone, and blind to all others."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.source import resolve_model
from models.vq_weights import read_vq_tensors
from schemas.errors import ModelError, UsageError
from storage.sequences import Sequence
from tests.training.packed import some_documents, write_documents
from training.chameleon import Adapters, Shape, add_adapters, random_model
from training.document_batches import collate
from training.document_sets import open_documents
from training.document_stream import DocumentStream, StreamSettings
from training.language_model import LanguageModelObjective
from training.objective import saved_tensors

SHAPE = Shape(width=32, layers=2, heads=2, ff=64)


@pytest.fixture(scope="module")
def model() -> Any:
    return random_model(resolve_model("calumma-tiny"), SHAPE, seed=1).eval()


def _sequence(*documents: list[int], weights: list[float] | None = None) -> Sequence:
    lengths = [len(one) for one in documents]
    tokens = np.array([token for one in documents for token in one], np.int32)
    given = np.ones(len(tokens)) if weights is None else np.array(weights)
    return Sequence(
        tokens=tokens,
        weights=given.astype(np.float32),
        starts=np.cumsum([0, *lengths])[:-1],
        stems=np.full(len(lengths), -1),
    )


def _logits(model: Any, *sequences: Sequence, across: bool = False) -> torch.Tensor:
    batch = collate(sequences, attend_across=across)
    everywhere = torch.arange(batch["tokens"].numel())
    with torch.no_grad():
        objective = LanguageModelObjective(model, attend_across=across)
        return objective.logits(batch, everywhere).view(*batch["tokens"].shape, -1)


def test_nothing_is_seen_of_another_document(model: Any) -> None:
    one = _sequence([1, 20, 30, 40], [1, 50, 60, 70, 80], [1, 90, 91])
    first = _sequence([5, 6, 7, 8], [1, 50, 60, 70, 80], [1, 90, 91])
    last = _sequence([1, 20, 30, 40], [1, 50, 60, 70, 80], [9, 9, 9])
    plain = _logits(model, one)
    # Bit for bit: a token that is masked adds exactly nothing.
    assert torch.equal(_logits(model, first)[0, 4:], plain[0, 4:])
    assert not torch.equal(_logits(model, first)[0, :4], plain[0, :4])
    assert torch.equal(_logits(model, last)[0, :9], plain[0, :9])
    within = _sequence([1, 20, 30, 40], [1, 50, 99, 70, 80], [1, 90, 91])
    changed = (_logits(model, within) != plain).any(-1)[0, :12].tolist()
    assert changed == [False] * 6 + [True] * 3 + [False] * 3
    # Nor are padding, or another sequence of the batch.
    torch.testing.assert_close(_logits(model, one, _sequence([7] * 30))[:1, :12], plain[:, :12])
    across = _logits(model, one, across=True)
    changed = (_logits(model, first, across=True) != across).any(-1)[0, :12].tolist()
    assert changed == [True] * 12


@pytest.mark.parametrize(("across", "image_weight"), [(False, 1.0), (True, 1.0), (False, 0.3)])
def test_the_loss_is_that_of_each_document_alone(
    model: Any, across: bool, image_weight: float
) -> None:
    random = np.random.default_rng(0)
    documents = [random.integers(5, 575, size).tolist() for size in (5, 9, 3, 7)]
    weights = random.choice([0.0, 0.1, 1.0], 24).tolist()
    batch = collate(
        [
            _sequence(*documents[:2], weights=weights[:14]),
            _sequence(*documents[2:], weights=weights[14:]),
        ],
        attend_across=across,
    )
    # By the library's own attention and positions, a document at a time, in plain loops.
    texts = [documents[0] + documents[1], documents[2] + documents[3]] if across else documents
    left = iter(weights)
    total = {"loss": 0.0, "loss_text": 0.0, "loss_image": 0.0}
    count = dict.fromkeys(total, 0.0)
    with torch.no_grad():
        for text in texts:
            hidden = model.model(input_ids=torch.tensor([text])).last_hidden_state[0]
            chances = model.lm_head(hidden).log_softmax(-1)
            for place, token in enumerate(text):
                weight = next(left)
                if place == 0:
                    continue
                kind = "loss_image" if 63 <= token < 575 else "loss_text"
                weight *= image_weight if kind == "loss_image" else 1
                for name in ("loss", kind):
                    total[name] -= weight * float(chances[place - 1, token])
                    count[name] += weight
        told = LanguageModelObjective(model, attend_across=across, image_weight=image_weight)(batch)
    for name, (summed, weight) in told.items():
        assert float(summed) == pytest.approx(total[name], rel=1e-5)
        assert float(weight) == pytest.approx(count[name], rel=1e-6)


def test_logits_are_made_only_where_something_is_predicted(model: Any) -> None:
    shapes: list[torch.Size] = []
    hook = model.lm_head.register_forward_hook(lambda _, __, logits: shapes.append(logits.shape))
    sequence = _sequence([1, 2, 3, 4], [5, 6, 7], weights=[1, 0, 1, 0, 1, 0, 0.1])
    LanguageModelObjective(model, attend_across=False)(collate([sequence], attend_across=False))
    hook.remove()
    assert shapes == [torch.Size([2, 575])]


def test_a_batch_without_anything_to_predict_costs_nothing(model: Any) -> None:
    sequence = _sequence([1, 2, 3], weights=[1, 0, 0])
    objective = LanguageModelObjective(model, attend_across=False)
    told = objective(collate([sequence], attend_across=False))
    assert told["loss"].tolist() == [0, 0]
    told["loss"][0].backward()
    objective.zero_grad()


def test_a_random_model_has_the_picture_tokenizer_of_its_checkpoint(model: Any) -> None:
    source = resolve_model("calumma-tiny")
    assert (model.config.hidden_size, model.config.num_hidden_layers) == (32, 2)
    for name, tensor in read_vq_tensors(source).items():
        assert torch.equal(model.model.vqmodel.state_dict()[name], tensor)
    again = random_model(source, SHAPE, seed=1)
    other = random_model(source, SHAPE, seed=2)
    assert torch.equal(again.lm_head.weight, model.lm_head.weight)
    assert not torch.equal(other.lm_head.weight, model.lm_head.weight)
    names = saved_tensors(LanguageModelObjective(model, attend_across=False))
    assert names
    assert not [name for name in names if "vqmodel" in name]
    with pytest.raises(UsageError, match=r"width \(30\) must be a multiple of twice the heads"):
        random_model(source, Shape(width=30, heads=2), seed=0)


def test_adapters_alone_are_trained_and_begin_as_nothing() -> None:
    source = resolve_model("calumma-tiny")
    plain = random_model(source, SHAPE, seed=1).eval()
    sequence = _sequence([1, 20, 30, 40])
    before = _logits(plain, sequence)
    adapted = add_adapters(plain, Adapters(rank=2, alpha=4, targets=("q_proj",)), source)
    objective = LanguageModelObjective(adapted.get_base_model(), attend_across=False)
    assert torch.equal(_logits(adapted.get_base_model().eval(), sequence), before)
    assert sorted(saved_tensors(objective)) == [
        f"model.model.layers.{layer}.self_attn.q_proj.lora_{part}.default.weight"
        for layer in range(2)
        for part in "AB"
    ]
    with pytest.raises(UsageError, match=r"no linear layers named w_proj\. It has down_proj, "):
        add_adapters(
            random_model(source, SHAPE, seed=1),
            Adapters(rank=1, alpha=1, targets=("w_proj",)),
            source,
        )


def test_another_architecture_is_refused() -> None:
    source = replace(resolve_model("calumma-tiny"), name="calumma-clip", model_type="clip")
    with pytest.raises(ModelError, match="calumma-clip is of type clip"):
        random_model(source, SHAPE, seed=0)


def test_documents_become_what_the_loss_takes(model: Any, tmp_path: Path) -> None:
    write_documents(tmp_path, [some_documents(20)])
    settings = StreamSettings(batch_size=4, seed=0, vocabulary=575, longest=512)
    stream = DocumentStream(open_documents([str(tmp_path)]), settings)
    (loaded,) = islice(stream.batches(None), 1)
    objective = LanguageModelObjective(model, attend_across=False)
    losses = objective(loaded.batch)["loss"].detach()
    # Weights that are random know as much as a guess among all tokens.
    assert float(losses[0] / losses[1]) == pytest.approx(np.log(575), abs=0.1)
