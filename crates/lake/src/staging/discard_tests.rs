//! Staging that is discarded while another process begins from it: that one has all of it, or fails and leaves nothing.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use kms_insights_model::RunId;
use object_store::ObjectStoreExt;

use super::{StagedRun, StagingWriter, tests::partial_run};
use crate::{
    Lake, LakeError, sample,
    watched_store::{Request, watched_lake},
};

/// Begins a run from an earlier one; `meanwhile` happens to it once, right before the first request of this kind to an object of the new run.
async fn begun_from(
    folder: &tempfile::TempDir,
    earlier: &RunId,
    kind: Request,
    meanwhile: impl Future<Output = ()> + Send + 'static,
) -> Result<(StagingWriter, StagedRun), LakeError> {
    let run = sample::run_id(9);
    let meanwhile = Arc::new(Mutex::new(Some(meanwhile.boxed())));
    let lake = watched_lake(folder, {
        let run = run.clone();
        move |request, path| {
            let happens = request == kind && path.as_ref().contains(run.as_str());
            let meanwhile = if happens { meanwhile.lock().unwrap().take() } else { None };
            async move {
                if let Some(meanwhile) = meanwhile {
                    meanwhile.await;
                }
                Ok(())
            }
            .boxed()
        }
    });
    let mut info = sample::info(&run, &[0, 1, 2, 3]);
    info.resumed_from = Some(earlier.clone());
    StagingWriter::begin_from(&lake, &info).await
}

#[tokio::test]
async fn a_run_does_not_begin_from_staging_that_is_discarded_meanwhile() {
    for kind in [Request::Put, Request::Copy] {
        let (folder, lake) = sample::lake();
        let earlier = sample::run_id(1);
        partial_run(&lake, &earlier, 3).await;
        let discarded = {
            let (lake, earlier) = (lake.clone(), earlier.clone());
            async move { lake.discard_staging(&earlier).await.unwrap() }
        };
        let error = begun_from(&folder, &earlier, kind, discarded).await.unwrap_err();
        assert!(matches!(&error, LakeError::UnknownRun { run } if *run == earlier), "{kind:?}: {error}");
        assert_eq!(lake.staged_run_ids().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_run_does_not_begin_from_staging_whose_deletion_had_begun_though_every_part_that_it_saw_was_copied() {
    let (folder, lake) = sample::lake();
    let earlier = sample::run_id(1);
    partial_run(&lake, &earlier, 3).await;
    let description_goes = {
        let (store, info) = (lake.object_store(), lake.staged_run_path(&earlier).join("run.json"));
        async move { store.delete(&info).await.unwrap() }
    };
    let error = begun_from(&folder, &earlier, Request::Put, description_goes).await.unwrap_err();
    assert!(matches!(&error, LakeError::UnknownRun { run } if *run == earlier), "{error}");
    assert_eq!(lake.staged_run(&sample::run_id(9)).await.unwrap(), None);
}

#[tokio::test]
async fn of_staging_that_is_discarded_the_description_goes_first() {
    let (folder, lake) = sample::lake();
    let earlier = sample::run_id(1);
    partial_run(&lake, &earlier, 3).await;
    let refusing = watched_lake(&folder, |request, path| {
        let refused = request == Request::Delete && path.filename() == Some("run.json");
        async move { if refused { Err(object_store::Error::Generic { store: "test", source: "it fails".into() }) } else { Ok(()) } }.boxed()
    });
    assert!(matches!(refusing.discard_staging(&earlier).await, Err(LakeError::Store { action: "delete", .. })));
    let parts = |lake: &Lake| {
        let (lake, earlier) = (lake.clone(), earlier.clone());
        async move { StagedRun::load(&lake, &earlier).await.unwrap().accounts().count() }
    };
    assert_eq!(parts(&lake).await, 3, "nothing else went");
    lake.discard_staging(&earlier).await.unwrap();
    assert!(matches!(StagedRun::load(&lake, &earlier).await, Err(LakeError::UnknownRun { .. })));
}
