//! Facts for tests.

use std::sync::Arc;

use kms_insights_model::{
    Account, AccountId, AccountRecord, AccountState, Alias, ApiAction, ErrorCode, Fact, Failure, Grant, GrantConstraints, KeyArn, KeyFacts, KeyManager,
    KeyMetadata, KeySpec, KeyState, KeyUsage, KeyUsageType, LastUsage, Origin, PolicyText, Region, RotationStatus, RunId, StagedRecord, Tag, Timestamp,
    UnitRecord,
};
use object_store::local::LocalFileSystem;

use crate::{Lake, LakeLocation, staging::RunInfo};

pub(crate) const HOSTILE: &str = "a\0b\n\"\\' \u{202e}ܐ𝄞\u{feff}\u{1b}[31m; DROP TABLE keys; --,;|";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn account_id(number: u64) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

pub(crate) fn region(name: &str) -> Region {
    name.parse().unwrap()
}

pub(crate) fn arn(account: u64, region_name: &str, key: u64) -> KeyArn {
    KeyArn::new(account_id(account), region(region_name), format!("00000000-0000-0000-0000-{key:012}").parse().unwrap())
}

pub(crate) fn account(number: u64) -> Account {
    Account {
        id: account_id(number),
        name: Some(format!("account {number}")),
        state: Some(AccountState::Active),
        ou_path: Fact::Observed("/Workloads".to_owned()),
        is_management: false,
    }
}

pub(crate) fn account_record() -> AccountRecord {
    record_of(1, &["eu-central-1"])
}

pub(crate) fn record_of(number: u64, regions: &[&str]) -> AccountRecord {
    AccountRecord {
        account: account(number),
        skipped: None,
        access: Fact::Observed(()),
        regions: regions.iter().map(|name| region(name)).collect(),
        region_listing: None,
    }
}

pub(crate) fn unit(account: u64, region_name: &str, keys_listed: u64) -> UnitRecord {
    UnitRecord {
        account: account_id(account),
        region: region(region_name),
        keys_listed,
        keys_staged: keys_listed,
        key_listing: None,
        alias_listing: None,
        custom_key_stores: Fact::Observed(Vec::new()),
    }
}

pub(crate) fn metadata() -> KeyMetadata {
    KeyMetadata {
        created_at: Some(at("2024-01-02T03:04:05.678Z")),
        enabled: true,
        description: HOSTILE.to_owned(),
        usage: Some(KeyUsageType::EncryptDecrypt),
        state: Some(KeyState::Enabled),
        deletion_date: None,
        valid_to: None,
        origin: Some(Origin::AwsKms),
        custom_key_store_id: None,
        cloud_hsm_cluster_id: None,
        expiration_model: None,
        manager: Some(KeyManager::Customer),
        spec: Some(KeySpec::SymmetricDefault),
        encryption_algorithms: vec!["SYMMETRIC_DEFAULT".to_owned()],
        signing_algorithms: Vec::new(),
        encapsulation_algorithms: Vec::new(),
        key_agreement_algorithms: Vec::new(),
        mac_algorithms: Vec::new(),
        multi_region: None,
        pending_deletion_window_days: None,
        xks_key_id: None,
        current_key_material_id: None,
    }
}

pub(crate) fn key(arn: KeyArn) -> KeyFacts {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Root","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#,
        arn.account()
    );
    KeyFacts {
        arn,
        observed_at: at("2026-11-22T06:05:00Z"),
        metadata: Fact::Observed(metadata()),
        aliases: Fact::Observed(vec![Alias { name: "alias/orders".to_owned(), created_at: None, updated_at: None }]),
        policy: Fact::Observed(PolicyText(policy)),
        ram_policy: Fact::NotApplicable,
        grants: Fact::Observed(vec![Grant {
            id: "grant-1".to_owned(),
            name: Some(HOSTILE.to_owned()),
            created_at: None,
            grantee_principal: Some("arn:aws:iam::999999999999:role/r".to_owned()),
            grantee_service_principal: None,
            retiring_principal: None,
            retiring_service_principal: None,
            issuing_account: None,
            operations: vec!["Decrypt".to_owned()],
            constraints: GrantConstraints::default(),
        }]),
        tags: Fact::Observed(vec![Tag { key: "owner".to_owned(), value: HOSTILE.to_owned() }]),
        rotation: Fact::Observed(RotationStatus { enabled: false, period_days: None, next_at: None, on_demand_started_at: None }),
        rotations: Fact::Observed(Vec::new()),
    }
}

pub(crate) fn usage(arn: KeyArn) -> KeyUsage {
    let last_usage = LastUsage {
        used_at: Some(at("2026-11-01T00:00:00Z")),
        operation: Some("Decrypt".to_owned()),
        cloudtrail_event_id: None,
        kms_request_id: None,
        tracking_started_at: Some(at("2026-04-23T00:00:00Z")),
        key_created_at: None,
    };
    KeyUsage { arn, last_usage: Fact::Observed(last_usage) }
}

pub(crate) fn denied(action: ApiAction) -> Failure {
    Failure::new(action, ErrorCode::AccessDenied, "User is not authorized")
}

pub(crate) fn run_id(nonce: u32) -> RunId {
    RunId::new(at("2026-11-22T06:03:00Z"), nonce)
}

pub(crate) fn info(run: &RunId, accounts: &[u64]) -> RunInfo {
    RunInfo {
        run_id: run.clone(),
        started_at: at("2026-11-22T06:03:00Z"),
        tool_version: "0.1.0".to_owned(),
        organization_id: None,
        accounts: accounts.iter().map(|number| account(*number)).collect(),
        organization_accounts: None,
        regions: None,
        selection: None,
        customer_managed_only: false,
        resumed_from: None,
        settings: serde_json::Map::new(),
        organization_failures: Vec::new(),
    }
}

/// A whole account with two keys in one Region, in the order in which a collection yields it.
pub(crate) fn whole_account(number: u64) -> Vec<StagedRecord> {
    let place = "eu-central-1";
    let keys = [2, 1].map(|key_number| key(arn(number, place, key_number)));
    let mut records: Vec<StagedRecord> = keys.iter().map(|key| StagedRecord::Usage(Box::new(usage(key.arn.clone())))).collect();
    records.extend(keys.into_iter().map(|key| StagedRecord::Key(Box::new(key))));
    records.push(StagedRecord::Unit(Box::new(unit(number, place, 2))));
    records.push(StagedRecord::Account(Box::new(record_of(number, &[place]))));
    records
}

pub(crate) fn lake() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open_or_create(&LakeLocation::Local(folder.path().to_owned()), None).unwrap();
    (folder, lake)
}

/// A lake on the same folder, through a store of its own: another process.
pub(crate) fn same_lake(folder: &tempfile::TempDir) -> Lake {
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    Lake::new(Arc::new(store), object_store::path::Path::default(), LakeLocation::Local(folder.path().to_owned()))
}
