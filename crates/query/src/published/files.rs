//! Which files of a lake are published.

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryStreamExt, future::try_join_all};
use kms_insights_lake::{
    Lake, file_generation,
    scans::{ScanFile, ScanHistory},
    table::Table,
    tables::{self, runs},
};
use kms_insights_model::RunId;
use object_store::{
    ObjectMeta, ObjectStore,
    path::{Path, PathPart},
};

use super::table::{RUN_ID, SUFFIX};
use crate::error::QueryError;

/// What was published in a lake when it was listed.
pub(crate) struct LakeFiles {
    /// The published runs, oldest first.
    pub(crate) runs: Vec<RunId>,
    /// The files of their tables other than `runs`, and of published scans' tables, by the path under which the engine knows them.
    pub(crate) files: BTreeMap<Path, ObjectMeta>,
    /// The published scans.
    pub(crate) scans: BTreeSet<String>,
    /// The tables of scans with files that may have rows of other scans too.
    pub(crate) mixed: BTreeSet<&'static str>,
}

/// A data file that bears the name of a published run.
struct DataFile<'a> {
    run: &'a RunId,
    object: ObjectMeta,
    /// `<table>/snapshot_date=YYYY-MM-DD/run_id=<run>/<file>`: what the file's name says of its run is to be seen without opening it.
    shown_as: Path,
}

/// The files of published runs: one listing per table, however many runs there are.
pub(crate) async fn published_files(lake: &Lake) -> Result<LakeFiles, QueryError> {
    let runs = lake.published_run_ids().await?;
    let known: BTreeSet<&RunId> = runs.iter().collect();
    let listings = tables::ALL.iter().filter(|table| table.name != runs::TABLE.name).map(|table| data_files(lake, table, &known));
    let files: Vec<DataFile<'_>> = try_join_all(listings).await?.into_iter().flatten().collect();

    // The attempt that published a run has files in every table. Where others left some beside them, the run's row says whose count; all other rows are not read.
    let mut attempts: BTreeMap<&RunId, BTreeSet<Option<u32>>> = BTreeMap::new();
    for file in &files {
        attempts.entry(file.run).or_default().insert(file.object.location.filename().and_then(file_generation));
    }
    let mut contested = BTreeMap::new();
    for (run, attempts) in attempts {
        if attempts.len() > 1 {
            contested.insert(run.clone(), lake.published_run(run).await?);
        }
    }
    let counts = |file: &DataFile<'_>| contested.get(file.run).is_none_or(|row| row.is_of_its_attempt(&file.object.location));
    let mut files: BTreeMap<Path, ObjectMeta> = files.into_iter().filter(counts).map(|file| (file.shown_as, file.object)).collect();
    let history = ScanHistory::open(lake).await?;
    let mut mixed = BTreeSet::new();
    for table in tables::OF_SCANS {
        for file in history.files(table, None).await? {
            let Some(shown_as) = shown_scan_file(lake, &file) else { continue };
            if !file.is_of_one_scan {
                mixed.insert(table.name);
            }
            files.insert(shown_as, file.object);
        }
    }
    Ok(LakeFiles { runs, files, scans: history.scans().clone(), mixed })
}

/// The path of a file of scans as the engine sees it. It looks at names' endings, and those of files that SQL wrote may have none.
fn shown_scan_file(lake: &Lake, file: &ScanFile) -> Option<Path> {
    let path: Path = file.object.location.prefix_match(lake.root())?.collect();
    Some(if file.is_of_one_scan { path } else { Path::from(format!("{path}{SUFFIX}")) })
}

/// The table's files that bear the name of one of these runs, and lie in its folder.
async fn data_files<'a>(lake: &Lake, table: &Table, runs: &BTreeSet<&'a RunId>) -> Result<Vec<DataFile<'a>>, QueryError> {
    let folder = lake.root().clone().join(table.name);
    let objects: Vec<ObjectMeta> =
        lake.object_store().list(Some(&folder)).try_collect().await.map_err(|error| QueryError::Storage { message: error.to_string() })?;
    let data_file = |object: ObjectMeta| {
        let run = runs.get(&run_of(object.location.filename()?)?).copied()?;
        let partition = lake.partition_path(table, run);
        let mut below = object.location.prefix_match(&partition)?;
        let (Some(name), None) = (below.next(), below.next()) else { return None };
        let shown_as = partition.prefix_match(lake.root())?.chain([PathPart::from(format!("{RUN_ID}={run}")), name]).collect();
        drop(below);
        Some(DataFile { run, object, shown_as })
    };
    Ok(objects.into_iter().filter_map(data_file).collect())
}

/// The run that a file's name begins with: `<run>-g0001-0000.parquet`.
fn run_of(name: &str) -> Option<RunId> {
    let (run, rest) = RunId::split_file_name(name)?;
    let part = rest.strip_suffix(SUFFIX)?;
    (part.is_empty() || part.starts_with('-')).then_some(run)
}

#[cfg(test)]
mod tests {
    use kms_insights_lake::{
        LakeLocation,
        publish::{FindingSettings, publish},
        staging::{RunInfo, StagingWriter},
    };
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn files_of_other_attempts_at_a_published_run_are_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(&LakeLocation::Local(folder.path().to_owned()), None).unwrap();
        let run: RunId = "20261122T060300Z-00000001".parse().unwrap();
        let info: RunInfo = serde_json::from_value(serde_json::json!({
            "run_id": run.as_str(), "started_at": "2026-11-22T06:03:00Z", "tool_version": "0.1.0", "organization_id": null, "accounts": [],
            "organization_accounts": null, "regions": null, "customer_managed_only": false, "resumed_from": null,
        }))
        .unwrap();
        let writer = StagingWriter::begin(&lake, &info).await.unwrap();
        publish(&lake, &writer, info.started_at, &FindingSettings::default()).await.unwrap();
        let published = lake.data_files(&tables::accounts::TABLE, &run).await.unwrap().remove(0).location;
        let folder = lake.partition_path(&tables::accounts::TABLE, &run);
        let (other, astray) = (folder.clone().join(format!("{run}-g0002-0000.parquet")), folder.join("elsewhere").join(published.filename().unwrap()));
        for copy in [&other, &astray] {
            lake.object_store().copy(&published, copy).await.unwrap();
        }

        let lake_files = published_files(&lake).await.unwrap();
        assert_eq!(lake_files.runs, std::slice::from_ref(&run));
        let seen: Vec<&Path> = lake_files.files.values().map(|object| &object.location).collect();
        assert!(seen.contains(&&published) && !seen.contains(&&other) && !seen.contains(&&astray), "{seen:?}");
        assert_eq!(seen.len(), tables::ALL.len() - 1, "no scan was published");
        let shown_as = format!("accounts/snapshot_date=2026-11-22/run_id={run}/{}", published.filename().unwrap());
        assert_eq!(lake_files.files[&Path::from(shown_as)].location, published);
    }
}
