"""The demo's lake, read by DuckDB: every table, and what must agree between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from collector import EXIT_DONE, Finished, Program
from lake_reader import COLUMNS, RUN_ID, LakeReader

ACCOUNTS = 12


@dataclass(frozen=True)
class Demo:
    """The demo, and the lake it left."""

    finished: Finished
    lake: LakeReader


@pytest.fixture(scope="module")
def demo(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "lake"
    finished = program.run("demo", "--lake", str(folder), "--seed", "7", "--accounts", str(ACCOUNTS), credentials=None, timeout=300)
    return Demo(finished.expect(EXIT_DONE), LakeReader(folder))


def test_the_demo_ends_well_in_under_a_minute(demo: Demo) -> None:
    assert demo.finished.seconds < 60
    assert demo.finished.stdout != ""


@pytest.mark.parametrize("table", COLUMNS)
def test_every_table_can_be_read_and_has_its_columns(demo: Demo, table: str) -> None:
    columns = demo.lake.columns(table)
    assert [column for column in COLUMNS[table] if column not in columns] == []
    rows = demo.lake.rows(table)
    assert len(rows) > 0
    assert {row["run_id"] for row in rows} == {demo.lake.run_id()}
    assert RUN_ID.fullmatch(demo.lake.run_id())


def test_types_are_those_that_athena_reads_without_help(demo: Demo) -> None:
    keys = demo.lake.columns("keys")
    wanted = {
        "key_arn": "VARCHAR",
        "created_at": "TIMESTAMP",
        "enabled": "BOOLEAN",
        "monthly_cost_usd": "DOUBLE",
        "aliases": "VARCHAR[]",
        "tags": "MAP(VARCHAR, VARCHAR)",
    }
    assert {column: keys[column] for column in wanted} == wanted


def test_times_are_milliseconds_without_a_zone(demo: Demo) -> None:
    """Athena and Trino read these as timestamp(3)."""
    kind = demo.lake.parquet_type("keys", "created_at")
    assert "isAdjustedToUTC=0" in kind and "MILLIS=MilliSeconds" in kind, kind


def test_every_key_has_one_row_of_last_use_and_every_other_row_has_its_key(demo: Demo) -> None:
    keys = sorted(row["key_arn"] for row in demo.lake.rows("keys", ("key_arn",)))
    assert keys == sorted(row["key_arn"] for row in demo.lake.rows("key_last_used", ("key_arn",)))
    assert len(keys) == len(set(keys))
    for table in ("policy_statements", "grants", "key_access", "findings"):
        assert {row["key_arn"] for row in demo.lake.rows(table, ("key_arn",))} <= set(keys), table


def test_the_run_counts_its_accounts_and_what_lacks(demo: Demo) -> None:
    (run,) = demo.lake.rows("runs")
    outcomes = [row["outcome"] for row in demo.lake.rows("accounts", ("outcome",))]
    assert len(outcomes) == ACCOUNTS
    counted = {outcome: outcomes.count(outcome) for outcome in ("complete", "partial", "failed", "skipped")}
    assert {outcome: run[f"accounts_{outcome}"] for outcome in counted} == counted
    assert run["facts_lacking"] == len(demo.lake.rows("collection_errors", ("fact",)))
    assert run["findings"] == len(demo.lake.rows("findings", ("finding_id",)))
    assert run["keys"] == len(demo.lake.rows("keys", ("key_arn",)))


def test_every_fact_that_lacks_is_named_in_collection_errors(demo: Demo) -> None:
    """A status of denied or failed in `keys` and an error row are two views of the same lack; one that comes from a listing is told once for its Region."""
    facts = ("metadata", "policy", "ram_policy", "grants", "tags", "rotation", "rotations", "last_usage")
    lacking = {(row["key_arn"], fact) for row in demo.lake.rows("keys") for fact in facts if row[f"{fact}_status"] in ("denied", "failed")}
    named = {(row["key_arn"], row["fact"]) for row in demo.lake.rows("collection_errors") if row["key_arn"] is not None and row["fact"] in facts}
    assert named == lacking


def test_snapshot_folders_carry_the_day_of_the_run(demo: Demo) -> None:
    run_id = demo.lake.run_id()
    day = f"snapshot_date={run_id[0:4]}-{run_id[4:6]}-{run_id[6:8]}"
    files = [file for table in COLUMNS for file in demo.lake.files(table)]
    assert {file.parent.name for file in files} == {day}
    assert {file.suffix for file in files} == {".parquet"}
    assert sorted(Path(file).name[: len(run_id)] for file in files) == [run_id] * len(files)
