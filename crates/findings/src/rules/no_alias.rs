use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "no-alias",
    title: "The key has no alias",
    severity: Severity::Info,
    documentation: "No alias points at a customer managed key that is enabled. Nothing is wrong with it, but people find keys by their aliases, programs \
        that name an alias can be moved to another key, and a key that nobody named is often one that nobody looks after. Each key of a multi-Region set \
        has aliases of its own. Source: `kms:ListAliases`.\n\n\
        Info, and certain. Only where the aliases were observed: where `kms:ListAliases` was denied or did not come to its end, `aliases_status` tells it. \
        Keys that are disabled, without material or about to be deleted are not reported.",
    rests_on: &[RestsOn::Metadata, RestsOn::Aliases],
    remediation: "Give the key an alias that says what it is for (kms:CreateAlias).",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let facts = subject.context.facts;
    let (Some(metadata), Some(aliases)) = (subject.kept_by_customer(), facts.aliases.observed()) else { return };
    if !metadata.enabled || !aliases.is_empty() {
        return;
    }
    let evidence = json!({ "aliases": [], "description": metadata.description });
    findings.push(subject.finding(
        &RULE,
        (Severity::Info, Confidence::Certain),
        "No alias points at the key".to_owned(),
        "aliases".to_owned(),
        json(&evidence),
    ));
}
