//! The bucket of the organization's trail: to read, and for nobody to write. Its objects are computed when they are asked for.

use bytes::Bytes;

use super::{
    Address, Object,
    objects::{self, Listed},
    xml,
};
use crate::{
    identity::Caller,
    reply::{ApiError, Reply},
    request::Call,
    trail::delivery::Delivery,
};

pub(super) fn answer(delivery: &Delivery, caller: &Caller, call: &Call, address: &Address) -> Result<Reply, ApiError> {
    let owner = delivery.owner();
    let expected = call.header("x-amz-expected-bucket-owner").is_none_or(|told| told == owner.as_str());
    if owner != caller.account || !expected {
        return Err(denied());
    }
    match call.operation {
        "HeadBucket" => {
            let mut reply = Reply::new(200, "application/xml", Bytes::new());
            reply.headers.push(("x-amz-bucket-region", delivery.home().to_owned()));
            Ok(reply)
        }
        "GetBucketLocation" => {
            let region = if delivery.home() == "us-east-1" { "" } else { delivery.home() };
            Ok(xml(&format!("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{region}</LocationConstraint>")))
        }
        "ListObjectsV2" => {
            let paths = delivery.paths(&call.query("prefix").unwrap_or_default());
            let describe = |path: &str| Some(Listed { size: delivery.size(path)?, etag: delivery.etag(path), modified_at: Delivery::delivered_at(path)? });
            objects::list(paths.into_iter(), describe, call, address)
        }
        "GetObject" | "HeadObject" => {
            let path = &address.key;
            let (body, modified_at) = delivery.read(path).zip(Delivery::delivered_at(path)).ok_or_else(objects::not_found)?;
            // What CloudTrail says of its files. A client that took the encoding for that of the transfer would decompress them.
            let headers = vec![
                ("content-type", "application/json".to_owned()),
                ("content-encoding", "gzip".to_owned()),
                ("x-amz-server-side-encryption", "AES256".to_owned()),
            ];
            objects::read(&Object { body, etag: delivery.etag(path), modified_at, headers, metadata: Vec::new() }, call)
        }
        _ => Err(denied()),
    }
}

fn denied() -> ApiError {
    ApiError::new(403, "AccessDenied", "Access Denied")
}
