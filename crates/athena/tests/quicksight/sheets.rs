//! The sheets: what each asks, and the visuals that answer.

use crate::visuals::{
    Measure::{Average, Count, CountDistinct, Sum},
    Visual, bars, number, table,
};

pub(crate) struct Sheet {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// Columns by which people narrow the sheet, each of a data set.
    pub(crate) filters: &'static [(&'static str, &'static str)],
    pub(crate) visuals: Vec<Visual>,
}

pub(crate) fn all() -> Vec<Sheet> {
    vec![overview(), access(), cost(), rotation(), findings(), coverage(), changes(), key()]
}

fn overview() -> Sheet {
    Sheet {
        id: "overview",
        name: "Overview",
        description: "Every key of the latest run: how many, who comes in, what they cost, and of how many something is not known.",
        filters: &[("keys", "account_name"), ("keys", "region"), ("keys", "manager")],
        visuals: vec![
            number("keys-count", "Keys", "keys", CountDistinct("key_arn")),
            number("keys-outside", "Open outside the account", "keys", Sum("Open outside the account")),
            number("keys-cost", "US dollars a month", "keys", Sum("monthly_cost_usd")),
            number("keys-lacking", "Keys of which something was not read", "keys", Sum("Something not read")),
            bars(
                "concerns",
                "Concerns by kind (keys)",
                "keys",
                None,
                None,
                &[
                    Sum("External account"),
                    Sum("Key policy overly permissive"),
                    Sum("Access provided to IAM user"),
                    Sum("Principal is account"),
                    Sum("Concern not known"),
                ],
            ),
            bars("severity", "Keys by their worst finding", "keys", Some("worst_severity"), None, &[CountDistinct("key_arn")]),
            bars(
                "accounts",
                "Keys by account and whether anyone outside comes in",
                "keys",
                Some("account_name"),
                Some("outside_account"),
                &[CountDistinct("key_arn")],
            ),
            bars("states", "Keys by state and manager", "keys", Some("state"), Some("manager"), &[CountDistinct("key_arn")]),
            table(
                "keys-table",
                "Keys: a click shows one",
                "keys",
                &[
                    "key_arn",
                    "account_name",
                    "region",
                    "aliases",
                    "state",
                    "concern",
                    "outside_organization",
                    "usage_verdict",
                    "worst_severity",
                    "monthly_cost_usd",
                    "facts_lacking",
                ],
                true,
            ),
        ],
    }
}

fn access() -> Sheet {
    Sheet {
        id: "access",
        name: "Access",
        description: "Who outside the account comes in, how trusted, by what, and how sure that is.",
        filters: &[("access", "trust"), ("access", "certainty"), ("access", "account_id")],
        visuals: vec![
            bars("trust", "Ways in by trust and certainty", "access", Some("trust"), Some("certainty"), &[Count("key_arn")]),
            bars("trust-keys", "Keys by trust and way in", "access", Some("trust"), Some("way_in"), &[CountDistinct("key_arn")]),
            bars("outsiders", "Accounts that come in", "access", Some("principal_account"), Some("trust"), &[CountDistinct("key_arn")]),
            bars("unknown", "Keys of which it is not known", "keys", Some("account_name"), None, &[Sum("Not known whether open")]),
            table(
                "access-table",
                "Ways in: a click shows the key",
                "access",
                &[
                    "key_arn",
                    "account_id",
                    "principal",
                    "principal_account_name",
                    "trust",
                    "capabilities",
                    "condition",
                    "certainty",
                    "reason",
                    "way_in",
                    "source",
                ],
                true,
            ),
        ],
    }
}

fn cost() -> Sheet {
    Sheet {
        id: "cost",
        name: "Unused keys and cost",
        description: "What would go from the bill with the keys that look unneeded, and whether the records prove that they are.",
        filters: &[("savings", "account_name"), ("savings", "certainty"), ("unused", "account_name"), ("unused", "verdict")],
        visuals: vec![
            bars("savings-reason", "US dollars a month by reason", "savings", Some("reason"), Some("certainty"), &[Sum("monthly_cost_usd")]),
            bars("savings-account", "US dollars a month by account", "savings", Some("account_name"), Some("certainty"), &[Sum("monthly_cost_usd")]),
            bars("savings-keys", "Keys by reason", "savings", Some("reason"), Some("certainty"), &[Sum("keys")]),
            bars("unused-verdict", "Keys without a recorded use, by verdict", "unused", Some("verdict"), Some("state"), &[CountDistinct("key_arn")]),
            table(
                "unused-table",
                "Keys without a recorded use: a click shows one",
                "unused",
                &[
                    "key_arn",
                    "account_name",
                    "region",
                    "aliases",
                    "state",
                    "verdict",
                    "reason",
                    "evidence",
                    "unused_since",
                    "created_at",
                    "grant_count",
                    "monthly_cost_usd",
                ],
                true,
            ),
        ],
    }
}

fn rotation() -> Sheet {
    Sheet {
        id: "rotation",
        name: "Age and rotation",
        description: "How old keys are, and which are not rotated at least once a year.",
        filters: &[("rotation", "account_name"), ("rotation", "gap")],
        visuals: vec![
            bars("age", "Keys by age", "keys", Some("Age"), Some("manager"), &[CountDistinct("key_arn")]),
            bars("age-account", "Average age in days by account", "keys", Some("account_name"), None, &[Average("age_days")]),
            bars("gap", "Keys by what lacks", "rotation", Some("gap"), Some("origin"), &[CountDistinct("key_arn")]),
            bars("gap-account", "Keys by account", "rotation", Some("account_name"), Some("gap"), &[CountDistinct("key_arn")]),
            table(
                "rotation-table",
                "Keys that are not rotated once a year: a click shows one",
                "rotation",
                &[
                    "key_arn",
                    "account_name",
                    "region",
                    "aliases",
                    "state",
                    "origin",
                    "gap",
                    "age_days",
                    "rotation_enabled",
                    "rotation_period_days",
                    "last_rotated_at",
                    "rotation_count",
                ],
                true,
            ),
        ],
    }
}

fn findings() -> Sheet {
    Sheet {
        id: "findings",
        name: "Findings",
        description: "What the rules found, with the cause and what to do. Waived findings are marked, not left out.",
        filters: &[("findings", "severity"), ("findings", "confidence"), ("findings", "account_name"), ("findings", "waived")],
        visuals: vec![
            bars("findings-account", "Findings by account and severity", "findings", Some("account_name"), Some("severity"), &[CountDistinct("finding_id")]),
            bars("findings-rule", "Findings by rule and confidence", "findings", Some("rule"), Some("confidence"), &[CountDistinct("finding_id")]),
            table(
                "findings-table",
                "Findings: a click shows the key",
                "findings",
                &["key_arn", "account_name", "region", "severity", "confidence", "rule", "title", "cause", "remediation", "waived_until", "waiver_reason"],
                true,
            ),
        ],
    }
}

fn coverage() -> Sheet {
    Sheet {
        id: "coverage",
        name: "What is not known",
        description: "What the latest run could not read, why, and what to do about it.",
        filters: &[("gaps", "account_name"), ("gaps", "code")],
        visuals: vec![
            bars("gaps-fact", "Gaps by fact and cause", "gaps", Some("fact"), Some("code"), &[Count("account_id")]),
            bars("gaps-keys", "Keys affected by account", "gaps", Some("account_name"), Some("fact"), &[Sum("keys_affected")]),
            table(
                "gaps-table",
                "Gaps",
                "gaps",
                &["account_id", "account_name", "region", "fact", "operation", "code", "keys_affected", "example_message", "next_step"],
                false,
            ),
        ],
    }
}

fn changes() -> Sheet {
    Sheet {
        id: "changes",
        name: "Changes",
        description: "What changed since the run before: keys and findings that came, went or changed, and what one of the two runs could not read.",
        filters: &[("changes", "subject"), ("changes", "change")],
        visuals: vec![
            bars("changes-subject", "Changes by what changed", "changes", Some("subject"), Some("change"), &[Count("key_arn")]),
            bars("changes-account", "Changes by account", "changes", Some("account_id"), Some("change"), &[Count("key_arn")]),
            table(
                "changes-table",
                "Changes: a click shows the key",
                "changes",
                &["key_arn", "account_id", "region", "subject", "change", "rule", "value_before", "value_now"],
                true,
            ),
        ],
    }
}

fn key() -> Sheet {
    Sheet {
        id: "key",
        name: "One key",
        description: "The key that was clicked on another sheet, or whose ARN is written above: what is known of it, its findings, and who comes in.",
        filters: &[],
        visuals: vec![
            table(
                "key-itself",
                "The key",
                "keys",
                &[
                    "key_arn",
                    "account_id",
                    "account_name",
                    "ou_path",
                    "region",
                    "aliases",
                    "description",
                    "manager",
                    "state",
                    "spec",
                    "usage",
                    "origin",
                    "created_at",
                    "rotation_enabled",
                    "last_rotated_at",
                    "usage_verdict",
                    "last_used_at",
                    "last_used_operation",
                    "unused_since",
                    "concern",
                    "outside_account",
                    "outside_organization",
                    "public",
                    "monthly_cost_usd",
                    "facts_lacking",
                ],
                false,
            ),
            table(
                "key-findings",
                "Its findings",
                "findings",
                &["key_arn", "severity", "confidence", "rule", "title", "cause", "remediation", "waived_until"],
                false,
            ),
            table(
                "key-access",
                "Who comes in from outside",
                "access",
                &["key_arn", "principal", "trust", "capabilities", "actions", "condition", "certainty", "reason", "source"],
                false,
            ),
        ],
    }
}
