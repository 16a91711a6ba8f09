//! A small lake for tests, published as a run publishes it: a key that everyone may use and whose texts are hostile, one that could not be read whole, one that was
//! never used, and an account that could not be read.

use std::sync::Arc;

use kms_insights_lake::{
    Lake, LakeLocation,
    publish::{FindingSettings, publish},
    staging::{RunInfo, StagingWriter},
};
use kms_insights_model::{
    Account, AccountId, AccountRecord, AccountState, Alias, ApiAction, ErrorCode, Fact, Failure, Grant, GrantConstraints, KeyArn, KeyFacts, KeyManager,
    KeyMetadata, KeySpec, KeyState, KeyUsage, KeyUsageType, LastUsage, Origin, PolicyText, RotationStatus, StagedRecord, Tag, Timestamp, UnitRecord,
};
use kms_insights_query::Engine;
use serde_json::json;
use tempfile::TempDir;

pub(super) const SCRIPT: &str = "</script><script>alert(1)</script>";
pub(super) const FORMULA: &str = "=cmd|' /C calc'!A0";
const REGION: &str = "eu-central-1";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn account_id(number: u64) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn arn(key: u64) -> KeyArn {
    KeyArn::new(account_id(1), REGION.parse().unwrap(), format!("00000000-0000-0000-0000-{key:012}").parse().unwrap())
}

fn denied(action: ApiAction) -> Failure {
    Failure::new(action, ErrorCode::AccessDenied, "User is not authorized")
}

fn account(number: u64) -> Account {
    Account {
        id: account_id(number),
        name: Some(format!("account {number} {SCRIPT}")),
        state: Some(AccountState::Active),
        ou_path: Fact::Observed("/Workloads".to_owned()),
        is_management: false,
    }
}

fn metadata(description: &str) -> KeyMetadata {
    KeyMetadata {
        created_at: Some(at("2026-05-02T03:04:05.678Z")),
        enabled: true,
        description: description.to_owned(),
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

fn key(number: u64, alias: &str, principal: &str) -> KeyFacts {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::000000000001:root"}},"Action":"kms:*","Resource":"*"}},{{"Sid":"<b>all</b>","Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"kms:Decrypt","Resource":"*"}}]}}"#
    );
    KeyFacts {
        arn: arn(number),
        observed_at: at("2026-11-22T06:05:00Z"),
        metadata: Fact::Observed(metadata("a key")),
        aliases: Fact::Observed(vec![Alias { name: alias.to_owned(), created_at: None, updated_at: None }]),
        policy: Fact::Observed(PolicyText(policy)),
        ram_policy: Fact::NotApplicable,
        grants: Fact::Observed(Vec::new()),
        tags: Fact::Observed(Vec::new()),
        rotation: Fact::Observed(RotationStatus { enabled: false, period_days: None, next_at: None, on_demand_started_at: None }),
        rotations: Fact::Observed(Vec::new()),
    }
}

fn usage(number: u64, used_at: Option<&str>) -> LastUsage {
    LastUsage {
        used_at: used_at.map(at),
        operation: used_at.map(|_| "Decrypt".to_owned()),
        cloudtrail_event_id: None,
        kms_request_id: None,
        tracking_started_at: Some(at("2026-04-23T00:00:00Z")),
        key_created_at: (number == 3).then(|| at("2026-05-02T03:04:05.678Z")),
    }
}

fn records() -> Vec<StagedRecord> {
    let mut hostile = key(1, &format!("alias/{SCRIPT}"), "*");
    hostile.metadata = Fact::Observed(metadata(&format!("{FORMULA}\u{202e}\u{2028}")));
    hostile.tags = Fact::Observed(vec![Tag { key: SCRIPT.to_owned(), value: FORMULA.to_owned() }]);
    hostile.grants = Fact::Observed(vec![Grant {
        id: "grant-1".to_owned(),
        name: Some(SCRIPT.to_owned()),
        created_at: None,
        grantee_principal: Some("arn:aws:iam::999999999999:role/vendor".to_owned()),
        grantee_service_principal: None,
        retiring_principal: None,
        retiring_service_principal: None,
        issuing_account: None,
        operations: vec!["Decrypt".to_owned()],
        constraints: GrantConstraints::default(),
    }]);
    let mut unreadable = key(2, "alias/secret", "arn:aws:iam::000000000001:role/app");
    unreadable.policy = Fact::Denied(denied(ApiAction::KmsGetKeyPolicy));
    let unused = key(3, "alias/forgotten", "arn:aws:iam::000000000001:role/app");
    let usages = [
        (1, Fact::Observed(usage(1, Some("2026-06-01T00:00:00Z")))),
        (2, Fact::Denied(denied(ApiAction::KmsGetKeyLastUsage))),
        (3, Fact::Observed(usage(3, None))),
    ];
    let mut records: Vec<StagedRecord> =
        usages.into_iter().map(|(number, last_usage)| StagedRecord::Usage(Box::new(KeyUsage { arn: arn(number), last_usage }))).collect();
    records.extend([hostile, unreadable, unused].map(|key| StagedRecord::Key(Box::new(key))));
    records.push(StagedRecord::Unit(Box::new(UnitRecord {
        account: account_id(1),
        region: REGION.parse().unwrap(),
        keys_listed: 3,
        keys_staged: 3,
        key_listing: None,
        alias_listing: None,
        custom_key_stores: Fact::Observed(Vec::new()),
    })));
    let record =
        |number, access| AccountRecord { account: account(number), skipped: None, access, regions: vec![REGION.parse().unwrap()], region_listing: None };
    records.push(StagedRecord::Account(Box::new(record(1, Fact::Observed(())))));
    let refused = Failure::new(ApiAction::StsAssumeRole, ErrorCode::AssumeRoleDenied, SCRIPT);
    records.push(StagedRecord::Account(Box::new(record(2, Fact::Denied(refused)))));
    records
}

/// The lake, and an engine over it.
pub(super) async fn engine() -> (TempDir, Arc<Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open_or_create(&LakeLocation::Local(folder.path().to_owned()), None).unwrap();
    let info: RunInfo = serde_json::from_value(json!({
        "run_id": "20261122T060300Z-00000001", "started_at": "2026-11-22T06:03:00Z", "tool_version": "0.1.0", "organization_id": "o-example",
        "accounts": [account(1), account(2)], "organization_accounts": ["000000000001", "000000000002"], "regions": null, "customer_managed_only": false,
        "resumed_from": null,
    }))
    .unwrap();
    let writer = StagingWriter::begin(&lake, &info).await.unwrap();
    for record in records() {
        writer.record(record).await.unwrap();
    }
    writer.finish().await.unwrap();
    let settings: FindingSettings =
        serde_json::from_value(json!({ "waivers": [{ "rule": "rotation-off", "key": arn(3), "reason": SCRIPT, "until": "2027-01-31" }] })).unwrap();
    publish(&lake, &writer, at("2026-11-22T06:08:00Z"), &settings).await.unwrap();
    let engine = Engine::open(&lake).await.unwrap();
    (folder, Arc::new(engine))
}
