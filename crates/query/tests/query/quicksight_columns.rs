//! `quicksight/views.json`: the columns of every view, which the data sets of QuickSight declare.

use std::{fs, path::PathBuf};

use datafusion::arrow::datatypes::DataType;
use kms_insights_query::RelationKind;
use serde_json::{Map, Value, json};

use crate::fixture::engine;

/// The type of a column in QuickSight; `None` where it has none, as of maps, which no data set can have. Source: `InputColumn` in the Amazon QuickSight API Reference.
fn quicksight(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::Utf8 => Some("STRING"),
        DataType::Int32 | DataType::Int64 => Some("INTEGER"),
        DataType::Float64 => Some("DECIMAL"),
        DataType::Boolean => Some("BOOLEAN"),
        DataType::Timestamp(..) | DataType::Date32 => Some("DATETIME"),
        DataType::Map(..) => None,
        other => panic!("QuickSight has no {other}: give the view text instead"),
    }
}

#[tokio::test]
async fn generated_columns_for_quicksight_are_those_of_the_views() {
    let relations = engine().await.relations().await.unwrap();
    let views: Map<String, Value> = relations
        .iter()
        .filter(|relation| relation.kind == RelationKind::View)
        .map(|view| {
            let columns = view.schema.fields().iter().filter_map(|field| Some(json!({ "Name": field.name(), "Type": quicksight(field.data_type())? })));
            (view.name.to_owned(), columns.collect())
        })
        .collect();
    let wanted = format!("{:#}\n", Value::Object(views));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../quicksight/views.json");
    if std::env::var_os("KMS_INSIGHTS_REGENERATE").is_some_and(|value| value == "1") {
        fs::write(&path, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == wanted,
        "quicksight/views.json is stale: run `KMS_INSIGHTS_REGENERATE=1 cargo test --workspace generated`, twice, for what rests on it is generated too"
    );
}
