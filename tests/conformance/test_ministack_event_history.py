"""The collector against ministack's CloudTrail, which records what is really asked of its KMS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

import aws
import servers
from collector import EXIT_PARTIAL, Program
from lake_reader import LakeReader

REGION = "us-east-1"


@dataclass(frozen=True)
class Collected:
    """The lake, and the ids of the keys by what was done with them."""

    lake: LakeReader
    keys: dict[str, str]
    begun: datetime


@pytest.fixture(scope="module")
def recording_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.ministack(tmp_path_factory.mktemp("ministack"), CLOUDTRAIL_RECORDING="1") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def collected(program: Program, recording_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    begun = datetime.now(timezone.utc).replace(microsecond=0)
    kms = aws.client("kms", recording_endpoint, REGION)
    keys = {name: kms.create_key(Description=name)["KeyMetadata"]["KeyId"] for name in ("encrypted", "by arn", "described", "untouched")}
    kms.encrypt(KeyId=keys["encrypted"], Plaintext=b"text")
    kms.generate_data_key(KeyId=keys["encrypted"], KeySpec="AES_256")
    arn = kms.describe_key(KeyId=keys["by arn"])["KeyMetadata"]["Arn"]
    kms.generate_data_key_without_plaintext(KeyId=arn, KeySpec="AES_256")
    for _ in range(60):
        kms.describe_key(KeyId=keys["described"])
    cloudtrail = aws.client("cloudtrail", recording_endpoint, REGION)
    aws.client("s3", recording_endpoint, REGION).create_bucket(Bucket="trail-logs")
    cloudtrail.create_trail(Name="writes", S3BucketName="trail-logs", S3KeyPrefix="kept", IsMultiRegionTrail=True)
    cloudtrail.put_event_selectors(TrailName="writes", EventSelectors=[{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}])
    cloudtrail.start_logging(Name="writes")
    lake = tmp_path_factory.mktemp("lake")
    arguments = ["--lake", str(lake), "--role-name", "OrganizationAccountAccessRole", "--regions", REGION]
    program.run("collect", *arguments, endpoint=recording_endpoint, timeout=240).expect(EXIT_PARTIAL)
    return Collected(LakeReader(lake), keys, begun)


def test_real_uses_are_found_and_the_collectors_own_reads_are_none(collected: Collected) -> None:
    columns = ("key_id", "operation", "evidence", "principal", "verdict", "status", "event_history_status")
    rows = {row["key_id"]: tuple(row.values())[1:] for row in collected.lake.rows("key_last_used", columns)}
    account = aws_account(collected)
    user = f"arn:aws:iam::{account}:user/test"
    used = lambda operation: (operation, "lookup", user, "used", "failed", "observed")  # noqa: E731
    # Made a moment ago: the event history covers their whole life.
    unused = (None, "lookup", None, "never_used", "failed", "observed")
    keys = collected.keys
    assert {key: rows[keys[key]] for key in keys} == {
        "encrypted": used("GenerateDataKey"),
        "by arn": used("GenerateDataKeyWithoutPlaintext"),
        "described": unused,
        "untouched": unused,
    }


def aws_account(collected: Collected) -> str:
    (row,) = collected.lake.rows("accounts", ("account_id",))
    return row["account_id"]


def test_the_time_of_a_use_is_that_of_its_event(collected: Collected) -> None:
    times = [row["last_used_at"] for row in collected.lake.rows("key_last_used", ("last_used_at",), "verdict = 'used'")]
    now = datetime.now(timezone.utc)
    assert len(times) == 2
    assert all(collected.begun <= at.replace(tzinfo=timezone.utc) <= now for at in times), times


def test_a_trail_of_writes_is_told_as_one_that_records_no_use(collected: Collected) -> None:
    columns = ("records_kms_reads", "reason", "trails", "home_region", "is_organization_trail", "is_logging", "s3_bucket", "s3_prefix", "status")
    reason = "the trail writes records writes alone, and the use of a key is a read"
    assert [tuple(row.values()) for row in collected.lake.rows("trail_recording", columns)] == [
        ("no", reason, 1, REGION, False, True, "trail-logs", "kept", "observed")
    ]
