use kms_insights_model::Grant;
use kms_insights_policy::{
    ActionSet,
    access::{Certainty, Trust, WayIn, grantee},
};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    border::Beyond,
    subject::{Subject, confidence},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "grant-outside-account",
    title: "A grant gives the key to another account",
    severity: Severity::High,
    documentation: "The grantee of a grant belongs to another account than the key, or its account cannot be told. Grants bypass the key policy, save for its Denies: \
        no Allow shows this access. AWS services that are grantees in their own name (`GranteeServicePrincipal`, or `GranteePrincipal` where an older \
        grant names the service there) are not other accounts, unless the grant has them act for a resource of one (`SourceArn`); deleted grantees are nobody \
        ([`stale-grant`](#stale-grant)). That an outsider may retire a grant is not reported: retiring takes access away.\n\n\
        Medium where the account is known to belong to the organization, low where the configuration calls it trusted, else high. Certain where a request exists \
        that comes in; possible where the account cannot be told. Whether the grants could be read at all is told by `grants_status` and `collection_errors`. \
        A grant to an account that is known to belong to the organization has an id of its own: a waiver by it ends when the account leaves.",
    rests_on: &[RestsOn::Grants, RestsOn::Organization],
    remediation: "Ask the grant's creator whether it is still needed; if not, revoke it (kms:RevokeGrant).",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for grant in subject.grants().iter().filter(|grant| grantee(grant).is_none()) {
        let what = "somebody whose account cannot be told: nobody KMS names";
        findings.push(subject.grant_finding(&RULE, (Severity::High, Confidence::Possible), title(grant, what), grant));
    }
    for (grant, ways) in subject.granted(|way| way.trust == Trust::Public || Beyond::of(way, subject).is_some()) {
        findings.extend(outside(subject, grant, &ways));
    }
}

fn outside(subject: &Subject<'_>, grant: &Grant, ways: &[&WayIn]) -> Option<Finding> {
    // The other ways are for whoever may retire the grant.
    let retire = ActionSet::of_names(["RetireGrant"]);
    let only_retires = ActionSet::of_names(grant.operations.iter().map(String::as_str)) == retire;
    let way = ways.iter().find(|way| only_retires || way.actions != retire)?;
    // KMS makes no grant to everybody; who finds one should be told.
    let beyond = Beyond::of(way, subject);
    let severity = beyond.map_or(Severity::High, Beyond::severity);
    let where_to = match beyond {
        None => "everybody",
        _ if way.trust == Trust::Unknown => "somebody whose account cannot be told",
        Some(Beyond::Account) => "another account inside the organization",
        Some(Beyond::Organization { known: true, .. }) => "another account outside the organization",
        _ => "another account",
    };
    let doubt = match &way.certainty {
        Certainty::Unknown(reason) => format!(" (not certain: {reason})"),
        Certainty::Certain => String::new(),
    };
    let fence = if way.fence.is_empty() { String::new() } else { format!(", if {}", way.fence) };
    let what = format!("{where_to}: {}{fence}{doubt}", way.who);
    // That an account of the organization was put up with says nothing of one that has left it.
    let name = if beyond == Some(Beyond::Account) { "grant-outside-account, inside the organization" } else { RULE.id };
    Some(subject.grant_finding_by_name(&RULE, name, (severity, confidence(way)), title(grant, &what), grant))
}

fn title(grant: &Grant, whom: &str) -> String {
    format!("A grant gives {} to {whom}", grant.operations.join(", "))
}
