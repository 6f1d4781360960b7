"""The flex templates: what is committed is what the command line has, by Dataflow's own rules."""

import dataclasses
import json
import re
from typing import Any, get_args

import pytest
from google.cloud import dataflow

from pipelines.assemble_config import AssembleConfig
from pipelines.catalog_config import CatalogConfig, ColumnOptions
from pipelines.config import (
    AnswerConfig,
    CaptionConfig,
    DuplicatesConfig,
    EmbedConfig,
    NeighborsConfig,
    ReconstructConfig,
    StructureConfig,
    TokenizeConfig,
)
from pipelines.evaluate_config import EvaluateConfig
from pipelines.filter_config import FilterConfig
from pipelines.image_config import EditConfig, GenerateConfig
from pipelines.index_config import IndexConfig
from pipelines.job_names import JOBS, JobName
from pipelines.template import FOLDER, metadata_path, template_metadata
from runners.dataflow.options import DataflowOptions

CONFIGS: dict[JobName, Any] = {
    "caption": CaptionConfig,
    "answer": AnswerConfig,
    "embed": EmbedConfig,
    "index": IndexConfig,
    "neighbors": NeighborsConfig,
    "duplicates": DuplicatesConfig,
    "tokenize": TokenizeConfig,
    "reconstruct": ReconstructConfig,
    "structure": StructureConfig,
    "filter": FilterConfig,
    "generate": GenerateConfig,
    "edit": EditConfig,
    "assemble": AssembleConfig,
    "evaluate": EvaluateConfig,
}
PLACES: dict[JobName, set[str]] = {
    "caption": {"catalog", "out"},
    "answer": {"catalog", "out"},
    "embed": {"catalog", "out"},
    "index": {"embeddings", "index"},
    "neighbors": {"queries", "index", "out"},
    "duplicates": {"catalog", "out"},
    "tokenize": {"catalog", "out"},
    "reconstruct": {"tokens", "out"},
    "structure": {"catalog", "out"},
    "filter": {"catalog", "out"},
    "generate": {"requests", "out"},
    "edit": {"catalog", "out"},
    "assemble": {"catalog", "out"},
    "evaluate": {"results", "out"},
}
# One makes the list that the other jobs take, tokenizers have no choice of number formats, a table
# of codes has names of its own, and a library is no model.
_PICTURES = ("fetch_", "max_picture_")
NOT_THERE: dict[JobName, set[str]] = {
    "duplicates": {"keep"},
    "tokenize": {"dtype"},
    "reconstruct": {"pictures", "dtype", "keep", "columns"},
    "structure": {"model", "revision", "trust_remote_code", "device", "dtype"},
    "assemble": {
        "device",
        "dtype",
        "batch_size",
        *(name for name in CatalogConfig.__dataclass_fields__ if name.startswith(_PICTURES)),
        "allow_private_addresses",
        "decode_helpers",
    },
}


def committed(job: JobName) -> Any:
    return json.loads(metadata_path(job).read_text(encoding="utf-8"))


def parameters(job: JobName) -> dict[str, Any]:
    return {parameter["name"]: parameter for parameter in committed(job)["parameters"]}


def taken(parameter: Any, value: str) -> bool:
    return all(re.search(form, value) for form in parameter.get("regexes", []))


@pytest.mark.parametrize("job", JOBS)
def test_what_is_committed_is_what_is_generated(job: JobName) -> None:
    assert committed(job) == template_metadata(job), "run: python -m pipelines.template"


@pytest.mark.parametrize("job", JOBS)
def test_the_services_own_schema_takes_it(job: JobName) -> None:
    # Refuses fields that it does not know, and choices that are none.
    text = metadata_path(job).read_text(encoding="utf-8")
    parsed = dataflow.TemplateMetadata.from_json(text, ignore_unknown_fields=False)
    for parameter in parsed.parameters:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", parameter.name)
        assert parameter.label
        assert parameter.help_text.endswith(".")


@pytest.mark.parametrize("job", JOBS)
def test_every_option_of_the_dataclasses_is_there_and_no_other(job: JobName) -> None:
    names = {field.name for field in dataclasses.fields(CONFIGS[job])}
    names -= NOT_THERE.get(job, set())
    if "columns" in names:
        names.remove("columns")
        names |= {f"columns_{field.name}" for field in dataclasses.fields(ColumnOptions)}
    names |= {field.name for field in dataclasses.fields(DataflowOptions)}
    # The launcher gives these of itself.
    names -= {"project", "region", "temp_location"}
    assert set(parameters(job)) == names | PLACES[job] | {"job"}


@pytest.mark.parametrize("job", JOBS)
def test_what_has_to_be_given(job: JobName) -> None:
    required = {name for name, found in parameters(job).items() if not found["isOptional"]}
    assert required == PLACES[job] | {"job", "dataflow_image"}


@pytest.mark.parametrize("job", JOBS)
def test_every_place_is_one_that_workers_reach(job: JobName) -> None:
    for name in PLACES[job]:
        found = parameters(job)[name]
        assert taken(found, "gs://bucket/folder")
        assert not taken(found, "folder/")
        assert "local" not in found["helpText"]


@pytest.mark.parametrize("job", JOBS)
def test_defaults_are_those_of_the_dataclasses(job: JobName) -> None:
    needed = {"answer": {"question": ("?",)}, "assemble": {"codes": ("?",)}}.get(job, {})
    config = CONFIGS[job](**needed)
    columns = getattr(config, "columns", ColumnOptions())
    for group in (config, columns, DataflowOptions()):
        for field in dataclasses.fields(group):
            name = f"columns_{field.name}" if group is columns else field.name
            found = parameters(job).get(name)
            default = getattr(group, field.name)
            if found is None or default in (None, "", (), ("?",)) or group is default:
                continue
            text = str(default).lower() if isinstance(default, bool) else str(default)
            assert found["defaultValue"] == text, name
            assert taken(found, text), name


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("batch_size", "32", "many"),
        ("temperature", "0.7", "warm"),
        ("only_failed", "true", "yes"),
        ("style", "long", "longer"),
        ("dtype", "bfloat16", "int8"),
        ("out", "gs://bucket/out", "/tmp/out"),
        ("catalog", "s3://bucket/*.parquet", "photos/"),
        ("job", "caption", "answer"),
    ],
)
def test_values_are_checked_before_a_launch(name: str, good: str, bad: str) -> None:
    parameter = parameters("caption")[name]
    assert taken(parameter, good)
    assert not taken(parameter, bad)


def test_choices_are_offered() -> None:
    dtype = parameters("caption")["dtype"]
    assert dtype["paramType"] == "ENUM"
    offered = [choice["value"] for choice in dtype["enumOptions"]]
    hint = CaptionConfig.__dataclass_fields__["style"].type
    assert offered == ["float32", "bfloat16", "float16"]
    assert [choice["value"] for choice in parameters("caption")["style"]["enumOptions"]] == list(
        get_args(get_args(hint)[0])
    )


def test_the_image_specification_is_dataflows() -> None:
    text = (FOLDER / "image-spec.json").read_text(encoding="utf-8")
    specification = dataflow.ContainerSpec.from_json(text, ignore_unknown_fields=False)
    assert specification.sdk_info.language == dataflow.SDKInfo.Language.PYTHON


def test_the_nightly_launch_fits_the_template() -> None:
    body = json.loads((FOLDER / "nightly.json").read_text(encoding="utf-8"))
    text = json.dumps(body)
    launch = dataflow.LaunchFlexTemplateRequest.from_json(text, ignore_unknown_fields=False)
    known = parameters("caption")
    given = dict(launch.launch_parameter.parameters)
    assert set(given) <= set(known)
    assert {name for name, found in known.items() if not found["isOptional"]} <= set(given)
    for name, value in given.items():
        assert taken(known[name], value), name
