//! Bodies of uploads, plain or `aws-chunked`.
//!
//! Source: Amazon S3, "Signature calculations: transferring a payload in multiple chunks with a trailer (Signature Version 4)".

use bytes::Bytes;

use super::checksum;
use crate::{reply::ApiError, request::Call};

/// A body as the client meant it, with the checksum it told.
#[derive(Default)]
pub(super) struct Payload {
    pub(super) body: Bytes,
    pub(super) checksum: Option<(&'static str, String)>,
}

const CHECKSUMS: [&str; 5] = ["x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha1", "x-amz-checksum-sha256"];

pub(super) fn decode(call: &Call) -> Result<Payload, ApiError> {
    let chunked = call.header("x-amz-content-sha256").is_some_and(|value| value.starts_with("STREAMING-"))
        || call.header("content-encoding").is_some_and(|value| value.split(',').any(|encoding| encoding.trim() == "aws-chunked"));
    let (body, trailer) = if chunked { unchunk(&call.body)? } else { (call.body.clone(), Vec::new()) };
    if chunked && call.header("x-amz-decoded-content-length").and_then(|length| length.parse().ok()) != Some(body.len()) {
        return Err(ApiError::new(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header"));
    }
    let mut payload = Payload { body, checksum: None };
    for name in CHECKSUMS {
        let told = trailer.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).or_else(|| call.header(name).map(str::to_owned));
        if let Some(told) = told {
            checksum::verify(name, &told, &payload.body)?;
            payload.checksum = Some((name, told));
        }
    }
    Ok(payload)
}

type Unchunked = (Bytes, Vec<(String, String)>);

/// Takes apart `size[;chunk-signature=…]\r\n bytes \r\n … 0[;…]\r\n trailer\r\n\r\n`.
fn unchunk(encoded: &Bytes) -> Result<Unchunked, ApiError> {
    let malformed = || ApiError::new(400, "IncompleteBody", "The request body terminated unexpectedly");
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut at = 0;
    loop {
        let line = line(encoded, at).ok_or_else(malformed)?;
        let text = std::str::from_utf8(&encoded[at..line]).map_err(|_| malformed())?;
        let size = usize::from_str_radix(text.split(';').next().unwrap_or_default().trim(), 16).map_err(|_| malformed())?;
        at = line + 2;
        if size == 0 {
            break;
        }
        let end = at.checked_add(size).filter(|end| *end <= encoded.len()).ok_or_else(malformed)?;
        pieces.push(encoded.slice(at..end));
        at = end + 2;
    }
    let mut trailer = Vec::new();
    while let Some(end) = line(encoded, at) {
        if let Some((name, value)) = std::str::from_utf8(&encoded[at..end]).unwrap_or_default().split_once(':') {
            trailer.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        at = end + 2;
    }
    // Most bodies are one chunk, which is not copied.
    let body = if let [piece] = pieces.as_slice() { piece.clone() } else { Bytes::from(pieces.concat()) };
    Ok((body, trailer))
}

/// Where the line that begins at `at` ends.
fn line(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n").map(|length| at + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_the_trailer_is_read() {
        let encoded = Bytes::from_static(b"5;chunk-signature=ab\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        let (body, trailer) = unchunk(&encoded).unwrap();
        assert_eq!(&body[..], b"hello!");
        assert_eq!(trailer, [("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned())]);
    }

    #[test]
    fn a_chunk_that_is_cut_short_is_an_incomplete_body() {
        assert_eq!(unchunk(&Bytes::from_static(b"5\r\nhel")).unwrap_err().code, "IncompleteBody");
        assert_eq!(unchunk(&Bytes::from_static(b"ffffffffffffffff\r\nhel")).unwrap_err().code, "IncompleteBody");
    }
}
