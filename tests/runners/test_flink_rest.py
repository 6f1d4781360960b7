"""What is asked of a Flink cluster: to cancel the jobs of one run, and of no other."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runners.flink.rest import cancel_jobs
from tests.servers.daemons import free_port

# As the service of Flink 1.19 answers, shortened.
JOBS = {
    "jobs": [
        {"jid": "9e1f", "name": "calumma-1", "state": "RUNNING"},
        {"jid": "7d8a", "name": "calumma-2", "state": "RUNNING"},
        {"jid": "b3c4", "name": "calumma-1", "state": "FINISHED"},
    ]
}


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """An address, and what it was asked."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(JOBS if self.command == "GET" else {}).encode())

        do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"localhost:{server.server_port}", requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_jobs_of_a_name_are_cancelled(asked: tuple[str, list[str]]) -> None:
    address, requests = asked
    cancel_jobs(address, "calumma-1")
    assert requests == [
        "GET /jobs/overview",
        "PATCH /jobs/9e1f?mode=cancel",
        "PATCH /jobs/b3c4?mode=cancel",
    ]


def test_a_cluster_that_has_gone_cancels_nothing() -> None:
    with pytest.raises(OSError, match="refused"):
        cancel_jobs(f"localhost:{free_port()}", "calumma-1")
