"""Log files of a trail whose records are hard to count, and what they come to, written by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ORGANIZATION = "o-dl6igrxjc1"
REGION = "eu-central-1"
CHINA = "cn-north-1"
APP = "111122223333"
OWNER = "444455556666"
# The log files of this account are not delivered.
STRANGER = "999988887777"
FIRST_DAY = "2026-11-20"
SECOND_DAY = "2026-11-21"
LATE_DAY = "2026-11-22"

ROLE = f"arn:aws:iam::{APP}:role/team/app"
BUCKET = "arn:aws:s3:::reports"

# In place of a member's value: the record lacks the member.
ABSENT = object()

Record = dict[str, Any]
# The account and Region whose log it is in, the day under which it is filed, and the record.
Filed = tuple[str, str, str, Record]
Row = dict[str, Any]


def key(number: int, account: str = OWNER, region: str = REGION, partition: str = "aws") -> str:
    """A key's ARN; each case has its own."""
    return f"arn:{partition}:kms:{region}:{account}:key/{number:08d}-12ab-34cd-56ef-1234567890ab"


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def role(session: str = "i-0abc", **members: Any) -> Record:
    """The identity of a session of `ROLE`."""
    issuer = {"type": "Role", "principalId": "AROAEXAMPLE", "arn": ROLE, "accountId": APP, "userName": "app"}
    arn = f"arn:aws:sts::{APP}:assumed-role/app/{session}"
    return {"type": "AssumedRole", "principalId": f"AROAEXAMPLE:{session}", "arn": arn, "accountId": APP, "sessionContext": {"sessionIssuer": issuer}} | members


def call(number: int, keys: list[str] | None, at: str = f"{FIRST_DAY}T10:00:00Z", **members: Any) -> Record:
    """A call of `Decrypt` with these members in place of the usual ones; `None` is JSON's null."""
    record: Record = {
        "eventVersion": "1.11",
        "userIdentity": role(),
        "eventTime": at,
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.31",
        "requestParameters": {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": None,
        "eventID": event_id(number),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "recipientAccountId": APP,
    }
    if keys is not None:
        record["resources"] = [{"accountId": OWNER, "type": "AWS::KMS::Key", "ARN": arn} for arn in keys]
    return {name: value for name, value in (record | members).items() if value is not ABSENT}


def context(**members: str) -> Record:
    """Request parameters with an encryption context."""
    return {"encryptionContext": members, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def row(arn: str, **members: Any) -> Row:
    """What one call comes to."""
    at = members.pop("at", f"{FIRST_DAY}T10:00:00Z")
    return {
        "event_date": at[:10],
        "key_arn": arn,
        "principal": ROLE,
        "event_name": "Decrypt",
        "resource": None,
        "invoked_by": None,
        "recorded_by": APP,
        "uses": 1,
        "errors": 0,
        "first_at": at,
        "last_at": at,
        "last_used_at": at,
    } | members


def failed(arn: str, **members: Any) -> Row:
    """What one call comes to that failed."""
    return row(arn, uses=0, errors=1, last_used_at=None, **members)


def cases() -> Iterator[tuple[list[Filed], list[Row]]]:
    """Records, and the rows that they come to."""

    def here(*records: Record, day: str = FIRST_DAY, account: str = APP, region: str = REGION) -> list[Filed]:
        return [(account, region, day, record) for record in records]

    of_bucket = {"requestParameters": {"encryptionContext": {"aws:s3:arn": f"{BUCKET}/2026/11.csv"}}}
    of_other_object = {"requestParameters": {"encryptionContext": {"aws:s3:arn": f"{BUCKET}/2026/12.csv"}}}
    # One row: two objects of a bucket, two sessions of a role, one call that failed after the last that did not.
    yield (
        here(
            call(1, [key(1)], **of_bucket),
            call(2, [key(1)], f"{FIRST_DAY}T11:00:00Z", userIdentity=role("i-0def"), **of_other_object),
            call(3, [key(1)], f"{FIRST_DAY}T12:00:00Z", errorCode="AccessDenied", errorMessage="no", **of_bucket),
        ),
        [row(key(1), resource=BUCKET, uses=2, errors=1, last_at=f"{FIRST_DAY}T12:00:00Z", last_used_at=f"{FIRST_DAY}T11:00:00Z")],
    )
    # Rows differ by operation, resource, service and day; the day is the event's, whenever the file came.
    yield (
        here(
            call(11, [key(2)], f"{FIRST_DAY}T23:59:59Z"),
            call(12, [key(2)], f"{FIRST_DAY}T00:00:00Z", eventName="GenerateDataKeyWithoutPlaintext"),
            call(13, [key(2)], requestParameters=context(SecretARN="db"), userIdentity=role(invokedBy="secretsmanager.amazonaws.com")),
        )
        + here(call(14, [key(2)], f"{SECOND_DAY}T00:00:00Z"), call(15, [key(2)], f"{FIRST_DAY}T23:58:00Z"), day=SECOND_DAY),
        [
            row(key(2), at=f"{FIRST_DAY}T23:58:00Z", uses=2, last_at=f"{FIRST_DAY}T23:59:59Z", last_used_at=f"{FIRST_DAY}T23:59:59Z"),
            row(key(2), at=f"{FIRST_DAY}T00:00:00Z", event_name="GenerateDataKeyWithoutPlaintext"),
            row(key(2), resource="db", invoked_by="secretsmanager.amazonaws.com"),
            row(key(2), at=f"{SECOND_DAY}T00:00:00Z"),
        ],
    )
    # Who called, as far as the record says.
    session = f"arn:aws:sts::{APP}:assumed-role/web/i-0abc"
    user = f"arn:aws:iam::{APP}:user/alice"
    logs = {"type": "AWSService", "invokedBy": "logs.amazonaws.com"}
    of_service = {"principal": "logs.amazonaws.com", "invoked_by": "logs.amazonaws.com"}
    callers: list[tuple[Record, Row]] = [
        ({"type": "AssumedRole", "arn": session, "accountId": APP}, {"principal": f"arn:aws:iam::{APP}:role/web"}),
        ({"type": "AssumedRole", "arn": session, "accountId": APP, "sessionContext": {"attributes": {}}}, {"principal": f"arn:aws:iam::{APP}:role/web"}),
        ({"type": "IAMUser", "arn": user, "accountId": APP, "userName": "alice"}, {"principal": user}),
        ({"type": "Root", "arn": f"arn:aws:iam::{APP}:root", "accountId": APP}, {"principal": f"arn:aws:iam::{APP}:root"}),
        ({"type": "FederatedUser", "arn": f"arn:aws:sts::{APP}:federated-user/bob", "accountId": APP}, {"principal": f"arn:aws:sts::{APP}:federated-user/bob"}),
        (logs | {"accountId": APP}, of_service),
        (
            {"type": "AWSAccount", "principalId": "AROA:s", "accountId": STRANGER, "invokedBy": "ec2.amazonaws.com"},
            {"principal": STRANGER, "invoked_by": "ec2.amazonaws.com"},
        ),
        ({"type": "SAMLUser", "principalId": "x:bob", "userName": "bob"}, {"principal": "x:bob"}),
        ({"type": "WebIdentityUser", "userName": "carol"}, {"principal": "carol"}),
        ({"type": "Unknown", "invokedBy": ""}, {"principal": ""}),
    ]
    for at, (identity, told) in enumerate(callers):
        yield here(call(20 + at, [key(20 + at)], userIdentity=identity)), [row(key(20 + at), **told)]
    # Whose log it is where the record does not say.
    yield here(call(31, [key(31)], recipientAccountId=ABSENT)), [row(key(31))]
    yield here(call(32, [key(32)], recipientAccountId=ABSENT, userIdentity=logs)), [row(key(32), recorded_by="", **of_service)]
    # A call across accounts is in both logs: it counts from the caller's.
    shared = {"sharedEventID": event_id(40)}
    outsider = {"type": "AWSAccount", "principalId": "AROAEXAMPLE:i-0abc", "accountId": APP}
    yield (
        here(call(41, [key(40)], **shared)) + here(call(42, [key(40)], recipientAccountId=OWNER, userIdentity=outsider, **shared), account=OWNER),
        [row(key(40))],
    )
    # Without the caller's log it counts from the owner's, together with what is in that log alone.
    outsider = {"type": "AWSAccount", "principalId": "AROAOTHER:s", "accountId": STRANGER}
    yield (
        here(
            call(43, [key(41)], recipientAccountId=OWNER, userIdentity=outsider, sharedEventID=event_id(43)),
            call(44, [key(41)], recipientAccountId=OWNER, userIdentity=outsider),
            account=OWNER,
        ),
        [row(key(41), principal=STRANGER, recorded_by=OWNER, uses=2)],
    )
    # Nobody tells the caller's account: both records go by what they share.
    service = {"type": "AWSService", "invokedBy": "dynamodb.amazonaws.com"}
    yield (
        here(call(45, [key(42)], userIdentity=service, sharedEventID=event_id(46)))
        + here(call(46, [key(42)], recipientAccountId=OWNER, userIdentity=service, sharedEventID=event_id(46)), account=OWNER, day=SECOND_DAY),
        [row(key(42), principal="dynamodb.amazonaws.com", invoked_by="dynamodb.amazonaws.com")],
    )
    # Another account's call in the owner's log, which names the key by its id there. Without a shared id it counts, though the caller's log is read.
    own = key(48, account=OWNER)
    in_owners_log = {"requestParameters": {"keyId": own.rpartition("/")[2]}, "recipientAccountId": OWNER, "userIdentity": {"type": "AWSAccount", "accountId": APP}}
    yield here(call(48, None, **in_owners_log), account=OWNER), [row(own, principal=APP, recorded_by=OWNER)]
    # An id that both records share within one account says nothing.
    yield here(call(47, [key(43)], sharedEventID=event_id(470))), [row(key(43))]
    # The same event again: in its file, in another of the day, and a day later.
    again = call(50, [key(50)], requestParameters=context(PARAMETER_ARN="p"))
    yield here(again, again) + here(again, day=SECOND_DAY), [row(key(50), resource="p")]
    # Which key, where no resources are listed: the answer, else what the request names, in the account and Region of the record.
    named = key(60, account=APP)
    alias = f"arn:aws:kms:{REGION}:{APP}:alias/app"
    by_request: list[tuple[Any, str]] = [
        (named.rpartition("/")[2], named),
        (key(61), key(61)),
        ("alias/app", alias),
        (f"arn:aws:kms:{REGION}:{OWNER}:alias/shared", f"arn:aws:kms:{REGION}:{OWNER}:alias/shared"),
    ]
    for at, (name, arn) in enumerate(by_request):
        request = {"requestParameters": {"keyId": name}, "errorCode": "AccessDenied", "responseElements": None}
        yield here(call(60 + at, None if at % 2 else [], f"{FIRST_DAY}T1{at}:00:00Z", **request)), [failed(arn, at=f"{FIRST_DAY}T1{at}:00:00Z")]
    answered = {"requestParameters": {"keyId": "alias/answered"}, "responseElements": {"keyId": key(65)}}
    yield here(call(65, None, **answered)), [row(key(65))]
    listed, named = (f"arn:aws:kms:{REGION}:{APP}:alias/{name}" for name in ("listed", "named"))
    yield here(call(66, [listed], requestParameters={"keyId": "alias/named"})), [row(named)]
    yield here(call(67, [f"arn:aws:kms:{REGION}:{OWNER}:alias/app", key(67), key(67)])), [row(key(67))]
    unnamed = {"responseElements": {"keyId": "alias/answered"}, "requestParameters": {"keyId": ""}}
    invalid = {"requestParameters": None, "errorCode": "InvalidCiphertextException"}
    yield here(call(68, None, **unnamed), call(69, [], **invalid), call(70, None, requestParameters=ABSENT)), []
    chinese = key(71, account=APP, region=CHINA, partition="aws-cn")
    yield here(call(71, None, awsRegion=CHINA, requestParameters={"keyId": chinese.rpartition("/")[2]}), region=CHINA), [row(chinese)]
    # ReEncrypt touches two keys, each with its own context.
    sides = {"sourceEncryptionContext": {"aws:ebs:id": "snap-1"}, "destinationEncryptionContext": {"aws:ebs:id": "snap-2"}}
    again = {"eventName": "ReEncrypt"}
    source, destination = row(key(80), event_name="ReEncrypt", resource="snap-1"), row(key(81), event_name="ReEncrypt", resource="snap-2")
    yield here(call(80, [key(80), key(81)], requestParameters=sides, **again)), [source, destination]
    yield here(call(82, [key(82), key(82)], requestParameters=sides, **again)), [row(key(82), event_name="ReEncrypt", resource="snap-2")]
    one_side = {"sourceEncryptionContext": {"aws:ebs:id": "snap-3"}, "destinationEncryptionContext": None}
    yield here(call(83, [key(83), key(83)], requestParameters=one_side, **again)), [row(key(83), event_name="ReEncrypt", resource="snap-3")]
    one_listed = {"sourceEncryptionContext": {"aws:ebs:id": "snap-4"}, "destinationKeyId": key(85)}
    yield (
        here(call(84, [key(84)], requestParameters=one_listed, **again)),
        [row(key(84), event_name="ReEncrypt", resource="snap-4"), row(key(85), event_name="ReEncrypt")],
    )
    yield here(call(86, [key(86)], requestParameters={"destinationKeyId": key(86)}, **again)), [row(key(86), event_name="ReEncrypt")]
    both_named = {"sourceKeyId": "alias/from", "destinationKeyId": "alias/to"}
    sides = [failed(f"arn:aws:kms:{REGION}:{APP}:alias/{side}", event_name="ReEncrypt") for side in ("from", "to")]
    yield here(call(87, None, requestParameters=both_named, errorCode="AccessDenied", **again)), sides
    yield here(call(88, [key(88)], requestParameters=None, **again)), [row(key(88), event_name="ReEncrypt")]
    # Of several members of a context the most telling names the resource; others than services' name none, nor does an empty one.
    secret = f"arn:aws:secretsmanager:{REGION}:{APP}:secret:db-AbCdEf"
    telling: list[tuple[Record, str | None]] = [
        ({"aws:rds:dbc-id": "cluster-1", "aws:rds:db-id": "db-1"}, "db-1"),
        ({"tenant": "42", "SecretVersionId": "v1", "SecretARN": secret}, secret),
        ({"tenant": "42", "secretarn": "not in these letters"}, None),
        ({"aws:s3:arn": BUCKET, "aws:ebs:id": "vol-1"}, BUCKET),
        ({"aws:s3:arn": "", "aws:ebs:id": "vol-1"}, None),
        ({"aws:ebs:id": 'vol-"ö"\\\n\u2028/🔑'}, 'vol-"ö"\\\n\u2028/🔑'),
        ({}, None),
    ]
    for at, (members, resource) in enumerate(telling):
        yield here(call(90 + at, [key(90 + at)], requestParameters={"encryptionContext": members})), [row(key(90 + at), resource=resource)]
    yield here(call(98, [key(98)], requestParameters={"encryptionContext": None})), [row(key(98))]
    yield here(call(99, [key(99)], requestParameters={"omitted": True, "originalSize": 110_000, "reason": "requestParameters too large"})), [row(key(99))]
    # What is no use of a key.
    yield (
        here(
            call(100, [key(100)], eventName="DescribeKey"),
            call(101, [key(100)], eventName="CreateGrant", requestParameters={"keyId": key(100), "operations": ["Decrypt"]}),
            call(102, [key(100)], eventName="GenerateRandom"),
            call(103, [key(100)], eventSource="s3.amazonaws.com", requestParameters={"eventSource": "kms.amazonaws.com", "eventName": "Decrypt"}),
            call(104, [key(100)], eventName="decrypt"),
        ),
        [],
    )


def late() -> tuple[list[Filed], list[Row]]:
    """What comes a day later: events that were counted, one of them from the owner's log, and new ones. The rows are what is new."""
    in_owners_log = {"recipientAccountId": OWNER, "userIdentity": {"type": "AWSAccount", "accountId": APP}}
    root = {"type": "Root", "arn": f"arn:aws:iam::{OWNER}:root", "accountId": OWNER}
    records = [
        (APP, REGION, LATE_DAY, call(50, [key(50)], requestParameters=context(PARAMETER_ARN="p"))),
        (APP, REGION, LATE_DAY, call(201, [key(50)], f"{FIRST_DAY}T15:00:00Z", requestParameters=context(PARAMETER_ARN="p"))),
        # The caller's record counted; of another call there is none, though the caller's log is read.
        (OWNER, REGION, LATE_DAY, call(202, [key(40)], sharedEventID=event_id(40), **in_owners_log)),
        (OWNER, REGION, LATE_DAY, call(204, [key(203)], sharedEventID=event_id(200), **in_owners_log)),
        (OWNER, REGION, LATE_DAY, call(203, [key(202)], recipientAccountId=OWNER, userIdentity=root)),
    ]
    rows = [
        row(key(50), at=f"{FIRST_DAY}T15:00:00Z", resource="p"),
        row(key(202), principal=root["arn"], recorded_by=OWNER),
        row(key(203), principal=APP, recorded_by=OWNER),
    ]
    return records, rows


def newer() -> tuple[list[Filed], list[Row]]:
    """What comes after that: new events alone."""
    at = f"{LATE_DAY}T01:00:00Z"
    return [(APP, REGION, LATE_DAY, call(300, [key(50)], at))], [row(key(50), at=at)]


def by_operation_and_context(operations: list[str], members: list[str]) -> list[Filed]:
    """A call of each operation, and one with each two of a context's members that are neighbours in the order in which they count, the later one first."""
    records = [call(1000 + at, [key(1000)], eventName=operation) for at, operation in enumerate(operations)]
    for at, (better, worse) in enumerate(zip(members, [*members[1:], "tenant"], strict=True)):
        contexts = {"encryptionContext": {worse: "the worse", better: "the better"}}
        records.append(call(2000 + at, [key(2000 + at)], requestParameters=contexts))
    return [(APP, REGION, SECOND_DAY, record) for record in records]


def write(folder: Path, filed: list[Filed], name: str) -> None:
    """Writes the records, a file for each account, Region and day."""
    files: dict[tuple[str, str, str], list[Record]] = {}
    for account, region, day, record in filed:
        files.setdefault((account, region, day), []).append(record)
    for (account, region, day), records in files.items():
        place = folder / "AWSLogs" / ORGANIZATION / account / "CloudTrail" / region / day.replace("-", "/")
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"Records": records}).encode()
        file = place / f"{account}_CloudTrail_{region}_{day.replace('-', '')}T1205Z_{name:x<16}.json.gz"
        file.write_bytes(gzip.compress(text))
