//! How often Athena is asked how a query gets on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kms_insights_athena::{
    ApiFailure, AthenaApi, Database, Execution, ExecutionId, FoundQuery, FoundTable, Limits, QueryRequest, QueryText, ResultPage, State, TokioTimer, WorkGroup,
    execute,
};
use tokio::time::Instant;

/// A query that runs for so long, and when it was looked at.
struct Slow {
    begun: Instant,
    takes: Duration,
    looks: Mutex<Vec<Duration>>,
}

impl AthenaApi for Slow {
    async fn start(&self, _: &QueryRequest, _: &str) -> Result<ExecutionId, ApiFailure> {
        Ok(ExecutionId("q".to_owned()))
    }

    async fn execution(&self, _: &ExecutionId) -> Result<Execution, ApiFailure> {
        let now = self.begun.elapsed();
        self.looks.lock().unwrap().push(now);
        let state = if now < self.takes { State::Running } else { State::Succeeded };
        Ok(Execution { state, ..super::succeeded() })
    }

    async fn results(&self, _: &ExecutionId, _: Option<&str>) -> Result<ResultPage, ApiFailure> {
        unreachable!("nobody reads rows here")
    }

    async fn stop(&self, _: &ExecutionId) -> Result<(), ApiFailure> {
        unreachable!("it comes to its end")
    }

    async fn has_database(&self, _: &Database) -> Result<bool, ApiFailure> {
        unreachable!("nothing is set up here")
    }

    async fn tables(&self, _: &Database) -> Result<Vec<FoundTable>, ApiFailure> {
        unreachable!("nothing is set up here")
    }

    async fn saved_queries(&self, _: &WorkGroup) -> Result<Vec<FoundQuery>, ApiFailure> {
        unreachable!("nothing is set up here")
    }

    async fn create_saved_query(&self, _: &WorkGroup, _: &Database, _: &QueryText, _: &str) -> Result<(), ApiFailure> {
        unreachable!("nothing is set up here")
    }

    async fn update_saved_query(&self, _: &str, _: &QueryText) -> Result<(), ApiFailure> {
        unreachable!("nothing is set up here")
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_query_is_looked_at_often_and_a_long_one_every_five_seconds() {
    let slow = Arc::new(Slow { begun: Instant::now(), takes: Duration::from_secs(40), looks: Mutex::default() });
    let request = QueryRequest { sql: "SELECT 1".to_owned(), database: None, workgroup: WorkGroup::default(), output_location: None };
    execute(&slow, &request, Limits::default(), super::never(), &TokioTimer, |_| {}).await.unwrap();
    let looks: Vec<u128> = slow.looks.lock().unwrap().iter().map(Duration::as_millis).collect();
    assert_eq!(looks, [0, 200, 500, 950, 1625, 2638, 4157, 6436, 9854, 14854, 19854, 24854, 29854, 34854, 39854, 44854]);
}
