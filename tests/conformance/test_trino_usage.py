"""Daily usage by SQL (athena/usage) against `kms-insights trail scan`, on the same log files: every row and column, and rows that a person wrote by hand.

Trino has no reader for CloudTrail's files. The table `cloudtrail_logs` that the SQL asks is here a view of that name over a table of whole files, with the
columns and projected partitions of athena/usage/cloudtrail_logs.sql; the SQL itself is the text that Athena is given.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import trino_log_files as records
from collector import EXIT_DONE, Program
from trino_client import Trino
from trino_install import target_folder
from trino_lab import ATHENA, DATABASE, Lab
from trino_tables import Table, trino_type

pytest_plugins = ["trino_fixtures"]

REPOSITORY = Path(__file__).resolve().parents[2]
TABLES = ["key_usage_daily", "trail_files", "trail_scans"]
PUBLISHED = "SELECT t.* FROM {table} t JOIN trail_scans s ON t.scan_id = s.scan_id"
CORPUS = {"files": 12, "megabytes-per-file": 1, "seed": 7}
FIRST_SCAN, LATER_SCAN, LAST_SCAN = "20261122T060001Z-00000001", "20261122T060002Z-00000002", "20261122T060003Z-00000003"
FAILED_SCAN = "20261122T060004Z-00000004"
SINCE, UNTIL = "2026-11-01", "2026-11-30"


@dataclass(frozen=True)
class Trail:
    """Log files, a lake that the scanner fills and one that SQL fills."""

    program: Program
    lab: Lab
    logs: Path
    scanned: Trino
    by_sql: Trino
    lake: Path
    lake_by_sql: Path

    def scan(self) -> list[dict[str, Any]]:
        """Has the scanner read what is new; all rows there are, without a lake."""
        self.scan_into(self.lake)
        told = self.program.run("trail", "scan", str(self.logs), "--format", "json", "--quiet", credentials=None).expect(EXIT_DONE)
        return json.loads(told.stdout)

    def scan_into(self, lake: Path) -> None:
        """Has the scanner read what is new to a lake."""
        self.program.run("trail", "scan", str(self.logs), "--lake", str(lake), "--quiet", credentials=None).expect(EXIT_DONE)

    def assert_same_by_query(self) -> None:
        """The embedded engine shows the lake that SQL fills as Trino does, and the scanner finds nothing new for it."""
        for table in TABLES:
            told = self.program.run("query", "--lake", str(self.lake_by_sql), "--format", "json", "--", f"SELECT * FROM {table}", credentials=None)
            on_trino = self.by_sql.run(PUBLISHED.format(table=table)).dicts()
            assert in_order(with_zones(json.loads(told.expect(EXIT_DONE).stdout))) == in_order(with_zones(on_trino)), table
        before = files_below(self.lake_by_sql)
        self.scan_into(self.lake_by_sql)
        assert files_below(self.lake_by_sql) == before

    def step(self, table: str, scan: str) -> int:
        """Runs one step of a scan by SQL; how many rows it wrote."""
        text = (ATHENA / "usage" / f"{table}.sql").read_text()
        for name, value in {"scan_id": scan, "since": SINCE, "until": UNTIL, "trail": str(self.logs)}.items():
            text = text.replace(f"${{{name}}}", value)
        ((rows,),) = self.by_sql.run(f'INSERT INTO "{DATABASE}"."{table}"\n{text}').rows
        return rows

    def scan_by_sql(self, scan: str) -> list[int]:
        """The whole scan by SQL; how many rows each step wrote."""
        return [self.step(table, scan) for table in ("trail_files", "key_usage_daily", "trail_scans")]


@pytest.fixture(scope="module")
def trail(program: Program, lab: Lab) -> Trail:
    logs, lake, lake_by_sql = (lab.files / name for name in ("logs", "scanned", "by_sql"))
    corpus(logs)
    by_hand = [filed for case, _ in records.cases() for filed in case]
    records.write(logs, by_hand, "hand")
    records.write(logs, records.by_operation_and_context(operations(), members_of_contexts()), "each")
    trail = Trail(program, lab, logs, lab.schema("scanned"), lab.schema(DATABASE), lake, lake_by_sql)
    lab.create_tables(trail.scanned, lake, TABLES)
    lab.create_tables(trail.by_sql, lake_by_sql, TABLES)
    show_log_files(trail.by_sql, lab, logs)
    return trail


def corpus(folder: Path) -> None:
    """Log files as an organization of some accounts has them."""
    # Of the whole workspace, so that what `cargo test` built before serves here too.
    subprocess.run([shutil.which("cargo") or "cargo", "build", "--quiet", "--locked", "--workspace", "--example", "trail_corpus"], cwd=REPOSITORY, check=True)
    program = target_folder() / "debug" / "examples" / ("trail_corpus.exe" if os.name == "nt" else "trail_corpus")
    options = [part for name, value in CORPUS.items() for part in (f"--{name}", str(value))]
    subprocess.run([str(program), str(folder), *options], check=True, stdout=subprocess.DEVNULL)
    # What the corpus says of itself is no log file.
    (folder / "truth.json").unlink()


def show_log_files(trino: Trino, lab: Lab, logs: Path) -> None:
    """The table `cloudtrail_logs`."""
    folders = [folder for folder in logs.glob("AWSLogs/*/*/CloudTrail/*") if folder.is_dir()]
    organizations = {folder.parts[-4] for folder in folders}
    assert organizations == {records.ORGANIZATION}, "of one organization, as the table is"
    values = {
        "trail": lab.within(logs),
        "organization": records.ORGANIZATION,
        "accounts": ",".join(sorted({folder.parts[-3] for folder in folders})),
        "regions": ",".join(sorted({folder.name for folder in folders})),
    }
    table = Table.read(ATHENA / "usage" / "cloudtrail_logs.sql", **values)
    fields = ", ".join(f'"{name}" {trino_type(kind)}' for name, kind in table.columns.items())
    trino.run(table.create(f"records array(row({fields}))", "OPENX_JSON", "log_files"))
    columns = ", ".join(table.columns)
    # On S3 the server and the scanner call a log file the same; a folder of this machine has two names.
    path = f"""concat('{logs}', substr(f."$path", {len(lab.within(logs)) + 1}))"""
    trino.run(
        f'CREATE VIEW {table.name} AS SELECT r.*, f.account, f.region, f.log_date, {path} AS "$path", f."$file_size" AS "$file_size" '
        f"FROM log_files f CROSS JOIN UNNEST(f.records) AS r ({columns})"
    )


def operations() -> list[str]:
    """The operations that the scanner counts."""
    return strings(REPOSITORY / "crates" / "trail" / "src" / "use_events.rs", "CRYPTOGRAPHIC")


def members_of_contexts() -> list[str]:
    """The members of an encryption context that the scanner knows, in their order."""
    return strings(REPOSITORY / "crates" / "trail" / "src" / "resource.rs", "RESOURCE_KEYS")


def strings(file: Path, constant: str) -> list[str]:
    found = re.search(rf"const {constant}: &\[&str\] = &\[(.*?)\];", file.read_text(), re.DOTALL)
    assert found is not None, f"{file} has no {constant}"
    return re.findall(r'"([^"]+)"', found[1])


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def rows(trino: Trino, table: str) -> list[dict[str, Any]]:
    """The rows of published scans, without the scan's id."""
    return [{name: value for name, value in row.items() if name != "scan_id"} for row in trino.run(PUBLISHED.format(table=table)).dicts()]


def as_printed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `key_usage_daily` as `trail scan` prints them: without what the key's ARN says, and times with a zone."""
    times = ("first_at", "last_at", "last_used_at")

    def printed(row: dict[str, Any]) -> dict[str, Any]:
        row = {name: value for name, value in row.items() if name not in ("key_id", "account_id", "region")}
        return row | {time: row[time] and row[time].replace(" ", "T").replace(".000", "Z") for time in times}

    return [printed(row) for row in rows]


def with_zones(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of either engine with times in the form of one of them."""
    time = re.compile(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{3})?Z?$")
    return [{name: time.sub(lambda at: f"{at[1]}T{at[2]}{at[3] or '.000'}Z", value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]


def files_below(folder: Path) -> dict[Path, bytes]:
    """The files of a lake."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def by_hand(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those rows that come from records written by hand."""
    keys = re.compile(r":(key/00000\d\d\d-12ab-34cd-56ef-1234567890ab|alias/\w+)$")
    return [row for row in rows if keys.search(row["key_arn"])]


def added_up(trino: Trino) -> list[dict[str, Any]]:
    """Daily usage over all published scans."""
    parts = "key_arn, key_id, account_id, region, principal, event_name, resource, invoked_by, recorded_by, event_date"
    sums = "sum(uses) AS uses, sum(errors) AS errors, min(first_at) AS first_at, max(last_at) AS last_at, max(last_used_at) AS last_used_at"
    return in_order(trino.run(f"SELECT {parts}, {sums} FROM ({PUBLISHED.format(table='key_usage_daily')}) GROUP BY {parts}").dicts())


def test_a_scan_by_sql_has_the_rows_of_the_scanner_and_each_file_is_read_once(trail: Trail) -> None:
    """One test, since each scan goes on from the one before."""
    printed = trail.scan()
    files, used = trail.step("trail_files", FIRST_SCAN), trail.step("key_usage_daily", FIRST_SCAN)
    assert (files, used) == (len(list(trail.logs.rglob("*.json.gz"))), len(printed))
    assert rows(trail.by_sql, "key_usage_daily") == [], "until it is published nothing counts"
    assert trail.step("trail_scans", FIRST_SCAN) == 1

    # Every row of the scanner, in the lake and as printed.
    found, wanted = rows(trail.by_sql, "key_usage_daily"), rows(trail.scanned, "key_usage_daily")
    assert in_order(found) == in_order(wanted)
    assert in_order(as_printed(found)) == in_order(printed)
    assert len(found) > 700
    # What a person says that these records come to.
    assert in_order(by_hand(as_printed(found))) == in_order([row for _, wanted in records.cases() for row in wanted])

    # The log files, and the scan.
    assert in_order(rows(trail.by_sql, "trail_files")) == in_order(rows(trail.scanned, "trail_files"))
    (scan,), (by_scanner,) = rows(trail.by_sql, "trail_scans"), rows(trail.scanned, "trail_scans")
    own = {"started_at": "2026-11-22 06:00:01.000", "finished_at": scan["finished_at"], "scan_date": "2026-11-22", "tool_version": "sql"}
    assert scan == by_scanner | own | {"repeated_records": None, "uses_without_key": None, "errors_without_key": None}
    assert scan["finished_at"] > by_scanner["started_at"]

    # What was read is not read again, by SQL or by the scanner.
    trail.assert_same_by_query()
    assert trail.scan_by_sql(LATER_SCAN) == [0, 0, 1]
    assert added_up(trail.by_sql) == added_up(trail.scanned)

    # What comes later is, and events that come again do not count again.
    late, new = records.late()
    records.write(trail.logs, late, "late")
    trail.scan()
    assert trail.scan_by_sql(LAST_SCAN) == [2, len(new), 1]
    last = [row for row in trail.by_sql.run("SELECT * FROM key_usage_daily").dicts() if row.pop("scan_id") == LAST_SCAN]
    assert in_order(as_printed(last)) == in_order(new)
    assert added_up(trail.by_sql) == added_up(trail.scanned)
    trail.assert_same_by_query()

    # Rows of a scan whose last statement did not come do not count; the scanner reads what it was to read, and both kinds of rows add up.
    newer, counted = records.newer()
    records.write(trail.logs, newer, "newer")
    trail.scan()
    assert [trail.step(table, FAILED_SCAN) for table in ("trail_files", "key_usage_daily")] == [1, len(counted)]
    trail.scan_into(trail.lake_by_sql)
    assert added_up(trail.by_sql) == added_up(trail.scanned)
    trail.assert_same_by_query()
