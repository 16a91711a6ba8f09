use std::collections::BTreeSet;

use kms_insights_policy::access::Kind;
use serde_json::json;

use super::{RestsOn, RuleInfo, outside_account};
use crate::{Finding, Severity, border::Beyond, culprit::Culprit, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "outside-organization",
    title: "Principals outside the organization are allowed",
    severity: Severity::High,
    documentation: "A statement allows a principal of an account outside the key's organization, another organization, or a service that acts for either \
        (`aws:SourceAccount`, `aws:SourceArn`, `aws:SourceOrgID`). Such a principal also needs its own account's IAM to allow the use, which that account decides. \
        Everyone is the matter of [`public`](#public), accounts inside the organization that of [`outside-account`](#outside-account).\n\n\
        High, or low for accounts that the configuration calls trusted (`trusted_accounts`). Certain where the organization's accounts are known and a request \
        exists that comes in. Possible where it is not known whether the principal is outside: the organization's accounts could not be listed, or the policy does not \
        tell the account (an S3 canonical user id, a public identity provider); and where coming in depends on what the policy does not tell. Where nothing is known of \
        the organization, such principals are reported by [`outside-account`](#outside-account) instead, under the same id: that the organization could not be read in \
        one run makes no other finding of them, and no waiver by id ends. A waiver of this rule covers that one, too. Where a statement lets in others who are known to be \
        inside, the id is made of those outside alone, and a waiver by it covers none of the others once they leave.",
    rests_on: &[RestsOn::Policies, RestsOn::Organization],
    remediation: "Check that each account is a party to the data; remove those that are not, list the others as trusted, \
        and narrow them to roles and actions with kms:ViaService or an encryption context.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let beyond = |way: &_| Beyond::of(way, subject).filter(|beyond| matches!(beyond, Beyond::Organization { .. }));
    for culprit in subject.culprits(|way| way.kind != Kind::Intent && beyond(way).is_some()) {
        let weight = culprit.weigh(|way| beyond(way).map(|beyond| (beyond.severity(), beyond.confidence(way))));
        let (mut known, mut trusted) = (true, true);
        for of_way in culprit.ways.iter().filter_map(|way| beyond(way)) {
            known &= matches!(of_way, Beyond::Organization { known: true, .. });
            trusted &= matches!(of_way, Beyond::Organization { trusted: true, .. });
        }
        let place = if known { "Outside the organization" } else { "Outside the key's account, perhaps outside its organization" };
        let what = if trusted { "an account is allowed that is called trusted" } else { "this is allowed" };
        let title = format!("{place}, {what}: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        // Where nothing is known of the organization the other rule speaks of the same: it is one matter, and has one id. Of a statement that also lets in others who are
        // known to be inside, the id is made of those outside: whoever of the others leaves the organization makes another finding.
        let content = if lets_in_insiders(&culprit, subject) { outsiders(&culprit, subject) } else { String::new() };
        let mut finding = subject.statement_finding_by_name(&RULE, (outside_account::RULE.id, &content), weight, title, &culprit);
        finding.changed_policy = culprit.listed().and_then(|gone| culprit.without_principals(&gone));
        findings.push(finding);
    }
}

/// Whether the statement lets in somebody, too, who is known to be inside the organization.
fn lets_in_insiders(culprit: &Culprit<'_>, subject: &Subject<'_>) -> bool {
    let cause = culprit.ways.first().map(|way| &way.cause);
    let mut of_statement = subject.access.ways.iter().filter(|way| Some(&way.cause) == cause && way.kind != Kind::Intent);
    of_statement.any(|way| Beyond::of_each(way, subject).iter().any(|(_, beyond)| *beyond == Some(Beyond::Account)))
}

/// Those whom the statement lets in from outside the organization, or perhaps from outside, by their names in one order.
fn outsiders(culprit: &Culprit<'_>, subject: &Subject<'_>) -> String {
    let each = culprit.ways.iter().flat_map(|way| Beyond::of_each(way, subject));
    let outside: BTreeSet<String> = each.filter(|(_, beyond)| matches!(beyond, Some(Beyond::Organization { .. }))).map(|(name, _)| name).collect();
    json!(outside).to_string()
}
