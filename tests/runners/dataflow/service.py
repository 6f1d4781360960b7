"""Google on loopback: credentials that a server here vouches for, and a Dataflow for jobs."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

JOB_ID = "2026-01-31_00_00_00-1"


class Google:
    """What the server was asked, and what it says of jobs.

    Attributes:
        url: where it listens; a host name for which Beam takes it to be a service of one's own.
        created: the jobs that it was given.
        state: what it says of each.
        message: an error that it tells of, if any.

    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.created: list[Any] = []
        self.state = "JOB_STATE_DONE"
        self.message = ""

    def answer(self, method: str, path: str, body: bytes) -> dict[str, object]:
        if path == "/token":
            return {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}
        job: dict[str, object] = {"id": JOB_ID, "name": "calumma", "currentState": self.state}
        if method == "POST" and path.endswith("/jobs"):
            self.created.append(json.loads(body))
            return {**job, "currentState": "JOB_STATE_RUNNING"}
        if path.endswith("/messages"):
            at = "2026-01-31T00:00:00Z"
            told = {"id": "1", "time": at, "messageText": self.message}
            error = {**told, "messageImportance": "JOB_MESSAGE_ERROR"}
            return {"jobMessages": [error]} if self.message else {}
        return job


@contextlib.contextmanager
def google() -> Iterator[Google]:
    """A server, for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def log_message(self, *arguments: object) -> None:
            pass

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            text = json.dumps(served.answer(method, path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Google(f"http://localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_credentials(path: Path, service: Google) -> Path:
    """Write the key file of a service account whose tokens the server gives."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "calumma@my-project.iam.gserviceaccount.com",
        "token_uri": f"{service.url}/token",
    }
    path.write_text(json.dumps(account))
    return path
