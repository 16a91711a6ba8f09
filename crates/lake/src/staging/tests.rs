use futures::FutureExt;
use kms_insights_model::{Fact, KeyArn, RunId, StagedRecord};
use object_store::ObjectStoreExt;

use super::*;
use crate::{
    Lake, LakeError,
    publish::FindingSettings,
    sample,
    watched_store::{Request, watched_lake},
};

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
    for (chunk_bytes, cache_bytes) in [(1, 0), (5_000, 2_000), (u64::MAX, 0), (5_000, usize::MAX)] {
        let budget = CacheBudget::new(cache_bytes);
        let mut sorted = sorted::SortedKeys::with_chunk_bytes(&staged, sample::account_id(1), &budget, chunk_bytes).await.unwrap();
        assert_eq!(["us-east-1", "eu-central-1", "eu-west-1"].map(|name| sorted.count(&sample::region(name))), [20, 20, 0]);
        let mut keys = Vec::new();
        loop {
            let chunk = sorted.next_chunk().await.unwrap();
            if chunk.is_empty() {
                break;
            }
            keys.extend(chunk);
        }
        assert_eq!(keys.len(), 40);
        assert!(keys.is_sorted_by_key(|key| (key.facts.arn.region().clone(), key.facts.arn.key_id().clone())));
        assert_eq!(keys.iter().filter(|key| key.last_usage.is_some()).count(), 14);
        assert_eq!(keys.iter().find(|key| key.facts.arn == newer.arn).unwrap().facts, newer);
    }
}

#[tokio::test]
async fn keys_of_multi_region_sets_are_shown_where_several_are_staged() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    let arn = |region: &str, id: &str| KeyArn::new(sample::account_id(1), sample::region(region), id.parse().unwrap());
    let id = |digit: char| format!("mrk-{}", String::from(digit).repeat(32));
    let (both, alone) = ([arn("us-east-1", &id('a')), arn("eu-west-1", &id('a'))], arn("eu-west-1", &id('b')));
    let single = sample::arn(1, "eu-west-1", 3);
    for arn in both.iter().chain([&alone, &single, &sample::arn(1, "us-east-1", 3)]) {
        stage(&writer, vec![StagedRecord::Key(Box::new(sample::key(arn.clone())))]).await;
    }
    writer.finish().await.unwrap();
    let staged = StagedRun::load(&lake, &run).await.unwrap();
    for chunk_bytes in [1, u64::MAX] {
        let budget = CacheBudget::new(0);
        let mut sorted = sorted::SortedKeys::with_chunk_bytes(&staged, sample::account_id(1), &budget, chunk_bytes).await.unwrap();
        let mut shown = Vec::new();
        sorted.visit_sets(|key| shown.push(key.arn.clone())).await.unwrap();
        assert_eq!(shown, [both[1].clone(), both[0].clone()]);
        assert_eq!(sorted.next_chunk().await.unwrap()[0].facts.arn, single, "none is passed over for it");
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
    let sound = |nonce| StagedRunEntry::Sound(Box::new(StagedRunSummary { info: sample::info(&sample::run_id(nonce), &[1]), published: false }));
    assert_eq!(lake.staged_runs().await.unwrap(), [sound(1), sound(2)]);
    assert_eq!(lake.staged_run(&sample::run_id(9)).await.unwrap(), None);
}

#[tokio::test]
async fn one_damaged_description_keeps_nobody_from_the_other_runs() {
    let (folder, lake) = sample::lake();
    for nonce in [1, 2] {
        StagingWriter::begin(&lake, &sample::info(&sample::run_id(nonce), &[1])).await.unwrap();
    }
    std::fs::write(folder.path().join("_staging").join(sample::run_id(1).as_str()).join("run.json"), b"{").unwrap();
    let runs = lake.staged_runs().await.unwrap();
    assert!(matches!(&runs[0], StagedRunEntry::Damaged { run_id, reason } if *run_id == sample::run_id(1) && reason.contains("run.json")), "{runs:?}");
    assert!(matches!(&runs[1], StagedRunEntry::Sound(run) if run.info.run_id == sample::run_id(2)), "{runs:?}");
    assert!(lake.staged_run(&sample::run_id(2)).await.unwrap().is_some());
    assert!(matches!(lake.staged_run(&sample::run_id(1)).await, Err(LakeError::CorruptRun { .. })));
    StagingWriter::resume(&lake, &sample::run_id(2)).await.unwrap();
}

#[tokio::test]
async fn a_region_whose_staged_keys_were_lost_is_listed_again() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    assert_eq!(loaded(&lake, &run, 1).await.units.len(), 1);
    let part = folder.path().join("_staging").join(run.as_str()).join("000000000001").join("key-0001-000000.jsonl.zst");
    // A loss of power leaves the name without the content, a person who heeds the advice not even that.
    std::fs::write(&part, b"").unwrap();
    for _ in 0..2 {
        let account = loaded(&lake, &run, 1).await;
        assert!(account.keys.is_empty() && account.units.is_empty() && account.record.is_some());
        let _ = std::fs::remove_file(&part);
    }
}

#[tokio::test]
async fn what_is_added_while_a_part_is_written_goes_into_parts_that_are_taken_back() {
    let (folder, _) = sample::lake();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let lake = watched_lake(&folder, {
        let gate = std::sync::Arc::clone(&gate);
        move |request, path| {
            let gate = std::sync::Arc::clone(&gate);
            async move {
                if request == Request::Put && path.filename().is_some_and(|name| name.starts_with("key-")) {
                    let _open = gate.acquire().await.unwrap();
                }
                Ok(())
            }
            .boxed()
        }
    });
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    let large = |(number, mebibytes): (u64, usize)| {
        let mut key = sample::key(sample::arn(1, "eu-central-1", number));
        key.policy = Fact::Observed(kms_insights_model::PolicyText("x".repeat(mebibytes << 20)));
        writer.record(StagedRecord::Key(Box::new(key)))
    };
    let mut records: Vec<_> = [(1, 2), (2, 38), (3, 38)].into_iter().map(|key| Box::pin(large(key))).collect();
    // The first is being written, the others wait for it.
    for record in &mut records {
        assert!(futures::poll!(record.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    futures::future::try_join_all(records).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(loaded(&lake, &run, 1).await.keys.len(), 3);
}

#[tokio::test]
async fn a_key_that_is_too_large_for_a_line_loses_its_largest_list_and_the_run_goes_on() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    let mut large = sample::key(sample::arn(1, "eu-central-1", 1));
    if let Fact::Observed(grants) = &mut large.grants {
        grants[0].name = Some("x".repeat(MAX_LINE_BYTES));
    }
    let small = sample::key(sample::arn(1, "eu-central-1", 2));
    stage(&writer, vec![StagedRecord::Key(Box::new(large.clone())), StagedRecord::Key(Box::new(small.clone()))]).await;
    writer.finish().await.unwrap();
    let keys = loaded(&lake, &run, 1).await.keys;
    assert_eq!(keys[&small.arn], StagedKey::Complete);
    let StagedKey::Lacking(kept) = &keys[&large.arn] else { panic!("the large key is not complete") };
    assert_eq!(kept.grants.failure().unwrap().action, kms_insights_model::ApiAction::KmsListGrants);
    assert_eq!(**kept, kms_insights_model::KeyFacts { grants: kept.grants.clone(), ..large });
}

#[tokio::test]
async fn records_that_are_lost_in_a_panic_are_told() {
    let (folder, _) = sample::lake();
    let lake = watched_lake(&folder, |request, path| {
        assert!(request != Request::Put || path.filename().is_none_or(|name| !name.starts_with("key-")), "the store breaks");
        async { Ok(()) }.boxed()
    });
    let writer = StagingWriter::begin(&lake, &sample::info(&sample::run_id(1), &[1])).await.unwrap();
    writer.record(StagedRecord::Key(Box::new(sample::key(sample::arn(1, "eu-central-1", 1))))).await.unwrap();
    for _ in 0..2 {
        let error = writer.finish().await.unwrap_err();
        assert!(matches!(&error, LakeError::Staging(cause) if matches!(**cause, LakeError::BrokenOff)), "{error}");
    }
}

#[tokio::test]
async fn an_account_that_ended_and_all_that_is_finished_survive_a_loss_of_power() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1, 2])).await.unwrap();
    let synced = |part: &str| lake.synced.lock().unwrap().iter().any(|path| path.to_string_lossy().ends_with(part));
    assert!(synced("run.json"));
    stage(&writer, sample::whole_account(1)).await;
    for kind in ["key", "usage", "unit", "account"] {
        assert!(synced(&format!("000000000001/{kind}-0001-000000.jsonl.zst")), "{kind}");
    }
    stage(&writer, sample::whole_account(2).into_iter().take(1).collect()).await;
    assert!(!synced("000000000002/usage-0001-000000.jsonl.zst"));
    writer.finish().await.unwrap();
    assert!(synced("000000000002/usage-0001-000000.jsonl.zst"));
    let count = lake.synced.lock().unwrap().len();
    writer.finish().await.unwrap();
    assert_eq!(lake.synced.lock().unwrap().len(), count, "what is on disk is not written again");
}

/// Counts requests of one kind that are under way at once.
fn counting(
    kind: Request,
    most: std::sync::Arc<std::sync::atomic::AtomicUsize>,
) -> impl Fn(Request, object_store::path::Path) -> futures::future::BoxFuture<'static, object_store::Result<()>> + Send + Sync {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    let under_way = std::sync::Arc::new(AtomicUsize::new(0));
    move |request, _| {
        let (under_way, most) = (std::sync::Arc::clone(&under_way), std::sync::Arc::clone(&most));
        async move {
            if request == kind {
                most.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                under_way.fetch_sub(1, SeqCst);
            }
            Ok(())
        }
        .boxed()
    }
}

/// A published partial run of many accounts, in as many parts.
pub(super) async fn partial_run(lake: &Lake, run: &RunId, accounts: u64) {
    let writer = StagingWriter::begin(lake, &sample::info(run, &(0..=accounts).collect::<Vec<_>>())).await.unwrap();
    for account in 1..=accounts {
        stage(&writer, sample::whole_account(account)).await;
    }
    crate::publish::publish(lake, &writer, sample::at("2026-11-22T06:30:00Z"), &FindingSettings::default()).await.unwrap();
}

#[tokio::test]
async fn the_parts_of_an_earlier_run_are_copied_several_at_once() {
    let (folder, lake) = sample::lake();
    let (earlier, run) = (sample::run_id(1), sample::run_id(2));
    partial_run(&lake, &earlier, 12).await;
    let most = std::sync::Arc::default();
    let lake = watched_lake(&folder, counting(Request::Copy, std::sync::Arc::clone(&most)));
    let mut info = sample::info(&run, &[0]);
    info.resumed_from = Some(earlier);
    let (_, staged) = StagingWriter::begin_from(&lake, &info).await.unwrap();
    assert_eq!(staged.accounts().count(), 12);
    let most = most.load(std::sync::atomic::Ordering::SeqCst);
    assert!((4..=16).contains(&most), "{most}");
}

#[tokio::test]
async fn a_run_killed_while_it_copied_an_earlier_one_is_listed_and_resumed_with_all_of_it() {
    let (_folder, lake) = sample::lake();
    let (earlier, run) = (sample::run_id(1), sample::run_id(2));
    partial_run(&lake, &earlier, 3).await;
    let mut info = sample::info(&run, &[0, 1, 2, 3]);
    info.resumed_from = Some(earlier.clone());
    // What is there after the first copy: the description and one part, and no claim.
    super::run::write_info(&lake, &info).await.unwrap();
    let part = |run: &RunId| lake.staged_run_path(run).join("000000000001").join("key-0001-000000.jsonl.zst");
    lake.object_store().copy(&part(&earlier), &part(&run)).await.unwrap();
    assert_eq!(lake.staged_run(&run).await.unwrap().map(|staged| staged.published), Some(false));

    let (writer, staged) = StagingWriter::resume(&lake, &run).await.unwrap();
    assert_eq!(staged.accounts().count(), 3);
    assert_eq!(writer.generation(), 2, "later than the parts that were copied");
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let (folder, lake) = sample::lake();
    let (earlier, run) = (sample::run_id(1), sample::run_id(2));
    partial_run(&lake, &earlier, 3).await;
    let lake = watched_lake(&folder, |request, path| {
        let fails = request == Request::Copy && path.as_ref().contains("000000000002");
        async move { if fails { Err(object_store::Error::Generic { store: "test", source: "it fails".into() }) } else { Ok(()) } }.boxed()
    });
    let mut info = sample::info(&run, &[0]);
    info.resumed_from = Some(earlier);
    assert!(matches!(StagingWriter::begin_from(&lake, &info).await, Err(LakeError::Store { action: "copy", .. })));
    assert_eq!(lake.staged_run(&run).await.unwrap(), None);
    assert!(!folder.path().join("_staging").join(run.as_str()).exists());
}

#[tokio::test]
async fn parts_that_are_not_kept_are_read_ahead() {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1])).await.unwrap();
    for key in 0..12 {
        stage(&writer, vec![StagedRecord::Key(Box::new(sample::key(sample::arn(1, "eu-central-1", key))))]).await;
        writer.finish().await.unwrap();
    }
    let budget = CacheBudget::new(0);
    let most = std::sync::Arc::default();
    let lake = watched_lake(&folder, counting(Request::Get, std::sync::Arc::clone(&most)));
    let staged = StagedRun::load(&lake, &run).await.unwrap();
    let mut sorted = SortedKeys::of(&staged, sample::account_id(1), &budget).await.unwrap();
    most.store(0, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(sorted.next_chunk().await.unwrap().len(), 12);
    let most = most.load(std::sync::atomic::Ordering::SeqCst);
    assert!((4..=8).contains(&most), "{most}");
}

#[tokio::test]
async fn accounts_that_are_read_ahead_share_the_memory_for_their_parts() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let writer = StagingWriter::begin(&lake, &sample::info(&run, &[1, 2])).await.unwrap();
    for account in [1, 2] {
        stage(&writer, sample::whole_account(account)).await;
    }
    let staged = StagedRun::load(&lake, &run).await.unwrap();
    let budget = CacheBudget::new(1 << 20);
    let first = SortedKeys::of(&staged, sample::account_id(1), &budget).await.unwrap();
    let after_one = budget.left();
    let second = SortedKeys::of(&staged, sample::account_id(2), &budget).await.unwrap();
    assert!(after_one < 1 << 20 && budget.left() < after_one);
    drop((first, second));
    assert_eq!(budget.left(), 1 << 20);
}
