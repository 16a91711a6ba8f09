//! Large objects, in parts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use futures::FutureExt;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart, path::Path};

use super::{
    failure::{failed, unusable},
    store::{CHECKSUM, Inner},
};

/// One upload in parts: nothing is visible before [`MultipartUpload::complete`].
#[derive(Debug)]
pub(super) struct S3Upload {
    target: Arc<Target>,
    next_part: i32,
}

#[derive(Debug)]
struct Target {
    inner: Arc<Inner>,
    path: Path,
    upload_id: String,
    parts: Mutex<BTreeMap<i32, CompletedPart>>,
}

impl S3Upload {
    pub(super) async fn begin(inner: &Arc<Inner>, path: &Path) -> Result<Self> {
        let options = &inner.options;
        let upload = inner
            .client
            .create_multipart_upload()
            .bucket(&inner.bucket)
            .key(path.as_ref())
            .checksum_algorithm(CHECKSUM)
            .set_expected_bucket_owner(options.expected_bucket_owner.clone())
            .set_server_side_encryption(options.encryption())
            .set_ssekms_key_id(options.kms_key.clone())
            .set_bucket_key_enabled(options.bucket_key())
            .send()
            .await
            .map_err(failed(options, path))?;
        let upload_id = upload.upload_id().ok_or_else(|| unusable(format!("the upload of {path} was begun without an id")))?.to_owned();
        let target = Target { inner: Arc::clone(inner), path: path.clone(), upload_id, parts: Mutex::default() };
        Ok(Self { target: Arc::new(target), next_part: 1 })
    }
}

impl Target {
    async fn put(&self, number: i32, payload: PutPayload) -> Result<()> {
        let part = self
            .inner
            .client
            .upload_part()
            .bucket(&self.inner.bucket)
            .key(self.path.as_ref())
            .upload_id(&self.upload_id)
            .part_number(number)
            .checksum_algorithm(CHECKSUM)
            .set_expected_bucket_owner(self.inner.options.expected_bucket_owner.clone())
            .body(ByteStream::from(Bytes::from(payload)))
            .send()
            .await
            .map_err(failed(&self.inner.options, &self.path))?;
        // The checksum has to be repeated when the upload is completed: S3 then compares it with what it has.
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag().map(str::to_owned))
            .set_checksum_crc32_c(part.checksum_crc32_c().map(str::to_owned))
            .build();
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(number, part);
        Ok(())
    }
}

#[async_trait]
impl MultipartUpload for S3Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (target, number) = (Arc::clone(&self.target), self.next_part);
        self.next_part += 1;
        async move { target.put(number, data).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let target = &self.target;
        let parts: Vec<CompletedPart> = target.parts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let begun = usize::try_from(self.next_part - 1).unwrap_or_default();
        if parts.len() != begun {
            return Err(unusable(format!("only {} of {begun} parts of {} were uploaded", parts.len(), target.path)));
        }
        let output = target
            .inner
            .client
            .complete_multipart_upload()
            .bucket(&target.inner.bucket)
            .key(target.path.as_ref())
            .upload_id(&target.upload_id)
            .set_expected_bucket_owner(target.inner.options.expected_bucket_owner.clone())
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .map_err(failed(&target.inner.options, &target.path))?;
        Ok(PutResult { e_tag: output.e_tag, version: output.version_id })
    }

    async fn abort(&mut self) -> Result<()> {
        let target = &self.target;
        target
            .inner
            .client
            .abort_multipart_upload()
            .bucket(&target.inner.bucket)
            .key(target.path.as_ref())
            .upload_id(&target.upload_id)
            .set_expected_bucket_owner(target.inner.options.expected_bucket_owner.clone())
            .send()
            .await
            .map(drop)
            .map_err(failed(&target.inner.options, &target.path))
    }
}
