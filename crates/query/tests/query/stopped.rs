//! Queries that would take for ever: whoever stops them must not wait.

use std::{num::NonZeroUsize, sync::mpsc, time::Duration};

use kms_insights_query::EngineOptions;

use crate::fixture::engine_with;

#[test]
fn a_query_that_multiplies_rows_ends_when_its_time_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (ended, end) = mpsc::channel();
    runtime.spawn(async move {
        // Where a plan is split among threads these give way to each other.
        let engine = engine_with(EngineOptions { parallelism: NonZeroUsize::new(1), ..EngineOptions::default() }).await;
        let joins = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"].map(|name| format!("key_access {name}")).join(" CROSS JOIN ");
        let result = engine.query(&format!("SELECT max(length(a.key_arn || b.key_arn || l.key_arn)) FROM {joins}")).await.unwrap();
        let in_time = tokio::time::timeout(Duration::from_secs(1), result.collect()).await;
        ended.send(in_time.is_ok()).unwrap();
    });
    // Here, for a thread of the runtime may be one that computes.
    let in_time = end.recv_timeout(Duration::from_mins(1));
    runtime.shutdown_background();
    assert_eq!(in_time, Ok(false), "the query did not give way");
}
