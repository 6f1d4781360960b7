"""The documents that a configuration names: found, and checked against the model."""

from collections.abc import Sequence

import pyarrow.compute as pc

from schemas.errors import CatalogError
from storage.documents import DocumentGroup, document_groups, find_documents, read_group
from training.document_stream import DocumentSet


def open_documents(uris: Sequence[str], mixing: Sequence[float] = ()) -> list[DocumentSet]:
    """Find the documents of some outputs; the files' ends are read.

    Args:
        uris: the outputs.
        mixing: how often a sequence is taken from each; without, all are one set.

    Raises:
        CatalogError: one of them holds none, or is not whole.

    """
    found = []
    for uri in uris:
        groups = [one for one in document_groups(find_documents(uri)) if one.rows]
        if not groups:
            raise CatalogError(f"{uri} holds no documents: its table is empty.")
        found.append(groups)
    if not mixing:
        return [DocumentSet(groups=[group for groups in found for group in groups])]
    return [
        DocumentSet(groups=groups, weight=weight)
        for groups, weight in zip(found, mixing, strict=True)
    ]


def check_documents(
    sets: Sequence[DocumentSet],
    *,
    model: str,
    vocabulary_hash: str,
    tokenizer_hash: str,
    longest: int,
    attend_across: bool,
) -> None:
    """Check that documents can train a model, by what is told by the first of each run.

    Args:
        longest: tokens that the model reads at most.
        attend_across: whether it reads a whole sequence as one text.

    Raises:
        CatalogError: they are of another vocabulary or picture tokenizer, too long for it, or have
            nothing to learn.

    """
    for one in sets:
        for group in one.groups:
            if others := group.tokenizers - {tokenizer_hash}:
                raise CatalogError(
                    f"The pictures of {group.uri} are codes of another tokenizer "
                    f"({min(others)}) than that of the model {model} ({tokenizer_hash}), to which "
                    f"they would mean nothing. Make them again: calumma tokenize and assemble with "
                    f"--model {model}."
                )
            if group.longest > longest:
                raise CatalogError(
                    f"{group.uri} has a document of {group.longest} tokens, and the model {model} "
                    f"reads {longest} at most. Make the documents again with --context {longest}."
                )
        for group in _first_of_each_run(one.groups):
            table = read_group(group, ["vocabulary_hash", "model", "context"]).slice(0, 1)
            if (found := table["vocabulary_hash"][0].as_py()) != vocabulary_hash:
                raise CatalogError(
                    f"The documents of {group.uri} are written in the vocabulary of "
                    f"{table['model'][0].as_py()} ({found}), and the model {model} has another "
                    f"({vocabulary_hash}). Make them again: calumma assemble with --model {model}."
                )
            context = table["context"][0].as_py()
            if attend_across and context > longest:
                raise CatalogError(
                    f"The sequences of {group.uri} have up to {context} tokens, with attend_across "
                    f"each is read as one text, and the model {model} reads {longest} at most. "
                    f"Make the documents again with --context {longest}, or leave attend_across "
                    "out."
                )
        # The first row group answers, unless something is wrong.
        if not any(map(_teaches, one.groups)):
            raise CatalogError(
                f"There is nothing to learn from the documents of {one.groups[0].uri} and the "
                "other files: all loss weights are 0."
            )


def _first_of_each_run(groups: Sequence[DocumentGroup]) -> list[DocumentGroup]:
    first: dict[str, DocumentGroup] = {}
    for group in groups:
        first.setdefault(group.uri.rpartition("/")[0], group)
    return list(first.values())


def _teaches(group: DocumentGroup) -> bool:
    weights = pc.list_flatten(read_group(group, ["loss_weights"]).column(0))
    return bool(pc.max(weights).as_py() or 0)
