use std::collections::BTreeMap;

use kms_insights_model::{AccountOutcome, ApiAction, ErrorCode, Fact, Failure, RunStatus, StagedRecord};
use object_store::ObjectStoreExt;

use super::*;
use crate::{
    Lake, LakeError,
    runs::read_all,
    sample,
    staging::StagedRunEntry,
    table::Row,
    tables::{
        self, accounts::AccountRow, collection_errors::CollectionErrorRow, findings::FindingRow, grants::GrantRow, key_last_used::KeyLastUsedRow, keys::KeyRow,
        policy_statements::PolicyStatementRow,
    },
};

/// Published by the settings that hold where nothing else is said.
pub(super) async fn publish(lake: &Lake, writer: &StagingWriter, finished_at: Timestamp) -> Result<PublishedRun, LakeError> {
    super::publish(lake, writer, finished_at, &FindingSettings::default()).await
}

pub(super) fn finished() -> Timestamp {
    sample::at("2026-11-22T06:30:00Z")
}

pub(super) async fn rows<R: Row>(lake: &Lake, run: &RunId) -> Vec<R> {
    let mut rows = Vec::new();
    for file in lake.data_files(R::TABLE, run).await.unwrap() {
        rows.extend(read_all(&file.location, lake.get(&file.location).await.unwrap()).unwrap());
    }
    rows
}

pub(super) async fn begin(lake: &Lake, run: &RunId, accounts: &[u64]) -> StagingWriter {
    StagingWriter::begin(lake, &sample::info(run, accounts)).await.unwrap()
}

pub(super) async fn stage(writer: &StagingWriter, records: Vec<StagedRecord>) {
    for record in records {
        writer.record(record).await.unwrap();
    }
}

async fn published(lake: &Lake, run: &RunId, accounts: &[u64]) -> PublishedRun {
    let writer = begin(lake, run, accounts).await;
    for account in accounts {
        stage(&writer, sample::whole_account(*account)).await;
    }
    publish(lake, &writer, finished()).await.unwrap()
}

#[tokio::test]
async fn a_complete_run_is_published_with_every_table_and_its_staging_deleted() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let summary = published(&lake, &run, &[2, 1]).await;
    assert_eq!((summary.status, summary.row.keys, summary.row.accounts_complete, summary.row.regions_read), (RunStatus::Complete, 4, 2, 2));
    assert!(summary.cleanup_error.is_none());
    assert_eq!(lake.published_runs().await.unwrap(), std::slice::from_ref(&summary.row));

    let keys: Vec<KeyRow> = rows(&lake, &run).await;
    let order: Vec<_> = keys.iter().map(|key| (key.account_id.as_str(), key.key_id.chars().last())).collect();
    assert_eq!(order, [("000000000001", Some('1')), ("000000000001", Some('2')), ("000000000002", Some('1')), ("000000000002", Some('2'))]);
    assert_eq!(keys[0].description.as_deref(), Some(sample::HOSTILE));
    assert_eq!(keys[0].tags.as_ref().unwrap()["owner"], sample::HOSTILE);
    assert_eq!(keys[0].monthly_cost_usd, Some(1.0));
    assert!(keys[0].concern.as_deref().unwrap().starts_with("Principal is account"));
    assert_eq!(keys[0].created_at, Some(sample::at("2024-01-02T03:04:05.678Z")));
    let statements: Vec<PolicyStatementRow> = rows(&lake, &run).await;
    assert_eq!(statements.iter().map(|row| (row.sid.as_deref(), row.action.as_str())).collect::<Vec<_>>(), [(Some("Root"), "kms:*"); 4]);
    assert_eq!(rows::<GrantRow>(&lake, &run).await.len(), 4);
    assert!(rows::<KeyLastUsedRow>(&lake, &run).await.iter().all(|row| row.verdict == "used"));
    assert_eq!(rows::<CollectionErrorRow>(&lake, &run).await, []);
    assert_eq!(rows::<FindingRow>(&lake, &run).await.len() as u64, summary.findings.iter().map(|finding| finding.count).sum::<u64>());
    for table in tables::ALL {
        assert_eq!(lake.data_files(table, &run).await.unwrap().len(), 1, "{}", table.name);
    }
    assert!(!folder.path().join("_staging").join(run.as_str()).exists());
}

#[tokio::test]
async fn what_lacks_is_told_once_and_where_it_belongs() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1, 2, 3, 4]).await;
    // 1: a denied policy, a denied alias listing that every key carries, a key without usage, a Region nobody came to.
    let place = "eu-central-1";
    let alias_failure = sample::denied(ApiAction::KmsListAliases);
    for number in [1, 2] {
        let mut key = sample::key(sample::arn(1, place, number));
        key.aliases = Fact::lacking(alias_failure.clone());
        if number == 1 {
            key.policy = Fact::lacking(sample::denied(ApiAction::KmsGetKeyPolicy));
            stage(&writer, vec![StagedRecord::Usage(Box::new(sample::usage(key.arn.clone())))]).await;
        }
        stage(&writer, vec![StagedRecord::Key(Box::new(key))]).await;
    }
    let mut unit = sample::unit(1, place, 2);
    unit.alias_listing = Some(alias_failure);
    stage(&writer, vec![StagedRecord::Unit(Box::new(unit)), StagedRecord::Account(Box::new(sample::record_of(1, &[place, "us-east-1"])))]).await;
    // 2: no role. 3: suspended. 4: never reached.
    let mut denied = sample::record_of(2, &[]);
    denied.access = Fact::lacking(Failure::new(ApiAction::StsAssumeRole, ErrorCode::AssumeRoleDenied, "no"));
    let mut skipped = sample::record_of(3, &[]);
    skipped.skipped = Some("suspended".to_owned());
    stage(&writer, vec![StagedRecord::Account(Box::new(denied)), StagedRecord::Account(Box::new(skipped))]).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();

    let mut errors: Vec<_> = rows::<CollectionErrorRow>(&lake, &run)
        .await
        .into_iter()
        .map(|row| (row.account_id.unwrap().trim_start_matches('0').to_owned(), row.region, row.key_id.map(|id| id[35..].to_owned()), row.fact, row.code))
        .collect();
    errors.sort();
    let row = |account: &str, region: Option<&str>, key: Option<&str>, fact: &str, code: &str| {
        (account.to_owned(), region.map(str::to_owned), key.map(str::to_owned), fact.to_owned(), code.to_owned())
    };
    assert_eq!(
        errors,
        [
            row("1", Some(place), None, "alias_listing", "access_denied"),
            row("1", Some(place), Some("1"), "policy", "access_denied"),
            row("1", Some(place), Some("2"), "last_usage", "interrupted"),
            row("1", Some("us-east-1"), None, "key_listing", "interrupted"),
            row("2", None, None, "access", "assume_role_denied"),
            row("4", None, None, "account", "interrupted"),
        ]
    );
    let outcomes: Vec<_> = rows::<AccountRow>(&lake, &run).await.into_iter().map(|row| (row.outcome, row.keys, row.keys_incomplete)).collect();
    let outcome = |text: &str, keys, incomplete| (text.to_owned(), keys, incomplete);
    assert_eq!(outcomes, [outcome("partial", 2, 2), outcome("failed", 0, 0), outcome("skipped", 0, 0), outcome("failed", 0, 0)]);
    assert_eq!(summary.status, RunStatus::Partial);
    assert_eq!(summary.row.facts_lacking, 6);
    assert_eq!(summary.accounts, BTreeMap::from([(AccountOutcome::Partial, 1), (AccountOutcome::Failed, 2), (AccountOutcome::Skipped, 1)]));

    let keys: Vec<KeyRow> = rows(&lake, &run).await;
    assert_eq!((keys[0].policy.as_deref(), keys[0].policy_status.as_str(), keys[0].concern.as_deref()), (None, "denied", None));
    assert_eq!((keys[0].aliases.as_ref(), keys[0].aliases_status.as_str()), (None, "denied"));
    let used: Vec<KeyLastUsedRow> = rows(&lake, &run).await;
    assert_eq!((used[1].verdict.as_str(), used[1].status.as_str()), ("unknown", "failed"));
}

#[tokio::test]
async fn a_partial_run_resumes_under_a_new_id_and_a_complete_one_takes_the_staging_along() {
    let (folder, lake) = sample::lake();
    let (first, second) = (sample::run_id(1), sample::run_id(2));
    let writer = begin(&lake, &first, &[1, 2]).await;
    stage(&writer, sample::whole_account(1)).await;
    assert_eq!(publish(&lake, &writer, finished()).await.unwrap().status, RunStatus::Partial);
    assert!(matches!(StagingWriter::resume(&lake, &first).await, Err(LakeError::AlreadyPublished { .. })));
    let listed = lake.staged_runs().await.unwrap();
    assert!(matches!(&listed[..], [StagedRunEntry::Sound(staged)] if staged.published));

    let mut info = sample::info(&second, &[1, 2]);
    info.resumed_from = Some(first.clone());
    let (writer, staged) = StagingWriter::begin_from(&lake, &info).await.unwrap();
    assert_eq!(staged.accounts().collect::<Vec<_>>(), [sample::account_id(1)]);
    stage(&writer, sample::whole_account(2)).await;
    let summary = publish(&lake, &writer, sample::at("2026-11-22T07:00:00Z")).await.unwrap();
    assert_eq!((summary.status, summary.row.keys, summary.row.resumed_from.as_deref()), (RunStatus::Complete, 4, Some(first.as_str())));
    assert_eq!(lake.shown_runs().await.unwrap().remove(0).run_id, second.as_str());
    assert_eq!(lake.published_run_ids().await.unwrap(), [first, second]);
    assert!(!folder.path().join("_staging").exists() || lake.staged_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_later_run_of_a_selection_is_not_the_one_that_is_shown() {
    let (_folder, lake) = sample::lake();
    let (whole, selection) = (sample::run_id(1), sample::run_id(2));
    published(&lake, &whole, &[1, 2]).await;
    let info = RunInfo { selection: Some("accounts 000000000001".to_owned()), ..sample::info(&selection, &[1]) };
    let writer = StagingWriter::begin(&lake, &info).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let row = publish(&lake, &writer, sample::at("2026-11-22T07:00:00Z")).await.unwrap().row;
    assert_eq!((row.scope.as_str(), row.selection.as_deref()), ("selection", Some("accounts 000000000001")));
    let shown = lake.shown_runs().await.unwrap().remove(0);
    assert_eq!((shown.run_id.as_str(), shown.scope.as_str(), shown.selection), (whole.as_str(), "whole", None));
}

fn record_without_role(number: u64, message: &str) -> StagedRecord {
    let mut record = sample::record_of(number, &[]);
    record.access = Fact::lacking(Failure::new(ApiAction::StsAssumeRole, ErrorCode::AssumeRoleDenied, message));
    StagedRecord::Account(Box::new(record))
}

fn suspended_record(number: u64) -> StagedRecord {
    let mut record = sample::record_of(number, &[]);
    record.skipped = Some("the account is suspended".to_owned());
    record.access = Fact::NotApplicable;
    StagedRecord::Account(Box::new(record))
}

#[tokio::test]
async fn a_run_of_which_no_account_could_be_read_hides_no_other_and_can_be_resumed() {
    let (_folder, lake) = sample::lake();
    let (sound, empty) = (sample::run_id(1), sample::run_id(2));
    published(&lake, &sound, &[1, 2]).await;
    let writer = begin(&lake, &empty, &[1, 2, 3]).await;
    stage(&writer, vec![record_without_role(1, &"ä".repeat(400)), record_without_role(2, "no"), suspended_record(3)]).await;
    let error = publish(&lake, &writer, finished()).await.unwrap_err();
    assert!(matches!(&error, LakeError::NothingRead { run, accounts: 2, .. } if *run == empty), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("no account could be read: all 2 failed, such as 000000000001: assume_role_denied: ä"), "{text}");
    assert!(text.ends_with("ä…; nothing was published") && text.chars().count() < 400, "{text}");

    assert_eq!(lake.shown_runs().await.unwrap().remove(0).run_id, sound.as_str());
    for table in tables::ALL {
        assert_eq!(lake.files_of(table, &empty).await.unwrap(), [], "{}", table.name);
    }
    let (writer, _) = StagingWriter::resume(&lake, &empty).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();
    assert_eq!((summary.row.accounts_complete, summary.row.accounts_failed, summary.row.accounts_skipped), (1, 1, 1));
}

#[tokio::test]
async fn accounts_without_keys_and_accounts_left_out_on_purpose_are_published() {
    let (_folder, lake) = sample::lake();
    let (no_keys, all_skipped) = (sample::run_id(1), sample::run_id(2));
    let writer = begin(&lake, &no_keys, &[1]).await;
    stage(&writer, vec![StagedRecord::Unit(Box::new(sample::unit(1, "eu-central-1", 0))), StagedRecord::Account(Box::new(sample::account_record()))]).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();
    assert_eq!((summary.status, summary.row.accounts_complete, summary.row.keys), (RunStatus::Complete, 1, 0));

    let writer = begin(&lake, &all_skipped, &[1]).await;
    stage(&writer, vec![suspended_record(1)]).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();
    assert_eq!((summary.status, summary.row.accounts_skipped), (RunStatus::Complete, 1));
}

#[tokio::test]
async fn an_account_that_is_suspended_when_its_run_is_resumed_leaves_the_run_partial() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1, 2]).await;
    stage(&writer, sample::whole_account(1)).await;
    // Of account 2 a Region with two keys, and then the run is killed.
    stage(&writer, sample::whole_account(2).into_iter().filter(|record| !matches!(record, StagedRecord::Account(_))).collect()).await;
    writer.finish().await.unwrap();
    let (writer, _) = StagingWriter::resume(&lake, &run).await.unwrap();
    stage(&writer, vec![suspended_record(2)]).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();

    assert_eq!((summary.status, summary.row.accounts_partial, summary.row.accounts_skipped, summary.row.keys), (RunStatus::Partial, 1, 0, 4));
    let accounts: Vec<AccountRow> = rows(&lake, &run).await;
    let kept = "2 keys and 1 whole Region are of an earlier attempt, and which Regions that one did not reach is not known";
    assert_eq!((accounts[1].outcome.as_str(), accounts[1].reason.as_deref()), ("partial", Some(format!("the account is suspended: {kept}").as_str())));
    let errors: Vec<CollectionErrorRow> = rows(&lake, &run).await;
    let told: Vec<_> = errors.iter().map(|row| (row.account_id.as_deref(), row.region.as_deref(), row.fact.as_str(), row.code.as_str())).collect();
    assert_eq!(told, [(Some("000000000002"), None, "account", "interrupted")]);
    assert!(errors[0].message.starts_with("the account is suspended: "), "{}", errors[0].message);
}

#[tokio::test]
async fn a_run_is_published_once() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();
    assert!(matches!(publish(&lake, &writer, finished()).await, Err(LakeError::AlreadyPublished { .. })));
    assert!(matches!(StagingWriter::begin(&lake, &sample::info(&run, &[1])).await, Err(LakeError::AlreadyPublished { .. })));
    assert_eq!(lake.published_runs().await.unwrap(), [summary.row]);
}

#[tokio::test]
async fn a_run_taken_over_by_another_process_is_left_to_it() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    let (other, _) = StagingWriter::resume(&sample::same_lake(&folder), &run).await.unwrap();
    assert!(matches!(publish(&lake, &writer, finished()).await, Err(LakeError::TakenOver { .. })));
    assert_eq!(publish(&lake, &other, finished()).await.unwrap().row.keys, 2);
}

#[tokio::test]
async fn readers_never_see_a_run_before_its_last_write_and_what_an_attempt_left_is_gone_after_it() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    // An attempt that died between its data files and its last write, having written more files than the next one will.
    let left = encode::<KeyRow>(&[]).unwrap();
    for number in ["g0001-0000", "g0001-0007"] {
        let path = lake.partition_path(&tables::keys::TABLE, &run).join(format!("{run}-{number}.parquet"));
        lake.object_store().put(&path, left.clone().into()).await.unwrap();
    }
    assert_eq!(lake.published_runs().await.unwrap(), []);
    assert_eq!(lake.shown_runs().await.unwrap(), []);
    assert!(matches!(lake.data_files(&tables::keys::TABLE, &run).await, Err(LakeError::NotPublished { .. })));

    publish(&lake, &writer, finished()).await.unwrap();
    assert_eq!(lake.data_files(&tables::keys::TABLE, &run).await.unwrap().len(), 1);
    assert_eq!(rows::<KeyRow>(&lake, &run).await.len(), 2);
}

#[tokio::test]
async fn two_runs_at_once_do_not_disturb_each_other() {
    let (folder, lake) = sample::lake();
    let other_lake = sample::same_lake(&folder);
    let (first, second) = (sample::run_id(1), sample::run_id(2));
    let (a, b) = tokio::join!(published(&lake, &first, &[1, 2, 3]), published(&other_lake, &second, &[2]));
    assert_eq!((a.row.keys, b.row.keys), (6, 2));
    assert_eq!((rows::<KeyRow>(&lake, &first).await.len(), rows::<KeyRow>(&lake, &second).await.len()), (6, 2));
    assert_eq!(lake.published_runs().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_damaged_part_stops_publication_before_anything_is_visible() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    let part = lake.staged_run_path(&run).join("000000000001").join("key-0001-000000.jsonl.zst");
    lake.object_store().put(&part, b"damaged".to_vec().into()).await.unwrap();
    assert!(matches!(publish(&lake, &writer, finished()).await, Err(LakeError::CorruptPart { .. })));
    assert_eq!(lake.published_runs().await.unwrap(), []);
    assert!(lake.staged_run(&run).await.unwrap().is_some());
}

#[tokio::test]
async fn row_groups_hold_few_accounts_so_that_one_can_be_read_alone() {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1, 2, 3]).await;
    for account in 1..=3 {
        for number in 0..60 {
            let mut key = sample::key(sample::arn(account, "eu-central-1", number));
            // Text that does not compress, so that the bound on bytes and not that on rows ends a row group.
            let mut state = (account << 32 | number) + 1;
            let noise: String = (0..150_000)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
                })
                .collect();
            if let Fact::Observed(metadata) = &mut key.metadata {
                metadata.description = format!("{number}{noise}");
            }
            writer.record(StagedRecord::Key(Box::new(key))).await.unwrap();
        }
    }
    publish(&lake, &writer, finished()).await.unwrap();
    let file = &lake.data_files(&tables::keys::TABLE, &run).await.unwrap()[0];
    let reader = SerializedFileReader::new(lake.get(&file.location).await.unwrap()).unwrap();
    let groups = reader.metadata().row_groups();
    assert!(groups.len() > 1, "{}", groups.len());
    let account_ids = |group: &parquet::file::metadata::RowGroupMetaData| {
        let column = group.columns().iter().find(|column| column.column_path().string() == "account_id").unwrap();
        let statistics = column.statistics().unwrap();
        (statistics.min_bytes_opt().unwrap().to_vec(), statistics.max_bytes_opt().unwrap().to_vec())
    };
    // The first row group ends before the last account begins, so a reader of that account skips it.
    let (first, last) = (account_ids(&groups[0]), account_ids(&groups[groups.len() - 1]));
    assert!(first.1 < last.1 && last.1 == b"000000000003", "{first:?} {last:?}");
    assert!(groups.iter().all(|group| group.total_byte_size() < 24 << 20));
}

#[tokio::test]
async fn keys_that_are_no_longer_staged_are_told() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&lake, &run, &[1]).await;
    let records = sample::whole_account(1);
    let (first, rest) = records.split_at(3);
    stage(&writer, first.to_vec()).await;
    writer.finish().await.unwrap();
    stage(&writer, rest.to_vec()).await;
    std::fs::remove_file(folder.path().join("_staging").join(run.as_str()).join("000000000001").join("key-0001-000001.jsonl.zst")).unwrap();
    let summary = publish(&lake, &writer, finished()).await.unwrap();

    let errors: Vec<CollectionErrorRow> = rows(&lake, &run).await;
    let told: Vec<_> = errors.iter().map(|row| (row.region.as_deref(), row.fact.as_str(), row.code.as_str(), row.message.as_str())).collect();
    assert_eq!(told, [(Some("eu-central-1"), "key_listing", "interrupted", "1 of the 2 keys that were read are no longer staged")]);
    assert_eq!((summary.status, summary.row.keys, summary.row.accounts_partial, summary.row.regions_read), (RunStatus::Partial, 1, 1, 0));
}

#[tokio::test]
async fn what_lacks_of_the_organization_is_told_and_makes_the_run_partial() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let mut info = sample::info(&run, &[1]);
    info.organization_failures = vec![sample::denied(ApiAction::OrganizationsListAccounts)];
    let writer = StagingWriter::begin(&lake, &info).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();
    assert_eq!((summary.status, summary.row.facts_lacking, summary.row.accounts_complete), (RunStatus::Partial, 1, 1));
    let errors: Vec<CollectionErrorRow> = rows(&lake, &run).await;
    let told: Vec<_> = errors.iter().map(|row| (row.account_id.as_deref(), row.fact.as_str(), row.operation.as_str(), row.code.as_str())).collect();
    assert_eq!(told, [(None, "organization", "organizations:ListAccounts", "access_denied")]);
}

#[tokio::test]
async fn regions_that_turn_out_not_to_be_the_accounts_lack_nothing_unless_keys_were_found_in_them() {
    let (_folder, lake) = sample::lake();
    let failed = |region: &str| {
        let mut unit = sample::unit(1, region, 0);
        unit.key_listing = Some(sample::denied(ApiAction::KmsListKeys));
        StagedRecord::Unit(Box::new(unit))
    };
    for (nonce, region_listing, facts) in [(1, None, vec![]), (2, Some(sample::denied(ApiAction::AccountListRegions)), vec!["regions", "key_listing"])] {
        let run = sample::run_id(nonce);
        let writer = begin(&lake, &run, &[1]).await;
        let mut records = sample::whole_account(1);
        if let Some(StagedRecord::Account(record)) = records.last_mut() {
            record.region_listing = region_listing;
        }
        // Tried when the account's Regions could not be listed.
        records.insert(0, failed("us-west-1"));
        stage(&writer, records).await;
        publish(&lake, &writer, finished()).await.unwrap();
        let told: Vec<String> = rows::<CollectionErrorRow>(&lake, &run).await.into_iter().map(|row| row.fact).collect();
        assert_eq!(told, facts);
    }

    let run = sample::run_id(3);
    let writer = begin(&lake, &run, &[1]).await;
    let key = sample::arn(1, "us-west-1", 7);
    let mut records = vec![StagedRecord::Key(Box::new(sample::key(key.clone()))), StagedRecord::Usage(Box::new(sample::usage(key))), failed("us-west-1")];
    records.extend(sample::whole_account(1));
    stage(&writer, records).await;
    assert_eq!(publish(&lake, &writer, finished()).await.unwrap().status, RunStatus::Partial);
}

#[tokio::test]
async fn all_files_of_a_local_lake_survive_a_loss_of_power_before_the_row_that_names_them() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    published(&lake, &run, &[1]).await;
    let synced = lake.synced.lock().unwrap().clone();
    let place = |path: &object_store::path::Path| synced.iter().rposition(|synced| *synced == lake.local_folder(path).unwrap());
    let row = place(&lake.run_path(&run)).unwrap();
    assert!(synced[row - 1].ends_with("row.parquet"), "its content is on disk before the row is seen");
    for table in tables::ALL.iter().filter(|table| table.name != "runs") {
        for file in lake.data_files(table, &run).await.unwrap() {
            assert!(place(&file.location).unwrap() < row - 1, "{}", table.name);
        }
    }
}
