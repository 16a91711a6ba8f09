"""The views and queries of athena/ on Trino, over the demo's lake: the rows are those that `kms-insights query` gives."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import earlier_snapshot
from collector import EXIT_DONE, Program
from trino_client import Trino
from trino_lab import ATHENA, DATABASE, Lab

pytest_plugins = ["trino_fixtures"]

# On Trino and on Athena a query may have 150 stages, and who asks a view adds some. What WITH names is planned anew wherever it is asked.
MOST_STAGES = 75
VIEWS = sorted(file.stem for file in (ATHENA / "views").glob("*.sql"))
TABLES = sorted(file.stem for file in (ATHENA / "tables").glob("*.sql"))
QUERIES = sorted(file.stem for file in (ATHENA / "queries").glob("*.sql"))
TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z$")


@dataclass(frozen=True)
class Demo:
    """The demo's lake, as both engines see it."""

    program: Program
    lake: Path
    trino: Trino

    def embedded(self, statement: str) -> list[str]:
        """The rows that the embedded engine gives, each as text."""
        told = self.program.run("query", "--lake", str(self.lake), "--format", "json", "--", statement, credentials=None).expect(EXIT_DONE)
        return sorted(as_text(row) for row in json.loads(told.stdout))

    def on_trino(self, statement: str) -> list[str]:
        """The rows that Trino gives, each as text."""
        answer = self.trino.run(statement)
        times = [name for name, kind in zip(answer.columns, answer.types, strict=True) if kind.startswith("timestamp")]
        return sorted(as_text(row | {name: row[name] and f"{row[name].replace(' ', 'T')}Z" for name in times}) for row in answer.dicts())


def as_text(row: dict[str, Any]) -> str:
    """A row with its columns in their order, and times as both engines can be made to write them."""
    return json.dumps({name: TIME.sub(r"\1.000Z", value) if isinstance(value, str) else value for name, value in row.items()})


def below_first_line(file: Path) -> str:
    """What a file has below its first line, which is about it and may name other views."""
    return file.read_text().split("\n", 1)[1]


@pytest.fixture(scope="module")
def demo(program: Program, lab: Lab) -> Demo:
    lake = lab.files / "demo"
    program.run("demo", "--lake", str(lake), "--seed", "7", "--accounts", "12", credentials=None, timeout=300).expect(EXIT_DONE)
    earlier_snapshot.add(lake)
    trino = lab.schema("demo")
    lab.create_tables(trino, lake, TABLES)
    # A view may ask another, whose name tells nothing of the order; none asks itself.
    waiting = {view: below_first_line(ATHENA / "views" / f"{view}.sql") for view in VIEWS}
    while waiting:
        ready = [view for view, text in waiting.items() if not any(re.search(rf"\b{other}\b", text) for other in waiting if other != view)]
        assert ready, f"views that ask each other: {sorted(waiting)}"
        for view in ready:
            trino.run(waiting.pop(view))
    return Demo(program, lake, trino)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_same_rows(demo: Demo, table: str) -> None:
    statement = f"SELECT * FROM {table}"
    assert demo.on_trino(statement) == demo.embedded(statement)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_same_rows(demo: Demo, view: str) -> None:
    statement = f"SELECT * FROM {view}"
    found = demo.on_trino(statement)
    assert found == demo.embedded(statement)
    assert found, "the demo has something to show"


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_stages_to_spare(demo: Demo, view: str) -> None:
    ((plan,),) = demo.trino.run(f"EXPLAIN (TYPE DISTRIBUTED) SELECT * FROM {view}").rows
    assert len(re.findall(r"^Fragment \d+ ", plan, re.MULTILINE)) <= MOST_STAGES


def test_the_two_snapshots_differ_in_every_way(demo: Demo) -> None:
    told = demo.trino.run("SELECT DISTINCT subject, change FROM changes_since_previous").rows
    assert {(subject, change) for subject, change in told} == {
        *(("key", change) for change in ("appeared", "first_read", "gone")),
        *((subject, change) for subject in ("finding", "grant") for change in ("appeared", "first_read", "gone")),
        *((subject, "changed") for subject in ("state", "rotation_enabled", "aliases", "policy", "policy_status")),
        *(("severity", change) for change in ("rose", "fell")),
        ("waiver", "ended"),
    }


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_the_same_rows(demo: Demo, query: str) -> None:
    statement = (ATHENA / "queries" / f"{query}.sql").read_text()
    found = demo.on_trino(statement.replace(DATABASE, "demo"))
    assert found == demo.embedded(statement)
    assert found, "the demo has something to show"
