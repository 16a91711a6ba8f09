//! KMS's records as JSON.

use kms_insights_model::{
    Alias, CustomKeyStoreType, ExpirationModel, Grant, KeyArn, KeyManager, KeyMetadata, KeySpec, KeyState, KeyUsageType, LastUsage, Origin, Rotation,
    RotationStatus, RotationType, Timestamp,
};
use serde_json::{Map, Value, json};

use crate::stores::SimulatedStore;

/// Seconds since the epoch with milliseconds, as AWS JSON writes times.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit the 53 bits of an f64")]
pub(crate) fn seconds(at: Timestamp) -> Value {
    Value::from(at.timestamp_millis() as f64 / 1000.0)
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

fn put_list(fields: &mut Map<String, Value>, name: &str, list: &[String]) {
    if !list.is_empty() {
        fields.insert(name.to_owned(), json!(list));
    }
}

pub(crate) fn metadata(arn: &KeyArn, key: &KeyMetadata) -> Value {
    let mut fields = Map::new();
    fields.insert("AWSAccountId".to_owned(), json!(arn.account()));
    fields.insert("KeyId".to_owned(), json!(arn.key_id()));
    fields.insert("Arn".to_owned(), json!(arn));
    put(&mut fields, "CreationDate", key.created_at.map(seconds));
    fields.insert("Enabled".to_owned(), json!(key.enabled));
    fields.insert("Description".to_owned(), json!(key.description));
    put(&mut fields, "KeyUsage", key.usage.as_ref().map(KeyUsageType::as_str));
    put(&mut fields, "KeyState", key.state.as_ref().map(KeyState::as_str));
    put(&mut fields, "DeletionDate", key.deletion_date.map(seconds));
    put(&mut fields, "ValidTo", key.valid_to.map(seconds));
    put(&mut fields, "Origin", key.origin.as_ref().map(Origin::as_str));
    put(&mut fields, "CustomKeyStoreId", key.custom_key_store_id.as_deref());
    put(&mut fields, "CloudHsmClusterId", key.cloud_hsm_cluster_id.as_deref());
    put(&mut fields, "ExpirationModel", key.expiration_model.as_ref().map(ExpirationModel::as_str));
    put(&mut fields, "KeyManager", key.manager.as_ref().map(KeyManager::as_str));
    put(&mut fields, "KeySpec", key.spec.as_ref().map(KeySpec::as_str));
    put(&mut fields, "CustomerMasterKeySpec", key.spec.as_ref().map(KeySpec::as_str));
    put_list(&mut fields, "EncryptionAlgorithms", &key.encryption_algorithms);
    put_list(&mut fields, "SigningAlgorithms", &key.signing_algorithms);
    put_list(&mut fields, "KeyAgreementAlgorithms", &key.key_agreement_algorithms);
    put_list(&mut fields, "EncapsulationAlgorithms", &key.encapsulation_algorithms);
    put_list(&mut fields, "MacAlgorithms", &key.mac_algorithms);
    fields.insert("MultiRegion".to_owned(), json!(key.multi_region.is_some()));
    put(
        &mut fields,
        "MultiRegionConfiguration",
        key.multi_region.as_ref().map(|set| {
            let member = |replica: &kms_insights_model::MultiRegionReplica| json!({"Arn": replica.arn, "Region": replica.region});
            json!({"MultiRegionKeyType": set.key_type, "PrimaryKey": member(&set.primary), "ReplicaKeys": set.replicas.iter().map(member).collect::<Vec<_>>()})
        }),
    );
    put(&mut fields, "PendingDeletionWindowInDays", key.pending_deletion_window_days);
    put(&mut fields, "XksKeyConfiguration", key.xks_key_id.as_ref().map(|id| json!({"Id": id})));
    put(&mut fields, "CurrentKeyMaterialId", key.current_key_material_id.as_deref());
    json!({"KeyMetadata": fields})
}

pub(crate) fn alias(arn: &KeyArn, alias: &Alias) -> Value {
    let mut fields = Map::new();
    fields.insert("AliasName".to_owned(), json!(alias.name));
    fields.insert("AliasArn".to_owned(), json!(alias_arn(arn, &alias.name)));
    fields.insert("TargetKeyId".to_owned(), json!(arn.key_id()));
    put(&mut fields, "CreationDate", alias.created_at.map(seconds));
    put(&mut fields, "LastUpdatedDate", alias.updated_at.map(seconds));
    Value::Object(fields)
}

fn alias_arn(arn: &KeyArn, name: &str) -> String {
    format!("arn:{}:kms:{}:{}:{name}", arn.partition(), arn.region(), arn.account())
}

pub(crate) fn grant(arn: &KeyArn, grant: &Grant) -> Value {
    let mut fields = Map::new();
    fields.insert("KeyId".to_owned(), json!(arn));
    fields.insert("GrantId".to_owned(), json!(grant.id));
    put(&mut fields, "Name", grant.name.as_deref());
    put(&mut fields, "CreationDate", grant.created_at.map(seconds));
    put(&mut fields, "GranteePrincipal", grant.grantee_principal.as_deref());
    put(&mut fields, "RetiringPrincipal", grant.retiring_principal.as_deref());
    put(&mut fields, "GranteeServicePrincipal", grant.grantee_service_principal.as_deref());
    put(&mut fields, "RetiringServicePrincipal", grant.retiring_service_principal.as_deref());
    put(&mut fields, "IssuingAccount", grant.issuing_account.as_deref());
    fields.insert("Operations".to_owned(), json!(grant.operations));
    let constraints = &grant.constraints;
    if !constraints.is_empty() {
        let mut inner = Map::new();
        if !constraints.encryption_context_subset.is_empty() {
            inner.insert("EncryptionContextSubset".to_owned(), json!(constraints.encryption_context_subset));
        }
        if !constraints.encryption_context_equals.is_empty() {
            inner.insert("EncryptionContextEquals".to_owned(), json!(constraints.encryption_context_equals));
        }
        put(&mut inner, "SourceArn", constraints.source_arn.as_deref());
        fields.insert("Constraints".to_owned(), Value::Object(inner));
    }
    Value::Object(fields)
}

pub(crate) fn rotation(arn: &KeyArn, status: &RotationStatus) -> Value {
    let mut fields = Map::new();
    fields.insert("KeyId".to_owned(), json!(arn));
    fields.insert("KeyRotationEnabled".to_owned(), json!(status.enabled));
    put(&mut fields, "RotationPeriodInDays", status.period_days);
    put(&mut fields, "NextRotationDate", status.next_at.map(seconds));
    put(&mut fields, "OnDemandRotationStartDate", status.on_demand_started_at.map(seconds));
    Value::Object(fields)
}

pub(crate) fn rotations_entry(arn: &KeyArn, entry: &Rotation) -> Value {
    let mut fields = Map::new();
    fields.insert("KeyId".to_owned(), json!(arn));
    put(&mut fields, "KeyMaterialId", entry.key_material_id.as_deref());
    put(&mut fields, "RotationDate", entry.rotated_at.map(seconds));
    put(&mut fields, "RotationType", entry.rotation_type.as_ref().map(RotationType::as_str));
    Value::Object(fields)
}

pub(crate) fn last_usage(arn: &KeyArn, usage: &LastUsage) -> Value {
    let mut fields = Map::new();
    fields.insert("KeyId".to_owned(), json!(arn));
    let mut last = Map::new();
    put(&mut last, "Operation", usage.operation.as_deref());
    put(&mut last, "Timestamp", usage.used_at.map(seconds));
    put(&mut last, "CloudTrailEventId", usage.cloudtrail_event_id.as_deref());
    put(&mut last, "KmsRequestId", usage.kms_request_id.as_deref());
    // A key without a recorded use has an empty object here, not none.
    fields.insert("KeyLastUsage".to_owned(), Value::Object(last));
    put(&mut fields, "TrackingStartDate", usage.tracking_started_at.map(seconds));
    put(&mut fields, "KeyCreationDate", usage.key_created_at.map(seconds));
    Value::Object(fields)
}

pub(crate) fn store(store: &SimulatedStore) -> Value {
    let mut fields = Map::new();
    let known = &store.store;
    fields.insert("CustomKeyStoreId".to_owned(), json!(known.id));
    put(&mut fields, "CustomKeyStoreName", known.name.as_deref());
    put(&mut fields, "CustomKeyStoreType", known.store_type.as_ref().map(CustomKeyStoreType::as_str));
    put(&mut fields, "ConnectionState", known.connection_state.as_deref());
    put(&mut fields, "ConnectionErrorCode", known.connection_error_code.as_deref());
    put(&mut fields, "CloudHsmClusterId", store.cluster_id.as_deref());
    fields.insert("CreationDate".to_owned(), seconds(store.created_at));
    if store.cluster_id.is_none() {
        let proxy = json!({"Connectivity": "PUBLIC_ENDPOINT", "AccessKeyId": "ABCDE12345670EXAMPLE", "UriEndpoint": "https://xks.example.com", "UriPath": "/kms/xks/v1"});
        fields.insert("XksProxyConfiguration".to_owned(), proxy);
    }
    Value::Object(fields)
}
