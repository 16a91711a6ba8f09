"""The lakes, reports and the browser that the suite's modules share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import report_browser
import report_lakes
from collector import EXIT_DONE, Program


@dataclass(frozen=True)
class Hostile:
    """A lake with hostile texts, its report as a page, and the alias of each key that has a hostile one."""

    lake: Path
    page: Path
    aliases: dict[str, str]


@pytest.fixture(scope="session")
def demo_lake(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of one demo."""
    folder = tmp_path_factory.mktemp("demo") / "lake"
    program.run("demo", "--lake", str(folder), "--quiet", "--format", "json", credentials=None).expect(EXIT_DONE)
    return folder


@pytest.fixture(scope="session")
def hostile(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """The lake of two demos, one after the other, with hostile texts."""
    folder = tmp_path_factory.mktemp("hostile")
    for _ in range(2):
        program.run("demo", "--lake", str(folder / "demo"), "--quiet", "--format", "json", credentials=None).expect(EXIT_DONE)
    aliases = report_lakes.hostile(folder / "demo", folder / "lake")
    page = folder / "report.html"
    program.run("report", "--lake", str(folder / "lake"), "--output", str(page)).expect(EXIT_DONE)
    return Hostile(folder / "lake", page, aliases)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with report_browser.started(tmp_path_factory.mktemp("browser")) as browser:
        yield browser
