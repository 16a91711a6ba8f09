//! The smallest client that speaks AWS's protocols: one request, one connection.

use std::io;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["__type"].as_str().unwrap_or_default().to_owned()
    }
}

/// A caller with an access key, in a Region.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) region: &'static str,
}

impl Client {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), access_key: "test".to_owned(), region: "us-east-1" }
    }

    pub(crate) fn with_key(&self, access_key: impl Into<String>) -> Self {
        Self { access_key: access_key.into(), ..self.clone() }
    }

    pub(crate) fn in_region(&self, region: &'static str) -> Self {
        Self { region, ..self.clone() }
    }

    pub(crate) async fn send(&self, service: &str, line: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={}/20261122/{}/{service}/aws4_request, SignedHeaders=host, Signature=0", self.access_key, self.region);
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend(headers);
        self.send_unsigned(line, &all, body).await
    }

    pub(crate) async fn send_unsigned(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.endpoint.trim_start_matches("http://")).await?;
        let mut request = format!("{line} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let body = answer[end + 4..].to_vec();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| !line.starts_with("HEAD") && length != body.len()) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head, body })
    }

    pub(crate) async fn kms(&self, operation: &str, body: &Value) -> io::Result<Answer> {
        let target = format!("TrentService.{operation}");
        self.send("kms", "POST /", &[("x-amz-target", &target), ("content-type", "application/x-amz-json-1.1")], body.to_string().as_bytes()).await
    }

    pub(crate) async fn organizations(&self, operation: &str, body: &Value) -> Answer {
        let target = format!("AWSOrganizationsV20161128.{operation}");
        self.send("organizations", "POST /", &[("x-amz-target", &target)], body.to_string().as_bytes()).await.unwrap()
    }

    /// The access key of a session in an account, or the error.
    pub(crate) async fn assume(&self, account: &str, more: &str) -> Result<String, Answer> {
        self.assume_role(account, "kms-insights-reader", more).await
    }

    /// The same with a role of another name; `role` is encoded for a form.
    pub(crate) async fn assume_role(&self, account: &str, role: &str, more: &str) -> Result<String, Answer> {
        let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A{account}%3Arole%2F{role}&RoleSessionName=test{more}");
        let answer = self.send("sts", "POST /", &[("content-type", "application/x-www-form-urlencoded")], form.as_bytes()).await.unwrap();
        if answer.status != 200 {
            return Err(answer);
        }
        let text = answer.text();
        Ok(text.split_once("<AccessKeyId>").unwrap().1.split_once('<').unwrap().0.to_owned())
    }

    /// All pages of a listing.
    pub(crate) async fn all(&self, operation: &str, list: &str, mut body: Value) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        loop {
            let answer = self.kms(operation, &body).await.unwrap();
            if answer.status != 200 {
                return Err(answer.code());
            }
            let page = answer.json();
            items.extend(page[list].as_array().unwrap().iter().cloned());
            match page["NextMarker"].as_str() {
                Some(marker) => body["Marker"] = marker.into(),
                None => return Ok(items),
            }
        }
    }
}
