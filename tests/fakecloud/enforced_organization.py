"""An organization in fakecloud: member accounts with a role whose trust policy asks for an external id and whose policy is the documented one."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aws
from collector import Credentials, Finished, Program
from lake_reader import LakeReader

REGION = "us-east-1"
ROLE = "KmsInsightsAuditor"
EXTERNAL_ID = "kms-insights-7c1f"
POLICY_NAME = "kms-insights"
MEMBER_ROLE_POLICY = Path(__file__).resolve().parents[2] / "deploy" / "member-role-policy.json"
ACCOUNT_READY_WITHIN_SECONDS = 60.0


def member_role_policy() -> dict[str, Any]:
    """The documented policy of the role in member accounts, generated from the tables."""
    return json.loads(MEMBER_ROLE_POLICY.read_text(encoding="utf-8"))


def documented_actions() -> list[str]:
    """Every action that the documented policy allows."""
    statements = member_role_policy()["Statement"]
    return sorted(action for statement in (statements if isinstance(statements, list) else [statements]) for action in listed(statement["Action"]))


def listed(value: Any) -> list[str]:
    """IAM's lists, of which one element may stand alone."""
    return value if isinstance(value, list) else [value]


def without_action(action: str) -> dict[str, Any]:
    """The documented policy with one action less."""
    policy = member_role_policy()
    kept = []
    for statement in policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]:
        actions = [name for name in listed(statement["Action"]) if name != action]
        if actions:
            kept.append({**statement, "Action": actions})
    return {**policy, "Statement": kept}


@dataclass
class Member:
    """A member account: its administrator makes keys and policies, the role is the collector's."""

    account_id: str
    name: str
    administrator: Credentials
    endpoint: str
    keys: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return aws.client(service, self.endpoint, REGION, self.administrator)

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:role/{ROLE}"

    def make_key(self, **options: Any) -> str:
        """A key; returns its ARN."""
        arn = self.client("kms").create_key(**options)["KeyMetadata"]["Arn"]
        self.keys.append(arn)
        return arn

    def allow(self, policy: dict[str, Any]) -> None:
        """Makes this the only policy of the role."""
        self.client("iam").put_role_policy(RoleName=ROLE, PolicyName=POLICY_NAME, PolicyDocument=json.dumps(policy))


class EnforcedOrganization:
    """The organization, its members, and the collector's caller."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        # The identity test/test is root of the default account, which becomes the management account; IAM does not bind it.
        self.management = aws.client("sts", endpoint).get_caller_identity()["Account"]
        organizations = aws.client("organizations", endpoint)
        organizations.create_organization(FeatureSet="ALL")
        self.organizations = organizations
        root = organizations.list_roots()["Roots"][0]["Id"]
        organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
        # The collector must be somebody whom IAM binds.
        self.caller = self.administrator_of(self.management)

    def administrator_of(self, account: str) -> Credentials:
        """A new user of the account who may do everything there."""
        body = json.dumps({"accountId": account, "userName": f"administrator-{account}"}).encode()
        request = urllib.request.Request(f"{self.endpoint}/_fakecloud/iam/create-admin", body, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            made = json.load(answer)
        return Credentials(made["accessKeyId"], made["secretAccessKey"])

    def member(self, name: str) -> Member:
        """A new member account with the collector's role, as the documentation says to make it."""
        account = self._create_account(name)
        member = Member(account, name, self.administrator_of(account), self.endpoint)
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{self.management}:root"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
                },
                # fakecloud judges a trust policy twice: for every request alike, knowing nothing of what the request says, and then in STS, where each session has a
                # name. This lets the first pass; the second is left to the statement above.
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{self.management}:root"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"Null": {"sts:RoleSessionName": "true"}},
                },
            ],
        }
        member.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        member.allow(member_role_policy())
        return member

    def deny(self, member: Member, action: str) -> None:
        """Attaches a service control policy that denies the action in the member's account."""
        # In AWS the account has FullAWSAccess beside it; fakecloud attaches that to the root only, and an account whose own policies allow nothing may do nothing.
        statements = [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Sid": "No", "Effect": "Deny", "Action": action, "Resource": "*"}]
        content = {"Version": "2012-10-17", "Statement": statements}
        policy = self.organizations.create_policy(
            Content=json.dumps(content), Description="denies one action", Name=f"no {action} in {member.name}".replace(":", " "), Type="SERVICE_CONTROL_POLICY"
        )
        self.organizations.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=member.account_id)

    def _create_account(self, name: str) -> str:
        """CreateAccount ends later than its answer; its status says when."""
        status = self.organizations.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]
        deadline = time.monotonic() + ACCOUNT_READY_WITHIN_SECONDS
        while status["State"] == "IN_PROGRESS" and time.monotonic() < deadline:
            time.sleep(0.05)
            status = self.organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
        assert status["State"] == "SUCCEEDED", status
        return status["AccountId"]


def collect(
    program: Program, organization: EnforcedOrganization, lake: Path, *arguments: str, external_id: str | None = EXTERNAL_ID, regions: str | None = REGION
) -> tuple[Finished, LakeReader]:
    """One run of the collector as its caller in the management account."""
    # fakecloud does not keep the keys of one Region from another, so one Region is read, unless the list of Regions is what is tested.
    options = ["--role-name", ROLE, *(["--external-id", external_id] if external_id else []), *(["--regions", regions] if regions else []), *arguments]
    finished = program.run("collect", "--lake", str(lake), *options, endpoint=organization.endpoint, credentials=organization.caller, region=REGION)
    return finished, LakeReader(lake)


def lacks(lake: LakeReader) -> list[tuple[Any, ...]]:
    """Every row of collection_errors, as what lacks and why."""
    columns = ("account_id", "region", "key_arn", "fact", "operation", "code")
    return sorted((tuple(row.values()) for row in lake.rows("collection_errors", columns)), key=repr)
