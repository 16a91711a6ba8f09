//! The adapter against answers as Athena's API gives them, over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod pauses;
mod server;
mod setting_up;

use std::time::Duration;

use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use kms_insights_athena::{
    AthenaApi, AthenaError, ExecutionId, FailureKind, Limits, Operation, QueryRequest, QueryText, State, StopReason, Timer, WorkGroup, execute, rows,
};
use serde_json::{Value, json};
use server::{Answer, Asked, Server, execution, ok, refused};

/// Time that passes at once.
pub(crate) struct NoTime;

impl Timer for NoTime {
    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn never() -> std::future::Pending<StopReason> {
    std::future::pending()
}

fn request(sql: &str) -> QueryRequest {
    QueryRequest { sql: sql.to_owned(), database: Some("kms".parse().unwrap()), workgroup: WorkGroup::default(), output_location: None }
}

fn started() -> Answer {
    ok(json!({ "QueryExecutionId": "q-1" }))
}

fn page(rows: &[&[Option<&str>]], next: Option<&str>) -> Answer {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| json!({ "Data": row.iter().map(|value| value.map_or(json!({}), |value| json!({ "VarCharValue": value }))).collect::<Vec<_>>() }))
        .collect();
    let column = |name: &str, kind: &str| json!({ "Name": name, "Label": name, "Type": kind, "Precision": 19, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": false });
    ok(json!({
        "ResultSet": { "Rows": rows, "ResultSetMetadata": { "ColumnInfo": [column("name", "varchar"), column("keys", "bigint")] } },
        "NextToken": next,
    }))
}

#[tokio::test]
async fn a_query_is_waited_for_and_its_pages_are_read_without_the_line_of_names() {
    let server = Server::start(|asked, before| match (asked.operation.as_str(), before) {
        ("StartQueryExecution", _) => started(),
        ("GetQueryExecution", 0) => execution("QUEUED", None, 0),
        ("GetQueryExecution", 1) => execution("RUNNING", None, 7),
        ("GetQueryExecution", _) => execution("SUCCEEDED", None, 4096),
        ("GetQueryResults", 0) => page(&[&[Some("name"), Some("keys")], &[Some("name"), Some("1")], &[Some(""), None]], Some("more")),
        ("GetQueryResults", _) => page(&[&[None, Some("3")]], None),
        other => panic!("{other:?}"),
    })
    .await;
    let mut told = Vec::new();
    let finished = execute(&server.athena, &request("SELECT 1"), Limits::default(), never(), &NoTime, |progress| {
        told.push((progress.state.clone(), progress.bytes_scanned));
    })
    .await
    .unwrap();
    assert_eq!(told, [(State::Queued, 0), (State::Running, 7), (State::Succeeded, 4096)]);
    assert_eq!(finished.scanned().to_string(), "4.0 KB read, the 10 MB that a query costs at least: 0.000048 USD (at 5 USD a TB, the price in most Regions)");
    let answer = rows(&server.athena, &finished).await.unwrap();
    let batches: Vec<_> = answer.batches.try_collect().await.unwrap();
    insta::assert_snapshot!(pretty_format_batches(&batches).unwrap(), @r"
    +------+------+
    | name | keys |
    +------+------+
    | name | 1    |
    |      |      |
    |      | 3    |
    +------+------+
    ");
    // Null and empty text look alike in a table, and are not.
    assert_eq!((batches[0].column(0).null_count(), batches[0].column(1).null_count(), batches[1].column(0).null_count()), (0, 1, 1));
    let pages: Vec<Value> =
        server.asked().into_iter().filter(|asked| asked.operation == "GetQueryResults").map(|asked| asked.body["NextToken"].clone()).collect();
    assert_eq!(pages, [Value::Null, json!("more")]);
    assert!(!server.operations().contains(&"StopQueryExecution".to_owned()));
}

#[tokio::test]
async fn a_page_that_names_itself_ends_the_reading_with_an_error() {
    let server = Server::start(|_, _| page(&[], Some("again"))).await;
    let finished = kms_insights_athena::Finished { id: ExecutionId("q-1".to_owned()), execution: succeeded() };
    let error = rows(&server.athena, &finished).await.unwrap().batches.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.to_string(), "Athena's answer is not what it should be: a page of the query q-1 names itself as the next one");
}

fn succeeded() -> kms_insights_athena::Execution {
    kms_insights_athena::Execution {
        state: State::Succeeded,
        reason: None,
        statement_type: None,
        bytes_scanned: 0,
        milliseconds: None,
        output_location: None,
        reused: false,
    }
}

/// What a query ends with that reaches these states one after the other.
async fn ends(states: &'static [(&'static str, Option<&'static str>)]) -> AthenaError {
    let server = Server::start(move |asked, before| match asked.operation.as_str() {
        "StartQueryExecution" => started(),
        "GetQueryExecution" => execution(states[before.min(states.len() - 1)].0, states[before.min(states.len() - 1)].1, 0),
        other => panic!("{other}"),
    })
    .await;
    execute(&server.athena, &request("SELECT 1"), Limits::default(), never(), &NoTime, |_| {}).await.unwrap_err()
}

#[tokio::test]
async fn a_query_that_fails_gives_athenas_reason_and_a_next_step() {
    let error = ends(&[("RUNNING", None), ("FAILED", Some("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.kms.keys' does not exist"))]).await;
    assert_eq!(error.to_string(), "the query failed in Athena: TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.kms.keys' does not exist (query q-1)");
    assert!(error.next_step().unwrap().contains("kms-insights athena setup"));
    let error = ends(&[("CANCELLED", Some("Query cancelled by user"))]).await;
    assert_eq!(error.to_string(), "the query was cancelled in Athena: Query cancelled by user (query q-1)");
    assert_eq!(ends(&[("FAILED", None)]).await.to_string(), "the query failed in Athena: Athena gave no reason (query q-1)");
}

#[tokio::test]
async fn throttled_requests_are_repeated_with_the_token_that_starts_no_second_query() {
    let server = Server::start(|asked, before| match (asked.operation.as_str(), before) {
        ("StartQueryExecution", 0) => refused("TooManyRequestsException", "You have exceeded the limit for the number of queries you can run concurrently."),
        ("StartQueryExecution" | "GetQueryExecution", 0 | 1) => refused("ThrottlingException", "Rate exceeded"),
        ("StartQueryExecution", _) => started(),
        _ => execution("SUCCEEDED", None, 0),
    })
    .await;
    execute(&server.athena, &request("SELECT 1"), Limits::default(), never(), &NoTime, |_| {}).await.unwrap();
    let tokens: Vec<String> = server.asked().iter().filter_map(|asked| asked.body["ClientRequestToken"].as_str().map(str::to_owned)).collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.iter().all(|token| *token == tokens[0] && token.len() >= 32));

    let server = Server::start(|_, _| refused("TooManyRequestsException", "no")).await;
    let error = execute(&server.athena, &request("SELECT 1"), Limits::default(), never(), &NoTime, |_| {}).await.unwrap_err();
    assert!(matches!(&error, AthenaError::Api(failure) if failure.kind == FailureKind::Throttled), "{error}");
    assert_eq!(server.asked().len(), 4);
}

fn runs_for_ever(asked: &Asked, _: usize) -> Answer {
    match asked.operation.as_str() {
        "StartQueryExecution" => started(),
        "GetQueryExecution" => execution("RUNNING", None, 5000),
        "StopQueryExecution" => ok(json!({})),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_interruption_cancels_the_query_in_athena() {
    let server = Server::start(runs_for_ever).await;
    let error = execute(
        &server.athena,
        &request("SELECT 1"),
        Limits::default(),
        async {
            server.until("GetQueryExecution").await;
            StopReason::Interrupted
        },
        &NoTime,
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(error.to_string().starts_with("interrupted: Athena was told to cancel the query q-1; what it had read by then, "), "{error}");
    assert_eq!(server.asked().last().unwrap(), &Asked { operation: "StopQueryExecution".to_owned(), body: json!({ "QueryExecutionId": "q-1" }) });
    assert_eq!(server.operations().iter().filter(|operation| *operation == "StopQueryExecution").count(), 1);
}

#[tokio::test]
async fn a_query_that_cannot_be_cancelled_is_said_to_go_on() {
    let server = Server::start(|asked, before| match asked.operation.as_str() {
        "StopQueryExecution" => refused("AccessDeniedException", "not authorized to perform: athena:StopQueryExecution"),
        _ => runs_for_ever(asked, before),
    })
    .await;
    let stop = async {
        server.until("GetQueryExecution").await;
        StopReason::Interrupted
    };
    let error = execute(&server.athena, &request("SELECT 1"), Limits::default(), stop, &NoTime, |_| {}).await.unwrap_err();
    assert!(error.to_string().starts_with("interrupted, and the query q-1 could not be cancelled: it may go on, and is charged"), "{error}");
}

#[tokio::test]
async fn what_is_interrupted_before_it_begins_is_not_begun() {
    let server = Server::start(runs_for_ever).await;
    let stop = std::future::ready(StopReason::Interrupted);
    let error = execute(&server.athena, &request("SELECT 1"), Limits::default(), stop, &NoTime, |_| {}).await.unwrap_err();
    assert_eq!((error.to_string(), server.asked()), ("interrupted: nothing more was begun".to_owned(), Vec::new()));
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_any_more_is_cancelled() {
    let server = Server::start(runs_for_ever).await;
    let request = request("SELECT 1");
    tokio::select! {
        _ = execute(&server.athena, &request, Limits::default(), never(), &NoTime, |_| {}) => panic!("it runs for ever"),
        () = server.until("GetQueryExecution") => {}
    }
    server.until("StopQueryExecution").await;
}

#[tokio::test]
async fn a_query_that_reads_more_than_it_may_is_cancelled() {
    let server = Server::start(runs_for_ever).await;
    let limits = Limits { scanned_bytes: Some(4096) };
    let error = execute(&server.athena, &request("SELECT 1"), limits, never(), &NoTime, |_| {}).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the query read more than the 4.0 KB it may: Athena was told to cancel the query q-1; what it had read by then, 4.9 KB or more, is charged"
    );
    assert_eq!(server.operations(), ["StartQueryExecution", "GetQueryExecution", "StopQueryExecution"]);
}

#[tokio::test]
async fn each_operation_is_asked_in_athenas_own_words() {
    let server = Server::start(|asked, _| match asked.operation.as_str() {
        "StartQueryExecution" => started(),
        "GetQueryExecution" => execution("SUCCEEDED", None, 0),
        "GetQueryResults" => page(&[], None),
        "GetDatabase" => ok(json!({ "Database": { "Name": "kms" } })),
        "ListTableMetadata" => ok(json!({ "TableMetadataList": [] })),
        "ListNamedQueries" => ok(json!({ "NamedQueryIds": ["n-1"] })),
        "BatchGetNamedQuery" => ok(json!({ "NamedQueries": [] })),
        "CreateNamedQuery" => ok(json!({ "NamedQueryId": "n-2" })),
        _ => ok(json!({})),
    })
    .await;
    let (athena, database, workgroup) = (&server.athena, "kms".parse().unwrap(), WorkGroup::default());
    let mut request = request("SELECT 1");
    request.output_location = Some("s3://results/kms".parse().unwrap());
    let text = QueryText { name: "a name".to_owned(), description: "what it answers".to_owned(), sql: "SELECT 1".to_owned() };
    let token = "0123456789abcdef0123456789abcdef";
    let id = athena.start(&request, token).await.unwrap();
    athena.execution(&id).await.unwrap();
    athena.results(&id, Some("more")).await.unwrap();
    athena.stop(&id).await.unwrap();
    assert!(athena.has_database(&database).await.unwrap());
    athena.tables(&database).await.unwrap();
    athena.saved_queries(&workgroup).await.unwrap();
    athena.create_saved_query(&workgroup, &database, &text, token).await.unwrap();
    athena.update_saved_query("n-1", &text).await.unwrap();
    let mut operations = server.operations();
    operations.sort();
    assert_eq!(operations, Operation::ALL.map(Operation::name));
    let asked: Vec<Value> = server.asked().into_iter().map(|asked| json!({ asked.operation: asked.body })).collect();
    insta::assert_json_snapshot!(asked);
}

#[tokio::test]
async fn a_failure_names_the_operation_and_its_kind() {
    for (code, message, kind) in [
        ("AccessDeniedException", "User is not authorized to perform: athena:GetDatabase", FailureKind::AccessDenied),
        (
            "MetadataException",
            "User: x is not authorized to perform: glue:GetDatabase (Service: AmazonDataCatalog; Status Code: 400)",
            FailureKind::AccessDenied,
        ),
        ("InvalidRequestException", "WorkGroup audit is not found.", FailureKind::NotFound),
        ("InvalidRequestException", "line 1", FailureKind::InvalidRequest),
        ("ExpiredTokenException", "The security token included in the request is expired", FailureKind::Credentials),
    ] {
        let server = Server::start(move |_, _| refused(code, message)).await;
        let failure = server.athena.execution(&ExecutionId("q".to_owned())).await.unwrap_err();
        assert_eq!((failure.kind, failure.to_string()), (kind, format!("athena:GetQueryExecution: {code}: {message}")));
    }
    let server = Server::start(|_, _| refused("MetadataException", "EntityNotFoundException: Entity Not Found")).await;
    assert!(!server.athena.has_database(&"kms".parse().unwrap()).await.unwrap());
}
