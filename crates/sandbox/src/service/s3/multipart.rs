//! Uploads in parts.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use chrono::Utc;
use quick_xml::escape::escape;

use super::{
    Address, Object, State, Upload, elements,
    objects::{check_conditions, etag, kept_headers, kept_metadata},
    payload::Payload,
    xml,
};
use crate::{
    dice::Dice,
    reply::{ApiError, Reply},
    request::Call,
};

/// Every part but the last holds at least so much.
const LEAST: usize = 5 * 1024 * 1024;

pub(super) fn answer(state: &mut State, call: &Call, address: Address, payload: Payload) -> Result<Reply, ApiError> {
    match call.operation {
        "CreateMultipartUpload" => {
            state.next_upload += 1;
            let id = Dice::new(state.next_upload).part(88).lower(64);
            let body = format!(
                "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>{}</Bucket><Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
                escape(address.bucket.as_str()),
                escape(address.key.as_str())
            );
            let upload =
                Upload { bucket: address.bucket, key: address.key, headers: kept_headers(call), metadata: kept_metadata(call), parts: BTreeMap::new() };
            let mut reply = xml(&body);
            reply.headers.extend(upload.headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).cloned());
            state.uploads.insert(id, upload);
            Ok(reply)
        }
        "UploadPart" => {
            let number = call.query("partNumber").and_then(|number| number.parse::<u32>().ok()).filter(|number| (1..=10_000).contains(number));
            let number = number.ok_or_else(|| ApiError::new(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive"))?;
            let tag = etag(&payload.body);
            let mut reply = Reply::new(200, "application/xml", Bytes::new());
            reply.headers.push(("etag", tag.clone()));
            reply.headers.extend(payload.checksum);
            upload(state, call, &address)?.parts.insert(number, (payload.body, tag));
            Ok(reply)
        }
        "CompleteMultipartUpload" => complete(state, call, &address),
        "AbortMultipartUpload" => {
            upload(state, call, &address)?;
            state.uploads.remove(&upload_id(call));
            Ok(Reply::new(204, "application/xml", Bytes::new()))
        }
        _ => {
            let mut uploads = String::new();
            for (id, upload) in state.uploads.iter().filter(|(_, upload)| upload.bucket == address.bucket) {
                // Writing to a String cannot fail.
                let _ = write!(uploads, "<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>", escape(upload.key.as_str()));
            }
            Ok(xml(&format!(
                "<ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>false</IsTruncated>{uploads}</ListMultipartUploadsResult>"
            )))
        }
    }
}

fn upload_id(call: &Call) -> String {
    call.query("uploadId").unwrap_or_default()
}

fn upload<'a>(state: &'a mut State, call: &Call, address: &Address) -> Result<&'a mut Upload, ApiError> {
    let upload = state.uploads.get_mut(&upload_id(call)).filter(|upload| upload.bucket == address.bucket && upload.key == address.key);
    upload.ok_or_else(|| {
        ApiError::new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        )
    })
}

fn complete(state: &mut State, call: &Call, address: &Address) -> Result<Reply, ApiError> {
    let document = String::from_utf8_lossy(&call.body);
    let (numbers, tags) = (elements(&document, "PartNumber"), elements(&document, "ETag"));
    let upload = upload(state, call, address)?;
    let invalid = || ApiError::new(400, "InvalidPart", "One or more of the specified parts could not be found.");
    let mut parts = Vec::new();
    for (number, tag) in numbers.iter().zip(&tags) {
        let (body, known) = number.parse::<u32>().ok().and_then(|number| upload.parts.get(&number)).ok_or_else(invalid)?;
        if known.trim_matches('"') != tag.trim_matches('"') {
            return Err(invalid());
        }
        parts.push(body.clone());
    }
    if parts.is_empty() || numbers.len() != tags.len() {
        return Err(ApiError::new(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"));
    }
    if parts.iter().rev().skip(1).any(|part| part.len() < LEAST) {
        return Err(ApiError::new(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"));
    }
    let tag = format!("\"{}-{}\"", etag(tags.concat().as_bytes()).trim_matches('"'), parts.len());
    let object = Object {
        body: Bytes::from(parts.concat()),
        etag: tag.clone(),
        modified_at: Utc::now(),
        headers: upload.headers.clone(),
        metadata: upload.metadata.clone(),
    };
    let existing = state.buckets.get(&address.bucket).and_then(|bucket| bucket.objects.get(&address.key));
    check_conditions(call, existing)?;
    if let Some(bucket) = state.buckets.get_mut(&address.bucket) {
        bucket.objects.insert(address.key.clone(), object);
    }
    state.uploads.remove(&upload_id(call));
    Ok(xml(&format!(
        "<CompleteMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>{}</Bucket><Key>{}</Key><ETag>{}</ETag></CompleteMultipartUploadResult>",
        escape(address.bucket.as_str()),
        escape(address.key.as_str()),
        escape(tag.as_str())
    )))
}
