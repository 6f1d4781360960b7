"""What of a job's settings is part of its rows' keys."""

import dataclasses

from models.image_policy import PolicySettings
from schemas.arrow import SCHEMA_VERSION
from storage.keys import fingerprint
from transforms.settings import (
    EmbedSettings,
    ExampleSettings,
    GenerateSettings,
    NeighborSettings,
    SignSettings,
    TokenizeSettings,
    WorkSettings,
)


def drawing_fingerprint(work: GenerateSettings) -> bytes:
    """Hash what determines which pictures are drawn, whatever else becomes of them: 16 bytes."""
    return fingerprint(_drawing(work))


def job_fingerprint(work: WorkSettings) -> bytes:
    """Hash what determines a row's content apart from its asset and question: 16 bytes."""
    if isinstance(work, EmbedSettings):
        return fingerprint(
            {
                "of": work.of,
                "vectors": work.vectors,
                "revision": work.source.revision,
                "schema": SCHEMA_VERSION,
            }
        )
    if isinstance(work, NeighborSettings):
        found = dataclasses.asdict(work)
        for name in ("index", "index_version", "source", "batch_size", "device", "dtype"):
            del found[name]
        return fingerprint({**found, "revision": work.source.revision, "schema": SCHEMA_VERSION})
    if isinstance(work, SignSettings):
        # What counts as near is asked of all signatures, also of those that are there.
        return fingerprint(
            {"signs": True, "revision": work.source.revision, "schema": SCHEMA_VERSION}
        )
    if isinstance(work, TokenizeSettings):
        return fingerprint(
            {
                "framing": dataclasses.asdict(work.framing),
                "smallest_crop": work.smallest_crop,
                "revision": work.source.revision,
                "schema": SCHEMA_VERSION,
            }
        )
    if isinstance(work, GenerateSettings):
        asked = {**_drawing(work), "format": work.format}
        if work.ranker is not None:
            asked["ranker"] = work.ranker.revision
        if work.policy != PolicySettings():
            asked["policy"] = dataclasses.asdict(work.policy)
        return fingerprint(asked)
    asked = {
        "asks": work.asks,
        "revision": work.source.revision,
        "prompt": work.prompt,
        "decoding": dataclasses.asdict(work.decoding),
        "schema": SCHEMA_VERSION,
    }
    return fingerprint({**asked, **_examples(work.examples)})


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
    """What each row asks, defaults among it, is part of the row's version."""
    return {
        "job": work.job,
        "choice": dataclasses.asdict(work.choice),
        "revision": work.source.revision,
        "schema": SCHEMA_VERSION,
        **_examples(work.examples),
    }
