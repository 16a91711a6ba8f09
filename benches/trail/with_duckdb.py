#!/usr/bin/env python3
"""The use of keys from log files, as one would ask it of DuckDB: `with_duckdb.py FOLDER RESOURCE_KEYS EVENTS`, the last two being JSON lists.

`read_json` with columns gives the same in more than ten times the time, for a log file is one line of megabytes; hence the file as one object, and of it only what the answer needs.
"""

import json
import os
import sys

import duckdb

LOG = {
    "Records": [
        {
            **dict.fromkeys(("eventSource", "eventName", "eventTime", "eventID", "sharedEventID", "errorCode", "recipientAccountId"), "VARCHAR"),
            "userIdentity": {"arn": "VARCHAR", "accountId": "VARCHAR", "invokedBy": "VARCHAR", "sessionContext": {"sessionIssuer": {"arn": "VARCHAR"}}},
            "requestParameters": {"encryptionContext": "JSON"},
            "resources": [{"ARN": "VARCHAR"}],
        }
    ]
}

QUESTION = """
WITH logs AS (
    SELECT from_json(json, $log) AS log FROM read_ndjson_objects($files, maximum_object_size = 1 << 26)
), records AS (
    SELECT unnest(log.Records, max_depth := 2) FROM logs
), calls AS (
    SELECT * FROM records WHERE eventSource = 'kms.amazonaws.com' AND list_contains($events, eventName)
    QUALIFY row_number() OVER (PARTITION BY coalesce(sharedEventID, eventID) ORDER BY sharedEventID IS NOT NULL AND userIdentity.accountId IS DISTINCT FROM recipientAccountId) = 1
), uses AS (
    SELECT
        unnest(list_distinct(list_filter(resources, lambda each: contains(each.ARN, ':key/')))).ARN AS key_arn,
        coalesce(userIdentity.sessionContext.sessionIssuer.arn, userIdentity.arn, userIdentity.invokedBy, userIdentity.accountId, '') AS principal,
        eventName, eventTime, errorCode, json_extract_string(requestParameters.encryptionContext, $paths) AS named
    FROM calls
), of_resources AS (
    SELECT *, coalesce(split_part(named[1], '/', 1), list_filter(named, lambda each: each IS NOT NULL)[1], '') AS resource FROM uses
)
SELECT key_arn, principal, eventName, resource, count(*) FILTER (errorCode IS NULL), count(*) FILTER (errorCode IS NOT NULL), max(eventTime)
FROM of_resources GROUP BY key_arn, principal, eventName, resource
"""


def main():
    resource_keys = json.loads(sys.argv[2])
    if resource_keys[0] != "aws:s3:arn":
        raise SystemExit("the question takes the first name for that of S3")
    database = duckdb.connect()
    # As many threads as there are cores for this process, which may be fewer than the machine has.
    database.execute(f"SET threads = {len(os.sched_getaffinity(0))}")
    given = {
        "files": f"{sys.argv[1]}/**/*.json.gz",
        "log": json.dumps(LOG),
        "events": json.loads(sys.argv[3]),
        "paths": [f'$."{name}"' for name in resource_keys],
    }
    json.dump(database.execute(QUESTION, given).fetchall(), sys.stdout)


if __name__ == "__main__":
    main()
