"""Writes a report of an output in an S3 bucket, on a server of its own; tells what came of it."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer


def _load_output_maker() -> Any:
    path = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("report_outputs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.OutputMaker


def main() -> None:
    """Run, then print a JSON object."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    try:
        from reports.page import write_report
        from schemas.errors import UsageError
        from schemas.failure import FailureKind

        output = _load_output_maker()("s3://bucket/some/out")
        output.filesystem.mkdir("bucket")
        try:
            write_report("s3://bucket/some/out")
            missing = "nothing"
        except UsageError as error:
            missing = type(error).__name__
        output.caption_run("20260301-020000-aaaaaa", rows=3)
        write_report("s3://bucket/some/out")
        # After a listing was cached:
        failures = output.failures({FailureKind.TIMEOUT: 2})
        output.caption_run("20260302-020000-bbbbbb", rows=7, failures=failures)
        summary = write_report("s3://bucket/some/out")
        page = output.filesystem.cat_file("bucket/some/out/report.html").decode()
        runs = sorted(path[-27:-5] for path in output.filesystem.find("bucket/some/out/_runs"))
        shown = [summary.path, summary.runs[0].run_id, summary.rows, summary.failures]
        json.dump({"missing": missing, "summary": shown, "runs": runs, "page": page}, sys.stdout)
    finally:
        server.stop()


main()
