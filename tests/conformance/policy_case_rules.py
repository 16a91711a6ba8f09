"""Cases in which @cloud-copilot/iam-simulate is known not to follow AWS's documentation, each with where AWS says so.

A rule looks at the case alone, never at the two answers. A case that a rule names is not compared; how many those are is printed, and a rule that no longer
names a disagreement fails the test, so that it goes when the simulator learns.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Case = dict[str, Any]
GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
OPERATORS = GUIDE + "reference_policies_elements_condition_operators.html"
VARIABLES = GUIDE + "reference_policies_variables.html"


@dataclass(frozen=True)
class Rule:
    """A class of cases, what AWS documents of it, and what the simulator does instead."""

    name: str
    documented: str
    simulator: str
    applies: Callable[[Case], bool]


@dataclass(frozen=True)
class Comparison:
    """One operator on one key with one value of a policy."""

    operator: str
    key: str
    value: str

    @property
    def base(self) -> str:
        return self.operator.split(":")[-1].removesuffix("IfExists")


def statements(case: Case) -> list[dict[str, Any]]:
    written = case["policy"]["Statement"]
    return written if isinstance(written, list) else [written]


def listed(value: Any) -> list[str]:
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in (value if isinstance(value, list) else [value])]


def comparisons(case: Case) -> Iterator[Comparison]:
    for statement in statements(case):
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                for value in listed(values):
                    yield Comparison(operator, key.lower(), value)


def any_comparison(applies: Callable[[Comparison, Case], bool]) -> Callable[[Case], bool]:
    return lambda case: any(applies(comparison, case) for comparison in comparisons(case))


def has_variables(comparison: Comparison) -> bool:
    return comparison.base.startswith(("String", "Arn")) and "${" in comparison.value


def deny_that_excepts_in_part(case: Case) -> bool:
    """A Deny with NotPrincipal that lists some but not all of what names the caller: its session, its role and its account."""
    request = case["request"]
    principal, account = request["principal"], request["account"]
    if account is None:
        return False
    own = {principal, account, f"arn:aws:iam::{account}:root"}
    if ":assumed-role/" in principal or ":federated-user/" in principal:
        own |= {request["context"]["aws:principalarn"], f"arn:aws:iam::{account}:user/{principal.rsplit('/', 1)[1]}"}
    for statement in statements(case):
        if statement["Effect"] != "Deny" or "NotPrincipal" not in statement:
            continue
        names = set(listed(statement["NotPrincipal"].get("AWS", []))) & own
        needed = [{principal}, {request["context"]["aws:principalarn"]}, {account, f"arn:aws:iam::{account}:root"}]
        if names and not all(names & group for group in needed):
            return True
    return False


def variable_without_value_under_negation(comparison: Comparison, case: Case) -> bool:
    if "Not" not in comparison.base or not has_variables(comparison):
        return False
    context = case["request"]["context"]
    names = [name for name in re.findall(r"\$\{([^}]*)\}", comparison.value) if name not in ("*", "?", "$") and ", '" not in name]
    return any(not isinstance(context.get(name.lower()), str) for name in names)


def role_in_another_case(case: Case) -> bool:
    """A principal that is the caller's role but for the case of its name."""
    role = case["request"]["context"].get("aws:principalarn", "")
    written = [name for statement in statements(case) for name in aws_principals(statement)]
    return any(name != role and name.lower() == role.lower() for name in written)


def aws_principals(statement: dict[str, Any]) -> list[str]:
    element = statement.get("Principal", statement.get("NotPrincipal"))
    return listed(element.get("AWS", [])) if isinstance(element, dict) else []


def is_epoch(value: str) -> bool:
    return value.isdigit()


def epoch_and_calendar_date(comparison: Comparison, case: Case) -> bool:
    requested = case["request"]["context"].get(comparison.key)
    return comparison.base.startswith("Date") and isinstance(requested, str) and is_epoch(requested) != is_epoch(comparison.value)


def address_of_the_other_family(comparison: Comparison, case: Case) -> bool:
    requested = case["request"]["context"].get(comparison.key)
    if comparison.base != "NotIpAddress" or not isinstance(requested, str) or "/" in comparison.value:
        return False
    return ipaddress.ip_address(requested).version != ipaddress.ip_address(comparison.value).version


RULES = [
    Rule(
        "a Deny that excepts only a part of the caller",
        f"{GUIDE}reference_policies_elements_notprincipal.html: the account's ARN must be listed too, and for a session the role's, or the policy might deny.",
        "takes any one match for an exception; its source calls that not yet researched.",
        deny_that_excepts_in_part,
    ),
    Rule(
        "variables before version 2012-10-17",
        f"{VARIABLES}: without Version 2012-10-17 variables are literal strings.",
        "replaces variables whatever the version.",
        lambda case: case["policy"].get("Version") != "2012-10-17" and any(has_variables(comparison) for comparison in comparisons(case)),
    ),
    Rule(
        "a variable without value under a negated operator",
        f"{VARIABLES}#policy-vars-no-value: inverted operators do match against a null value.",
        "lets the condition fail.",
        any_comparison(variable_without_value_under_negation),
    ),
    Rule(
        "variables for characters",
        f"{VARIABLES}#policy-vars-specialchars: ${{*}}, ${{?}} and ${{$}} stand for the characters in any string where variables can be used.",
        "reads them as wildcards in StringLike, and as themselves elsewhere.",
        any_comparison(lambda comparison, _: comparison.base.startswith(("String", "Arn")) and re.search(r"\$\{[*?$]\}", comparison.value) is not None),
    ),
    Rule(
        "variables in ARN operators",
        f"{OPERATORS}#Conditions_ARN: policy variables are supported.",
        "splits at the colon inside ${aws:…} before it replaces the variable.",
        any_comparison(lambda comparison, _: comparison.base.startswith("Arn") and has_variables(comparison)),
    ),
    Rule(
        "an ARN of fewer than six parts under a negated operator",
        f"{OPERATORS}#Conditions_ARN: each of the six parts is checked by itself; of fewer nothing is said. The evaluator lets them match nothing, and its negation everything.",
        "lets the condition fail, negated or not.",
        any_comparison(lambda comparison, _: comparison.base.startswith("ArnNot") and re.sub(r"\$\{[^}]*\}", "", comparison.value).count(":") < 5),
    ),
    Rule(
        "a role's name in another case",
        f"{GUIDE}reference_identifiers.html and reference_iam-quotas.html: names are not distinguished by case, and ARNs are compared as they are written. Which principal an ARN in "
        "another case is, is not said; the evaluator takes it for another.",
        "compares the name of a session's role without regard to case.",
        role_in_another_case,
    ),
    Rule(
        "an account of another partition with the same digits",
        f"{GUIDE}reference_identifiers.html#identifiers-arns: the partition is a part of the ARN, and accounts are of one partition.",
        "looks at the digits alone.",
        lambda case: case["request"]["account"] is not None and f"arn:aws-cn:iam::{case['request']['account']}:root" in str(case["policy"]),
    ),
    Rule(
        "ForAnyValue:…IfExists of an absent key",
        f"{OPERATORS}#Conditions_IfExists: IfExists can be added to any operator but Null, and is true where the key is absent.",
        "ignores IfExists after ForAnyValue.",
        any_comparison(
            lambda comparison, case: (
                comparison.operator.startswith("ForAnyValue:") and comparison.operator.endswith("IfExists") and comparison.key not in case["request"]["context"]
            )
        ),
    ),
    Rule(
        "epoch time beside a calendar date",
        f"{OPERATORS}#Conditions_Date: dates may be written in either form; epoch (UNIX) time counts seconds.",
        "compares seconds with milliseconds.",
        any_comparison(epoch_and_calendar_date),
    ),
    Rule(
        "a range of all addresses",
        f"{OPERATORS}#Conditions_IPAddress: standard CIDR format, of which /0 is a part.",
        "shifts a 32-bit number by 32, which in JavaScript shifts by nothing.",
        any_comparison(lambda comparison, _: comparison.base in ("IpAddress", "NotIpAddress") and comparison.value.endswith("/0")),
    ),
    Rule(
        "NotIpAddress with an address of the other family",
        f"{OPERATORS}#Conditions_IPAddress: NotIpAddress is all IP addresses except the specified one.",
        "lets the condition fail where the request has IPv6 and the policy one IPv4 address, or the reverse.",
        any_comparison(address_of_the_other_family),
    ),
    Rule(
        "a statement without Resource",
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html: without its Resource element a key policy statement has no effect.",
        "takes it for any resource.",
        lambda case: any("Resource" not in statement for statement in statements(case)),
    ),
]
