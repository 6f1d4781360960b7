"""From what became of a task to the row that says so."""

from collections.abc import Callable, Mapping

import numpy as np

from models.describing import Description
from models.embedding import Embedded
from models.image_tokens import ImageCodes
from schemas.description import Answer, Caption
from schemas.document import Document, WideDocument
from schemas.embedding import Embedding, HalfEmbedding
from schemas.errors import RowError
from schemas.failure import Failure, Stage
from schemas.generated_image import GeneratedImage
from schemas.image_tokens import ImageTokens
from schemas.neighbors import Neighbors
from schemas.reconstruction import Reconstruction
from schemas.signature import Signature
from schemas.structure import Structure
from schemas.verdict import Verdict
from storage.fetching.policy import resolve_uri
from transforms.documents.material import Written
from transforms.documents.rows import document_row
from transforms.documents.settings import AssembleSettings
from transforms.drawn import Drawn
from transforms.filtered import Filtered
from transforms.generated_row import generated_row
from transforms.image_rows import reconstruction_row, structure_row, tokens_row
from transforms.items import Outcome, Task
from transforms.reconstructed import Reconstructed
from transforms.retrieved import Retrieved
from transforms.settings import (
    DescribeSettings,
    EmbedSettings,
    FilterSettings,
    GenerateSettings,
    NeighborSettings,
    ReconstructSettings,
    SignSettings,
    StructureSettings,
    TokenizeSettings,
    WorkSettings,
)
from transforms.signed import Signed
from transforms.structured import Structured
from transforms.verdict_row import verdict_row

Row = (
    Caption
    | Answer
    | Embedding
    | HalfEmbedding
    | Neighbors
    | Signature
    | ImageTokens
    | Reconstruction
    | Structure
    | Verdict
    | GeneratedImage
    | Document
    | WideDocument
)
"""A row of one of the jobs' tables."""

_TABLES = {
    "caption": "captions",
    "answer": "answers",
    "embed": "embeddings",
    "neighbors": "neighbors",
    "duplicates": "signatures",
    "tokenize": "tokens",
    "reconstruct": "reconstructions",
    "structure": "structures",
    "filter": "verdicts",
    "generate": "generations",
    "edit": "generations",
    "assemble": "documents",
}
_STAGES = {
    "Describe": Stage.DESCRIBE,
    "Embed": Stage.EMBED,
    "Retrieve": Stage.RETRIEVE,
    "Sign": Stage.EMBED,
    "Tokenize": Stage.TOKENIZE,
    "Reconstruct": Stage.RECONSTRUCT,
    "Structure": Stage.STRUCTURE,
    "Filter": Stage.FILTER,
    "Generate": Stage.GENERATE,
    "Assemble": Stage.ASSEMBLE,
}


_JOBS: Mapping[type, tuple[str, type[Row]]] = {
    NeighborSettings: ("neighbors", Neighbors),
    SignSettings: ("duplicates", Signature),
    TokenizeSettings: ("tokenize", ImageTokens),
    ReconstructSettings: ("reconstruct", Reconstruction),
    StructureSettings: ("structure", Structure),
    FilterSettings: ("filter", Verdict),
    GenerateSettings: ("generate", GeneratedImage),
    AssembleSettings: ("assemble", Document),
}
"""Name and record of the jobs that have one record whatever their settings."""


def record_of(work: WorkSettings) -> type[Row]:
    """The class of a job's output rows."""
    if isinstance(work, EmbedSettings):
        return HalfEmbedding if work.vectors == "float16" else Embedding
    if isinstance(work, DescribeSettings):
        return Answer if work.asks else Caption
    if isinstance(work, AssembleSettings):
        return WideDocument if work.wide else Document
    return _JOBS[type(work)][1]


def job_of(work: WorkSettings) -> str:
    """The name of the job, as its command is called."""
    if isinstance(work, EmbedSettings):
        return "embed"
    if isinstance(work, DescribeSettings):
        return "answer" if work.asks else "caption"
    if isinstance(work, GenerateSettings):
        return work.job
    return _JOBS[type(work)][0]


def table_of(work: WorkSettings) -> str:
    """The table that a job's rows go to."""
    return _TABLES[job_of(work)]


def outcome_row(outcome: Outcome, work: WorkSettings, file: str) -> Row | Failure:
    """Make the one row that a task ends as.

    Args:
        file: the catalog's file: where a failed row that names no picture is to be looked for,
            and from whose folder relative uris start.

    """
    if isinstance(outcome.result, RowError):
        stage = _STAGES[work.step] if outcome.task.problem is None else outcome.task.stage
        return _failure(outcome.task, outcome.result, stage, file)
    if isinstance(outcome.result, Embedded):
        return _embedded(outcome.task, outcome.result, work, file)
    if isinstance(outcome.result, Signed):
        return _signed(outcome.task, outcome.result, work, file)
    if isinstance(outcome.result, Filtered):
        assert isinstance(work, FilterSettings)
        return verdict_row(outcome.task, outcome.result, work, file)
    if isinstance(outcome.result, ImageCodes):
        return tokens_row(outcome.task, outcome.result, work, file)
    return _MAKERS[type(outcome.result)](outcome.task, outcome.result, work)


def _failure(task: Task, problem: RowError, stage: Stage, file: str) -> Failure:
    return Failure(
        key=task.key,
        asset_id=task.asset.asset_id,
        question_id=_question_id(task),
        stage=stage.value,
        kind=problem.kind.value,
        message=problem.message,
        retryable=problem.kind.retryable,
        uri=task.asset.uri or file,
        attributes=task.asset.attributes,
    )


def _question_id(task: Task) -> str:
    """What tells apart the rows of one asset."""
    if task.tokens is not None:
        return str(task.tokens.crop_number)
    return task.question.question_id if task.question else ""


def _embedded(
    task: Task, result: Embedded, work: WorkSettings, file: str
) -> Embedding | HalfEmbedding:
    asset = task.asset
    record = record_of(work)
    assert issubclass(record, Embedding)
    return record(
        key=task.key,
        asset_id=asset.asset_id,
        # As it can be found from anywhere: those who look up neighbours know no catalog.
        uri=resolve_uri(asset.uri, file.rpartition("/")[0]) if asset.uri else "",
        text=asset.text,
        license=asset.license,
        source=asset.source,
        modality=result.modality,
        vector=result.vector.astype(np.float16) if record is HalfEmbedding else result.vector,
        text_cut=result.text_cut,
        sha256=task.image.sha256 if task.image else "",
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )


def _retrieved(task: Task, result: Retrieved, work: WorkSettings) -> Neighbors:
    asset = task.asset
    assert isinstance(work, NeighborSettings)
    return Neighbors(
        key=task.key,
        asset_id=asset.asset_id,
        uri=asset.uri,
        text=asset.text,
        query_modality=result.modality,
        neighbor_ids=result.ids,
        scores=result.scores,
        text_cut=result.text_cut,
        sha256=task.image.sha256 if task.image else "",
        index=work.index,
        index_version=work.index_version,
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )


def _signed(task: Task, result: Signed, work: WorkSettings, file: str) -> Signature:
    assert task.image is not None
    return Signature(
        key=task.key,
        asset_id=task.asset.asset_id,
        uri=resolve_uri(task.asset.uri, file.rpartition("/")[0]),
        width=task.image.width,
        height=task.image.height,
        encoded_bytes=task.image.encoded_bytes,
        sha256=task.image.sha256,
        pixels_sha256=result.pixels_sha256,
        signature=result.signature,
        vector=result.vector,
        model=work.source.name,
        revision=work.source.revision,
    )


def _described(task: Task, result: Description, work: WorkSettings) -> Caption | Answer:
    asset = task.asset
    assert task.image is not None
    if task.question is not None:
        return Answer(
            key=task.key,
            asset_id=asset.asset_id,
            question_id=task.question.question_id,
            question=task.question.question,
            answers=task.question.answers,
            uri=asset.uri,
            prompt=task.prompt,
            text=result.text,
            mean_logprob=result.mean_logprob,
            finish_reason=result.finish_reason,
            token_count=result.token_count,
            neighbors=tuple(reversed(result.examples)),
            sha256=task.image.sha256,
            model=work.source.name,
            revision=work.source.revision,
            attributes=asset.attributes,
        )
    return Caption(
        key=task.key,
        asset_id=asset.asset_id,
        uri=asset.uri,
        prompt=task.prompt,
        text=result.text,
        mean_logprob=result.mean_logprob,
        finish_reason=result.finish_reason,
        token_count=result.token_count,
        references=asset.references,
        neighbors=tuple(reversed(result.examples)),
        sha256=task.image.sha256,
        model=work.source.name,
        revision=work.source.revision,
        attributes=asset.attributes,
    )


_MAKERS: Mapping[type, Callable[..., Row]] = {
    Description: _described,
    Retrieved: _retrieved,
    Reconstructed: reconstruction_row,
    Structured: structure_row,
    Drawn: generated_row,
    Written: document_row,
}
"""What makes a row of each of the other kinds of results."""
