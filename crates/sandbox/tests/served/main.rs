//! What a client of the sandbox sees, over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod client;
mod faults;
mod listings;
mod sessions;
mod storage;
mod trail;
mod truth;

use kms_insights_sandbox::{Behaviour, KeyCount, Organization, OrganizationShape, RunningSandbox, Sandbox};

/// A small organization with room for every kind of key.
fn shape() -> OrganizationShape {
    let regions = ["us-east-1", "eu-central-1"].iter().map(|region| region.parse().unwrap()).collect();
    OrganizationShape { seed: 42, accounts: 6, regions, keys: KeyCount::Fixed(20), ..OrganizationShape::default() }
}

async fn start(behaviour: Behaviour) -> RunningSandbox {
    Sandbox::start(Organization::generate(shape()), behaviour, "127.0.0.1:0").await.unwrap()
}
