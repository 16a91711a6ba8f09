"""The Trino server that the suite's modules share: it takes a while to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import servers
from trino_lab import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server over an empty folder."""
    files = tmp_path_factory.mktemp("files")
    with servers.trino(tmp_path_factory.mktemp("trino"), files) as endpoint:
        yield Lab(endpoint, files)
