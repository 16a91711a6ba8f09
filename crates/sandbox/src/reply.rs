//! Answers and errors in the forms of AWS's protocols.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::json;

/// The protocol that a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// KMS, Organizations, CloudTrail.
    AwsJson,
    /// STS, IAM.
    Query,
    /// EC2: like the query protocol, with errors of its own form.
    Ec2,
    /// Account Management.
    RestJson,
    /// S3.
    RestXml,
}

/// An error as a service declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The error of a request that is not as the service's model demands.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }
}

/// An answer before it becomes one of HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Headers whose names the client chose: an object's metadata.
    pub(crate) named_headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// For answers to HEAD: the length that the body would have.
    pub(crate) length: Option<u64>,
    pub(crate) ending: Ending,
}

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// The connection ends after half of the body.
    Broken,
}

pub(crate) const AMZ_JSON: &str = "application/x-amz-json-1.1";
pub(crate) const JSON: &str = "application/json";
pub(crate) const XML: &str = "text/xml";

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, headers: Vec::new(), named_headers: Vec::new(), body: body.into(), length: None, ending: Ending::Whole }
    }

    pub(crate) fn json(status: u16, content_type: &'static str, value: &serde_json::Value) -> Self {
        Self::new(status, content_type, serde_json::to_vec(value).unwrap_or_default())
    }

    pub(crate) fn error(protocol: Protocol, error: &ApiError, request_id: &str) -> Self {
        let (code, message) = (&error.code, quick_xml::escape::escape(error.message.as_str()));
        match protocol {
            Protocol::AwsJson => {
                // The layer in front of the services that checks permissions spells the member with a capital.
                let member = if code == "AccessDeniedException" { "Message" } else { "message" };
                Self::json(error.status, AMZ_JSON, &json!({"__type": code, member: error.message}))
            }
            Protocol::RestJson => {
                let mut reply = Self::json(error.status, JSON, &json!({"message": error.message}));
                reply.headers.push(("x-amzn-errortype", code.clone()));
                reply
            }
            Protocol::Query => {
                let kind = if error.status < 500 { "Sender" } else { "Receiver" };
                let body = format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>{request_id}</RequestId></ErrorResponse>"
                );
                Self::new(error.status, XML, body)
            }
            Protocol::Ec2 => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                     <RequestID>{request_id}</RequestID></Response>"
                );
                Self::new(error.status, XML, body)
            }
            Protocol::RestXml => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
                );
                Self::new(error.status, "application/xml", body)
            }
        }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response<ReplyBody> {
        let length = self.length.unwrap_or(self.body.len() as u64);
        let body = match self.ending {
            Ending::Whole => ReplyBody { left: Some(self.body), length, broken: false },
            Ending::Broken => ReplyBody { left: Some(self.body.slice(..self.body.len() / 2)), length, broken: true },
        };
        let mut response = Response::new(body);
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        // 204 and 304 have no body and no length.
        if self.status != 204 && self.status != 304 {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", id.clone());
            headers.insert("x-amz-request-id", id);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        for (name, value) in self.named_headers {
            if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::from_str(&value)) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// A body in one piece, or the first half of one.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    left: Option<Bytes>,
    length: u64,
    broken: bool,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.left.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ if self.broken => Poll::Ready(Some(Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.broken && self.left.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
