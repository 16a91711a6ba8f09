use std::sync::Arc;

use kms_insights_model::{Arn, MAX_POLICY_BYTES};
use kms_insights_policy::{PolicyDocument, Principal, PrincipalForm, Statement, Test, access::PolicyName};
use serde_json::{Value, json};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, ElementPath, Finding, Place, Severity,
    fences::has_wildcard,
    subject::{Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "kms-refuses",
    title: "The policy says something that KMS refuses",
    severity: Severity::Medium,
    documentation: "The policy can be read, but is not what KMS takes. Where it has yet to be put, `kms:PutKeyPolicy` and `kms:CreateKey` answer with an error \
        (`MalformedPolicyDocumentException`, `LimitExceededException`). Where KMS has stored it all the same, nobody can tell from here what it makes of it, and the \
        findings on it are made without it.\n\n\
        - The text is longer than 32,768 bytes. Source: AWS KMS Developer Guide, \"Resource quotas\".\n\
        - `Version` is neither `2012-10-17` nor `2008-10-17`. Source: IAM User Guide, \"IAM JSON policy elements: Version\".\n\
        - An element that the grammar of policies does not have, such as a misspelt one: `Conditions` demands nothing. Source: IAM User Guide, \"Grammar of the IAM JSON policy \
        language\".\n\
        - An operator of a condition that IAM does not have. Source: IAM User Guide, \"IAM JSON policy elements: Condition operators\". Condition keys are not reported: a policy \
        may name any.\n\
        - A principal of another partition than the key's, whose accounts have nothing to do with those of this one; a group; a wildcard within a name. Source: IAM User Guide, \
        \"AWS JSON policy elements: Principal\".\n\n\
        Medium, and likely: AWS may know more than this version does. That a policy is too long is certain, or low and possible where it is so only with the white \
        space between its elements.",
    rests_on: &[RestsOn::Policies],
    remediation: "Write it as IAM's grammar has it, or take it out; of a policy that KMS has stored, look up what the element is for, which this version does not know.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let [default, _] = &subject.policies;
    // Nobody but AWS can change what is wrong with the policy of an AWS managed key.
    let Some(document) = default.document.as_ref().filter(|_| !subject.is_aws_managed()) else { return };
    findings.extend(too_long(subject));
    findings.extend(of_document(subject, document));
    for culprit in subject.statements().filter(|culprit| culprit.policy.name == PolicyName::Default) {
        let faults = faults(culprit.statement, subject);
        if faults.is_empty() {
            continue;
        }
        let title = format!("KMS refuses this, or does not heed it: {}", names(faults.iter().map(|fault| fault.what.clone())));
        let finding = subject.statement_finding(&RULE, (Severity::Medium, Confidence::Likely), title, &culprit);
        let mut elements: Vec<ElementPath> = Vec::new();
        for path in faults.iter().map(|fault| &fault.path).filter(|path| !path.is_empty()) {
            if !elements.contains(path) {
                elements.push(path.clone());
            }
        }
        let principals = faults.into_iter().filter_map(|fault| fault.principal).collect();
        findings.push(Finding { place: culprit.place(elements), principals, ..finding });
    }
}

/// Something that KMS refuses, and where it stands.
struct Fault {
    what: String,
    path: ElementPath,
    principal: Option<Arc<str>>,
}

fn faults(statement: &Statement, subject: &Subject<'_>) -> Vec<Fault> {
    let of = |what: String, path: &[&str]| Fault { what, path: path.iter().map(|&name| name.to_owned()).collect(), principal: None };
    let mut faults: Vec<Fault> = statement.unknown.iter().map(|unknown| of(format!("the element {}", unknown.name), &[&unknown.name])).collect();
    let mut operators: Vec<&str> = statement
        .conditions
        .entries
        .iter()
        .filter(|condition| condition.operator.test == Test::Unrecognized)
        .map(|condition| &*condition.operator.text)
        .collect();
    operators.dedup();
    faults.extend(operators.into_iter().map(|operator| of(format!("the operator {operator}"), &["Condition", operator])));
    let element = if statement.principals.is_negated() { "NotPrincipal" } else { "Principal" };
    faults.extend(statement.principals.listed().iter().filter_map(|principal| {
        let why = no_principal(principal, subject)?;
        let fault = of(format!("the principal {} ({why})", principal.text), &[element]);
        Some(Fault { principal: Some(Arc::clone(&principal.text)), ..fault })
    }));
    faults
}

/// Why the text is no principal of a policy of this key; nothing where it may be one.
fn no_principal(principal: &Principal, subject: &Subject<'_>) -> Option<&'static str> {
    let arn = Arn::parse(&principal.text)?;
    let is_other = matches!(principal.form, PrincipalForm::Other(_));
    if arn.partition != subject.context.facts.arn.partition().as_str() && !has_wildcard(arn.partition) {
        Some("of another partition")
    } else if is_other && has_wildcard(&principal.text) {
        Some("a wildcard within a name")
    } else if is_other && arn.service == "iam" && arn.resource.starts_with("group/") {
        Some("a group")
    } else {
        None
    }
}

fn of_document(subject: &Subject<'_>, document: &PolicyDocument) -> Option<Finding> {
    let version = document.version.as_deref().filter(|version| !matches!(*version, "2012-10-17" | "2008-10-17"));
    let names_of = || version.map(|_| "Version").into_iter().chain(document.unknown.iter().map(|unknown| unknown.name.as_str()));
    let elements: Vec<ElementPath> = names_of().map(|name| vec![name.to_owned()]).collect();
    if elements.is_empty() {
        return None;
    }
    let told =
        version.map(|version| format!("Version {version}")).into_iter().chain(document.unknown.iter().map(|unknown| format!("the element {}", unknown.name)));
    let title = format!("KMS refuses this, or does not heed it: {}", names(told));
    let mut evidence = serde_json::Map::new();
    evidence.extend(version.map(|version| ("Version".to_owned(), json!(version))));
    evidence.extend(document.unknown.iter().map(|unknown| (unknown.name.clone(), serde_json::from_str(&unknown.text).unwrap_or(Value::Null))));
    // A waiver is given for these elements: others are another finding.
    let content = names_of().collect::<Vec<_>>().join(" ");
    let cause = ("elements of the policy".to_owned(), content.as_str());
    let finding = subject.finding_of(&RULE, (Severity::Medium, Confidence::Likely), title, cause, Value::Object(evidence).to_string());
    Some(Finding { place: Place::Policy { policy: PolicyName::Default, elements }, ..finding })
}

fn too_long(subject: &Subject<'_>) -> Option<Finding> {
    let text = subject.context.facts.policy.observed()?.as_str();
    // Of a policy that is only tried out, the text before counts: none that is longer than KMS takes is proposed.
    if text.len() <= MAX_POLICY_BYTES {
        return None;
    }
    let dense = serde_json::from_str::<Value>(text).ok()?.to_string().len();
    let weight = if dense > MAX_POLICY_BYTES { (Severity::Medium, Confidence::Certain) } else { (Severity::Low, Confidence::Possible) };
    let without = if dense > MAX_POLICY_BYTES { "" } else { ", which it has without the white space between its elements" };
    let title = format!("The policy has {} bytes, and KMS stores {MAX_POLICY_BYTES} at most{without}", text.len());
    let evidence = json!({ "bytes": text.len(), "bytes_without_white_space": dense, "limit": MAX_POLICY_BYTES }).to_string();
    let mut finding = subject.finding(&RULE, weight, title, "size of the policy".to_owned(), evidence);
    "Say the same in fewer statements: those with the same principals, or the same actions, can be one. Put it without white space between its elements."
        .clone_into(&mut finding.remediation);
    Some(Finding { place: Place::Policy { policy: PolicyName::Default, elements: Vec::new() }, ..finding })
}
