use kms_insights_model::Failure;
use kms_insights_policy::{PolicyError, access::PolicyName};
use serde_json::json;

use super::RuleInfo;
use crate::{
    Confidence, ElementPath, Finding, Place, Severity,
    subject::{Subject, json, prefix},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "policy-unreadable",
    title: "A key policy could not be read",
    severity: Severity::High,
    documentation: "The policy was denied, its reading failed, or its text is not a key policy. Who can use the key is then unknown, and what is unknown is never \
        fine: a key that nobody may read is also one whose policy nobody can mend.\n\n\
        High, and certain: that it could not be read is a fact. Low for AWS managed keys, whose policy AWS writes and keeps.",
    // That a policy was not read is what it says.
    rests_on: &[],
    remediation: "Allow kms:GetKeyPolicy to the collector's role in IAM and in the key policy; \
        if nobody in the account can read or change the policy, AWS Support can restore access.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let severity = if subject.is_aws_managed() { Severity::Low } else { Severity::High };
    let facts = subject.context.facts;
    let lacking =
        [(PolicyName::Default, facts.policy.failure(), facts.policy.status()), (PolicyName::AwsRam, facts.ram_policy.failure(), facts.ram_policy.status())];
    for (name, failure, status) in lacking {
        if let Some(Failure { action, code, message }) = failure {
            let evidence = json(&json!({ "status": status.as_str(), "operation": action.to_string(), "code": code.as_str(), "message": message }));
            let title = format!("The policy could not be read: {code}");
            let finding = subject.finding(&RULE, (severity, Confidence::Certain), title, format!("{}{action}", prefix(name)), evidence);
            findings.push(Finding { place: Place::Policy { policy: name, elements: Vec::new() }, ..finding });
        }
    }
    for policy in &subject.policies {
        if let Some(error) = &policy.error {
            let text = match policy.name {
                PolicyName::Default => facts.policy.observed(),
                PolicyName::AwsRam => facts.ram_policy.observed(),
            };
            let evidence = json(&json!({ "error": error.to_string(), "policy": text.map(kms_insights_model::PolicyText::as_str) }));
            let title = format!("The policy's text is not a key policy: {error}");
            let finding = subject.finding(&RULE, (severity, Confidence::Certain), title, format!("{}text of the policy", prefix(policy.name)), evidence);
            findings.push(Finding { place: at(policy.name, error), ..finding });
        }
    }
}

/// Where the text is at fault.
fn at(policy: PolicyName, error: &PolicyError) -> Place {
    let place = error.place();
    // What is nested in an element has names of anybody's choice, with dots in them.
    let outermost = place.and_then(|place| place.element.as_deref()?.split('.').next());
    let elements: Vec<ElementPath> = outermost.map(|name| vec![name.to_owned()]).into_iter().collect();
    match place.and_then(|place| place.statement) {
        Some(index) => Place::Statement { policy, index, elements },
        None => Place::Policy { policy, elements },
    }
}
