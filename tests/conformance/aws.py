"""boto3 clients for a stand-in, in the caller's own account or in a member account through an assumed role."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from collector import ANYBODY, Credentials

# Seeding must not hide a stand-in's failure behind five attempts with backoff.
_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60, s3={"addressing_style": "path"})


@cache
def client(service: str, endpoint: str, region: str = "us-east-1", credentials: Credentials = ANYBODY, verify: str | None = None) -> Any:
    """A client; the same arguments give the same client, because making one costs more than a request."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token,
        config=_CONFIG,
        verify=verify,
    )


def assume_role(endpoint: str, account: str, role: str, credentials: Credentials = ANYBODY, **options: Any) -> Credentials:
    """Credentials of a role in another account."""
    answer = client("sts", endpoint, credentials=credentials).assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="seeding", **options)
    made = answer["Credentials"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
