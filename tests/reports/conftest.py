"""Outputs as jobs leave them behind, made from easy-vqa's test pictures."""

import functools
import hashlib
import io
import json
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import easy_vqa
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from reports.page import write_report
from schemas.arrow import to_table
from schemas.description import Answer, Caption
from schemas.document import Document
from schemas.failure import Failure, FailureKind, Stage
from schemas.generated_image import GeneratedImage
from schemas.manifest import Counts, RunManifest
from schemas.neighbors import Neighbors
from tests.generated import generated

HOSTILE_TEXTS = (
    "</script><img src=x onerror=\"document.title='pwned'\">",
    "<!--<script>document.title='pwned'</script>",
    "<svg onload=\"document.title='pwned'\"></svg>",
    "{{ 7 * 7 }} {% raw %} ${document.title='pwned'} `x` \\",
    "line\u2028separator\u2029paragraph \x00 nul \u202egnp.exe",
    "<style>*{display:none}</style><base href='http://192.0.2.1/'>",
    "javascript:document.title='pwned'",
    "صورة مثلث أحمر على خلفية سوداء",  # right to left
    "Donaudampfschifffahrtsgesellschaft" * 12,  # a very long word
    "emoji 🦎 and combining Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
)


class OutputMaker:
    """Writes runs into an output folder, a local path or a URI."""

    hostile_texts = HOSTILE_TEXTS

    def __init__(self, out: str) -> None:
        self.out = out
        self.filesystem, self.root = fsspec.core.url_to_fs(out)

    def caption_run(
        self,
        run_id: str,
        *,
        rows: int = 100,
        failures: Sequence[Failure] = (),
        hostile: bool = False,
        thumbnails: int = 1000,
        attributes: str | None = None,
        **manifest: Any,
    ) -> list[Caption]:
        """Write a caption run; with ``hostile``, its first rows hold every hostile text."""
        chance = random.Random(run_id)
        questions = _questions()
        captions = []
        for index in range(rows):
            image = index % 1000
            text = HOSTILE_TEXTS[index % 10] if hostile and index < 10 else _caption(image)
            asset_id = f"asset-{index:05d}"
            if hostile and index < 10:
                asset_id = f"{HOSTILE_TEXTS[index]} {index}"
            captions.append(
                Caption(
                    key=_key(asset_id),
                    asset_id=asset_id,
                    uri=text if hostile and index < 10 else f"pictures/{image}.png",
                    prompt="Describe the picture.",
                    text=text,
                    mean_logprob=-abs(chance.gauss(0, 0.35)),
                    finish_reason="length" if chance.random() < 0.04 else "stop",
                    token_count=chance.randint(4, 12),
                    references=(text,) if index % 3 else (),
                    neighbors=("asset-00000",) if index % 2 else (),
                    sha256=hashlib.sha256(str(image).encode()).hexdigest(),
                    model="calumma-tiny",
                    revision="embedded-1",
                    attributes=attributes
                    or json.dumps({"shelf": f"s{index % 7}", "note": text, "n": len(questions)}),
                )
            )
        self.write_run(run_id, "caption", "captions", Caption, captions, failures, manifest)
        self._thumbnails(run_id, captions, failures, thumbnails)
        return captions

    def answer_run(
        self,
        run_id: str,
        *,
        pictures: int = 20,
        failures: Sequence[Failure] = (),
        hostile: bool = False,
        judged: bool = True,
        asset: str = "easy-vqa/{}",
        attributes: str = "{}",
        **manifest: Any,
    ) -> list[Answer]:
        """Write an answer run over all questions of the first pictures of easy-vqa's test set."""
        chance = random.Random(run_id)
        answers = []
        for image in range(pictures):
            for number, (question, right) in enumerate(_questions()[image]):
                text = right if chance.random() < 0.9 else chance.choice(["yes", "no", "teal"])
                if hostile and image == 0:
                    text = HOSTILE_TEXTS[number % 10]
                asset_id = asset.format(image)
                answers.append(
                    Answer(
                        key=_key(f"{asset_id}\0{number}"),
                        asset_id=asset_id,
                        question_id=f"q{number}",
                        question=HOSTILE_TEXTS[number % 10] if hostile and image == 1 else question,
                        answers=(right,) if judged and number % 11 != 10 else (),
                        uri=f"pictures/{image}.png",
                        prompt=f"Question: {question} Answer:",
                        text=text,
                        mean_logprob=-abs(chance.gauss(0, 0.1 if text == right else 0.9)),
                        finish_reason="stop",
                        token_count=2,
                        neighbors=(),
                        sha256=hashlib.sha256(str(image).encode()).hexdigest(),
                        model="calumma-tiny",
                        revision="embedded-1",
                        attributes=attributes,
                    )
                )
        self.write_run(run_id, "answer", "answers", Answer, answers, failures, manifest)
        self._thumbnails(run_id, answers, failures, 1000)
        return answers

    def neighbors_run(
        self,
        run_id: str,
        *,
        index: str,
        rows: int = 40,
        ids: Sequence[str] = (),
        hostile: bool = False,
        counts: Sequence[int] = (3, 0, 1),
        **manifest: Any,
    ) -> list[Neighbors]:
        """Write a run that retrieved neighbours: each row has as many of ``ids`` as its count."""
        chance = random.Random(run_id)
        found = []
        for number in range(rows):
            text = (
                HOSTILE_TEXTS[number % 10] if hostile and number < 10 else _caption(number % 1000)
            )
            count = counts[number % len(counts)]
            scores = sorted((chance.uniform(-0.2, 1) for _ in range(count)), reverse=True)
            asset_id = f"{text} {number}" if hostile and number < 10 else f"query-{number:05d}"
            found.append(
                Neighbors(
                    key=_key(asset_id),
                    asset_id=asset_id,
                    uri=f"pictures/{number % 1000}.png",
                    text=text,
                    query_modality="image" if number % 4 else "both",
                    neighbor_ids=tuple(ids[(number + other) % len(ids)] for other in range(count)),
                    scores=np.array(scores, np.float32),
                    text_cut=number == 0,
                    sha256=hashlib.sha256(str(number % 1000).encode()).hexdigest(),
                    index=index,
                    index_version=1,
                    model="calumma-clip",
                    revision="embedded-1",
                    attributes=json.dumps({"note": text}),
                )
            )
        self.write_run(run_id, "neighbors", "neighbors", Neighbors, found, (), manifest)
        self._thumbnails(run_id, found, (), 1000)
        return found

    def generate_run(
        self,
        run_id: str,
        *,
        requests: int = 20,
        samples: int = 4,
        scored: bool = True,
        hostile: bool = False,
        job: str = "generate",
        failures: Sequence[Failure] = (),
        **manifest: Any,
    ) -> list[GeneratedImage]:
        """Write a run that drew pictures, each request its samples ranked by a score or not."""
        chance = random.Random(run_id)
        drawn = []
        for number in range(requests):
            strange = hostile and number < 10
            text = HOSTILE_TEXTS[number % 10] if strange else _caption(number % 1000)
            asset_id = f"{text} {number}" if strange else f"request-{number:05d}"
            scores = [round(chance.uniform(0.1, 0.9), 3) for _ in range(samples)]
            order = sorted(range(samples), key=lambda one: -scores[one])
            for sample in range(samples):
                drawn.append(
                    generated(
                        asset_id,
                        sample,
                        key=_key(f"{asset_id} {sample}"),
                        text=text,
                        prompt=f"draw {text}",
                        seed=2**62 + number,
                        score=scores[sample] if scored else None,
                        rank=order.index(sample) + 1 if scored else sample + 1,
                        image=_png((number + sample) % 1000),
                        height=64,
                        width=64,
                        contrasted=sample % 2 == 1,
                        neighbors=(f"known-{number % 7}", text) if number % 2 else (),
                        shown_licenses=("CC0-1.0", "", "CC0-1.0"),
                        attributes=json.dumps({"note": text}),
                    )
                )
        self.write_run(run_id, job, "generations", GeneratedImage, drawn, failures, manifest)
        return drawn

    def assemble_run(self, run_id: str, documents: Sequence[Document], **manifest: Any) -> None:
        """Write a run that assembled these documents."""
        self.write_run(run_id, "assemble", "documents", Document, documents, (), manifest)

    def failures(self, kinds: dict[FailureKind, int], *, hostile: bool = False) -> list[Failure]:
        """Make failures, so many of each kind."""
        made = []
        for kind, count in kinds.items():
            stage = Stage.DECODE if kind in _DECODE else Stage.FETCH
            for index in range(count):
                message = _MESSAGES.get(kind, f"The row failed: {kind}.")
                if hostile:
                    message = HOSTILE_TEXTS[index % 10]
                asset_id = "" if kind is FailureKind.MISSING_ID else f"bad-{kind}-{index:04d}"
                made.append(
                    Failure(
                        key=_key(f"{kind}{index}"),
                        asset_id=asset_id,
                        question_id="",
                        stage=stage,
                        kind=kind,
                        message=message,
                        retryable=kind.retryable,
                        uri=f"pictures/{index}.png",
                        attributes='{"shelf": "s1"}',
                    )
                )
        return made

    def unfinished_run(self, run_id: str) -> None:
        """Leave a run in flight behind."""
        fields = {
            "run_id": run_id,
            "job": "caption",
            "model": "calumma-tiny",
            "started": started_of(run_id),
        }
        self.put(f"_staging/{run_id}/run.json", json.dumps(fields).encode())

    def put(self, path: str, content: bytes) -> None:
        """Write one file of the output."""
        self.filesystem.makedirs(f"{self.root}/{path}".rpartition("/")[0], exist_ok=True)
        self.filesystem.pipe_file(f"{self.root}/{path}", content)

    def put_table(self, path: str, table: pa.Table) -> None:
        """Write one Parquet file of the output."""
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        self.put(path, sink.getvalue())

    def write_run(
        self,
        run_id: str,
        job: str,
        table: str,
        record: type,
        rows: Sequence[Any],
        failures: Sequence[Failure],
        manifest: dict[str, Any],
        more_files: Sequence[str] = (),
    ) -> None:
        """Write the tables and the manifest of a run, which names ``more_files`` too."""
        files = list(more_files)
        for name, kind, some in ((table, record, rows), ("failures", Failure, failures)):
            for start in range(0, len(some), 1000):
                files.append(f"{name}/run={run_id}/part-{start:08d}.parquet")
                self.put_table(files[-1], to_table(kind, some[start : start + 1000]))
        skipped = manifest.pop("skipped", 40)
        fields: dict[str, Any] = {
            "run_id": run_id,
            "job": job,
            "state": "done",
            "config": {
                "catalog": "pictures.parquet",
                "prompt": "",
                "batch_size": 32,
                "limit": None,
            },
            "table": table,
            "model": "calumma-tiny",
            "revision": "embedded-1",
            "versions": {"calumma": "0.1.0", "schema": "1", "beam": "2.77.0", "python": "3.11.9"},
            "counts": Counts(
                rows_in=len(rows) + len(failures) + skipped,
                rows_out=len(rows),
                failed=len(failures),
                skipped=skipped,
            ),
            "failures_by_kind": dict(Counter(str(failure.kind) for failure in failures)),
            "started": started_of(run_id),
            "finished": started_of(run_id) + 754.2,
            "commit": 1,
            "files": tuple(files),
        }
        content = json.dumps(asdict(RunManifest(**(fields | manifest))), indent=2)
        self.put(f"_runs/{run_id}.json", content.encode())

    def _thumbnails(
        self, run_id: str, rows: Sequence[Any], failures: Sequence[Failure], most: int
    ) -> None:
        by_key = sorted(rows, key=lambda row: str(row.key[16:]))[:most]
        pictured = [
            (row.key, int(row.uri[9:-4]) if row.uri[-4:] == ".png" else 0) for row in by_key
        ]
        pictured += [(failure.key, 7) for failure in failures if failure.kind == "model_error"]
        table = pa.table(
            {
                "key": pa.array([key for key, _ in pictured], pa.string()),
                "jpeg": pa.array([_jpeg(image) for _, image in pictured], pa.binary()),
            }
        )
        self.put_table(f"_thumbnails/{run_id}.parquet", table)


@pytest.fixture
def output(tmp_path: Path) -> OutputMaker:
    """An empty output folder on a local disk, to write runs into."""
    folder = tmp_path / "out"
    folder.mkdir()
    return OutputMaker(str(folder))


@pytest.fixture(scope="session")
def output_at() -> type[OutputMaker]:
    """Makes an output anywhere."""
    return OutputMaker


@pytest.fixture(scope="session")
def large_output(tmp_path_factory: pytest.TempPathFactory) -> OutputMaker:
    """An output with about as much as a page holds of either job, or more. Not to be changed."""
    output = OutputMaker(str(tmp_path_factory.mktemp("large")))
    failures = output.failures({FailureKind.NOT_FOUND: 900, FailureKind.TRUNCATED: 3})
    output.caption_run("20260301-020000-aaaaaa", rows=10_500, failures=failures)
    output.answer_run("20260302-020000-bbbbbb", pictures=1000, asset="asset-{:05d}")
    return output


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the system."""
    executable = shutil.which("chromium", path="/usr/bin") or shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium on PATH: the page's behaviour cannot be tested")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Visit:
    """One tab, and everything it should not do: errors, policy violations, requests."""

    def __init__(self, browser: Any, width: int, scheme: str = "light") -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(
            "window.violations = []; document.addEventListener('securitypolicyviolation',"
            " (event) => window.violations.push(event.violatedDirective));"
        )

    def open(self, output: Any) -> Any:
        write_report(output.out)
        return self.goto(f"{output.out}/report.html")

    def goto(self, path: Path | str) -> Any:
        self.page.goto(f"file://{path}")
        return self.page

    def check(self) -> None:
        own = self.page.url.partition("#")[0]
        # A file that the page makes and offers is a blob of its own.
        outside = [
            url for url in self.requests if not url.startswith(("data:", "blob:")) and url != own
        ]
        assert outside == []
        assert self.complaints == []
        assert self.page.evaluate("window.violations") == []
        width, inner = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= inner


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    """Opens tabs; at the test's end none may have complained, overflown or gone to the network."""
    visits: list[Visit] = []

    def start(width: int = 1280, scheme: str = "light") -> Visit:
        visits.append(Visit(chromium, width, scheme))
        return visits[-1]

    yield start
    for one in visits:
        one.check()
        one.page.close()


def started_of(run_id: str) -> float:
    """Seconds since the epoch, from a run id."""
    return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()


_DECODE = (FailureKind.NOT_AN_IMAGE, FailureKind.TRUNCATED, FailureKind.DECOMPRESSION_BOMB)
_MESSAGES = {
    FailureKind.NOT_FOUND: "No object of this name. Was it moved after the catalog was written?",
    FailureKind.TRUNCATED: "The JPEG ends before its last scan. Upload it again.",
    FailureKind.TIMEOUT: "No answer within 30 s, 4 times. The next run tries again.",
    FailureKind.NOT_AN_IMAGE: "The file begins with <!doctype html>: an error page, not a picture.",
    FailureKind.MODEL_ERROR: "The model gave no finite scores for this picture.",
}


def _key(identity: str) -> str:
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


_CACHE: dict[str, Any] = {}


def _questions() -> dict[int, list[tuple[str, str]]]:
    if "questions" not in _CACHE:
        grouped = defaultdict(list)
        for question, answer, image in zip(*easy_vqa.get_test_questions(), strict=True):
            grouped[image].append((question, answer))
        _CACHE["questions"] = grouped
    found: dict[int, list[tuple[str, str]]] = _CACHE["questions"]
    return found


def _caption(image: int) -> str:
    said = dict(_questions()[image])
    shapes = {"circle", "rectangle", "triangle"}
    shape = next((answer for answer in said.values() if answer in shapes), "shape")
    colors = {"yes", "no"} | shapes
    color = next((answer for answer in said.values() if answer not in colors), "coloured")
    return f"a {color} {shape} on a plain ground"


def _jpeg(image: int) -> bytes:
    if str(image) not in _CACHE:
        path = easy_vqa.get_test_image_paths()[image]
        sink = io.BytesIO()
        with Image.open(path) as picture:
            picture.convert("RGB").save(sink, "JPEG", quality=75)
        _CACHE[str(image)] = sink.getvalue()
    return bytes(_CACHE[str(image)])


@functools.cache
def _png(image: int) -> bytes:
    return Path(easy_vqa.get_test_image_paths()[image]).read_bytes()
