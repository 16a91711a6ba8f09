//! Faults that pass leave no trace: who repeats a request gets through.

use kms_insights_sandbox::{Fault, FaultKind, Outcome, Recurrence};

use crate::harness::{World, behaviour, organization};

/// Collects while the first requests of every kind fail so; every row equals the truth of an organization without faults.
async fn assert_no_trace_of(kind: FaultKind, times: u32, more: &[&str]) {
    let world = World::start(organization(21, 4, 6), behaviour()).await;
    world.sandbox.set_faults(vec![Fault::everywhere(kind, Recurrence::First(times))]);
    world.collect_and_compare(more).await;
    let (befallen, requests) = (world.sandbox.befallen(), world.sandbox.requests());
    // By fault and by the ends of requests the same is counted: the fault was the end of each request that it struck.
    assert_eq!(befallen, [requests.with_outcome(Outcome::Fault)], "{kind:?}");
    assert!(befallen[0] > 100, "{kind:?} struck: {requests:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_throttling_leaves_no_trace() {
    assert_no_trace_of(FaultKind::Throttle, 2, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_server_errors_leave_no_trace() {
    assert_no_trace_of(FaultKind::Status(500), 2, &[]).await;
    assert_no_trace_of(FaultKind::Status(503), 1, &[]).await;
    assert_no_trace_of(FaultKind::HtmlError, 1, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_leave_no_trace() {
    assert_no_trace_of(FaultKind::Reset, 2, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_answers_leave_no_trace() {
    assert_no_trace_of(FaultKind::TruncatedBody, 1, &[]).await;
    assert_no_trace_of(FaultKind::MalformedBody, 1, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_never_come_are_asked_for_again() {
    assert_no_trace_of(FaultKind::Stall, 1, &["--request-timeout", "600ms"]).await;
}
