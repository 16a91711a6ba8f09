"""The fakecloud server, and an organization in it that enforces IAM."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from enforced_organization import EnforcedOrganization


@pytest.fixture(scope="module")
def fakecloud_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fakecloud server of this module's own, which verifies signatures and enforces IAM."""
    binary = os.environ.get("FAKECLOUD_BINARY")
    if binary is None or not Path(binary).is_file():
        pytest.fail("FAKECLOUD_BINARY names no fakecloud: run tests/fakecloud/run.py", pytrace=False)

    def command(port: int) -> tuple[list[str], dict[str, str]]:
        return [binary, "--addr", f"127.0.0.1:{port}", "--iam", "strict", "--verify-sigv4"], {}

    with servers.running("fakecloud", command, tmp_path_factory.mktemp("fakecloud")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def organization(fakecloud_endpoint: str) -> EnforcedOrganization:
    """An organization with the caller of the collector in its management account."""
    return EnforcedOrganization(fakecloud_endpoint)
