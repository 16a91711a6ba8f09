"""A lake of many keys, from that of the demo: `big_lake.py DEMO-LAKE LAKE KEYS STATEMENTS DAYS` copies its accounts under other numbers until there are as many keys.

What the rows say stays what the real collector made of the simulated organization, but for these numbers: of a policy's statements there are more copies, under other indexes, until there are as many
statements; and of the last days' usage and log files there is a day of each of the year's days.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# As the lake is written.
OPTIONS = {"compression": "zstd", "compression_level": 1, "row_group_size": 16_384}
ARN = r"^(arn:[^:]*:kms:[^:]*:)\d{3}"
ACCOUNT = r"^\d{3}"
IS_ARN = {"key_arn", "multi_region_primary_arn", "multi_region_replica_arns"}
IS_ACCOUNT = {"account_id", "who_account"}
# Of the copies so many have calls on a day, one after the other.
EVERY = 6


def main() -> None:
    demo, lake = Path(sys.argv[1]), Path(sys.argv[2])
    keys, statements, days = map(int, sys.argv[3:])
    snapshots = sorted((demo / "keys").glob("*/*.parquet"))
    latest = pq.read_table(snapshots[-1], partitioning=None)
    copies = -(-keys // latest.num_rows)
    of_each = pq.read_table(sorted((demo / "policy_statements").glob("*/*.parquet"))[-1], partitioning=None).num_rows
    repeats = max(1, -(-statements // (copies * of_each)))
    for table in sorted(path.name for path in demo.iterdir() if path.is_dir() and not path.name.startswith("_")):
        files = sorted((demo / table).glob("*/*.parquet"))
        if table in ("key_usage_daily", "trail_files"):
            by_day(files, lake / table, copies, days)
            continue
        for file in files:
            rows = pq.read_table(file, partitioning=None)
            if table == "policy_statements":
                rows = pa.concat_tables([with_column(rows, "statement_index", lambda index, n=n: pc.cast(pc.add(index, 100 * n), pa.int32())) for n in range(repeats)])
            many = rows if table in ("runs", "trail_scans") else pa.concat_tables([copied(rows, copy) for copy in range(copies)])
            write(many, lake / file.relative_to(demo))


def by_day(files: list[Path], folder: Path, copies: int, days: int) -> None:
    """The usage of a day, or its log files, for each day up to the last."""
    column = files[0].parent.name.partition("=")[0]
    rows = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files[1:3] or files])
    last = datetime.date.fromisoformat(files[-1].parent.name.partition("=")[2])
    name = files[0].name
    if column == "log_date":
        # One file of a day tells as much as all.
        rows = rows.take([first for first in rows.append_column("at", pa.array(range(rows.num_rows))).group_by(["account_id", "region"]).aggregate([("at", "min")])["at_min"].to_pylist()])
    for back in range(days):
        day = last - datetime.timedelta(days=back)
        of_day = rows
        for moment in ("first_at", "last_at", "last_used_at"):
            if moment in rows.column_names:
                of_day = with_column(of_day, moment, lambda at, back=back: pc.subtract(at, pa.scalar(datetime.timedelta(days=back), type=pa.duration("ms"))))
        some = range(copies) if column == "log_date" else range(back % EVERY, copies, EVERY)
        write(pa.concat_tables([copied(of_day, copy) for copy in some]), folder / f"{column}={day}" / name)


def copied(rows: pa.Table, copy: int) -> pa.Table:
    """The rows, of accounts with other numbers."""
    for column in set(rows.column_names) & (IS_ARN | IS_ACCOUNT):
        # Arrow's regular expressions have groups of one digit only: what follows is none of the group's number.
        pattern, by = (ARN, rf"\1{copy:03d}") if column in IS_ARN else (ACCOUNT, f"{copy:03d}")
        rows = with_column(rows, column, lambda values, pattern=pattern, by=by: replaced(values, pattern, by))
    return rows


def replaced(values: pa.ChunkedArray, pattern: str, by: str) -> pa.ChunkedArray:
    if not pa.types.is_list(values.type):
        return pc.replace_substring_regex(values, pattern, by)
    lists = values.combine_chunks()
    lists = lists if isinstance(lists, pa.Array) else pa.concat_arrays(lists.chunks)
    inner = pc.replace_substring_regex(lists.values, pattern, by)
    return pa.chunked_array([pa.ListArray.from_arrays(lists.offsets, inner, type=values.type, mask=pc.is_null(lists))])


def with_column(rows: pa.Table, name: str, change) -> pa.Table:  # noqa: ANN001
    at = rows.column_names.index(name)
    return rows.set_column(at, rows.schema.field(at), change(rows.column(at)))


def write(rows: pa.Table, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    order = [name for name in ("account_id", "region", "key_arn") if name in rows.column_names]
    if order and rows.num_rows > OPTIONS["row_group_size"]:
        # The policies of a hundred thousand keys are more than one column of text may hold at once.
        indices = pc.sort_indices(rows.select(order), sort_keys=[(name, "ascending") for name in order])
        with pq.ParquetWriter(file, rows.schema, compression=OPTIONS["compression"], compression_level=OPTIONS["compression_level"]) as writer:
            for start in range(0, rows.num_rows, OPTIONS["row_group_size"]):
                writer.write_table(rows.take(indices.slice(start, OPTIONS["row_group_size"])))
        return
    pq.write_table(rows, file, **OPTIONS)


if __name__ == "__main__":
    main()
