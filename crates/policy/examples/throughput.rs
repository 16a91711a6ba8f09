//! Key policies analyzed per second on one core: `throughput FILE SECONDS`, with a policy in each line of the file. Writes one JSON object.
//!
//! From text to ways in and concerns, as publishing does it for each key, without anything of the lake.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use kms_insights_policy::{
    Surroundings,
    access::{KeyPolicies, key_access},
    parse,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(seconds)) = (arguments.next(), arguments.next()) else { return Err("throughput FILE SECONDS".into()) };
    let text = std::fs::read_to_string(file)?;
    let policies: Vec<&str> = text.lines().collect();
    let limit = Duration::from_secs_f64(seconds.parse()?);
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse()?;
    let around = Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse()?);
    let started = Instant::now();
    let (mut analyzed, mut ways) = (0_u64, 0_u64);
    while started.elapsed() < limit {
        for policy in &policies {
            let document = parse(black_box(policy))?;
            let access = key_access(KeyPolicies { default: Some(&document), ram: None }, &[], &around);
            ways += black_box(access).ways.len() as u64;
            analyzed += 1;
        }
    }
    let took = started.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "policies": analyzed, "ways": ways, "seconds": took }));
    Ok(())
}
