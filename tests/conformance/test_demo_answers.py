"""`kms-insights diff` and `kms-insights costs` over the demo's lake: what they say is what its tables say, added up by a reader that nobody here wrote."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

import earlier_snapshot
from collector import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Program


@pytest.fixture(scope="module")
def lake(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's lake, with a snapshot of a quarter of a year before."""
    folder = tmp_path_factory.mktemp("lake") / "demo"
    program.run("demo", "--lake", str(folder), "--seed", "7", "--accounts", "12", "--quiet", credentials=None, timeout=300).expect(EXIT_DONE)
    earlier_snapshot.add(folder)
    return folder


def ask(program: Program, lake: Path, *arguments: str) -> Any:
    return json.loads(program.run(*arguments, "--lake", str(lake), "--format", "json", credentials=None).expect(EXIT_DONE).stdout)


def latest(lake: Path, columns: str, condition: str = "true") -> list[tuple[Any, ...]]:
    """Rows of `keys` of the latest snapshot."""
    return duckdb.sql(f"SELECT {columns} FROM read_parquet('{lake}/keys/*/*.parquet') WHERE snapshot_date = (SELECT max(snapshot_date) FROM read_parquet('{lake}/keys/*/*.parquet')) AND {condition}").fetchall()


def test_the_difference_of_the_latest_two_runs_is_what_the_view_says(program: Program, lake: Path) -> None:
    told = ask(program, lake, "diff")
    order = lambda row: json.dumps(row, sort_keys=True)  # noqa: E731
    assert sorted(told["changes"], key=order) == sorted(program.query("SELECT * FROM changes_since_previous", str(lake), credentials=None), key=order)
    assert sum(count["changes"] for count in told["summary"]) == len(told["changes"]) > 300
    rows = list(csv.DictReader(io.StringIO(program.run("diff", "--lake", str(lake), "--format", "csv", credentials=None).expect(EXIT_DONE).stdout)))
    assert [row["key_arn"] for row in rows] == [change["key_arn"] for change in told["changes"]]


def test_runs_are_found_by_what_they_are_called_and_named_where_they_are_not(program: Program, lake: Path) -> None:
    told = ask(program, lake, "diff")
    earlier, later = told["earlier"]["run_id"], told["later"]["run_id"]
    for names in ([earlier[:10], later[:10]], [told["earlier"]["snapshot_date"]], ["latest", "previous"]):
        assert ask(program, lake, "diff", *names) == told
    unknown = program.run("diff", "2020-01-01", "--lake", str(lake), credentials=None).expect(EXIT_FAILED)
    assert earlier in unknown.stderr and later in unknown.stderr
    program.run("diff", "latest", later, "--lake", str(lake), credentials=None).expect(EXIT_USAGE)


def test_a_file_is_written_whole(program: Program, lake: Path, tmp_path: Path) -> None:
    for command in ("diff", "costs"):
        for form in ("table", "csv", "json", "markdown"):
            shown = program.run(command, "--lake", str(lake), "--format", form, credentials=None).expect(EXIT_DONE)
            quiet = program.run(command, "--lake", str(lake), "--format", form, "--output", str(tmp_path / form), credentials=None).expect(EXIT_DONE)
            written = (tmp_path / form).read_text()
            # What a terminal would obey is escaped on its way to one; in JSON that says the same.
            assert (json.loads(written) == json.loads(shown.stdout) if form == "json" else written == shown.stdout) and quiet.stdout == ""
            # Nothing that a terminal would obey, which values of the demo have.
            assert form in ("csv", "json") or not any(ord(letter) < 32 and letter != "\n" for letter in shown.stdout)


def test_the_bill_adds_up(program: Program, lake: Path) -> None:
    told = ask(program, lake, "costs")
    ((keys, priced, dollars),) = latest(lake, "count(*), count(monthly_cost_usd), sum(monthly_cost_usd)", "coalesce(manager, 'CUSTOMER') = 'CUSTOMER'")
    total = told["total"]
    assert (total["keys"], total["keys_without_price"], total["monthly_cost_usd"]) == (keys, keys - priced, dollars)
    assert total["base_cost_usd"] + total["rotation_cost_usd"] == dollars
    for field in ("keys", "keys_without_price", "monthly_cost_usd", "recorded_savings_usd", "possible_savings_usd"):
        assert sum(account[field] for account in told["accounts"]) == total[field]
    for certainty, saved in (("recorded", "recorded_savings_usd"), ("unknown", "possible_savings_usd")):
        of_keys = [key for key in told["keys"] if key["saving_certainty"] == certainty]
        reasons = told["recorded_savings" if certainty == "recorded" else "possible_savings"]
        assert sum(key["monthly_cost_usd"] or 0 for key in of_keys) == sum(reason["monthly_cost_usd"] for reason in reasons) == total[saved]
        assert len(of_keys) == sum(reason["keys"] for reason in reasons)


def test_each_tag_divides_the_whole_bill(program: Program, lake: Path) -> None:
    told = ask(program, lake, "costs")
    tags = {row["tag_key"] for row in told["tags"]}
    assert tags == {key for (keys,) in latest(lake, "map_keys(tags)", "tags IS NOT NULL AND manager = 'CUSTOMER'") for key in keys}
    for tag in tags:
        rows = [row for row in told["tags"] if row["tag_key"] == tag]
        for field in ("keys", "keys_without_price", "monthly_cost_usd", "recorded_savings_usd", "possible_savings_usd"):
            assert sum(row[field] for row in rows) == told["total"][field], (tag, field)
    alone = ask(program, lake, "costs", "--tag", "Application")
    assert alone["tags"] == [row for row in told["tags"] if row["tag_key"] == "Application"] != []
    program.run("costs", "--lake", str(lake), "--tag", "application", credentials=None).expect(EXIT_USAGE)
