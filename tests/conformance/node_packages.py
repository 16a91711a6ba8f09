"""Packages of npm that tests need, as a lock file pins them. Node comes with the Python environment."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(command: list[str], folder: Path, **environment: str) -> str:
    finished = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        pytest.fail(f"{' '.join(command)} failed with {finished.returncode}:\n{finished.stdout}{finished.stderr}", pytrace=False)
    return finished.stdout


def installed(folder: Path) -> str:
    """Node, as tests/requirements.txt brings it into the environment, with the packages of the folder's package-lock.json and nothing else in that folder."""
    programs = Path(sys.executable).parent
    node, npm = programs / "node", programs / "npm"
    for program in (node, npm):
        if not program.exists():
            pytest.fail(f"{program} is not there: python3 tests/run.py makes the environment with it. The suite cannot run without it and is not skipped", pytrace=False)
    packages = folder / "node_modules"
    stamp = packages / ".installed.sha256"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        install = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        run(install, folder, PATH=f"{programs}{os.pathsep}{os.environ.get('PATH', '')}")
        stamp.write_text(wanted)
    return str(node)
