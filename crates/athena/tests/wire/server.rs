//! A server that answers Athena's API from a script, on loopback, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_athena::config::{AsyncSleep, Sleep as SleepFuture};
use kms_insights_athena::AwsAthena;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// The SDK's pauses between attempts.
#[derive(Debug)]
struct Sleep;

impl AsyncSleep for Sleep {
    fn sleep(&self, duration: std::time::Duration) -> SleepFuture {
        SleepFuture::new(tokio::time::sleep(duration))
    }
}

/// One request: the operation that `X-Amz-Target` names, and the body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// What a script answers.
pub(crate) struct Answer(u16, Value);

pub(crate) fn ok(body: Value) -> Answer {
    Answer(200, body)
}

pub(crate) fn refused(code: &str, message: &str) -> Answer {
    Answer(400, json!({ "__type": code, "message": message }))
}

/// The state of a statement, as `GetQueryExecution` has it.
pub(crate) fn execution(state: &str, reason: Option<&str>, bytes: u64) -> Answer {
    ok(json!({ "QueryExecution": {
        "QueryExecutionId": "q-1",
        "StatementType": "DML",
        "Status": { "State": state, "StateChangeReason": reason, "SubmissionDateTime": 1_795_327_380.123 },
        "Statistics": { "DataScannedInBytes": bytes, "TotalExecutionTimeInMillis": 1234 },
        "ResultConfiguration": { "OutputLocation": "s3://results/q-1.csv" },
        "WorkGroup": "primary",
    } }))
}

pub(crate) struct Server {
    pub(crate) athena: Arc<AwsAthena>,
    asked: Arc<Mutex<Vec<Asked>>>,
    news: Arc<Notify>,
}

impl Server {
    /// Answers each request by `script`, which is told how often the same operation was asked before.
    pub(crate) async fn start(script: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (asked, news, script) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(Notify::new()), Arc::new(script));
        tokio::spawn({
            let (asked, news) = (Arc::clone(&asked), Arc::clone(&news));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (asked, news, script) = (Arc::clone(&asked), Arc::clone(&news), Arc::clone(&script));
                    tokio::spawn(async move { serve(stream, &asked, &news, script.as_ref()).await });
                }
            }
        });
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("test", "test", None)))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(std::time::Duration::from_millis(1)))
            .sleep_impl(aws_sdk_athena::config::SharedAsyncSleep::new(Sleep))
            .build();
        Self { athena: Arc::new(AwsAthena::new(&config)), asked, news }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.operation).collect()
    }

    /// The statements that were started.
    pub(crate) fn statements(&self) -> Vec<String> {
        self.asked()
            .iter()
            .filter_map(|asked| asked.body["QueryString"].as_str().filter(|_| asked.operation == "StartQueryExecution").map(str::to_owned))
            .collect()
    }

    /// Waits until an operation was asked.
    pub(crate) async fn until(&self, operation: &str) {
        loop {
            let next = self.news.notified();
            if self.operations().iter().any(|asked| asked == operation) {
                return;
            }
            next.await;
        }
    }
}

/// Answers the requests of one connection.
async fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, news: &Notify, script: &(dyn Fn(&Asked, usize) -> Answer + Send + Sync)) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(": ") else { continue };
            match name.to_ascii_lowercase().as_str() {
                "x-amz-target" => operation = value.trim_start_matches("AmazonAthena.").to_owned(),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let request = Asked { operation, body: serde_json::from_slice(&body).unwrap() };
        let Answer(status, answer) = {
            let mut asked = asked.lock().unwrap();
            let before = asked.iter().filter(|earlier| earlier.operation == request.operation).count();
            asked.push(request.clone());
            script(&request, before)
        };
        news.notify_waiters();
        let body = answer.to_string();
        let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}
