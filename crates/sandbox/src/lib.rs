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
mod truth;
mod world;

pub use archetype::Archetype;
pub use behaviour::{Behaviour, Latency};
pub use counters::{Outcome, RequestCounts};
pub use fault::{Fault, FaultKind, Recurrence};
pub use key::{Denial, Key};
pub use organization::{Organization, OrganizationalUnit, SimulatedAccount};
pub use quota::{Limit, limit};
pub use server::{RunningSandbox, Sandbox};
pub use shape::{KeyCount, OrganizationShape};
pub use truth::{Truth, comparable};
