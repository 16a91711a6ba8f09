"""Reads a lake with DuckDB: an independent reader of the Parquet files and of their Hive layout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb

KEY_COLUMNS = ("key_arn", "key_id", "account_id", "region")

# The contract: these columns of these tables are never renamed or dropped. Tables may have more.
COLUMNS: dict[str, tuple[str, ...]] = {
    "runs": (
        "run_id", "status", "started_at", "finished_at", "tool_version", "organization_id", "scope", "selection", "resumed_from", "accounts_planned",
        "accounts_complete", "accounts_partial", "accounts_failed", "accounts_skipped", "regions_read", "keys", "keys_incomplete", "facts_lacking", "findings",
        "customer_managed_only", "generation",
    ),
    "accounts": (
        "run_id", "account_id", "name", "ou_path", "ou_path_status", "state", "is_management", "regions", "outcome", "reason", "keys", "keys_incomplete",
        "access_status",
    ),
    "keys": (
        "run_id", *KEY_COLUMNS, "observed_at", "created_at", "state", "enabled", "description", "spec", "usage", "origin", "manager", "multi_region",
        "multi_region_type", "multi_region_primary_arn", "multi_region_replica_arns", "deletion_date", "pending_deletion_window_days", "valid_to",
        "expiration_model", "custom_key_store_id", "custom_key_store_name", "custom_key_store_type", "custom_key_store_connection_state",
        "cloud_hsm_cluster_id", "xks_key_id", "current_key_material_id", "algorithms", "aliases", "tags", "policy", "ram_policy", "concern", "outside_account",
        "outside_organization", "public", "policy_error", "grant_count", "rotation_enabled", "rotation_period_days", "next_rotation_at",
        "on_demand_rotation_started_at", "rotation_count", "last_rotated_at", "monthly_cost_usd", "metadata_status", "aliases_status", "policy_status",
        "ram_policy_status", "grants_status", "tags_status", "rotation_status",
        "rotations_status", "custom_key_store_status", "last_usage_status",
    ),
    "policy_statements": (
        "run_id", *KEY_COLUMNS, "policy_name", "statement_index", "sid", "effect", "principal_type", "principal", "negated_principal", "actions",
        "negated_actions", "action", "condition", "concern", "statement",
    ),
    "grants": (
        "run_id", *KEY_COLUMNS, "grant_id", "name", "created_at", "grantee_principal", "retiring_principal", "issuing_account", "operations", "constraints",
        "source_arn",
    ),
    "key_access": (
        "run_id", *KEY_COLUMNS, "who", "who_kind", "who_account", "trust", "kind", "capability", "actions", "fence", "on_behalf_of", "resource", "certainty",
        "reason", "cause", "policy_name", "statement_index", "grant_id",
    ),
    "findings": (
        "run_id", *KEY_COLUMNS, "finding_id", "rule", "severity", "confidence", "title", "cause", "evidence", "remediation", "changed_policy",
        "waived_until", "waiver_reason", "rests_on",
    ),
    "key_last_used": (
        "run_id", *KEY_COLUMNS, "last_used_at", "unused_since", "operation", "principal", "evidence", "cloudtrail_event_id", "kms_request_id",
        "tracking_started_at", "key_created_at", "verdict", "reason", "status", "event_history_from", "event_history_status",
    ),
    "trail_recording": (
        "run_id", "account_id", "region", "records_kms_reads", "reason", "trails", "trail_arn", "home_region", "is_organization_trail", "is_logging",
        "logging_started_at", "logging_stopped_at", "last_delivery_at", "delivery_error", "s3_bucket", "s3_prefix", "status",
    ),
    "collection_errors": (
        "run_id", "account_id", "region", "key_arn", "key_id", "fact", "operation", "code", "retryable", "message", "next_step",
    ),
}  # fmt: skip

RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


class LakeReader:
    """One lake in a local folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._duckdb = duckdb.connect()

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, by name."""
        return sorted(self.root.glob(f"{table}/snapshot_date=*/*.parquet"))

    def columns(self, table: str) -> dict[str, str]:
        """The columns and DuckDB types that a table's files hold; the partition column is not among them, because it is in the path."""
        return {name: kind for name, kind, *_ in self._duckdb.execute(f"DESCRIBE SELECT * FROM {self._source(table, False)}").fetchall()}

    def parquet_type(self, table: str, column: str) -> str:
        """The logical type that the table's files themselves declare for a column."""
        answer = self._duckdb.execute("SELECT DISTINCT logical_type FROM parquet_schema(?) WHERE name = ?", [self._pattern(table), column])
        ((kind,),) = answer.fetchall()
        return kind

    def rows(self, table: str, columns: tuple[str, ...] = (), where: str = "true") -> list[dict[str, Any]]:
        """The rows of a table; none where no file was written. Without `columns`, those of the contract and the partition column."""
        if not self.files(table):
            return []
        names = columns or (*COLUMNS[table], "snapshot_date")
        answer = self._duckdb.execute(f"SELECT {', '.join(names)} FROM {self._source(table, True)} WHERE {where}")
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def run_id(self) -> str:
        """The id of the lake's only run."""
        (run,) = self.rows("runs", ("run_id",))
        return run["run_id"]

    def _source(self, table: str, partitions: bool) -> str:
        pattern = self._pattern(table).replace("'", "''")
        return f"read_parquet('{pattern}', hive_partitioning = {partitions}, hive_types_autocast = false)"

    def _pattern(self, table: str) -> str:
        return str(self.root / table / "snapshot_date=*" / "*.parquet")


@dataclass(frozen=True, eq=False)
class Moment:
    """A time that a stand-in gave with more digits than the tables keep: equal to any time within a millisecond."""

    at: datetime

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Moment):
            other = other.at
        return isinstance(other, datetime) and abs(_utc(self.at) - _utc(other)) <= timedelta(milliseconds=1)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"about {_utc(self.at).isoformat()}"


def _utc(moment: datetime) -> datetime:
    """Tables hold UTC without a zone; boto3 returns local times with one."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def without(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    """A row without the columns that differ from run to run."""
    return {name: value for name, value in row.items() if name not in columns}
