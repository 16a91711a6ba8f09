"""What every suite shares: the binary, and one server per module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from collector import Program

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def program() -> Program:
    """The binary named by KMS_INSIGHTS_BINARY, else the one that `cargo build -p kms-insights` leaves."""
    path = Path(os.environ.get("KMS_INSIGHTS_BINARY", REPOSITORY / "target" / "debug" / "kms-insights")).resolve()
    if not path.is_file():
        pytest.fail(f"{path} does not exist: build it with `cargo build -p kms-insights`, or let tests/run.py do it", pytrace=False)
    return Program(path)


@pytest.fixture(scope="module")
def moto_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A moto server of this module's own."""
    with servers.moto(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def ministack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ministack server of this module's own."""
    with servers.ministack(tmp_path_factory.mktemp("ministack")) as endpoint:
        yield endpoint
