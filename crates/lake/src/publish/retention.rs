//! How long the staging of published runs is kept.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use kms_insights_model::{RunId, RunStatus};

use crate::{Lake, LakeError};

/// The staging of so many published partial runs of an organization is kept: where one account goes on denying its keys every run is partial, and the next one does not
/// complete it but begins anew.
const KEPT_PARTIAL_RUNS: usize = 3;

/// Discards the staging of published runs that nobody will go on with: of partial ones beyond those that were published last, and of complete ones whose own deletion failed.
///
/// The staging of `run`, which was just published, stays, that of the one that it was resumed from, and that of each that an unpublished run takes over. A run that begins to
/// take one over at this moment does so whole or not at all: see [`Lake::discard_staging`].
pub(super) async fn discard_outlived(lake: &Lake, run: &RunId, resumed_from: Option<&RunId>) -> Result<(), LakeError> {
    let (mut partial, mut doomed, mut unpublished) = (Vec::new(), Vec::new(), Vec::new());
    for id in lake.staged_run_ids().await? {
        match lake.published_run(&id).await {
            // Ids do not tell: a run that completes another has that one's time.
            Ok(row) if row.status == RunStatus::Partial.as_str() => partial.push((Reverse(row.finished_at), id, row.organization_id)),
            Ok(_) => doomed.push(id),
            Err(LakeError::NotPublished { .. }) => unpublished.push(id),
            Err(error) => return Err(error),
        }
    }
    partial.sort();
    let mut kept: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for (_, id, organization) in partial {
        let kept = kept.entry(organization).or_default();
        *kept += 1;
        if *kept > KEPT_PARTIAL_RUNS {
            doomed.push(id);
        }
    }
    doomed.retain(|id| id != run && Some(id) != resumed_from);
    if doomed.is_empty() {
        return Ok(());
    }
    let taken_over = taken_over(lake, &unpublished).await?;
    doomed.retain(|id| !taken_over.contains(id));
    let mut failure = None;
    for id in doomed {
        if let Err(error) = lake.discard_staging(&id).await {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

/// The runs that these unpublished ones take over.
async fn taken_over(lake: &Lake, unpublished: &[RunId]) -> Result<BTreeSet<RunId>, LakeError> {
    let mut taken_over = BTreeSet::new();
    for id in unpublished {
        match lake.staged_run(id).await {
            Ok(staged) => taken_over.extend(staged.and_then(|staged| staged.info.resumed_from)),
            // It cannot be resumed itself.
            Err(LakeError::CorruptRun { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken_over)
}

#[cfg(test)]
mod tests {
    use kms_insights_model::{OrganizationId, RunStatus, StagedRecord, Timestamp};

    use super::{
        super::tests::{begin, publish, stage},
        *,
    };
    use crate::{
        sample,
        staging::{RunInfo, StagingWriter},
    };

    fn at_hour(hour: u32) -> Timestamp {
        sample::at(&format!("2026-11-22T{hour:02}:00:00Z"))
    }

    /// A run of which one of two accounts lacks.
    async fn partial(lake: &Lake, info: &RunInfo, hour: u32) {
        let (writer, _) = StagingWriter::begin_from(lake, info).await.unwrap();
        stage(&writer, sample::whole_account(1)).await;
        let run = publish(lake, &writer, at_hour(hour)).await.unwrap();
        assert!(run.status == RunStatus::Partial && run.cleanup_error.is_none(), "{run:?}");
    }

    fn info(nonce: u32, resumed_from: Option<u32>) -> RunInfo {
        RunInfo { resumed_from: resumed_from.map(sample::run_id), ..sample::info(&sample::run_id(nonce), &[1, 2]) }
    }

    async fn staged(lake: &Lake) -> Vec<RunId> {
        lake.staged_run_ids().await.unwrap()
    }

    fn runs<const N: usize>(nonces: [u32; N]) -> [RunId; N] {
        nonces.map(sample::run_id)
    }

    #[tokio::test]
    async fn of_published_partial_runs_the_staging_of_the_last_three_is_kept_and_of_unpublished_ones_all() {
        let (_folder, lake) = sample::lake();
        for nonce in [90, 1] {
            begin(&lake, &sample::run_id(nonce), &[1, 2]).await;
        }
        // Their ids are not in the order of their publication.
        for (hour, nonce) in [(7, 20), (8, 50), (9, 40)] {
            partial(&lake, &info(nonce, None), hour).await;
        }
        assert_eq!(staged(&lake).await, runs([1, 20, 40, 50, 90]));
        partial(&lake, &info(30, None), 10).await;
        assert_eq!(staged(&lake).await, runs([1, 30, 40, 50, 90]));
        // A complete run keeps nothing of its own.
        let writer = begin(&lake, &sample::run_id(60), &[1]).await;
        stage(&writer, sample::whole_account(1)).await;
        publish(&lake, &writer, at_hour(11)).await.unwrap();
        assert_eq!(staged(&lake).await, runs([1, 30, 40, 50, 90]));
        assert_eq!(lake.published_run_ids().await.unwrap().len(), 5, "snapshots stay");
    }

    #[tokio::test]
    async fn each_organization_of_a_lake_keeps_its_own_three() {
        let (_folder, lake) = sample::lake();
        let other = RunInfo { organization_id: Some(OrganizationId("o-other".to_owned())), ..info(1, None) };
        partial(&lake, &other, 1).await;
        for nonce in 2..=5 {
            partial(&lake, &info(nonce, None), nonce).await;
        }
        assert_eq!(staged(&lake).await, runs([1, 3, 4, 5]));
    }

    #[tokio::test]
    async fn the_staging_that_a_run_was_resumed_from_or_that_another_takes_over_is_kept() {
        let (_folder, lake) = sample::lake();
        for nonce in 1..=3 {
            partial(&lake, &info(nonce, None), nonce).await;
        }
        // Begun before the first run's staging is old, and not yet published.
        let (other, _) = StagingWriter::begin_from(&lake, &info(10, Some(1))).await.unwrap();
        for nonce in 4..=5 {
            partial(&lake, &info(nonce, None), nonce).await;
        }
        assert_eq!(staged(&lake).await, runs([1, 3, 4, 5, 10]));
        partial(&lake, &info(6, Some(3)), 6).await;
        assert_eq!(staged(&lake).await, runs([1, 3, 4, 5, 6, 10]));
        // The other run is complete, and takes along what it completed; what the sixth came from is of no more use.
        stage(&other, sample::whole_account(2)).await;
        assert_eq!(publish(&lake, &other, at_hour(7)).await.unwrap().status, RunStatus::Complete);
        assert_eq!(staged(&lake).await, runs([4, 5, 6]));
    }

    #[tokio::test]
    async fn what_remains_of_a_deletion_that_failed_goes_later() {
        let (folder, lake) = sample::lake();
        let writer = begin(&lake, &sample::run_id(1), &[1]).await;
        stage(&writer, sample::whole_account(1)).await;
        publish(&lake, &writer, at_hour(1)).await.unwrap();
        let left = folder.path().join("_staging").join(sample::run_id(1).as_str()).join("000000000001");
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("key-0001-000000.jsonl.zst"), b"left").unwrap();
        let writer = begin(&lake, &sample::run_id(2), &[1]).await;
        stage(&writer, vec![StagedRecord::Account(Box::new(sample::account_record())), StagedRecord::Unit(Box::new(sample::unit(1, "eu-central-1", 0)))]).await;
        publish(&lake, &writer, at_hour(2)).await.unwrap();
        assert_eq!(staged(&lake).await, []);
    }
}
