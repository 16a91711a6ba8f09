"""The collector against ministack, whose ListKeys says `Truncated: true` past 1,000 keys and names no marker."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import aws
from collector import ANYBODY, EXIT_PARTIAL, Credentials, Finished, Program
from lake_reader import LakeReader

# ministack's page is 1,000 keys whatever Limit says.
PAGE = 1000
MADE = PAGE + 20
REGIONS = ("eu-west-1", "us-east-1")
ENDLESS_REGION = "us-east-1"
ROLE = "OrganizationAccountAccessRole"
BOUND_SECONDS = 240


@dataclass(frozen=True)
class Collected:
    """The run, its lake, and the keys that were made, by account and Region."""

    finished: Finished
    lake: LakeReader
    management: str
    member: str
    made: dict[tuple[str, str], set[str]]


@pytest.fixture(scope="module")
def collected(program: Program, ministack_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    management = aws.client("sts", ministack_endpoint).get_caller_identity()["Account"]
    organizations = aws.client("organizations", ministack_endpoint)
    member = organizations.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["AccountId"]
    credentials = aws.assume_role(ministack_endpoint, member, ROLE)
    made = {
        (management, ENDLESS_REGION): make_keys(ministack_endpoint, ANYBODY, ENDLESS_REGION, MADE),
        (management, "eu-west-1"): make_keys(ministack_endpoint, ANYBODY, "eu-west-1", 3),
        (member, ENDLESS_REGION): make_keys(ministack_endpoint, credentials, ENDLESS_REGION, 2),
        (member, "eu-west-1"): make_keys(ministack_endpoint, credentials, "eu-west-1", 1),
    }
    lake = tmp_path_factory.mktemp("lake")
    arguments = ["--lake", str(lake), "--role-name", ROLE, "--regions", ",".join(REGIONS), "--last-usage-budget", "0s"]
    finished = program.run("collect", *arguments, endpoint=ministack_endpoint, timeout=BOUND_SECONDS)
    return Collected(finished.expect(EXIT_PARTIAL), LakeReader(lake), management, member, made)


def make_keys(endpoint: str, credentials: Credentials, region: str, count: int) -> set[str]:
    """Makes keys; returns their ids."""
    kms = aws.client("kms", endpoint, region, credentials)
    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(lambda number: kms.create_key(Description=f"key {number}")["KeyMetadata"]["KeyId"], range(count)))


def test_ministack_still_says_truncated_without_a_marker(collected: Collected, ministack_endpoint: str) -> None:
    """If this changes, the suite no longer proves what it says."""
    page = aws.client("kms", ministack_endpoint, ENDLESS_REGION).list_keys()
    assert (len(page["Keys"]), page["Truncated"], page.get("NextMarker")) == (PAGE, True, None)


def test_the_run_ends_and_is_partial(collected: Collected) -> None:
    assert (collected.finished.code, collected.lake.rows("runs", ("status",))) == (EXIT_PARTIAL, [{"status": "partial"}])


def test_the_endless_listing_is_named_for_its_account_and_region_only(collected: Collected) -> None:
    columns = ("account_id", "region", "key_arn", "operation", "code", "retryable")
    rows = collected.lake.rows("collection_errors", columns, "code = 'endless_pagination'")
    assert [tuple(row.values()) for row in rows] == [(collected.management, ENDLESS_REGION, None, "kms:ListKeys", "endless_pagination", False)]


def test_the_keys_before_the_break_are_rows_and_read_whole(collected: Collected) -> None:
    rows = collected.lake.rows("keys", where=f"account_id = '{collected.management}' AND region = '{ENDLESS_REGION}'")
    found = [row["key_id"] for row in rows]
    assert len(found) == len(set(found)) == PAGE
    assert set(found) <= collected.made[collected.management, ENDLESS_REGION]
    facts = ("metadata_status", "aliases_status", "policy_status", "grants_status", "tags_status", "rotation_status")
    assert {tuple(row[fact] for fact in facts) for row in rows} == {("observed",) * len(facts)}


def test_other_accounts_and_regions_are_complete_listings(collected: Collected) -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for row in collected.lake.rows("keys", ("account_id", "region", "key_id")):
        found.setdefault((row["account_id"], row["region"]), set()).add(row["key_id"])
    whole = {place for place in collected.made if place != (collected.management, ENDLESS_REGION)}
    assert {place: found.get(place) for place in whole} == {place: collected.made[place] for place in whole}


def test_an_operation_that_the_endpoint_does_not_know_is_a_failure_and_not_an_absence(collected: Collected) -> None:
    """ministack answers `InvalidAction` for ListKeyRotations: that is no reason to say that symmetric keys cannot rotate."""
    keys = collected.lake.rows("keys", ("key_arn", "rotations_status", "rotation_count"))
    assert Counter((row["rotations_status"], row["rotation_count"]) for row in keys) == Counter({("failed", None): len(keys)})
    rows = collected.lake.rows("collection_errors", ("key_arn", "code"), "operation = 'kms:ListKeyRotations'")
    assert Counter((row["key_arn"], row["code"]) for row in rows) == Counter((key["key_arn"], "unsupported") for key in keys)


def test_a_policy_that_is_not_there_is_not_a_copy_of_the_default_one(collected: Collected) -> None:
    """ministack answers for AWS_RAM with the policy `default`, and says so in PolicyName."""
    assert {row["ram_policy"] for row in collected.lake.rows("keys", ("ram_policy",))} == {None}
    assert {row["policy_name"] for row in collected.lake.rows("policy_statements", ("policy_name",))} == {"default"}
