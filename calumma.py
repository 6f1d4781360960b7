"""Calumma's public face: what a pipeline of your own may use. Nothing is defined here.

Names are imported when they are asked for, so that ``import calumma`` is quick.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.source import ModelSource, resolve_model
    from pipelines.config import AnswerConfig, CaptionConfig
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
    from storage.latest import latest_rows
    from transforms.describe_catalog import DescribeCatalog

_HOMES = {
    "Answer": "schemas.description",
    "AnswerConfig": "pipelines.config",
    "Asset": "schemas.asset",
    "CalummaError": "schemas.errors",
    "Caption": "schemas.description",
    "CaptionConfig": "pipelines.config",
    "CatalogError": "schemas.errors",
    "CountMismatchError": "schemas.errors",
    "Counts": "schemas.manifest",
    "DescribeCatalog": "transforms.describe_catalog",
    "Failure": "schemas.failure",
    "FailureKind": "schemas.failure",
    "Image": "schemas.asset",
    "ModelError": "schemas.errors",
    "ModelSource": "models.source",
    "OutputBusyError": "schemas.errors",
    "Question": "schemas.asset",
    "RowError": "schemas.errors",
    "RunError": "schemas.errors",
    "RunManifest": "schemas.manifest",
    "UsageError": "schemas.errors",
    "latest_rows": "storage.latest",
    "resolve_model": "models.source",
}

__all__ = [
    "Answer",
    "AnswerConfig",
    "Asset",
    "CalummaError",
    "Caption",
    "CaptionConfig",
    "CatalogError",
    "CountMismatchError",
    "Counts",
    "DescribeCatalog",
    "Failure",
    "FailureKind",
    "Image",
    "ModelError",
    "ModelSource",
    "OutputBusyError",
    "Question",
    "RowError",
    "RunError",
    "RunManifest",
    "UsageError",
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
