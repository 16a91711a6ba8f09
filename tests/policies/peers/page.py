"""Writes docs/policy-peers.md from results.json and the corpus."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, Optional

from corpus import QUESTIONS, Case

TITLES = {"outside_account": "outside the account", "outside_organization": "outside the organization", "public": "public"}
PEERS = {"prowler": "Prowler", "policyuniverse": "policyuniverse", "custodian": "Cloud Custodian"}
KMS_INSIGHTS = "kms-insights"
ASKED = {"prowler": ["public"], "policyuniverse": ["public"], "custodian": QUESTIONS, KMS_INSIGHTS: QUESTIONS}

# What becomes of an answer beside its label.
RIGHT, LENIENT, STRICT, UNDECIDED, NO_ANSWER, SAID_NO, SAID_YES = "right", "lenient", "strict", "undecided", "no answer", "said no", "said yes"


def verdict(label: str, answer: Optional[str]) -> str:
    if answer is None:
        return NO_ANSWER
    if answer == label:
        return RIGHT
    if label == "unknown":
        return SAID_NO if answer == "no" else SAID_YES
    if answer == "unknown":
        return UNDECIDED
    return LENIENT if answer == "no" else STRICT


def verdicts(case: Case, results: Dict, program: str) -> Dict[str, str]:
    """The verdict on each question that was put to the program; nothing where it was not asked about this policy."""
    answer = results["programs"][program]["answers"].get(case.name)
    return {} if answer is None else {question: verdict(case.labels[question], answer.get(question)) for question in ASKED[program]}


def percent(part: int, whole: int) -> str:
    return f"{part} ({round(100 * part / whole)} %)" if whole else "0"


def escaped(text: str) -> str:
    for character in "\\*_|<>":
        text = text.replace(character, "\\" + character)
    return text


def summary(cases: List[Case], results: Dict, programs: List[str]) -> List[str]:
    own = KMS_INSIGHTS in programs
    rows = [
        "| program | question | decidable | right | too lenient | too strict |" + (" unknown |" if own else "") + " no answer | undecidable | said no | said yes |" + (" said unknown |" if own else ""),
        "|---|---|--:|--:|--:|--:|" + ("--:|" if own else "") + "--:|--:|--:|--:|" + ("--:|" if own else ""),
    ]
    for program in programs:
        title = PEERS.get(program, KMS_INSIGHTS)
        version = results["programs"][program].get("version", "")
        for question in ASKED[program]:
            decidable: Counter = Counter()
            undecidable: Counter = Counter()
            for case in cases:
                found = verdicts(case, results, program).get(question)
                if found:
                    (undecidable if case.labels[question] == "unknown" else decidable)[found] += 1
            whole = sum(decidable.values())
            row = [f"{title} {version}".strip(), TITLES[question], str(whole), percent(decidable[RIGHT], whole), percent(decidable[LENIENT], whole), percent(decidable[STRICT], whole)]
            row += [percent(decidable[UNDECIDED], whole) if program == KMS_INSIGHTS else ""] if own else []
            row += [str(decidable[NO_ANSWER] + undecidable[NO_ANSWER]), str(sum(undecidable.values())), str(undecidable[SAID_NO]), str(undecidable[SAID_YES])]
            row += [str(undecidable[RIGHT]) if program == KMS_INSIGHTS else ""] if own else []
            rows.append("| " + " | ".join(row) + " |")
    return rows


def columns(programs: List[str]) -> List:
    return [(program, question) for program in programs for question in ASKED[program]]


def head(programs: List[str]) -> List[str]:
    titles = [PEERS.get(program, KMS_INSIGHTS) + (f": {TITLES[question]}" if len(ASKED[program]) > 1 else "") for program, question in columns(programs)]
    return ["| policy | label | " + " | ".join(titles) + " | why |", "|---|---|" + "---|" * len(titles) + "---|"]


def line(case: Case, cells: List[str]) -> str:
    label = " / ".join(case.labels[question] for question in QUESTIONS)
    return f"| [`{case.name}`](../tests/policies/{case.name}.json) | {label} | " + " | ".join(cells) + f" | {escaped(case.why)} |"


def wrong(cases: List[Case], results: Dict, programs: List[str]) -> List[str]:
    shown = {LENIENT: "**lenient**", STRICT: "strict", UNDECIDED: "unknown", NO_ANSWER: "no answer"}
    rows = head(programs)
    for case in cases:
        found = {program: verdicts(case, results, program) for program in programs}
        cells = [shown.get(found[program].get(question, ""), "") for program, question in columns(programs)]
        if any(cells):
            rows.append(line(case, cells))
    return rows


def undecidable(cases: List[Case], results: Dict, programs: List[str]) -> List[str]:
    rows = head(programs)
    for case in cases:
        answers = {program: results["programs"][program]["answers"].get(case.name, {}) for program in programs}
        cells = [answers[program].get(question, "") if case.labels[question] == "unknown" else "" for program, question in columns(programs)]
        if any(cells):
            rows.append(line(case, cells))
    return rows


def page(cases: List[Case], results: Dict) -> str:
    programs = [*PEERS, *([KMS_INSIGHTS] if KMS_INSIGHTS in results["programs"] else [])]
    with_grants = sum(case.grants is not None for case in cases)
    labelled = Counter((question, case.labels[question]) for case in cases for question in QUESTIONS)
    aws_managed = sum(case.context.get("key_manager") == "AWS" for case in cases)
    own = (
        [
            "kms-insights (`policy check`) reads the policy, the grants and the context of every file, and may answer `unknown`; an `unknown` where the label is `yes` or `no` has a column of its own. "
            f"A policy in a file does not say who manages the key, so it was not asked about the {aws_managed} policies of AWS managed keys. "
            "The tests of kms-insights demand every label of this corpus, so its rows show that the labels can be answered, and not how it does on policies that it has not met."
        ]
        if KMS_INSIGHTS in programs
        else ["The answers of kms-insights itself are not in this page: it was made without `--binary`."]
    )
    return "\n".join(
        [
            "<!-- Generated by tests/policies/peers/run.py from tests/policies and tests/policies/peers/results.json. -->",
            "",
            "# Who is let in by a key policy: other programs on the same policies",
            "",
            f"[tests/policies](../tests/policies/README.md) holds {len(cases)} key policies, each with the answer that AWS documentation gives and one line that argues it. "
            f"Three other programs were asked about them on {results['date']}, at pinned versions, without any AWS account:",
            "",
            "- **Prowler**, check `kms_key_not_publicly_accessible`. It is meant to find keys that are open to everyone, and answers yes or no for a customer managed key. "
            "It has no check for a key policy that lets another account in.",
            "- **policyuniverse**, `Policy.is_internet_accessible()`. A library's test for a policy of any service that is open to everyone; it knows neither whose the resource is nor what KMS is.",
            "- **Cloud Custodian**, filter `cross-account` of `aws.kms-key`. It is meant to show statements that let in others than the accounts and organizations that it is told to trust, for a person to look "
            "at, and passes over AWS services on purpose. Asked with the own account trusted, with the organization's accounts and id (`whitelist`, `whitelist_orgids`), and for everyone (`everyone_only`).",
            "",
            "What to keep in mind:",
            "",
            "- The corpus was written to probe, not to be typical: most of these policies are rare, and the shares below say nothing about keys as one meets them. It leans on what these checks do not look at, some of it on purpose "
            "(a Deny, which actions work across accounts, operators that hold without their key, services that act for another account), and its labels are those of this project. Whoever disagrees finds the argument beside each.",
            f"- None of the three checks reads grants, so they were not asked about the {with_grants} policies with grants.",
            "- None of the three can say that it does not know. Policies whose label is `unknown` are undecidable here and counted apart: `no` there shows as fine what nobody can tell, `yes` makes "
            "somebody look at it.",
            "- **Too lenient**: it says no, and somebody is let in. **Too strict**: it says yes, and nobody is. **No answer**: the check ends with an error.",
            *[f"- {note}" for note in own],
            "",
            "The labels: " + "; ".join(f"{TITLES[question]}: {labelled[question, 'yes']} yes, {labelled[question, 'no']} no, {labelled[question, 'unknown']} unknown" for question in QUESTIONS) + ".",
            "",
            "## Figures",
            "",
            "Decidable are the policies whose label is yes or no; the shares are of these. The last columns are for those whose label is unknown.",
            "",
            *summary(cases, results, programs),
            "",
            "## Again, by anybody",
            "",
            "```sh",
            "python3.11 tests/policies/peers/run.py                                  # installs the three from PyPI into target/peers, asks them, writes this page",
            "python3.11 tests/policies/peers/run.py --binary target/release/kms-insights",
            "python3 tests/policies/peers/run.py --check                             # only whether corpus, results and page fit together",
            "```",
            "",
            "Every answer is in [tests/policies/peers/results.json](../tests/policies/peers/results.json).",
            "",
            "## Where an answer is wrong",
            "",
            "Labels are given as outside the account / outside the organization / public. An empty cell is a right answer, a question that the program was not asked, or one without a decidable answer.",
            "",
            *wrong(cases, results, programs),
            "",
            "## What was said where nobody can tell",
            "",
            "Policies with a label `unknown`, and the answers to just those questions.",
            "",
            *undecidable(cases, results, programs),
            "",
        ]
    )
