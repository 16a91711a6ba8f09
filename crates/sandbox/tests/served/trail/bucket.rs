use kms_insights_sandbox::{Behaviour, TrailSetting};
use serde_json::Value;

use super::reading::{self, listed, object};
use crate::{client::Client, start};

#[tokio::test]
async fn log_files_lie_by_account_region_and_day_and_their_sizes_are_true() {
    let behaviour = Behaviour { trail: TrailSetting { prefix: Some("central/logs".to_owned()), days: 2, ..TrailSetting::default() }, ..Behaviour::default() };
    let sandbox = start(behaviour).await;
    let client = Client::new(&sandbox.endpoint());
    let bucket = reading::bucket(&sandbox);
    let account = sandbox.organization().accounts()[1].id;
    let folder = format!("central/logs/AWSLogs/{}/{account}/", sandbox.organization().id());
    let answer = client.send("s3", &format!("GET /{bucket}?list-type=2&delimiter=%2F&prefix={folder}"), &[], b"").await.unwrap().text();
    let folders: Vec<&str> = answer.split("<CommonPrefixes><Prefix>").skip(1).map(|rest| rest.split_once('<').unwrap().0).collect();
    assert_eq!(folders, [format!("{folder}CloudTrail-Digest/"), format!("{folder}CloudTrail/")]);
    let files = listed(&client, &bucket, &format!("{folder}CloudTrail/eu-central-1/")).await;
    assert!(files.len() >= 6, "{files:?}");
    for (path, size) in &files {
        let name = path.rsplit('/').next().unwrap();
        let minute = name.strip_prefix(&format!("{account}_CloudTrail_eu-central-1_")).unwrap();
        let day = format!("{}/{}/{}", &minute[..4], &minute[4..6], &minute[6..8]);
        assert!(path.starts_with(&format!("{folder}CloudTrail/eu-central-1/{day}/")) && minute.ends_with(".json.gz"), "{path}");
        assert_eq!((&minute[8..9], &minute[13..15], minute.len()), ("T", "Z_", "20261122T0543Z_0123456789abcdef.json.gz".len()), "{path}");
        let head = client.send("s3", &format!("HEAD /{bucket}/{path}"), &[], b"").await.unwrap();
        assert!(head.head.contains(&format!("content-length: {size}")), "{}", head.head);
        let delivered = chrono::NaiveDateTime::parse_from_str(&minute[..14], "%Y%m%dT%H%MZ").unwrap();
        assert!(head.head.contains(&delivered.format("last-modified: %a, %d %b %Y %H:%M:00 GMT").to_string()), "{}", head.head);
        let whole = client.send("s3", &format!("GET /{bucket}/{path}"), &[], b"").await.unwrap();
        let part = client.send("s3", &format!("GET /{bucket}/{path}"), &[("range", "bytes=2-9")], b"").await.unwrap();
        assert_eq!((whole.body.len(), part.status, &part.body[..]), (*size, 206, &whole.body[2..10]));
    }
    let after = format!("&start-after={}", files[0].0);
    let rest = client.send("s3", &format!("GET /{bucket}?list-type=2&prefix={folder}CloudTrail/eu-central-1/{after}"), &[], b"").await.unwrap().text();
    assert_eq!(rest.matches("<Contents>").count(), files.len() - 1);
}

#[tokio::test]
async fn listings_go_on_where_a_page_ended() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let bucket = reading::bucket(&sandbox);
    let account = sandbox.organization().management().id;
    let prefix = format!("AWSLogs/{}/{account}/", sandbox.organization().id());
    let whole: Vec<String> = listed(&client, &bucket, &prefix).await.into_iter().map(|(path, _)| path).collect();
    let paged: Vec<String> = listed(&client, &bucket, &format!("{prefix}&max-keys=7")).await.into_iter().map(|(path, _)| path).collect();
    assert!(whole.len() > 80 && whole.is_sorted(), "{}", whole.len());
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn digest_files_have_no_records() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let bucket = reading::bucket(&sandbox);
    let account = sandbox.organization().management().id;
    let files = listed(&client, &bucket, &format!("AWSLogs/{}/{account}/CloudTrail-Digest/us-east-1/", sandbox.organization().id())).await;
    let digest = object(&client, &bucket, &files[0].0).await;
    assert_eq!(
        (&digest["Records"], &digest["logFiles"], &digest["digestS3Object"]),
        (&Value::Null, &Value::Array(Vec::new()), &Value::from(files[0].0.as_str()))
    );
}

#[tokio::test]
async fn the_bucket_is_its_owners_to_read_and_nobodys_to_write() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let bucket = reading::bucket(&sandbox);
    let member = client.with_key(sandbox.organization().accounts()[1].id.to_string());
    let status = async |client: &Client, line: String| client.send("s3", &line, &[], b"").await.unwrap().status;
    assert_eq!(status(&client, format!("HEAD /{bucket}")).await, 200);
    assert_eq!(status(&member, format!("GET /{bucket}?list-type=2")).await, 403);
    assert_eq!(status(&client, format!("PUT /{bucket}/AWSLogs/x")).await, 403);
    assert_eq!(status(&client, format!("DELETE /{bucket}/AWSLogs/x")).await, 403);
    assert_eq!(status(&client, format!("GET /{bucket}/AWSLogs/x")).await, 404);
    assert!(client.send("s3", "GET /", &[], b"").await.unwrap().text().contains(&bucket));
}
