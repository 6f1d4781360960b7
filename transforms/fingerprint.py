"""What of a job's settings is part of its rows' keys."""

import dataclasses

from schemas.arrow import SCHEMA_VERSION
from storage.keys import fingerprint
from transforms.settings import DescribeSettings


def job_fingerprint(describe: DescribeSettings) -> bytes:
    """Hash what determines a row's content apart from its asset and question: 16 bytes."""
    return fingerprint(
        {
            "asks": describe.asks,
            "revision": describe.source.revision,
            "prompt": describe.prompt,
            "decoding": dataclasses.asdict(describe.decoding),
            "schema": SCHEMA_VERSION,
        }
    )
