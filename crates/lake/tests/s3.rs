//! A lake on S3, over HTTP and with the real SDK client: the store itself, and a run from staging to readers.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{collections::BTreeSet, sync::Arc};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::{
    Credentials,
    credential_fn::provide_credentials_fn,
    provider::{SharedCredentialsProvider, error::CredentialsError},
};
use futures::TryStreamExt;
use kms_insights_lake::{
    Lake, LakeError, LakeLocation, S3Access,
    publish::{FindingSettings, publish},
    s3::{S3Options, S3Store},
    staging::*,
    tables,
};
use kms_insights_model::{Account, AccountId, AccountRecord, Fact, KeyArn, KeyFacts, RunId, RunStatus, StagedRecord, Timestamp, UnitRecord};
use kms_insights_sandbox::{Behaviour, Organization, OrganizationShape, RunningSandbox, Sandbox};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const BUCKET: &str = "kms-insights-lake";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn sandbox() -> RunningSandbox {
    let shape = OrganizationShape { seed: 1, accounts: 1, now: at("2026-11-22T06:00:00Z"), ..OrganizationShape::default() };
    Sandbox::start(Organization::generate(shape), Behaviour::default(), "127.0.0.1:0").await.unwrap()
}

async fn access(sandbox: &RunningSandbox) -> S3Access {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .endpoint_url(sandbox.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    S3Access { config, options: S3Options::default() }
}

async fn lake(sandbox: &RunningSandbox, prefix: &str) -> Lake {
    let location: LakeLocation = format!("s3://{BUCKET}/{prefix}").parse().unwrap();
    Lake::open_or_create(&location, Some(&access(sandbox).await)).unwrap()
}

async fn listed(store: &Arc<dyn ObjectStore>, prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = store.list(Some(&Path::from(prefix))).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn objects_are_written_read_in_ranges_listed_copied_and_deleted() {
    let sandbox = sandbox().await;
    let store = lake(&sandbox, "x").await.object_store();
    let path = Path::from("x/snapshot_date=2026-11-22/a b+c");
    store.put(&path, PutPayload::from_static(b"0123456789")).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "0123456789");
    assert_eq!(store.get_range(&path, 2..5).await.unwrap(), "234");
    let suffix = store.get_opts(&path, GetOptions::new().with_range(Some(GetRange::Suffix(3)))).await.unwrap();
    assert_eq!((suffix.range.clone(), suffix.meta.size), (7..10, 10));
    assert_eq!(suffix.bytes().await.unwrap(), "789");
    assert_eq!(store.head(&path).await.unwrap().size, 10);
    store.copy(&path, &Path::from("x/copy")).await.unwrap();
    store.put(&Path::from("xy/other"), PutPayload::from_static(b"")).await.unwrap();
    assert_eq!(listed(&store, "x").await, ["x/copy".to_owned(), path.to_string()]);
    let folders = store.list_with_delimiter(Some(&Path::from("x"))).await.unwrap();
    assert_eq!((folders.common_prefixes, folders.objects.len()), (vec![Path::from("x/snapshot_date=2026-11-22")], 1));
    store.delete(&path).await.unwrap();
    assert!(matches!(store.get(&path).await, Err(object_store::Error::NotFound { .. })));
    assert!(matches!(store.head(&path).await, Err(object_store::Error::NotFound { .. })));
}

#[tokio::test]
async fn of_many_that_create_an_object_one_succeeds() {
    let sandbox = sandbox().await;
    let store = lake(&sandbox, "x").await.object_store();
    let attempts = (0..16).map(|number: u8| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.put_opts(&Path::from("x/once"), PutPayload::from(vec![number]), PutMode::Create.into()).await })
    });
    let mut created = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => created += 1,
            Err(error) => assert!(matches!(error, object_store::Error::AlreadyExists { .. }), "{error}"),
        }
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn large_objects_go_in_parts_and_come_back_whole() {
    let sandbox = sandbox().await;
    let store = lake(&sandbox, "x").await.object_store();
    let content: Vec<u8> = (0..12_000_000_u32).map(|n| (n % 251) as u8).collect();
    let path = Path::from("x/large");
    let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await.unwrap(), 5 << 20);
    upload.write(&content);
    upload.finish().await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), content);
}

#[tokio::test]
async fn listings_of_many_pages_are_read_to_their_end() {
    let sandbox = sandbox().await;
    let store = lake(&sandbox, "x").await.object_store();
    for number in 0..1005 {
        store.put(&Path::from(format!("x/{number:04}")), PutPayload::from_static(b"1")).await.unwrap();
    }
    assert_eq!(listed(&store, "x").await.len(), 1005);
}

/// An endpoint that gives every request this content, and tells the heads of the requests that it got.
async fn endpoint_that_answers(body: &'static str) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    endpoint_that_sends(format!("HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())).await
}

/// An endpoint that gives every request the same answer, and tells the heads of the requests that it got.
async fn endpoint_that_sends(answer: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (heads, received) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let head_end = loop {
                assert!(connection.read_buf(&mut request).await.unwrap() > 0, "a request that ends within its head");
                if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
            };
            let head = String::from_utf8(request[..head_end].to_vec()).unwrap().to_lowercase();
            let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
            while request.len() < head_end + length {
                connection.read_buf(&mut request).await.unwrap();
            }
            // Whoever does not look at the requests has dropped the other end.
            let _ = heads.send(head);
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (endpoint, received)
}

fn store_at(access: S3Access, endpoint: &str) -> S3Store {
    let config = access.config.into_builder().endpoint_url(endpoint).retry_config(RetryConfig::disabled()).build();
    S3Store::new(&config, BUCKET, &access.options)
}

#[tokio::test]
async fn a_listing_that_would_never_end_or_does_not_say_where_it_goes_on_is_an_error() {
    let sandbox = sandbox().await;
    for (body, complaint) in [
        ("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken></ListBucketResult>", "repeats"),
        ("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "does not say where"),
    ] {
        let (endpoint, _requests) = endpoint_that_answers(body).await;
        let store = store_at(access(&sandbox).await, &endpoint);
        let listing: Result<Vec<_>, _> = store.list(Some(&Path::from("x"))).try_collect().await;
        assert!(listing.unwrap_err().to_string().contains(complaint));
    }
}

#[tokio::test]
async fn writes_carry_condition_encryption_owner_and_checksum() {
    let sandbox = sandbox().await;
    let (endpoint, mut requests) = endpoint_that_answers("").await;
    let mut access = access(&sandbox).await;
    access.options.kms_key = Some("alias/lake".to_owned());
    access.options.expected_bucket_owner = Some("111122223333".to_owned());
    let store = store_at(access, &endpoint);
    store.put_opts(&Path::from("x/once"), PutPayload::from_static(b"1"), PutMode::Create.into()).await.unwrap();
    let head = requests.recv().await.unwrap();
    assert!(head.starts_with(&format!("put /{BUCKET}/x/once")), "{head}");
    for header in [
        "if-none-match: *",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: alias/lake",
        "x-amz-server-side-encryption-bucket-key-enabled: true",
        "x-amz-expected-bucket-owner: 111122223333",
        "x-amz-checksum-crc32c: ",
    ] {
        assert!(head.lines().any(|line| line.starts_with(header)), "{header} is not in {head}");
    }
}

#[tokio::test]
async fn a_missing_bucket_is_an_error_that_names_it() {
    let sandbox = sandbox().await;
    let location: LakeLocation = "s3://no-such-bucket/x".parse().unwrap();
    let lake = Lake::open(&location, Some(&access(&sandbox).await)).unwrap();
    let error = lake.published_runs().await.unwrap_err().to_string();
    assert!(error.contains("NoSuchBucket"), "{error}");
    assert!(matches!(Lake::open(&location, None), Err(LakeError::AwsSettings { .. })));
}

/// What is said of a request for one object's head.
async fn told(access: S3Access, endpoint: &str) -> object_store::Error {
    without_debris(store_at(access, endpoint).head(&Path::from("x/1")).await.unwrap_err())
}

/// No failure shows the insides of the SDK.
fn without_debris(error: object_store::Error) -> object_store::Error {
    let text = error.to_string();
    for debris in ["Request {", "Response {", "DispatchFailure(", "ServiceError(", "Unhandled", " { ", "(Error"] {
        assert!(!text.contains(debris), "{text}");
    }
    error
}

/// The words after those of the object store.
fn words(error: &object_store::Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[tokio::test]
async fn answers_without_words_are_told_by_their_status_and_what_it_usually_means() {
    let sandbox = sandbox().await;
    let empty = |status: &str, headers: &str| format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
    for (status, headers, said) in [
        ("403 Forbidden", "x-amz-request-id: R1\r\n", "HTTP status 403: access is denied (request R1)"),
        ("404 Not Found", "", "HTTP status 404: there is no such object or bucket"),
        ("503 Busy", "", "HTTP status 503: S3, or what stands before it, is busy or out of order"),
        ("418 Teapot", "", "HTTP status 418"),
        (
            "301 Moved",
            "x-amz-bucket-region: eu-west-1\r\n",
            "HTTP status 301: the request went to the wrong Region (the bucket is in eu-west-1: give --s3-region eu-west-1, or set AWS_REGION to it)",
        ),
    ] {
        let (endpoint, _) = endpoint_that_sends(empty(status, headers)).await;
        assert_eq!(words(&told(access(&sandbox).await, &endpoint).await), said);
    }

    // S3 does not say which of the two it is.
    let (endpoint, _) = endpoint_that_sends(empty("403 Forbidden", "")).await;
    let mut owned = access(&sandbox).await;
    owned.options.expected_bucket_owner = Some("111122223333".to_owned());
    let error = told(owned, &endpoint).await;
    assert!(matches!(error, object_store::Error::PermissionDenied { .. }), "{error}");
    assert_eq!(words(&error), "HTTP status 403: access is denied, or the bucket does not belong to account 111122223333 (--s3-bucket-owner)");
}

#[tokio::test]
async fn a_page_that_is_not_of_s3_is_told_by_its_status() {
    let sandbox = sandbox().await;
    let page = "<html>Blocked by proxy";
    let (endpoint, _) = endpoint_that_sends(format!("HTTP/1.1 403 No\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}", page.len())).await;
    let error = store_at(access(&sandbox).await, &endpoint).get(&Path::from("x/1")).await.unwrap_err();
    assert_eq!(words(&without_debris(error)), "HTTP status 403: access is denied");

    for page in ["<html>Sign in first", "<Error></Error>"] {
        let (endpoint, _) = endpoint_that_answers(page).await;
        let copied = store_at(access(&sandbox).await, &endpoint).copy(&Path::from("x/1"), &Path::from("x/2")).await;
        assert_eq!(words(&without_debris(copied.unwrap_err())), "HTTP status 200: the answer broke off, or is not of the form that S3 documents");
    }
}

#[tokio::test]
async fn a_request_that_was_never_answered_is_told_by_its_causes_the_innermost_last() {
    let sandbox = sandbox().await;
    let closed = format!("http://{}", TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap());
    let text = words(&told(access(&sandbox).await, &closed).await);
    assert!(text.starts_with("dispatch failure: ") && text.contains("tcp connect error: Connection refused"), "{text}");
    let text = words(&told(access(&sandbox).await, "no endpoint").await);
    assert!(text.starts_with("dispatch failure: ") && text.ends_with("`no endpoint` was not a valid URI"), "{text}");

    let lake = Lake::new(Arc::new(store_at(access(&sandbox).await, &closed)), Path::from("x"), "s3://kms-insights-lake/x".parse().unwrap());
    let error = lake.published_runs().await.unwrap_err().to_string();
    assert!(error.ends_with("; check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then try again"), "{error}");
}

#[tokio::test]
async fn a_person_without_credentials_is_told_so() {
    let sandbox = sandbox().await;
    for (failure, said) in [
        (CredentialsError::not_loaded as fn(&'static str) -> CredentialsError, "no credentials found"),
        (CredentialsError::provider_error, "an error occurred while loading credentials: the session has expired"),
    ] {
        let provider = provide_credentials_fn(move || async move { Err(failure("the session has expired")) });
        let access = access(&sandbox).await;
        let config = access.config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        let error = told(S3Access { config, options: access.options }, &sandbox.endpoint()).await;
        assert!(matches!(error, object_store::Error::Unauthenticated { .. }), "{error}");
        assert!(words(&error).ends_with(said), "{error}");
    }
}

#[tokio::test]
async fn a_run_is_staged_published_and_read_as_on_a_local_folder() {
    let sandbox = sandbox().await;
    let lake = lake(&sandbox, "lakes/one").await;
    let (id, region): (AccountId, kms_insights_model::Region) = ("111122223333".parse().unwrap(), "eu-central-1".parse().unwrap());
    let account = Account { id, name: None, state: None, ou_path: Fact::NotApplicable, is_management: false };
    let run = RunId::new(at("2026-11-22T06:03:00Z"), 1);
    let info = RunInfo {
        run_id: run.clone(),
        started_at: at("2026-11-22T06:03:00Z"),
        tool_version: "0.1.0".to_owned(),
        organization_id: None,
        accounts: vec![account.clone()],
        organization_accounts: Some(BTreeSet::from([id])),
        regions: None,
        selection: None,
        customer_managed_only: false,
        resumed_from: None,
        settings: serde_json::Map::new(),
        organization_failures: Vec::new(),
    };
    let writer = StagingWriter::begin(&lake, &info).await.unwrap();
    let arn = KeyArn::new(id, region.clone(), "1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap());
    let key = KeyFacts {
        arn,
        observed_at: at("2026-11-22T06:05:00Z"),
        metadata: Fact::NotApplicable,
        aliases: Fact::Observed(Vec::new()),
        policy: Fact::NotApplicable,
        ram_policy: Fact::NotApplicable,
        grants: Fact::Observed(Vec::new()),
        tags: Fact::Observed(Vec::new()),
        rotation: Fact::NotApplicable,
        rotations: Fact::NotApplicable,
    };
    let unit = UnitRecord {
        account: id,
        region: region.clone(),
        keys_listed: 1,
        keys_staged: 1,
        key_listing: None,
        alias_listing: None,
        custom_key_stores: Fact::Observed(Vec::new()),
    };
    let record = AccountRecord { account, skipped: None, access: Fact::Observed(()), regions: vec![region], region_listing: None };
    for record in [StagedRecord::Key(Box::new(key)), StagedRecord::Unit(Box::new(unit)), StagedRecord::Account(Box::new(record))] {
        writer.record(record).await.unwrap();
    }
    let summary = publish(&lake, &writer, at("2026-11-22T06:30:00Z"), &FindingSettings::default()).await.unwrap();
    // Nobody asked for the key's last usage.
    assert_eq!((summary.status, summary.row.keys, summary.row.facts_lacking), (RunStatus::Partial, 1, 1));
    assert!(matches!(publish(&lake, &writer, at("2026-11-22T06:30:00Z"), &FindingSettings::default()).await, Err(LakeError::AlreadyPublished { .. })));
    assert_eq!(lake.published_runs().await.unwrap(), [summary.row]);
    for table in tables::ALL {
        assert_eq!(lake.data_files(table, &run).await.unwrap().len(), 1, "{}", table.name);
    }
    assert!(lake.staged_run(&run).await.unwrap().unwrap().published);
    lake.discard_staging(&run).await.unwrap();
    assert_eq!(lake.staged_runs().await.unwrap(), []);
}
