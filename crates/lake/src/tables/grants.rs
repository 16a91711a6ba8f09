//! The table `grants`: access that no key policy shows.

use kms_insights_model::{Grant, GrantConstraints, KeyFacts, RunId, Timestamp};
use serde_json::{Map, Value};

use crate::table::table;

table! {
    /// One row per grant: access that no key policy shows.
    GrantRow in "grants" {
        /// The run.
        run_id: String, from [];
        /// The key's ARN.
        key_arn: String, from [KmsListKeys];
        /// The key's id within its account and Region.
        key_id: String, from [KmsListKeys];
        /// The account that owns the key.
        account_id: String, from [KmsListKeys];
        /// The key's Region.
        region: String, from [KmsListKeys];
        /// The grant's id, unique within the key.
        grant_id: String, from [KmsListGrants];
        /// The friendly name that the grant's creator gave it.
        name: Option<String>, from [KmsListGrants];
        /// When the grant was made.
        created_at: Option<Timestamp>, from [KmsListGrants];
        /// Who may use the key: a principal's ARN, or an AWS service.
        grantee_principal: Option<String>, from [KmsListGrants];
        /// Who may retire the grant.
        retiring_principal: Option<String>, from [KmsListGrants];
        /// The account under which the grant was made.
        issuing_account: Option<String>, from [KmsListGrants];
        /// What the grantee may do.
        operations: Vec<String>, from [KmsListGrants];
        /// The grant's constraints as JSON text, named as KMS names them; null where there are none.
        constraints: Option<String>, from [KmsListGrants];
        /// The resource for which a service must act, of the constraints.
        source_arn: Option<String>, from [KmsListGrants];
    }
}

/// The rows of a key: none where its grants could not be read.
pub fn rows<'a>(run: &'a RunId, key: &'a KeyFacts) -> impl Iterator<Item = GrantRow> + 'a {
    key.grants.observed().into_iter().flatten().map(move |grant| row(run, key, grant))
}

fn row(run: &RunId, key: &KeyFacts, grant: &Grant) -> GrantRow {
    GrantRow {
        run_id: run.to_string(),
        key_arn: key.arn.to_string(),
        key_id: key.arn.key_id().to_string(),
        account_id: key.arn.account().to_string(),
        region: key.arn.region().to_string(),
        grant_id: grant.id.clone(),
        name: grant.name.clone(),
        created_at: grant.created_at,
        grantee_principal: grant.grantee_principal.clone().or_else(|| grant.grantee_service_principal.clone()),
        retiring_principal: grant.retiring_principal.clone().or_else(|| grant.retiring_service_principal.clone()),
        issuing_account: grant.issuing_account.clone(),
        operations: grant.operations.clone(),
        constraints: constraints_json(&grant.constraints),
        source_arn: grant.constraints.source_arn.clone(),
    }
}

fn constraints_json(constraints: &GrantConstraints) -> Option<String> {
    let mut object = Map::new();
    for (name, pairs) in
        [("EncryptionContextSubset", &constraints.encryption_context_subset), ("EncryptionContextEquals", &constraints.encryption_context_equals)]
    {
        if !pairs.is_empty() {
            object.insert(name.to_owned(), pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect());
        }
    }
    if let Some(arn) = &constraints.source_arn {
        object.insert("SourceArn".to_owned(), Value::from(arn.as_str()));
    }
    (!object.is_empty()).then(|| Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_null_when_there_are_none_and_carry_kms_names_when_there_are() {
        assert_eq!(constraints_json(&GrantConstraints::default()), None);
        let constraints = GrantConstraints {
            encryption_context_subset: [("aws:ebs:id".to_owned(), "vol-0\"1".to_owned())].into(),
            source_arn: Some("arn:aws:s3:::b".to_owned()),
            ..GrantConstraints::default()
        };
        assert_eq!(constraints_json(&constraints).unwrap(), r#"{"EncryptionContextSubset":{"aws:ebs:id":"vol-0\"1"},"SourceArn":"arn:aws:s3:::b"}"#);
    }
}
