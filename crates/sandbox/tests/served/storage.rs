use kms_insights_sandbox::Behaviour;

use crate::{client::Client, start};

#[tokio::test]
async fn of_two_conditional_writes_one_wins() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let put = async |body: &[u8]| client.send("s3", "PUT /kms-insights-lake/runs/one", &[("if-none-match", "*")], body).await.unwrap().status;
    let (one, two) = tokio::join!(put(b"1"), put(b"2"));
    assert_eq!(one.min(two), 200);
    assert_eq!(one.max(two), 412);
}

#[tokio::test]
async fn chunked_bodies_are_decoded_and_their_checksum_is_verified() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let headers = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", "5")];
    let body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    assert_eq!(client.send("s3", "PUT /kms-insights-lake/a%20b", &headers, body).await.unwrap().status, 200);
    let wrong = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    let refused = client.send("s3", "PUT /kms-insights-lake/a%20b", &headers, wrong).await.unwrap();
    assert!(refused.status == 400 && refused.text().contains("BadDigest"));
    let read = client.send("s3", "GET /kms-insights-lake/a%20b", &[("range", "bytes=1-3")], b"").await.unwrap();
    assert_eq!((read.status, read.text().as_str()), (206, "ell"));
    let head = client.send("s3", "HEAD /kms-insights-lake/a%20b", &[], b"").await.unwrap();
    assert!(head.status == 200 && head.head.contains("content-length: 5"), "{}", head.head);
}

#[tokio::test]
async fn another_owner_than_expected_is_refused() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let owner = sandbox.caller_account().to_string();
    let put = async |owner: &str| client.send("s3", "PUT /kms-insights-lake/x", &[("x-amz-expected-bucket-owner", owner)], b"1").await.unwrap().status;
    assert_eq!([put(&owner).await, put("111122223333").await], [200, 403]);
}

#[tokio::test]
async fn listings_fold_prefixes_and_go_on_where_they_ended() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    for key in ["a/1", "a/2", "b/1", "c", "d%26e"] {
        client.send("s3", &format!("PUT /kms-insights-lake/{key}"), &[], b"").await.unwrap();
    }
    let list = async |query: &str| client.send("s3", &format!("GET /kms-insights-lake?list-type=2{query}"), &[], b"").await.unwrap().text();
    let first = list("&delimiter=%2F&max-keys=2").await;
    assert!(first.contains("<Prefix>a/</Prefix>") && first.contains("<Prefix>b/</Prefix>") && first.contains("<IsTruncated>true</IsTruncated>"), "{first}");
    let token = first.split_once("<NextContinuationToken>").unwrap().1.split_once('<').unwrap().0;
    let second = list(&format!("&delimiter=%2F&max-keys=2&continuation-token={token}")).await;
    assert!(second.contains("<Key>c</Key>") && second.contains("<Key>d&amp;e</Key>") && second.contains("<IsTruncated>false</IsTruncated>"), "{second}");
    assert!(list("&prefix=a%2F").await.contains("<KeyCount>2</KeyCount>"));
}
