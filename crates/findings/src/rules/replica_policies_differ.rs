use std::collections::BTreeSet;

use kms_insights_policy::access::PolicyName;
use serde_json::{Value, json};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Place, ReplicaPolicy, Severity,
    canonical_policy::{canonical, parts},
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "replica-policies-differ",
    title: "Keys of a multi-Region set have different policies",
    severity: Severity::Medium,
    documentation: "The policy of a multi-Region key says something else than that of another key of its set. All of them hold the same material, and what \
        one encrypted any other decrypts: who is kept out in one Region comes in by the Region with the wider policy. KMS copies no change of a policy \
        from key to key. Sources: `kms:ReplicateKey`; AWS KMS Developer Guide, \"Control access to multi-Region keys\".\n\n\
        Policies are compared in one spelling. Order, white space, `Sid`, `Id`, single values in place of lists and upper and lower case where IAM knows \
        none make no difference. Neither do the names of Regions in ARNs, in the names of services (`logs.eu-central-1.amazonaws.com`; `kms:ViaService` \
        `s3.eu-central-1.amazonaws.com`) and in `aws:RequestedRegion`: each key needs those of its own Region. So a replica whose `kms:ViaService` still \
        names the primary's Region, and therefore lets nobody in, is not found here. Everything else is a difference, also one that comes to the same \
        (`kms:Describe*` and `kms:DescribeKey`) or that is meant (a role or VPC endpoint for each Region).\n\n\
        Medium, and certain that they differ; which of them is as it should be, the rule cannot know. Each key of the set is reported once, and `cause` \
        names the keys whose policy differs; `evidence` has what only one side says, of three of them at most. A key whose policy could not be read or \
        understood is not compared: that is the matter of [`policy-unreadable`](#policy-unreadable). The policy `AWS_RAM` is not compared.",
    rests_on: &[RestsOn::Policies, RestsOn::ReplicaPolicies],
    remediation: "Compare the policies and give all keys of the set the same one (kms:PutKeyPolicy in each Region), or waive the difference if it is meant.",
    check,
};

/// How many of the other keys the evidence shows compared statement by statement: policies have up to 32 KiB, and sets up to some thirty keys.
const LIMIT: usize = 3;

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.context.replicas.is_empty() || subject.is_aws_managed() {
        return;
    }
    let own = subject.policies.iter().find(|policy| policy.name == PolicyName::Default).and_then(|policy| policy.document.as_ref());
    let Some(own) = own.map(canonical) else { return };
    let mut others: Vec<(&ReplicaPolicy, &str)> =
        subject.context.replicas.iter().filter_map(|other| Some((other, other.policy.as_deref()?))).filter(|(_, policy)| *policy != own).collect();
    if others.is_empty() {
        return;
    }
    others.sort_by(|(a, _), (b, _)| a.arn.cmp(&b.arn));
    let here = parts(&own);
    let mut compared: Vec<Value> = others.iter().map(|(other, policy)| compared(other, &here, &parts(policy))).collect();
    let regions: Vec<&str> = others.iter().map(|(other, _)| other.arn.region().as_str()).collect();
    let arns: Vec<String> = others.iter().map(|(other, _)| other.arn.to_string()).collect();
    let title = format!("The policy differs from that of the multi-Region key in {}", regions.join(", "));
    // A waiver is given for a difference: another is another finding.
    let content = json!(compared).to_string();
    compared.truncate(LIMIT);
    let evidence = json!({ "differs_from": compared, "not_shown": others.len().saturating_sub(LIMIT) });
    let finding =
        subject.finding_of(&RULE, (Severity::Medium, Confidence::Certain), title, (format!("policy of {}", arns.join(", ")), &content), json(&evidence));
    findings.push(Finding { place: Place::Policy { policy: PolicyName::Default, elements: Vec::new() }, ..finding });
}

fn compared(other: &ReplicaPolicy, here: &BTreeSet<String>, there: &BTreeSet<String>) -> Value {
    let only =
        |one: &BTreeSet<String>, two: &BTreeSet<String>| -> Vec<Value> { one.difference(two).filter_map(|part| serde_json::from_str(part).ok()).collect() };
    json!({ "key": other.arn.to_string(), "only_here": only(here, there), "only_there": only(there, here) })
}
