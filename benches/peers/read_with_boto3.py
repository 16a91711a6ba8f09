"""What a careful person would write: every key's metadata, policy, grants, tags and rotation, with eight threads; one JSON line for each key."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

THREADS = 8


def main() -> None:
    kms = boto3.client("kms", config=Config(max_pool_connections=THREADS))

    def ask(operation, **arguments):
        try:
            answer = getattr(kms, operation)(**arguments)
        except ClientError as error:
            return {"error": error.response["Error"]["Code"]}
        answer.pop("ResponseMetadata")
        return answer

    def listed(operation, of, key):
        try:
            return kms.get_paginator(operation).paginate(KeyId=key).build_full_result()[of]
        except ClientError as error:
            return {"error": error.response["Error"]["Code"]}

    def read(key):
        return {
            "key": key,
            "metadata": ask("describe_key", KeyId=key),
            "policy": ask("get_key_policy", KeyId=key, PolicyName="default"),
            "grants": listed("list_grants", "Grants", key),
            "tags": listed("list_resource_tags", "Tags", key),
            "rotation": ask("get_key_rotation_status", KeyId=key),
        }

    keys = [key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]
    with ThreadPoolExecutor(THREADS) as threads:
        for facts in threads.map(read, keys):
            json.dump(facts, sys.stdout, default=str)
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
