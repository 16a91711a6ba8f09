//! Setting up, against a catalog in which some of it is there already.

use kms_insights_athena::{
    VIEWS,
    setup::{LakeOnS3, ObjectKind, Outcome, SetupRequest, plan, set_up},
};
use kms_insights_lake::{LakeLocation, ddl, table::Table, tables};
use serde_json::{Value, json};

use super::{
    NoTime, never,
    server::{Answer, Asked, Server, execution, ok, refused},
};

const LAKE: &str = "s3://audit/kms";

fn request() -> SetupRequest {
    let lake = LakeOnS3::try_from(&LAKE.parse::<LakeLocation>().unwrap()).unwrap();
    SetupRequest { lake, database: "kms".parse().unwrap(), workgroup: "audit".parse().unwrap(), output_location: None }
}

/// A table as the catalog has it after its own statement.
fn as_made(table: &Table) -> Value {
    let column = |name: &str, kind: &str, comment: &str| json!({ "Name": name, "Type": kind, "Comment": ddl::comment(comment) });
    let columns: Vec<Value> = table.columns.iter().map(|c| column(c.name, c.column_type.athena(), c.description)).collect();
    let mut parameters: serde_json::Map<String, Value> = ddl::table_properties(table, LAKE).into_iter().map(|(name, value)| (name, value.into())).collect();
    parameters.insert("EXTERNAL".to_owned(), "TRUE".into());
    parameters.insert("location".to_owned(), format!("{LAKE}/{}", table.name).into());
    json!({
        "Name": table.name, "TableType": "EXTERNAL_TABLE", "Columns": columns, "Parameters": parameters,
        "PartitionKeys": [column(table.partition.column(), "string", table.partition.description())],
    })
}

fn answer(asked: &Asked) -> Answer {
    match asked.operation.as_str() {
        "StartQueryExecution" => ok(json!({ "QueryExecutionId": "q-1" })),
        "GetQueryExecution" => execution("SUCCEEDED", None, 0),
        "ListNamedQueries" => ok(json!({ "NamedQueryIds": [] })),
        "CreateNamedQuery" => ok(json!({ "NamedQueryId": "n-1" })),
        "UpdateNamedQuery" => ok(json!({})),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn where_nothing_is_there_everything_is_made_in_its_order() {
    let server = Server::start(|asked, _| match asked.operation.as_str() {
        "GetDatabase" => refused("MetadataException", "Entity Not Found (Service: AmazonDataCatalog; Error Code: EntityNotFoundException)"),
        _ => answer(asked),
    })
    .await;
    let done = set_up(&server.athena, &request(), &NoTime, never(), |_| {}).await.unwrap();
    assert!(done.iter().all(|object| object.outcome == Outcome::Created));
    let planned: Vec<String> = plan(&request()).into_iter().filter(|object| object.kind != ObjectKind::SavedQuery).map(|object| object.statement).collect();
    assert_eq!(server.statements(), planned);
    // The database cannot be named as the place of the statement that makes it.
    let asked = server.asked();
    let places: Vec<&Value> =
        asked.iter().filter(|asked| asked.operation == "StartQueryExecution").map(|asked| &asked.body["QueryExecutionContext"]["Database"]).collect();
    assert_eq!((places[0], places[1]), (&Value::Null, &json!("kms")));
    assert!(asked.iter().filter(|asked| asked.operation == "StartQueryExecution").all(|asked| asked.body["WorkGroup"] == "audit"));
}

#[tokio::test]
async fn what_is_as_it_should_be_is_left_alone_and_what_differs_is_replaced() {
    let saved: Vec<Value> = plan(&request())
        .into_iter()
        .filter(|object| object.kind == ObjectKind::SavedQuery)
        .enumerate()
        .map(|(at, object)| {
            let text = if at == 0 { "SELECT 'an earlier version'".to_owned() } else { object.statement };
            json!({ "NamedQueryId": format!("n-{at}"), "Name": object.name, "Description": object.description, "Database": "kms", "QueryString": text, "WorkGroup": "audit" })
        })
        .collect();
    let server = Server::start(move |asked, _| match asked.operation.as_str() {
        "GetDatabase" => ok(json!({ "Database": { "Name": "kms" } })),
        "ListTableMetadata" if asked.body["NextToken"].is_null() => {
            let mut found: Vec<Value> = tables::every().map(as_made).collect();
            found[1]["Columns"][2]["Type"] = json!("bigint");
            ok(json!({ "TableMetadataList": found, "NextToken": "views" }))
        }
        "ListTableMetadata" => {
            let views: Vec<Value> = VIEWS.iter().skip(1).map(|view| json!({ "Name": view.name, "TableType": "VIRTUAL_VIEW" })).collect();
            ok(json!({ "TableMetadataList": views }))
        }
        "ListNamedQueries" => ok(json!({ "NamedQueryIds": (0..saved.len()).map(|at| format!("n-{at}")).collect::<Vec<_>>() })),
        "BatchGetNamedQuery" => ok(json!({ "NamedQueries": saved })),
        _ => answer(asked),
    })
    .await;
    let mut told = Vec::new();
    let done = set_up(&server.athena, &request(), &NoTime, never(), |object| told.push(object.clone())).await.unwrap();
    assert_eq!(told, done);
    let of =
        |kind, outcome| done.iter().filter(|object| object.kind == kind && object.outcome == outcome).map(|object| object.name.as_str()).collect::<Vec<_>>();
    let changed = tables::every().nth(1).unwrap();
    assert_eq!(of(ObjectKind::Table, Outcome::Replaced), [changed.name]);
    assert_eq!(of(ObjectKind::Table, Outcome::Unchanged).len(), tables::every().count() - 1);
    assert_eq!(of(ObjectKind::View, Outcome::Created), [VIEWS[0].name]);
    assert_eq!(of(ObjectKind::View, Outcome::Replaced).len(), VIEWS.len() - 1);
    assert_eq!(of(ObjectKind::SavedQuery, Outcome::Replaced).len(), 1);
    let reason = done.iter().find(|object| object.name == changed.name).and_then(|object| object.reason.clone()).unwrap();
    assert!(reason.contains("was bigint"), "{reason}");
    let statements = server.statements();
    assert_eq!(statements[0], format!("DROP TABLE IF EXISTS `kms`.`{}`", changed.name));
    assert!(statements[1].starts_with(&format!("CREATE EXTERNAL TABLE IF NOT EXISTS `kms`.`{}`", changed.name)));
    assert_eq!(statements.len(), 2 + VIEWS.len());
    let updates: Vec<Value> =
        server.asked().into_iter().filter(|asked| asked.operation == "UpdateNamedQuery").map(|asked| asked.body["NamedQueryId"].clone()).collect();
    assert_eq!(updates, ["n-0"]);
}

#[tokio::test]
async fn where_a_name_is_taken_by_somebody_else_nothing_is_begun() {
    let server = Server::start(|asked, _| match asked.operation.as_str() {
        "GetDatabase" => ok(json!({ "Database": { "Name": "kms" } })),
        "ListTableMetadata" => {
            let mut theirs = as_made(&tables::keys::TABLE);
            theirs["Columns"] = json!([{ "Name": "id", "Type": "int" }]);
            ok(json!({ "TableMetadataList": [theirs] }))
        }
        _ => answer(asked),
    })
    .await;
    let error = set_up(&server.athena, &request(), &NoTime, never(), |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the table keys: the database kms has a table named keys, which is not one of kms-insights' own: it is left as it is");
    assert_eq!(server.operations(), ["GetDatabase", "ListTableMetadata"]);
}
