//! Serves a simulated organization: `cargo run --release -p kms-insights-sandbox --example serve -- [CONFIG.json]`.
//!
//! The configuration is `{"listen": "127.0.0.1:4599", "shape": {…}, "behaviour": {…}}`, everything optional. The endpoint is written to stdout.

use kms_insights_sandbox::{Behaviour, Organization, OrganizationShape, Sandbox};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    listen: String,
    shape: OrganizationShape,
    behaviour: Behaviour,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: "127.0.0.1:4599".to_owned(), shape: OrganizationShape::default(), behaviour: Behaviour::default() }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = match std::env::args().nth(1) {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => Config::default(),
    };
    let organization = Organization::generate(config.shape);
    eprintln!("{} accounts, {} keys", organization.accounts().len(), organization.total_keys());
    let sandbox = Sandbox::start(organization, config.behaviour, config.listen.as_str()).await?;
    println!("{}", sandbox.endpoint());
    std::future::pending().await
}
