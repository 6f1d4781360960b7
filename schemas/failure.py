"""The failure row: what went wrong with one input row, in a closed vocabulary."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class FailureKind(StrEnum):
    """Why a row failed. The vocabulary is closed: readers may switch on it."""

    INVALID_ROW = "invalid_row"
    MISSING_ID = "missing_id"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_ASSET = "unknown_asset"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    TIMEOUT = "timeout"
    STORAGE_ERROR = "storage_error"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    DECOMPRESSION_BOMB = "decompression_bomb"
    UNSUPPORTED_FORMAT = "unsupported_format"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    PROMPT_TOO_LONG = "prompt_too_long"
    MODEL_ERROR = "model_error"
    EMPTY_OUTPUT = "empty_output"
    POLICY = "policy"

    @property
    def retryable(self) -> bool:
        """Whether the next ordinary run tries the row again: true where the cause may pass."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        FailureKind.TIMEOUT,
        FailureKind.STORAGE_ERROR,
        FailureKind.OUT_OF_MEMORY,
        FailureKind.FORBIDDEN,
    }
)


class Stage(StrEnum):
    """Where in the job a row failed."""

    READ = "read"
    FETCH = "fetch"
    DECODE = "decode"
    DESCRIBE = "describe"
    EMBED = "embed"
    INDEX = "index"
    RETRIEVE = "retrieve"
    TOKENIZE = "tokenize"
    RECONSTRUCT = "reconstruct"
    STRUCTURE = "structure"
    GENERATE = "generate"
    FILTER = "filter"
    ASSEMBLE = "assemble"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One input row that gave no output."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog; empty where the row has none"]
    question_id: Annotated[str, "id of the question, number of the crop or sample; empty without"]
    stage: Annotated[
        str,
        "where the row failed: read, fetch, decode, describe, embed, index, retrieve, tokenize, "
        "reconstruct, structure, generate, filter or commit",
    ]
    kind: Annotated[str, "why the row failed, from a closed vocabulary (docs/errors.md)"]
    message: Annotated[str, "what happened and what to do about it"]
    retryable: Annotated[bool, "whether the next ordinary run tries the row again"]
    uri: Annotated[str, "where the picture was to be read"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
