"""Getting into member accounts: the trust policy of the role asks for an external id, and means it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector import EXIT_DONE, EXIT_PARTIAL, Program
from enforced_organization import POLICY_NAME, ROLE, EnforcedOrganization, Member, collect, lacks


@pytest.fixture(scope="module")
def members(organization: EnforcedOrganization) -> list[Member]:
    """Three accounts with one key each."""
    made = [organization.member(name) for name in ("one", "two", "three")]
    for member in made:
        member.make_key(Description=member.name)
    return made


def test_with_the_external_id_every_account_is_read_whole(program: Program, organization: EnforcedOrganization, members: list[Member], tmp_path: Path) -> None:
    finished, lake = collect(program, organization, tmp_path)
    assert lacks(lake) == []
    finished.expect(EXIT_DONE)
    outcomes = {row["account_id"]: (row["outcome"], row["is_management"]) for row in lake.rows("accounts")}
    assert outcomes == {organization.management: ("complete", True), **{member.account_id: ("complete", False) for member in members}}
    assert sorted(row["key_arn"] for row in lake.rows("keys")) == sorted(key for member in members for key in member.keys)


@pytest.mark.parametrize("external_id", ["not-the-right-one", None], ids=["a wrong external id", "no external id"])
def test_without_the_external_id_every_member_is_a_failed_row_and_the_management_account_is_read(
    program: Program, organization: EnforcedOrganization, members: list[Member], tmp_path: Path, external_id: str | None
) -> None:
    finished, lake = collect(program, organization, tmp_path, external_id=external_id)
    finished.expect(EXIT_PARTIAL)
    rows = {row["account_id"]: (row["outcome"], row["access_status"], row["keys"], row["reason"] is None) for row in lake.rows("accounts")}
    assert rows == {
        organization.management: ("complete", "observed", 0, True),
        **{member.account_id: ("failed", rows[member.account_id][1], 0, False) for member in members},
    }
    assert {rows[member.account_id][1] for member in members} <= {"denied", "failed"}
    expected = [(member.account_id, None, None, "access", "sts:AssumeRole", "assume_role_denied") for member in members]
    assert lacks(lake) == sorted(expected, key=repr)
    assert lake.rows("keys") == []


def test_an_account_without_the_role_is_a_failed_row(program: Program, organization: EnforcedOrganization, tmp_path: Path) -> None:
    # Not read before: ListAliases makes fakecloud add AWS managed keys that nobody may read.
    bare, whole = organization.member("bare"), organization.member("whole")
    iam = bare.client("iam")
    iam.delete_role_policy(RoleName=ROLE, PolicyName=POLICY_NAME)
    iam.delete_role(RoleName=ROLE)
    finished, lake = collect(program, organization, tmp_path, "--accounts", f"{bare.account_id},{whole.account_id}")
    finished.expect(EXIT_PARTIAL)
    assert lacks(lake) == [(bare.account_id, None, None, "access", "sts:AssumeRole", "assume_role_denied")]
    assert {row["account_id"]: row["outcome"] for row in lake.rows("accounts")} == {bare.account_id: "failed", whole.account_id: "complete"}
