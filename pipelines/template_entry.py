"""From what Dataflow's template launcher gives to a command of calumma."""

from collections.abc import Sequence

from pipelines.job_names import JOBS
from pipelines.template import FROM_LAUNCHER, TemplateParameter, parameters_of
from schemas.errors import UsageError

# Said by us, or by a parameter of ours.
_NOT_FOR_BEAM = ("job", "runner", "sdk_container_image")


def command_of(arguments: Sequence[str]) -> list[str]:
    """Turn the launcher's arguments into a command.

    The launcher gives the template's parameters and its own options alike, as ``--name=value``.
    Parameters become options of the job; what else there is becomes Beam's, behind ``--``.

    Raises:
        UsageError: the parameter ``job`` names none.

    """
    given = dict(_split(argument) for argument in arguments)
    job = next((job for job in JOBS if job == given.get("job")), None)
    if job is None:
        raise UsageError(
            f"The parameter job must be one of {', '.join(JOBS)}, not {given.get('job')!r}."
        )
    parameters = parameters_of(job)
    if not given.get("dataflow_image"):
        given["dataflow_image"] = given.get("sdk_container_image", "")
    command: list[str] = [job, "--runner=dataflow"]
    for name, value in given.items():
        # A field of a form that was left empty stands for the default.
        if name in parameters and value:
            command += _option(parameters[name], value)
        elif name in FROM_LAUNCHER:
            command.append(f"--{name.replace('_', '-')}={value}")
    ours = {*parameters, *FROM_LAUNCHER, *_NOT_FOR_BEAM}
    return [*command, "--", *(other for other in arguments if _split(other)[0] not in ours)]


def _split(argument: str) -> tuple[str, str]:
    name, _, value = argument.removeprefix("--").partition("=")
    return name, value


def _option(parameter: TemplateParameter, value: str) -> list[str]:
    if parameter.type is bool:
        return [parameter.flag] if value.lower() == "true" else []
    values = value.splitlines() if parameter.many else [value]
    return [f"{parameter.flag}={one}" for one in values if one.strip()]
