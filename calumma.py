"""Calumma's public face: what a pipeline of your own may use. Nothing is defined here.

Names are imported when they are asked for, so that ``import calumma`` is quick.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.describing import DecodingSettings
    from models.source import ModelSource, resolve_model
    from pipelines.config import AnswerConfig, CaptionConfig
    from schemas.arrow import arrow_schema
    from schemas.asset import Asset, Image, Question
    from schemas.description import Answer, Caption
    from schemas.errors import (
        CalummaError,
        CatalogError,
        CountMismatchError,
        ModelError,
        OutputBusyError,
        RowError,
        RunError,
        UsageError,
    )
    from schemas.failure import Failure, FailureKind
    from schemas.manifest import Counts, RunManifest
    from storage.catalog.columns import ColumnNames
    from storage.decoding.limits import DecodeLimits
    from storage.fetching.policy import FetchPolicy
    from storage.latest import latest_rows
    from transforms.answer_questions import AnsweredQuestions, AnswerQuestions
    from transforms.caption_images import CaptionedImages, CaptionImages
    from transforms.catalog_job import CatalogJob
    from transforms.catalog_picture import CatalogPicture
    from transforms.read_catalog import ReadCatalog

_HOMES = {
    "Answer": "schemas.description",
    "AnswerConfig": "pipelines.config",
    "AnswerQuestions": "transforms.answer_questions",
    "AnsweredQuestions": "transforms.answer_questions",
    "Asset": "schemas.asset",
    "CalummaError": "schemas.errors",
    "Caption": "schemas.description",
    "CaptionConfig": "pipelines.config",
    "CaptionImages": "transforms.caption_images",
    "CaptionedImages": "transforms.caption_images",
    "CatalogError": "schemas.errors",
    "CatalogPicture": "transforms.catalog_picture",
    "ColumnNames": "storage.catalog.columns",
    "CountMismatchError": "schemas.errors",
    "Counts": "schemas.manifest",
    "DecodeLimits": "storage.decoding.limits",
    "DecodingSettings": "models.describing",
    "CatalogJob": "transforms.catalog_job",
    "Failure": "schemas.failure",
    "FailureKind": "schemas.failure",
    "FetchPolicy": "storage.fetching.policy",
    "Image": "schemas.asset",
    "ModelError": "schemas.errors",
    "ModelSource": "models.source",
    "OutputBusyError": "schemas.errors",
    "Question": "schemas.asset",
    "ReadCatalog": "transforms.read_catalog",
    "RowError": "schemas.errors",
    "RunError": "schemas.errors",
    "RunManifest": "schemas.manifest",
    "UsageError": "schemas.errors",
    "arrow_schema": "schemas.arrow",
    "latest_rows": "storage.latest",
    "resolve_model": "models.source",
}

__all__ = [
    "Answer",
    "AnswerConfig",
    "AnswerQuestions",
    "AnsweredQuestions",
    "Asset",
    "CalummaError",
    "Caption",
    "CaptionConfig",
    "CaptionImages",
    "CaptionedImages",
    "CatalogError",
    "CatalogJob",
    "CatalogPicture",
    "ColumnNames",
    "CountMismatchError",
    "Counts",
    "DecodeLimits",
    "DecodingSettings",
    "Failure",
    "FailureKind",
    "FetchPolicy",
    "Image",
    "ModelError",
    "ModelSource",
    "OutputBusyError",
    "Question",
    "ReadCatalog",
    "RowError",
    "RunError",
    "RunManifest",
    "UsageError",
    "arrow_schema",
    "latest_rows",
    "resolve_model",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'calumma' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except (ImportError, AttributeError) as error:
        package = _HOMES[name].partition(".")[0]
        found = getattr(importlib.import_module(package), "__file__", None)
        raise ImportError(
            f"calumma's package {package!r} is hidden by another of that name at {found}. "
            "Rename yours, or run from another directory."
        ) from error
