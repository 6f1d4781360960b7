"""The nightly eye: the command, and what a finished run tells of itself."""

import json as json_format
from typing import TYPE_CHECKING, Any

from pipelines.run_job import tell, tell_json
from schemas.errors import CalummaError, RunError, UsageError

if TYPE_CHECKING:
    from reports.nightly.watch import WatchedRun
    from schemas.manifest import RunManifest

ALARMS = 3
"""The exit code of unusual figures."""

_SECONDS = 30.0


def watch(
    out: str,
    *,
    run: str | None = None,
    webhook: str | None = None,
    accept: bool = False,
    json: bool = False,
) -> int:
    """Tell whether the newest run of each job is unlike those before it.

    Exit code 3 if anything is unusual. A finished run looks at itself; this is for schedulers.

    For example:
    calumma watch out/ --webhook https://hooks.example.org/services/T0/B0

    Parameters
    ----------
    out
        The output folder.
    run
        Look at this run rather than the newest.
    webhook
        Post alarms to this URL, as JSON with a text and all figures.
    accept
        The newest runs are as they should be: their history begins with them.
    json
        Print JSON.
    """
    from reports.nightly.watch import accept as accept_runs
    from reports.nightly.watch import watch as watch_output
    from storage.store import open_store
    from storage.uris import absolute_uri

    if accept and run is not None:
        raise UsageError("--accept is for the newest runs: it goes without --run.")
    if webhook is not None and not webhook.startswith(("https://", "http://")):
        raise UsageError(f"--webhook must be an http(s) URL, not {webhook!r}.")
    store = open_store(absolute_uri(out))
    watched = accept_runs(store) if accept else watch_output(store, run)
    alarming = [one for one in watched if one.alarms and not accept]
    if json:
        tell_json([one.as_json() for one in watched])
    else:
        for one in watched:
            tell("\n".join(_lines(one, accepted=accept)))
    if alarming and webhook is not None:
        _post(webhook, out, alarming)
    return ALARMS if alarming else 0


def watch_finished(out: str, manifest: "RunManifest") -> "WatchedRun | None":
    """Look at a run that has just ended; None where that fails, which is no failure of the run."""
    from reports.nightly.compare import LEAST_ROWS
    from reports.nightly.watch import watch_run
    from storage.latest import read_history
    from storage.store import open_store
    from storage.uris import absolute_uri

    if manifest.counts.rows_out + manifest.counts.failed < LEAST_ROWS:
        return None
    store = open_store(absolute_uri(out))
    try:
        return watch_run(store, read_history(store), manifest)
    except (CalummaError, OSError, ValueError, KeyError):
        return None


def alarm_lines(watched: "WatchedRun | None") -> list[str]:
    """What a finished run tells of itself: nothing, if nothing is unusual."""
    return _lines(watched) if watched is not None and watched.alarms else []


def _lines(watched: "WatchedRun", *, accepted: bool = False) -> list[str]:
    from reports.nightly.watch import describe

    name = f"{watched.job} {watched.run_id}"
    if watched.only_failed:
        return [f"{name}: not compared, as it ran with --only-failed"]
    if accepted:
        return [f"{name}: accepted; the history of {watched.job} begins with it"]
    if not watched.compared_with:
        return [f"{name}: too few rows, or too few earlier runs with enough, to compare with"]
    figures = f"{len(watched.comparisons)} figures of {watched.compared_with} earlier runs"
    if not watched.alarms:
        return [f"{name}: as usual, by {figures}"]
    lines = [f"{name}: {len(watched.alarms)} unusual, of {figures}"]
    return lines + [f"  Unusual: {describe(one)}" for one in watched.alarms]


def _post(webhook: str, out: str, alarming: "list[WatchedRun]") -> None:
    import urllib.request
    from http.client import HTTPException, InvalidURL

    text = "\n".join(line for one in alarming for line in _lines(one))
    body: dict[str, Any] = {
        "text": f"calumma watch {out}\n{text}",
        "runs": [one.as_json() for one in alarming],
    }
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            webhook,
            data=json_format.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            pass
    except (OSError, ValueError, InvalidURL) as error:
        raise _not_taken(webhook, str(error)) from error
    except HTTPException as error:
        # Its text is what the server sent, of any length and with any characters.
        raise _not_taken(webhook, "its answer is not HTTP") from error


def _not_taken(webhook: str, reason: str) -> RunError:
    return RunError(
        f"There are alarms, and {webhook} did not take them ({reason}). Check the address, then "
        "run calumma watch again."
    )
