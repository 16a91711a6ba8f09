"""Answers that moto's Athena is told to give, as they come out of the program."""

from __future__ import annotations

import json
import urllib.request

import aws
from collector import EXIT_DONE, EXIT_FAILED, Program

ACCOUNT = "123456789012"
COLUMNS = [
    ("key_id", "varchar"),
    ("grants", "bigint"),
    ("days", "integer"),
    ("cost", "double"),
    ("price", "decimal"),
    ("enabled", "boolean"),
    ("created", "date"),
    ("used_at", "timestamp"),
    ("now", "timestamp with time zone"),
    ("aliases", "array"),
    ("tags", "map"),
]


def queue(endpoint: str, rows: list[list[str | None]]) -> None:
    """What the next query is answered with: the line of names first, as Athena does."""
    names = [name for name, _ in COLUMNS]
    data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in [names, *rows]]
    info = [
        {"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": kind, "Precision": 10, "Scale": 2, "Nullable": "UNKNOWN", "CaseSensitive": True}
        for name, kind in COLUMNS
    ]
    body = json.dumps({"account_id": ACCOUNT, "region": "us-east-1", "results": [{"rows": data, "column_info": info}]}).encode()
    request = urllib.request.Request(f"{endpoint}/moto-api/static/athena/query-results", body, {"Content-Type": "application/json"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


def test_each_type_becomes_what_it_is_in_json(program: Program, moto_endpoint: str) -> None:
    whole = ["k-1", "9007199254740993", "-7", "1.5", "12.30", "true", "2026-11-22", "2026-11-22 06:03:00.120", "2026-11-22 06:03:00.000 UTC", "[alias/a, alias/b]", "{team=payments}"]
    queue(moto_endpoint, [whole, ["", *[None] * 10]])
    said = program.run("query", "--engine", "athena", "--view", "key_overview", "--output-location", "s3://results/x", "--format", "json", endpoint=moto_endpoint).expect(EXIT_DONE)
    names = [name for name, _ in COLUMNS]
    assert json.loads(said.stdout) == [
        dict(zip(names, ["k-1", 9007199254740993, -7, 1.5, 12.3, True, "2026-11-22", "2026-11-22T06:03:00.120Z", "2026-11-22T06:03:00Z", "[alias/a, alias/b]", "{team=payments}"], strict=True)),
        dict(zip(names, ["", *[None] * 10], strict=True)),
    ]
    executions = aws.client("athena", moto_endpoint)
    asked = executions.get_query_execution(QueryExecutionId=executions.list_query_executions()["QueryExecutionIds"][-1])["QueryExecution"]
    assert asked["Query"] == 'SELECT * FROM "key_overview"'
    assert asked["QueryExecutionContext"] == {"Database": "kms_insights_database", "Catalog": "AwsDataCatalog"}
    assert asked["ResultConfiguration"]["OutputLocation"].startswith("s3://results/x/")


def test_hostile_text_does_not_reach_the_terminal(program: Program, moto_endpoint: str) -> None:
    queue(moto_endpoint, [["\x1b[2J\u202eoops", *[None] * 10]])
    said = program.run("query", "SELECT 1", "--engine", "athena", "--output-location", "s3://results/x", endpoint=moto_endpoint).expect(EXIT_DONE)
    assert "\x1b" not in said.stdout and "\u202e" not in said.stdout and "oops" in said.stdout


def test_a_value_that_is_none_of_its_type_is_named(program: Program, moto_endpoint: str) -> None:
    queue(moto_endpoint, [["k-1", "many", *[None] * 9]])
    said = program.run("query", "SELECT 1", "--engine", "athena", "--output-location", "s3://results/x", endpoint=moto_endpoint).expect(EXIT_FAILED)
    assert 'error: Athena gave "many" in the column grants, which is no bigint that could be read' in said.stderr
    assert " next: CAST the column to varchar" in said.stderr


def test_a_workgroup_that_is_not_there_is_named(program: Program, moto_endpoint: str) -> None:
    said = program.run("query", "SELECT 1", "--engine", "athena", "--workgroup", "nobodys", endpoint=moto_endpoint).expect(EXIT_FAILED)
    assert "WorkGroup does not exist" in said.stderr
    assert " next: name a workgroup of the account and Region with --workgroup" in said.stderr
