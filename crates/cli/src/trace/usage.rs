//! What uses a key, as log files record it.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use kms_insights_model::Timestamp;
use serde::Serialize;

use super::{
    facts::{Facts, Use},
    service::service_of_use,
};

/// So many parts of each kind are told.
const MOST_PARTS: usize = 1_000;

/// How many calls, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) uses: u64,
    /// Calls that failed: these used nothing.
    pub(super) errors: u64,
    /// The first call, failed ones included.
    pub(super) first_at: Option<Timestamp>,
    /// The last call, failed ones included.
    pub(super) last_at: Option<Timestamp>,
    pub(super) first_used_on: Option<NaiveDate>,
    pub(super) last_used_at: Option<Timestamp>,
}

/// Calls that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    /// What they have in common; null of those that have none, such as a resource.
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

impl Counts {
    fn add(&mut self, used: &Use) {
        self.uses += used.uses;
        self.errors += used.errors;
        self.first_at = Some(self.first_at.map_or(used.first_at, |first| first.min(used.first_at)));
        self.last_at = self.last_at.max(Some(used.last_at));
        self.first_used_on = self.first_used_on.into_iter().chain(used.first_used_on).min();
        self.last_used_at = self.last_used_at.max(used.last_used_at);
    }
}

/// What uses a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Usage {
    #[serde(flatten)]
    pub(super) all: Counts,
    /// The service through which; null where KMS was asked directly.
    pub(super) services: Vec<Part>,
    /// The resource that the encryption context names.
    pub(super) resources: Vec<Part>,
    pub(super) principals: Vec<Part>,
    pub(super) operations: Vec<Part>,
    /// The first call that succeeded, as far as log files go.
    pub(super) first_use: Option<Occurrence>,
    pub(super) last_use: Option<Occurrence>,
    /// The first call, and the last, of a principal, operation, resource and service that never succeeded together.
    pub(super) first_failure: Option<Occurrence>,
    pub(super) last_failure: Option<Occurrence>,
    /// Calls among these that the log records under an alias of today's, which may have been another key's then.
    pub(super) by_alias: u64,
}

/// A call of a kind, on a day: daily usage knows no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Occurrence {
    pub(super) on: NaiveDate,
    pub(super) event_name: String,
    pub(super) principal: String,
    pub(super) service: Option<String>,
    pub(super) resource: Option<String>,
    /// Where it belongs among events.
    #[serde(skip)]
    pub(super) place: Timestamp,
}

impl Occurrence {
    fn of(used: &Use, place: Timestamp) -> Self {
        Self {
            on: place.date_naive(),
            event_name: used.event_name.clone(),
            principal: used.principal.clone(),
            service: service_of_use(used),
            resource: used.resource.clone(),
            place,
        }
    }
}

/// Adds up what uses the key, the most used first.
pub(super) fn usage(facts: &Facts) -> Usage {
    let arn = facts.key.to_string();
    let mut all = Counts::default();
    facts.uses.iter().for_each(|used| all.add(used));
    let succeeded = || facts.uses.iter().filter(|used| used.uses > 0);
    // Of calls some of which failed, the first time is that of either; the day of the first that succeeded is known.
    let first_at = |used: &Use| used.first_used_on.map_or(used.first_at, |day| used.first_at.max(day.and_time(NaiveTime::MIN).and_utc()));
    let failed = || facts.uses.iter().filter(|used| used.errors > 0 && used.uses == 0);
    Usage {
        all,
        services: parts(&facts.uses, service_of_use),
        resources: parts(&facts.uses, |used| used.resource.clone()),
        principals: parts(&facts.uses, |used| Some(used.principal.clone())),
        operations: parts(&facts.uses, |used| Some(used.event_name.clone())),
        first_use: succeeded().min_by_key(|used| (first_at(used), &used.event_name)).map(|used| Occurrence::of(used, first_at(used))),
        last_use: succeeded()
            .max_by_key(|used| (used.last_used_at, &used.event_name))
            .map(|used| Occurrence::of(used, used.last_used_at.unwrap_or(used.last_at))),
        first_failure: failed().min_by_key(|used| (used.first_at, &used.event_name)).map(|used| Occurrence::of(used, used.first_at)),
        last_failure: failed().max_by_key(|used| (used.last_at, &used.event_name)).map(|used| Occurrence::of(used, used.last_at)),
        by_alias: facts.uses.iter().filter(|used| used.key_arn != arn).map(|used| used.uses + used.errors).sum(),
    }
}

fn parts(uses: &[Use], name: impl Fn(&Use) -> Option<String>) -> Vec<Part> {
    let mut parts: BTreeMap<Option<String>, Part> = BTreeMap::new();
    for used in uses {
        let name = name(used);
        parts.entry(name.clone()).or_insert_with(|| Part { name, ..Part::default() }).counts.add(used);
    }
    let mut parts: Vec<Part> = parts.into_values().collect();
    parts.sort_by(|one, other| (other.counts.uses, other.counts.errors).cmp(&(one.counts.uses, one.counts.errors)).then_with(|| one.name.cmp(&other.name)));
    parts.truncate(MOST_PARTS);
    parts
}
