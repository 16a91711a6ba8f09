//! The store: one bucket.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::{
    Client,
    primitives::{ByteStream, DateTime},
    types::{ChecksumAlgorithm, ServerSideEncryption},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use kms_insights_model::causes;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};
use url::{Host, Url};

use super::{
    failure::{S3Failure, failed, unusable},
    list,
    upload::S3Upload,
};

/// S3 checks every write against it, and the SDK every whole read.
pub(super) const CHECKSUM: ChecksumAlgorithm = ChecksumAlgorithm::Crc32C;
const CONCURRENT_DELETES: usize = 16;
/// How often a conditional write that met another one is repeated.
const CONFLICT_ATTEMPTS: u32 = 6;
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);
/// The Region that S3's global endpoint is in, for settings that name none.
const DEFAULT_REGION: &str = "us-east-1";

/// How a lake on S3 is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Options {
    /// The KMS key under which S3 encrypts what is written; `None` leaves it to the bucket.
    pub kms_key: Option<String>,
    /// The account that must own the bucket: a bucket of that name in other hands is refused.
    pub expected_bucket_owner: Option<String>,
    /// The bucket's Region, where it is not that of the AWS settings.
    pub region: Option<String>,
    /// Whether the bucket is named in the path, not the host; `None` for where the endpoint has no names below it.
    pub path_style: Option<bool>,
}

impl S3Options {
    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        self.kms_key.as_ref().map(|_| ServerSideEncryption::AwsKms)
    }

    /// One request to KMS for many objects.
    pub(super) fn bucket_key(&self) -> Option<bool> {
        self.kms_key.as_ref().map(|_| true)
    }
}

/// One bucket on S3, or on what speaks its language.
#[derive(Clone, Debug)]
pub struct S3Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) options: S3Options,
}

impl S3Store {
    /// The bucket, reached with the Region, credentials, endpoint, retries and HTTP client of `config`.
    pub fn new(config: &SdkConfig, bucket: &str, options: &S3Options) -> Self {
        // The SDK itself reads AWS_ENDPOINT_URL_S3 when the client is built, but tells nobody.
        let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").ok().or_else(|| config.endpoint_url().map(str::to_owned));
        let path_style = options.path_style.unwrap_or_else(|| endpoint.as_deref().is_some_and(is_bare_host));
        let region = options.region.clone().map(Region::new).or_else(|| config.region().cloned()).unwrap_or(Region::from_static(DEFAULT_REGION));
        let settings = aws_sdk_s3::config::Builder::from(config).region(region).force_path_style(path_style).build();
        Self { inner: Arc::new(Inner { client: Client::from_conf(settings), bucket: bucket.to_owned(), options: options.clone() }) }
    }
}

/// Whether the endpoint is an address or a name without a domain: `bucket.127.0.0.1` is nothing.
fn is_bare_host(endpoint: &str) -> bool {
    match Url::parse(endpoint).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name.parse::<IpAddr>().is_ok() || !name.contains('.'),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

pub(super) fn timestamp(time: Option<&DateTime>) -> chrono::DateTime<chrono::Utc> {
    time.and_then(|time| chrono::DateTime::from_timestamp(time.secs(), time.subsec_nanos())).unwrap_or_default()
}

fn http_date(time: chrono::DateTime<chrono::Utc>) -> DateTime {
    DateTime::from_secs(time.timestamp())
}

impl fmt::Display for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.inner.bucket)
    }
}

impl Inner {
    async fn put(&self, path: &Path, body: Bytes, mode: &PutMode) -> std::result::Result<PutResult, S3Failure> {
        let mut request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(path.as_ref())
            .checksum_algorithm(CHECKSUM)
            .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
            .set_server_side_encryption(self.options.encryption())
            .set_ssekms_key_id(self.options.kms_key.clone())
            .set_bucket_key_enabled(self.options.bucket_key())
            .body(ByteStream::from(body));
        match mode {
            PutMode::Overwrite => {}
            PutMode::Create => request = request.if_none_match("*"),
            PutMode::Update(version) => request = request.set_if_match(version.e_tag.clone()),
        }
        let output = request.send().await.map_err(|error| S3Failure::of(&error, &self.options))?;
        Ok(PutResult { e_tag: output.e_tag, version: output.version_id })
    }

    async fn head(&self, path: &Path, options: &GetOptions) -> Result<GetResult> {
        let output = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(path.as_ref())
            .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
            .set_if_match(options.if_match.clone())
            .set_if_none_match(options.if_none_match.clone())
            .set_if_modified_since(options.if_modified_since.map(http_date))
            .set_if_unmodified_since(options.if_unmodified_since.map(http_date))
            .set_version_id(options.version.clone())
            .send()
            .await
            .map_err(failed(&self.options, path))?;
        let size = output.content_length().and_then(|length| u64::try_from(length).ok());
        let size = size.ok_or_else(|| unusable(format!("S3 does not say how large {path} is")))?;
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: timestamp(output.last_modified()),
            size,
            e_tag: output.e_tag().map(str::to_owned),
            version: output.version_id().map(str::to_owned),
        };
        Ok(GetResult { payload: GetResultPayload::Stream(stream::empty().boxed()), meta, range: 0..0, attributes: Attributes::default() })
    }

    async fn get(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let wanted = options.range.as_ref().map(ToString::to_string);
        let output = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(path.as_ref())
            .set_expected_bucket_owner(self.options.expected_bucket_owner.clone())
            .set_if_match(options.if_match)
            .set_if_none_match(options.if_none_match)
            .set_if_modified_since(options.if_modified_since.map(http_date))
            .set_if_unmodified_since(options.if_unmodified_since.map(http_date))
            .set_version_id(options.version)
            .set_range(wanted)
            .send()
            .await
            .map_err(failed(&self.options, path))?;
        let length = output.content_length().and_then(|length| u64::try_from(length).ok());
        let length = length.ok_or_else(|| unusable(format!("S3 does not say how much of {path} it sends")))?;
        let (start, size) = match (&options.range, output.content_range()) {
            (None, _) => (0, length),
            (Some(_), Some(text)) => content_range(text).ok_or_else(|| unusable(format!("S3 sends an unknown range of {path}: {text:?}")))?,
            (Some(_), None) => return Err(unusable(format!("S3 sends all of {path} where a range was asked for"))),
        };
        if let Some(GetRange::Bounded(range)) = &options.range
            && (start != range.start || length > range.end - range.start)
        {
            return Err(unusable(format!("S3 sends another range of {path} than was asked for")));
        }
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: timestamp(output.last_modified()),
            size,
            e_tag: output.e_tag().map(str::to_owned),
            version: output.version_id().map(str::to_owned),
        };
        let location = path.clone();
        let chunks = stream::unfold(Some((output.body, length)), move |state| {
            let location = location.clone();
            async move {
                let (mut body, left) = state?;
                match body.next().await {
                    Some(Ok(chunk)) => {
                        let left = left.saturating_sub(chunk.len() as u64);
                        Some((Ok(chunk), Some((body, left))))
                    }
                    Some(Err(error)) => Some((Err(unusable(format!("the content of {location} broke off: {}", causes(&error)))), None)),
                    // A body that ends early must not pass for a short object.
                    None if left > 0 => Some((Err(unusable(format!("the content of {location} ends {left} bytes early"))), None)),
                    None => None,
                }
            }
        });
        Ok(GetResult { payload: GetResultPayload::Stream(chunks.boxed()), meta, range: start..start + length, attributes: Attributes::default() })
    }
}

/// Start and total size of `bytes 0-99/1234`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let body = Bytes::from(payload);
        let mut attempt = 1;
        loop {
            let failure = match self.inner.put(location, body.clone(), &options.mode).await {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            match options.mode {
                PutMode::Create if failure.status == Some(412) => {
                    return Err(Error::AlreadyExists { path: location.to_string(), source: Box::new(failure) });
                }
                PutMode::Create | PutMode::Update(_) if failure.is_conflict() && attempt < CONFLICT_ATTEMPTS => {
                    tokio::time::sleep(CONFLICT_PAUSE * attempt).await;
                    attempt += 1;
                }
                _ => return Err(failure.into_error(location)),
            }
        }
    }

    async fn put_multipart_opts(&self, location: &Path, _options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(S3Upload::begin(&self.inner, location).await?))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head { self.inner.head(location, &options).await } else { self.inner.get(location, options).await }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        locations
            .map(move |location| {
                let inner = Arc::clone(&inner);
                async move {
                    let location = location?;
                    inner
                        .client
                        .delete_object()
                        .bucket(&inner.bucket)
                        .key(location.as_ref())
                        .set_expected_bucket_owner(inner.options.expected_bucket_owner.clone())
                        .send()
                        .await
                        .map_err(failed(&inner.options, &location))?;
                    Ok(location)
                }
            })
            .buffered(CONCURRENT_DELETES)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        list::list(&self.inner, prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        self.list(prefix).try_filter(move |object| std::future::ready(object.location > offset)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        list::list_with_delimiter(&self.inner, prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let inner = &self.inner;
        // `CopySource` goes into a header and has to be percent-encoded; a URL's path is.
        let mut source = Url::parse("s3://source").map_err(|error| unusable(error.to_string()))?;
        source.set_path(&format!("/{}/{from}", inner.bucket));
        let request = inner
            .client
            .copy_object()
            .bucket(&inner.bucket)
            .key(to.as_ref())
            .copy_source(source.path().trim_start_matches('/').replace('+', "%2B"))
            .checksum_algorithm(CHECKSUM)
            .set_expected_bucket_owner(inner.options.expected_bucket_owner.clone())
            .set_expected_source_bucket_owner(inner.options.expected_bucket_owner.clone())
            .set_server_side_encryption(inner.options.encryption())
            .set_ssekms_key_id(inner.options.kms_key.clone())
            .set_bucket_key_enabled(inner.options.bucket_key());
        let request = if options.mode == CopyMode::Create { request.if_none_match("*") } else { request };
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = S3Failure::of(&error, &inner.options);
                if options.mode == CopyMode::Create && failure.status == Some(412) {
                    return Err(Error::AlreadyExists { path: to.to_string(), source: Box::new(failure) });
                }
                Err(failure.into_error(from))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_plain_names_are_reached_path_style_and_domains_are_not() {
        for endpoint in ["http://127.0.0.1:5000", "http://[::1]:5000", "http://localhost:4566", "http://minio:9000/"] {
            assert!(is_bare_host(endpoint), "{endpoint}");
        }
        for endpoint in ["https://s3.eu-central-1.amazonaws.com", "https://vpce-1.s3.us-east-1.vpce.amazonaws.com", "nonsense"] {
            assert!(!is_bare_host(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/1234"), Some((5, 1234)));
        assert_eq!(content_range("bytes */1234"), None);
    }
}
