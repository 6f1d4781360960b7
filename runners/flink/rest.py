"""What is asked of a Flink cluster's REST service: whether it is one, and to cancel a job."""

import http.client
import json
from typing import Any

from runners.errors import RunnerError
from runners.reach import check_answers, split_address

_SECONDS = 5.0
_ADVICE = "Check the address: it is that of the REST service, by default port 8081."


def check_cluster(address: str) -> None:
    """Check that a Flink cluster is behind an address: its client tries for minutes without a word.

    Raises:
        RunnerError: there is none.

    """
    check_answers([address], f"The Flink cluster {address}", _ADVICE)
    try:
        found = "flink-version" in _ask(address, "GET", "/overview")
    except (OSError, ValueError, TypeError, http.client.HTTPException):
        found = False
    if not found:
        raise RunnerError(f"What answers at {address} is no Flink cluster, or hangs. {_ADVICE}")


def cancel_jobs(address: str, name: str) -> None:
    """Cancel a cluster's jobs of a name.

    Raises:
        OSError: the cluster does not answer.

    """
    for job in _ask(address, "GET", "/jobs/overview")["jobs"]:
        if job["name"] == name:
            _ask(address, "PATCH", f"/jobs/{job['jid']}?mode=cancel")


def _ask(address: str, method: str, path: str) -> Any:
    host, port = split_address(address, "A Flink cluster")
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request(method, path)
        return json.load(connection.getresponse())
    finally:
        connection.close()
