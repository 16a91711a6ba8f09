"""The schema of the OASIS Standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0" as the crate `serde-sarif` carries it; tests/sarif_schema pins the crate, and cargo fetches it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

HERE = Path(__file__).resolve().parent


def validator() -> jsonschema.protocols.Validator:
    """What tells whether a document is valid."""
    manifest = HERE.parent / "sarif_schema" / "Cargo.toml"
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.fail(f"the schema of SARIF cannot be had: {asked.stderr}", pytrace=False)
    carrier = next(package for package in json.loads(asked.stdout)["packages"] if package["name"] == "serde-sarif")
    schema = json.loads((Path(carrier["manifest_path"]).parent / "src" / "schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
