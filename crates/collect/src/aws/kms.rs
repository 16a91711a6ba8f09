//! KMS's read operations.

use std::collections::BTreeMap;

use aws_sdk_kms::{Client, config, types as sdk};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use kms_insights_model::{
    Alias, CustomKeyStore, CustomKeyStoreType, ErrorCode, ExpirationModel, Grant, GrantConstraints, KeyId, KeyManager, KeyMetadata, KeySpec, KeyState,
    KeyUsageType, LastUsage, MAX_POLICY_BYTES, MultiRegion, MultiRegionKeyType, MultiRegionReplica, Origin, PolicyText, Rotation, RotationStatus, RotationType,
    Tag, Timestamp,
};

use super::{
    AwsKms,
    answer::{answer, invalid, timestamp},
};
use crate::cloud::{AliasEntry, Answer, ApiError, KmsReader, Page, PolicyName};

/// Asks KMS in the Region. The futures of SDK calls are large; boxed, the many tasks that wait for their turn stay small.
macro_rules! ask {
    ($kms:ident.$($request:tt)+) => {{
        let request = $kms.client.$($request)+;
        kms_answer(match &$kms.region {
            None => Box::pin(request.send()).await,
            Some(region) => Box::pin(request.customize().config_override(config::Builder::new().region(region.clone())).send()).await,
        })
    }};
}

impl KmsReader for AwsKms {
    fn for_many_requests(&self) -> Self {
        match &self.region {
            None => self.clone(),
            Some(region) => Self { client: Client::from_conf(self.client.config().to_builder().region(region.clone()).build()), region: None },
        }
    }

    async fn keys(&self, marker: Option<String>) -> Answer<Page<KeyId>> {
        let output = ask!(self.list_keys().limit(1000).set_marker(marker))?;
        let items = output.keys.unwrap_or_default().iter().map(|key| key_id(key.key_id())).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_marker, truncated: output.truncated })
    }

    async fn aliases(&self, marker: Option<String>) -> Answer<Page<AliasEntry>> {
        let output = ask!(self.list_aliases().limit(100).set_marker(marker))?;
        let items = output.aliases.unwrap_or_default().into_iter().map(alias).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_marker, truncated: output.truncated })
    }

    async fn custom_key_stores(&self, marker: Option<String>) -> Answer<Page<CustomKeyStore>> {
        let output = ask!(self.describe_custom_key_stores().set_marker(marker))?;
        let items = output.custom_key_stores.unwrap_or_default().into_iter().map(custom_key_store).collect();
        Ok(Page { items, next: output.next_marker, truncated: output.truncated })
    }

    async fn describe_key(&self, key: &KeyId) -> Answer<KeyMetadata> {
        let output = ask!(self.describe_key().key_id(key.to_string()))?;
        output.key_metadata.map(metadata).ok_or_else(|| invalid("kms:DescribeKey returned no metadata"))
    }

    async fn key_policy(&self, key: &KeyId, name: PolicyName) -> Answer<PolicyText> {
        let output = ask!(self.get_key_policy().key_id(key.to_string()).policy_name(name.as_str()))?;
        // An endpoint that ignores the name asked for would make every key look shared through RAM.
        if let Some(answered) = output.policy_name.filter(|answered| answered != name.as_str()) {
            return Err(ApiError { code: ErrorCode::NotFound, aws_code: None, message: format!("asked for the policy {}, got {answered}", name.as_str()) });
        }
        let policy = output.policy.ok_or_else(|| invalid("kms:GetKeyPolicy returned no policy"))?;
        // The quota is 32 KB; the margin is for text that KMS may have formatted.
        if policy.len() > 4 * MAX_POLICY_BYTES {
            return Err(invalid(format!("kms:GetKeyPolicy returned {} bytes; a key policy has {MAX_POLICY_BYTES} at most", policy.len())));
        }
        Ok(PolicyText(policy))
    }

    async fn grants(&self, key: &KeyId, marker: Option<String>) -> Answer<Page<Grant>> {
        let output = ask!(self.list_grants().key_id(key.to_string()).limit(100).set_marker(marker))?;
        let items = output.grants.unwrap_or_default().into_iter().map(grant).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_marker, truncated: output.truncated })
    }

    async fn tags(&self, key: &KeyId, marker: Option<String>) -> Answer<Page<Tag>> {
        let output = ask!(self.list_resource_tags().key_id(key.to_string()).limit(50).set_marker(marker))?;
        let items = output.tags.unwrap_or_default().into_iter().map(|tag| Tag { key: tag.tag_key, value: tag.tag_value }).collect();
        Ok(Page { items, next: output.next_marker, truncated: output.truncated })
    }

    async fn rotation_status(&self, key: &KeyId) -> Answer<RotationStatus> {
        let output = ask!(self.get_key_rotation_status().key_id(key.to_string()))?;
        Ok(RotationStatus {
            enabled: output.key_rotation_enabled,
            period_days: output.rotation_period_in_days,
            next_at: output.next_rotation_date.as_ref().and_then(timestamp),
            on_demand_started_at: output.on_demand_rotation_start_date.as_ref().and_then(timestamp),
        })
    }

    async fn rotations(&self, key: &KeyId, marker: Option<String>) -> Answer<Page<Rotation>> {
        let output = ask!(self.list_key_rotations().key_id(key.to_string()).limit(1000).set_marker(marker))?;
        let items = output
            .rotations
            .unwrap_or_default()
            .into_iter()
            .map(|rotation| Rotation {
                rotated_at: rotation.rotation_date.as_ref().and_then(timestamp),
                rotation_type: rotation.rotation_type.map(|kind| RotationType::from(kind.as_str())),
                key_material_id: rotation.key_material_id,
            })
            .collect();
        Ok(Page { items, next: output.next_marker, truncated: output.truncated })
    }

    async fn last_usage(&self, key: &KeyId) -> Answer<LastUsage> {
        let output = ask!(self.get_key_last_usage().key_id(key.to_string()))?;
        // A key without recorded use has an empty object here, so its inner fields decide.
        let usage = output.key_last_usage;
        let usage = usage.as_ref();
        Ok(LastUsage {
            used_at: usage.and_then(|usage| usage.timestamp.as_ref()).and_then(timestamp),
            operation: usage.and_then(|usage| usage.operation.as_ref()).map(|operation| operation.as_str().to_owned()),
            cloudtrail_event_id: usage.and_then(|usage| usage.cloud_trail_event_id.clone()),
            kms_request_id: usage.and_then(|usage| usage.kms_request_id.clone()),
            tracking_started_at: output.tracking_start_date.as_ref().and_then(timestamp),
            key_created_at: output.key_creation_date.as_ref().and_then(timestamp),
        })
    }
}

/// A Region that is not enabled for the account does not know its credentials, which STS has accepted or issued by then. Source: AWS Account Management Reference Guide,
/// "Enable or disable AWS Regions in your account".
fn kms_answer<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Answer<T>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    answer(result).map_err(|error| match error.aws_code.as_deref() {
        Some("UnrecognizedClientException" | "InvalidClientTokenId") => ApiError { code: ErrorCode::RegionDisabled, ..error },
        _ => error,
    })
}

fn key_id(text: Option<&str>) -> Answer<KeyId> {
    text.unwrap_or_default().parse().map_err(|error| invalid(format!("kms:ListKeys: {error}")))
}

fn alias(entry: sdk::AliasListEntry) -> Answer<AliasEntry> {
    let target = match entry.target_key_id.as_deref() {
        Some(id) => Some(id.parse().map_err(|error| invalid(format!("kms:ListAliases: {error}")))?),
        None => None,
    };
    let name = entry.alias_name.ok_or_else(|| invalid("kms:ListAliases: an alias has no name"))?;
    let alias = Alias { name, created_at: entry.creation_date.as_ref().and_then(timestamp), updated_at: entry.last_updated_date.as_ref().and_then(timestamp) };
    Ok(AliasEntry { alias, target })
}

fn custom_key_store(store: sdk::CustomKeyStoresListEntry) -> CustomKeyStore {
    CustomKeyStore {
        id: store.custom_key_store_id.unwrap_or_default(),
        name: store.custom_key_store_name,
        store_type: store.custom_key_store_type.map(|kind| CustomKeyStoreType::from(kind.as_str())),
        connection_state: store.connection_state.map(|state| state.as_str().to_owned()),
        connection_error_code: store.connection_error_code.map(|code| code.as_str().to_owned()),
    }
}

fn metadata(key: sdk::KeyMetadata) -> KeyMetadata {
    let time = |time: Option<aws_smithy_types::DateTime>| -> Option<Timestamp> { time.as_ref().and_then(timestamp) };
    #[expect(deprecated, reason = "endpoints that do not know KeySpec yet still answer with the name it had before")]
    let old_spec = key.customer_master_key_spec.map(|spec| spec.as_str().to_owned());
    KeyMetadata {
        created_at: time(key.creation_date),
        enabled: key.enabled,
        description: key.description.unwrap_or_default(),
        usage: key.key_usage.map(|usage| KeyUsageType::from(usage.as_str())),
        state: key.key_state.map(|state| KeyState::from(state.as_str())),
        deletion_date: time(key.deletion_date),
        valid_to: time(key.valid_to),
        origin: key.origin.map(|origin| Origin::from(origin.as_str())),
        custom_key_store_id: key.custom_key_store_id,
        cloud_hsm_cluster_id: key.cloud_hsm_cluster_id,
        expiration_model: key.expiration_model.map(|model| ExpirationModel::from(model.as_str())),
        manager: key.key_manager.map(|manager| KeyManager::from(manager.as_str())),
        spec: key.key_spec.map(|spec| spec.as_str().to_owned()).or(old_spec).map(|spec| KeySpec::from(spec.as_str())),
        encryption_algorithms: texts(key.encryption_algorithms, |algorithm| algorithm.as_str().to_owned()),
        signing_algorithms: texts(key.signing_algorithms, |algorithm| algorithm.as_str().to_owned()),
        encapsulation_algorithms: texts(key.encapsulation_algorithms, |algorithm| algorithm.as_str().to_owned()),
        key_agreement_algorithms: texts(key.key_agreement_algorithms, |algorithm| algorithm.as_str().to_owned()),
        mac_algorithms: texts(key.mac_algorithms, |algorithm| algorithm.as_str().to_owned()),
        multi_region: key.multi_region_configuration.and_then(multi_region),
        pending_deletion_window_days: key.pending_deletion_window_in_days,
        xks_key_id: key.xks_key_configuration.and_then(|configuration| configuration.id),
        current_key_material_id: key.current_key_material_id,
    }
}

fn texts<T>(values: Option<Vec<T>>, text: impl Fn(&T) -> String) -> Vec<String> {
    values.unwrap_or_default().iter().map(text).collect()
}

fn multi_region(configuration: sdk::MultiRegionConfiguration) -> Option<MultiRegion> {
    let key = |key: sdk::MultiRegionKey| MultiRegionReplica { arn: key.arn.unwrap_or_default(), region: key.region.unwrap_or_default() };
    Some(MultiRegion {
        key_type: MultiRegionKeyType::from(configuration.multi_region_key_type?.as_str()),
        primary: key(configuration.primary_key?),
        replicas: configuration.replica_keys.unwrap_or_default().into_iter().map(key).collect(),
    })
}

fn grant(entry: sdk::GrantListEntry) -> Answer<Grant> {
    let sorted = |pairs: Option<std::collections::HashMap<String, String>>| pairs.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>();
    let constraints = entry.constraints.map_or_else(GrantConstraints::default, |constraints| GrantConstraints {
        encryption_context_subset: sorted(constraints.encryption_context_subset),
        encryption_context_equals: sorted(constraints.encryption_context_equals),
        source_arn: constraints.source_arn,
    });
    Ok(Grant {
        id: entry.grant_id.ok_or_else(|| invalid("kms:ListGrants: a grant has no id"))?,
        name: entry.name.filter(|name| !name.is_empty()),
        created_at: entry.creation_date.as_ref().and_then(timestamp),
        grantee_principal: entry.grantee_principal,
        grantee_service_principal: entry.grantee_service_principal,
        retiring_principal: entry.retiring_principal,
        retiring_service_principal: entry.retiring_service_principal,
        issuing_account: entry.issuing_account,
        operations: texts(entry.operations, |operation| operation.as_str().to_owned()),
        constraints,
    })
}
