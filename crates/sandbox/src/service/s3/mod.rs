//! Amazon S3 in memory, in path style. Source: Amazon S3 API Reference.

mod checksum;
mod multipart;
mod objects;
mod payload;
mod trail;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use kms_insights_model::AccountId;
use quick_xml::escape::escape;

use crate::{
    identity::Caller,
    reply::{ApiError, Reply},
    request::{Call, percent_decode},
    trail::delivery::Delivery,
};

/// All buckets.
pub(crate) struct Buckets(Mutex<State>);

#[derive(Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    uploads: HashMap<String, Upload>,
    next_upload: u64,
}

struct Bucket {
    owner: AccountId,
    created_at: DateTime<Utc>,
    objects: BTreeMap<String, Object>,
}

#[derive(Clone)]
struct Object {
    body: Bytes,
    etag: String,
    modified_at: DateTime<Utc>,
    /// What the client told about the object and gets back: its type, metadata, encryption and checksum.
    headers: Vec<(&'static str, String)>,
    metadata: Vec<(String, String)>,
}

struct Upload {
    bucket: String,
    key: String,
    headers: Vec<(&'static str, String)>,
    metadata: Vec<(String, String)>,
    parts: BTreeMap<u32, (Bytes, String)>,
}

impl Buckets {
    pub(crate) fn new(names: &[String], owner: AccountId) -> Self {
        let bucket = |name: &String| (name.clone(), Bucket { owner, created_at: Utc::now(), objects: BTreeMap::new() });
        Self(Mutex::new(State { buckets: names.iter().map(bucket).collect(), ..State::default() }))
    }
}

/// The bucket and key that a request names.
struct Address {
    bucket: String,
    key: String,
}

impl Address {
    fn of(call: &Call) -> Self {
        let path = call.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Self { bucket: percent_decode(bucket.as_bytes(), false), key: percent_decode(key.as_bytes(), false) }
    }
}

/// The key of the object that a request names; `None` for requests to buckets and to other services.
pub(crate) fn object_key(call: &Call) -> Option<String> {
    (call.service == "s3").then(|| Address::of(call).key).filter(|key| !key.is_empty())
}

/// `trail` is the bucket that the organization's trail delivers to.
pub(crate) fn answer(buckets: &Buckets, trail: Option<&Delivery>, caller: &Caller, call: &Call) -> Result<Reply, ApiError> {
    let address = Address::of(call);
    let action = iam_action(call.operation);
    let partition = caller.arn.split(':').nth(1).unwrap_or("aws");
    let object = if address.key.is_empty() { String::new() } else { format!("/{}", address.key) };
    let resource = format!("arn:{partition}:s3:::{}{object}", address.bucket);
    caller.check(action, &resource).map_err(|error| ApiError { status: 403, code: "AccessDenied".to_owned(), ..error })?;
    if let Some(delivery) = trail.filter(|delivery| delivery.bucket() == address.bucket) {
        return trail::answer(delivery, caller, call, &address);
    }
    // Decoding and checking the body needs no lock.
    let payload = if call.method == http::Method::PUT { payload::decode(call)? } else { payload::Payload::default() };
    let mut state = buckets.0.lock().unwrap_or_else(PoisonError::into_inner);
    if call.operation == "ListBuckets" {
        return Ok(list_buckets(&state, trail, caller));
    }
    if call.operation == "CreateBucket" {
        return create_bucket(&mut state, caller, call, address.bucket);
    }
    let bucket = state.buckets.get(&address.bucket).ok_or_else(|| ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))?;
    if bucket.owner != caller.account || call.header("x-amz-expected-bucket-owner").is_some_and(|owner| owner != bucket.owner.as_str()) {
        return Err(ApiError::new(403, "AccessDenied", "Access Denied"));
    }
    match call.operation {
        "HeadBucket" => {
            let mut reply = Reply::new(200, "application/xml", Bytes::new());
            reply.headers.push(("x-amz-bucket-region", call.region.to_string()));
            Ok(reply)
        }
        "GetBucketLocation" => {
            let region = if &*call.region == "us-east-1" { "" } else { &call.region };
            Ok(xml(&format!("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{region}</LocationConstraint>")))
        }
        "DeleteBucket" if !bucket.objects.is_empty() => Err(ApiError::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")),
        "DeleteBucket" => {
            state.buckets.remove(&address.bucket);
            Ok(Reply::new(204, "application/xml", Bytes::new()))
        }
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" | "AbortMultipartUpload" | "ListMultipartUploads" => {
            multipart::answer(&mut state, call, address, payload)
        }
        _ => match state.buckets.get_mut(&address.bucket) {
            Some(bucket) => objects::answer(bucket, call, address, payload),
            None => Err(ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist")),
        },
    }
}

fn iam_action(operation: &str) -> &'static str {
    match operation {
        "ListBuckets" => "s3:ListAllMyBuckets",
        "CreateBucket" => "s3:CreateBucket",
        "DeleteBucket" => "s3:DeleteBucket",
        "GetBucketLocation" => "s3:GetBucketLocation",
        "HeadBucket" | "ListObjectsV2" => "s3:ListBucket",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "GetObject" | "HeadObject" => "s3:GetObject",
        "DeleteObject" | "DeleteObjects" => "s3:DeleteObject",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        _ => "s3:PutObject",
    }
}

fn xml(body: &str) -> Reply {
    Reply::new(200, "application/xml", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"))
}

fn iso(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn list_buckets(state: &State, trail: Option<&Delivery>, caller: &Caller) -> Reply {
    let owned = state.buckets.iter().filter(|(_, bucket)| bucket.owner == caller.account).map(|(name, bucket)| (name.as_str(), bucket.created_at));
    let mut owned: Vec<_> = owned.chain(trail.filter(|trail| trail.owner() == caller.account).map(|trail| (trail.bucket(), trail.made_at()))).collect();
    owned.sort();
    let mut items = String::new();
    for (name, created_at) in owned {
        // Writing to a String cannot fail.
        let _ = write!(items, "<Bucket><Name>{}</Name><CreationDate>{}</CreationDate></Bucket>", escape(name), iso(created_at));
    }
    xml(&format!(
        "<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>{0}</ID></Owner><Buckets>{items}</Buckets></ListAllMyBucketsResult>",
        caller.account
    ))
}

fn create_bucket(state: &mut State, caller: &Caller, call: &Call, name: String) -> Result<Reply, ApiError> {
    if let Some(bucket) = state.buckets.get(&name) {
        return match bucket.owner == caller.account {
            // us-east-1 alone lets a bucket be made again.
            true if &*call.region == "us-east-1" => Ok(Reply::new(200, "application/xml", Bytes::new())),
            true => Err(ApiError::new(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")),
            false => Err(ApiError::new(409, "BucketAlreadyExists", "The requested bucket name is not available.")),
        };
    }
    let mut reply = Reply::new(200, "application/xml", Bytes::new());
    reply.headers.push(("location", format!("/{name}")));
    state.buckets.insert(name, Bucket { owner: caller.account, created_at: Utc::now(), objects: BTreeMap::new() });
    Ok(reply)
}

/// The text of each element of a name, in a document as S3's clients write them: no attributes, no nesting of the same name.
fn elements(document: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = document;
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once(open.as_str()) {
        let Some((text, after)) = after.split_once(close.as_str()) else { break };
        found.push(quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned));
        rest = after;
    }
    found
}
