//! How long each view takes: `time_views LAKE [VIEW…]` writes a line of JSON for each, with the seconds and the number of its rows.
//!
//! The lake is opened once, and its rows go nowhere: what a process needs to start is not measured. A view of which a first run is wanted too is named twice.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program: whatever goes wrong ends it, and its figures are its output")]

use std::{io::Write, time::Instant};

use kms_insights_lake::{Lake, LakeLocation};
use kms_insights_query::{Engine, EngineOptions, VIEWS};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let location: LakeLocation = arguments.next().unwrap().parse().unwrap();
    let named: Vec<String> = arguments.collect();
    let views: Vec<&str> = if named.is_empty() { VIEWS.iter().map(|view| view.name).collect() } else { named.iter().map(String::as_str).collect() };
    // As much as DuckDB takes of itself: what spills is not what is compared.
    let options = EngineOptions { memory_limit: 8 << 30, ..EngineOptions::default() };
    let engine = Engine::open_with(&Lake::open(&location, None).unwrap(), options).await.unwrap();
    for view in views {
        let started = Instant::now();
        let mut result = engine.query_view(view).await.unwrap();
        let mut rows = 0;
        while let Some(batch) = result.next().await {
            rows += batch.unwrap().num_rows();
        }
        println!("{}", serde_json::json!({ "view": view, "seconds": started.elapsed().as_secs_f64(), "rows": rows }));
        std::io::stdout().flush().unwrap();
    }
}
