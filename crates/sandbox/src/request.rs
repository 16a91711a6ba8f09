//! What a request asks, told from its signature, headers and path.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, request::Parts};

use crate::reply::Protocol;

/// A request to one of the services.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) region: Arc<str>,
    pub(crate) access_key: String,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why a request cannot be taken for a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotACall {
    /// It is not signed.
    NoSignature,
    /// The service or operation does not exist here.
    Unknown(String),
}

macro_rules! operations {
    ($($service:literal: $($name:literal)+;)+) => {
        /// The operations by service. Strings of the program's own, so that counting them costs nothing.
        fn known(service: &str, operation: &str) -> Option<(&'static str, &'static str)> {
            match (service, operation) {
                $($(($service, $name) => Some(($service, $name)),)+)+
                _ => None,
            }
        }

        /// Every operation: `(service, operation)`.
        #[cfg(test)]
        pub(crate) const OPERATIONS: &[(&str, &str)] = &[$($(($service, $name)),+),+];
    };
}

operations! {
    "kms": "ListKeys" "ListAliases" "DescribeKey" "GetKeyPolicy" "ListKeyPolicies" "ListGrants" "ListResourceTags" "GetKeyRotationStatus" "ListKeyRotations"
        "GetKeyLastUsage" "DescribeCustomKeyStores";
    "organizations": "DescribeOrganization" "ListAccounts" "ListRoots" "ListOrganizationalUnitsForParent" "ListAccountsForParent" "ListParents" "ListChildren"
        "DescribeOrganizationalUnit" "DescribeAccount";
    "sts": "AssumeRole" "GetCallerIdentity";
    "account": "ListRegions" "GetRegionOptStatus";
    "cloudtrail": "LookupEvents" "DescribeTrails" "GetTrail" "GetTrailStatus" "GetEventSelectors";
    "ec2": "DescribeRegions";
    "tagging": "GetResources";
    "iam": "ListAccountAliases";
    "s3": "ListBuckets" "CreateBucket" "HeadBucket" "DeleteBucket" "GetBucketLocation" "ListObjectsV2" "PutObject" "GetObject" "HeadObject" "DeleteObject"
        "DeleteObjects" "CopyObject" "CreateMultipartUpload" "UploadPart" "CompleteMultipartUpload" "AbortMultipartUpload" "ListMultipartUploads";
}

impl Call {
    pub(crate) fn parse(parts: Parts, body: Bytes) -> Result<Self, NotACall> {
        let scope = parts.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(scope).ok_or(NotACall::NoSignature)?;
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        let (protocol, operation) = match (target, scope.service) {
            (Some(target), _) => (Protocol::AwsJson, target.rsplit('.').next().unwrap_or_default().to_owned()),
            (None, "s3" | "s3express") => (Protocol::RestXml, s3_operation(&parts).to_owned()),
            (None, "account") => {
                let name = parts.uri.path().trim_matches('/');
                let mut letters = name.chars();
                (Protocol::RestJson, letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect())
            }
            (None, service) => {
                let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
                (protocol, form_value(&body, "Action").unwrap_or_default())
            }
        };
        let (service, operation) = known(scope.service, &operation).ok_or_else(|| NotACall::Unknown(format!("{}:{operation}", scope.service)))?;
        Ok(Self {
            service,
            operation,
            protocol,
            region: Arc::from(scope.region),
            access_key: scope.access_key.to_owned(),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            body,
            headers: parts.headers,
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A value of the query string, percent-decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        form_value(self.uri.query().unwrap_or_default().as_bytes(), name)
    }
}

/// A value of a form, percent-decoded.
pub(crate) fn form_value(form: &[u8], name: &str) -> Option<String> {
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let (key, value) = pair.iter().position(|byte| *byte == b'=').map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        (percent_decode(key, true) == name).then(|| percent_decode(value, true))
    })
}

/// Decodes `%XX`, and `+` as a space where forms mean one.
pub(crate) fn percent_decode(text: &[u8], plus: bool) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (text[at], hex) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) if plus => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

struct Scope<'a> {
    access_key: &'a str,
    region: &'a str,
    service: &'a str,
}

/// Reads `AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/kms/aws4_request, …`.
fn scope(authorization: &str) -> Option<Scope<'_>> {
    let credential = authorization.split_once("Credential=")?.1.split([',', ' ']).next()?;
    let mut parts = credential.rsplit('/');
    let (_, service, region, _) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(Scope { access_key: parts.next()?, region, service })
}

/// The operation of an S3 request in path style: `/bucket/key`.
fn s3_operation(parts: &Parts) -> &'static str {
    let path = parts.uri.path().trim_start_matches('/');
    let object = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let has = |name: &str| {
        parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == name || pair.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))))
    };
    match (parts.method.as_str(), object) {
        ("GET", false) if path.is_empty() => "ListBuckets",
        ("PUT", false) => "CreateBucket",
        ("HEAD", false) => "HeadBucket",
        ("DELETE", false) => "DeleteBucket",
        ("POST", false) if has("delete") => "DeleteObjects",
        ("GET", false) if has("location") => "GetBucketLocation",
        ("GET", false) if has("uploads") => "ListMultipartUploads",
        ("GET", false) => "ListObjectsV2",
        ("PUT", true) if has("partNumber") => "UploadPart",
        ("PUT", true) if parts.headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("PUT", true) => "PutObject",
        ("GET", true) => "GetObject",
        ("HEAD", true) => "HeadObject",
        ("DELETE", true) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", true) => "DeleteObject",
        ("POST", true) if has("uploads") => "CreateMultipartUpload",
        ("POST", true) if has("uploadId") => "CompleteMultipartUpload",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_a_signature_names_key_region_and_service() {
        let scope = scope("AWS4-HMAC-SHA256 Credential=ASIA1/20261122/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0").unwrap();
        assert_eq!((scope.access_key, scope.region, scope.service), ("ASIA1", "eu-central-1", "kms"));
        assert!(super::scope("Bearer x").is_none());
    }

    #[test]
    fn every_operation_is_known() {
        assert!(OPERATIONS.iter().all(|(service, operation)| known(service, operation).is_some()));
    }

    #[test]
    fn forms_are_decoded() {
        assert_eq!(form_value(b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam&Name=a+b", "RoleArn").unwrap(), "arn:aws:iam");
        assert_eq!(form_value(b"Action=AssumeRole&Name=a+b%", "Name").unwrap(), "a b%");
    }
}
