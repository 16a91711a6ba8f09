use std::sync::Arc;

use kms_insights_policy::{ActionSet, Actions, Effect, Resources, access::PolicyName};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, ElementPath, Finding, Severity,
    culprit::Culprit,
    subject::{Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "no-effect",
    title: "A statement, or part of it, has no effect",
    severity: Severity::Medium,
    documentation: "KMS takes the statement, and it does not do what it says:\n\n\
        - it has no `Action` or no `Resource`. Source: AWS KMS Developer Guide, \"Key policies in AWS KMS\";\n\
        - all its actions are of other services, or act on no key (`kms:ListKeys`), or its `NotAction` leaves none; such belong into IAM policies;\n\
        - an action that is none of KMS's, a misspelt one for instance: `kms:Decypt`;\n\
        - a `Resource` that is neither `*` nor the key. In a key policy `*` is the key that carries it, and nothing else is there to be named. Whether a statement with another \
        ARN has any effect AWS does not document; all other findings take it that it has. For a key that is yet to be made, nobody knows its ARN: write `*`;\n\
        - a policy variable in a policy of version `2008-10-17`, or of none: `${aws:PrincipalAccount}` is then plain text, which matches nobody. Source: IAM User Guide, \"IAM \
        JSON policy elements: Variables and tags\".\n\n\
        Medium where it is there to protect: a Deny that keeps nobody out, an Allow with a `NotAction` that excludes nothing or with a condition that cannot mean what it \
        says. Low in other Allows, which let in nobody. Certain, but possible for another resource, and for actions, which KMS may have learnt since this version.",
    rests_on: &[RestsOn::Policies],
    remediation: "Write what is meant, with Resource \"*\" and, for policy variables, Version \"2012-10-17\"; or remove it. A statement that then has an effect may let in, \
        or keep out, more than before.",
    check,
};

/// Why something has no effect, where it stands, and how sure that is.
struct Idle {
    what: String,
    path: Option<ElementPath>,
    weight: (Severity, Confidence),
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    // The other policy AWS RAM writes.
    for culprit in subject.statements().filter(|culprit| culprit.policy.name == PolicyName::Default) {
        let idle = idle(&culprit, subject);
        // The gravest and surest first.
        let Some(weight) = idle.iter().map(|idle| idle.weight).max() else { continue };
        let doubt = if weight.1 == Confidence::Certain { "" } else { " (not certain: AWS does not document it, or may have added it)" };
        let title = format!("This has no effect: {}{doubt}", names(idle.iter().map(|idle| idle.what.clone())));
        let finding = subject.statement_finding(&RULE, weight, title, &culprit);
        findings.push(Finding { place: culprit.place(idle.into_iter().filter_map(|idle| idle.path).collect()), principals: Vec::new(), ..finding });
    }
}

fn idle(culprit: &Culprit<'_>, subject: &Subject<'_>) -> Vec<Idle> {
    let statement = culprit.statement;
    let of_statement = if statement.effect == Effect::Deny { Severity::Medium } else { Severity::Low };
    let mut found: Vec<Idle> = Vec::new();
    let mut add = |what: String, path: &[&str], weight| {
        let path: Option<ElementPath> = (!path.is_empty()).then(|| path.iter().map(|&name| name.to_owned()).collect());
        found.push(Idle { what, path: path.filter(|path| !found.iter().any(|idle| idle.path.as_ref() == Some(path))), weight });
    };
    let certain = |severity| (severity, Confidence::Certain);
    let element = if statement.actions.is_negated() { "NotAction" } else { "Action" };
    match (&statement.actions, &statement.resources) {
        (Actions::Absent, Resources::Absent) => add("the statement, which has neither Action nor Resource".to_owned(), &[], certain(of_statement)),
        (Actions::Absent, _) => add("the statement, which has no Action".to_owned(), &[], certain(of_statement)),
        (_, Resources::Only(patterns)) if patterns.is_empty() => add("the statement, whose Resource is empty".to_owned(), &["Resource"], certain(of_statement)),
        (_, Resources::Absent) => add("the statement, which has no Resource".to_owned(), &[], certain(of_statement)),
        (_, Resources::Except(patterns)) if patterns.iter().any(|pattern| pattern == "*") => {
            add("the statement, whose NotResource excludes the key".to_owned(), &["NotResource"], certain(of_statement));
        }
        _ if !statement.has_effect() => add("the statement, none of whose actions acts on a key".to_owned(), &[element], certain(of_statement)),
        (_, resources) if !resources.name_key(&subject.context.facts.arn) => {
            let element = if matches!(resources, Resources::Except(_)) { "NotResource" } else { "Resource" };
            add(format!("the statement, whose {element} names something else than the key"), &[element], (of_statement, Confidence::Possible));
        }
        _ => {}
    }
    // What is not excepted is allowed; what is not denied stays allowed.
    let protects = (statement.effect == Effect::Deny) != statement.actions.is_negated();
    let of_action = if protects { Severity::Medium } else { Severity::Low };
    for pattern in statement.actions.listed().iter().filter(|pattern| is_unknown(pattern)) {
        add(format!("the action {pattern}, which KMS does not have"), &[element], (of_action, Confidence::Possible));
    }
    if !culprit.document.has_variables() {
        for condition in &statement.conditions.entries {
            for value in condition.values.iter().filter(|value| has_variable(value)) {
                let path = ["Condition", &condition.operator.text, &condition.key];
                add(format!("the policy variable {value}, which is plain text without Version 2012-10-17"), &path, certain(Severity::Medium));
            }
        }
    }
    found
}

/// Whether the pattern stands for nothing that this version knows, though it may act on a key.
fn is_unknown(pattern: &str) -> bool {
    ActionSet::allowed_by(&Actions::Only(Arc::from([pattern.to_owned()]))) == ActionSet::UNRECOGNIZED
}

/// Whether the value has a policy variable: the name of a context key, or an escaped sign.
fn has_variable(value: &str) -> bool {
    value.split("${").skip(1).filter_map(|rest| rest.split_once('}')).any(|(name, _)| name.contains(':') || matches!(name, "*" | "?" | "$"))
}
