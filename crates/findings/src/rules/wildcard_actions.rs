use kms_insights_policy::{ACTIONS, Concern, Reach, Standing};

use super::RuleInfo;
use crate::{Confidence, Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "wildcard-actions",
    title: "All or nearly all actions are allowed",
    severity: Severity::High,
    documentation: "A statement allows every action on the key, however it is spelled (`kms:*`, `*`, `KMS:*`, a list that covers them all), or nearly \
        every one, or everything but some (`NotAction`), or everyone but some (`NotPrincipal`). Whoever holds `kms:*` can use the key, hand it on, \
        rewrite its policy and delete it.\n\n\
        The key's own account is exempt: that statement, AWS's default, only lets the account's IAM policies decide \
        ([`whole-account`](#whole-account)). A list is nearly everything when it has `kms:Decrypt`, `kms:CreateGrant`, `kms:PutKeyPolicy`, \
        `kms:ScheduleKeyDeletion` and nine tenths of the actions that do more than read about the key. `NotAction` that leaves nothing but reading \
        about the key is not wide.\n\n\
        High for principals that may be outside the key's account, else medium. Likely where the statement has conditions, or where a policy of the key has a Deny \
        that may cover such a principal and one of the actions; else certain.",
    remediation: "List the actions that the principal needs, and separate those who administer the key from those who use it.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let wide = |row: &kms_insights_policy::StatementPrincipal| {
        let own_account = row.standing == Standing::OwnAccount && !row.negated_principal;
        row.concerns.contains(&Concern::OverlyPermissive) && !own_account && (row.wide_actions || row.reach != Reach::Anyone)
    };
    for culprit in subject.culprits(wide) {
        let external = culprit.rows.iter().any(|row| row.reach.is_external());
        let severity = if external { Severity::High } else { Severity::Medium };
        let confidence = if culprit.is_unconditional() { Confidence::Certain } else { Confidence::Likely };
        let what = if !culprit.statement.actions.is_wide() {
            "These actions are allowed to"
        } else if culprit.statement.actions.is_negated() {
            "All actions but those named are allowed to"
        } else if ACTIONS.iter().all(|action| !action.on_key || culprit.statement.actions.covers(action)) {
            "All KMS actions are allowed to"
        } else {
            "Nearly all KMS actions are allowed to"
        };
        let title = format!("{what} {}", culprit.whom());
        findings.push(subject.statement_finding(&RULE, (severity, subject.unless_forbidden(&culprit, confidence)), title, &culprit));
    }
}
