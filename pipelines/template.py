"""The metadata of the flex templates, made from the command line's own options."""

import dataclasses
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pipelines.cli import app
from pipelines.job_names import JOBS, JobName
from pipelines.where import WhereConfig
from runners.dataflow.options import DataflowOptions

FOLDER = Path(__file__).parent.parent / "runners" / "dataflow"
"""Where the metadata is kept."""

FROM_LAUNCHER = ("project", "region", "temp_location")
"""Options of ours that Dataflow's launcher gives by itself."""

_NOT_THERE = ("runner", "beam_option", "config", "dry_run", "json", *FROM_LAUNCHER)
_KINDS: Mapping[object, str] = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER"}
_FORMS: Mapping[object, str] = {
    bool: "^(true|false)$",
    int: "^[0-9]+$",
    float: r"^[0-9]+(\.[0-9]+)?$",
}
# What is on the launcher's own disk, no worker sees.
_SHARED = "^[a-z][a-z0-9]*://.+$"
_FOLDERS = (
    "catalog",
    "queries",
    "requests",
    "embeddings",
    "index",
    "tokens",
    "results",
    "out",
    "images",
    "webdataset",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateParameter:
    """One option of a job, as a parameter of its template.

    Attributes:
        name: of the parameter: the flag's, with underscores.
        flag: on the command line.
        type: of one value, without ``None``.
        many: whether the flag may be given several times; the parameter then has lines.
        default: what stands for nothing given; None where there is no such text.

    """

    name: str
    flag: str
    type: Any
    many: bool
    required: bool
    default: str | None
    help: str
    group: str

    def metadata(self) -> dict[str, object]:
        """The parameter as Dataflow's ``ParameterMetadata``."""
        found: dict[str, object] = {
            "name": self.name,
            "label": self.name.replace("_", " ").capitalize(),
            "helpText": self.help,
            "groupName": self.group,
            "isOptional": not self.required,
            "paramType": _KINDS.get(self.type, "TEXT"),
        }
        if self.type in _FORMS:
            found["regexes"] = [_FORMS[self.type]]
        if get_origin(self.type) is Literal:
            choices = get_args(self.type)
            found["paramType"] = "ENUM"
            found["regexes"] = [f"^({'|'.join(choices)})$"]
            found["enumOptions"] = [{"value": choice, "label": choice} for choice in choices]
        if self.name in _FOLDERS:
            found["regexes"] = [_SHARED]
        if self.default is not None:
            found["defaultValue"] = self.default
        return found


@cache
def parameters_of(job: JobName) -> Mapping[str, TemplateParameter]:
    """The parameters of a job's template by name: each option of the job and of Dataflow."""
    left_out = {*_NOT_THERE, *_other_runners_options()}
    found = {}
    for argument in app[job].assemble_argument_collection(parse_docstring=True):
        flag = argument.names[0]
        name = flag.removeprefix("--").replace("-", "_").replace(".", "_")
        if argument.children or name in left_out or argument.parameter.parse is False:
            continue
        one, many = _value_type(argument.hint)
        text = (
            str(argument.parameter.help).strip().replace(": local, s3://, gs://", ": gs://, s3://")
        )
        assert argument.field_info is not None
        groups: Any = argument.parameter.group
        found[name] = TemplateParameter(
            name=name,
            flag=flag,
            type=one,
            many=many,
            required=argument.required or name == "dataflow_image",
            default=_default(argument.field_info.default),
            help=f"{text.rstrip('.')}, one a line." if many else text,
            group=groups[0].name,
        )
    return found


def template_metadata(job: JobName) -> dict[str, object]:
    """A template's metadata: Dataflow's ``TemplateMetadata``."""
    return {
        "name": f"Calumma: {job}",
        "description": str(app[job].help).strip().splitlines()[0],
        "streaming": False,
        "parameters": [
            {
                "name": "job",
                "label": "Job",
                "helpText": f"Always {job}: one image holds the programs of all templates.",
                "groupName": "Parameters",
                "isOptional": False,
                "paramType": "TEXT",
                "regexes": [f"^{job}$"],
                "defaultValue": job,
            },
            *(parameter.metadata() for parameter in parameters_of(job).values()),
        ],
    }


def metadata_path(job: JobName) -> Path:
    """Where a template's metadata is kept."""
    return FOLDER / f"{job}-metadata.json"


def write_metadata() -> None:
    """Write the metadata of all templates to where it is kept."""
    for job in JOBS:
        text = json.dumps(template_metadata(job), indent=2, ensure_ascii=False)
        metadata_path(job).write_text(f"{text}\n", encoding="utf-8")


def _other_runners_options() -> set[str]:
    groups = [type(group) for group in vars(WhereConfig()).values()]
    return {
        option.name
        for group in groups
        if dataclasses.is_dataclass(group) and group is not DataflowOptions
        for option in dataclasses.fields(group)
    }


def _value_type(hint: Any) -> tuple[Any, bool]:
    """The type of one value, and whether there may be many."""
    if get_origin(hint) in {Union, types.UnionType}:
        (hint,) = (part for part in get_args(hint) if part is not types.NoneType)
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    return hint, False


def _default(default: object) -> str | None:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, str | int | float) and default != "" else None


if __name__ == "__main__":
    write_metadata()
