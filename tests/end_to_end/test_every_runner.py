"""The same job on every runner, from the same catalog to S3: the same rows, failures and counts."""

import json
import random
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from easy_vqa import get_test_image_paths, get_test_questions
from PIL import Image

from pipelines.cli import run
from storage.filesystems import open_filesystem
from tests.servers.flink_cluster import flink_cluster
from tests.servers.job_server_jars import PRISM, flink_jar, needs_java, needs_prism, spark_jar
from tests.servers.object_stores import at_server, moto_s3

# A cluster starts slowly on a busy machine.
pytestmark = pytest.mark.timeout(900)

CALUMMA = Path(sysconfig.get_path("scripts"), "calumma")
_PICTURES = 240
_FILES = 5
_QUESTIONS = 160
_DRAWING = ("--guidance", "2", "--top-p", "0.95", "--contrast-k", "3", "--contrast-half")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A store with a catalog of 240 pictures in five files, and questions about them.

    Some rows are bad: a picture that is not there, one that is none, two rows of one id.
    """
    with moto_s3("catalogs") as server, at_server(server):
        filesystem = open_filesystem("s3://catalogs")[0]
        rows = []
        for number, path in sorted(get_test_image_paths().items())[:_PICTURES]:
            name = f"catalogs/pictures/{number:04d}.png"
            filesystem.pipe_file(name, Path(path).read_bytes())
            rows.append({"id": f"{number:04d}", "uri": f"s3://{name}"})
        filesystem.pipe_file("catalogs/pictures/0007.png", b"no picture")
        rows[123]["uri"] = "s3://catalogs/pictures/none.png"
        rows[180]["id"] = rows[20]["id"]
        for part in range(_FILES):
            with filesystem.open(f"catalogs/catalog/{part}.parquet", "wb") as file:
                pq.write_table(pa.Table.from_pylist(rows[part::_FILES]), file)
        texts, answers, numbers = get_test_questions()
        asked = [
            {"asset_id": f"{number:04d}", "question": text, "answers": [answer]}
            for number, text, answer in zip(numbers, texts, answers, strict=True)
            if number < _PICTURES
        ]
        with filesystem.open("catalogs/questions.parquet", "wb") as file:
            pq.write_table(pa.Table.from_pylist(asked[:_QUESTIONS]), file)
        # Some pictures twice, and some once more as a JPEG.
        rows = rows[200:240]
        for number, row in enumerate(rows[:12]):
            copy = f"catalogs/pictures/copy-{number}"
            source = row["uri"].removeprefix("s3://")
            if number % 2:
                filesystem.copy(source, copy)
            else:
                with filesystem.open(source) as file, filesystem.open(copy, "wb") as jpeg:
                    Image.open(file).convert("RGB").save(jpeg, "JPEG", quality=85)
            rows.append({"id": f"copy-{number}", "uri": f"s3://{copy}"})
        for part in range(2):
            with filesystem.open(f"catalogs/copies/{part}.parquet", "wb") as file:
                pq.write_table(pa.Table.from_pylist(rows[part::2]), file)
        yield "s3://catalogs"


_JOBS = ("caption", "answer")


def run_both(
    bucket: str, out: str, *options: object, jobs: Sequence[str] = _JOBS
) -> dict[str, Any]:
    """Caption and answer by the command line; give what was published, and the manifests."""
    catalog, output = f"{bucket}/catalog", f"{bucket}/{out}"
    asked = ["--questions", f"{bucket}/questions.parquet"]
    found: dict[str, Any] = {}
    for job in jobs:
        extra = asked if job == "answer" else []
        command = [job, catalog, output, *extra, "--json", *map(str, options)]
        manifest = json.loads(told_by([str(CALUMMA), *command]))
        found[job] = {
            "counts": manifest["counts"],
            "failures": manifest["failures_by_kind"],
            "loads": list(manifest["model_loads"].values()),
            "runner": manifest["config"]["runner"],
        }
    for table in ("captions", "answers", "failures"):
        found[table] = read_rows(bucket, f"{out}/{table}")
    return found


def told_by(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_rows(bucket: str, folder: str) -> list[dict[str, Any]]:
    """A table's rows, sorted, as a reader sees them that only globs the files."""
    filesystem, root = open_filesystem(bucket)
    filesystem.invalidate_cache()
    rows: list[dict[str, Any]] = []
    for name in filesystem.find(f"{root}/{folder}"):
        with filesystem.open(name) as file:
            rows += pq.read_table(file).to_pylist()
    names = ("key", "asset_id", "question_id")
    return sorted(rows, key=lambda row: [row.get(name, "") for name in names])


@pytest.fixture(scope="module")
def reference(bucket: str) -> dict[str, Any]:
    """What the local runner with one worker makes of it."""
    found = run_both(bucket, "local-1")
    assert found["caption"]["counts"] == {
        "rows_in": _PICTURES,
        "rows_out": _PICTURES - 3,
        "failed": 3,
        "skipped": 0,
    }
    assert len(found["captions"]) == _PICTURES - 3
    assert found["caption"]["failures"] == {"duplicate_id": 1, "not_an_image": 1, "not_found": 1}
    assert found["answer"]["counts"]["rows_out"] > _QUESTIONS - 20
    return found


def check_same(
    found: dict[str, Any], reference: dict[str, Any], runner: str, *, processes: int = 1
) -> None:
    """Ids, texts and counts exactly, floats within 1e-4, and the model loaded once a process."""
    jobs = [job for job in _JOBS if job in found]
    for job in jobs:
        assert found[job]["counts"] == reference[job]["counts"]
        assert found[job]["failures"] == reference[job]["failures"]
        assert found[job]["loads"] == [1] * processes
        assert found[job]["runner"] == runner
    # The failures of one job alone are some of both.
    tables = ("captions", "answers", "failures") if len(jobs) == 2 else (f"{jobs[0]}s",)
    for table in tables:
        assert len(found[table]) == len(reference[table])
        for row, expected in zip(found[table], reference[table], strict=True):
            floats = {name for name, value in expected.items() if isinstance(value, float)}
            assert {name: row[name] for name in row if name not in floats} == {
                name: expected[name] for name in expected if name not in floats
            }
            assert {name: row[name] for name in floats} == pytest.approx(
                {name: expected[name] for name in floats}, abs=1e-4
            )


_ONE_AFTER_ANOTHER = (
    "import json, os, sys; from pipelines.cli import run; "
    "codes = [run(command) for command in json.loads(sys.argv[1])]; sys.stdout.flush();"
    # As the command does: an engine leaves threads behind.
    "os._exit(max(codes))"
)


def run_all(*commands: list[str], options: Sequence[object] = ()) -> None:
    """Run commands one after another in one process: this one, or one of their own with options."""
    whole = [[*command, "--json", *map(str, options)] for command in commands]
    if options:
        told_by([sys.executable, "-c", _ONE_AFTER_ANOTHER, json.dumps(whole)])
    else:
        assert [run(command) for command in whole] == [0] * len(whole)


_PICTURES_ALONE = """
task = "pictures"
[[layouts]]
text = "{image}"
"""


def retrieve(bucket: str, out: str, *options: object) -> list[dict[str, Any]]:
    """Index vectors, retrieve, and assemble documents of what was found, by the command line.

    Gives the neighbours of each picture, with its document.
    """
    catalog, index, found = f"{bucket}/catalog", f"{bucket}/{out}-index", f"{bucket}/{out}-found"
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "pictures.toml"
        template.write_text(_PICTURES_ALONE)
        command = ["assemble", catalog, f"{bucket}/{out}-documents", "--template", str(template)]
        # Where they are from is part of the key, and so of what is drawn.
        command += ["--codes", f"{bucket}/codes", "--neighbors", f"{bucket}/local-1-found"]
        run_all(
            ["index", f"{bucket}/vectors", index, "--factory", "IVF8,SQ8", "--recall", "1"],
            ["neighbors", catalog, index, found, "--of", "image", "--k", "5"],
            command,
            options=options,
        )
    documents = {row["asset_id"]: row for row in read_rows(bucket, f"{out}-documents/documents")}
    rows = sorted(read_rows(bucket, f"{out}-found/neighbors"), key=lambda row: row["asset_id"])
    for row in rows:
        row["document"] = documents.pop(row["asset_id"])
    assert not documents
    return rows


@pytest.fixture(scope="module")
def neighbors(bucket: str) -> list[dict[str, Any]]:
    """What the local runner with one worker retrieves."""
    run_all(
        ["embed", f"{bucket}/catalog", f"{bucket}/vectors", "--of", "image"],
        ["tokenize", f"{bucket}/catalog", f"{bucket}/codes"],
    )
    found = retrieve(bucket, "local-1")
    assert len(found) == _PICTURES - 3
    assert {len(row["neighbor_ids"]) for row in found} == {5}
    return found


def check_neighbors(found: list[dict[str, Any]], neighbors: list[dict[str, Any]]) -> None:
    """The same neighbours in the same order, and scores within 1e-4."""
    for row, expected in zip(found, neighbors, strict=True):
        assert (row["asset_id"], row["neighbor_ids"]) == (
            expected["asset_id"],
            expected["neighbor_ids"],
        )
        assert row["document"] == expected["document"]
        assert row["scores"] == pytest.approx(expected["scores"], abs=1e-4)


def keep_one_of_each(bucket: str, out: str, *options: object) -> list[dict[str, Any]]:
    """Find duplicates by the command line and caption what is kept; give what was found."""
    catalog, same, captions = (f"{bucket}/{name}" for name in ("copies", out, f"{out}-captions"))
    run_all(
        ["duplicates", catalog, same],
        ["caption", catalog, captions, "--keep", same],
        options=options,
    )
    found = sorted(read_rows(bucket, f"{out}/duplicates"), key=lambda row: row["asset_id"])
    left_out = {row["asset_id"] for row in found if not row["kept"]}
    captioned = {row["asset_id"] for row in read_rows(bucket, f"{out}-captions/captions")}
    signed = {row["asset_id"] for row in read_rows(bucket, f"{out}/signatures")}
    assert captioned == signed - left_out
    assert len(signed) == 52
    return found


@pytest.fixture(scope="module")
def duplicates(bucket: str) -> list[dict[str, Any]]:
    """What the local runner with one worker finds."""
    found = keep_one_of_each(bucket, "local-1-same")
    assert len(found) >= 24
    assert {row["why"] for row in found} == {"kept", "bytes", "near"}
    return found


def check_duplicates(found: list[dict[str, Any]], duplicates: list[dict[str, Any]]) -> None:
    """The same clusters, the same kept, and figures within 1e-3: vectors are of half precision."""
    figures = ("difference", "similarity")
    for row, expected in zip(found, duplicates, strict=True):
        assert {name: value for name, value in row.items() if name not in figures} == {
            name: value for name, value in expected.items() if name not in figures
        }
        assert [row[name] for name in figures] == pytest.approx(
            [expected[name] for name in figures], abs=1e-3
        )


@pytest.fixture(scope="module")
def drawn(bucket: str) -> list[dict[str, Any]]:
    """What the local runner with one worker draws, in batches of eight."""
    picture = f"{bucket}/pictures/0003.png"
    requests = [
        {"id": "plain", "prompt": "a red circle", "samples": 3},
        {"id": "seeded", "prompt": "a small blue triangle in the center of the image", "seed": 7},
        {"id": "edit", "prompt": "make it teal", "uri": picture, "samples": 2},
    ]
    filesystem = open_filesystem(bucket)[0]
    lines = "".join(f"{json.dumps(request)}\n" for request in requests)
    filesystem.pipe_file("catalogs/requests.jsonl", lines.encode())
    command = ["generate", f"{bucket}/requests.jsonl", f"{bucket}/local-1-drawn", *_DRAWING]
    assert run([*command, "--batch-size", "8", "--json"]) == 0
    rows = read_rows(bucket, "local-1-drawn/generations")
    assert len(rows) == 6
    return rows


def _file_of(row: dict[str, Any]) -> str:
    return f"{row['asset_id']}-{row['sample_number']}.png"


@needs_java
def test_drawing_on_spark(bucket: str, drawn: list[dict[str, Any]]) -> None:
    options = ["--runner", "spark", "--spark-master", "local[2]"]
    options += ["--spark-job-server-jar", str(spark_jar()), "--batch-size", "1"]
    command = ["generate", f"{bucket}/requests.jsonl", f"{bucket}/spark-drawn", *_DRAWING]
    run_all([*command, "--images", f"{bucket}/spark-images"], options=options)
    # Pictures are the same byte for byte.
    found = read_rows(bucket, "spark-drawn/generations")
    filesystem, root = open_filesystem(f"{bucket}/spark-images")
    files = {name: filesystem.cat_file(f"{root}/{name}") for name in map(_file_of, found)}
    assert list(files.values()) == [row["image"] for row in found]
    for row, expected in zip(found, drawn, strict=True):
        assert row.pop("mean_logprob") == pytest.approx(expected.pop("mean_logprob"), abs=1e-4)
        assert row == expected


@needs_java
def test_duplicates_on_spark(bucket: str, duplicates: list[dict[str, Any]]) -> None:
    options = ["--runner", "spark", "--spark-master", "local[2]"]
    options += ["--spark-job-server-jar", str(spark_jar())]
    check_duplicates(keep_one_of_each(bucket, "spark-same", *options), duplicates)


@needs_java
def test_duplicates_on_flink(bucket: str, duplicates: list[dict[str, Any]]) -> None:
    options = ["--runner", "flink", "--flink-parallelism", "2"]
    options += ["--flink-job-server-jar", str(flink_jar())]
    check_duplicates(keep_one_of_each(bucket, "flink-same", *options), duplicates)


@needs_java
def test_retrieval_on_spark(bucket: str, neighbors: list[dict[str, Any]]) -> None:
    options = ["--runner", "spark", "--spark-master", "local[2]"]
    options += ["--spark-job-server-jar", str(spark_jar())]
    check_neighbors(retrieve(bucket, "spark-local", *options), neighbors)


@needs_java
def test_retrieval_on_flink(bucket: str, neighbors: list[dict[str, Any]]) -> None:
    options = ["--runner", "flink", "--flink-parallelism", "2"]
    options += ["--flink-job-server-jar", str(flink_jar())]
    check_neighbors(retrieve(bucket, "flink-local", *options), neighbors)


def evaluate(bucket: str, out: str, *options: object) -> list[list[dict[str, Any]]]:
    """Evaluate captions, pictures as a set and neighbours by the command line; give the scores."""
    outs = [f"{out}-{kind}" for kind in ("captions", "generations", "neighbors")]
    to = [f"{bucket}/{one}" for one in outs]
    asked = [
        [f"{bucket}/results.parquet", to[0], "--references", f"{bucket}/references.parquet"],
        [f"{bucket}/drawn.parquet", to[1], "--references", f"{bucket}/vectors"],
        [f"{bucket}/found.parquet", to[2], "--references", f"{bucket}/same.parquet"],
    ]
    asked[0] += ["--slice-by", "shelf"]
    asked[1] += ["--table", "generations"]
    asked[2] += ["--table", "neighbors"]
    run_all(*(["evaluate", *one] for one in asked), options=options)
    assert [len(read_rows(bucket, f"{one}/row_scores")) for one in outs] == [2_498, 600, 600]
    return [read_rows(bucket, f"{one}/scores") for one in outs]


@pytest.fixture(scope="module")
def scores(bucket: str, neighbors: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What the local runner with one worker scores."""
    del neighbors  # Made with vectors, which are the reference set.
    draw = random.Random(4)
    words = ["a", "man", "rides", "the", "red", "horse", "near", "dog", "house", "isn't", "(big)"]
    # Results may be empty; a row of which all references are would be a failure.
    least = [0] * 2_500 + [1] * 7_500
    texts = [" ".join(draw.choices(words, k=draw.randrange(few, 10))) for few in least]
    ids = [f"{number:04d}" for number in range(2_500)]
    references = [texts[2_500 + number :: 2_500] for number in range(2_500)]
    tables: dict[str, dict[str, Any]] = {
        "results": {"asset_id": ids, "text": texts[:2_500], "shelf": [one[-1] for one in ids]},
        "references": {"asset_id": ids[:-2], "references": references[:-2]},
        "drawn": {"asset_id": ids[:600], "vector": vectors_near(bucket, 600)},
        "found": {"asset_id": ids[:600], "neighbor_ids": [draw.sample(ids, 9) for _ in ids[:600]]},
        "same": {"asset_id": ids[:600], "references": [draw.sample(ids, 400) for _ in ids[:600]]},
    }
    for name, columns in tables.items():
        with open_filesystem(bucket)[0].open(f"catalogs/{name}.parquet", "wb") as file:
            pq.write_table(pa.table(columns), file)
    found = evaluate(bucket, "local-1-scores")
    shelves = {f"shelf={digit}" for digit in range(10)}
    assert {row["slice"] for row in found[0]} == {"all", *shelves}
    assert {"frechet_distance", "precision"} < {row["metric"] for row in found[1]}
    assert {"recall_at_5", "median_rank"} < {row["metric"] for row in found[2]}
    return found


def vectors_near(bucket: str, count: int) -> list[np.ndarray]:
    """Vectors like those of the catalog's pictures, of length 1."""
    known = np.array([row["vector"] for row in read_rows(bucket, "vectors/embeddings")], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.03, (count, known.shape[1]))
    near = np.resize(known, noise.shape) + noise
    return list((near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32))


@needs_java
@pytest.mark.parametrize("runner", ["spark", "flink"])
def test_evaluation_is_the_same_to_the_last_digit(
    bucket: str, scores: list[list[dict[str, Any]]], runner: str
) -> None:
    options = {
        "spark": ["--spark-master", "local[2]", "--spark-job-server-jar", str(spark_jar())],
        "flink": ["--flink-parallelism", "2", "--flink-job-server-jar", str(flink_jar())],
    }[runner]
    captions, drawn, found = evaluate(bucket, f"{runner}-scores", "--runner", runner, *options)
    assert [captions, found] == [scores[0], scores[2]]
    # Covariances are added up in whichever order their parts come.
    names = ("value", "low", "high")
    for row, expected in zip(drawn, scores[1], strict=True):
        assert [row.pop(name) for name in names] == pytest.approx(
            [expected[name] for name in names], rel=1e-9
        )
        assert row == {name: value for name, value in expected.items() if name not in names}


# Captions and answers take the same way: each runner does one of the two in its job server, and the
# other on a cluster.
def test_two_local_workers(bucket: str, reference: dict[str, Any]) -> None:
    options = ["--workers", 2]
    found = run_both(bucket, "local-2", *options, jobs=["caption"])
    check_same(found, reference, "local", processes=2)


@needs_prism
def test_prism(bucket: str, reference: dict[str, Any]) -> None:
    options = ["--runner", "prism", "--prism-location", PRISM]
    check_same(run_both(bucket, "prism", *options, jobs=["answer"]), reference, "prism")


@needs_java
def test_spark_in_the_job_server(bucket: str, reference: dict[str, Any]) -> None:
    options = ["--runner", "spark", "--spark-master", "local[2]"]
    options += ["--spark-job-server-jar", str(spark_jar())]
    check_same(run_both(bucket, "spark-local", *options, jobs=["caption"]), reference, "spark")


@needs_java
def test_spark_standalone_with_two_workers(
    bucket: str, reference: dict[str, Any], tmp_path: Path
) -> None:
    from tests.servers.spark_cluster import spark_cluster

    with spark_cluster(tmp_path) as cluster:
        options = ["--runner", "spark", "--spark-master", cluster.url]
        options += ["--spark-job-server-jar", str(spark_jar())]
        found = run_both(bucket, "spark", *options, jobs=["answer"])
        check_same(found, reference, "spark", processes=2)


@needs_java
def test_flink_in_the_job_server(bucket: str, reference: dict[str, Any]) -> None:
    options = ["--runner", "flink", "--flink-parallelism", "2"]
    options += ["--flink-job-server-jar", str(flink_jar())]
    check_same(run_both(bucket, "flink-local", *options, jobs=["caption"]), reference, "flink")


@needs_java
def test_a_flink_cluster_with_two_task_managers(
    bucket: str, reference: dict[str, Any], tmp_path: Path
) -> None:
    with flink_cluster(tmp_path, flink_jar()) as cluster:
        options = ["--runner", "flink", "--flink-master", cluster.address]
        options += ["--flink-parallelism", "2", "--flink-job-server-jar", str(flink_jar())]
        found = run_both(bucket, "flink", *options, jobs=["answer"])
        check_same(found, reference, "flink", processes=2)
