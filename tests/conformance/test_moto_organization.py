"""The collector against moto: 25 accounts, three Regions, more than a hundred keys in one of them. Whole rows are compared with what was seeded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from collector import EXIT_PARTIAL, Finished, Program
from key_policies import OTHER_OUTSIDE, OUTSIDE
from lake_reader import COLUMNS, RUN_ID, LakeReader, without
from seeded_organization import MANY_KEYS, METADATA_COLUMNS, REGIONS, ROLE, SeededKey, SeededOrganization, as_json, seed

# Columns that no run shares with another.
RUN = ("run_id", "snapshot_date")


@dataclass(frozen=True)
class Collected:
    """What was seeded, the run that collected it, and its lake."""

    truth: SeededOrganization
    finished: Finished
    lake: LakeReader
    began: datetime
    ended: datetime


@pytest.fixture(scope="module")
def collected(program: Program, moto_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    truth = seed(moto_endpoint)
    lake = tmp_path_factory.mktemp("lake")
    began = now()
    finished = program.run("collect", "--lake", str(lake), "--role-name", ROLE, "--regions", ",".join(REGIONS), endpoint=moto_endpoint)
    return Collected(truth, finished.expect(EXIT_PARTIAL), LakeReader(lake), began, now())


def now() -> datetime:
    """UTC without a zone and with a millisecond's slack, like the tables' times."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def test_the_run_is_partial_because_moto_lacks_operations(collected: Collected) -> None:
    assert (collected.finished.code, collected.lake.rows("runs", ("status",))) == (EXIT_PARTIAL, [{"status": "partial"}])


def test_every_table_has_its_columns_and_one_run(collected: Collected) -> None:
    run_id = collected.lake.run_id()
    assert RUN_ID.fullmatch(run_id)
    for table, columns in COLUMNS.items():
        assert [column for column in columns if column not in collected.lake.columns(table)] == [], table
        assert "snapshot_date" not in collected.lake.columns(table), "the partition column is in the path"
        assert {(row["run_id"], row["snapshot_date"]) for row in collected.lake.rows(table)} == {(run_id, snapshot_date(run_id))}, table
        assert {file.name[: len(run_id)] for file in collected.lake.files(table)} == {run_id}, table


def test_the_run_row_counts_what_the_tables_hold(collected: Collected) -> None:
    (run,) = collected.lake.rows("runs")
    truth, rows = collected.truth, collected.lake.rows
    assert collected.began - timedelta(seconds=1) <= run["started_at"] <= run["finished_at"] <= collected.ended + timedelta(seconds=1)
    assert without(run, *RUN, "started_at", "finished_at", "tool_version") == {
        "status": "partial",
        "organization_id": truth.organization_id,
        "scope": "selection",
        "selection": f"Regions {', '.join(REGIONS)}",
        "resumed_from": None,
        "accounts_planned": len(truth.accounts),
        "accounts_complete": 0,
        "accounts_partial": len(truth.readable),
        "accounts_failed": 0,
        "accounts_skipped": 1,
        "regions_read": len(truth.readable) * len(REGIONS),
        "keys": len(truth.keys),
        "keys_incomplete": len(truth.keys),
        "facts_lacking": len(rows("collection_errors")),
        "findings": len(rows("findings")),
        "customer_managed_only": False,
        "generation": 1,
    }


def test_every_account_has_a_row_with_its_place_and_outcome(collected: Collected) -> None:
    rows = {row["account_id"]: row for row in collected.lake.rows("accounts")}
    expected = {}
    for account in collected.truth.accounts:
        expected[account.account_id] = {
            "account_id": account.account_id,
            "name": account.name,
            "ou_path": account.ou_path,
            "ou_path_status": "observed",
            # moto suspends an account that is closed.
            "state": "SUSPENDED" if account.closed else "ACTIVE",
            "is_management": account.is_management,
            "regions": [] if account.closed else list(REGIONS),
            "outcome": "skipped" if account.closed else "partial",
            "keys": 0 if account.closed else len(account.keys),
            "keys_incomplete": 0 if account.closed else len(account.keys),
            "access_status": "not_applicable" if account.closed else "observed",
        }
    assert {account: without(row, *RUN, "reason") for account, row in rows.items()} == expected


def test_a_closed_account_is_a_row_with_its_reason_and_none_of_its_keys(collected: Collected) -> None:
    closed = collected.truth.account("closed")
    assert len(closed.keys) == 1, "the account held a key when it was closed"
    (row,) = collected.lake.rows("accounts", where=f"account_id = '{closed.account_id}'")
    assert "suspended" in row["reason"].lower()
    for table in ("keys", "policy_statements", "grants", "key_access", "findings", "key_last_used", "collection_errors"):
        assert collected.lake.rows(table, where=f"account_id = '{closed.account_id}'") == [], table


def test_every_key_has_one_row_with_every_fact(collected: Collected) -> None:
    rows = collected.lake.rows("keys")
    assert Counter(row["key_arn"] for row in rows) == Counter(list(collected.truth.keys))
    assert [difference for row in rows if (difference := differences(collected.truth.keys[row["key_arn"]].row, comparable(row)))] == []
    for row in rows:
        assert collected.began - timedelta(seconds=1) <= row["observed_at"] <= collected.ended + timedelta(seconds=1)


def differences(expected: dict, actual: dict) -> dict:
    """Every column in which two rows differ, with both values."""
    columns = expected.keys() | actual.keys()
    return {column: (expected.get(column), actual.get(column)) for column in columns if expected.get(column, ...) != actual.get(column, ...)}


def comparable(row: dict) -> dict:
    """A row of `keys` as the truth writes it: what has no order is sorted, a message is only there or not."""
    row = without(row, *RUN, "observed_at")
    row["policy_error"] = row["policy_error"] is not None
    for column in ("algorithms", "aliases", "multi_region_replica_arns"):
        row[column] = None if row[column] is None else sorted(row[column])
    return row


def test_more_than_a_hundred_keys_of_one_region_are_all_there(collected: Collected) -> None:
    account = collected.truth.account("application-01").account_id
    rows = collected.lake.rows("keys", ("key_id",), f"account_id = '{account}' AND region = 'eu-central-1'")
    assert len(rows) == MANY_KEYS


def test_a_key_whose_metadata_lacks_keeps_every_other_fact(collected: Collected) -> None:
    hidden = {key.arn: key for key in collected.truth.keys.values() if key.row["metadata_status"] != "observed"}
    assert len(hidden) == 2
    for row in collected.lake.rows("keys", where="metadata_status <> 'observed'"):
        key = hidden.pop(row["key_arn"])
        assert {column: row[column] for column in METADATA_COLUMNS} == dict.fromkeys(METADATA_COLUMNS)
        assert (row["policy"], row["policy_status"]) == (key.policy.text, "observed")
    assert hidden == {}


def test_every_statement_and_principal_of_every_policy_is_a_row(collected: Collected) -> None:
    expected = {(key.arn, row.index, row.principal): statement_row(key, row) for key in collected.truth.keys.values() for row in key.policy.rows}
    rows = {(row["key_arn"], row["statement_index"], row["principal"]): row for row in collected.lake.rows("policy_statements")}
    assert rows.keys() == expected.keys()
    for place, row in rows.items():
        actual = without(row, *RUN) | {"condition": as_json(row["condition"]), "statement": as_json(row["statement"])}
        assert actual == expected[place], place


def statement_row(key: SeededKey, row) -> dict:  # noqa: ANN001 - key_policies.StatementRow
    """The row of `policy_statements` for one statement and principal of a key."""
    return {
        **{column: key.row[column] for column in ("key_arn", "key_id", "account_id", "region")},
        "policy_name": "default",
        "statement_index": row.index,
        "sid": row.sid,
        "effect": row.effect,
        "principal_type": row.principal_type,
        "principal": row.principal,
        "negated_principal": row.negated_principal,
        "actions": list(row.actions),
        "negated_actions": row.negated_actions,
        "action": ",".join(row.actions),
        "condition": row.condition,
        "concern": row.concern,
        "statement": key.policy.statement(row.index),
    }


def test_every_grant_is_a_row_with_its_constraints(collected: Collected) -> None:
    expected = {(key.arn, grant["grant_id"]): grant for key in collected.truth.keys.values() for grant in key.grants}
    rows = {(row["key_arn"], row["grant_id"]): row for row in collected.lake.rows("grants")}
    assert len(expected) == 4
    actual = {place: without(row, *RUN) | {"constraints": as_json(row["constraints"]), "operations": sorted(row["operations"])} for place, row in rows.items()}
    assert actual == expected


def test_every_statement_that_allows_and_every_grant_is_a_way_in_and_nothing_else_is(collected: Collected) -> None:
    keys = collected.truth.keys.values()
    expected = {(key.arn, row.index, None) for key in keys for row in key.policy.rows if row.effect == "Allow"}
    expected |= {(key.arn, None, grant["grant_id"]) for key in keys for grant in key.grants}
    ways = collected.lake.rows("key_access")
    assert {(row["key_arn"], row["statement_index"], row["grant_id"]) for row in ways} == expected
    assert {row["cause"] for row in ways if row["grant_id"] is None} == {"statement"}
    outside = {OUTSIDE, OTHER_OUTSIDE}
    assert {row["who_account"] for row in ways if row["trust"] == "outside"} == outside
    assert {row["trust"] for row in ways if row["who_account"] in outside} == {"outside"}
    assert {row["kind"] for row in ways if row["trust"] == "deleted"} == {"intent"}


def test_what_lacks_is_named_exactly_and_nothing_else(collected: Collected) -> None:
    """GetKeyLastUsage, LookupEvents and DescribeCustomKeyStores answer HTTP 500 with an HTML page; two keys hide from DescribeKey."""
    truth = collected.truth
    expected: Counter[tuple] = Counter()
    for account in truth.readable:
        expected.update((account.account_id, region, None, "custom_key_stores", "kms:DescribeCustomKeyStores", "service_error", True) for region in REGIONS)
    for account_id, region in {(key.row["account_id"], key.region) for key in truth.keys.values()}:
        expected[(account_id, region, None, "event_history", "cloudtrail:LookupEvents", "service_error", True)] += 1
    for key in truth.keys.values():
        where = (key.row["account_id"], key.region, key.arn)
        expected[(*where, "last_usage", "kms:GetKeyLastUsage", "service_error", True)] += 1
        if key.row["metadata_status"] == "failed":
            expected[(*where, "metadata", "kms:DescribeKey", "service_error", True)] += 1
        if key.row["metadata_status"] == "denied":
            expected[(*where, "metadata", "kms:DescribeKey", "access_denied", False)] += 1
    columns = ("account_id", "region", "key_arn", "fact", "operation", "code", "retryable")
    assert Counter(tuple(row[column] for column in columns) for row in collected.lake.rows("collection_errors")) == expected


def test_every_error_tells_what_was_said_and_what_to_do(collected: Collected) -> None:
    for row in collected.lake.rows("collection_errors"):
        assert row["message"] and row["next_step"], row
        assert all(character.isprintable() for character in row["message"]), "an HTML page must not break lines of a table"
        assert row["key_id"] == (row["key_arn"] or "/").rpartition("/")[2] or row["key_arn"] is None and row["key_id"] is None, row


def test_no_key_is_called_unused_where_its_use_could_not_be_read(collected: Collected) -> None:
    rows = collected.lake.rows("key_last_used")
    assert Counter(row["key_arn"] for row in rows) == Counter(list(collected.truth.keys))
    assert {(row["verdict"], row["status"], row["last_used_at"], row["unused_since"], row["operation"], row["evidence"]) for row in rows} == {
        ("unknown", "failed", None, None, None, None)
    }
    assert all(row["reason"] for row in rows), "an unknown verdict says why"


def test_findings_belong_to_collected_keys_and_are_told_apart(collected: Collected) -> None:
    rows = collected.lake.rows("findings")
    assert len({row["finding_id"] for row in rows}) == len(rows) > 0
    assert {row["key_arn"] for row in rows} <= set(collected.truth.keys)
    for row in rows:
        assert row["rule"] and row["severity"] and row["confidence"] and row["title"] and row["remediation"], row
        as_json(row["evidence"])


def test_without_regions_the_regions_every_account_has_are_read_and_the_lack_is_told(
    program: Program, moto_endpoint: str, collected: Collected, tmp_path: Path
) -> None:
    """moto answers account:ListRegions with HTTP 404 and an HTML page."""
    shared = collected.truth.account("shared")
    finished = program.run(
        "collect", "--lake", str(tmp_path), "--role-name", ROLE, "--accounts", shared.account_id, "--last-usage-budget", "0s", endpoint=moto_endpoint
    )
    finished.expect(EXIT_PARTIAL)
    lake = LakeReader(tmp_path)
    (account,) = lake.rows("accounts")
    assert len(account["regions"]) == 17 and set(account["regions"]) > set(REGIONS)
    assert [row["key_arn"] for row in lake.rows("keys")] == [key.arn for key in shared.keys]
    (lack,) = lake.rows("collection_errors", where="operation = 'account:ListRegions'")
    assert (lack["account_id"], lack["region"], lack["key_arn"], lack["fact"]) == (shared.account_id, None, None, "regions")


def snapshot_date(run_id: str) -> str:
    """The partition of a run."""
    return f"{run_id[0:4]}-{run_id[4:6]}-{run_id[6:8]}"
