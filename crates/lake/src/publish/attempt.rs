//! One attempt at publishing a run: the right to do so, and the files that it leaves.
//!
//! Of several processes that hold the same run at once, the one that took it over last may publish it. Each has a generation of its own, which its files' names carry
//! and the row of `runs` names, so no attempt can change or add to what another published: [`Lake::data_files`] and the query engine pass over all others' files. Athena
//! cannot: it reads every file in a table's folder. So a superseded attempt must leave none: it looks before each file becomes visible whether it was superseded, and deletes
//! its files when it was, and the one that publishes deletes all others' before its row. What remains is a superseded process that is killed between such a look and its
//! deletions while the other one is past its own: then Athena counts that file's rows twice until it is deleted by hand.

use std::sync::{Arc, Mutex, PoisonError};

use object_store::{ObjectStoreExt, WriteMultipart, path::Path};
use tokio::{runtime::Handle, task::JoinSet};

use super::sink::encode;
use crate::{
    Lake, LakeError,
    runs::{data_file_name, file_generation},
    staging::StagingWriter,
    table::Table,
    tables::{self, accounts, runs, runs::RunRow},
};

/// An attempt at publishing the run that a writer holds.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(super) lake: Lake,
    writer: StagingWriter,
    /// Uploads that were given up, and whose parts are being deleted.
    given_up: Arc<Mutex<JoinSet<()>>>,
}

impl Attempt {
    pub(super) fn new(lake: &Lake, writer: &StagingWriter) -> Self {
        Self { lake: lake.clone(), writer: writer.clone(), given_up: Arc::default() }
    }

    /// Gives up an upload that was begun: a store keeps its parts, and charges for them, until it is told.
    pub(super) fn give_up(&self, upload: WriteMultipart) {
        // Without a runtime the program is ending.
        if let Ok(runtime) = Handle::try_current() {
            let told = async move { drop(upload.abort().await) };
            self.given_up.lock().unwrap_or_else(PoisonError::into_inner).spawn_on(told, &runtime);
        }
    }

    /// Where a table's data file goes.
    pub(super) fn data_file(&self, table: &Table, number: usize) -> Path {
        let run = self.writer.run_id();
        self.lake.partition_path(table, run).join(data_file_name(run, self.writer.generation(), number))
    }

    pub(super) fn taken_over(&self) -> LakeError {
        LakeError::TakenOver { run: self.writer.run_id().clone() }
    }

    fn already_published(&self) -> LakeError {
        LakeError::AlreadyPublished { run: self.writer.run_id().clone() }
    }

    /// Whether the run is still this attempt's to publish.
    pub(super) async fn check(&self) -> Result<(), LakeError> {
        if self.lake.is_published(self.writer.run_id()).await? {
            return Err(self.already_published());
        }
        self.check_claim().await
    }

    async fn check_claim(&self) -> Result<(), LakeError> {
        if self.writer.is_superseded().await? { Err(self.taken_over()) } else { Ok(()) }
    }

    /// Deletes what this attempt and earlier ones left of the run, save `kept`. Whatever is of a later attempt is not this one's to judge: it may be published by now.
    pub(super) async fn delete_leftovers(&self, kept: &[Path]) -> Result<(), LakeError> {
        let own = self.writer.generation();
        let is_later = |path: &Path| path.filename().and_then(file_generation).is_some_and(|generation| generation > own);
        self.delete(|path| !kept.contains(path) && !is_later(path)).await
    }

    /// Deletes this attempt's files as well as it can, unless they are the published ones: whatever stopped it, they are of no use, and Athena would read them.
    pub(super) async fn withdraw(&self) {
        let mut given_up = std::mem::take(&mut *self.given_up.lock().unwrap_or_else(PoisonError::into_inner));
        while given_up.join_next().await.is_some() {}
        let run = self.writer.run_id();
        let is_published = match self.lake.published_run(run).await {
            Ok(row) => i64::from(row.generation) == i64::from(self.writer.generation()),
            Err(LakeError::NotPublished { .. }) => false,
            Err(_) => return,
        };
        if !is_published {
            let _ = self.delete(|path| path.filename().and_then(file_generation) == Some(self.writer.generation())).await;
        }
    }

    async fn delete(&self, doomed: impl Fn(&Path) -> bool) -> Result<(), LakeError> {
        for table in tables::ALL.iter().filter(|table| table.name != runs::TABLE.name) {
            for file in self.lake.files_of(table, self.writer.run_id()).await? {
                let path = file.location;
                if doomed(&path) {
                    match self.lake.object_store().delete(&path).await {
                        // Another attempt deletes as well.
                        Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(source) => return Err(LakeError::store("delete", &path)(source)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the run's row, which publishes it.
    pub(super) async fn commit(&self, row: &RunRow) -> Result<(), LakeError> {
        if let Err(error) = self.check_claim().await {
            self.withdraw().await;
            return Err(error);
        }
        let path = self.lake.run_path(self.writer.run_id());
        let bytes = encode(std::slice::from_ref(row)).map_err(LakeError::parquet("write", &path))?;
        let draft = self.lake.staged_run_path(self.writer.run_id()).join("row.parquet");
        // After an error here nobody knows whether the row was written, so the files stay.
        if self.lake.put_new_durably(&draft, &path, bytes.clone()).await? {
            return Ok(());
        }
        if self.is_void(row).await? {
            self.lake.object_store().put(&path, bytes.into()).await.map_err(LakeError::store("write", &path))?;
            return self.lake.sync(vec![path]).await;
        }
        self.withdraw().await;
        Err(self.already_published())
    }

    /// Whether the row that was there before `row` publishes nothing: it is of an earlier attempt that held its row back for so long that this one, finding the run
    /// unpublished, deleted its files as leftovers. Every attempt has a file in every table.
    async fn is_void(&self, row: &RunRow) -> Result<bool, LakeError> {
        let run = self.writer.run_id();
        let earlier = self.lake.published_run(run).await?;
        Ok(earlier.generation < row.generation && self.lake.data_files(&accounts::TABLE, run).await?.is_empty())
    }
}
