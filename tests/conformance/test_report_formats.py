"""The report for programs, spreadsheets and tickets: whole, and without texts that would be obeyed."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

import report_lakes
from collector import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Program
from report_fixtures import Hostile

pytest_plugins = ["report_fixtures"]

TABLES = ("findings", "accounts", "trail_recording")
VIEWS = (
    "coverage_gaps",
    "key_overview",
    "external_access",
    "monthly_savings",
    "unused_keys",
    "stale_keys_90d",
    "rotation_gaps",
    "pending_deletion",
    "changes_since_previous",
)


def test_json_is_one_object_with_the_rows_of_the_views(program: Program, hostile: Hostile) -> None:
    report = json.loads(program.run("report", "--lake", str(hostile.lake), "--format", "json").expect(EXIT_DONE).stdout)
    assert report["report"] | {"tool_version": "", "organizations": ""} == {
        "format": "kms-insights report",
        "version": 1,
        "tool_version": "",
        "status": "partial",
        "organizations": "",
    }
    counts = [f"SELECT '{view}' AS name, count(*) AS counted FROM {view}" for view in VIEWS]
    counts += [f"SELECT '{table}' AS name, count(*) AS counted FROM {table} WHERE run_id IN (SELECT run_id FROM latest_run)" for table in TABLES]
    counted = {row["name"]: row["counted"] for row in program.query(" UNION ALL ".join(counts), str(hostile.lake))}
    assert {name: len(rows) for name, rows in report.items() if name not in ("report", "summary")} == counted
    assert {key["key_arn"]: key["aliases"] for key in report["key_overview"] if key["key_arn"] in hostile.aliases} == hostile.aliases
    (run,) = report["summary"]["runs"]
    assert report["summary"]["keys"]["keys"] == counted["key_overview"] == run["keys"]
    assert sum(count["open"] + count["waived"] for count in report["summary"]["findings"]) == counted["findings"]


def test_csv_has_a_row_for_each_finding_and_no_formulas(program: Program, hostile: Hostile) -> None:
    text = program.run("report", "--lake", str(hostile.lake), "--format", "csv").expect(EXIT_DONE).stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    findings = program.query("SELECT finding_id, cause FROM findings WHERE run_id IN (SELECT run_id FROM latest_run)", str(hostile.lake))
    assert sorted(row["finding_id"] for row in rows) == sorted(finding["finding_id"] for finding in findings)
    obeyed = {cell for row in rows for cell in row.values() if cell and cell[0] in "=+-@\t\r\n"}
    assert obeyed == set()
    assert f"'{report_lakes.FORMULA}" in {row["aliases"] for row in rows}
    worst = ["critical", "high", "medium", "low", "info"]
    by_key: dict[str, list[int]] = {}
    for row in rows:
        by_key.setdefault(row["key_arn"], []).append(worst.index(row["severity"]))
    assert all(order == sorted(order) for order in by_key.values())


def test_markdown_says_what_is_not_known_and_holds_no_markup_of_others(program: Program, hostile: Hostile) -> None:
    text = program.run("report", "--lake", str(hostile.lake), "--format", "markdown").expect(EXIT_DONE).stdout
    assert text.startswith("# KMS keys of organization o-")
    assert "## What is not known\n\n- " in text
    assert "<" not in text
    assert re.search(r"https?://", text) is None
    assert "&lt;/script&gt;" in text


def test_a_file_is_there_whole_or_not_at_all(program: Program, hostile: Hostile, tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "report.html"
    failed = program.run("report", "--lake", str(hostile.lake), "--output", str(absent)).expect(EXIT_FAILED)
    assert "name a file in a folder that exists" in failed.stderr
    assert failed.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["html", "json", "csv", "markdown"])
def test_a_lake_without_a_snapshot_has_no_report(program: Program, tmp_path: Path, format: str) -> None:
    (tmp_path / "lake").mkdir()
    failed = program.run("report", "--lake", str(tmp_path / "lake"), "--format", format, "--output", str(tmp_path / "report")).expect(EXIT_FAILED)
    assert failed.stderr.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


def test_a_format_that_there_is_not_is_wrong_usage(program: Program, tmp_path: Path) -> None:
    refused = program.run("report", "--lake", str(tmp_path), "--format", "pdf").expect(EXIT_USAGE)
    assert "html, json, csv, markdown" in refused.stderr
