"""Lakes for the report: the demo's, with texts of the worst kind, and one of very many keys.

They are made of the demo's lake by DuckDB, so that every table agrees with every other as the program itself wrote them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
from pyarrow import parquet

# What an alias cannot hold in AWS is in it all the same: a report must not rest on what KMS admits today.
SCRIPT = "</script><script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=\"document.title='owned'\">"
HIDDEN = "pay\u202egnp.exe\u2028\u200b\u0007end"
FORMULA = "=cmd|'/C calc'!A0"
LONG = "long" * 2000
HOSTILE_TEXTS = (f"alias/{SCRIPT}", f"alias/{IMAGE}", f"alias/{HIDDEN}", FORMULA, f"alias/{LONG}", "'\"`${alert(1)}{{7*7}}", "__proto__", "constructor")

# The tables of a snapshot whose rows belong to keys.
TABLES_OF_KEYS = ("keys", "policy_statements", "grants", "key_access", "findings", "key_last_used", "collection_errors")


def files_of(lake: Path, table: str) -> list[Path]:
    return sorted((lake / table).glob("snapshot_date=*/*.parquet"))


def _rewritten(lake: Path, table: str, select: str, run: str = "") -> None:
    """Every file of the table, or those of one run, with what `select` makes of its rows, which it names `rows`, in the types that the program wrote."""
    for file in (file for file in files_of(lake, table) if file.name.startswith(run)):
        schema = parquet.read_schema(file)
        with duckdb.connect() as connection:
            connection.register("rows", parquet.read_table(file, partitioning=None))
            made = connection.sql(select).to_arrow_table().select(schema.names).cast(schema)
        parquet.write_table(made, file, compression="zstd", row_group_size=8192)


def hostile(demo: Path, lake: Path) -> dict[str, str]:
    """A copy of the lake of two demos in which names, descriptions, tags, principals and messages are hostile; gives the alias of each key that has such a one, by its ARN."""
    shutil.copytree(demo, lake)
    before, latest = (file.stem for file in files_of(lake, "runs"))
    (file,) = (file for file in files_of(lake, "keys") if file.name.startswith(latest))
    keys = duckdb.sql(f"SELECT key_arn FROM read_parquet('{file}') WHERE aliases_status = 'observed' AND manager = 'CUSTOMER' ORDER BY key_arn").fetchall()
    aliases = {arn: text for (arn,), text in zip(keys, HOSTILE_TEXTS, strict=False)}
    with duckdb.connect() as connection:
        texts = lambda text: "'" + text.replace("'", "''") + "'"  # noqa: E731
        cases = " ".join(f"WHEN {texts(arn)} THEN [{texts(alias)}]" for arn, alias in aliases.items())
        described = " ".join(f"WHEN {texts(arn)} THEN {texts(text.removeprefix('alias/'))}" for arn, text in aliases.items())
        tagged = f"MAP {{{texts(SCRIPT)}: {texts(IMAGE)}, {texts(FORMULA)}: {texts(HIDDEN)}, '__proto__': 'x'}}"
        listed = ", ".join(texts(arn) for arn in aliases)
    _rewritten(
        lake,
        "keys",
        f"SELECT * REPLACE (CASE key_arn {cases} ELSE aliases END AS aliases, CASE key_arn {described} ELSE description END AS description, "
        f"CASE WHEN key_arn IN ({listed}) THEN {tagged} ELSE tags END AS tags) FROM rows",
    )
    _rewritten(lake, "accounts", f"SELECT * REPLACE (concat(name, {texts(SCRIPT)}) AS name) FROM rows")
    _rewritten(
        lake,
        "findings",
        f"SELECT * REPLACE (concat(title, {texts(IMAGE)}) AS title, concat(remediation, {texts(HIDDEN)}) AS remediation, concat(cause, {texts(SCRIPT)}) AS cause, "
        f"CASE WHEN hash(finding_id) % 9 = 0 THEN '2999-12-31' ELSE waived_until END AS waived_until, "
        f"CASE WHEN hash(finding_id) % 9 = 0 THEN {texts(SCRIPT)} ELSE waiver_reason END AS waiver_reason) FROM rows",
    )
    _rewritten(lake, "key_access", f"SELECT * REPLACE (concat(who, {texts(IMAGE)}) AS who, CASE WHEN fence IS NULL THEN NULL ELSE concat(fence, {texts(HIDDEN)}) END AS fence) FROM rows")
    _rewritten(lake, "collection_errors", f"SELECT * REPLACE (concat(message, {texts(SCRIPT)}) AS message) FROM rows")
    # What the run before had otherwise.
    _rewritten(lake, "keys", f"SELECT * REPLACE (CASE WHEN key_arn IN ({listed}) THEN '{{\"Version\": \"2012-10-17\", \"Statement\": []}}' ELSE policy END AS policy) FROM rows", before)
    _rewritten(lake, "findings", "SELECT * FROM rows WHERE hash(finding_id) % 7 <> 0", before)
    return aliases


def many(demo: Path, lake: Path, copies: int) -> None:
    """A lake of `copies` times the demo's keys, in more accounts, with whatever belongs to them. Which key is which copy, the end of its id tells."""
    shutil.copytree(demo, lake)
    account = "lpad(CAST(CAST(account_id AS bigint) + (copy // 20) AS varchar), 12, '0')"
    key_id = "concat(substr(key_id, 1, length(key_id) - 5), printf('%05x', copy))"
    arn = f"concat('arn:aws:kms:', region, ':', {account}, ':key/', {key_id})"
    copied = f"FROM rows, range({copies}) AS r(copy)"
    for table in TABLES_OF_KEYS:
        replaced = f"{account} AS account_id, CASE WHEN key_arn IS NULL THEN NULL ELSE {key_id} END AS key_id, CASE WHEN key_arn IS NULL THEN NULL ELSE {arn} END AS key_arn"
        if table == "findings":
            replaced += ", substr(md5(concat(finding_id, copy)), 1, 16) AS finding_id"
        # In the order in which the program writes them.
        _rewritten(lake, table, f"SELECT * REPLACE ({replaced}) {copied} ORDER BY 4, 5, 3" if table not in ("collection_errors",) else f"SELECT * REPLACE ({replaced}) {copied}")
    groups = (copies + 19) // 20
    _rewritten(lake, "accounts", f"SELECT * REPLACE ({account} AS account_id, keys * 20 AS keys) FROM rows, (SELECT 20 * range AS copy FROM range({groups})) AS g")
    _rewritten(lake, "trail_recording", f"SELECT * REPLACE ({account} AS account_id) FROM rows, (SELECT 20 * range AS copy FROM range({groups})) AS g")
    _rewritten(
        lake,
        "runs",
        f"SELECT * REPLACE (keys * {copies} AS keys, keys_incomplete * {copies} AS keys_incomplete, findings * {copies} AS findings, accounts_planned * {groups} AS accounts_planned, "
        f"accounts_complete * {groups} AS accounts_complete, accounts_partial * {groups} AS accounts_partial, accounts_failed * {groups} AS accounts_failed, "
        f"accounts_skipped * {groups} AS accounts_skipped) FROM rows",
    )
