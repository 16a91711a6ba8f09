use kms_insights_model::{ErrorCode, Fact};
use kms_insights_sandbox::{Behaviour, Fault, FaultKind, Outcome, Recurrence};
use serde_json::json;

use crate::{client::Client, start};

#[tokio::test]
async fn each_kind_of_fault_looks_as_it_does_on_the_wire() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let ask = async |kind| {
        sandbox.set_faults(vec![Fault::always("kms", "ListKeys", kind)]);
        client.kms("ListKeys", &json!({})).await
    };
    assert_eq!(ask(FaultKind::AccessDenied).await.unwrap().code(), "AccessDeniedException");
    assert_eq!(ask(FaultKind::Throttle).await.unwrap().code(), "ThrottlingException");
    assert_eq!(ask(FaultKind::NotFound).await.unwrap().code(), "NotFoundException");
    let answer = ask(FaultKind::Status(503)).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (503, "ServiceUnavailableException"));
    let answer = ask(FaultKind::HtmlError).await.unwrap();
    assert_eq!(answer.status, 500);
    assert!(answer.head.contains("text/html") && answer.text().starts_with("<!doctype html>"));
    assert_eq!(ask(FaultKind::Reset).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(ask(FaultKind::TruncatedBody).await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    let answer = ask(FaultKind::MalformedBody).await.unwrap();
    assert!(answer.status == 200 && serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
    assert_eq!(ask(FaultKind::MissingMarker).await.unwrap().json()["Truncated"], true);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), ask(FaultKind::Stall)).await.is_err());
    sandbox.clear_faults();
    assert_eq!(client.kms("ListKeys", &json!({})).await.unwrap().status, 200);
    // A marker that lacks is in an answer like any other.
    assert_eq!(sandbox.requests().of_outcome("kms:ListKeys", Outcome::Ok), 2);
    assert!(sandbox.requests().of_outcome("kms:ListKeys", Outcome::Fault) >= 8);
}

#[tokio::test]
async fn of_each_fault_is_told_how_many_requests_it_befell() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let first = |kind, times| Fault::everywhere(kind, Recurrence::First(times)).of("kms", "ListKeys");
    sandbox.set_faults(vec![
        first(FaultKind::Slow(1), 4),
        first(FaultKind::MalformedBody, 3),
        first(FaultKind::TruncatedBody, 3),
        first(FaultKind::Throttle, 2),
        Fault::always("kms", "ListAliases", FaultKind::Throttle),
    ]);
    for _ in 0..5 {
        let _ = client.kms("ListKeys", &json!({})).await;
    }
    // Two were throttled and had no body to damage, the third was cut once, and the last is not struck.
    assert_eq!(sandbox.befallen(), [4, 1, 0, 2, 0]);
    assert_eq!(sandbox.requests().of_outcome("kms:ListKeys", Outcome::Fault), 3);
    sandbox.clear_faults();
    assert!(sandbox.befallen().is_empty());
}

#[tokio::test]
async fn a_fault_of_some_objects_leaves_the_others_alone() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    sandbox.set_faults(vec![Fault::always("s3", "PutObject", FaultKind::Throttle).for_objects("lake/runs/")]);
    let put = async |key: &str| client.send("s3", &format!("PUT /kms-insights-lake/{key}"), &[], b"row").await.unwrap().status;
    assert_eq!([put("lake/runs/1.parquet").await, put("lake/keys/1.parquet").await, put("runs/1.parquet").await], [503, 200, 200]);
    assert_eq!(sandbox.befallen(), [1]);
}

#[tokio::test]
async fn requests_overlap_where_another_key_s_or_its_session_s_are_under_way() {
    let sandbox = start(Behaviour::default()).await;
    let (one, other) = (Client::new(&sandbox.endpoint()).with_key("ONE"), Client::new(&sandbox.endpoint()).with_key("OTHER"));
    let session = one.with_key(one.assume(sandbox.organization().accounts()[1].id.as_str(), "").await.unwrap());
    assert_eq!(sandbox.requests().overlapping, 0);
    sandbox.set_faults(vec![Fault::always("kms", "ListKeys", FaultKind::Stall)]);
    let stalled = tokio::spawn(async move { session.kms("ListKeys", &json!({})).await });
    while sandbox.befallen() != [1] {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.kms("ListAliases", &json!({})).await.unwrap().status, 200);
    assert_eq!(sandbox.requests().overlapping, 0, "a session is its opener's");
    assert_eq!(other.kms("ListAliases", &json!({})).await.unwrap().status, 200);
    assert_eq!(sandbox.requests().overlapping, 1);
    stalled.abort();
}

#[tokio::test]
async fn faults_strike_the_account_region_key_and_operation_that_they_name_and_as_often_as_they_say() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let keys = client.all("ListKeys", "Keys", json!({})).await.unwrap();
    let (one, two) = (keys[3]["KeyId"].as_str().unwrap(), keys[4]["KeyId"].as_str().unwrap());
    let fault = Fault::always("kms", "ListResourceTags", FaultKind::Throttle).for_key(one.parse().unwrap()).when(Recurrence::First(2));
    sandbox.set_faults(vec![fault.in_account(sandbox.caller_account()).in_region("us-east-1".parse().unwrap())]);
    let tags = async |key: &str| client.kms("ListResourceTags", &json!({"KeyId": key})).await.unwrap().status;
    assert_eq!([tags(one).await, tags(two).await, tags(one).await, tags(one).await], [400, 200, 400, 200]);
    // What passes leaves no trace in the truth.
    assert!(sandbox.truth().keys(sandbox.caller_account(), &"us-east-1".parse().unwrap()).all(|key| !key.tags.is_lacking() || key.policy.is_lacking()));
}

#[tokio::test]
async fn a_repeated_marker_repeats_and_the_truth_says_what_was_seen_before() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    sandbox.set_faults(vec![Fault::always("kms", "ListKeys", FaultKind::RepeatedMarker)]);
    let first = client.kms("ListKeys", &json!({"Limit": 5})).await.unwrap().json();
    let second = client.kms("ListKeys", &json!({"Limit": 5, "Marker": first["NextMarker"]})).await.unwrap().json();
    assert_eq!(first["NextMarker"], second["NextMarker"]);
    assert_ne!(first["Keys"], second["Keys"]);
    let unit = sandbox.truth().unit(sandbox.caller_account(), &"us-east-1".parse().unwrap());
    assert_eq!((unit.keys_listed, unit.key_listing.unwrap().code), (20, ErrorCode::EndlessPagination));
}

#[tokio::test]
async fn the_truth_knows_what_is_refused_for_ever() {
    let sandbox = start(Behaviour::default()).await;
    let accounts = sandbox.organization().accounts();
    let (one, two) = (accounts[1].id, accounts[2].id);
    sandbox.set_faults(vec![
        Fault::always("sts", "AssumeRole", FaultKind::AccessDenied).in_account(one),
        Fault::always("kms", "GetKeyPolicy", FaultKind::HtmlError),
        Fault::always("kms", "ListAliases", FaultKind::Throttle).in_region("us-east-1".parse().unwrap()),
        Fault::always("account", "ListRegions", FaultKind::AccessDenied).in_account(two),
    ]);
    let truth = sandbox.truth();
    let code = |fact: &Fact<()>| fact.failure().map(|failure| failure.code);
    assert_eq!(code(&truth.account(one).unwrap().access), Some(ErrorCode::AssumeRoleDenied));
    let record = truth.account(two).unwrap();
    assert_eq!((record.region_listing.unwrap().code, record.regions.len()), (ErrorCode::AccessDenied, 17));
    let region = "us-east-1".parse().unwrap();
    for key in truth.keys(two, &region) {
        assert!(matches!(key.policy.failure().unwrap().code, ErrorCode::ServiceError));
        assert_eq!(key.aliases.failure().unwrap().code, ErrorCode::Throttled);
    }
    assert_eq!(truth.keys(two, &"eu-central-1".parse().unwrap()).filter(|key| key.aliases.is_lacking()).count(), 0);
}

#[tokio::test]
async fn a_sandbox_in_another_process_is_controlled_over_http() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let put = client.send_unsigned("PUT /_sandbox/faults", &[], br#"[{"service":"kms","operation":"ListKeys","kind":"access_denied"}]"#).await.unwrap();
    assert_eq!(put.status, 204);
    assert_eq!(client.kms("ListKeys", &json!({})).await.unwrap().code(), "AccessDeniedException");
    assert_eq!(client.send_unsigned("PUT /_sandbox/faults", &[], br#"[{"kind":"nonsense"}]"#).await.unwrap().status, 400);
    assert_eq!(client.send_unsigned("DELETE /_sandbox/faults", &[], b"").await.unwrap().status, 204);
    let counts = client.send_unsigned("GET /_sandbox/requests", &[], b"").await.unwrap().json();
    assert_eq!(counts["operations"]["kms:ListKeys"]["fault"], 1);
    let truth = client.send_unsigned("GET /_sandbox/truth", &[], b"").await.unwrap().text();
    let records: Vec<kms_insights_model::StagedRecord> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records, sandbox.truth().records().collect::<Vec<_>>());
}
