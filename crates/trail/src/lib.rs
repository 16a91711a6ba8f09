//! CloudTrail's log files: which key was used when, by whom, for what.

#![deny(unsafe_code)]

mod batch;
pub mod event;
mod key_event;
mod log_file;
mod log_name;
mod principal;
mod problem;
mod resource;
mod scan;
mod seen_events;
mod tally;
mod time;
mod touched;
mod use_events;

pub use batch::{Batch, Calls, EventId, EventIds, SharedId};
pub use key_event::{KEY_EVENTS, KeyEvent};
pub use log_file::{FileReport, LONGEST_TEXT, LogReader, MOST_PROBLEMS};
pub use log_name::{LogName, may_be_log};
pub use principal::principal;
pub use problem::{Malformation, Problem, ProblemKind};
pub use resource::{NamedResource, RESOURCE_KEYS};
pub use seen_events::{Forgotten, SeenEvents};
pub use tally::{DailyUse, Tally};
pub use time::EventTime;
pub use touched::{Touched, touched};
pub use use_events::{CRYPTOGRAPHIC, UseEvents};
