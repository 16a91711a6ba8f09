use kms_insights_policy::access::Kind;

use super::{RestsOn, RuleInfo, outside_organization};
use crate::{Finding, Severity, border::Beyond, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "outside-account",
    title: "Principals of another account are allowed",
    severity: Severity::High,
    documentation: "A statement allows a principal of another account of the key's organization, accounts named in a condition, or the organization itself. Such a \
        principal also needs its own account's IAM to allow the use, which that account decides. Everyone is the matter of [`public`](#public), whoever is outside \
        the organization that of [`outside-organization`](#outside-organization). Where nothing is known of the organization, everybody of another account is \
        reported here, and so is somebody whose account cannot be told (an S3 canonical user id, a public identity provider); the finding has the id that it has as one of \
        [`outside-organization`](#outside-organization), and a waiver of that rule covers it. Those who are known to be inside the organization are a finding with an id of \
        its own, also where a statement is for both: a waiver of it by id ends when the account leaves the organization.\n\n\
        AWS services are not other accounts, but one that acts for another account or for an organization (`aws:SourceAccount`, `aws:SourceArn`, \
        `aws:SourceOrgID`, `aws:SourceOrgPaths`) lets that in. A resource whose account is not told, such as a bucket, counts only where every service may act for it; for one service it is the \
        matter of [`confused-deputy`](#confused-deputy). Outsiders can use a key and its grants but never administer it; a statement that allows them to is the matter of \
        [`outside-intent`](#outside-intent).\n\n\
        Medium where every account is known to belong to the key's organization, or a condition demands that very organization, by its id or as \
        `${aws:ResourceOrgID}`. Where nothing is known of the organization high, or low for accounts that the configuration calls trusted. Certain where a request \
        exists that comes in once conditions and Denies are weighed; possible where that depends on what the policy does not tell.",
    rests_on: &[RestsOn::Policies, RestsOn::Organization],
    remediation: "Check that each account is a party to the data; remove those that are not, \
        and narrow the rest to roles and actions with kms:ViaService or an encryption context.",
    check,
};

/// In the place of the rule in the ids of findings about those who are known to be inside: a waiver of these is none for whoever leaves the organization.
const INSIDE: &str = "outside-account, inside the organization";

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let beyond = |way: &_| Beyond::of(way, subject).filter(|beyond| !matches!(beyond, Beyond::Organization { .. }));
    for culprit in subject.culprits(|way| way.kind != Kind::Intent && beyond(way).is_some()) {
        let weight = culprit.weigh(|way| beyond(way).map(|beyond| (beyond.severity(), beyond.confidence(way))));
        let inside = culprit.ways.iter().all(|way| beyond(way) == Some(Beyond::Account));
        let within = if inside { ", inside the organization" } else { "" };
        let title = format!("Outside the key's account{within}, this is allowed: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        let name = if inside { INSIDE } else { RULE.id };
        let mut finding = subject.statement_finding_by_name(&RULE, (name, ""), weight, title, &culprit);
        finding.also_waived_by = (!inside).then_some(outside_organization::RULE.id);
        finding.changed_policy = culprit.listed().and_then(|gone| culprit.without_principals(&gone));
        findings.push(finding);
    }
}
