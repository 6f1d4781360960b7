"""Models of a hub: a small one on this machine that speaks the Hugging Face hub's protocol."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from models.source import EMBEDDED_FOLDER

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_REPOSITORIES = {
    # The hub could not serve the last one: it must not be asked for.
    "acme/tiny": [*(path.name for path in EMBEDDED_FOLDER.iterdir()), "training_args.bin"],
    "acme/adapter": ["adapter_config.json", "adapter_model.safetensors"],
    "acme/pickled": ["config.json", "processor_config.json", "pytorch_model.bin"],
}
_RESOLVE = (
    "import sys, json, dataclasses; from models.source import resolve_model;"
    "from models.prompts import prompts_for; from models.wanted_pixels import wanted_pixels;"
    "source = resolve_model(sys.argv[1], *sys.argv[2:]);"
    "print(json.dumps([dataclasses.asdict(source), prompts_for(source).short_caption,"
    " wanted_pixels(source)]))"
)
_DESCRIBE = (
    "import sys, numpy; from models.source import resolve_model;"
    "from models.describing import *;"
    "model = load_describer(resolve_model(sys.argv[1]), device='cpu');"
    "row = DescribeRequest(images=(numpy.zeros((64, 64, 3), 'uint8'),), prompt='describe briefly',"
    " seed=0); print(model.describe([row], DecodingSettings(max_new_tokens=8))[0].text)"
)
_RECONSTRUCT = (
    "import sys, numpy; from models.source import resolve_image_tokenizer;"
    "from models.framing import Framing; from models.image_tokens import *;"
    "model = load_image_tokenizer(resolve_image_tokenizer(sys.argv[1]), device='cpu');"
    "rows = [TokenizeRequest(pixels=numpy.full((64, 64, 3), 240, 'uint8'))];"
    "codes = model.encode(model.prepare(rows, Framing()));"
    "print(round(float(model.decode(codes)[0].mean())))"
)


class _Hub(BaseHTTPRequestHandler):
    """Answers what huggingface_hub asks about two repositories."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        name = "/".join(parts[2:4] if parts[:2] == ["api", "models"] else parts[:2])
        files = _REPOSITORIES.get(name, [])
        if not files:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif "revision" in parts and parts[-1] not in ("main", "v1", _COMMIT):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif "tree" in parts:
            tree = [{"type": "file", "path": file, "size": 0, "oid": "0"} for file in files]
            self._send(200, json.dumps(tree).encode(), {})
        elif parts[0] == "api":
            siblings = [{"rfilename": file} for file in files]
            info = {"id": name, "modelId": name, "sha": _COMMIT, "siblings": siblings}
            self._send(200, json.dumps(info).encode(), {})
        elif parts[-1] in files:
            content = (EMBEDDED_FOLDER / parts[-1]).read_bytes()
            etag = hashlib.sha256(content).hexdigest()
            self._send(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": _COMMIT})
        else:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": _COMMIT}
            self._send(404, b"", headers)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


class Machine:
    """A machine with its cache of the hub, which it reaches or not."""

    def __init__(self, home: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self._environment = {
            "HF_HOME": str(home),
            "HF_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "HF_HUB_DISABLE_XET": "1",
            "PATH": "",
        }

    def disconnect(self) -> None:
        """Stop the hub."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def go_offline(self) -> None:
        """Tell the library not to ask the hub."""
        self._environment["HF_HUB_OFFLINE"] = "1"

    def run(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python there."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.disconnect()


@pytest.mark.parametrize("revision", [(), ("v1",), (_COMMIT,)])
def test_a_hub_id_becomes_a_commit(machine: Machine, revision: tuple[str, ...]) -> None:
    run = machine.run(_RESOLVE, "acme/tiny", *revision)
    assert run.returncode == 0, run.stderr
    source, prompt, wanted = json.loads(run.stdout)
    assert source == {
        "name": "acme/tiny",
        "location": "acme/tiny",
        "revision": _COMMIT,
        "model_type": "chameleon",
        "trust_remote_code": False,
    }
    assert (prompt, wanted) == ("describe briefly", 64)


def test_the_cache_serves_where_the_hub_is_away(machine: Machine) -> None:
    described = machine.run(_DESCRIBE, "acme/tiny")
    assert described.returncode == 0, described.stderr
    assert described.stdout.strip()
    resolved = machine.run(_RESOLVE, "acme/tiny")
    machine.disconnect()
    assert machine.run(_DESCRIBE, "acme/tiny").stdout == described.stdout
    assert machine.run(_RESOLVE, "acme/tiny").stdout == resolved.stdout
    machine.go_offline()
    assert machine.run(_RESOLVE, "acme/tiny").stdout == resolved.stdout


def test_a_tokenizer_of_the_hub_comes_with_its_decoder(machine: Machine) -> None:
    run = machine.run(_RECONSTRUCT, "acme/tiny")
    assert run.returncode == 0, run.stderr
    assert abs(int(run.stdout) - 240) < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acme/none",), "There is no model acme/none"),
        (("./no/such/folder",), "There is no model ./no/such/folder"),
        (("acme/tiny", "v9"), "The model acme/tiny has no revision 'v9'"),
        (("acme/pickled",), "pickle"),
        (("acme/adapter",), "Merge the adapter into that model first"),
    ],
)
def test_what_the_hub_does_not_have_is_said(
    machine: Machine, arguments: tuple[str, ...], message: str
) -> None:
    run = machine.run(_RESOLVE, *arguments)
    assert run.returncode != 0
    error = run.stderr.strip().splitlines()[-1]
    assert error.startswith("schemas.errors.ModelError")
    assert message in error


@pytest.mark.parametrize("cut", ["disconnect", "go_offline"])
def test_an_unknown_id_without_the_hub_says_what_to_do(machine: Machine, cut: str) -> None:
    getattr(machine, cut)()
    run = machine.run(_RESOLVE, "acme/tiny")
    assert run.returncode != 0
    error = run.stderr.strip().splitlines()[-1]
    assert error.startswith("schemas.errors.ModelError")
    assert "the hub cannot be reached" in error
    assert "name its folder" in error
