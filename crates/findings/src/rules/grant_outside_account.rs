use kms_insights_model::Grant;
use kms_insights_policy::{Principal, Standing};

use super::RuleInfo;
use crate::{Confidence, Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "grant-outside-account",
    title: "A grant gives the key to another account",
    severity: Severity::High,
    documentation: "The grantee of a grant belongs to another account than the key, or its account cannot be told. Grants bypass the key policy: no \
        statement shows this access. AWS services that are grantees in their own name (`GranteeServicePrincipal`, or `GranteePrincipal` where an older \
        grant names the service there) are not other accounts, and deleted grantees are nobody.\n\n\
        Medium where the account is known to belong to the organization, else high; possible where the account cannot be told, else certain. Whether \
        the grants could be read at all is told by `grants_status` and `collection_errors`.",
    remediation: "Ask the grant's creator whether it is still needed; if not, revoke it (kms:RevokeGrant).",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for grant in subject.context.facts.grants.observed().into_iter().flatten() {
        findings.extend(outside(subject, grant));
    }
}

fn outside(subject: &Subject<'_>, grant: &Grant) -> Option<Finding> {
    // Where KMS fills this field, the grantee is the service. Source: `kms:ListGrants`.
    if grant.grantee_service_principal.is_some() {
        return None;
    }
    let grantee = grant.grantee_principal.clone().map(Principal::read_grantee);
    let standing = grantee.as_ref().map_or(Standing::Unknown, |grantee| grantee.standing(&subject.context.facts.arn));
    let (who, account) = (grant.grantee_principal.as_deref().unwrap_or("nobody KMS names"), grantee.as_ref().and_then(Principal::account));
    let known = account.is_some_and(|account| subject.are_in_organization(&[account]));
    let severity = if known { Severity::Medium } else { Severity::High };
    let (confidence, what) = match standing {
        Standing::OwnAccount | Standing::OwnPrincipal | Standing::Service | Standing::Deleted => return None,
        Standing::OtherAccount | Standing::OtherPrincipal if known => (Confidence::Certain, "another account inside the organization"),
        Standing::OtherAccount | Standing::OtherPrincipal | Standing::Anyone => (Confidence::Certain, "another account"),
        Standing::Unknown => (Confidence::Possible, "somebody whose account cannot be told"),
    };
    let title = format!("A grant gives {} to {what}: {}", grant.operations.join(", "), who.replace(char::is_control, "\u{fffd}"));
    // A grant always serializes: its maps have text for keys.
    let evidence = serde_json::to_string(grant).unwrap_or_default();
    Some(subject.finding(&RULE, (severity, confidence), title, format!("grant {}", grant.id), evidence))
}
