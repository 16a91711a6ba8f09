use kms_insights_policy::{PrincipalForm, access::grantee};

use super::{RestsOn, RuleInfo};
use crate::{Confidence, Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "stale-grant",
    title: "A grant is for a deleted user or role",
    severity: Severity::Low,
    documentation: "The grantee of a grant is a unique id (`AROA…` for a role, `AIDA…` for a user), which is what AWS leaves of a principal once it is deleted. The grant lets in \
        nobody, also once a principal of the same name is made; it clutters the list of grants, of which a key can have 50,000. Source: IAM User Guide, \"IAM identifiers\".\n\n\
        Low, certain. Not for AWS managed keys, whose grants nobody but AWS can revoke.",
    rests_on: &[RestsOn::Grants],
    remediation: "Revoke the grant (kms:RevokeGrant); if the principal was made anew, make a grant for it.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    // Nobody can revoke the grants of a key that AWS manages.
    for grant in subject.grants().iter().filter(|_| !subject.is_aws_managed()) {
        let Some(grantee) = grantee(grant).filter(|grantee| grantee.form == PrincipalForm::Deleted) else { continue };
        let title = format!("A grant is for a deleted user or role: {}", grantee.text);
        findings.push(subject.grant_finding(&RULE, (Severity::Low, Confidence::Certain), title, grant));
    }
}
