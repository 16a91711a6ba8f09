"""The labelled key policies: read, checked against their format (tests/policies/README.md), and told apart by what they ask for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

FOLDER = Path(__file__).resolve().parent.parent
ROOT = FOLDER.parent.parent

OWN_ACCOUNT = "111122223333"
KEY_ARN = f"arn:aws:kms:eu-central-1:{OWN_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ORGANIZATION = "o-exampleorgid"
ORGANIZATION_ACCOUNTS = [OWN_ACCOUNT, "222233334444"]
QUESTIONS = ["outside_account", "outside_organization", "public"]
# From what is shut to what is open: whoever is open to all is open to those outside the organization, and so on.
ANSWERS = ["no", "unknown", "yes"]

FEWEST = 150
LARGEST_POLICY = 32_768
LONGEST_WHY = 180
CONTEXT = {"organization_id": (str, type(None)), "trusted_accounts": (list,), "key_manager": (str,)}


class Malformed(Exception):
    """A file of the corpus that is not as the README says; the message names it."""


@dataclass(frozen=True)
class Case:
    """One labelled policy. `name` is its path in the corpus, without the ending."""

    name: str
    path: Path
    why: str
    policy: Dict
    grants: Optional[List[Dict]]
    context: Dict
    labels: Dict

    def question(self) -> Dict:
        """What a peer is told: the policy and all that the labels take for granted."""
        organization = self.context.get("organization_id", ORGANIZATION)
        return {
            "name": self.name,
            "policy": self.policy,
            "account": OWN_ACCOUNT,
            "organization": organization,
            "organization_accounts": ORGANIZATION_ACCOUNTS if organization else [OWN_ACCOUNT],
            "trusted_accounts": self.context.get("trusted_accounts", []),
            "key_manager": self.context.get("key_manager", "CUSTOMER"),
        }


def files() -> List[Path]:
    return sorted(path for path in FOLDER.glob("*/*.json") if path.parent.name != "peers")


def digest(cases: List[Case]) -> str:
    """Changes with what is asked, so that results can be told to be of other policies; not with labels and arguments."""
    return hashlib.sha256(json.dumps([[case.question(), case.grants] for case in cases], sort_keys=True).encode()).hexdigest()


def load() -> List[Case]:
    cases = [read(path) for path in files()]
    if len(cases) < FEWEST:
        raise Malformed(f"{len(cases)} policies are fewer than {FEWEST}")
    same: Dict[str, str] = {}
    for case in cases:
        content = json.dumps([case.policy, case.grants, case.context], sort_keys=True)
        if content in same:
            raise Malformed(f"{case.name} is the same as {same[content]}")
        same[content] = case.name
    return cases


def read(path: Path) -> Case:
    name = path.relative_to(FOLDER).with_suffix("").as_posix()

    def must(holds: bool, what: str) -> None:
        if not holds:
            raise Malformed(f"{name}: {what}")

    document = json.loads(path.read_text(), object_pairs_hook=lambda pairs: without_repetition(name, pairs))
    must(set(document) <= {"why", "source", "context", "policy", "grants", "labels"}, "fields that the format does not have")
    must({"why", "policy", "labels"} <= set(document), "`why`, `policy` and `labels` must be there")
    for field in ("why", "source"):
        text = document.get(field, "-")
        must(isinstance(text, str) and text.strip() == text != "" and "\n" not in text and len(text) <= LONGEST_WHY, f"`{field}` is one line of at most {LONGEST_WHY} characters")
    must(isinstance(document["policy"], dict) and "Statement" in document["policy"], "`policy` is an object with `Statement`")
    must(len(json.dumps(document["policy"]).encode()) <= LARGEST_POLICY, "a key policy has at most 32 KB")
    grants = document.get("grants")
    must(grants is None or isinstance(grants, list) and all(isinstance(grant, dict) and "GrantId" in grant for grant in grants), "`grants` are entries of ListGrants")
    context = document.get("context", {})
    must(isinstance(context, dict) and all(field in CONTEXT and isinstance(value, CONTEXT[field]) for field, value in context.items()), "`context` that the format does not have")
    labels = document["labels"]
    must(set(labels) == {*QUESTIONS, "locks_out_own_account"}, "exactly the four labels")
    must(all(labels[question] in ANSWERS for question in QUESTIONS), f"labels are among {ANSWERS}")
    must(isinstance(labels["locks_out_own_account"], bool) or labels["locks_out_own_account"] == "unknown", "`locks_out_own_account` is true, false or \"unknown\"")
    opened = [ANSWERS.index(labels[question]) for question in QUESTIONS]
    must(opened == sorted(opened, reverse=True), "who is outside the organization is outside the account, and the public is outside both")
    return Case(name, path, document["why"], document["policy"], grants, context, labels)


def without_repetition(name: str, pairs: List) -> Dict:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Malformed(f"{name}: an object with one key twice")
    return dict(pairs)
