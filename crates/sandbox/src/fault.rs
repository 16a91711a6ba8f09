//! Faults on demand.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use kms_insights_model::{AccountId, ErrorCode, KeyId, Region};
use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// Something that goes wrong: with which requests, in which way, how often. What is not given matches everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Requests made with the credentials of this account; for `sts:AssumeRole`, requests for a role in this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Requests to this Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Requests that name this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Requests for an S3 object whose key contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Requests to this service, such as `kms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// This operation, such as `GetKeyPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What happens.
    pub kind: FaultKind,
    /// How often.
    #[serde(default)]
    pub when: Recurrence,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The service's error for lacking permissions.
    AccessDenied,
    /// The service's error for too many requests.
    Throttle,
    /// A server error in the service's own format: 500 or 503.
    Status(u16),
    /// A 500 with a page of HTML.
    HtmlError,
    /// The connection is reset instead of an answer.
    Reset,
    /// No answer ever comes.
    Stall,
    /// The connection ends in the middle of the body.
    TruncatedBody,
    /// The body is complete by its length, but cut in the middle of its JSON or XML.
    MalformedBody,
    /// A listing goes on for ever: the second page and all later ones name the marker that led to them. What the first two requests return is right.
    RepeatedMarker,
    /// The first page says that there is more, without saying where (KMS only).
    MissingMarker,
    /// The answer takes so many milliseconds longer.
    Slow(u64),
    /// What the request names does not exist.
    NotFound,
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Every time.
    #[default]
    Always,
    /// The first so many times for each target: account, Region, operation and key.
    First(u32),
    /// With this probability, but at most so many times for each target: who repeats the request more often gets through.
    Sometimes {
        /// From 0 to 1.
        probability: f64,
        /// At most so many times for each target.
        at_most: u32,
    },
}

impl Fault {
    /// A fault of an operation, everywhere and always.
    pub fn always(service: &str, operation: &str, kind: FaultKind) -> Self {
        Self::everywhere(kind, Recurrence::Always).of(service, operation)
    }

    /// A fault of every request.
    pub const fn everywhere(kind: FaultKind, when: Recurrence) -> Self {
        Self { account: None, region: None, key: None, object: None, service: None, operation: None, kind, when }
    }

    /// The same fault, of one operation only.
    #[must_use]
    pub fn of(mut self, service: &str, operation: &str) -> Self {
        self.service = Some(service.to_owned());
        self.operation = Some(operation.to_owned());
        self
    }

    /// The same fault, in one account only.
    #[must_use]
    pub const fn in_account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// The same fault, in one Region only.
    #[must_use]
    pub fn in_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// The same fault, for one key only.
    #[must_use]
    pub fn for_key(mut self, key: KeyId) -> Self {
        self.key = Some(key);
        self
    }

    /// The same fault, for S3 objects only whose key contains a text.
    #[must_use]
    pub fn for_objects(mut self, part_of_key: &str) -> Self {
        self.object = Some(part_of_key.to_owned());
        self
    }

    /// The same fault, as often as given.
    #[must_use]
    pub const fn when(mut self, when: Recurrence) -> Self {
        self.when = when;
        self
    }

    pub(crate) fn matches(&self, target: &Target<'_>) -> bool {
        self.account.is_none_or(|account| account == target.account)
            && self.region.as_ref().is_none_or(|region| region.as_str() == target.region)
            && self.key.as_ref().is_none_or(|key| target.key.is_some_and(|asked| key.to_string() == asked))
            && self.object.as_ref().is_none_or(|part| target.object.is_some_and(|object| object.contains(part.as_str())))
            && self.service.as_ref().is_none_or(|service| service == target.service)
            && self.operation.as_ref().is_none_or(|operation| operation == target.operation)
    }

    /// Whether no retry helps.
    pub fn is_permanent(&self) -> bool {
        self.when == Recurrence::Always && self.kind.code().is_some()
    }
}

impl FaultKind {
    /// What a collector calls it after all its retries; `None` for what does no harm.
    pub const fn code(self) -> Option<ErrorCode> {
        match self {
            Self::AccessDenied => Some(ErrorCode::AccessDenied),
            Self::Throttle => Some(ErrorCode::Throttled),
            Self::Status(_) | Self::HtmlError => Some(ErrorCode::ServiceError),
            Self::Reset | Self::TruncatedBody => Some(ErrorCode::Connection),
            Self::Stall => Some(ErrorCode::Timeout),
            Self::MalformedBody => Some(ErrorCode::InvalidResponse),
            Self::RepeatedMarker | Self::MissingMarker => Some(ErrorCode::EndlessPagination),
            Self::NotFound => Some(ErrorCode::NotFound),
            Self::Slow(_) => None,
        }
    }

    /// Whether it can only befall an operation that lists in pages.
    pub const fn is_of_listings(self) -> bool {
        matches!(self, Self::RepeatedMarker | Self::MissingMarker)
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) account: AccountId,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) key: Option<&'a str>,
    /// The key of an S3 object.
    pub(crate) object: Option<&'a str>,
}

impl Target<'_> {
    fn number(&self, fault: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        (fault, self.account, self.region, self.service, self.operation, self.key).hash(&mut hasher);
        hasher.finish()
    }
}

/// The faults of a running sandbox, with what each has done so far.
pub(crate) struct FaultBox {
    seed: u64,
    faults: Vec<Fault>,
    /// By fault and target: how many requests came, and how many of them it struck.
    seen: Mutex<HashMap<u64, (u32, u32)>>,
    /// By fault: how many requests it befell. Of several that strike one request, the first may leave nothing to the others.
    befallen: Vec<AtomicU64>,
}

impl FaultBox {
    pub(crate) fn new(seed: u64, faults: Vec<Fault>) -> Self {
        let befallen = faults.iter().map(|_| AtomicU64::new(0)).collect();
        Self { seed, faults, seen: Mutex::default(), befallen }
    }

    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The faults that strike a request, in the order in which they were declared, each with its place.
    pub(crate) fn strike(&self, target: &Target<'_>) -> Vec<(usize, FaultKind)> {
        let matching = self.faults.iter().enumerate().filter(|(_, fault)| fault.matches(target));
        matching.filter(|(at, fault)| self.strikes(*at, fault, target)).map(|(at, fault)| (at, fault.kind)).collect()
    }

    /// The fault at this place befell a request.
    pub(crate) fn befell(&self, at: usize) {
        self.befallen[at].fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests each fault befell, in the order in which they were declared.
    pub(crate) fn befallen(&self) -> Vec<u64> {
        self.befallen.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    fn strikes(&self, at: usize, fault: &Fault, target: &Target<'_>) -> bool {
        if fault.when == Recurrence::Always {
            return true;
        }
        let number = target.number(at);
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (requests, struck) = seen.entry(number).or_default();
        *requests += 1;
        // The decision hangs on the target and on how often it was asked, not on what other requests came in between.
        let hit = match fault.when {
            Recurrence::Always => true,
            Recurrence::First(times) => *requests <= times,
            Recurrence::Sometimes { probability, at_most } => {
                *struck < at_most && Dice::new(self.seed).part(number).part(u64::from(*requests)).fraction() < probability
            }
        };
        *struck += u32::from(hit);
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_strike_sometimes_depend_on_the_target_and_not_on_other_requests() {
        let fault = Fault::everywhere(FaultKind::Throttle, Recurrence::Sometimes { probability: 0.5, at_most: 2 });
        let target = |key| Target {
            account: "111122223333".parse().unwrap(),
            region: "eu-central-1",
            service: "kms",
            operation: "DescribeKey",
            key: Some(key),
            object: None,
        };
        let alone = FaultBox::new(3, vec![fault.clone()]);
        let mixed = FaultBox::new(3, vec![fault]);
        let first: Vec<bool> = (0..20).map(|_| !alone.strike(&target("a")).is_empty()).collect();
        let second: Vec<bool> = (0..20)
            .map(|_| {
                mixed.strike(&target("b"));
                !mixed.strike(&target("a")).is_empty()
            })
            .collect();
        assert_eq!(first, second);
        assert_eq!(first.iter().filter(|hit| **hit).count(), 2);
    }

    #[test]
    fn faults_read_as_json() {
        let text = r#"[{"service":"kms","operation":"GetKeyPolicy","kind":"access_denied"},{"kind":{"status":503},"when":{"first":2}},
            {"account":"111122223333","kind":{"slow":50},"when":{"sometimes":{"probability":0.1,"at_most":3}}}]"#;
        let faults: Vec<Fault> = serde_json::from_str(text).unwrap();
        assert_eq!(faults[0], Fault::always("kms", "GetKeyPolicy", FaultKind::AccessDenied));
        assert_eq!(faults[1], Fault::everywhere(FaultKind::Status(503), Recurrence::First(2)));
        let json = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Fault>>(&json).unwrap(), faults);
    }
}
