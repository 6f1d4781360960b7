"""What of a job's settings is part of its rows' keys."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from models.image_policy import PolicySettings
from schemas.arrow import SCHEMA_VERSION
from storage.keys import fingerprint
from transforms.documents.settings import AssembleSettings
from transforms.settings import (
    DescribeSettings,
    EmbedSettings,
    ExampleSettings,
    FilterSettings,
    GenerateSettings,
    NeighborSettings,
    ReconstructSettings,
    SignSettings,
    StructureSettings,
    TokenizeSettings,
    WorkSettings,
)


def drawing_fingerprint(work: GenerateSettings) -> bytes:
    """Hash what determines which pictures are drawn, whatever else becomes of them: 16 bytes."""
    return _hash(work, _drawing(work))


def job_fingerprint(work: WorkSettings) -> bytes:
    """Hash what determines a row's content apart from its asset and question: 16 bytes."""
    return _hash(work, _DETERMINING[type(work)](work))


def _hash(work: WorkSettings, determining: Mapping[str, object]) -> bytes:
    return fingerprint({**determining, "revision": work.source.revision, "schema": SCHEMA_VERSION})


def _of_neighbors(work: NeighborSettings) -> dict[str, object]:
    found = dataclasses.asdict(work)
    for name in ("index", "index_version", "source", "batch_size", "device", "dtype"):
        del found[name]
    return found


def _of_description(work: DescribeSettings) -> dict[str, object]:
    return {
        "asks": work.asks,
        "prompt": work.prompt,
        "decoding": dataclasses.asdict(work.decoding),
        **_examples(work.examples),
    }


def _examples(examples: ExampleSettings | None) -> dict[str, object]:
    if examples is None:
        return {}
    # Not its version: what an index takes in each night redoes nothing.
    return {
        "examples": {
            "index": examples.retrieve.index,
            "encoder": examples.retrieve.source.revision,
            "k": examples.retrieve.k,
            "prompt": examples.prompt,
        }
    }


def _drawing(work: GenerateSettings) -> dict[str, object]:
    """What is drawn. What each row asks, defaults among it, is part of the row's version."""
    return {"job": work.job, "choice": dataclasses.asdict(work.choice), **_examples(work.examples)}


def _of_drawing(work: GenerateSettings) -> dict[str, object]:
    found = {**_drawing(work), "format": work.format}
    if work.ranker is not None:
        found["ranker"] = work.ranker.revision
    if work.policy != PolicySettings():
        found["policy"] = dataclasses.asdict(work.policy)
    return found


def drawn_documents(work: AssembleSettings) -> bytes:
    """Hash what draws for documents depend on beside their row, as 16 bytes.

    Not on where codes and neighbours lie: moved, they give the same documents.
    """
    return fingerprint({"documents": dataclasses.asdict(work.documents), "seed": work.seed})


def _of_documents(work: AssembleSettings) -> dict[str, object]:
    # Not their commits: what others take in each night redoes nothing. Nor how many copies there
    # are: more of them are written beside those that are there.
    return {
        "documents": dataclasses.asdict(work.documents),
        "vocabulary": work.vocabulary_hash,
        "codes": [(one.name, one.uri) for one in work.codes],
        "neighbors": work.neighbors.uri if work.neighbors else "",
        "seed": work.seed,
        # They may be other ones for the same name, and decide what is retrieved.
        **({"drop": work.drop.digest} if work.drop else {}),
    }


_DETERMINING: Mapping[type, Callable[[Any], dict[str, object]]] = {
    DescribeSettings: _of_description,
    EmbedSettings: lambda work: {"of": work.of, "vectors": work.vectors},
    NeighborSettings: _of_neighbors,
    # What counts as near is asked of all signatures, also of those that are there.
    SignSettings: lambda _: {"signs": True},
    TokenizeSettings: lambda work: {
        "framing": dataclasses.asdict(work.framing),
        "smallest_crop": work.smallest_crop,
    },
    GenerateSettings: _of_drawing,
    ReconstructSettings: lambda _: {"reconstructs": True},
    FilterSettings: lambda work: {"rules": work.rules.settings()},
    AssembleSettings: _of_documents,
    StructureSettings: lambda work: {"feature": work.feature, "resolution": work.resolution},
}
