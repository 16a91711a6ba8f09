//! The lake's store, reduced to what was published: the promise that a reader sees only whole snapshots, kept below the SQL engine.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, path::Path,
};

/// A read-only store that knows the files it was given and nothing else.
///
/// `DataFusion` lists a table's folder; here a listing is answered from the published files, so neither a run under way nor a killed one can be seen, and a
/// query cannot name its way to any other object of the bucket or disk. Listing costs no request.
#[derive(Debug)]
pub(crate) struct PublishedFiles {
    inner: Arc<dyn ObjectStore>,
    /// By the path within the lake (`keys/snapshot_date=2026-11-22/….parquet`): the object in the lake's store.
    files: BTreeMap<Path, ObjectMeta>,
}

impl PublishedFiles {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, files: BTreeMap<Path, ObjectMeta>) -> Self {
        Self { inner, files }
    }

    fn object(&self, location: &Path) -> Result<&ObjectMeta> {
        self.files.get(location).ok_or_else(|| Error::NotFound { path: location.to_string(), source: "not a published file of the lake".into() })
    }

    fn refuse(&self, operation: &str) -> Error {
        Error::NotImplemented { operation: operation.to_owned(), implementer: self.to_string() }
    }

    fn listed(&self, prefix: Option<&Path>) -> impl Iterator<Item = ObjectMeta> {
        let prefix = prefix.cloned().unwrap_or_default();
        // Paths are in the order of their texts: those below a folder stand together, or nearly.
        let (from, text) = (prefix.clone(), prefix.to_string());
        let below = self.files.range(from..).take_while(move |(path, _)| path.as_ref().starts_with(&text));
        below.filter(move |(path, _)| path.prefix_matches(&prefix)).map(|(path, meta)| ObjectMeta { location: path.clone(), ..meta.clone() })
    }
}

impl fmt::Display for PublishedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the published files of {} (read-only)", self.inner)
    }
}

#[async_trait]
impl ObjectStore for PublishedFiles {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(self.refuse("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(self.refuse("put_multipart"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.object(location)?;
        let mut result = self.inner.get_opts(&object.location, options).await?;
        result.meta.location = location.clone();
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(&self.object(location)?.location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let implementer = self.to_string();
        locations.and_then(move |_| std::future::ready(Err(Error::NotImplemented { operation: "delete".to_owned(), implementer: implementer.clone() }))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter(self.listed(prefix).map(Ok).collect::<Vec<_>>()).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let depth = prefix.map_or(0, |prefix| prefix.parts().count());
        let mut result = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        for meta in self.listed(prefix) {
            let folder: Path = meta.location.parts().take(depth + 1).collect();
            if folder == meta.location {
                result.objects.push(meta);
            } else if result.common_prefixes.last() != Some(&folder) {
                result.common_prefixes.push(folder);
            }
        }
        Ok(result)
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(self.refuse("copy"))
    }
}

#[cfg(test)]
mod tests {
    use object_store::{ObjectStoreExt, memory::InMemory};

    use super::*;

    async fn store() -> (Arc<InMemory>, PublishedFiles) {
        let inner = Arc::new(InMemory::new());
        for path in ["lake/keys/snapshot_date=2026-11-20/a.parquet", "lake/keys/snapshot_date=2026-11-20/b.parquet", "elsewhere/secret"] {
            inner.put(&Path::from(path), PutPayload::from_static(b"0123456789")).await.unwrap();
        }
        let object = inner.head(&Path::from("lake/keys/snapshot_date=2026-11-20/a.parquet")).await.unwrap();
        let files = BTreeMap::from([(Path::from("keys/snapshot_date=2026-11-20/a.parquet"), object)]);
        (Arc::clone(&inner), PublishedFiles::new(inner, files))
    }

    #[tokio::test]
    async fn only_published_files_can_be_listed_and_read() {
        let (_, store) = store().await;
        let published = Path::from("keys/snapshot_date=2026-11-20/a.parquet");
        assert_eq!(store.get_range(&published, 2..4).await.unwrap(), "23");
        assert_eq!(store.get_ranges(&published, &[0..1, 9..10]).await.unwrap(), ["0", "9"]);
        let listed: Vec<ObjectMeta> = store.list(Some(&Path::from("keys"))).try_collect().await.unwrap();
        assert_eq!(listed.into_iter().map(|meta| meta.location).collect::<Vec<_>>(), [published]);
        assert_eq!(store.list_with_delimiter(Some(&Path::from("keys"))).await.unwrap().common_prefixes, [Path::from("keys/snapshot_date=2026-11-20")]);
        for hidden in ["keys/snapshot_date=2026-11-20/b.parquet", "lake/keys/snapshot_date=2026-11-20/a.parquet", "elsewhere/secret", "../elsewhere/secret"] {
            assert!(matches!(store.get(&Path::from(hidden)).await, Err(Error::NotFound { .. })), "{hidden}");
        }
    }

    #[tokio::test]
    async fn a_listing_of_a_folder_is_of_that_folder() {
        let (inner, _) = store().await;
        let object = inner.head(&Path::from("elsewhere/secret")).await.unwrap();
        let paths = ["key/a", "keys-old/a", "keys.old/a", "keys/a", "keys/b/c", "keys_old/a", "keyt/a"].map(Path::from);
        let store = PublishedFiles::new(inner, paths.iter().map(|path| (path.clone(), object.clone())).collect());
        for (prefix, found) in [(None, paths.to_vec()), (Some("keys"), ["keys/a", "keys/b/c"].map(Path::from).to_vec()), (Some("ke"), vec![])] {
            let listed: Vec<ObjectMeta> = store.list(prefix.map(Path::from).as_ref()).try_collect().await.unwrap();
            assert_eq!(listed.into_iter().map(|meta| meta.location).collect::<Vec<_>>(), found);
        }
    }

    #[tokio::test]
    async fn nothing_can_be_written_moved_or_deleted() {
        let (inner, store) = store().await;
        let published = Path::from("keys/snapshot_date=2026-11-20/a.parquet");
        assert!(store.put(&published, PutPayload::from_static(b"x")).await.is_err());
        assert!(store.put_multipart(&published).await.is_err());
        assert!(store.copy(&published, &Path::from("copy")).await.is_err());
        assert!(store.rename(&published, &Path::from("moved")).await.is_err());
        assert!(store.delete(&published).await.is_err());
        assert_eq!(inner.list(None).count().await, 3);
    }
}
