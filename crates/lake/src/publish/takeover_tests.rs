//! Two processes on one run: whatever they do to each other, what is published is one attempt's whole work.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use object_store::{ObjectStoreExt, path::Path};

use super::{
    tests::{begin, finished, publish, rows, stage},
    *,
};
use crate::{
    Lake, LakeError, sample,
    tables::{self, keys::KeyRow, runs::RunRow},
    watched_store::{Request, watched_lake},
};

/// Every table but `runs` has one file.
const DATA_TABLES: usize = tables::ALL.len() - 1;

/// Every data file of the run, as any engine sees them that does not know of attempts.
async fn all_files(lake: &Lake, run: &RunId) -> Vec<Path> {
    let mut files = Vec::new();
    for table in tables::ALL.iter().filter(|table| table.name != "runs") {
        files.extend(lake.files_of(table, run).await.unwrap().into_iter().map(|file| file.location));
    }
    files
}

fn is_of(generation: u32) -> impl Fn(&Path) -> bool {
    move |path| path.filename().and_then(crate::file_generation) == Some(generation)
}

/// A lake of whose process something happens, once, right before the first request of this kind to an object of this table.
fn interrupted_lake(
    folder: &tempfile::TempDir,
    kind: Request,
    table: &'static str,
    what: impl FnOnce() -> futures::future::BoxFuture<'static, ()> + Send + 'static,
) -> Lake {
    let what = Arc::new(Mutex::new(Some(what)));
    watched_lake(folder, move |request, path| {
        let happens = request == kind && path.as_ref().starts_with(table);
        let what = if happens { what.lock().unwrap().take() } else { None };
        async move {
            if let Some(what) = what {
                what().await;
            }
            Ok(())
        }
        .boxed()
    })
}

/// Another process takes the run over and publishes it.
fn another_publishes(other: &Lake, run: &RunId) -> impl FnOnce() -> futures::future::BoxFuture<'static, ()> + Send + 'static {
    let (other, run) = (other.clone(), run.clone());
    move || {
        async move {
            let (writer, _) = StagingWriter::resume(&other, &run).await.unwrap();
            publish(&other, &writer, finished()).await.unwrap();
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_superseded_attempt_takes_its_files_back() {
    let (folder, other) = sample::lake();
    let run = sample::run_id(1);
    // While the first process writes its first file, another one takes the run over and publishes it.
    let lake = interrupted_lake(&folder, Request::Put, "accounts", another_publishes(&other, &run));
    // Of two accounts one lacks, so that the staging stays and both go on.
    let writer = begin(&lake, &run, &[1, 2]).await;
    stage(&writer, sample::whole_account(1)).await;
    let error = publish(&lake, &writer, finished()).await.unwrap_err();
    assert!(matches!(error, LakeError::AlreadyPublished { .. }), "{error}");
    let files = all_files(&other, &run).await;
    assert!(files.len() == DATA_TABLES && files.iter().all(is_of(2)), "{files:?}");
    assert_eq!(rows::<KeyRow>(&other, &run).await.len(), 2);
}

#[tokio::test]
async fn a_superseded_attempt_that_deletes_leftovers_late_leaves_what_was_published() {
    let (folder, other) = sample::lake();
    let run = sample::run_id(1);
    let first = begin(&other, &run, &[1, 2]).await;
    stage(&first, sample::whole_account(1)).await;
    // An attempt before has left a file, and while the first process is about to delete it, another one takes the run over and publishes it.
    let left = other.partition_path(&tables::accounts::TABLE, &run).join(format!("{run}-g0000-0000.parquet"));
    other.object_store().put(&left, b"left".to_vec().into()).await.unwrap();
    let lake = interrupted_lake(&folder, Request::Delete, "accounts", another_publishes(&other, &run));
    let error = publish(&lake, &first, finished()).await.unwrap_err();
    assert!(matches!(error, LakeError::AlreadyPublished { .. }), "{error}");
    let files = all_files(&other, &run).await;
    assert!(files.len() == DATA_TABLES && files.iter().all(is_of(2)), "{files:?}");
    assert_eq!(rows::<KeyRow>(&other, &run).await.len(), 2);
}

#[tokio::test]
async fn an_upload_that_was_begun_is_given_up_when_publishing_fails() {
    let (folder, _) = sample::lake();
    let run = sample::run_id(1);
    let given_up = Arc::new(Mutex::new(Vec::new()));
    let lake = watched_lake(&folder, {
        let given_up = Arc::clone(&given_up);
        move |request, path| {
            if request == Request::Abort {
                given_up.lock().unwrap().push(path.clone());
            }
            let fails = request == Request::Put && path.as_ref().starts_with("accounts");
            async move {
                if fails { Err(object_store::Error::NotImplemented { operation: "put".to_owned(), implementer: "a full disk".to_owned() }) } else { Ok(()) }
            }
            .boxed()
        }
    });
    let writer = begin(&lake, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    for number in 10..210 {
        let mut key = sample::key(sample::arn(1, "eu-central-1", number));
        // Text that does not compress: more than a part of it is written before the file ends.
        let mut state = number;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'!' + state.to_be_bytes()[3] % 90)
        };
        let noise: String = std::iter::repeat_with(&mut noise).take(64_000).collect();
        key.policy = Fact::Observed(kms_insights_model::PolicyText(noise));
        writer.record(kms_insights_model::StagedRecord::Key(Box::new(key))).await.unwrap();
    }
    let error = publish(&lake, &writer, finished()).await.unwrap_err();
    assert!(error.to_string().contains("write accounts/"), "{error}");
    let mut tables: Vec<String> = given_up.lock().unwrap().iter().filter_map(|path| Some(path.parts().next()?.as_ref().to_owned())).collect();
    tables.sort();
    assert_eq!(tables, ["findings", "keys"], "both have the text in them");
    assert!(all_files(&lake, &run).await.is_empty());
}

#[tokio::test]
async fn files_that_a_superseded_attempt_left_are_not_the_runs() {
    let (_folder, lake) = sample::lake();
    let run = sample::run_id(1);
    begin(&lake, &run, &[1]).await;
    let (writer, _) = StagingWriter::resume(&lake, &run).await.unwrap();
    stage(&writer, sample::whole_account(1)).await;
    let summary = publish(&lake, &writer, finished()).await.unwrap();
    assert_eq!(summary.row.generation, 2);
    let file = &lake.data_files(&tables::keys::TABLE, &run).await.unwrap()[0].location;
    for left in [format!("{run}-g0001-0000.parquet"), format!("{run}-0000.parquet")] {
        let path = lake.partition_path(&tables::keys::TABLE, &run).join(left);
        lake.object_store().copy(file, &path).await.unwrap();
    }
    assert_eq!(lake.files_of(&tables::keys::TABLE, &run).await.unwrap().len(), 3);
    assert_eq!(rows::<KeyRow>(&lake, &run).await.len(), 2);
    assert_eq!(rows::<RunRow>(&lake, &run).await, [summary.row]);
}

#[tokio::test]
async fn a_file_that_is_there_is_not_written_over() {
    let (folder, _) = sample::lake();
    let run = sample::run_id(1);
    let there = sample::same_lake(&folder);
    let path = there.partition_path(&tables::keys::TABLE, &run).join(format!("{run}-g0001-0000.parquet"));
    let lake = interrupted_lake(&folder, Request::Put, "keys", {
        let (there, path) = (there.clone(), path.clone());
        move || async move { drop(there.object_store().put(&path, b"another's".to_vec().into()).await.unwrap()) }.boxed()
    });
    let writer = begin(&lake, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    assert!(publish(&lake, &writer, finished()).await.unwrap_err().to_string().contains("another process"));
    assert_eq!(there.published_runs().await.unwrap(), []);
}

#[tokio::test]
async fn a_row_that_comes_late_for_files_that_were_deleted_as_leftovers_publishes_nothing() {
    let (folder, first) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&first, &run, &[1]).await;
    stage(&writer, sample::whole_account(1)).await;
    // The first attempt has written its files and holds its row back.
    let late_row = written(&first, &run, &writer).await;
    let second = interrupted_lake(&folder, Request::Copy, "runs", {
        let (first, run, late_row) = (first.clone(), run.clone(), late_row.clone());
        move || {
            async move {
                let bytes = encode(std::slice::from_ref(&late_row)).unwrap();
                assert!(first.put_new(&first.run_path(&run), bytes.into()).await.unwrap());
            }
            .boxed()
        }
    });
    let (writer, _) = StagingWriter::resume(&second, &run).await.unwrap();
    let summary = publish(&second, &writer, finished()).await.unwrap();
    assert_eq!((late_row.generation, summary.row.generation), (1, 2));
    assert_eq!(first.published_runs().await.unwrap(), [summary.row]);
    assert_eq!(rows::<KeyRow>(&first, &run).await.len(), 2);
    assert!(all_files(&first, &run).await.iter().all(is_of(2)));
}

/// Writes the data files of an attempt, and returns the row that would publish it.
async fn written(lake: &Lake, run: &RunId, writer: &StagingWriter) -> RunRow {
    writer.finish().await.unwrap();
    let staged = StagedRun::load(lake, run).await.unwrap();
    let totals = Box::pin(write_tables(&Attempt::new(lake, writer), &staged, finished(), &FindingSettings::default())).await.unwrap();
    assert_eq!(all_files(lake, run).await.len(), DATA_TABLES);
    totals.run_row(staged.info(), writer.generation(), finished())
}

#[tokio::test]
async fn a_published_row_is_not_replaced_while_its_files_are_there() {
    let (folder, first) = sample::lake();
    let run = sample::run_id(1);
    let writer = begin(&first, &run, &[1, 2]).await;
    stage(&writer, sample::whole_account(1)).await;
    let (second, _) = StagingWriter::resume(&sample::same_lake(&folder), &run).await.unwrap();
    let row = written(&first, &run, &second).await;
    // The first attempt, whose look at the claim was long ago, publishes before the second does.
    for table in tables::ALL.iter().filter(|table| table.name != "runs") {
        let file = first.files_of(table, &run).await.unwrap().remove(0).location;
        first.object_store().copy(&file, &first.partition_path(table, &run).join(format!("{run}-g0001-0000.parquet"))).await.unwrap();
    }
    let earlier = RunRow { generation: 1, ..row.clone() };
    assert!(first.put_new(&first.run_path(&run), encode(std::slice::from_ref(&earlier)).unwrap().into()).await.unwrap());
    let error = Attempt::new(&first, &second).commit(&row).await.unwrap_err();
    assert!(matches!(error, LakeError::AlreadyPublished { .. }), "{error}");
    assert_eq!(first.published_runs().await.unwrap(), [earlier]);
    assert!(all_files(&first, &run).await.iter().all(is_of(1)), "the one that lost takes its files back");
}
