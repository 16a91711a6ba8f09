"""The lake on S3, as moto keeps it: the same rows as in a local folder, and the same answers to queries."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import aws
from collector import EXIT_PARTIAL, Program
from lake_reader import COLUMNS, LakeReader, without
from seeded_organization import REGIONS, ROLE, SeededOrganization, seed

BUCKET = "security-lake"
PREFIX = "inventory/kms"

# What two runs over the same organization do not share.
RUN_COLUMNS = {
    "runs": ("run_id", "started_at", "finished_at", "snapshot_date"),
    "keys": ("run_id", "observed_at", "snapshot_date"),
}


@dataclass(frozen=True)
class TwoLakes:
    """One organization, collected twice: into a folder and into a bucket."""

    truth: SeededOrganization
    endpoint: str
    local: LakeReader
    downloaded: LakeReader
    url: str

    def both(self) -> list[str]:
        """What `--lake` names."""
        return [str(self.local.root), self.url]


@pytest.fixture(scope="module")
def lakes(program: Program, moto_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> TwoLakes:
    truth = seed(moto_endpoint)
    s3 = aws.client("s3", moto_endpoint)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="inventory/other.txt", Body=b"not ours")
    local, url = tmp_path_factory.mktemp("local"), f"s3://{BUCKET}/{PREFIX}"

    # One after the other: moto answers in one process, and what it answers too late would be an error that one lake has and the other has not.
    for lake in [str(local), url]:
        arguments = ["--lake", lake, "--role-name", ROLE, "--regions", ",".join(REGIONS), "--last-usage-budget", "0s"]
        program.run("collect", *arguments, endpoint=moto_endpoint).expect(EXIT_PARTIAL)
    downloaded = tmp_path_factory.mktemp("downloaded")
    download(s3, downloaded)
    return TwoLakes(truth, moto_endpoint, LakeReader(local), LakeReader(downloaded), url)


def download(s3: Any, folder: Path) -> None:
    """Everything below the lake's prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PREFIX}/"):
        for entry in page["Contents"]:
            target = folder / entry["Key"].removeprefix(f"{PREFIX}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(BUCKET, entry["Key"], str(target))


@pytest.mark.parametrize("table", COLUMNS)
def test_the_lake_on_s3_holds_the_same_rows_as_the_local_one(lakes: TwoLakes, table: str) -> None:
    assert lakes.downloaded.columns(table) == lakes.local.columns(table)
    left_out = RUN_COLUMNS.get(table, ("run_id", "snapshot_date"))

    def rows(lake: LakeReader) -> Counter:
        return Counter(repr(sorted(without(row, *left_out).items())) for row in lake.rows(table))

    on_s3, local = rows(lakes.downloaded), rows(lakes.local)
    assert (on_s3 - local, local - on_s3) == (Counter(), Counter())
    assert local.total() > 0


def test_nothing_is_written_outside_the_prefix(lakes: TwoLakes) -> None:
    listed = aws.client("s3", lakes.endpoint).list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in listed if not entry["Key"].startswith(f"{PREFIX}/")] == ["inventory/other.txt"]


def test_a_budget_of_nothing_leaves_every_last_usage_unread_and_says_so(lakes: TwoLakes) -> None:
    unread = lakes.local.rows("collection_errors", ("key_arn", "operation", "code"), "fact = 'last_usage'")
    assert Counter((row["key_arn"], row["operation"], row["code"]) for row in unread) == Counter(
        (arn, "kms:GetKeyLastUsage", "budget") for arn in lakes.truth.keys
    )
    assert {(row["verdict"], row["status"]) for row in lakes.local.rows("key_last_used")} == {("unknown", "failed")}


def test_a_count_by_account_is_the_same_on_both_lakes_and_true(program: Program, lakes: TwoLakes) -> None:
    sql = "SELECT account_id, count(*) AS keys FROM keys GROUP BY account_id ORDER BY account_id"
    expected = [{"account_id": account.account_id, "keys": len(account.keys)} for account in sorted(lakes.truth.readable, key=lambda one: one.account_id)]
    for lake in lakes.both():
        assert program.query(sql, lake, endpoint=lakes.endpoint) == expected


def test_the_workshop_s_join_of_keys_and_last_use_runs_on_both_lakes(program: Program, lakes: TwoLakes) -> None:
    sql = (
        "SELECT DISTINCT kms.keyid FROM kms_keys_table kms LEFT JOIN kms_key_last_used_table last_used ON kms.keyid = last_used.keyid "
        "WHERE last_used.eventtime IS NULL ORDER BY kms.keyid"
    )
    # The Regions of a multi-Region key share its id: the view gives its ARN.
    expected = [{"keyid": key_id} for key_id in sorted({key.arn if key.key_id.startswith("mrk-") else key.key_id for key in lakes.truth.keys.values()})]
    for lake in lakes.both():
        assert program.query(sql, lake, endpoint=lakes.endpoint) == expected


@pytest.mark.parametrize("concern", ["External account", "overly permissive", "Principal is account", "IAM user"])
def test_the_workshop_s_filters_on_concern_find_exactly_the_seeded_keys(program: Program, lakes: TwoLakes, concern: str) -> None:
    sql = f"SELECT DISTINCT keyarn, principal FROM kms_keys_table WHERE concern LIKE '%{concern}%' ORDER BY keyarn, principal"
    # The view says of a NotPrincipal what it means.
    expected = sorted(
        (key.arn, f"everyone but {row.principal}" if row.negated_principal else row.principal)
        for key in lakes.truth.keys.values()
        for row in key.policy.rows
        if concern in row.concern
    )
    for lake in lakes.both():
        assert [(row["keyarn"], row["principal"]) for row in program.query(sql, lake, endpoint=lakes.endpoint)] == expected


def test_a_date_filter_of_the_workshop_runs_as_it_is(program: Program, lakes: TwoLakes) -> None:
    sql = "SELECT keyid FROM kms_key_last_used_table last_used WHERE last_used.eventtime < date_add('day', -90, current_date)"
    for lake in lakes.both():
        assert program.query(sql, lake, endpoint=lakes.endpoint) == []


def test_maps_and_lists_come_back_as_they_were_tagged(program: Program, lakes: TwoLakes) -> None:
    tagged = next(key for key in lakes.truth.keys.values() if len(key.row["tags"]) == 2)
    for lake in lakes.both():
        (row,) = program.query(f"SELECT tags, aliases FROM keys WHERE key_arn = '{tagged.arn}'", lake, endpoint=lakes.endpoint)
        assert row == {"tags": tagged.row["tags"], "aliases": tagged.row["aliases"]}


def test_a_resumed_run_is_encrypted_as_the_first_attempt_was(program: Program, lakes: TwoLakes) -> None:
    s3 = aws.client("s3", lakes.endpoint)
    s3.create_bucket(Bucket="encrypted-lake")
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    some = ["--role-name", ROLE, "--accounts", lakes.truth.readable[0].account_id, "--regions", "us-east-1"]
    unread = ["--lake", "s3://encrypted-lake", "--last-usage-budget", "0s", "--format", "json"]
    first = program.run("collect", *unread, *some, "--s3-kms-key", key, endpoint=lakes.endpoint).expect(EXIT_PARTIAL)
    program.run("collect", *unread, "--resume", json.loads(first.stdout)["run_id"], endpoint=lakes.endpoint).expect(EXIT_PARTIAL)
    objects = [entry["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="encrypted-lake") for entry in page["Contents"]]
    assert len([name for name in objects if name.startswith("runs/")]) == 2
    assert {s3.head_object(Bucket="encrypted-lake", Key=name).get("SSEKMSKeyId") for name in objects} == {key}
