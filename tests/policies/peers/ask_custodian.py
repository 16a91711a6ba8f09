"""Runs Cloud Custodian's filter `cross-account` for `aws.kms-key` on each policy, once for each question. Questions in, answers out, both JSON.

The filter is the one that a Custodian policy would use, with these settings; only the reading of the policy from AWS is left out:

- outside_account: as it comes, which trusts the key's own account;
- outside_organization: `whitelist` with the organization's and the trusted accounts, `whitelist_orgids` with the organization;
- public: `everyone_only`.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
import types
from typing import Dict

from c7n.filters.iamaccess import CrossAccountAccessFilter
from c7n.resources.aws import shape_validate  # noqa: F401  (loads the provider)
from c7n.resources.kms import KMSCrossAccountAccessFilter

# A condition that the filter does not know is logged once for each policy; the answer says it already.
logging.disable(logging.WARNING)


def ask(question: Dict) -> Dict[str, str]:
    manager = types.SimpleNamespace(config=types.SimpleNamespace(account_id=question["account"]))
    organization = {"whitelist": [*question["organization_accounts"], *question["trusted_accounts"]]}
    if question["organization"]:
        organization["whitelist_orgids"] = [question["organization"]]
    settings = {"outside_account": {}, "outside_organization": organization, "public": {"everyone_only": True}}
    answers = {}
    for asked, data in settings.items():
        cross_account = KMSCrossAccountAccessFilter({"type": "cross-account", **data}, manager)
        try:
            found = CrossAccountAccessFilter.process(cross_account, [{"Policy": json.dumps(question["policy"])}])
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        answers[asked] = "yes" if found else "no"
    return answers


json.dump({"version": importlib.metadata.version("c7n"), "answers": {question["name"]: ask(question) for question in json.load(sys.stdin)}}, sys.stdout)
