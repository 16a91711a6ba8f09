//! Request quotas, in their strictest reading: no more than the rate in *any* second, not only on average.
//!
//! Sources: AWS KMS "Request quotas", AWS Organizations "Throttling limits", STS and CloudTrail service quotas.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use kms_insights_model::AccountId;
use tokio::time::Instant;

/// The limit of one operation, for each account that calls and each Region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So many requests in any one second.
    Window(usize),
    /// A bucket that holds `burst` requests and gains `rate` each second.
    Bucket {
        /// Requests gained each second.
        rate: f64,
        /// Requests it holds.
        burst: f64,
    },
}

/// The limit of an operation, where there is one.
pub fn limit(service: &str, operation: &str) -> Option<Limit> {
    Some(match (service, operation) {
        ("kms", "DescribeKey" | "ListResourceTags") => Limit::Window(2000),
        ("kms", "GetKeyPolicy" | "GetKeyRotationStatus") => Limit::Window(1000),
        ("kms", "ListKeys" | "ListAliases") => Limit::Window(500),
        ("kms", "ListGrants" | "ListKeyPolicies" | "ListKeyRotations") => Limit::Window(100),
        ("kms", "GetKeyLastUsage" | "DescribeCustomKeyStores") | ("account", "ListRegions") => Limit::Window(5),
        ("cloudtrail", "LookupEvents") => Limit::Window(2),
        ("cloudtrail", _) => Limit::Window(10),
        ("organizations", "ListParents") => Limit::Bucket { rate: 5.0, burst: 8.0 },
        // Known for ListAccounts; assumed for the other reads of Organizations.
        ("organizations", _) => Limit::Bucket { rate: 8.0, burst: 12.0 },
        ("sts", _) => Limit::Bucket { rate: 600.0, burst: 600.0 },
        _ => return None,
    })
}

enum Meter {
    Window { limit: usize, admitted: VecDeque<Instant> },
    Bucket { rate: f64, burst: f64, level: f64, at: Instant },
}

impl Meter {
    fn new(limit: Limit, now: Instant) -> Self {
        match limit {
            Limit::Window(limit) => Self::Window { limit, admitted: VecDeque::new() },
            Limit::Bucket { rate, burst } => Self::Bucket { rate, burst, level: burst, at: now },
        }
    }

    /// Whether one more request is within the limit now. Requests that were refused do not count.
    fn admit(&mut self, now: Instant) -> bool {
        match self {
            Self::Window { limit, admitted } => {
                while admitted.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
                    admitted.pop_front();
                }
                let room = admitted.len() < *limit;
                if room {
                    admitted.push_back(now);
                }
                room
            }
            Self::Bucket { rate, burst, level, at } => {
                *level = (*level + now.duration_since(*at).as_secs_f64() * *rate).min(*burst);
                *at = now;
                let room = *level >= 1.0;
                if room {
                    *level -= 1.0;
                }
                room
            }
        }
    }
}

type Bucket = (&'static str, &'static str, AccountId, Arc<str>);

/// The meters of all operations, accounts and Regions.
#[derive(Default)]
pub(crate) struct Quotas(Mutex<HashMap<Bucket, Meter>>);

impl Quotas {
    /// Whether a request is within its quota. No timers run: the meters are brought up to date when they are read.
    pub(crate) fn admit(&self, service: &'static str, operation: &'static str, account: AccountId, region: &Arc<str>) -> bool {
        let Some(limit) = limit(service, operation) else { return true };
        let now = Instant::now();
        let mut meters = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        meters.entry((service, operation, account, Arc::clone(region))).or_insert_with(|| Meter::new(limit, now)).admit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_than_the_rate_wherever_it_begins() {
        let quotas = Quotas::default();
        let (account, region): (AccountId, Arc<str>) = ("111122223333".parse().unwrap(), "eu-central-1".into());
        let start = Instant::now();
        let mut admitted = Vec::new();
        for _ in 0..5000 {
            if quotas.admit("kms", "GetKeyLastUsage", account, &region) {
                admitted.push(start.elapsed());
            }
            tokio::time::advance(Duration::from_millis(7)).await;
        }
        assert!(admitted.len() >= 170, "about five in each of 35 seconds: {}", admitted.len());
        for (at, moment) in admitted.iter().enumerate() {
            let within = admitted[at..].iter().take_while(|other| **other < *moment + Duration::from_secs(1)).count();
            assert!(within <= 5, "{within} requests in the second from {moment:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn organizations_admits_a_burst_and_then_its_rate_and_accounts_do_not_share() {
        let quotas = Quotas::default();
        let (one, two): (AccountId, AccountId) = ("111122223333".parse().unwrap(), "444455556666".parse().unwrap());
        let region: Arc<str> = "us-east-1".into();
        let admitted = (0..20).filter(|_| quotas.admit("organizations", "ListAccounts", one, &region)).count();
        assert_eq!(admitted, 12);
        assert!(quotas.admit("organizations", "ListAccounts", two, &region));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..20).filter(|_| quotas.admit("organizations", "ListAccounts", one, &region)).count(), 8);
    }
}
