//! Objects of a bucket.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use quick_xml::escape::escape;

use super::{Address, Bucket, Object, elements, iso, payload::Payload, xml};
use crate::{
    dice::Dice,
    reply::{ApiError, Reply},
    request::{Call, percent_decode},
    service::paging,
};

/// Headers of an upload that S3 keeps and gives back.
const KEPT: [&str; 8] = [
    "content-type",
    "content-encoding",
    "content-disposition",
    "cache-control",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-storage-class",
];

pub(super) fn kept_headers(call: &Call) -> Vec<(&'static str, String)> {
    let kept = KEPT.iter().filter_map(|name| Some((*name, call.header(name)?.to_owned())));
    // The encoding of the transfer is not the object's.
    let plain = |(name, value): (&'static str, String)| {
        let value = if name == "content-encoding" {
            value.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect::<Vec<_>>().join(",")
        } else {
            value
        };
        (!value.is_empty()).then_some((name, value))
    };
    kept.filter_map(plain).collect()
}

pub(super) fn kept_metadata(call: &Call) -> Vec<(String, String)> {
    let named = call.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"));
    named.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

/// An entity tag. S3's is the MD5 digest only for some kinds of objects, and opaque for the others.
pub(super) fn etag(body: &[u8]) -> String {
    let word = |chunk: &[u8]| chunk.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let state = body.chunks(8).fold(Dice::new(body.len() as u64), |state, chunk| state.part(word(chunk)));
    format!("\"{}\"", { state }.hex(32))
}

pub(super) fn not_found() -> ApiError {
    ApiError::new(404, "NoSuchKey", "The specified key does not exist.")
}

/// Refuses a write whose condition on what is there does not hold.
pub(super) fn check_conditions(call: &Call, existing: Option<&Object>) -> Result<(), ApiError> {
    let failed = || ApiError::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    if call.header("if-none-match") == Some("*") && existing.is_some() {
        return Err(failed());
    }
    match (call.header("if-match"), existing) {
        (Some(_), None) => Err(not_found()),
        (Some(wanted), Some(object)) if wanted != object.etag => Err(failed()),
        _ => Ok(()),
    }
}

pub(super) fn stored(object: &Object) -> Reply {
    let mut reply = Reply::new(200, "application/xml", Bytes::new());
    reply.headers.push(("etag", object.etag.clone()));
    reply.headers.extend(object.headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).cloned());
    reply
}

pub(super) fn answer(bucket: &mut Bucket, call: &Call, address: Address, payload: Payload) -> Result<Reply, ApiError> {
    match call.operation {
        "PutObject" => {
            check_conditions(call, bucket.objects.get(&address.key))?;
            let mut headers = kept_headers(call);
            headers.extend(payload.checksum);
            let object = Object { etag: etag(&payload.body), body: payload.body, modified_at: Utc::now(), headers, metadata: kept_metadata(call) };
            let reply = stored(&object);
            bucket.objects.insert(address.key, object);
            Ok(reply)
        }
        "CopyObject" => {
            let source = call.header("x-amz-copy-source").map(|source| percent_decode(source.as_bytes(), false)).unwrap_or_default();
            let source = source.trim_start_matches('/').split_once('/').filter(|(from, _)| *from == address.bucket).map(|(_, key)| key.to_owned());
            let mut object = source.and_then(|key| bucket.objects.get(&key)).cloned().ok_or_else(not_found)?;
            check_conditions(call, bucket.objects.get(&address.key))?;
            object.modified_at = Utc::now();
            let body = format!(
                "<CopyObjectResult><LastModified>{}</LastModified><ETag>{}</ETag></CopyObjectResult>",
                iso(object.modified_at),
                escape(object.etag.as_str())
            );
            bucket.objects.insert(address.key, object);
            Ok(xml(&body))
        }
        "GetObject" | "HeadObject" => read(bucket.objects.get(&address.key).ok_or_else(not_found)?, call),
        "DeleteObject" => {
            bucket.objects.remove(&address.key);
            Ok(Reply::new(204, "application/xml", Bytes::new()))
        }
        "DeleteObjects" => {
            let document = String::from_utf8_lossy(&call.body);
            let keys = elements(&document, "Key");
            let quiet = elements(&document, "Quiet").first().is_some_and(|quiet| quiet == "true");
            let mut deleted = String::new();
            for key in keys {
                bucket.objects.remove(&key);
                if !quiet {
                    put(&mut deleted, format_args!("<Deleted><Key>{}</Key></Deleted>", escape(key.as_str())));
                }
            }
            Ok(xml(&format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{deleted}</DeleteResult>")))
        }
        _ => {
            let prefix = call.query("prefix").unwrap_or_default();
            let keys = bucket.objects.range(prefix.clone()..).map(|(key, _)| key).take_while(|key| key.starts_with(&prefix));
            let describe = |key: &str| {
                bucket.objects.get(key).map(|object| Listed { size: object.body.len() as u64, etag: object.etag.clone(), modified_at: object.modified_at })
            };
            list(keys, describe, call, &address)
        }
    }
}

/// What a listing tells of an object.
pub(super) struct Listed {
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified_at: DateTime<Utc>,
}

pub(super) fn read(object: &Object, call: &Call) -> Result<Reply, ApiError> {
    let total = object.body.len();
    let unmodified = call.header("if-none-match").is_some_and(|tag| tag == object.etag);
    if call.header("if-match").is_some_and(|tag| tag != object.etag && tag != "*") {
        return Err(ApiError::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"));
    }
    if unmodified {
        return Ok(Reply::new(304, "application/octet-stream", Bytes::new()));
    }
    let range = call.header("range").and_then(|range| range.strip_prefix("bytes=")).map(|range| span(range, total));
    let (status, span) = match range {
        None => (200, 0..total),
        Some(Some(span)) => (206, span),
        Some(None) => return Err(ApiError::new(416, "InvalidRange", "The requested range is not satisfiable")),
    };
    let mut reply = Reply::new(status, "application/octet-stream", object.body.slice(span.clone()));
    if status == 206 {
        reply.headers.push(("content-range", format!("bytes {}-{}/{total}", span.start, span.end - 1)));
    }
    reply.headers.push(("accept-ranges", "bytes".to_owned()));
    reply.headers.push(("etag", object.etag.clone()));
    reply.headers.push(("last-modified", object.modified_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    // The checksum is of the whole object, and is told only to who asks for it.
    let checksums = status == 200 && call.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
    reply.headers.extend(object.headers.iter().filter(|(name, _)| checksums || !name.starts_with("x-amz-checksum-")).cloned());
    if let Some((_, content_type)) = object.headers.iter().find(|(name, _)| *name == "content-type") {
        reply.headers.retain(|(name, _)| *name != "content-type");
        reply.headers.push(("content-type", content_type.clone()));
    }
    for (name, value) in &object.metadata {
        reply.named_headers.push((name.clone(), value.clone()));
    }
    Ok(reply)
}

/// The bytes of `first-last`, `first-` or `-length`; `None` where there are none.
fn span(range: &str, total: usize) -> Option<std::ops::Range<usize>> {
    let (first, last) = range.split_once('-')?;
    let span = if first.is_empty() {
        total.saturating_sub(last.parse().ok()?)..total
    } else {
        let last = if last.is_empty() { total } else { last.parse::<usize>().ok()?.saturating_add(1) };
        first.parse().ok()?..last.min(total)
    };
    (span.start < span.end).then_some(span)
}

/// A page of the keys, which are sorted and begin with the prefix that was asked for. Only those on the page are described.
pub(super) fn list<K: AsRef<str>>(
    keys: impl Iterator<Item = K>,
    describe: impl Fn(&str) -> Option<Listed>,
    call: &Call,
    address: &Address,
) -> Result<Reply, ApiError> {
    let prefix = call.query("prefix").unwrap_or_default();
    let delimiter = call.query("delimiter").filter(|delimiter| !delimiter.is_empty());
    let limit = call.query("max-keys").and_then(|limit| limit.parse::<usize>().ok()).unwrap_or(1000).min(1000);
    let version_one = call.query("list-type").is_none();
    let token = call.query("continuation-token");
    // A token holds how many entries came before it: nothing here changes what comes before what.
    let skip = match &token {
        None => 0,
        Some(token) => paging::position(token)
            .and_then(|at| usize::try_from(at).ok())
            .ok_or_else(|| ApiError::new(400, "InvalidArgument", "The continuation token provided is incorrect"))?,
    };
    let after = call.query(if version_one { "marker" } else { "start-after" }).unwrap_or_default();
    let mut entries: Vec<Result<K, String>> = Vec::new();
    for entry in keys {
        let key = entry.as_ref();
        let common =
            delimiter.as_ref().and_then(|delimiter| key[prefix.len()..].find(delimiter.as_str()).map(|at| &key[..prefix.len() + at + delimiter.len()]));
        match common {
            _ if *key <= *after => {}
            Some(common) if entries.last().is_some_and(|last| last.as_ref().is_err_and(|other| other == common)) => {}
            Some(common) => entries.push(Err(common.to_owned())),
            None => entries.push(Ok(entry)),
        }
    }
    let url = call.query("encoding-type").is_some_and(|encoding| encoding == "url");
    let write = |text: &str| if url { url_encode(text) } else { escape(text).into_owned() };
    let page: Vec<_> = entries.iter().skip(skip).take(limit).collect();
    let truncated = skip + page.len() < entries.len();
    let mut body = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name><Prefix>{}</Prefix><MaxKeys>{limit}</MaxKeys><KeyCount>{}</KeyCount><IsTruncated>{truncated}</IsTruncated>",
        escape(address.bucket.as_str()),
        write(&prefix),
        page.len()
    );
    if let Some(delimiter) = &delimiter {
        put(&mut body, format_args!("<Delimiter>{}</Delimiter>", write(delimiter)));
    }
    if url {
        body.push_str("<EncodingType>url</EncodingType>");
    }
    if truncated {
        put(&mut body, format_args!("<NextContinuationToken>{}</NextContinuationToken>", paging::marker((skip + page.len()) as u64)));
        if let (true, Some(Ok(key))) = (version_one, page.last()) {
            put(&mut body, format_args!("<NextMarker>{}</NextMarker>", write(key.as_ref())));
        }
    }
    for entry in page {
        match entry {
            Ok(key) => {
                let Some(object) = describe(key.as_ref()) else { continue };
                put(
                    &mut body,
                    format_args!(
                        "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                        write(key.as_ref()),
                        iso(object.modified_at),
                        escape(object.etag.as_str()),
                        object.size
                    ),
                );
            }
            Err(common) => put(&mut body, format_args!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", write(common))),
        }
    }
    body.push_str("</ListBucketResult>");
    Ok(xml(&body))
}

fn put(body: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = body.write_fmt(text);
}

fn url_encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
