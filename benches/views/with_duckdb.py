"""How long each view takes on DuckDB, over the same files: `with_duckdb.py LAKE VIEWS VIEW…` writes what crates/query/examples/time_views.rs does.

The views are those of `athena/views`, their functions in DuckDB's spelling. Rows are fetched as Arrow, batch by batch, and go nowhere.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import duckdb

# Trino's spelling, and DuckDB's.
SPELLINGS = [
    (re.compile(r"date_add\('day', (-?\d+), ([\w.]+)\)"), r"(\2 + INTERVAL (\1) DAY)"),
    (re.compile(r"\barray_join\("), "array_to_string("),
    (re.compile(r"\barrays_overlap\("), "list_has_any("),
    (re.compile(r"\bcontains\("), "list_contains("),
    (re.compile(r"\belement_at\(map_"), "list_extract(map_"),
    (re.compile(r"\bcardinality\("), "len("),
    (re.compile(r"\barray_agg\("), "list("),
    (re.compile(r"\bARRAY\["), "["),
]
BATCH_ROWS = 8192


def main() -> None:
    lake, views, asked = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in sorted(path for path in lake.iterdir() if path.is_dir()):
        if any(table.glob("*/*.parquet")):
            connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{table}/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)")
    create(connection, {file.stem: in_its_spelling(file.read_text()) for file in views.glob("*.sql")})
    for view in asked or sorted(file.stem for file in views.glob("*.sql")):
        started = time.perf_counter()
        rows = sum(batch.num_rows for batch in connection.sql(f"SELECT * FROM {view}").to_arrow_reader(BATCH_ROWS))
        print(json.dumps({"view": view, "seconds": time.perf_counter() - started, "rows": rows}), flush=True)


def in_its_spelling(sql: str) -> str:
    """A view below its first line, which is about it and may name other views."""
    text = sql.split("\n", 1)[1]
    for trino, own in SPELLINGS:
        text = trino.sub(own, text)
    return text


def create(connection: duckdb.DuckDBPyConnection, waiting: dict[str, str]) -> None:
    """Creates each view after those that it asks."""
    while waiting:
        ready = [view for view, text in waiting.items() if not any(re.search(rf"\b{other}\b", text) for other in waiting if other != view)]
        for view in ready:
            connection.execute(waiting.pop(view))


if __name__ == "__main__":
    main()
