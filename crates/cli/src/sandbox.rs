//! `kms-insights sandbox`: the simulated organization as a server of its own.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use kms_insights_sandbox::{Behaviour, KeyCount, Latency, Organization, OrganizationShape, Sandbox, TrailSetting};

use crate::exit::{Exit, Trouble};

/// The shape of a simulated organization.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShapeArguments {
    /// The same seed and size make the same organization
    #[arg(long, default_value = "7", value_name = "N")]
    seed: u64,
    /// How many accounts
    #[arg(long, default_value = "12", value_parser = crate::collect::at_least_one, value_name = "N")]
    accounts: NonZeroUsize,
}

/// What `sandbox` takes.
#[derive(Debug, Args)]
pub(crate) struct SandboxArguments {
    #[command(flatten)]
    shape: ShapeArguments,
    /// The port on 127.0.0.1; 0 for any that is free
    #[arg(long, default_value = "0", value_name = "PORT")]
    port: u16,
    /// Keys in each account and Region: `realistic`, a number, or a range `1-400` spread over its orders of magnitude
    #[arg(long, default_value = "realistic", value_parser = key_count, value_name = "KEYS")]
    keys: KeyCount,
    /// The Regions in use [default: four of the commercial partition]
    #[arg(long, value_delimiter = ',', value_name = "REGION,…")]
    regions: Option<Vec<String>>,
    /// Throttle as AWS does
    #[arg(long)]
    quotas: bool,
    /// How many days back the log files of the organization's trail go; 0 for no trail
    #[arg(long, default_value = "14", value_name = "DAYS")]
    trail_days: u32,
    /// How long every answer takes, in milliseconds
    #[arg(long, default_value = "0", value_name = "MS")]
    latency: u64,
    /// Behaviour as JSON: roles, faults, latency, the trail; replaces --quotas, --latency and --trail-days
    #[arg(long, value_name = "FILE")]
    behaviour: Option<PathBuf>,
}

fn key_count(text: &str) -> Result<KeyCount, String> {
    let number = |text: &str| text.parse::<u32>().map_err(|error| format!("{text:?}: {error}"));
    match text.split_once('-') {
        _ if text == "realistic" => Ok(KeyCount::Realistic),
        Some((min, max)) => {
            let (min, max) = (number(min)?, number(max)?);
            if min == 0 || min > max { Err("a range goes from 1 or more upwards".to_owned()) } else { Ok(KeyCount::LogUniform { min, max }) }
        }
        None => Ok(KeyCount::Fixed(number(text)?)),
    }
}

impl ShapeArguments {
    /// The organization as seen now.
    pub(crate) fn shape(&self) -> OrganizationShape {
        OrganizationShape { seed: self.seed, accounts: self.accounts.get(), now: chrono::Utc::now(), ..OrganizationShape::default() }
    }
}

/// Serves until it is ended.
pub(crate) async fn run(arguments: SandboxArguments) -> Result<Exit, Trouble> {
    let mut shape = OrganizationShape { keys: arguments.keys, ..arguments.shape.shape() };
    if let Some(regions) = &arguments.regions {
        shape.regions =
            regions.iter().map(|region| region.parse()).collect::<Result<_, _>>().map_err(|error| Trouble::usage(format_args!("--regions: {error}")))?;
    }
    let behaviour = match &arguments.behaviour {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Trouble::usage(format_args!("{}: {error}", path.display())))?;
            serde_json::from_str(&text).map_err(|error| Trouble::usage(format_args!("{}: {error}", path.display())))?
        }
        None => Behaviour {
            role_name: crate::collect::DEFAULT_ROLE.to_owned(),
            quotas: arguments.quotas,
            latency: Latency { fixed_ms: arguments.latency, jitter_ms: 0 },
            trail: TrailSetting { exists: arguments.trail_days > 0, days: arguments.trail_days, ..TrailSetting::default() },
            ..Behaviour::default()
        },
    };
    let organization = Organization::generate(shape);
    let (accounts, keys) = (organization.accounts().len(), organization.total_keys());
    let trail = behaviour.trail.exists.then(|| format!(" The trail's files: s3://{}/", TrailSetting::bucket(&organization)));
    let sandbox = Sandbox::start(organization, behaviour, ("127.0.0.1", arguments.port))
        .await
        .map_err(|error| Trouble::failed(format_args!("127.0.0.1:{}: {error}", arguments.port)).next("choose another --port, or 0 for any that is free"))?;
    crate::terminal::print(&format!("AWS_ENDPOINT_URL={}\n", sandbox.endpoint()))?;
    crate::terminal::say(format_args!(
        "{accounts} accounts, {keys} keys; any access key is the management account's.{} Ctrl-C ends it.",
        trail.unwrap_or_default()
    ));
    crate::collect::signal().await;
    sandbox.shutdown().await;
    Ok(Exit::Done)
}
