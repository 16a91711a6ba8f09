#!/usr/bin/env python3
"""The use of keys from log files, as one would ask it with Python and orjson: `with_orjson.py FOLDER RESOURCE_KEYS EVENTS`, the last two being JSON lists."""

import gzip
import sys
from pathlib import Path

import orjson


def call(record, resource_keys):
    """What a record says: key, principal, operation and resource for each key; whether it failed; when."""
    identity = record["userIdentity"]
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    principal = issuer.get("arn") or identity.get("arn") or identity.get("invokedBy") or identity.get("accountId") or ""
    context = (record["requestParameters"] or {}).get("encryptionContext") or {}
    resource = ""
    for name in resource_keys:
        if name in context:
            resource = context[name].split("/", 1)[0] if name == "aws:s3:arn" else context[name]
            break
    keys = {each["ARN"] for each in record["resources"] if ":key/" in each["ARN"]}
    return [(key, principal, record["eventName"], resource) for key in keys], "errorCode" in record, record["eventTime"]


def main():
    resource_keys, events = orjson.loads(sys.argv[2]), set(orjson.loads(sys.argv[3]))
    counts, counted, of_owners = {}, set(), {}

    def count(used, failed, at):
        for of in used:
            row = counts.setdefault(of, [0, 0, ""])
            row[failed] += 1
            row[2] = max(row[2], at)

    for path in sorted(Path(sys.argv[1]).rglob("*.json.gz")):
        for record in orjson.loads(gzip.decompress(path.read_bytes()))["Records"]:
            if record["eventSource"] != "kms.amazonaws.com" or record["eventName"] not in events:
                continue
            shared = record.get("sharedEventID")
            event = shared or record["eventID"]
            if event in counted:
                continue
            if shared and record["userIdentity"].get("accountId") != record["recipientAccountId"]:
                of_owners[event] = call(record, resource_keys)
            else:
                counted.add(event)
                count(*call(record, resource_keys))
    for event, told in of_owners.items():
        if event not in counted:
            count(*told)
    sys.stdout.buffer.write(orjson.dumps([[*of, *row] for of, row in counts.items()]))


if __name__ == "__main__":
    main()
