#!/usr/bin/env python3
"""The conformance command against fakecloud: real pages, trust policies with external ids, IAM, SCP and key-policy denials.

    python3 tests/fakecloud/run.py                        installs fakecloud if it is not there, then runs the suite
    python3 tests/fakecloud/run.py --fakecloud PATH       uses a fakecloud binary that is there
    python3 tests/fakecloud/run.py -- -k external_id      arguments after `--` go to pytest

Not part of CI: `cargo install fakecloud` takes about 34 minutes on two cores and 2.4 GB of disk, once. The binary is kept in the user's cache folder
($XDG_CACHE_HOME or ~/.cache). fakecloud is AGPL: it is run beside the product, never linked into it. Run this before a release.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parent.parent
VERSION = "0.51.0"


def main() -> int:
    own, pytest = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, pytest = own[:at], own[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fakecloud", type=Path, help="a fakecloud binary, instead of the one in the cache folder")
    options = parser.parse_args(own)
    tests = runner()
    try:
        fakecloud = options.fakecloud or installed(tests)
        if not fakecloud.is_file():
            raise tests.Failed(f"there is no {fakecloud}")
        python = tests.virtual_environment()
        environment = {"KMS_INSIGHTS_BINARY": str(tests.build_binary()), "FAKECLOUD_BINARY": str(fakecloud.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(python), "-m", "pytest", "-c", str(TESTS / "pytest.ini"), str(TESTS / "fakecloud"), *pytest]
        passed = tests.step("pytest (fakecloud)", command, environment)
    except tests.Failed as failure:
        print(f"\nFAILED: {failure}", flush=True)
        return 1
    print("\nPASSED: fakecloud" if passed else "\nFAILED: fakecloud", flush=True)
    return 0 if passed else 1


def runner() -> ModuleType:
    """tests/run.py, whose virtual environment and build are used here too."""
    spec = importlib.util.spec_from_file_location("conformance_runner", TESTS / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed(tests: ModuleType) -> Path:
    """The binary in the cache folder, built when it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kms-insights" / f"fakecloud-{VERSION}"
    binary = cache / "bin" / ("fakecloud.exe" if os.name == "nt" else "fakecloud")
    if not binary.is_file():
        print(f"fakecloud {VERSION} is not in {cache}: building it takes about 34 minutes on two cores and 2.4 GB of disk, once", flush=True)
        tests.require("installing fakecloud", [tests.cargo(), "install", "fakecloud", "--version", VERSION, "--locked", "--root", str(cache)])
    return binary


if __name__ == "__main__":
    sys.exit(main())
