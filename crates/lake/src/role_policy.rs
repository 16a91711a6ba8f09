//! The permissions of the role that the collector assumes in each account, from the tables' declarations.

use kms_insights_model::{ApiAction, Service};
use serde_json::{Value, json};

use crate::tables;

/// The actions that the role in each account needs: what the tables declare, without what is asked with the caller's own credentials (Organizations, STS).
///
/// The same list narrows each session, so that a wider role makes no wider collector.
pub fn member_role_actions() -> Vec<ApiAction> {
    tables::required_actions().into_iter().filter(|action| matches!(action.service(), Service::Account | Service::CloudTrail | Service::Kms)).collect()
}

/// The policy as a JSON document.
///
/// `Resource` is `*` throughout: the actions that list have no resource type (Service Authorization Reference, "Actions, resources, and condition keys for AWS Key
/// Management Service"), and the others are to read every key, also of other partitions.
pub fn member_role_policy() -> String {
    let statement = |sid: &str, service: Service| -> Value {
        let actions: Vec<String> = member_role_actions().iter().filter(|action| action.service() == service).map(ToString::to_string).collect();
        json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*" })
    };
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [statement("ListEnabledRegions", Service::Account), statement("ReadKeys", Service::Kms), statement("ReadTrailsAndEventHistory", Service::CloudTrail)],
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_reads_and_does_nothing_else() {
        for action in member_role_actions() {
            assert!(["List", "Get", "Describe", "Lookup"].iter().any(|verb| action.name().starts_with(verb)), "{action}");
        }
        let policy: Value = serde_json::from_str(&member_role_policy()).unwrap();
        assert_eq!(policy["Statement"][0]["Action"], json!(["account:ListRegions"]));
        assert!(policy["Statement"][1]["Action"].as_array().unwrap().contains(&json!("kms:GetKeyPolicy")));
    }
}
