//! The policy that narrows every session in a member account to the reads that the tables declare.

use std::collections::BTreeSet;

use kms_insights_model::{ApiAction, Service};
use serde_json::json;

/// An inline session policy that allows exactly `actions`, those of KMS, CloudTrail and Account Management: nothing else is asked in a member account.
///
/// Effective permissions are the intersection of this and the role's own policies, so a role that can do more still only reads. Source: `sts:AssumeRole`, `Policy`
/// (2,048 characters at most).
pub fn session_policy(actions: &BTreeSet<ApiAction>) -> String {
    let allowed: Vec<String> =
        actions.iter().filter(|action| matches!(action.service(), Service::Kms | Service::CloudTrail | Service::Account)).map(ToString::to_string).collect();
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_policy_allows_the_declared_reads_and_fits_the_limit() {
        let policy = session_policy(&ApiAction::ALL.iter().copied().collect());
        assert!(policy.len() <= 2048, "{} characters", policy.len());
        assert_eq!(
            policy,
            concat!(
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["account:ListRegions","cloudtrail:DescribeTrails","cloudtrail:GetEventSelectors","#,
                r#""cloudtrail:GetTrailStatus","cloudtrail:LookupEvents","kms:DescribeCustomKeyStores","kms:DescribeKey","#,
                r#""kms:GetKeyLastUsage","kms:GetKeyPolicy","kms:GetKeyRotationStatus","kms:ListAliases","kms:ListGrants","kms:ListKeyRotations","#,
                r#""kms:ListKeys","kms:ListResourceTags"],"Resource":"*"}]}"#
            )
        );
    }
}
