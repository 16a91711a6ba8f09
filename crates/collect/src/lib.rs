//! Accounts × Regions × keys → facts.
//!
//! The crate plans which accounts to read, opens a session in each, and reads every key of every Region as fast as the service's quotas allow. It keeps three
//! promises: *nothing silently missing* (whatever could not be read is a [`Fact`](kms_insights_model::Fact) that says so), *read-only by construction* (member
//! sessions are narrowed by [`session_policy`]), and *fast where it counts* (each operation has its own [`quota`] bucket per account and Region).
//!
//! The flow, top to bottom: `run` → [`plan`] → `account` → `region` → `key`, `last_usage`, `event_history` and `trails`, each request through `call`. AWS is behind the traits of [`cloud`];
//! [`aws`] implements them with the SDK. What is read leaves through a [`Sink`], what happens through [`Event`]s.

#![forbid(unsafe_code)]

mod account;
pub mod aws;
mod call;
pub mod cloud;
mod event;
mod event_history;
mod key;
mod last_usage;
mod options;
mod pages;
pub mod plan;
pub mod quota;
mod region;
mod run;
pub mod session_policy;
mod sink;
mod trails;
mod turn;

pub use call::{RetryPolicy, Stop};
pub use event::{Event, Observer};
pub use options::{LastUsageBudget, Options};
pub use run::{CollectError, RunOutcome, collect};
pub use sink::{KnownKey, Prior, PriorAccount, Sink, SinkError};
