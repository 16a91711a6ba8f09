//! A lake: a store, a root in it, and the layout below that root.

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path as LocalPath, PathBuf},
    sync::Arc,
};

use aws_config::SdkConfig;
use bytes::Bytes;
use futures::TryStreamExt;
use kms_insights_model::RunId;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, local::LocalFileSystem, path::Path};

use crate::{
    LakeError, LakeLocation,
    s3::{S3Options, S3Store},
    table::{SNAPSHOT_DATE, Table},
};

/// The folder of what is collected but not yet published.
pub(crate) const STAGING: &str = "_staging";

/// A lake. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    root: Path,
    location: LakeLocation,
    /// What was made to survive a loss of power, in that order.
    #[cfg(test)]
    pub(crate) synced: Arc<std::sync::Mutex<Vec<PathBuf>>>,
}

/// What a lake on S3 needs: the AWS settings (with an HTTP client) and the options of its writes.
#[derive(Clone, Debug)]
pub struct S3Access {
    /// Region, credentials, endpoint, retries and HTTP client.
    pub config: SdkConfig,
    /// Encryption and ownership.
    pub options: S3Options,
}

impl Lake {
    /// The lake at `location`, which must exist if it is a folder. `s3` is needed for lakes on S3 only.
    ///
    /// # Errors
    /// When the folder does not exist or is a file, or `s3` is not given for a lake on S3.
    pub fn open(location: &LakeLocation, s3: Option<&S3Access>) -> Result<Self, LakeError> {
        match location {
            LakeLocation::Local(path) if !path.is_dir() => {
                check_no_file(path)?;
                Err(LakeError::NoSuchFolder { path: path.clone() })
            }
            _ => Self::open_or_create(location, s3),
        }
    }

    /// The lake at `location`; a folder that does not exist is made.
    ///
    /// # Errors
    /// When the folder cannot be made or is a file, or `s3` is not given for a lake on S3.
    pub fn open_or_create(location: &LakeLocation, s3: Option<&S3Access>) -> Result<Self, LakeError> {
        match location {
            LakeLocation::Local(path) => {
                check_no_file(path)?;
                std::fs::create_dir_all(path).map_err(|source| LakeError::Folder { path: path.clone(), source })?;
                let store = LocalFileSystem::new_with_prefix(path)
                    .map_err(|error| LakeError::Folder { path: path.clone(), source: std::io::Error::other(error) })?
                    .with_automatic_cleanup(true);
                Ok(Self::new(Arc::new(store), Path::default(), location.clone()))
            }
            LakeLocation::S3 { bucket, prefix } => {
                let access = s3.ok_or_else(|| LakeError::AwsSettings { location: location.to_string() })?;
                let store = S3Store::new(&access.config, bucket, &access.options);
                Ok(Self::new(Arc::new(store), Path::from(prefix.as_str()), location.clone()))
            }
        }
    }

    /// A lake on any store: how tests put faults below it.
    pub fn new(store: Arc<dyn ObjectStore>, root: Path, location: LakeLocation) -> Self {
        Self {
            store,
            root,
            location,
            #[cfg(test)]
            synced: Arc::default(),
        }
    }

    /// The store.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The lake's root within the store.
    pub const fn root(&self) -> &Path {
        &self.root
    }

    /// Where the lake is, as it was given.
    pub const fn location(&self) -> &LakeLocation {
        &self.location
    }

    /// The folder of a table's files of one snapshot date: `<root>/<table>/snapshot_date=YYYY-MM-DD`.
    pub fn partition_path(&self, table: &Table, run: &RunId) -> Path {
        self.root.clone().join(table.name).join(format!("{SNAPSHOT_DATE}={}", run.snapshot_date()))
    }

    pub(crate) fn table_path(&self, table: &Table) -> Path {
        self.root.clone().join(table.name)
    }

    pub(crate) fn staging_path(&self) -> Path {
        self.root.clone().join(STAGING)
    }

    pub(crate) fn staged_run_path(&self, run: &RunId) -> Path {
        self.staging_path().join(run.as_str())
    }

    /// A larger file is written in parts of this size. S3 admits none smaller than 5 MiB; a folder has no such limit, and what is not yet written is in memory.
    pub(crate) const fn upload_part_bytes(&self) -> usize {
        match self.location {
            LakeLocation::Local(_) => 1 << 20,
            LakeLocation::S3 { .. } => 5 << 20,
        }
    }

    /// The local folder behind a path of this lake; `None` on S3.
    pub(crate) fn local_folder(&self, path: &Path) -> Option<PathBuf> {
        match &self.location {
            LakeLocation::Local(root) => Some(path.parts().fold(root.clone(), |folder, part| folder.join(part.as_ref()))),
            LakeLocation::S3 { .. } => None,
        }
    }

    /// Writes an object that must not exist yet. `false` when another object is there; an equal one counts as this write's own, because a request whose answer
    /// was lost is sent again by the SDK and then finds its own object.
    pub(crate) async fn put_new(&self, path: &Path, content: PutPayload) -> Result<bool, LakeError> {
        match self.store.put_opts(path, content.clone(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(self.get(path).await? == Bytes::from(content)),
            Err(source) => Err(LakeError::store("write", path)(source)),
        }
    }

    /// As [`Lake::put_new`], and never seen before it would survive a loss of power: a local file's name could outlive one that its content does not. `draft` is
    /// where the content lies until then.
    pub(crate) async fn put_new_durably(&self, draft: &Path, path: &Path, bytes: Vec<u8>) -> Result<bool, LakeError> {
        if !self.is_local() {
            return self.put_new(path, bytes.into()).await;
        }
        let bytes = Bytes::from(bytes);
        self.store.put(draft, PutPayload::from_bytes(bytes.clone())).await.map_err(LakeError::store("write", draft))?;
        self.sync(vec![draft.clone()]).await?;
        let is_new = match self.store.copy_if_not_exists(draft, path).await {
            Ok(()) => true,
            Err(object_store::Error::AlreadyExists { .. }) => self.get(path).await? == bytes,
            Err(source) => return Err(LakeError::store("write", path)(source)),
        };
        // The object is there, whatever becomes of its draft, which goes with the staging at the latest.
        let _ = self.store.delete(draft).await;
        if is_new {
            self.sync(vec![path.clone()]).await?;
        }
        Ok(is_new)
    }

    pub(crate) const fn is_local(&self) -> bool {
        matches!(self.location, LakeLocation::Local(_))
    }

    /// Makes objects of a local lake survive a loss of power, and the folders that name them. What S3 acknowledges, it keeps.
    pub(crate) async fn sync(&self, objects: Vec<Path>) -> Result<(), LakeError> {
        let LakeLocation::Local(root) = &self.location else { return Ok(()) };
        let (root, files) = (root.clone(), objects.iter().filter_map(|path| self.local_folder(path)).collect::<Vec<_>>());
        #[cfg(test)]
        self.synced.lock().unwrap().extend(files.iter().cloned());
        tokio::task::spawn_blocking(move || sync_files(&root, &files)).await.unwrap_or(Err(LakeError::BrokenOff))
    }

    /// All that is in a folder and below it.
    pub(crate) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, LakeError> {
        self.store.list(Some(folder)).try_collect().await.map_err(LakeError::store("list", folder))
    }

    pub(crate) async fn get(&self, path: &Path) -> Result<Bytes, LakeError> {
        let result = self.store.get(path).await.map_err(LakeError::store("read", path))?;
        result.bytes().await.map_err(LakeError::store("read", path))
    }
}

/// A file where the folder or one above it was to be: of that the system says no more than `File exists`, or that the folder does not.
fn check_no_file(path: &LocalPath) -> Result<(), LakeError> {
    match path.ancestors().find_map(|path| Some((path, path.metadata().ok()?))) {
        Some((path, found)) if !found.is_dir() => Err(LakeError::NotAFolder { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Has the system write files and the folders that name them to disk.
fn sync_files(root: &LocalPath, files: &[PathBuf]) -> Result<(), LakeError> {
    let failed = |path: &LocalPath| {
        let path = path.to_owned();
        move |source| LakeError::Folder { path, source }
    };
    let mut folders = BTreeSet::new();
    for file in files {
        // Windows syncs only what was opened for writing.
        File::options().write(true).open(file).and_then(|file| file.sync_all()).map_err(failed(file))?;
        folders.extend(file.ancestors().skip(1).take_while(|folder| folder.starts_with(root)));
    }
    // Elsewhere a folder is no file that could be opened.
    if cfg!(unix) {
        for folder in folders {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_where_a_folder_was_to_be_is_called_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.txt");
        std::fs::write(&file, b"").unwrap();
        for path in [file.clone(), file.join("lake")] {
            let location = LakeLocation::Local(path);
            for error in [Lake::open(&location, None).unwrap_err(), Lake::open_or_create(&location, None).unwrap_err()] {
                assert_eq!(error.to_string(), format!("{} is a file and not a folder; give a folder, or s3://bucket/prefix", file.display()));
            }
        }
        let missing = LakeLocation::Local(folder.path().join("missing"));
        assert!(matches!(Lake::open(&missing, None), Err(LakeError::NoSuchFolder { .. })));
        Lake::open_or_create(&missing, None).unwrap();
    }
}
