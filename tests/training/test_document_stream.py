"""Documents from files to batches: all of them, in an order that can be gone on with anywhere."""

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from schemas.document import Document
from schemas.errors import CatalogError, UsageError
from storage.documents import DocumentGroup, count_sequences, document_groups, find_documents
from storage.sequences import Sequences, read_sequences
from tests.training.packed import a_document, by_sequence, some_documents, write_documents
from training.document_batches import sees
from training.document_stream import DocumentSet, DocumentStream, StreamSettings
from training.objective import Batch

SETTINGS = StreamSettings(batch_size=4, seed=3, vocabulary=575, longest=48, buffer=40, workers=0)


def _set(out: Path, weight: float = 1.0) -> DocumentSet:
    return DocumentSet(groups=document_groups(find_documents(str(out))), weight=weight)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return some_documents(200)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, documents: list[Document]) -> Path:
    """Two runs; rows of a part are in no order, as a sequence's documents may lie scattered."""
    folder = tmp_path_factory.mktemp("documents") / "out"
    parts = by_sequence(documents, 9)
    random = np.random.default_rng(0)
    shuffled = [[part[at] for at in random.permutation(len(part))] for part in parts]
    write_documents(folder, shuffled[:3])
    write_documents(folder, shuffled[3:])
    return folder


def _rows(batch: Batch) -> list[tuple[int, ...]]:
    """Each sequence's tokens, without padding: no document of these tests holds a 0."""
    return [tuple(row[row > 0].tolist()) for row in batch["tokens"]]


def _take(stream: DocumentStream, count: int, position: object = None) -> list[tuple[int, ...]]:
    batches = stream.batches(position)  # type: ignore[arg-type]
    return [row for loaded in islice(batches, count) for row in _rows(loaded.batch)]


def _whole(documents: list[Document]) -> Counter[tuple[int, ...]]:
    """The sequences by a plain loop over the documents."""
    laid: dict[str, list[int]] = {}
    for one in sorted(documents, key=lambda one: one.sequence_start):
        laid.setdefault(one.sequence, []).extend(one.token_ids)
    return Counter(tuple(map(int, tokens)) for tokens in laid.values())


def test_every_epoch_has_each_sequence_once_in_an_order_of_its_own(
    out: Path, documents: list[Document]
) -> None:
    wanted = _whole(documents)
    total = sum(wanted.values())
    assert count_sequences(_set(out).groups) == total
    taken = _take(DocumentStream([_set(out)], replace(SETTINGS, batch_size=total)), 2)
    first, second = taken[:total], taken[total:]
    assert Counter(first) == Counter(second) == wanted
    assert first != second
    assert first == _take(DocumentStream([_set(out)], replace(SETTINGS, batch_size=total)), 1)
    other = replace(SETTINGS, batch_size=total, seed=4)
    assert first != _take(DocumentStream([_set(out)], other), 1)
    # Shuffled within chunks of several files, not file by file.
    files = {
        tokens: number
        for number, part in enumerate(by_sequence(documents, 9))
        for tokens in _whole(part)
    }
    changes = sum(files[a] != files[b] for a, b in pairwise(first))
    assert changes > 3 * len(set(files.values()))


def test_a_batch_is_what_its_documents_say(out: Path, documents: list[Document]) -> None:
    at = {tuple(map(int, one.token_ids)): one for one in documents}
    (loaded,) = islice(DocumentStream([_set(out)], SETTINGS).batches(None), 1)
    batch = loaded.batch
    assert batch["tokens"].shape[1] % 8 == 0
    expected: list[tuple[int, int, float]] = []
    size = 0
    for row in range(4):
        for number in batch["documents"][row].unique().tolist():
            held = batch["documents"][row] == number
            assert batch["positions"][row][held].tolist() == list(range(int(held.sum())))
            tokens = tuple(batch["tokens"][row][held].tolist())
            if not any(tokens):
                continue
            size += len(tokens)
            start = row * batch["tokens"].shape[1] + int(held.nonzero()[0])
            expected += [
                (start + place - 1, tokens[place], float(weight))
                for place, weight in enumerate(at[tokens].loss_weights)
                if weight > 0 and place > 0
            ]
    told = zip(
        batch["places"].tolist(), batch["targets"].tolist(), batch["weights"].tolist(), strict=True
    )
    assert sorted(told) == sorted(expected)
    assert loaded.things == size
    seen = sees(batch["documents"], batch["branches"])
    assert seen.shape == (4, 1, *[batch["tokens"].shape[1]] * 2)
    for row, query, key in np.random.default_rng(0).integers(0, [4, 40, 40], (200, 3)).tolist():
        same = batch["documents"][row, query] == batch["documents"][row, key]
        assert bool(seen[row, 0, query, key]) == (bool(same) and key <= query)


def test_where_documents_attend_across_a_sequence_is_one_text(out: Path) -> None:
    across = DocumentStream([_set(out)], replace(SETTINGS, attend_across=True))
    apart = DocumentStream([_set(out)], SETTINGS)
    (one,), (other,) = islice(across.batches(None), 1), islice(apart.batches(None), 1)
    sizes = (other.batch["tokens"] > 0).sum(1)
    for row, size in enumerate(sizes.tolist()):
        assert one.batch["positions"][row, :size].tolist() == list(range(size))
        assert one.batch["documents"][row, :size].unique().tolist() == [0]
    assert torch.equal(one.batch["tokens"], other.batch["tokens"])
    assert len(one.batch["places"]) > len(other.batch["places"])


def test_any_position_goes_on_with_the_very_next_sequence(out: Path) -> None:
    stream = DocumentStream([_set(out)], SETTINGS)
    loaded = list(islice(stream.batches(None), 40))
    assert len({tuple(one.position["places"][0][:1]) for one in loaded}) > 1
    for number in (0, 1, 7, 25, 38):
        (after,) = islice(stream.batches(loaded[number].position), 1)
        for name, value in loaded[number + 1].batch.items():
            assert torch.equal(after.batch[name], value)
        assert after.position == loaded[number + 1].position


def test_to_go_on_reads_the_chunk_that_is_there_and_no_other(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = DocumentStream([_set(out)], SETTINGS)
    position = list(islice(stream.batches(None), 25))[-1].position
    read: list[str] = []

    def noted(group: DocumentGroup, *, vocabulary: int, longest: int) -> Sequences:
        read.append(group.path)
        return read_sequences(group, vocabulary=vocabulary, longest=longest)

    monkeypatch.setattr("training.document_stream.read_sequences", noted)
    list(islice(stream.batches(position), 1))
    assert 0 < len(read) <= 4


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_order(out: Path, workers: int) -> None:
    stream = DocumentStream([_set(out)], replace(SETTINGS, workers=workers))
    assert _take(stream, 40) == _take(DocumentStream([_set(out)], SETTINGS), 40)


def test_processes_share_the_sequences_out(out: Path, documents: list[Document]) -> None:
    wanted = _whole(documents)
    streams = [
        DocumentStream([_set(out)], replace(SETTINGS, processes=3, process=process, batch_size=1))
        for process in range(3)
    ]
    shares = [list(islice(stream.batches(None), 40)) for stream in streams]
    # All are at the same place after the same step.
    assert [one.position for one in shares[0]] == [one.position for one in shares[2]]
    epochs = [
        [_rows(one.batch)[0] for one in share if one.position["places"][0][0] == 0]
        for share in shares
    ]
    together = Counter(tokens for share in epochs for tokens in share)
    assert {len(share) for share in epochs} == {len(epochs[0])}
    assert not together - wanted
    chunks = 7
    assert sum(wanted.values()) - sum(together.values()) <= 2 * chunks


def test_more_processes_than_sequences_are_refused(tmp_path: Path) -> None:
    write_documents(tmp_path, [some_documents(3)])
    settings = replace(SETTINGS, processes=8)
    with pytest.raises(UsageError, match="fewer sequences of documents than processes"):
        next(DocumentStream([_set(tmp_path)], settings).batches(None))


def test_sets_are_mixed_by_their_weights(out: Path, tmp_path: Path) -> None:
    few = some_documents(20, seed=9)
    write_documents(tmp_path, [few])
    stream = DocumentStream([_set(out, 3), _set(tmp_path, 1)], SETTINGS)
    loaded = list(islice(stream.batches(None), 20))
    rare = _whole(few)
    for one in loaded:
        assert sum(tokens in rare for tokens in _rows(one.batch)) == 1
    assert loaded[-1].position["taken"] == [60, 20]
    (after,) = islice(stream.batches(loaded[9].position), 1)
    assert torch.equal(after.batch["tokens"], loaded[10].batch["tokens"])
    # The small one began anew meanwhile.
    assert loaded[-1].position["places"][1][0] > 0


def test_the_held_out_ones_are_the_first_of_them(out: Path, documents: list[Document]) -> None:
    stream = DocumentStream([_set(out)], SETTINGS)
    total = sum(_whole(documents).values())
    every = [row for batch in stream.once(1000) for row in _rows(batch)]
    assert Counter(every) == _whole(documents)
    assert len(every) == total
    assert [row for batch in stream.once(10) for row in _rows(batch)] == every[:10]


def test_the_identity_is_of_what_is_read_and_in_which_order(out: Path, tmp_path: Path) -> None:
    one = DocumentStream([_set(out)], SETTINGS).identity
    assert one == DocumentStream([_set(out)], replace(SETTINGS, workers=3)).identity
    write_documents(tmp_path, [some_documents(20, seed=9)])
    others = {
        DocumentStream([_set(tmp_path)], SETTINGS).identity,
        DocumentStream([_set(out), _set(tmp_path)], SETTINGS).identity,
        DocumentStream([_set(out)], replace(SETTINGS, seed=4)).identity,
        DocumentStream([_set(out)], replace(SETTINGS, batch_size=5)).identity,
    }
    assert len({one, *others}) == 5


def test_what_cannot_be_trained_on_is_named(tmp_path: Path) -> None:
    good = [a_document(0, [5, 6, 7], "s", 0), a_document(1, [8, 9], "s", 3)]
    bad = {
        "does not lie behind the document before it": replace(good[1], sequence_start=2),
        "as many loss weights": replace(good[1], loss_weights=np.ones(1, np.float32)),
        "beyond the model's 575": a_document(1, [8, 575], "s", 3),
        "has 49 tokens, and the model reads 48": a_document(1, [8] * 49, "s", 3, context=100),
        "weight that is below 0": a_document(1, [8, 9], "s", 3, loss_weights=[1.0, -1.0]),
    }
    for number, (reason, document) in enumerate(bad.items()):
        folder = tmp_path / str(number)
        (path,) = write_documents(folder, [[good[0], document]])
        with pytest.raises(CatalogError, match=reason) as caught:
            next(DocumentStream([_set(folder)], SETTINGS).batches(None))
        assert str(path) in str(caught.value)
        assert document.key in str(caught.value)
    # What is left of a sequence whose first document was rejected as doubled.
    write_documents(tmp_path / "rest", [good[1:]])
    assert (8, 9) in _take(DocumentStream([_set(tmp_path / "rest")], SETTINGS), 1)


def test_an_output_without_documents_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"holds no documents\. Make some: calumma assemble"):
        find_documents(str(tmp_path / "nothing"))
    write_documents(tmp_path, [some_documents(5)], table="captions")
    with pytest.raises(CatalogError, match=r"holds no documents\. It holds captions\."):
        find_documents(str(tmp_path))


def test_a_file_that_is_gone_or_broken_is_named(tmp_path: Path) -> None:
    paths = write_documents(tmp_path, [some_documents(20), some_documents(20, seed=1)])
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    with pytest.raises(CatalogError, match=rf"{paths[1]} cannot be read: .* Copy it again"):
        _set(tmp_path)
    paths[1].unlink()
    with pytest.raises(CatalogError, match="is not whole: 1 files that were committed are gone"):
        find_documents(str(tmp_path))
