"""The narrowed session and the documented role policy suffice, and whatever lacks is a denial that is named.

fakecloud does not ask IAM about `account:ListRegions`: what its denial costs is proved on the sandbox, in tests/end_to_end/faults.rs.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from collector import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL, Program
from enforced_organization import REGION, EnforcedOrganization, Member, collect, documented_actions, lacks, without_action

# What lacks where an action is denied: the facts of each key, or that of the account's Region.
KEY_FACTS: dict[str, tuple[str, ...]] = {
    "kms:DescribeKey": ("metadata",),
    "kms:GetKeyLastUsage": ("last_usage",),
    # fakecloud answers GetKeyPolicy for AWS_RAM too, so both are denied.
    "kms:GetKeyPolicy": ("policy", "ram_policy"),
    "kms:GetKeyRotationStatus": ("rotation",),
    "kms:ListGrants": ("grants",),
    "kms:ListKeyRotations": ("rotations",),
    "kms:ListResourceTags": ("tags",),
}
REGION_FACTS = {"kms:DescribeCustomKeyStores": "custom_key_stores", "kms:ListAliases": "alias_listing", "kms:ListKeys": "key_listing"}


NUMBERS = itertools.count(1)


@pytest.fixture
def member(organization: EnforcedOrganization) -> Member:
    """An account with two keys that can rotate. A new one for each test: ListAliases makes fakecloud add AWS managed keys that, unlike AWS's, nobody may read."""
    made = organization.member(f"payments-{next(NUMBERS)}")
    made.make_key(Description="orders", Tags=[{"TagKey": "Team", "TagValue": "payments"}])
    made.make_key(Description="invoices")
    made.client("kms").create_alias(AliasName="alias/orders", TargetKeyId=made.keys[0])
    return made


def test_the_documented_policy_and_the_narrowed_session_suffice(program: Program, organization: EnforcedOrganization, member: Member, tmp_path: Path) -> None:
    finished, lake = collect(program, organization, tmp_path, "--accounts", member.account_id)
    assert lacks(lake) == []
    finished.expect(EXIT_DONE)
    (account,) = lake.rows("accounts", ("account_id", "outcome", "access_status", "keys"))
    assert account == {"account_id": member.account_id, "outcome": "complete", "access_status": "observed", "keys": 2}
    rows = {row["key_arn"]: row for row in lake.rows("keys", ("key_arn", "description", "tags", "aliases", "state"))}
    assert rows == {
        member.keys[0]: {"key_arn": member.keys[0], "description": "orders", "tags": {"Team": "payments"}, "aliases": ["alias/orders"], "state": "Enabled"},
        member.keys[1]: {"key_arn": member.keys[1], "description": "invoices", "tags": {}, "aliases": [], "state": "Enabled"},
    }


def test_the_documented_policy_allows_nothing_but_reads() -> None:
    assert set(documented_actions()) == {*KEY_FACTS, *REGION_FACTS, "account:ListRegions"}


@pytest.mark.parametrize("action", sorted([*KEY_FACTS, *REGION_FACTS]))
def test_one_action_less_is_one_named_denial(program: Program, organization: EnforcedOrganization, member: Member, tmp_path: Path, action: str) -> None:
    member.allow(without_action(action))
    finished, lake = collect(program, organization, tmp_path, "--accounts", member.account_id)
    if action == "kms:ListKeys":
        # Without it nothing of the account is read, and a run that read nothing is no snapshot.
        assert f"{member.account_id} {REGION}: keys not all listed: kms:ListKeys: access_denied" in finished.expect(EXIT_FAILED).stderr
        return
    finished.expect(EXIT_PARTIAL)
    assert lacks(lake) == expected_denials(member, action)
    assert len(lake.rows("keys")) == 2, "a denied fact costs that fact, not the key"


def expected_denials(member: Member, action: str, keys: list[str] | None = None) -> list[tuple[Any, ...]]:
    """The rows of collection_errors for one denied action, for all of the member's keys or those named."""
    if action in REGION_FACTS:
        return [(member.account_id, REGION, None, REGION_FACTS[action], action, "access_denied")]
    facts = [(member.account_id, REGION, key, fact, action, "access_denied") for key in keys or member.keys for fact in KEY_FACTS[action]]
    return sorted(facts, key=repr)


def test_a_service_control_policy_denies_one_action_in_one_account(
    program: Program, organization: EnforcedOrganization, member: Member, tmp_path: Path
) -> None:
    fenced = organization.member("fenced")
    fenced.make_key(Description="fenced")
    organization.deny(fenced, "kms:ListGrants")
    finished, lake = collect(program, organization, tmp_path, "--accounts", f"{member.account_id},{fenced.account_id}")
    finished.expect(EXIT_PARTIAL)
    assert lacks(lake) == expected_denials(fenced, "kms:ListGrants")
    assert {row["account_id"]: row["outcome"] for row in lake.rows("accounts")} == {member.account_id: "complete", fenced.account_id: "partial"}


def test_a_key_policy_denies_its_own_reading(program: Program, organization: EnforcedOrganization, tmp_path: Path) -> None:
    guarded = organization.member("guarded")
    open_key = guarded.make_key(Description="open")
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{guarded.account_id}:root"}, "Action": "kms:*", "Resource": "*"}
    # AWS takes a role's ARN for its sessions too, fakecloud does not.
    secret = {"Effect": "Deny", "Principal": "*", "Action": "kms:GetKeyPolicy", "Resource": "*"}
    key = guarded.make_key(Description="guarded", Policy=json.dumps({"Version": "2012-10-17", "Statement": [root, secret]}))
    finished, lake = collect(program, organization, tmp_path, "--accounts", guarded.account_id)
    finished.expect(EXIT_PARTIAL)
    assert lacks(lake) == expected_denials(guarded, "kms:GetKeyPolicy", [key])
    status = {row["key_arn"]: (row["policy_status"], row["policy"] is None, row["concern"] is None) for row in lake.rows("keys")}
    assert status == {open_key: ("observed", False, False), key: ("denied", True, True)}, "a denied policy is not an empty policy"


def test_a_key_policy_that_admits_nobody_of_the_account_leaves_a_row_with_every_fact_denied(
    program: Program, organization: EnforcedOrganization, tmp_path: Path
) -> None:
    closed = organization.member("sealed")
    alone = f"arn:aws:iam::{closed.account_id}:user/administrator-{closed.account_id}"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": alone}, "Action": "kms:*", "Resource": "*"}]}
    key = closed.make_key(Description="sealed", Policy=json.dumps(policy))
    finished, lake = collect(program, organization, tmp_path, "--accounts", closed.account_id)
    finished.expect(EXIT_PARTIAL)
    assert lacks(lake) == sorted((row for action in KEY_FACTS for row in expected_denials(closed, action, [key])), key=repr)
    (row,) = lake.rows("keys", ("key_arn", "state", "policy", "metadata_status", "aliases_status", "monthly_cost_usd"))
    assert row == {"key_arn": key, "state": None, "policy": None, "metadata_status": "denied", "aliases_status": "observed", "monthly_cost_usd": None}
