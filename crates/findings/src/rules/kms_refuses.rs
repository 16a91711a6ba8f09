use std::{collections::BTreeSet, sync::Arc};

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
        (`MalformedPolicyDocumentException`, `LimitExceededException`). Where KMS has stored it all the same, nobody can tell from here what it makes of it.\n\n\
        - The text is longer than 32,768 bytes. Source: AWS KMS Developer Guide, \"Resource quotas\".\n\
        - The text has characters beyond U+00FF, or control characters other than tab, line feed and carriage return. Source: AWS KMS API Reference, `Policy` of `PutKeyPolicy`.\n\
        - `Version` is neither `2012-10-17` nor `2008-10-17`. Source: IAM User Guide, \"IAM JSON policy elements: Version\".\n\
        - Two statements have the same `Sid`. Source: IAM User Guide, \"IAM JSON policy elements: Sid\".\n\
        - An element that the grammar of policies does not have, such as a misspelt one: `Conditions` demands nothing. Source: IAM User Guide, \"Grammar of the IAM JSON policy \
        language\".\n\
        - An operator of a condition that IAM does not have. Source: IAM User Guide, \"IAM JSON policy elements: Condition operators\". Condition keys are not reported: a policy \
        may name any.\n\
        - A principal of another partition than the key's, whose accounts have nothing to do with those of this one; a group; a wildcard within a name; a text that is no \
        principal, such as an account of eleven digits or the ARN of a bucket. Source: IAM User Guide, \"AWS JSON policy elements: Principal\".\n\
        - The unique id of a deleted user or role ([`deleted-principal`](#deleted-principal)). KMS shows it in a policy that it has stored, and refuses it in one that is put. \
        Source: AWS re:Post Knowledge Center, \"Policy contains a statement with one or more invalid principals\".\n\n\
        Of a policy that KMS has stored, the other findings and the ways in take such things for possible where they let somebody in, and never for a protection that is certain: \
        a statement that allows is as wide as it is without the unknown element; whether a statement that denies has any effect with one is not known; a condition of an \
        unknown operator may hold or not; a principal of another partition, or a text that is no principal, may come in. Unique ids stand for nobody.\n\n\
        Medium, and likely: AWS may know more than this version does. Low where there is nothing but unique ids. That a policy is too long is certain, or low and possible where \
        it is so only with the white space between its elements.",
    rests_on: &[RestsOn::Policies],
    remediation: "Write it as IAM's grammar has it, or take it out; of a policy that KMS has stored, look up what the element is for, which this version does not know.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let [default, _] = &subject.policies;
    // Nobody but AWS can change what is wrong with the policy of an AWS managed key.
    let Some(document) = default.document.as_ref().filter(|_| !subject.is_aws_managed()) else { return };
    findings.extend(too_long(subject));
    findings.extend(foreign_characters(subject));
    findings.extend(of_document(subject, document));
    for culprit in subject.statements().filter(|culprit| culprit.policy.name == PolicyName::Default) {
        let faults = faults(culprit.statement, subject);
        if faults.is_empty() {
            continue;
        }
        let title = format!("KMS refuses this, or does not heed it: {}", names(faults.iter().map(|fault| fault.what.clone())));
        let severity = if faults.iter().all(|fault| fault.is_deleted) { Severity::Low } else { Severity::Medium };
        // A waiver is given for these faults: others are another finding.
        let content = json!(faults.iter().map(|fault| (&fault.path, &fault.text)).collect::<BTreeSet<_>>()).to_string();
        let finding = subject.statement_finding_by_name(&RULE, (RULE.id, &content), (severity, Confidence::Likely), title, &culprit);
        let mut elements: Vec<ElementPath> = Vec::new();
        for path in faults.iter().map(|fault| &fault.path).filter(|path| !path.is_empty()) {
            if !elements.contains(path) {
                elements.push(path.clone());
            }
        }
        let principals = faults.into_iter().filter(|fault| fault.is_principal).map(|fault| Arc::from(fault.text)).collect();
        findings.push(Finding { place: culprit.place(elements), principals, ..finding });
    }
}

/// Something that KMS refuses, and where it stands.
struct Fault {
    what: String,
    path: ElementPath,
    /// What it is as it is written.
    text: String,
    is_principal: bool,
    is_deleted: bool,
}

fn faults(statement: &Statement, subject: &Subject<'_>) -> Vec<Fault> {
    let of = |what: String, path: &[&str], text: &str| {
        let path = path.iter().map(|&name| name.to_owned()).collect();
        Fault { what, path, text: text.to_owned(), is_principal: false, is_deleted: false }
    };
    let mut faults: Vec<Fault> = statement.unknown.iter().map(|unknown| of(format!("the element {}", unknown.name), &[&unknown.name], &unknown.text)).collect();
    let mut operators: Vec<&str> = statement
        .conditions
        .entries
        .iter()
        .filter(|condition| condition.operator.test == Test::Unrecognized)
        .map(|condition| &*condition.operator.text)
        .collect();
    operators.dedup();
    faults.extend(operators.into_iter().map(|operator| of(format!("the operator {operator}"), &["Condition", operator], operator)));
    let element = if statement.principals.is_negated() { "NotPrincipal" } else { "Principal" };
    faults.extend(statement.principals.listed().iter().filter_map(|principal| {
        let why = no_principal(principal, subject)?;
        let fault = of(format!("the principal {} ({why})", principal.text), &[element], &principal.text);
        Some(Fault { is_principal: true, is_deleted: principal.form == PrincipalForm::Deleted, ..fault })
    }));
    faults
}

/// Why the text is no principal of a policy of this key; nothing where it may be one.
fn no_principal(principal: &Principal, subject: &Subject<'_>) -> Option<&'static str> {
    let arn = Arn::parse(&principal.text);
    let is_other = matches!(principal.form, PrincipalForm::Other(_));
    let is_of_another = |arn: &Arn<'_>| arn.partition != subject.context.facts.arn.partition().as_str() && !has_wildcard(arn.partition);
    match &arn {
        _ if principal.form == PrincipalForm::Deleted => Some("the id of a deleted principal, which KMS refuses in a policy that is put"),
        Some(arn) if is_of_another(arn) => Some("of another partition"),
        _ if !is_other => None,
        _ if has_wildcard(&principal.text) => Some("a wildcard within a name"),
        Some(arn) if arn.service == "iam" && arn.resource.starts_with("group/") => Some("a group"),
        _ => Some("no principal"),
    }
}

/// A `Sid` that two statements or more have.
fn repeated_sids(document: &PolicyDocument) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    document.statements.iter().filter_map(|statement| statement.sid.as_deref()).filter(|sid| !seen.insert(*sid)).collect()
}

fn of_document(subject: &Subject<'_>, document: &PolicyDocument) -> Option<Finding> {
    let repeated = repeated_sids(document);
    let version = document.version.as_deref().filter(|version| !matches!(*version, "2012-10-17" | "2008-10-17"));
    let names_of = || version.map(|_| "Version").into_iter().chain(document.unknown.iter().map(|unknown| unknown.name.as_str()));
    let elements: Vec<ElementPath> = names_of().map(|name| vec![name.to_owned()]).collect();
    if elements.is_empty() && repeated.is_empty() {
        return None;
    }
    let told =
        version.map(|version| format!("Version {version}")).into_iter().chain(document.unknown.iter().map(|unknown| format!("the element {}", unknown.name)));
    let told = told.chain(repeated.iter().map(|sid| format!("the Sid {sid} of more than one statement")));
    let title = format!("KMS refuses this, or does not heed it: {}", names(told));
    let mut evidence = serde_json::Map::new();
    evidence.extend(version.map(|version| ("Version".to_owned(), json!(version))));
    evidence.extend(document.unknown.iter().map(|unknown| (unknown.name.clone(), serde_json::from_str(&unknown.text).unwrap_or(Value::Null))));
    if !repeated.is_empty() {
        evidence.insert("Sid".to_owned(), json!(repeated));
    }
    // A waiver is given for these elements, with what they say: others are another finding.
    let content = Value::Object(evidence.clone()).to_string();
    let cause = ("elements of the policy".to_owned(), content.as_str());
    let finding = subject.finding_of(&RULE, (Severity::Medium, Confidence::Likely), title, cause, Value::Object(evidence).to_string());
    Some(Finding { place: Place::Policy { policy: PolicyName::Default, elements }, ..finding })
}

/// Characters that `kms:PutKeyPolicy` does not take. Others may be written as `\\u0100`.
fn foreign_characters(subject: &Subject<'_>) -> Option<Finding> {
    let text = subject.context.facts.policy.observed()?.as_str();
    // Of a policy that is only tried out, the text before counts, as for its length.
    let foreign: BTreeSet<char> = text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')).collect();
    if foreign.is_empty() {
        return None;
    }
    let codes: Vec<String> = foreign.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect();
    let title = format!("KMS refuses this, or does not heed it: characters other than those of Latin-1, {}", names(codes.iter().cloned()));
    let evidence = json!({ "characters": codes }).to_string();
    let cause = ("characters of the policy".to_owned(), evidence.as_str());
    let mut finding = subject.finding_of(&RULE, (Severity::Medium, Confidence::Likely), title, cause, evidence.clone());
    "Write the policy with the characters of Latin-1, of which names and Sids have no others.".clone_into(&mut finding.remediation);
    Some(Finding { place: Place::Policy { policy: PolicyName::Default, elements: Vec::new() }, ..finding })
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
