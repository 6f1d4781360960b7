"""What a model says of a picture: captions and answers."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A caption of one asset."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    uri: Annotated[str, "where the picture was read"]
    prompt: Annotated[str, "the prompt the model was given, before its chat template"]
    text: Annotated[str, "the caption"]
    mean_logprob: Annotated[float, "mean log-probability of the caption's tokens, in nats"]
    finish_reason: Annotated[str, "stop (the model ended the text) or length (the limit did)"]
    token_count: Annotated[int, "tokens generated, the end token included"]
    references: Annotated[tuple[str, ...], "texts the catalog holds for the asset"]
    neighbors: Annotated[
        tuple[str, ...], "ids of the retrieved assets shown to the model, the most alike first"
    ]
    sha256: Annotated[str, "digest of the picture's encoded bytes, 64 hexadecimal digits"]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer to one question about one asset."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    question_id: Annotated[str, "id of the question"]
    question: Annotated[str, "the question"]
    answers: Annotated[
        tuple[str, ...], "answers that count as right, where the questions file has them"
    ]
    uri: Annotated[str, "where the picture was read"]
    prompt: Annotated[str, "the prompt the model was given, before its chat template"]
    text: Annotated[str, "the model's answer"]
    mean_logprob: Annotated[float, "mean log-probability of the answer's tokens, in nats"]
    finish_reason: Annotated[str, "stop (the model ended the text) or length (the limit did)"]
    token_count: Annotated[int, "tokens generated, the end token included"]
    neighbors: Annotated[
        tuple[str, ...], "ids of the retrieved assets shown to the model, the most alike first"
    ]
    sha256: Annotated[str, "digest of the picture's encoded bytes, 64 hexadecimal digits"]
    model: Annotated[str, "the model's folder name or hub id"]
    revision: Annotated[str, "the revision of the model that was loaded"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
