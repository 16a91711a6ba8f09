//! Every view in orders of many columns, with one core and with several: the engine must plan each, and lose no row.

use std::num::NonZeroUsize;

use datafusion::arrow::array::{AsArray, RecordBatch};
use kms_insights_query::{Engine, EngineOptions, RelationKind};

use crate::fixture::engine_with;

async fn engine_on(cores: usize) -> Engine {
    engine_with(EngineOptions { parallelism: NonZeroUsize::new(cores), ..EngineOptions::default() }).await
}

async fn ordered_by_all_columns(cores: usize) {
    let engine = engine_on(cores).await;
    let count = async |sql: String| -> Result<usize, String> {
        let batches = engine.query(&sql).await.map_err(|error| format!("{sql}: {error}"))?.collect().await.map_err(|error| format!("{sql}: {error}"))?;
        Ok(batches.iter().map(RecordBatch::num_rows).sum())
    };
    for relation in engine.relations().await.unwrap().iter().filter(|relation| relation.kind == RelationKind::View) {
        let view = relation.name;
        let columns: Vec<&str> = relation.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let backwards = columns.iter().rev().copied().collect::<Vec<_>>().join(", ");
        let partition = columns[columns.len() / 2];
        let whole = count(format!("SELECT * FROM {view}")).await.unwrap();
        assert!(whole > 0, "{view} has rows to order");
        assert_eq!(count(format!("SELECT * FROM {view} ORDER BY {backwards}")).await, Ok(whole));
        assert_eq!(count(format!("SELECT row_number() OVER (PARTITION BY {partition} ORDER BY {}) FROM {view}", columns.join(", "))).await, Ok(whole));
    }
}

#[tokio::test]
async fn external_access_is_ordered_by_what_is_constant_in_each_part_of_it() {
    for cores in [1, 2] {
        let engine = engine_on(cores).await;
        let found = engine.query("SELECT way_in FROM external_access ORDER BY way_in DESC, key_arn, source, principal, actions").await.unwrap();
        let ways: Vec<String> = found
            .collect()
            .await
            .unwrap()
            .iter()
            .flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(ways.is_sorted_by(|one, next| one >= next), "{cores} cores: {ways:?}");
        assert!(["unknown", "key policy", "grant"].iter().all(|way| ways.iter().any(|found| found == way)), "{ways:?}");
    }
}

#[tokio::test]
async fn every_view_can_be_ordered_by_all_its_columns_on_one_core() {
    ordered_by_all_columns(1).await;
}

#[tokio::test]
async fn every_view_can_be_ordered_by_all_its_columns_on_four_cores() {
    ordered_by_all_columns(4).await;
}
