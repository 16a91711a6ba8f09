"""Asks a Trino server, over its HTTP interface."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

CATALOG = "hive"
ANSWER_WITHIN_SECONDS = 300.0
POLL_SECONDS = 0.2
# What a server says that answers already and has nothing yet to run statements on.
NOT_YET = ("SERVER_STARTING_UP", "NO_NODES_AVAILABLE")


class QueryFailed(Exception):
    """Trino did not do what it was asked; the message is its own, with the statement."""

    def __init__(self, error: dict[str, Any], statement: str) -> None:
        super().__init__(f"{error['errorName']}: {error['message']}\n{statement}")
        self.name: str = error["errorName"]


@dataclass(frozen=True)
class Answer:
    """What a statement gives."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by the names of their columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Trino:
    """A server, and the schema that statements name nothing beside."""

    endpoint: str
    schema: str

    def run(self, statement: str) -> Answer:
        """Runs a statement to its end."""
        deadline = time.monotonic() + ANSWER_WITHIN_SECONDS
        while True:
            try:
                return self._run(statement)
            except QueryFailed as failure:
                if failure.name not in NOT_YET or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def _run(self, statement: str) -> Answer:
        columns: list[dict[str, Any]] = []
        rows: list[list[Any]] = []
        # Athena's time zone is UTC.
        headers = {"X-Trino-User": "tests", "X-Trino-Catalog": CATALOG, "X-Trino-Schema": self.schema, "X-Trino-Time-Zone": "UTC"}
        answer = self._ask(urllib.request.Request(f"{self.endpoint}/v1/statement", statement.encode(), headers))
        while True:
            if "error" in answer:
                raise QueryFailed(answer["error"], statement)
            columns = answer.get("columns", columns)
            rows += answer.get("data", [])
            if "nextUri" not in answer:
                return Answer(tuple(column["name"] for column in columns), tuple(column["type"] for column in columns), rows)
            answer = self._ask(urllib.request.Request(answer["nextUri"]))

    @staticmethod
    def _ask(request: urllib.request.Request) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=ANSWER_WITHIN_SECONDS) as response:
            return json.load(response)
