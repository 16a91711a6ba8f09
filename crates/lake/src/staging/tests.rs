use kms_insights_model::{Fact, RunId, StagedRecord};
use object_store::ObjectStoreExt;

use super::*;
use crate::{Lake, LakeError, sample};

async fn stage(writer: &StagingWriter, records: Vec<StagedRecord>) {
    for record in records {
        writer.record(record).await.unwrap();
    }
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

async fn loaded(lake: &Lake, run: &RunId, account: u64) -> StagedAccount {
    StagedRun::load(lake, run).await.unwrap().account(sample::account_id(account)).await.unwrap()
}

#[tokio::test]
async fn what_is_staged_comes_back_whole() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1, 2])).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    writer.finish().await.unwrap();

    let account = loaded(&lake, &run, 1).await;
    assert_eq!(account.record, Some(sample::record_of(1, &["eu-central-1"])));
    assert_eq!(account.units.into_values().collect::<Vec<_>>(), [sample::unit(1, "eu-central-1", 2)]);
    assert!(account.keys.values().all(|key| *key == StagedKey::Complete) && account.keys.len() == 2);
    assert_eq!(account.usages.len(), 2);
    assert_eq!(loaded(&lake, &run, 2).await, StagedAccount::default());
    assert_eq!(StagedRun::load(&lake, &run).await.unwrap().info(), &sample::info(&run, &[1, 2]));
}

#[tokio::test]
async fn an_account_record_is_never_durable_before_its_keys() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    // Killed here: nothing was finished, yet the account's record and so all before it is there.
    drop(writer);
    let account = loaded(&sample::same_lake(&folder), &run, 1).await;
    assert!(account.record.is_some());
    assert_eq!(account.keys.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_waits_a_second_at_most() {
    // A store without threads: only the paused clock and the tasks decide what happens.
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let lake = Lake::new(store, object_store::path::Path::from("lake"), "s3://memory".parse().unwrap());
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    writer.record(StagedRecord::Key(Box::new(sample::key(sample::arn(1, "eu-central-1", 1))))).await.unwrap();
    assert_eq!(loaded(&lake, &run, 1).await.keys.len(), 0);
    for _ in 0..6 {
        tokio::time::advance(std::time::Duration::from_millis(250)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(loaded(&lake, &run, 1).await.keys.len(), 1);
}

#[tokio::test]
async fn a_thousand_keys_from_many_tasks_are_all_staged_in_few_parts() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    let tasks = (0..10).map(|task| {
        let writer = writer.clone();
        tokio::spawn(async move {
            for key in 0..100 {
                writer.record(StagedRecord::Key(Box::new(sample::key(sample::arn(1, "eu-central-1", task * 100 + key))))).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    writer.finish().await.unwrap();
    assert_eq!(loaded(&lake, &run, 1).await.keys.len(), 1000);
    assert!(files_below(&folder.path().join("_staging")).len() < 40);
}

#[tokio::test]
async fn later_generations_win() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let mut key = sample::key(sample::arn(1, "eu-central-1", 1));
    key.policy = Fact::lacking(sample::denied(kms_insights_model::ApiAction::KmsGetKeyPolicy));
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    stage(&writer, vec![StagedRecord::Key(Box::new(key.clone()))]).await;
    writer.finish().await.unwrap();
    let account = loaded(&lake, &run, 1).await;
    assert_eq!(account.keys[&key.arn], StagedKey::Lacking(Box::new(key.clone())));

    let (writer, _) = StagingWriter::resume(&lake, &run).await.unwrap();
    assert_eq!(writer.generation(), 2);
    stage(&writer, vec![StagedRecord::Key(Box::new(sample::key(key.arn.clone())))]).await;
    writer.finish().await.unwrap();
    assert_eq!(loaded(&lake, &run, 1).await.keys[&key.arn], StagedKey::Complete);
}

#[tokio::test]
async fn keys_come_sorted_and_once_whatever_the_size_of_chunks() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    for key in (0..40).rev() {
        let place = if key % 2 == 0 { "us-east-1" } else { "eu-central-1" };
        let arn = sample::arn(1, place, key);
        stage(&writer, vec![StagedRecord::Key(Box::new(sample::key(arn.clone())))]).await;
        if key % 3 == 0 {
            stage(&writer, vec![StagedRecord::Usage(Box::new(sample::usage(arn)))]).await;
        }
        if key % 7 == 0 {
            writer.finish().await.unwrap();
        }
    }
    writer.finish().await.unwrap();
    let (writer, _) = StagingWriter::resume(&lake, &run).await.unwrap();
    let mut newer = sample::key(sample::arn(1, "us-east-1", 4));
    newer.observed_at = sample::at("2026-11-23T00:00:00Z");
    stage(&writer, vec![StagedRecord::Key(Box::new(newer.clone()))]).await;
    writer.finish().await.unwrap();

    let staged = StagedRun::load(&lake, &run).await.unwrap();
    for chunk_bytes in [1, 5_000, u64::MAX] {
        let mut sorted = sorted::SortedKeys::with_chunk_bytes(&staged, sample::account_id(1), chunk_bytes).await.unwrap();
        let mut keys = Vec::new();
        loop {
            let chunk = sorted.next_chunk().await.unwrap();
            if chunk.is_empty() {
                break;
            }
            keys.extend(chunk);
        }
        assert_eq!(keys.len(), 40);
        assert!(keys.is_sorted_by_key(|(key, _)| (key.arn.region().clone(), key.arn.key_id().clone())));
        assert_eq!(keys.iter().filter(|(_, usage)| usage.is_some()).count(), 14);
        assert_eq!(keys.iter().find(|(key, _)| key.arn == newer.arn).unwrap().0, newer);
    }
}

#[tokio::test]
async fn a_damaged_part_is_named_and_never_passed_over() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let part = files_below(&folder.path().join("_staging")).into_iter().find(|path| path.to_string_lossy().contains("key-0001-000000")).unwrap();
    let bytes = std::fs::read(&part).unwrap();
    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    let staged = StagedRun::load(&lake, &run).await.unwrap();
    let error = staged.account(sample::account_id(1)).await.unwrap_err();
    assert!(matches!(&error, LakeError::CorruptPart { path, .. } if path.contains("key-0001-000000")), "{error}");

    std::fs::rename(&part, part.with_file_name("key-0001-000000.jsonl")).unwrap();
    assert!(matches!(StagedRun::load(&lake, &run).await, Err(LakeError::CorruptPart { .. })));
}

#[tokio::test]
async fn what_a_killed_write_leaves_is_neither_read_nor_an_error() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let part = files_below(&folder.path().join("_staging")).into_iter().find(|path| path.to_string_lossy().contains("key-0001-000000")).unwrap();
    std::fs::write(part.with_file_name("key-0001-000001.jsonl.zst#1"), b"half a par").unwrap();
    assert_eq!(loaded(&lake, &run, 1).await.keys.len(), 2);
    lake.discard_staging(&run).await.unwrap();
    assert_eq!(files_below(&folder.path().join("_staging")), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn records_of_another_account_or_kind_do_not_belong_into_a_part() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let folder = lake.staged_run_path(&run);
    let source = folder.clone().join("000000000001").join("key-0001-000000.jsonl.zst");
    lake.object_store().copy(&source, &folder.clone().join("000000000002").join("key-0001-000000.jsonl.zst")).await.unwrap();
    let staged = StagedRun::load(&lake, &run).await.unwrap();
    assert!(matches!(staged.account(sample::account_id(2)).await, Err(LakeError::CorruptPart { .. })));
}

#[tokio::test]
async fn staged_runs_are_listed_and_unknown_ones_are_said_to_be() {
    let (_folder, lake) = sample::lake();
    assert_eq!(lake.staged_runs().await.unwrap(), []);
    assert!(matches!(StagingWriter::resume(&lake, &sample::run_id(9)).await, Err(LakeError::UnknownRun { .. })));
    for nonce in [2, 1] {
        StagingWriter::begin(&lake, &sample::info(&sample::run_id(nonce), &[1])).await.unwrap();
    }
    let runs: Vec<_> = lake.staged_runs().await.unwrap().into_iter().map(|run| (run.info.run_id, run.published)).collect();
    assert_eq!(runs, [(sample::run_id(1), false), (sample::run_id(2), false)]);
}
