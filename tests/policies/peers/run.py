#!/usr/bin/env python3
"""Asks Prowler, policyuniverse and Cloud Custodian about every labelled key policy, and writes down how their answers compare.

    python3.11 tests/policies/peers/run.py                     installs the three from PyPI (pinned in benches/peers), asks them, writes results.json and docs/policy-peers.md
    python3.11 tests/policies/peers/run.py --binary BINARY     kms-insights too
    python3 tests/policies/peers/run.py --page                 only the page, from results.json
    python3 tests/policies/peers/run.py --check                only whether the corpus is as its README says, and results and page are of this corpus

After a label or an argument was changed, --page will do; after a policy was, the peers must be asked again.

Nothing here reaches AWS, and nothing but the installation reaches the internet.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Tuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent.parent / "benches")]

import corpus  # noqa: E402
import page  # noqa: E402
from machine import Failed, clean_environment  # noqa: E402
from peers import virtual_environment  # noqa: E402

RESULTS = HERE / "results.json"
PAGE = corpus.ROOT / "docs" / "policy-peers.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, help="a kms-insights to ask as well")
    parser.add_argument("--cache", type=Path, default=corpus.ROOT / "target" / "peers", help="where the peers' environments are kept")
    parser.add_argument("--page", action="store_true", help="only write the page anew from results.json")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where corpus, results and page do not fit together")
    options = parser.parse_args()
    try:
        cases = corpus.load()
        if options.check:
            check(cases)
        else:
            if not options.page:
                RESULTS.write_text(written(ask_all(cases, options)))
            PAGE.write_text(page.page(cases, stored(cases)))
    except (Failed, corpus.Malformed) as reason:
        print(reason, file=sys.stderr)
        return 1
    print(f"{len(cases)} policies")
    return 0


def stored(cases: List[corpus.Case]) -> Dict:
    results = json.loads(RESULTS.read_text())
    if results["questions_sha256"] != corpus.digest(cases):
        raise Failed("results.json is of other policies: ask the peers again (tests/policies/peers/run.py)")
    return results


def written(results: Dict) -> str:
    """JSON with a line for each answer."""
    programs = []
    for name, program in results["programs"].items():
        answers = ",\n".join(f"        {json.dumps(case)}: {json.dumps(answer)}" for case, answer in sorted(program["answers"].items()))
        head = "".join(f"      {json.dumps(key)}: {json.dumps(value)},\n" for key, value in program.items() if key != "answers")
        programs.append(f'    {json.dumps(name)}: {{\n{head}      "answers": {{\n{answers}\n      }}\n    }}')
    head = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in results.items() if key != "programs")
    return f'{{\n{head}  "programs": {{\n' + ",\n".join(programs) + "\n  }\n}\n"


def check(cases: List[corpus.Case]) -> None:
    if PAGE.read_text() != page.page(cases, stored(cases)):
        raise Failed("docs/policy-peers.md is not what results.json gives: write it anew (tests/policies/peers/run.py --page)")


def ask_all(cases: List[corpus.Case], options: argparse.Namespace) -> Dict:
    # None of the peers' checks reads grants: where they are part of the question, there is nothing to ask.
    questions = [case.question() for case in cases if case.grants is None]
    programs = {peer: ask_peer(peer, questions, options.cache.resolve()) for peer in page.PEERS}
    if options.binary:
        programs[page.KMS_INSIGHTS] = {"answers": ask_kms_insights(options.binary.resolve(), cases)}
    return {"date": datetime.date.today().isoformat(), "questions_sha256": corpus.digest(cases), "policies": len(cases), "programs": programs}


def ask_peer(peer: str, questions: List[Dict], cache: Path) -> Dict:
    programs = virtual_environment(cache, peer)
    home = cache / "home"
    home.mkdir(exist_ok=True)
    command = [str(programs / "python"), str(HERE / f"ask_{peer}.py")]
    asked = subprocess.run(command, input=json.dumps(questions), stdout=subprocess.PIPE, text=True, cwd=home, env=clean_environment(home=home))
    if asked.returncode:
        raise Failed(f"{peer} could not be asked: exit code {asked.returncode}")
    answered = json.loads(asked.stdout)
    if len(answered["answers"]) != len(questions):
        raise Failed(f"{peer} was asked about {len(questions)} policies and answered about {len(answered['answers'])}")
    return answered


def ask_kms_insights(binary: Path, cases: List[corpus.Case]) -> Dict[str, Dict]:
    """`policy check` on the policies as files. It takes every key for a customer's: nothing else can be told it, so of AWS managed keys it is not asked."""
    groups: Dict[Tuple, List[corpus.Case]] = {}
    for case in cases:
        question = case.question()
        if question["key_manager"] == "CUSTOMER":
            # One command says one thing about the organization and has one key's grants.
            flags = ["--organization-id", question["organization"], "--organization-accounts", ",".join(question["organization_accounts"])] if question["organization"] else []
            flags += ["--trusted-accounts", ",".join(question["trusted_accounts"])] if question["trusted_accounts"] else []
            groups.setdefault((case.name if case.grants is not None else None, *flags), []).append(case)
    answers: Dict[str, Dict] = {}
    for (_, *flags), asked in groups.items():
        answers |= ask_about(binary, asked, flags)
    return answers


def ask_about(binary: Path, cases: List[corpus.Case], flags: List[str]) -> Dict[str, Dict]:
    """The answers about policies in the same surroundings. Where there are grants, all the policies have the same."""
    with tempfile.TemporaryDirectory() as folder:
        by_file = {f"{case.name.replace('/', '.')}.json": case for case in cases}
        for file, case in by_file.items():
            Path(folder, file).write_text(json.dumps(case.policy, indent=2))
        grants = cases[0].grants
        if grants is not None:
            Path(folder, "grants").write_text(json.dumps({"Grants": grants}))
            flags = [*flags, "--grants", "grants"]
        command = [str(binary), "policy", "check", "--format", "json", "--key-arn", corpus.KEY_ARN, *flags, *by_file]
        asked = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=clean_environment())
    try:
        answers = {by_file[answer["file"]].name: {question: answer[question] for question in corpus.QUESTIONS} for answer in json.loads(asked.stdout)}
    except (KeyError, TypeError, ValueError) as reason:
        raise Failed(f"kms-insights policy check ended with {asked.returncode}, and its answer cannot be read: {reason!r}")
    if asked.returncode or len(answers) != len(cases):
        raise Failed(f"kms-insights was asked about {len(cases)} policies, answered about {len(answers)}, and ended with {asked.returncode}")
    return answers


if __name__ == "__main__":
    sys.exit(main())
