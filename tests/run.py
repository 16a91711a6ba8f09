#!/usr/bin/env python3
"""Runs every test of the repository, on a machine that has only Rust and Python.

    python3 tests/run.py                      everything: cargo test, then the conformance suites
    python3 tests/run.py --only moto          one suite (rust, moto, ministack, athena, quicksight, cli, demo, export, mcp, policy, report, trino); may be given several times
    python3 tests/run.py --no-rust            everything but `cargo test`
    python3 tests/run.py --only moto -- -k s3 arguments after `--` go to pytest

The Python packages, pinned in tests/requirements.txt, go into `.venv` at the root of the repository, which is made again whenever that file changes. The Trino server comes from
Maven Central, once, into target/trino; the browser comes from npm, once, into target/chromium.
Whatever cannot be had is a failure that names it; no suite is ever left out in silence.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, NoReturn, Optional

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
REQUIREMENTS = TESTS / "requirements.txt"
VENV = ROOT / ".venv"
STAMP = VENV / "requirements.sha256"

# pip takes minutes where uv takes seconds, so pip installs nothing but uv.
UV = "uv==0.13.9"
# The oldest and the first too new Python for which the pinned packages exist.
OLDEST_PYTHON = (3, 10)
FIRST_UNSUPPORTED_PYTHON = (3, 15)

CONFORMANCE: Dict[str, str] = {
    "moto": "the collector against moto: an organization, its keys, the lake on a folder and on S3",
    "ministack": "the collector against ministack: a listing that never ends",
    "athena": "`athena setup` and `query --engine athena` against ministack and moto: what is sent, what is left in the catalog, what comes back, and what Ctrl-C ends",
    "quicksight": "what QuickSight is given, against AWS's own service model, the views' columns, cfn-lint and moto",
    "cli": "arguments, exit codes and messages",
    "demo": "the demo's lake, read by DuckDB",
    "export": "findings in the formats of other tools, against their published schemas",
    "mcp": "the demo's lake, asked by the Model Context Protocol's own client",
    "policy": "the tests' evaluator of key policies against iam-simulate",
    "report": "the report in a real browser: hostile texts, keyboard, barriers, paper, very many keys",
    "trino": "the SQL for Athena on a Trino server: daily usage as the scanner counts it, views and queries as the embedded engine answers them",
}
SUITES = ["rust", *CONFORMANCE]


class Failed(Exception):
    """Something that ends the run; the message says what and names it."""


def main() -> int:
    options = parse_arguments()
    suites = [suite for suite in (options.only or SUITES) if not (suite == "rust" and options.no_rust)]
    started = time.monotonic()
    failures: List[str] = []
    try:
        if "rust" in suites and not step("cargo test", [cargo(), "test", "--workspace", "--locked"]):
            failures.append("rust")
        wanted = [suite for suite in suites if suite in CONFORMANCE]
        if wanted:
            python = virtual_environment()
            binary = build_binary()
            for suite in wanted:
                print(f"== {suite}: {CONFORMANCE[suite]}", flush=True)
                files = sorted(str(path.relative_to(ROOT)) for path in (TESTS / "conformance").glob(f"test_{suite}_*.py"))
                if not files:
                    raise Failed(f"tests/conformance has no test_{suite}_*.py")
                command = [str(python), "-m", "pytest", "-c", str(TESTS / "pytest.ini"), *files, *options.pytest]
                if not step(f"pytest ({suite})", command, {"KMS_INSIGHTS_BINARY": str(binary), "PYTHONDONTWRITEBYTECODE": "1"}):
                    failures.append(suite)
    except Failed as failure:
        print(f"\nFAILED: {failure}", flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nFAILED: interrupted", flush=True)
        return 130
    took = f"{time.monotonic() - started:.0f} s"
    if failures:
        print(f"\nFAILED: {', '.join(failures)} ({took})", flush=True)
        return 1
    print(f"\nPASSED: {', '.join(suites)} ({took})", flush=True)
    return 0


def parse_arguments() -> argparse.Namespace:
    own, pytest = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, pytest = own[:at], own[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SUITES, metavar="SUITE", help=f"run this suite only: {', '.join(SUITES)}")
    parser.add_argument("--no-rust", action="store_true", help="leave out cargo test (the binary is still built where a suite needs it)")
    options = parser.parse_args(own)
    if options.no_rust and options.only == ["rust"]:
        parser.error("--only rust and --no-rust leave nothing to run")
    options.pytest = pytest
    return options


def step(name: str, command: List[str], extra: Optional[Dict[str, str]] = None) -> bool:
    """Runs a command in the repository's root with its output shown; whether it succeeded."""
    print(f"-- {name}: {shlex.join(command)}", flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **(extra or {})}, check=False).returncode == 0


def require(what: str, command: List[str]) -> None:
    if not step(what, command):
        raise Failed(f"{what} did not succeed; its output is above")


def cargo() -> str:
    return shutil.which("cargo") or refuse("cargo is not on the PATH: install Rust (the version is in Cargo.toml, rust-version)")


def build_binary() -> Path:
    """The debug binary, built from the working tree: the one that `cargo test` made, where it ran. `cargo build` would compile most dependencies once more, because tests turn features on."""
    require("building kms-insights", [cargo(), "test", "--workspace", "--no-run", "--test", "end_to_end", "--locked"])
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = (target if target.is_absolute() else ROOT / target) / "debug" / ("kms-insights.exe" if os.name == "nt" else "kms-insights")
    if not binary.is_file():
        raise Failed(f"the build left no {binary}")
    return binary


def virtual_environment() -> Path:
    """The Python of `.venv`, which holds exactly the pinned packages."""
    if not OLDEST_PYTHON <= sys.version_info[:2] < FIRST_UNSUPPORTED_PYTHON:
        oldest, newest = ".".join(map(str, OLDEST_PYTHON)), f"{FIRST_UNSUPPORTED_PYTHON[0]}.{FIRST_UNSUPPORTED_PYTHON[1] - 1}"
        refuse(f"the conformance suites need Python {oldest} to {newest}, this is {platform.python_version()}: run tests/run.py with such a one")
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = hashlib.sha256(REQUIREMENTS.read_bytes() + UV.encode() + platform.python_version().encode()).hexdigest()
    if python.exists() and STAMP.exists() and STAMP.read_text() == stamp:
        print("-- .venv holds the pinned packages already", flush=True)
        return python
    require("making .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    require(f"installing {UV}", [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])
    require(
        "installing the packages of tests/requirements.txt",
        [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python), "--requirement", str(REQUIREMENTS)],
    )
    STAMP.write_text(stamp)
    return python


def refuse(reason: str) -> NoReturn:
    raise Failed(reason)


if __name__ == "__main__":
    sys.exit(main())
