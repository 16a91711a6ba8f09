"""An organization in moto, and the truth about it: what the collector must say, recorded while it is made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import aws
from collector import ANYBODY
from key_policies import OUTSIDE, SeededPolicy, default_policy, policies
from lake_reader import Moment

REGIONS = ("ap-southeast-2", "eu-central-1", "us-east-1")
ROLE = "OrganizationAccountAccessRole"
MANY_KEYS = 105

# `kms:DescribeKey` of these keys does not succeed in moto; see key_policies.
HIDDEN_POLICIES = {"a single statement that is not in a list": "failed", "DescribeKey denied to everybody": "denied"}


@dataclass
class SeededKey:
    """A key with the rows that it must have."""

    arn: str
    row: dict[str, Any]
    policy: SeededPolicy
    grants: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key_id(self) -> str:
        return self.row["key_id"]

    @property
    def region(self) -> str:
        return self.row["region"]


@dataclass
class SeededAccount:
    """An account with the row that it must have, and its keys."""

    account_id: str
    name: str
    ou_path: str
    is_management: bool = False
    closed: bool = False
    keys: list[SeededKey] = field(default_factory=list)


@dataclass
class SeededOrganization:
    """The whole truth."""

    organization_id: str
    accounts: list[SeededAccount]

    @cached_property
    def readable(self) -> list[SeededAccount]:
        """The accounts that the collector must read."""
        return [account for account in self.accounts if not account.closed]

    @cached_property
    def keys(self) -> dict[str, SeededKey]:
        """Every key that the collector must find, by ARN: those of the closed account are not among them."""
        return {key.arn: key for account in self.readable for key in account.keys}

    def account(self, name: str) -> SeededAccount:
        """The account of this name."""
        return next(account for account in self.accounts if account.name == name)


def seed(endpoint: str) -> SeededOrganization:
    """Makes 25 accounts (the management account, 21 in one organizational unit, one elsewhere, one below the root, one closed) and their keys."""
    organizations = aws.client("organizations", endpoint)
    organization = organizations.create_organization(FeatureSet="ALL")["Organization"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    workloads = _unit(organizations, root, "Workloads")
    prod = _unit(organizations, workloads, "Prod")
    security = _unit(organizations, root, "Security & Audit")
    sandbox = _unit(organizations, root, "Sandbox")

    def account(name: str, parent: str, ou_path: str, closed: bool = False) -> SeededAccount:
        made = organizations.create_account(AccountName=name, Email=f"{name}@example.com", Tags=[{"Key": "Team", "Value": name}])
        account_id = made["CreateAccountStatus"]["AccountId"]
        if parent != root:
            organizations.move_account(AccountId=account_id, SourceParentId=root, DestinationParentId=parent)
        return SeededAccount(account_id, name, ou_path, closed=closed)

    management = SeededAccount(organization["MasterAccountId"], "master", "/", is_management=True)
    applications = [account(f"application-{number:02}", prod, "/Workloads/Prod") for number in range(1, 22)]
    audit = account("audit", security, "/Security & Audit")
    shared = account("shared", root, "/")
    closed = account("closed", sandbox, "/Sandbox", closed=True)

    for seeded in [management, shared, closed, *applications]:
        _seed_ordinary_key(_Seeder(endpoint, seeded, "us-east-1"), 0)
    _seed_default_key(_Seeder(endpoint, management, "eu-central-1"))
    many = _Seeder(endpoint, applications[0], "eu-central-1")
    for number in range(MANY_KEYS):
        _seed_ordinary_key(many, number)
    _seed_kinds_of_keys(_Seeder(endpoint, audit, "eu-central-1"))
    _seed_policies(_Seeder(endpoint, audit, "us-east-1"))
    _seed_multi_region_set(endpoint, audit)
    organizations.close_account(AccountId=closed.account_id)
    return SeededOrganization(organization["Id"], [management, *applications, audit, shared, closed])


def _unit(organizations: Any, parent: str, name: str) -> str:
    return organizations.create_organizational_unit(ParentId=parent, Name=name)["OrganizationalUnit"]["Id"]


class _Seeder:
    """Makes keys in one account and Region, through a role where the account is a member."""

    def __init__(self, endpoint: str, account: SeededAccount, region: str) -> None:
        credentials = ANYBODY if account.is_management else aws.assume_role(endpoint, account.account_id, ROLE)
        self.kms = aws.client("kms", endpoint, region, credentials)
        self.account = account
        self.region = region

    def key(self, policy: SeededPolicy | None = None, **options: Any) -> SeededKey:
        if policy is not None:
            options["Policy"] = policy.text
        metadata = self.kms.create_key(**options)["KeyMetadata"]
        tags = {tag["TagKey"]: tag["TagValue"] for tag in options.get("Tags", [])}
        return self.record(metadata, policy or default_policy(self.account.account_id), tags)

    def record(self, metadata: dict[str, Any], policy: SeededPolicy, tags: dict[str, str]) -> SeededKey:
        row = _key_row(self.account.account_id, self.region, metadata, policy, tags)
        key = SeededKey(metadata["Arn"], row, policy)
        self.account.keys.append(key)
        return key

    def aliases(self, key: SeededKey, *names: str) -> None:
        for name in names:
            self.kms.create_alias(AliasName=name, TargetKeyId=key.key_id)
        key.row["aliases"] = sorted([*key.row["aliases"], *names])

    def grant(self, key: SeededKey, name: str | None, grantee: str, operations: list[str], constraints: dict[str, Any] | None, retiring: str | None) -> None:
        options = {"Name": name, "RetiringPrincipal": retiring, "Constraints": constraints}
        made = self.kms.create_grant(
            KeyId=key.key_id, GranteePrincipal=grantee, Operations=operations, **{key: value for key, value in options.items() if value is not None}
        )
        key.grants.append(
            {
                "key_arn": key.arn,
                "key_id": key.key_id,
                "account_id": key.row["account_id"],
                "region": key.region,
                "grant_id": made["GrantId"],
                "name": name,
                # moto says neither when a grant was made nor under which account.
                "created_at": None,
                "issuing_account": None,
                "grantee_principal": grantee,
                "retiring_principal": retiring,
                "operations": sorted(operations),
                "constraints": constraints,
                "source_arn": (constraints or {}).get("SourceArn"),
            }
        )
        key.row["grant_count"] = len(key.grants)


def _seed_ordinary_key(seeder: _Seeder, number: int) -> None:
    tags = [{"TagKey": "Number", "TagValue": str(number)}, {"TagKey": "Team", "TagValue": "Zahlungen & Löhne"}]
    key = seeder.key(Description=f"orders {number}", KeyUsage="ENCRYPT_DECRYPT", Tags=tags[: number % 3])
    key.row["tags"] = {tag["TagKey"]: tag["TagValue"] for tag in tags[: number % 3]}
    if number % 3 == 0:
        seeder.aliases(key, f"alias/orders-{number}")
    if number % 10 == 5:
        seeder.aliases(key, f"alias/a/{number}", f"alias/b/{number}")


def _seed_default_key(seeder: _Seeder) -> None:
    """The key behind a reserved alias, which moto makes when somebody asks for it; its other reserved aliases point at keys that do not exist."""
    metadata = seeder.kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    key = seeder.record(metadata, default_policy(seeder.account.account_id), {})
    key.row["aliases"] = ["alias/aws/s3"]


def _seed_kinds_of_keys(seeder: _Seeder) -> None:
    """Every state, kind and rotation that moto has, and grants."""
    for spec, usage in [
        ("RSA_2048", "SIGN_VERIFY"),
        ("RSA_2048", "ENCRYPT_DECRYPT"),
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("ECC_NIST_P256", "KEY_AGREEMENT"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
    ]:
        seeder.key(KeySpec=spec, KeyUsage=usage, Description=f"{spec} for {usage}")
    seeder.key(KeyUsage="ENCRYPT_DECRYPT", Origin="EXTERNAL", Description="imported")
    # Without KeyUsage moto returns none: the fact is then unknown, not guessed.
    seeder.key(Description="usage not said")

    disabled = seeder.key(KeyUsage="ENCRYPT_DECRYPT", Description="disabled")
    seeder.kms.disable_key(KeyId=disabled.key_id)
    disabled.row.update(state="Disabled", enabled=False)

    pending = seeder.key(KeyUsage="ENCRYPT_DECRYPT", Description="pending deletion")
    gone = seeder.kms.schedule_key_deletion(KeyId=pending.key_id, PendingWindowInDays=9)
    pending.row.update(state="PendingDeletion", enabled=False, deletion_date=Moment(gone["DeletionDate"]), monthly_cost_usd=0.0)

    rotated = seeder.key(KeyUsage="ENCRYPT_DECRYPT", Description="rotated")
    seeder.kms.enable_key_rotation(KeyId=rotated.key_id)
    for _ in range(3):
        seeder.kms.rotate_key_on_demand(KeyId=rotated.key_id)
    rotations = [Moment(rotation["RotationDate"]) for rotation in seeder.kms.list_key_rotations(KeyId=rotated.key_id)["Rotations"]]
    # The first and second rotation add a dollar each, the third adds none.
    rotated.row.update(rotation_enabled=True, rotation_count=3, last_rotated_at=max(rotations, key=lambda moment: moment.at), monthly_cost_usd=3.0)

    granted = seeder.key(KeyUsage="ENCRYPT_DECRYPT", Description="granted")
    account = seeder.account.account_id
    seeder.grant(granted, "to a role", f"arn:aws:iam::{account}:role/worker", ["Encrypt", "Decrypt"], None, f"arn:aws:iam::{account}:role/admin")
    seeder.grant(granted, None, f"arn:aws:iam::{OUTSIDE}:role/vendor", ["Decrypt"], {"EncryptionContextEquals": {"purpose": "orders", "größe": "1"}}, None)
    granted.row.update(outside_account="yes", outside_organization="yes")
    seeder.grant(granted, "a volume", "ec2.amazonaws.com", ["Decrypt"], {"EncryptionContextSubset": {"aws:ebs:id": "vol-0123"}}, None)
    source = f"arn:aws:dynamodb:eu-central-1:{account}:table/orders"
    seeder.grant(granted, "a table", "dynamodb.amazonaws.com", ["Decrypt", "GenerateDataKey", "RetireGrant"], {"SourceArn": source}, None)


def _seed_policies(seeder: _Seeder) -> None:
    for policy in policies(seeder.account.account_id):
        key = seeder.key(policy, KeyUsage="ENCRYPT_DECRYPT", Description=policy.name)
        if policy.name in HIDDEN_POLICIES:
            _hide_metadata(key, HIDDEN_POLICIES[policy.name])


def _hide_metadata(key: SeededKey, status: str) -> None:
    """What remains of the row where `DescribeKey` did not succeed: everything that other operations say."""
    for column in METADATA_COLUMNS:
        key.row[column] = None
    key.row.update(metadata_status=status, custom_key_store_status=status, monthly_cost_usd=None)


def _seed_multi_region_set(endpoint: str, account: SeededAccount) -> None:
    primary_region, replica_region = "eu-central-1", "ap-southeast-2"
    seeder = _Seeder(endpoint, account, primary_region)
    primary = seeder.key(KeyUsage="ENCRYPT_DECRYPT", MultiRegion=True, Description="in two Regions")
    seeder.kms.replicate_key(KeyId=primary.key_id, ReplicaRegion=replica_region)
    elsewhere = _Seeder(endpoint, account, replica_region)
    replica = elsewhere.record(elsewhere.kms.describe_key(KeyId=primary.key_id)["KeyMetadata"], primary.policy, {})
    # moto keeps one record for both, which calls both replicas as soon as the replica was described, as it was above.
    for key in (primary, replica):
        key.row.update(multi_region=True, multi_region_type="REPLICA", multi_region_primary_arn=primary.arn, multi_region_replica_arns=[replica.arn])


# What only `kms:DescribeKey` says.
METADATA_COLUMNS = (
    "created_at", "state", "enabled", "description", "spec", "usage", "origin", "manager", "multi_region", "multi_region_type", "multi_region_primary_arn",
    "multi_region_replica_arns", "deletion_date", "pending_deletion_window_days", "valid_to", "expiration_model", "custom_key_store_id",
    "cloud_hsm_cluster_id", "xks_key_id", "current_key_material_id", "algorithms",
)  # fmt: skip


def _key_row(account: str, region: str, metadata: dict[str, Any], policy: SeededPolicy, tags: dict[str, str]) -> dict[str, Any]:
    """The row of a key that has neither alias nor grant and was never rotated."""
    rotates = metadata["KeySpec"] == "SYMMETRIC_DEFAULT"
    algorithms = {name for kind in ("EncryptionAlgorithms", "SigningAlgorithms", "MacAlgorithms", "KeyAgreementAlgorithms") for name in metadata.get(kind, [])}
    return {
        "key_arn": metadata["Arn"],
        "key_id": metadata["KeyId"],
        "account_id": account,
        "region": region,
        "created_at": Moment(metadata["CreationDate"]),
        "state": metadata["KeyState"],
        "enabled": metadata["Enabled"],
        "description": metadata["Description"],
        "spec": metadata["KeySpec"],
        "usage": metadata.get("KeyUsage"),
        "origin": metadata["Origin"],
        "manager": metadata["KeyManager"],
        "multi_region": False,
        "multi_region_type": None,
        "multi_region_primary_arn": None,
        "multi_region_replica_arns": None,
        "deletion_date": None,
        "pending_deletion_window_days": None,
        "valid_to": None,
        "expiration_model": None,
        "custom_key_store_id": None,
        "custom_key_store_name": None,
        "custom_key_store_type": None,
        "custom_key_store_connection_state": None,
        "cloud_hsm_cluster_id": None,
        "xks_key_id": None,
        "current_key_material_id": None,
        "algorithms": sorted(algorithms),
        "aliases": [],
        "tags": tags,
        "policy": policy.text,
        "ram_policy": None,
        "concern": policy.concern,
        "outside_account": "yes" if policy.outsiders == "public" else policy.outsiders,
        "outside_organization": "yes" if policy.outsiders == "public" else policy.outsiders,
        "public": {"public": "yes", "yes": "no"}.get(policy.outsiders, policy.outsiders),
        "policy_error": policy.is_malformed,
        "grant_count": 0,
        "rotation_enabled": False if rotates else None,
        "rotation_period_days": None,
        "next_rotation_at": None,
        "on_demand_rotation_started_at": None,
        "rotation_count": 0 if rotates else None,
        "last_rotated_at": None,
        "monthly_cost_usd": 1.0,
        "metadata_status": "observed",
        "aliases_status": "observed",
        "policy_status": "observed",
        # moto answers NotFoundException for the policy AWS_RAM, as KMS does for a key that is not shared.
        "ram_policy_status": "not_applicable",
        "grants_status": "observed",
        "tags_status": "observed",
        "rotation_status": "observed" if rotates else "not_applicable",
        "rotations_status": "observed" if rotates else "not_applicable",
        # moto has no custom key stores.
        "custom_key_store_status": "not_applicable",
        "last_usage_status": "failed",
    }


def as_json(text: str | None) -> Any:
    """A JSON column's value."""
    return None if text is None else json.loads(text)
