use std::{collections::BTreeSet, sync::Arc};

use kms_insights_policy::{ActionSet, Actions, Condition, Effect, Resources, Statement, access::PolicyName};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, ElementPath, Finding, Severity,
    culprit::Culprit,
    subject::{Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "no-effect",
    title: "A statement, or part of it, does not do what it says",
    severity: Severity::Medium,
    documentation: "KMS takes the statement, and it does not do what it says:\n\n\
        - it has no `Action` or no `Resource`. Source: AWS KMS Developer Guide, \"Key policies in AWS KMS\";\n\
        - all its actions are of other services, or act on no key (`kms:ListKeys`), or its `NotAction` leaves none; such belong into IAM policies;\n\
        - one of its actions is of another service, as a misspelt one is (`ksm:Decrypt`), or acts on no key;\n\
        - an action that is none of KMS's, a misspelt one for instance: `kms:Decypt`;\n\
        - a `Resource` that is neither `*` nor the key. In a key policy `*` is the key that carries it, and nothing else is there to be named. Whether a statement with another \
        ARN has any effect AWS does not document: by other findings what it allows is possible, and so is that it keeps nobody out. For a key that is yet to be made, nobody \
        knows its ARN: write `*`;\n\
        - a policy variable in a policy of version `2008-10-17`, or of none: `${aws:PrincipalAccount}` is then plain text, which no request carries. A negated operator with \
        nothing but such values holds for everybody, so that a Deny keeps out all, and an Allow none. Source: IAM User Guide, \"IAM JSON policy elements: Variables and tags\".\n\n\
        Medium where it is there to protect: a Deny that keeps nobody out, an Allow with a `NotAction` that excludes nothing or with a negated condition that holds for \
        everybody; and a Deny with one, which keeps out more than it says. Low in other Allows, which let in nobody. Certain, but possible for another resource, and for \
        actions, which KMS may have learnt since this version.",
    rests_on: &[RestsOn::Policies],
    remediation: "Write what is meant, with Resource \"*\" and, for policy variables, Version \"2012-10-17\"; or remove it. A statement that then has an effect may let in, \
        or keep out, more than before.",
    check,
};

/// Why something does not do what it says, where it stands, and how sure that is.
struct Idle {
    what: String,
    /// What is wrong, in a few letters that stay, and as it is written.
    kind: (&'static str, String),
    /// Whether it does something, though not what it says.
    acts: bool,
    /// Empty where it is all of the statement.
    path: ElementPath,
    weight: (Severity, Confidence),
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    // The other policy AWS RAM writes.
    for culprit in subject.statements().filter(|culprit| culprit.policy.name == PolicyName::Default) {
        let idle = idle(&culprit, subject);
        // The gravest and surest first.
        let Some(weight) = idle.iter().map(|idle| idle.weight).max() else { continue };
        let doubt = if weight.1 == Confidence::Certain { "" } else { " (not certain: AWS does not document it, or may have added it)" };
        let verdict = if idle.iter().any(|idle| idle.acts) { "This does not do what it says" } else { "This has no effect" };
        let title = format!("{verdict}: {}{doubt}", names(idle.iter().map(|idle| idle.what.clone())));
        // A waiver is given for these: whatever else is wrong is another finding.
        let content = json!(idle.iter().map(|idle| &idle.kind).collect::<BTreeSet<_>>()).to_string();
        let finding = subject.statement_finding_by_name(&RULE, (RULE.id, &content), weight, title, &culprit);
        let mut elements: Vec<ElementPath> = Vec::new();
        for path in idle.into_iter().map(|idle| idle.path).filter(|path| !path.is_empty()) {
            if !elements.contains(&path) {
                elements.push(path);
            }
        }
        findings.push(Finding { place: culprit.place(elements), principals: Vec::new(), ..finding });
    }
}

fn idle(culprit: &Culprit<'_>, subject: &Subject<'_>) -> Vec<Idle> {
    let statement = culprit.statement;
    let of_statement = if statement.effect == Effect::Deny { Severity::Medium } else { Severity::Low };
    let certain = |severity| (severity, Confidence::Certain);
    let element = if statement.actions.is_negated() { "NotAction" } else { "Action" };
    let whole = |what: &str, kind: &'static str, path: &[&str], weight| {
        let path = path.iter().map(|&name| name.to_owned()).collect();
        Idle { what: format!("the statement, {what}"), kind: (kind, String::new()), acts: false, path, weight }
    };
    let mut found: Vec<Idle> = Vec::new();
    match (&statement.actions, &statement.resources) {
        (Actions::Absent, Resources::Absent) => found.push(whole("which has neither Action nor Resource", "no action or resource", &[], certain(of_statement))),
        (Actions::Absent, _) => found.push(whole("which has no Action", "no action", &[], certain(of_statement))),
        (_, Resources::Only(patterns)) if patterns.is_empty() => {
            found.push(whole("whose Resource is empty", "empty resource", &["Resource"], certain(of_statement)));
        }
        (_, Resources::Absent) => found.push(whole("which has no Resource", "no resource", &[], certain(of_statement))),
        (_, Resources::Except(patterns)) if patterns.iter().any(|pattern| pattern == "*") => {
            found.push(whole("whose NotResource excludes the key", "excluded", &["NotResource"], certain(of_statement)));
        }
        _ if !statement.has_effect() => found.push(whole("none of whose actions acts on a key", "no action on a key", &[element], certain(of_statement))),
        (_, resources) => {
            if !resources.name_key(&subject.context.facts.arn) {
                let named = if matches!(resources, Resources::Except(_)) { "NotResource" } else { "Resource" };
                let what = format!("whose {named} names something else than the key");
                found.push(whole(&what, "another resource", &[named], (of_statement, Confidence::Possible)));
            }
            found.extend(statement.actions.listed().iter().filter(|pattern| acts_on_no_key(pattern)).map(|pattern| Idle {
                what: format!("the action {pattern}, which acts on no key"),
                kind: ("acts on no key", pattern.clone()),
                acts: false,
                path: vec![element.to_owned()],
                weight: certain(of_action(statement)),
            }));
        }
    }
    found.extend(statement.actions.listed().iter().filter(|pattern| is_unknown(pattern)).map(|pattern| Idle {
        what: format!("the action {pattern}, which KMS does not have"),
        kind: ("unknown", pattern.clone()),
        acts: false,
        path: vec![element.to_owned()],
        weight: (of_action(statement), Confidence::Possible),
    }));
    if !culprit.document.has_variables() {
        found.extend(statement.conditions.entries.iter().flat_map(|condition| plain_text(condition, statement.effect)));
    }
    found
}

/// How much it matters that an action of the statement's list does nothing: what is not excepted is allowed, and what is not denied stays allowed.
fn of_action(statement: &Statement) -> Severity {
    let protects = (statement.effect == Effect::Deny) != statement.actions.is_negated();
    if protects { Severity::Medium } else { Severity::Low }
}

/// What looks like a policy variable in a condition of a policy that has none.
fn plain_text(condition: &Condition, effect: Effect) -> Vec<Idle> {
    let operator = &condition.operator;
    // Nothing else is compared, and what is compared no request carries, save where whoever calls chooses the value.
    let key = condition.key.to_ascii_lowercase();
    let is_chosen = key.contains("encryptioncontext") || key.contains("tag");
    let holds_always = operator.negated && operator.set.is_none() && !is_chosen && condition.values.iter().all(|value| has_variable(value));
    let so = if holds_always { format!(", so that {} {} holds for everybody", operator.text, condition.key) } else { String::new() };
    let severity = if operator.negated || effect == Effect::Deny { Severity::Medium } else { Severity::Low };
    let variables = condition.values.iter().filter(|value| has_variable(value));
    let idle = |value: &String| Idle {
        what: format!("the policy variable {value}, which is plain text without Version 2012-10-17{so}"),
        kind: ("plain text", format!("{} {key} {value}", operator.text.to_ascii_lowercase())),
        acts: true,
        path: vec!["Condition".to_owned(), operator.text.clone(), condition.key.clone()],
        weight: (severity, Confidence::Certain),
    };
    variables.map(idle).collect()
}

/// Whether the pattern certainly stands for nothing that acts on a key.
fn acts_on_no_key(pattern: &str) -> bool {
    ActionSet::allowed_by(&Actions::Only(Arc::from([pattern.to_owned()]))).is_empty()
}

/// Whether the pattern stands for nothing that this version knows, though it may act on a key.
fn is_unknown(pattern: &str) -> bool {
    ActionSet::allowed_by(&Actions::Only(Arc::from([pattern.to_owned()]))) == ActionSet::UNRECOGNIZED
}

/// Whether the value has a policy variable: the name of a context key, or an escaped sign.
fn has_variable(value: &str) -> bool {
    value.split("${").skip(1).filter_map(|rest| rest.split_once('}')).any(|(name, _)| name.contains(':') || matches!(name, "*" | "?" | "$"))
}
