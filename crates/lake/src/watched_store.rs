//! A store below a lake under test, of which every request can be counted, held up or failed.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart, local::LocalFileSystem, path::Path,
};

use crate::{Lake, LakeLocation};

/// What is asked of the store, and of which object: of a copy the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Put,
    Get,
    Copy,
    Delete,
    /// An upload is given up.
    Abort,
}

type Watch = Arc<dyn Fn(Request, Path) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A local store that asks before each request.
pub(crate) struct WatchedStore {
    inner: LocalFileSystem,
    before: Watch,
}

/// A lake on `folder`, as of another process, whose store asks `before` each request.
pub(crate) fn watched_lake(folder: &tempfile::TempDir, before: impl Fn(Request, Path) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static) -> Lake {
    let store = WatchedStore { inner: LocalFileSystem::new_with_prefix(folder.path()).unwrap(), before: Arc::new(before) };
    Lake::new(Arc::new(store), Path::default(), LakeLocation::Local(folder.path().to_owned()))
}

impl fmt::Debug for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchedStore({})", self.inner)
    }
}

impl fmt::Display for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

struct WatchedUpload {
    upload: Box<dyn MultipartUpload>,
    location: Path,
    before: Watch,
}

impl fmt::Debug for WatchedUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchedUpload({})", self.location)
    }
}

#[async_trait]
impl MultipartUpload for WatchedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        (self.before)(Request::Abort, self.location.clone()).await?;
        self.upload.abort().await
    }
}

#[async_trait]
impl ObjectStore for WatchedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        (self.before)(Request::Put, location.clone()).await?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        (self.before)(Request::Put, location.clone()).await?;
        let upload = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(WatchedUpload { upload, location: location.clone(), before: Arc::clone(&self.before) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        (self.before)(Request::Get, location.clone()).await?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        (self.before)(Request::Get, location.clone()).await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let before = Arc::clone(&self.before);
        let asked = locations.and_then(move |location| {
            let answer = before(Request::Delete, location.clone());
            async move { answer.await.map(|()| location) }
        });
        self.inner.delete_stream(asked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        (self.before)(Request::Copy, to.clone()).await?;
        self.inner.copy_opts(from, to, options).await
    }
}
