"""Ctrl-C while a query runs: Athena is really told to end it. What answers here runs for ever, as no stand-in's query does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from collector import ANYBODY, EXIT_FAILED, Program, environment

EXIT_AT_ONCE = 130


class Endless(ThreadingHTTPServer):
    """Athena, whose only query runs for ever; what was asked is kept in order."""

    def __init__(self, stops: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.runs = threading.Event()
        self.told = threading.Event()
        self.stops = stops
        self.ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Endless
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].removeprefix("AmazonAthena.")
        self.server.asked.append(operation)
        if operation == "StopQueryExecution":
            self.server.told.set()
            if not self.server.stops:
                self.server.ended.wait(60)
        answers = {
            "StartQueryExecution": {"QueryExecutionId": "q-1"},
            "GetQueryExecution": {"QueryExecution": {"QueryExecutionId": "q-1", "Status": {"State": "RUNNING"}, "Statistics": {"DataScannedInBytes": 2048}}},
            "StopQueryExecution": {},
        }
        body = json.dumps(answers[operation]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        # Who asks a second time has told of the first answer.
        if self.server.asked.count("GetQueryExecution") == 2:
            self.server.runs.set()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(params=[True, False], ids=["stops", "hangs"])
def endless(request: pytest.FixtureRequest) -> Iterator[Endless]:
    server = Endless(request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()


def test_ctrl_c_cancels_the_query_and_a_second_one_ends_at_once(program: Program, endless: Endless) -> None:
    endpoint = f"http://127.0.0.1:{endless.server_address[1]}"
    process = subprocess.Popen(
        [str(program.path), "query", "SELECT 1", "--engine", "athena"],
        env=environment(endpoint, ANYBODY, "us-east-1"),
        cwd=program.path.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert endless.runs.wait(30)
    os.kill(process.pid, signal.SIGINT)
    assert endless.told.wait(30)
    if not endless.stops:
        os.kill(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert stdout == ""
    assert "Athena: running (query q-1)\n" in stderr
    assert "stopping: Athena is told; Ctrl-C once more ends this at once\n" in stderr
    if endless.stops:
        assert process.returncode == EXIT_FAILED
        assert "error: interrupted: Athena was told to cancel the query q-1; what it had read by then, 2.0 KB or more, is charged\n" in stderr
    else:
        assert process.returncode == EXIT_AT_ONCE
    assert endless.asked.count("StopQueryExecution") == 1 and endless.asked[-1] == "StopQueryExecution"
