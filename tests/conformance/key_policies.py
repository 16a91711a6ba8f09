"""Key policies of every shape that the suites seed, each with the rows of `policy_statements` and the concerns that it must yield."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

# Accounts that belong to nobody in the seeded organization.
OUTSIDE = "999999999999"
OTHER_OUTSIDE = "888888888888"

PRINCIPAL_IS_ACCOUNT = "Principal is account"
OVERLY_PERMISSIVE = "Key policy overly permissive"
IAM_USER = "Access provided to IAM user"
EXTERNAL_ACCOUNT = "External account"


@dataclass(frozen=True)
class StatementRow:
    """One expected row: a statement and one of its principals."""

    index: int
    principal: str
    actions: tuple[str, ...]
    sid: str | None = None
    effect: str = "Allow"
    principal_type: str = "AWS"
    negated_principal: bool = False
    negated_actions: bool = False
    condition: Any = None
    concern: str = ""


@dataclass(frozen=True)
class SeededPolicy:
    """A policy text, exactly as it is given to KMS, and what must be said of it."""

    name: str
    text: str
    rows: tuple[StatementRow, ...]
    # None where the text is no policy: no concern can be told then, which is not the same as none.
    concern: str | None = ""
    # Whom it lets in from outside the account: nobody (`no`), others (`yes`), the principals of every account (`public`), or it cannot be told (`unknown`).
    outsiders: str = "no"
    statements: tuple[Any, ...] = field(default=())

    @property
    def is_malformed(self) -> bool:
        """Whether `policy_error` must say what is wrong with the text."""
        return self.concern is None

    def statement(self, index: int) -> Any:
        """The statement as written."""
        return self.statements[index]


def default_policy(account: str) -> SeededPolicy:
    """What KMS, and moto, give a key made without a policy."""
    root = f"arn:aws:iam::{account}:root"
    statement = {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})
    concern = f"{PRINCIPAL_IS_ACCOUNT};{OVERLY_PERMISSIVE}"
    row = StatementRow(0, root, ("kms:*",), sid="Enable IAM User Permissions", concern=concern)
    return SeededPolicy("default", text, (row,), concern, statements=(statement,))


def _policy(name: str, statements: Any, rows: list[StatementRow], concern: str = "", outsiders: str = "no") -> SeededPolicy:
    """A policy whose `Statement` is a list, or a single object, as AWS allows."""
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, ensure_ascii=False)
    return SeededPolicy(name, text, tuple(rows), concern, outsiders, statements=tuple(statements) if isinstance(statements, list) else (statements,))


def policies(account: str) -> list[SeededPolicy]:
    """The policies of the auditor's account, one key each."""
    root = f"arn:aws:iam::{account}:root"
    role = f"arn:aws:iam::{account}:role/payments"
    user = f"arn:aws:iam::{account}:user/jürgen"
    vendor = f"arn:aws:iam::{OUTSIDE}:role/vendor"
    use = ("kms:Decrypt", "kms:GenerateDataKey")
    fenced = {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    return [
        _policy(
            "one role, two actions",
            [{"Sid": "Use", "Effect": "Allow", "Principal": {"AWS": role}, "Action": list(use), "Resource": "*"}],
            [StatementRow(0, role, use, sid="Use")],
        ),
        _policy(
            "a list of principals, one of them outside",
            [{"Effect": "Allow", "Principal": {"AWS": [role, vendor, user]}, "Action": "kms:Decrypt", "Resource": "*"}],
            [
                StatementRow(0, role, ("kms:Decrypt",)),
                StatementRow(0, vendor, ("kms:Decrypt",), concern=EXTERNAL_ACCOUNT),
                StatementRow(0, user, ("kms:Decrypt",), concern=IAM_USER),
            ],
            f"{IAM_USER};{EXTERNAL_ACCOUNT}",
            outsiders="yes",
        ),
        _policy(
            "an outside account by its bare number",
            [
                {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"},
                {"Sid": "Vendor", "Effect": "Allow", "Principal": {"AWS": OTHER_OUTSIDE}, "Action": "kms:DescribeKey", "Resource": "*"},
            ],
            [
                StatementRow(0, root, ("kms:*",), sid="Root", concern=f"{PRINCIPAL_IS_ACCOUNT};{OVERLY_PERMISSIVE}"),
                StatementRow(1, OTHER_OUTSIDE, ("kms:DescribeKey",), sid="Vendor", concern=f"{PRINCIPAL_IS_ACCOUNT};{EXTERNAL_ACCOUNT}"),
            ],
            f"{PRINCIPAL_IS_ACCOUNT};{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}",
            outsiders="yes",
        ),
        _policy(
            "a denial is not access",
            [
                {"Sid": "Use", "Effect": "Allow", "Principal": {"AWS": role}, "Action": list(use), "Resource": "*"},
                {"Sid": "Never", "Effect": "Deny", "Principal": {"AWS": vendor}, "Action": "kms:Decrypt", "Resource": "*"},
            ],
            [StatementRow(0, role, use, sid="Use"), StatementRow(1, vendor, ("kms:Decrypt",), sid="Never", effect="Deny")],
        ),
        _policy(
            "a service, fenced by the source account",
            [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudtrail.amazonaws.com"},
                    "Action": "kms:GenerateDataKey*",
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                }
            ],
            [
                StatementRow(
                    0,
                    "cloudtrail.amazonaws.com",
                    ("kms:GenerateDataKey*",),
                    principal_type="Service",
                    condition={"StringEquals": {"aws:SourceAccount": account}},
                )
            ],
        ),
        _policy(
            "everybody",
            [{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}],
            [StatementRow(0, "*", ("kms:Decrypt",), concern=f"{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}")],
            f"{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}",
            outsiders="public",
        ),
        _policy(
            "everybody of this account through a service: the account is who may",
            [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*", "Condition": fenced}],
            [StatementRow(0, "*", ("kms:Decrypt",), condition=fenced, concern=PRINCIPAL_IS_ACCOUNT)],
            PRINCIPAL_IS_ACCOUNT,
        ),
        _policy(
            "everybody through a service: that fences no account",
            [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*", "Condition": through_s3}],
            [StatementRow(0, "*", ("kms:Decrypt",), condition=through_s3, concern=f"{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}")],
            f"{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}",
            outsiders="public",
        ),
        _policy(
            "all actions in capitals",
            [{"Effect": "Allow", "Principal": {"AWS": role}, "Action": "KMS:*", "Resource": "*"}],
            [StatementRow(0, role, ("KMS:*",), concern=OVERLY_PERMISSIVE)],
            OVERLY_PERMISSIVE,
        ),
        _policy(
            "everybody but one",
            [{"Effect": "Allow", "NotPrincipal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"}],
            [StatementRow(0, role, ("kms:Decrypt",), negated_principal=True, concern=f"{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}")],
            f"{OVERLY_PERMISSIVE};{EXTERNAL_ACCOUNT}",
            outsiders="public",
        ),
        _policy(
            "every action but one",
            [{"Effect": "Allow", "Principal": {"AWS": role}, "NotAction": "kms:ScheduleKeyDeletion", "Resource": "*"}],
            [StatementRow(0, role, ("kms:ScheduleKeyDeletion",), negated_actions=True, concern=OVERLY_PERMISSIVE)],
            OVERLY_PERMISSIVE,
        ),
        _policy(
            "a principal that was deleted",
            [{"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEDELETED001"}, "Action": "kms:Decrypt", "Resource": "*"}],
            [StatementRow(0, "AROAEXAMPLEDELETED001", ("kms:Decrypt",))],
        ),
        # moto cannot read a policy whose Statement is a single object: DescribeKey answers HTTP 500, everything else goes on.
        _policy(
            "a single statement that is not in a list",
            {"Sid": "Only", "Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"},
            [StatementRow(0, role, ("kms:Decrypt",), sid="Only")],
        ),
        # moto denies DescribeKey for a policy that denies it, to whomever.
        _policy(
            "DescribeKey denied to everybody",
            [
                {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"},
                {"Sid": "Hidden", "Effect": "Deny", "Principal": "*", "Action": "kms:DescribeKey", "Resource": "*"},
            ],
            [StatementRow(0, role, ("kms:Decrypt",)), StatementRow(1, "*", ("kms:DescribeKey",), sid="Hidden", effect="Deny")],
        ),
        SeededPolicy("not a policy", "this is not JSON", (), concern=None, outsiders="unknown"),
    ]
