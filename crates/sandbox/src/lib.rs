//! A simulated AWS organization, served over HTTP on loopback, with a known truth.
//!
//! The sandbox proves what no stand-in for AWS can: quotas, faults on demand, and that the rows of a lake equal the truth or say what lacks. It knows nothing of the
//! rest of the product but the [model](kms_insights_model), in whose records its [`Truth`] is told.
//!
//! An [`Organization`] is made from a [shape](OrganizationShape): the same seed and size give the same organization, byte for byte. A [`Sandbox`] serves it to any
//! AWS client whose `AWS_ENDPOINT_URL` is the sandbox's, with any access key: that of the management account, unless `sts:AssumeRole` gave it out.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use kms_insights_sandbox::{Behaviour, Fault, FaultKind, Organization, OrganizationShape, Sandbox};
//!
//! let organization = Organization::generate(OrganizationShape { seed: 7, accounts: 20, ..OrganizationShape::default() });
//! let behaviour = Behaviour { quotas: true, faults: vec![Fault::always("kms", "GetKeyPolicy", FaultKind::AccessDenied)], ..Behaviour::default() };
//! let sandbox = Sandbox::start(organization, behaviour, "127.0.0.1:0").await?;
//! println!("AWS_ENDPOINT_URL={}", sandbox.endpoint());
//! let expected: Vec<_> = sandbox.truth().records().collect();
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # In another process
//!
//! `kms-insights sandbox` serves one by itself. Its `--behaviour FILE` is a [`Behaviour`] as JSON: every field may be left out, an unknown one is a mistake. A
//! [fault](Fault) strikes the requests that match all that it names, and of several that strike one request the first decides:
//!
//! ```
//! # use kms_insights_sandbox::{Behaviour, Fault, FaultKind, Latency, Recurrence};
//! let behaviour: Behaviour = serde_json::from_str(r#"{
//!     "role_name": "audit/kms-insights-reader",
//!     "external_id": "right",
//!     "roles_missing": ["111122223333"],
//!     "role_actions": ["account:ListRegions", "kms:List*"],
//!     "session_seconds": 900,
//!     "quotas": true,
//!     "latency": {"fixed_ms": 30, "jitter_ms": 5},
//!     "buckets": ["kms-insights-lake"],
//!     "trail": {"days": 30, "stopped_days_ago": 3, "refused_days_ago": 2, "records": "write_only", "advanced": true, "single_region": true, "prefix": "logs"},
//!     "fault_seed": 1,
//!     "faults": [
//!         {"service": "kms", "operation": "GetKeyPolicy", "account": "444455556666", "region": "eu-central-1", "kind": "access_denied"},
//!         {"service": "s3", "object": "/runs/", "kind": {"status": 503}, "when": {"first": 2}},
//!         {"kind": "reset", "when": {"sometimes": {"probability": 0.02, "at_most": 1}}},
//!         {"key": "1234abcd-12ab-34cd-56ef-1234567890ab", "kind": {"slow": 500}, "when": "always"}
//!     ]
//! }"#)?;
//! # assert_eq!(behaviour.latency, Latency { fixed_ms: 30, jitter_ms: 5 });
//! # assert_eq!(behaviour.faults[2], Fault::everywhere(FaultKind::Reset, Recurrence::Sometimes { probability: 0.02, at_most: 1 }));
//! # Ok::<_, serde_json::Error>(())
//! ```
//!
//! The kinds are `access_denied`, `throttle`, `{"status": N}`, `html_error`, `reset`, `stall`, `truncated_body`, `malformed_body`, `repeated_marker`, `missing_marker`,
//! `{"slow": MILLISECONDS}` and `not_found`. What else there is of it is controlled over HTTP, without a signature:
//!
//! | request | does |
//! |---|---|
//! | `GET /_sandbox/truth` | the [`Truth`] under the faults of this moment: a [record](kms_insights_model::StagedRecord) in each line of JSON |
//! | `GET /_sandbox/usage` | what a scan of the trail's log files must find: a [`DailyUse`] in each line of JSON |
//! | `GET /_sandbox/requests` | what was asked, as [`RequestCounts`] |
//! | `DELETE /_sandbox/requests` | begins to count anew |
//! | `GET /_sandbox/faults` | the faults, as a list |
//! | `PUT /_sandbox/faults` | replaces them with the list in the body; what the former ones did is forgotten |
//! | `DELETE /_sandbox/faults` | from now on nothing goes wrong |
//!
//! # Where it differs from AWS
//!
//! On purpose, or because no collector needed it so far:
//!
//! - `account:ListRegions` tells Regions outside the shape as `DISABLED`, also those that AWS enables by default and lets nobody disable: otherwise everybody would read
//!   seventeen Regions where the shape says two. KMS answers in them all the same, with no keys.
//! - What the trail and `cloudtrail:LookupEvents` tell ends at the organization's `now`, too: calls of the sandbox itself are not in it, but earlier weekly runs of the collector
//!   are, and most of it is drawn: a working day has some tens of events. Three log files a day for each account and Region, where CloudTrail delivers one about every five minutes,
//!   and digests of one hour a day.
//! - The key states `Creating` and `Updating` never occur.
//! - KMS records the use of keys since 213 days before the organization's `now`, whenever that is; AWS began on one day for everybody. So the same shape tells the same
//!   but for its dates, on any day.
//! - The organization stands still at its `now`; only sessions, quotas, faults and S3 live. What would change a key is an unknown operation.
//! - Signatures are not verified, and IAM is no more than a role's list of actions and the session policy. Key policies are not evaluated: two kinds of keys
//!   ([`Archetype::PolicyHidden`], [`Archetype::MetadataHidden`]) and one that nobody can read ([`Archetype::Unreadable`]) refuse what their policies refuse a reader. What a
//!   service control policy does is a fault.
//! - Quotas are kept in every window of a second; AWS's buckets admit now and then what these refuse.

#![forbid(unsafe_code)]

mod archetype;
mod behaviour;
mod counters;
mod dice;
mod fault;
mod identity;
mod key;
mod organization;
mod quota;
mod reply;
mod request;
mod server;
mod service;
mod shape;
mod stores;
mod trail;
mod truth;
mod world;

pub use archetype::Archetype;
pub use behaviour::{Behaviour, Latency};
pub use counters::{Outcome, RequestCounts};
pub use fault::{Fault, FaultKind, Recurrence};
pub use identity::AssumedRole;
pub use key::{Denial, Key};
pub use organization::{Organization, OrganizationalUnit, SimulatedAccount};
pub use quota::{Limit, limit};
pub use server::{RunningSandbox, Sandbox};
pub use shape::{KeyCount, OrganizationShape};
pub use trail::{Corpus, CorpusFile, CorpusShape, DailyUse, Recorded, Tally, TrailSetting, UseCount, UseOf};
pub use truth::{Truth, comparable};
