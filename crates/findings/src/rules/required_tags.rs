use std::collections::BTreeSet;

use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "required-tags",
    title: "A required tag is missing",
    severity: Severity::Low,
    documentation: "A customer managed key lacks a tag that `required_tags` of the configuration names. Where it names none, as it does unless told to, \
        the rule says nothing. A tag counts by its key, whatever its value; AWS tells tag keys apart by case, and so does the rule. Each key of a \
        multi-Region set has tags of its own. Source: `kms:ListResourceTags`.\n\n\
        Low, and certain. Each missing tag is a finding of its own, so that a waiver for one is none for another. Only where the tags were observed: \
        `tags_status` tells where they were not. A key that waits for its deletion is not reported: KMS lets nobody tag it.",
    rests_on: &[RestsOn::Metadata, RestsOn::Tags],
    remediation: "Tag the key (kms:TagResource).",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(_), Some(tags)) = (subject.kept_by_customer(), subject.context.facts.tags.observed()) else { return };
    let present: BTreeSet<&str> = tags.iter().map(|tag| tag.key.as_str()).collect();
    let required: BTreeSet<&str> = subject.context.settings.required_tags.iter().map(String::as_str).collect();
    for missing in required.difference(&present) {
        let evidence = json!({ "missing": missing, "tags": present });
        let title = format!("The tag {missing} is missing");
        findings.push(subject.finding(&RULE, (Severity::Low, Confidence::Certain), title, format!("tag {missing}"), json(&evidence)));
    }
}
