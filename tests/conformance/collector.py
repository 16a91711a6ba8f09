"""Runs the `kms-insights` binary as a person would: arguments, environment, exit code, stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_FINDINGS = 4


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    def expect(self, code: int) -> Finished:
        """This command, if it ended with `code`; otherwise a failure that shows what it said."""
        said = f"stdout:\n{_shortened(self.stdout)}\nstderr:\n{_shortened(self.stderr)}"
        assert self.code == code, f"{' '.join(self.arguments)} ended with {self.code}, not {code}\n{said}"
        return self


def _shortened(text: str) -> str:
    """A text without its middle: what was said first and last tells most."""
    return text if len(text) <= 3000 else f"{text[:1500]}\n[…]\n{text[-1500:]}"


@dataclass(frozen=True)
class Credentials:
    """Long-term or temporary credentials."""

    access_key: str = "test"
    secret_key: str = "test"
    session_token: str | None = None


# Root of the default account, in each of the stand-ins.
ANYBODY = Credentials()


@dataclass(frozen=True)
class Program:
    """The binary under test."""

    path: Path

    def run(
        self,
        *arguments: str,
        endpoint: str | None = None,
        credentials: Credentials | None = ANYBODY,
        region: str = "us-east-1",
        timeout: float = 600,
        authority: Path | None = None,
        stdout: IO[str] | int = subprocess.PIPE,
    ) -> Finished:
        """Runs one command to its end. Nothing of the caller's own AWS configuration reaches it. `authority` vouches for the endpoint's certificate."""
        started = time.monotonic()
        done = subprocess.run(
            [str(self.path), *arguments],
            env=environment(endpoint, credentials, region) | ({"SSL_CERT_FILE": str(authority)} if authority else {}),
            # Where nobody keeps a kms-insights.toml.
            cwd=self.path.parent,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Finished(arguments, done.returncode, done.stdout or "", done.stderr, time.monotonic() - started)

    def query(self, sql: str, lake: str, **options: Any) -> list[dict[str, Any]]:
        """The rows of a query, as `--format json` prints them: one array of objects."""
        finished = self.run("query", sql, "--lake", lake, "--format", "json", **options).expect(EXIT_DONE)
        return json.loads(finished.stdout)


def environment(endpoint: str | None, credentials: Credentials | None, region: str) -> dict[str, str]:
    """What surrounds the binary: nothing of the caller's own AWS configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KMS_INSIGHTS_"))}
    kept |= {
        "AWS_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    if endpoint is not None:
        kept["AWS_ENDPOINT_URL"] = endpoint
    if credentials is not None:
        kept |= {"AWS_ACCESS_KEY_ID": credentials.access_key, "AWS_SECRET_ACCESS_KEY": credentials.secret_key}
        if credentials.session_token is not None:
            kept["AWS_SESSION_TOKEN"] = credentials.session_token
    return kept
