//! Listing objects, page by page.

use std::{collections::HashSet, sync::Arc};

use aws_sdk_s3::{operation::list_objects_v2::ListObjectsV2Output, types::Object};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{ListResult, ObjectMeta, Result, path::Path};

use super::{
    failure::{failed, unusable},
    store::{Inner, timestamp},
};

struct Pages {
    inner: Arc<Inner>,
    prefix: Path,
    delimiter: bool,
    seen: HashSet<String>,
    next: Next,
}

enum Next {
    First,
    Page(String),
    Done,
}

impl Pages {
    fn new(inner: &Arc<Inner>, prefix: Option<&Path>, delimiter: bool) -> Self {
        Self { inner: Arc::clone(inner), prefix: prefix.cloned().unwrap_or_default(), delimiter, seen: HashSet::new(), next: Next::First }
    }

    /// The next page. A token that comes again, or a page that says there is more without saying where, would otherwise be read without end or as the end.
    async fn page(&mut self) -> Result<Option<ListObjectsV2Output>> {
        let token = match std::mem::replace(&mut self.next, Next::Done) {
            Next::First => None,
            Next::Page(token) => Some(token),
            Next::Done => return Ok(None),
        };
        // A prefix is a whole folder: `keys` must not list `keys_old`.
        let prefix = (!self.prefix.is_root()).then(|| format!("{}/", self.prefix));
        let page = self
            .inner
            .client
            .list_objects_v2()
            .bucket(&self.inner.bucket)
            .set_prefix(prefix)
            .set_delimiter(self.delimiter.then(|| "/".to_owned()))
            .set_continuation_token(token)
            .set_expected_bucket_owner(self.inner.options.expected_bucket_owner.clone())
            .send()
            .await
            .map_err(failed(&self.inner.options, &self.prefix))?;
        if page.is_truncated() == Some(true) {
            let token = page.next_continuation_token().filter(|token| !token.is_empty());
            let token = token.ok_or_else(|| unusable(format!("the listing of {} has more pages, but S3 does not say where", self.prefix)))?;
            if !self.seen.insert(token.to_owned()) {
                return Err(unusable(format!("the listing of {} repeats a continuation token and would never end", self.prefix)));
            }
            self.next = Next::Page(token.to_owned());
        }
        Ok(Some(page))
    }
}

/// `None` for the empty objects that consoles make to show a folder.
fn meta(object: &Object) -> Result<Option<ObjectMeta>> {
    let key = object.key().ok_or_else(|| unusable("an object is listed without its key".to_owned()))?;
    if key.ends_with('/') {
        return Ok(None);
    }
    Ok(Some(ObjectMeta {
        location: Path::parse(key)?,
        last_modified: timestamp(object.last_modified()),
        size: object.size().and_then(|size| u64::try_from(size).ok()).ok_or_else(|| unusable(format!("{key} is listed without its size")))?,
        e_tag: object.e_tag().map(str::to_owned),
        version: None,
    }))
}

pub(super) fn list(inner: &Arc<Inner>, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
    stream::try_unfold(Pages::new(inner, prefix, false), |mut pages| async move { Ok::<_, object_store::Error>(pages.page().await?.map(|page| (page, pages))) })
        .map_ok(|page| stream::iter(page.contents().iter().filter_map(|object| meta(object).transpose()).collect::<Vec<_>>()))
        .try_flatten()
        .boxed()
}

pub(super) async fn list_with_delimiter(inner: &Arc<Inner>, prefix: Option<&Path>) -> Result<ListResult> {
    let mut pages = Pages::new(inner, prefix, true);
    let mut result = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
    while let Some(page) = pages.page().await? {
        for folder in page.common_prefixes().iter().filter_map(|common| common.prefix()) {
            result.common_prefixes.push(Path::parse(folder.trim_end_matches('/'))?);
        }
        for object in page.contents() {
            result.objects.extend(meta(object)?);
        }
    }
    Ok(result)
}
