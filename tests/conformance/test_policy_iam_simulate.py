"""The evaluator of key policies that the Rust tests judge by (crates/policy/tests/oracle), against one that nobody here wrote: @cloud-copilot/iam-simulate.

Random policies and requests are made by crates/policy/tests/differential_cases.rs with what the evaluator decides of each; the simulator decides anew; both
must agree, but for the cases of policy_case_rules.py. Whether KMS performs an operation for other accounts at all is not the simulator's matter, so the
policy's decision alone is compared.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import node_packages
from policy_case_rules import RULES, Case

REPOSITORY = Path(__file__).resolve().parents[2]
SIMULATOR = REPOSITORY / "tests" / "iam_simulate"

CASES = 40_000
AT_LEAST_COMPARED = 20_000
SEED = "20260301"

# What the simulator answers where the evaluator decides so.
ANSWERS = {"Allowed": "Allowed", "AllowedByDelegation": "Allowed", "ExplicitDeny": "ExplicitlyDenied", "NotAllowed": "ImplicitlyDenied"}


@dataclass
class Outcome:
    """What came of comparing: how many cases, which rules named how many, and who disagreed."""

    compared: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    # By rule: cases that this rule alone names and in which the two disagree.
    disagreed: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)


def _tool(name: str, install: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not on the PATH: {install}. The suite cannot run without it and is not skipped", pytrace=False)
    return found


@pytest.fixture(scope="module")
def node() -> str:
    return node_packages.installed(SIMULATOR)


@pytest.fixture(scope="module")
def outcome(node: str, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("cases")
    cases, results = folder / "cases.jsonl", folder / "results.jsonl"
    cargo = _tool("cargo", "install Rust")
    command = [cargo, "test", "-p", "kms-insights-policy", "--locked", "--test", "differential_cases", "--", "--exact", "cases_are_written_where_asked"]
    seed = os.environ.get("KMS_INSIGHTS_CASE_SEED", SEED)
    node_packages.run(command, REPOSITORY, KMS_INSIGHTS_CASES=str(cases), KMS_INSIGHTS_CASE_COUNT=str(CASES), KMS_INSIGHTS_CASE_SEED=seed)
    node_packages.run([node, "run.mjs", str(cases), str(results)], SIMULATOR)
    pairs = list(zip(cases.read_text().splitlines(), results.read_text().splitlines(), strict=True))
    assert len(pairs) == CASES
    outcome = Outcome()
    for case, answer in pairs:
        _compare(json.loads(case), json.loads(answer), outcome)
    return outcome


def _compare(case: Case, answer: str, outcome: Outcome) -> None:
    disagrees = ANSWERS[case["policy_decision"]] != answer
    rules = [rule.name for rule in RULES if rule.applies(case)]
    outcome.excluded.update(rules)
    if disagrees and len(rules) == 1:
        outcome.disagreed.update(rules)
    if rules:
        return
    outcome.compared[case["policy_decision"]] += 1
    if disagrees:
        request = case["request"]
        details = [f"{request['principal']} {request['action']}", json.dumps(request["context"]), json.dumps(case["policy"])]
        outcome.disagreements.append("\n  ".join([f"{case['policy_decision']} here, {answer} there", *details]))


def test_the_evaluator_decides_as_iam_simulate_does(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    compared = sum(outcome.compared.values())
    with capsys.disabled():
        print(f"\n{CASES} cases, {compared} compared: {', '.join(f'{name} {count}' for name, count in sorted(outcome.compared.items()))}")
        for rule in RULES:
            print(f"  not compared, {rule.name}: {outcome.excluded[rule.name]} (of those it alone names, {outcome.disagreed[rule.name]} disagree)")
    assert not outcome.disagreements, f"{len(outcome.disagreements)} disagreements, the first of them:\n" + "\n".join(outcome.disagreements[:5])
    assert compared >= AT_LEAST_COMPARED
    assert all(outcome.compared[decision] >= 100 for decision in ANSWERS), outcome.compared


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_each_rule_still_has_a_disagreement(outcome: Outcome, name: str) -> None:
    assert outcome.disagreed[name], f"no case that only this rule names disagrees any more; if the simulator learnt it, remove the rule: {name}"
