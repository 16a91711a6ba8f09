"""Pages as KMS has them: more keys than one ListKeys answers, more aliases than one ListAliases answers."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from collector import EXIT_PARTIAL, Program
from enforced_organization import EnforcedOrganization, Member, collect, lacks

KEYS = 1050
ALIASES = 230


@pytest.fixture(scope="module")
def large(organization: EnforcedOrganization) -> Member:
    """An account with more keys than a page holds."""
    made = organization.member("large")
    kms = made.client("kms")
    with ThreadPoolExecutor(8) as pool:
        made.keys = list(pool.map(lambda number: kms.create_key(Description=f"key {number}")["KeyMetadata"]["Arn"], range(KEYS)))
        list(pool.map(lambda number: kms.create_alias(AliasName=f"alias/number-{number}", TargetKeyId=made.keys[number]), range(ALIASES)))
    return made


def test_the_pages_are_real(large: Member) -> None:
    """If this changes, the suite no longer proves what it says."""
    kms = large.client("kms")
    first = kms.list_keys(Limit=1000)
    assert (len(first["Keys"]), first["Truncated"]) == (1000, True)
    second = kms.list_keys(Limit=1000, Marker=first["NextMarker"])
    assert (len(second["Keys"]), second["Truncated"]) == (KEYS - 1000, False)
    aliases = kms.list_aliases(Limit=100)
    assert (len(aliases["Aliases"]), aliases["Truncated"]) == (100, True)


def test_every_page_of_keys_and_aliases_is_read_once(program: Program, organization: EnforcedOrganization, large: Member, tmp_path: Path) -> None:
    finished, lake = collect(program, organization, tmp_path, "--accounts", large.account_id, "--last-usage-budget", "0s")
    finished.expect(EXIT_PARTIAL)
    # The listing of aliases above made fakecloud add AWS managed keys that, unlike AWS's, nobody may read.
    own = set(large.keys)
    assert {row[3:] for row in lacks(lake) if row[2] in own} == {("last_usage", "kms:GetKeyLastUsage", "budget")}
    rows = [row for row in lake.rows("keys", ("key_arn", "aliases")) if row["key_arn"] in own]
    assert Counter(row["key_arn"] for row in rows) == Counter(large.keys)
    expected = {key: [f"alias/number-{number}"] if number < ALIASES else [] for number, key in enumerate(large.keys)}
    assert {row["key_arn"]: row["aliases"] for row in rows} == expected
