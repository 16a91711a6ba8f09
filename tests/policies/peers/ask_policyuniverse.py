"""Asks policyuniverse of each policy whether it is accessible from the internet. Questions in, answers out, both JSON."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from typing import Dict

from policyuniverse.policy import Policy


def ask(question: Dict) -> Dict[str, str]:
    try:
        return {"public": "yes" if Policy(question["policy"]).is_internet_accessible() else "no"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


json.dump({"version": importlib.metadata.version("policyuniverse"), "answers": {question["name"]: ask(question) for question in json.load(sys.stdin)}}, sys.stdout)
