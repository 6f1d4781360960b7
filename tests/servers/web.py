"""A web server on loopback whose answers a test gives by path."""

import contextlib
import datetime
import http.server
import ipaddress
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Handler = http.server.BaseHTTPRequestHandler
Answer = Callable[[Handler, int], None]
"""Answers a request, given how often the path was asked for, from 1."""


class Web:
    """A running server.

    Attributes:
        url: where it listens.
        answers: by path; assign to them.
        requests: how often each path was asked for.
        headers: those of the last request.
        stopping: set when the context ends, for answers that wait.

    """

    def __init__(self, server: http.server.ThreadingHTTPServer, scheme: str) -> None:
        self.port = server.server_port
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.answers: dict[str, Answer] = {}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.stopping = threading.Event()


@contextlib.contextmanager
def web_server(certificate: Path | None = None) -> Iterator[Web]:
    """Run a server for as long as the context lasts.

    Args:
        certificate: a PEM file with a key, for https; see :func:`write_certificate`.

    """

    class OneHandler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.requests[self.path] += 1
            web.headers = {name.lower(): value for name, value in self.headers.items()}
            web.answers[self.path](self, web.requests[self.path])

        def log_message(self, *_: object) -> None:
            pass

    class QuietServer(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing: clients go away in the middle."""

    server = QuietServer(("127.0.0.1", 0), OneHandler)
    web = Web(server, "https" if certificate else "http")
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        web.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def reply(status: int, body: bytes = b"", length: int | None = None, **headers: str) -> Answer:
    """An answer with a body and its length, or a length that lies."""

    def answer(handler: Handler, _: int) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = length is not None

    return answer


def raw(text: bytes) -> Answer:
    """An answer of just these bytes, then the connection is closed."""

    def answer(handler: Handler, _: int) -> None:
        handler.wfile.write(text)
        handler.close_connection = True

    return answer


def in_turn(*answers: Answer) -> Answer:
    """The first answer for the first request, and so on; the last for all that follow."""
    return lambda handler, number: answers[min(number, len(answers)) - 1](handler, number)


def write_certificate(path: Path) -> Path:
    """Write a key and its own certificate for 127.0.0.1 to a PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
