use kms_insights_policy::Reach;

use super::RuleInfo;
use crate::{Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "outside-account",
    title: "Principals of another account are allowed",
    severity: Severity::High,
    documentation: "A statement allows a principal of another account than the key's, accounts named in a condition, an organization, or somebody \
        whose account cannot be told (an S3 canonical user id, a public identity provider). Such a principal also needs its own account's IAM to allow \
        the use, which that account decides. Everyone is the matter of [`public`](#public), not of this rule.\n\n\
        AWS services are not other accounts, but one that acts for another account or for an organization (`aws:SourceAccount`, `aws:SourceArn`, \
        `aws:SourceOrgID`, `aws:SourceOrgPaths`) lets that in. Outsiders can use a key and its grants but never administer it; a statement that allows them to is \
        reported all the same, as what somebody meant.\n\n\
        Medium where every account is known to belong to the key's organization, or a condition demands that very organization, by its id or as \
        `${aws:ResourceOrgID}`; else high, also where the condition names another organization or it is not known which one is the key's. Likely where \
        the statement has conditions that may fail, or where a policy of the key has a Deny that may cover such a principal and one of the actions (what the \
        Deny's conditions come to is not weighed yet); possible where the account cannot be told, else certain.",
    remediation: "Check that each account is a party to the data; remove those that are not, \
        and narrow the rest to roles and actions with kms:ViaService or an encryption context.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|row| row.reach.is_external() && row.reach != Reach::Anyone) {
        let confined = subject.fence(&culprit).is_within_organization(subject.context.organization_id);
        let known = culprit.rows.iter().all(|row| match &row.reach {
            Reach::Accounts(accounts) => confined || subject.are_in_organization(accounts),
            Reach::Organization => confined,
            _ => false,
        });
        let severity = if known { Severity::Medium } else { Severity::High };
        let within = if known { " inside the organization" } else { "" };
        let title = format!("Outside the key's account{within}, this is allowed: {}{}", culprit.whom(), subject.weighed(&culprit));
        findings.push(subject.statement_finding(&RULE, (severity, subject.unless_forbidden(&culprit, culprit.confidence())), title, &culprit));
    }
}
