"""The key policies that an organization mostly has, and one that grows: what the throughput of the analysis is measured on."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

OWN = "arn:aws:iam::111122223333:"
USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
ADMINISTER = [
    *(f"kms:{verb}*" for verb in ("Create", "Describe", "Enable", "List", "Put", "Update", "Revoke", "Disable", "Get", "Delete")),
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
]


def statement(sid: str, principal: Any, action: Any, condition: Optional[Dict[str, Any]] = None, effect: str = "Allow") -> Dict[str, Any]:
    made = {"Sid": sid, "Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}
    return {**made, "Condition": condition} if condition else made


def policy(*statements: Dict[str, Any]) -> Dict[str, Any]:
    return {"Version": "2012-10-17", "Id": "key-policy", "Statement": list(statements)}


ACCOUNT = statement("Account", {"AWS": OWN + "root"}, "kms:*")


def console() -> Dict[str, Any]:
    """What the console makes: the account, administrators, users, and grants for AWS services."""
    users = {"AWS": [OWN + "role/App", OWN + "role/Batch"]}
    return policy(
        ACCOUNT,
        statement("Administrators", {"AWS": OWN + "role/KeyAdmin"}, ADMINISTER),
        statement("Users", users, USE),
        statement("Grants", users, ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"], {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    )


def aws_managed() -> Dict[str, Any]:
    """What AWS writes for a service's own key."""
    caller = {"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "ec2.eu-central-1.amazonaws.com"}}
    return policy(
        statement("Through", {"AWS": "*"}, [*USE, "kms:CreateGrant"], caller),
        statement("Metadata", {"AWS": OWN + "root"}, ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]),
    )


def logs() -> Dict[str, Any]:
    context = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:111122223333:*"}}
    return policy(ACCOUNT, statement("Logs", {"Service": "logs.eu-central-1.amazonaws.com"}, USE, context))


def organization() -> Dict[str, Any]:
    return policy(
        ACCOUNT,
        statement("Organization", "*", USE, {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}),
        statement("Tls", "*", "kms:*", {"Bool": {"aws:SecureTransport": "false"}}, "Deny"),
    )


def vendor() -> Dict[str, Any]:
    return policy(ACCOUNT, statement("Vendor", {"AWS": "arn:aws:iam::444455556666:root"}, USE))


def typical() -> List[Dict[str, Any]]:
    """Twelve policies: in the shares in which an organization has them, as far as one can say."""
    return [policy(ACCOUNT)] * 4 + [console()] * 3 + [aws_managed()] * 2 + [logs(), organization(), vendor()]


def growing(statements: int) -> Dict[str, Any]:
    """So many statements, each for another role and service, and a Deny for everyone outside the organization."""
    allowed = [
        statement(f"App{number}", {"AWS": f"{OWN}role/App{number}"}, USE, {"StringEquals": {"kms:ViaService": f"s{number}.eu-central-1.amazonaws.com"}})
        for number in range(statements - 1)
    ]
    return policy(*allowed, statement("Outside", "*", "kms:*", {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}, "Deny"))


def lines(policies: List[Dict[str, Any]]) -> str:
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in policies)
