//! The main job end to end: the real binary collects from the sandbox over HTTP into a lake, and every row of it is compared with the sandbox's truth.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod event_history;
mod expectation;
mod harness;
mod snapshot;

mod access;
mod concurrency;
mod faults;
mod killed_runs;
mod partitions;
mod permissions;
mod resumed_organization;
mod resumed_runs;
mod selection;
mod spot_checks;
mod trace;
mod trail;
mod trail_files;
mod transient_faults;
mod truth;
