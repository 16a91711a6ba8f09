"""Runs Prowler's check `kms_key_not_publicly_accessible` on each policy, as on an enabled key of the account. Questions in, answers out, both JSON.

The check itself is run, not only `is_policy_public` that it calls: it also passes over AWS managed keys. Where it raises an error there is no answer.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import types
from dataclasses import dataclass, field
from typing import Dict, List


class Reader(types.ModuleType):
    """Stands where the check imports its reader of AWS from, with the one key that is asked about."""

    kms_client: types.SimpleNamespace


CLIENT = "prowler.providers.aws.services.kms.kms_client"
reader = Reader(CLIENT)
reader.kms_client = types.SimpleNamespace(keys=[], audited_account="")
sys.modules[CLIENT] = reader

from prowler.providers.aws.services.kms.kms_key_not_publicly_accessible.kms_key_not_publicly_accessible import kms_key_not_publicly_accessible  # noqa: E402


@dataclass
class Key:
    """What the check reads of a key."""

    arn: str
    manager: str
    policy: Dict
    id: str = "1234abcd-12ab-34cd-56ef-1234567890ab"
    region: str = "eu-central-1"
    state: str = "Enabled"
    tags: List = field(default_factory=list)


def ask(question: Dict) -> Dict[str, str]:
    reader.kms_client.audited_account = question["account"]
    arn = f"arn:aws:kms:eu-central-1:{question['account']}:key/{Key.id}"
    reader.kms_client.keys = [Key(arn, question["key_manager"], question["policy"])]
    try:
        findings = kms_key_not_publicly_accessible().execute()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"public": "yes" if any(finding.status == "FAIL" for finding in findings) else "no"}


json.dump({"version": importlib.metadata.version("prowler"), "answers": {question["name"]: ask(question) for question in json.load(sys.stdin)}}, sys.stdout)
