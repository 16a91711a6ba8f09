//! The table `keys`: every key with every field of its metadata, and how each fact is known.

use std::collections::BTreeMap;

use kms_insights_findings::KeyAnalysis;
use kms_insights_model::{CustomKeyStore, Fact, FactStatus, KeyFacts, KeyMetadata, LastUsage, RunId, Timestamp};
use kms_insights_policy::join_labels;

use crate::{publish::monthly_cost_usd, table::table};

table! {
    /// One row per key and Region. A null beside a status of `denied` or `failed` is not known; beside `observed` it is what AWS said.
    KeyRow in "keys" {
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
        /// When the key was read.
        observed_at: Timestamp, from [];
        /// When the key was made.
        created_at: Option<Timestamp>, from [KmsDescribeKey];
        /// The key's state, such as `Enabled` or `PendingDeletion`.
        state: Option<String>, from [KmsDescribeKey];
        /// Whether the key is enabled.
        enabled: Option<bool>, from [KmsDescribeKey];
        /// The description that the key's owner gave it.
        description: Option<String>, from [KmsDescribeKey];
        /// The key's spec, such as `SYMMETRIC_DEFAULT`.
        spec: Option<String>, from [KmsDescribeKey];
        /// What the key is for, such as `ENCRYPT_DECRYPT`.
        usage: Option<String>, from [KmsDescribeKey];
        /// Where the key material comes from: `AWS_KMS`, `EXTERNAL`, `AWS_CLOUDHSM` or `EXTERNAL_KEY_STORE`.
        origin: Option<String>, from [KmsDescribeKey];
        /// Who manages the key: `CUSTOMER` or `AWS`.
        manager: Option<String>, from [KmsDescribeKey];
        /// Whether this is a multi-Region key.
        multi_region: Option<bool>, from [KmsDescribeKey];
        /// `PRIMARY` or `REPLICA`, for a multi-Region key.
        multi_region_type: Option<String>, from [KmsDescribeKey];
        /// The primary's ARN, for a multi-Region key.
        multi_region_primary_arn: Option<String>, from [KmsDescribeKey];
        /// The replicas' ARNs, for a multi-Region key.
        multi_region_replica_arns: Option<Vec<String>>, from [KmsDescribeKey];
        /// When the key will be deleted, while deletion is pending.
        deletion_date: Option<Timestamp>, from [KmsDescribeKey];
        /// The waiting period of a primary that waits for its replicas to be deleted, in days.
        pending_deletion_window_days: Option<i32>, from [KmsDescribeKey];
        /// When imported key material expires.
        valid_to: Option<Timestamp>, from [KmsDescribeKey];
        /// Whether imported key material expires: `KEY_MATERIAL_EXPIRES` or `KEY_MATERIAL_DOES_NOT_EXPIRE`.
        expiration_model: Option<String>, from [KmsDescribeKey];
        /// The custom key store that holds the key material.
        custom_key_store_id: Option<String>, from [KmsDescribeKey];
        /// The custom key store's name.
        custom_key_store_name: Option<String>, from [KmsDescribeCustomKeyStores];
        /// The custom key store's type: `AWS_CLOUDHSM` or `EXTERNAL_KEY_STORE`.
        custom_key_store_type: Option<String>, from [KmsDescribeCustomKeyStores];
        /// The custom key store's connection state, such as `CONNECTED`: keys of a store that is not connected cannot be used.
        custom_key_store_connection_state: Option<String>, from [KmsDescribeCustomKeyStores];
        /// The CloudHSM cluster that holds the key material.
        cloud_hsm_cluster_id: Option<String>, from [KmsDescribeKey];
        /// The key's id in its external key store.
        xks_key_id: Option<String>, from [KmsDescribeKey];
        /// The key material in use.
        current_key_material_id: Option<String>, from [KmsDescribeKey];
        /// The algorithms that the key supports, of all kinds.
        algorithms: Option<Vec<String>>, from [KmsDescribeKey];
        /// The aliases that point at the key, with the prefix `alias/`, sorted.
        aliases: Option<Vec<String>>, from [KmsListAliases];
        /// The key's tags.
        tags: Option<BTreeMap<String, String>>, from [KmsListResourceTags];
        /// The key policy `default`, as AWS returned it.
        policy: Option<String>, from [KmsGetKeyPolicy];
        /// The key policy `AWS_RAM` of a key shared through AWS RAM, as AWS returned it.
        ram_policy: Option<String>, from [KmsGetKeyPolicy];
        /// The key's concerns, joined by semicolons: `Principal is account`, `Key policy overly permissive`, `Access provided to IAM user`, `External account`; empty where there are none, null where none was found but a policy could not be read or understood.
        concern: Option<String>, from [KmsGetKeyPolicy];
        /// Whether anyone outside the key's account can use, grant, administer or read it: `yes`, `no`, or `unknown` where a policy or the grants could not be read, or a condition could not be weighed. AWS services in their own name are set aside; one that acts for an outsider is not. `key_access` says who.
        outside_account: String, from [KmsGetKeyPolicy, KmsListGrants, KmsDescribeKey];
        /// The same of anyone outside the organization; `unknown` also where its accounts are not known.
        outside_organization: String, from [KmsGetKeyPolicy, KmsListGrants, KmsDescribeKey, OrganizationsListAccounts, OrganizationsDescribeOrganization];
        /// The same of principals of every account.
        public: String, from [KmsGetKeyPolicy, KmsListGrants, KmsDescribeKey];
        /// Why a key policy could not be understood; null where it could.
        policy_error: Option<String>, from [KmsGetKeyPolicy];
        /// How many grants the key has.
        grant_count: Option<i64>, from [KmsListGrants];
        /// Whether KMS rotates the key by itself.
        rotation_enabled: Option<bool>, from [KmsGetKeyRotationStatus];
        /// Every how many days KMS rotates the key.
        rotation_period_days: Option<i32>, from [KmsGetKeyRotationStatus];
        /// When KMS rotates the key next.
        next_rotation_at: Option<Timestamp>, from [KmsGetKeyRotationStatus];
        /// Since when an on-demand rotation is under way.
        on_demand_rotation_started_at: Option<Timestamp>, from [KmsGetKeyRotationStatus];
        /// How many rotations are completed.
        rotation_count: Option<i64>, from [KmsListKeyRotations];
        /// When the key was last rotated.
        last_rotated_at: Option<Timestamp>, from [KmsListKeyRotations];
        /// What the key costs each month by itself, in US dollars, requests apart: 1, plus 1 for each of the first two completed rotations; 0 for AWS managed keys and while deletion is pending; null where it cannot be told.
        monthly_cost_usd: Option<f64>, from [KmsDescribeKey, KmsListKeyRotations];
        /// How the metadata is known: `observed`, `not_applicable`, `denied` or `failed`.
        metadata_status: String, from [KmsDescribeKey];
        /// How the aliases are known.
        aliases_status: String, from [KmsListAliases];
        /// How the custom key store's name, type and connection state are known; `not_applicable` where the key is in none, and as `metadata_status` where that lacks.
        custom_key_store_status: String, from [KmsDescribeCustomKeyStores];
        /// How the policy `default` is known.
        policy_status: String, from [KmsGetKeyPolicy];
        /// How the policy `AWS_RAM` is known; `not_applicable` where the key has none.
        ram_policy_status: String, from [KmsGetKeyPolicy];
        /// How the grants are known.
        grants_status: String, from [KmsListGrants];
        /// How the tags are known.
        tags_status: String, from [KmsListResourceTags];
        /// How the rotation status is known; `not_applicable` for keys that KMS does not rotate.
        rotation_status: String, from [KmsGetKeyRotationStatus];
        /// How the completed rotations are known.
        rotations_status: String, from [KmsListKeyRotations];
        /// How the last usage is known; `key_last_used` has it.
        last_usage_status: String, from [KmsGetKeyLastUsage];
    }
}

/// The row of a key. `stores` are the custom key stores of its account and Region; `None` where nothing is known of that.
pub fn row(run: &RunId, key: &KeyFacts, last_usage: &Fact<LastUsage>, stores: Option<&Fact<Vec<CustomKeyStore>>>, analysis: &KeyAnalysis) -> KeyRow {
    let metadata = key.metadata.observed();
    let multi_region = metadata.and_then(|metadata| metadata.multi_region.as_ref());
    let store_id = metadata.and_then(|metadata| metadata.custom_key_store_id.as_ref());
    let listed = stores.and_then(Fact::observed).map_or(&[][..], Vec::as_slice);
    let store = store_id.and_then(|id| listed.iter().find(|store| store.id == *id));
    let store_status = match (metadata, store_id) {
        (None, _) => key.metadata.status(),
        (Some(_), None) => FactStatus::NotApplicable,
        (Some(_), Some(_)) => stores.map_or(FactStatus::Failed, Fact::status),
    };
    let rotation = key.rotation.observed();
    let rotations = key.rotations.observed();
    KeyRow {
        run_id: run.to_string(),
        key_arn: key.arn.to_string(),
        key_id: key.arn.key_id().to_string(),
        account_id: key.arn.account().to_string(),
        region: key.arn.region().to_string(),
        observed_at: key.observed_at,
        created_at: metadata.and_then(|metadata| metadata.created_at),
        state: text(metadata.and_then(|metadata| metadata.state.as_ref())),
        enabled: metadata.map(|metadata| metadata.enabled),
        description: metadata.map(|metadata| metadata.description.clone()),
        spec: text(metadata.and_then(|metadata| metadata.spec.as_ref())),
        usage: text(metadata.and_then(|metadata| metadata.usage.as_ref())),
        origin: text(metadata.and_then(|metadata| metadata.origin.as_ref())),
        manager: text(metadata.and_then(|metadata| metadata.manager.as_ref())),
        multi_region: metadata.map(|metadata| metadata.multi_region.is_some()),
        multi_region_type: multi_region.map(|set| set.key_type.to_string()),
        multi_region_primary_arn: multi_region.map(|set| set.primary.arn.clone()),
        multi_region_replica_arns: multi_region.map(|set| set.replicas.iter().map(|replica| replica.arn.clone()).collect()),
        deletion_date: metadata.and_then(|metadata| metadata.deletion_date),
        pending_deletion_window_days: metadata.and_then(|metadata| metadata.pending_deletion_window_days),
        valid_to: metadata.and_then(|metadata| metadata.valid_to),
        expiration_model: text(metadata.and_then(|metadata| metadata.expiration_model.as_ref())),
        custom_key_store_id: store_id.cloned(),
        custom_key_store_name: store.and_then(|store| store.name.clone()),
        custom_key_store_type: text(store.and_then(|store| store.store_type.as_ref())),
        custom_key_store_connection_state: store.and_then(|store| store.connection_state.clone()),
        cloud_hsm_cluster_id: metadata.and_then(|metadata| metadata.cloud_hsm_cluster_id.clone()),
        xks_key_id: metadata.and_then(|metadata| metadata.xks_key_id.clone()),
        current_key_material_id: metadata.and_then(|metadata| metadata.current_key_material_id.clone()),
        algorithms: metadata.map(algorithms),
        aliases: key.aliases.observed().map(|aliases| {
            let mut names: Vec<String> = aliases.iter().map(|alias| alias.name.clone()).collect();
            names.sort();
            names
        }),
        tags: key.tags.observed().map(|tags| tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()),
        policy: key.policy.observed().map(|policy| policy.as_str().to_owned()),
        ram_policy: key.ram_policy.observed().map(|policy| policy.as_str().to_owned()),
        concern: concern(key, analysis),
        outside_account: analysis.exposure.outside_account.to_string(),
        outside_organization: analysis.exposure.outside_organization.to_string(),
        public: analysis.exposure.public.to_string(),
        policy_error: analysis.policy_error.clone(),
        grant_count: key.grants.observed().map(|grants| count(grants.len())),
        rotation_enabled: rotation.map(|rotation| rotation.enabled),
        rotation_period_days: rotation.and_then(|rotation| rotation.period_days),
        next_rotation_at: rotation.and_then(|rotation| rotation.next_at),
        on_demand_rotation_started_at: rotation.and_then(|rotation| rotation.on_demand_started_at),
        rotation_count: rotations.map(|rotations| count(rotations.len())),
        last_rotated_at: rotations.and_then(|rotations| rotations.iter().filter_map(|rotation| rotation.rotated_at).max()),
        monthly_cost_usd: monthly_cost_usd(&key.metadata, &key.rotations),
        metadata_status: key.metadata.status().to_string(),
        aliases_status: key.aliases.status().to_string(),
        custom_key_store_status: store_status.to_string(),
        policy_status: key.policy.status().to_string(),
        ram_policy_status: key.ram_policy.status().to_string(),
        grants_status: key.grants.status().to_string(),
        tags_status: key.tags.status().to_string(),
        rotation_status: key.rotation.status().to_string(),
        rotations_status: key.rotations.status().to_string(),
        last_usage_status: last_usage.status().to_string(),
    }
}

fn text(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn algorithms(metadata: &KeyMetadata) -> Vec<String> {
    [
        &metadata.encryption_algorithms,
        &metadata.signing_algorithms,
        &metadata.encapsulation_algorithms,
        &metadata.key_agreement_algorithms,
        &metadata.mac_algorithms,
    ]
    .into_iter()
    .flatten()
    .cloned()
    .collect()
}

/// No concern is not the same as no policy: where one of the key's policies could not be read or understood, only what is known to be a concern is one.
fn concern(key: &KeyFacts, analysis: &KeyAnalysis) -> Option<String> {
    let understood = key.policy.observed().is_some() && !key.ram_policy.is_lacking() && analysis.policy_error.is_none();
    (understood || !analysis.concerns.is_empty()).then(|| join_labels(&analysis.concerns))
}

#[cfg(test)]
mod tests {
    use kms_insights_findings::{FindingSettings, KeyContext, analyze};
    use kms_insights_model::{ApiAction, CustomKeyStoreType, ErrorCode, Failure, PolicyText, UsageEvidence};

    use super::*;
    use crate::sample;

    fn denied<T>(action: ApiAction) -> Fact<T> {
        Fact::lacking(sample::denied(action))
    }

    /// The row of a sample key with these changes.
    fn row_of(stores: Option<&Fact<Vec<CustomKeyStore>>>, change: impl FnOnce(&mut KeyFacts)) -> KeyRow {
        let mut key = sample::key(sample::arn(1, "eu-central-1", 1));
        change(&mut key);
        let usage = sample::usage(key.arn.clone()).last_usage;
        let now = sample::at("2026-11-22T06:30:00Z");
        let settings = FindingSettings::default();
        let evidence = usage.clone().map(|usage| UsageEvidence::of_kms(&usage, None));
        let context =
            KeyContext { facts: &key, last_usage: &evidence, now, organization_accounts: None, organization_id: None, replicas: &[], settings: &settings };
        let analysis = analyze(&context);
        row(&sample::run_id(1), &key, &usage, stores, &analysis)
    }

    #[test]
    fn no_concern_is_told_only_where_every_policy_could_be_read_and_understood() {
        const NONE: &str =
            r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000001:role/app"}, "Action": "kms:Decrypt", "Resource": "*"}}"#;
        const VENDOR: &str =
            r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:role/app"}, "Action": "kms:Decrypt", "Resource": "*"}}"#;
        let text = |text: &str| Fact::Observed(PolicyText(text.to_owned()));
        let lacks = || denied(ApiAction::KmsGetKeyPolicy);
        let failed = || Fact::lacking(Failure::new(ApiAction::KmsGetKeyPolicy, ErrorCode::Timeout, "no answer"));
        for (policy, ram_policy, concern) in [
            (text(NONE), Fact::NotApplicable, Some("")),
            (text(NONE), text(NONE), Some("")),
            (text(NONE), lacks(), None),
            (text(NONE), failed(), None),
            (text(NONE), text("{}"), None),
            (lacks(), Fact::NotApplicable, None),
            (lacks(), text(NONE), None),
            (lacks(), text(VENDOR), Some("External account")),
            (text(VENDOR), lacks(), Some("External account")),
        ] {
            let case = format!("{policy:?} {ram_policy:?}");
            let found = row_of(None, |key| (key.policy, key.ram_policy) = (policy, ram_policy)).concern;
            assert_eq!(found.as_deref(), concern, "{case}");
        }
    }

    #[test]
    fn how_a_custom_key_store_is_known_is_told_beside_it() {
        let store = CustomKeyStore {
            id: "cks-1".to_owned(),
            name: Some("vault".to_owned()),
            store_type: Some(CustomKeyStoreType::ExternalKeyStore),
            connection_state: Some("CONNECTED".to_owned()),
            connection_error_code: None,
        };
        let listed = Fact::Observed(vec![store]);
        let (refused, failed) = (
            denied(ApiAction::KmsDescribeCustomKeyStores),
            Fact::lacking(Failure::new(ApiAction::KmsDescribeCustomKeyStores, ErrorCode::Timeout, "no answer")),
        );
        let inside = |key: &mut KeyFacts| {
            let metadata = kms_insights_model::KeyMetadata { custom_key_store_id: Some("cks-1".to_owned()), ..sample::metadata() };
            key.metadata = Fact::Observed(metadata);
        };
        let told = |row: KeyRow| {
            let of_store = [row.custom_key_store_name, row.custom_key_store_type, row.custom_key_store_connection_state];
            (row.custom_key_store_status, of_store.map(Option::unwrap_or_default))
        };
        let unknown = |status: &str| (status.to_owned(), [const { String::new() }; 3]);
        let known = ["vault", "EXTERNAL_KEY_STORE", "CONNECTED"].map(str::to_owned);
        assert_eq!(told(row_of(Some(&listed), inside)), ("observed".to_owned(), known));
        assert_eq!(told(row_of(Some(&refused), inside)), unknown("denied"));
        assert_eq!(told(row_of(Some(&failed), inside)), unknown("failed"));
        assert_eq!(told(row_of(None, inside)), unknown("failed"), "nothing is known of the Region");
        assert_eq!(told(row_of(Some(&refused), |_| ())), unknown("not_applicable"), "the key is in no custom key store");
        let hidden = |key: &mut KeyFacts| key.metadata = denied(ApiAction::KmsDescribeKey);
        assert_eq!(told(row_of(Some(&listed), hidden)), unknown("denied"), "whether it is in one is not known");
    }
}
