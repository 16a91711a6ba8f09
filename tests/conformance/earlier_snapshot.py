"""An earlier snapshot for a lake that has one: the same rows a quarter of a year before, with differences of every kind, so that there is something to compare."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BEFORE = datetime.timedelta(days=90)
# Of so many keys each has another difference, or none.
KINDS = 23

Row = dict[str, Any]


def add(lake: Path) -> str:
    """Adds the snapshot beside the only one of the lake; its run."""
    (published,) = (lake / "runs").rglob("*.parquet")
    later, day = published.stem, published.parent.name.removeprefix("snapshot_date=")
    before = datetime.date.fromisoformat(day) - BEFORE
    run = f"{before:%Y%m%d}T060000Z-00000001"
    for table in sorted(path.name for path in lake.iterdir() if any(path.glob(f"snapshot_date={day}/{later}*.parquet"))):
        for file in (lake / table).glob(f"snapshot_date={day}/{later}*.parquet"):
            stored = pq.ParquetFile(file).read()
            changed = [row for row in stored.to_pylist() for row in CHANGES.get(table, unchanged)(row)]
            rows = [row | {"run_id": run} for row in changed]
            to = lake / table / f"snapshot_date={before}" / file.name.replace(later, run)
            to.parent.mkdir(parents=True, exist_ok=True)
            # The lake's own types, which say of each column whether it may be null.
            pq.write_table(pa.Table.from_pylist(rows, schema=stored.schema), to)
    return run


def kind(row: Row) -> int:
    """Which difference the row's key has: by its id, so that all rows of a key agree."""
    return sum(row["key_id"].encode()) % KINDS


def unchanged(row: Row) -> list[Row]:
    return [row]


def twin(row: Row) -> Row:
    """The row, of a key that the lake has no more."""
    return row | {name: row[name][:-4] + "gone" for name in ("key_arn", "key_id", "finding_id") if name in row}


def on_keys(change: Callable[[Row, int], list[Row]]) -> Callable[[Row], list[Row]]:
    """What a table of rows on keys had: nothing of keys that the earlier run did not see, and the same of twins."""

    def changed(row: Row) -> list[Row]:
        match kind(row):
            case 0:
                return []
            case 1:
                return [row, twin(row)]
            case number:
                return change(row, number)

    return changed


def key(row: Row, number: int) -> list[Row]:
    unread: dict[int, Row] = {
        2: {"policy_status": "denied", "policy": None},
        3: {"grants_status": "failed", "grant_count": None},
        4: {"tags_status": "denied", "tags": None},
        5: {"last_usage_status": "failed"},
        6: {"rotations_status": "denied"},
        7: {"aliases_status": "failed", "aliases": None},
        8: {"policy_error": "no JSON"},
    }
    others: dict[int, Row] = {
        9: {"state": "Disabled"},
        10: {"rotation_enabled": not row["rotation_enabled"]},
        11: {"aliases": ["alias/before"]},
        12: {"policy": '{"Version": "2012-10-17", "Statement": []}'},
    }
    return [row | unread.get(number, {}) | others.get(number, {})]


def finding(row: Row, number: int) -> list[Row]:
    if number in (2, 3, 4, 5, 6, 7, 8, 13):
        return []
    others: dict[int, Row] = {
        14: {"severity": "critical" if row["severity"] != "critical" else "low"},
        15: {"severity": "info" if row["severity"] != "info" else "high"},
        16: {"waived_until": "2099-12-31", "waiver_reason": "as agreed"},
        17: {"finding_id": row["finding_id"] + "-before"},
    }
    return [row | others.get(number, {})]


def grant(row: Row, number: int) -> list[Row]:
    if number in (3, 18):
        return []
    return [row, row | {"grant_id": row["grant_id"] + "-before", "operations": ["Decrypt"]}] if number in (19, 20) else [row]


def run_row(row: Row) -> list[Row]:
    return [row | {name: row[name] - BEFORE for name in ("started_at", "finished_at")}]


CHANGES: dict[str, Callable[[Row], list[Row]]] = {
    "runs": run_row,
    "keys": on_keys(key),
    "findings": on_keys(finding),
    "grants": on_keys(grant),
}
