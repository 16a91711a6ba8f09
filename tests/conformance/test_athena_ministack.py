"""Setting up and asking on ministack's Athena: a catalog, a store and an SQL engine that nobody here wrote. Its SQL is DuckDB's, so that what is asked here keeps to what both have."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import aws
from collector import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Finished, Program

ATHENA = Path(__file__).resolve().parents[2] / "athena"
BUCKET, PREFIX = "security-lake", "inventory/kms"
LAKE = f"s3://{BUCKET}/{PREFIX}"
DATABASE = "audit_2026"
RESULTS = "s3://athena-results/kms"
TABLES = sorted(file.stem for file in (ATHENA / "tables").glob("*.sql"))
VIEWS = sorted(file.stem for file in (ATHENA / "views").glob("*.sql"))
QUERIES = sorted(file.stem for file in (ATHENA / "queries").glob("*.sql"))


@dataclass(frozen=True)
class Place:
    """The demo's lake, in a folder and on S3, and Athena over it."""

    program: Program
    endpoint: str
    folder: Path

    def setup(self, *options: str) -> Finished:
        return self.program.run("athena", "setup", "--lake", LAKE, "--database", DATABASE, "--output-location", RESULTS, *options, endpoint=self.endpoint)

    def outcomes(self) -> dict[str, Counter[str]]:
        """How many objects of each kind were created, replaced and left alone."""
        told = json.loads(self.setup("--format", "json").expect(EXIT_DONE).stdout)
        assert (told["lake"], told["database"], told["workgroup"]) == (LAKE, DATABASE, "primary")
        kinds = {item["kind"] for item in told["objects"]}
        return {kind: Counter(item["outcome"] for item in told["objects"] if item["kind"] == kind) for kind in kinds}

    def ask(self, sql: str, *options: str) -> Finished:
        arguments = ["query", sql, "--engine", "athena", "--database", DATABASE, "--output-location", RESULTS, "--format", "json", *options]
        return self.program.run(*arguments, endpoint=self.endpoint)

    def glue(self) -> Any:
        return aws.client("glue", self.endpoint)


@pytest.fixture(scope="module")
def place(program: Program, ministack_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("demo") / "lake"
    program.run("demo", "--lake", str(folder), "--seed", "7", "--accounts", "12", credentials=None).expect(EXIT_DONE)
    s3 = aws.client("s3", ministack_endpoint)
    for bucket in (BUCKET, "athena-results"):
        s3.create_bucket(Bucket=bucket)
    for file in folder.rglob("*.parquet"):
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{file.relative_to(folder)}", Body=file.read_bytes())
    return Place(program, ministack_endpoint, folder)


def test_everything_is_made_once_and_left_alone_after_that(place: Place) -> None:
    assert place.outcomes() == {
        "database": {"created": 1},
        "table": {"created": len(TABLES)},
        "view": {"created": len(VIEWS)},
        "saved_query": {"created": len(QUERIES)},
    }
    # Athena tells nobody the text of a view.
    assert place.outcomes() == {
        "database": {"unchanged": 1},
        "table": {"unchanged": len(TABLES)},
        "view": {"replaced": len(VIEWS)},
        "saved_query": {"unchanged": len(QUERIES)},
    }


def test_the_catalog_holds_the_tables_of_the_definitions_over_the_lake(place: Place) -> None:
    place.outcomes()
    tables = {table["Name"]: table for table in place.glue().get_tables(DatabaseName=DATABASE)["TableList"]}
    assert sorted(tables) == sorted([*TABLES, *VIEWS])
    for name in TABLES:
        text = (ATHENA / "tables" / f"{name}.sql").read_text()
        before, after = text.split("PARTITIONED BY")
        declared = re.findall(r"^  `(\w+)` (\S+) COMMENT '([^']*)'", before, re.MULTILINE)
        storage = tables[name]["StorageDescriptor"]
        assert [(column["Name"], column["Type"], column["Comment"]) for column in storage["Columns"]] == declared
        assert [(column["Name"], column["Type"]) for column in tables[name]["PartitionKeys"]] == re.findall(r"\(`(\w+)` (\w+) COMMENT", after)
        assert storage["Location"] == f"{LAKE}/{name}"
        wanted = {key: value.replace("${lake}", LAKE) for key, value in re.findall(r"^  '([^']+)' = '([^']*)'", after, re.MULTILINE)}
        assert wanted.items() <= tables[name]["Parameters"].items()


def test_a_table_that_was_changed_is_replaced_and_told_why(place: Place) -> None:
    place.outcomes()
    glue = place.glue()
    table = glue.get_table(DatabaseName=DATABASE, Name="grants")["Table"]
    given = {key: table[key] for key in ("Name", "TableType", "Parameters", "StorageDescriptor", "PartitionKeys")}
    given["StorageDescriptor"] = {**table["StorageDescriptor"], "Columns": table["StorageDescriptor"]["Columns"][:-1]}
    glue.update_table(DatabaseName=DATABASE, TableInput=given)
    lost = table["StorageDescriptor"]["Columns"][-1]["Name"]
    objects = json.loads(place.setup("--format", "json").expect(EXIT_DONE).stdout)["objects"]
    replaced = [item for item in objects if item["kind"] == "table" and item["outcome"] == "replaced"]
    assert replaced == [{"kind": "table", "name": "grants", "outcome": "replaced", "reason": f"the column {lost} is new"}]
    assert glue.get_table(DatabaseName=DATABASE, Name="grants")["Table"]["StorageDescriptor"]["Columns"] == table["StorageDescriptor"]["Columns"]


def test_people_are_told_line_by_line(place: Place) -> None:
    place.outcomes()
    said = place.setup().expect(EXIT_DONE)
    lines = said.stdout.splitlines()
    assert "unchanged  table        keys" in lines
    assert "replaced   view         key_overview" in lines
    assert lines[-2] == (
        f"{DATABASE} now shows {LAKE}: {len(TABLES)} tables ({len(TABLES)} unchanged), {len(VIEWS)} views ({len(VIEWS)} replaced), "
        f"{len(QUERIES)} saved queries ({len(QUERIES)} unchanged)."
    )


def test_a_database_in_which_a_name_is_taken_is_left_as_it_is(place: Place) -> None:
    glue = place.glue()
    glue.create_database(DatabaseInput={"Name": "theirs"})
    columns = [{"Name": "id", "Type": "int"}]
    glue.create_table(DatabaseName="theirs", TableInput={"Name": "keys", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {"Columns": columns}, "PartitionKeys": []})
    said = place.program.run("athena", "setup", "--lake", LAKE, "--database", "theirs", "--output-location", RESULTS, endpoint=place.endpoint)
    assert said.expect(EXIT_FAILED).stderr == (
        "error: the table keys: the database theirs has a table named keys, which is not one of kms-insights' own: it is left as it is\n"
        " next: name another database with --database\n"
    )
    assert [table["Name"] for table in glue.get_tables(DatabaseName="theirs")["TableList"]] == ["keys"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT account_id, region, key_id, state, enabled, description, grant_count, rotation_period_days, monthly_cost_usd FROM keys ORDER BY key_arn",
        "SELECT run_id, started_at, keys, findings, selection FROM runs",
        "SELECT count(*) AS n, CAST(sum(monthly_cost_usd) AS double) AS usd FROM keys WHERE snapshot_date >= '2026-01-01'",
        "SELECT key_arn, count(*) AS grants FROM grants GROUP BY key_arn HAVING count(*) > 100000",
        "SELECT '' AS empty, CAST(NULL AS varchar) AS nothing, 1 AS one",
    ],
)
def test_athena_answers_from_the_lake_as_the_embedded_engine_does(place: Place, sql: str) -> None:
    place.outcomes()
    said = place.ask(sql).expect(EXIT_DONE)
    assert json.loads(said.stdout) == place.program.query(sql, str(place.folder))
    assert re.search(r"^Athena: .* read, the 10 MB that a query costs at least: 0\.000048 USD \(at 5 USD a TB, the price in most Regions\) in \d+\.\d s \(query [0-9a-f-]{36}\)$", said.stderr, re.MULTILINE)


def test_more_rows_than_a_page_has_come_whole_and_in_order(place: Place) -> None:
    rows = json.loads(place.ask("SELECT CAST(n AS bigint) AS n, 'n' AS name FROM (SELECT unnest(range(2500)) AS n) ORDER BY n").expect(EXIT_DONE).stdout)
    assert rows == [{"n": n, "name": "n"} for n in range(2500)]


def test_a_query_that_fails_says_so_in_athenas_words(place: Place) -> None:
    place.outcomes()
    said = place.ask("SELECT * FROM no_such_table").expect(EXIT_FAILED)
    assert said.stdout == ""
    assert "error: the query failed in Athena: " in said.stderr and "no_such_table" in said.stderr


def test_where_results_go_nowhere_the_next_step_is_told(place: Place) -> None:
    said = place.program.run("query", "SELECT 1", "--engine", "athena", endpoint=place.endpoint).expect(EXIT_FAILED)
    assert said.stderr == (
        "error: athena:StartQueryExecution: InvalidRequestException: No output location provided. An output location is required either through the Workgroup result "
        "configuration setting or as an API input.\n"
        " next: name a bucket for results with --output-location s3://…, or give the workgroup one; it has to be in Athena's Region\n"
    )


def test_nothing_that_writes_is_sent(place: Place) -> None:
    place.outcomes()
    place.ask("DROP TABLE keys").expect(EXIT_USAGE)
    assert place.glue().get_table(DatabaseName=DATABASE, Name="keys")["Table"]["Name"] == "keys"
