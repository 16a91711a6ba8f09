use kms_insights_policy::access::{PolicyName, Verdict, locks_out_own_account};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{Confidence, Finding, Place, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "locked-out",
    title: "Nobody of the key's account can change its policy",
    severity: Severity::High,
    documentation: "Neither the policy nor the account's IAM by way of it lets anybody of the key's own account call `kms:PutKeyPolicy`: no statement allows it, those that do are \
        for deleted principals or outsiders, or a Deny takes it back. Nobody can mend the policy then, and only AWS Support can. Source: AWS KMS Developer Guide, \
        \"Key policies: Allows access to the AWS account\".\n\n\
        High. Certain where there is nobody; possible where there may be somebody, but whether is not told: a fact of the key, a condition or a statement that could not be weighed decides, \
        or it is not known who manages the key. That somebody of the account can be in a network that a condition names is taken for granted. Not for AWS managed keys, and \
        not where the policy could not be read ([`policy-unreadable`](#policy-unreadable)).",
    rests_on: &[RestsOn::Policies],
    remediation: "Before the policy is put, allow kms:* to the account's root, or kms:PutKeyPolicy to a role that administers keys; once it is in force, ask AWS Support.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let [policy, _] = &subject.policies;
    let Some(document) = policy.document.as_ref().filter(|_| !subject.is_aws_managed()) else { return };
    let known = subject.metadata().is_some_and(|metadata| metadata.manager.is_some());
    let (confidence, title) = match locks_out_own_account(&subject.access.ways) {
        Verdict::No => return,
        Verdict::Yes if known => (Confidence::Certain, "Nobody of the key's own account can change its policy any more"),
        Verdict::Yes => {
            (Confidence::Possible, "Nobody of the key's own account can change its policy any more, unless AWS manages the key, which is not known")
        }
        Verdict::Unknown => (
            Confidence::Possible,
            "Perhaps nobody of the key's own account can change its policy any more: a condition or a statement that could not be weighed decides",
        ),
    };
    let arn = &subject.context.facts.arn;
    let text = subject.context.facts.policy.observed().map_or("null", |text| text.as_str());
    let mut finding = subject.finding(&RULE, (Severity::High, confidence), title.to_owned(), "policy".to_owned(), text.to_owned());
    finding.place = Place::Policy { policy: PolicyName::Default, elements: Vec::new() };
    let root = format!("arn:{}:iam::{}:root", arn.partition().as_str(), arn.account());
    let statement = json!({ "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" });
    finding.changed_policy = subject.with_another_statement(document, statement);
    findings.push(finding);
}
