//! How fast AWS may be asked.
//!
//! KMS counts requests per operation, caller account and Region; a member account's role is a caller of its own, so every account-Region has its own buckets and
//! nothing needs to be shared between them. A quota of *r* requests per second is read in the strictest way: no more than *r* in **any** window of one second. That
//! lets the first *r* requests go at once and never asks for more than the quota, however the service draws its windows. Others use the same quota, so a bucket also
//! yields when the service says `ThrottlingException`, and recovers.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use kms_insights_model::{ApiAction, Service};
use tokio::time::Instant;

/// Requests per second that AWS documents for an operation, per caller account and Region, and how many may come at once after a pause.
///
/// Sources: "AWS KMS request quotas"; "Throttling limits for AWS Organizations"; "AWS STS quotas"; "AWS Account Management quotas"; "Quotas in AWS CloudTrail".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests per second.
    pub rate: u32,
    /// Requests at once. Where AWS documents no burst, a second's.
    pub burst: u32,
}

/// The documented quota of an operation.
pub const fn quota(action: ApiAction) -> Quota {
    let (rate, burst) = match action {
        ApiAction::KmsDescribeKey | ApiAction::KmsListResourceTags => (2000, 2000),
        ApiAction::KmsGetKeyPolicy | ApiAction::KmsGetKeyRotationStatus => (1000, 1000),
        ApiAction::KmsListKeys | ApiAction::KmsListAliases => (500, 500),
        ApiAction::KmsListGrants | ApiAction::KmsListKeyRotations => (100, 100),
        ApiAction::KmsGetKeyLastUsage | ApiAction::KmsDescribeCustomKeyStores | ApiAction::AccountListRegions => (5, 5),
        ApiAction::CloudTrailLookupEvents => (2, 2),
        ApiAction::CloudTrailDescribeTrails | ApiAction::CloudTrailGetEventSelectors | ApiAction::CloudTrailGetTrailStatus => (10, 10),
        // Organizations documents 8, and bursts of 12, for ListAccounts. It documents no figure for walking the tree, so that is asked at the same pace.
        ApiAction::OrganizationsListAccounts
        | ApiAction::OrganizationsListAccountsForParent
        | ApiAction::OrganizationsListOrganizationalUnitsForParent
        | ApiAction::OrganizationsListRoots
        | ApiAction::OrganizationsDescribeOrganization => (8, 12),
        ApiAction::StsAssumeRole | ApiAction::StsGetCallerIdentity => (600, 600),
    };
    Quota { rate, burst }
}

/// How much longer than the quota's own a window is: a little, for requests that overtake each other on their way.
const MARGIN: f64 = 1.015;
/// How much of its limit a bucket keeps when the service throttles.
const KEPT_WHEN_THROTTLED: f64 = 0.7;
/// How much of the full limit a bucket always keeps: a service that throttles for another reason than the pace is not waited for.
const KEPT_AT_LEAST: f64 = 0.05;
/// How much of the full limit a bucket wins back for each second without throttling.
const REGAINED_PER_SECOND: f64 = 0.1;

/// For how long an operation must have failed, and never answered, before its endpoint is taken not to have it: longer than most disturbances.
const LACKING_AFTER: Duration = Duration::from_secs(15);

/// The pace of one operation in one account and Region.
#[derive(Debug)]
pub struct Bucket {
    action: ApiAction,
    full: f64,
    /// How long the full limit's requests take: a second, or with a burst longer than that as long as the rate needs to refill it.
    window: Duration,
    state: Mutex<BucketState>,
}

#[derive(Debug)]
struct BucketState {
    /// When the latest requests may go, oldest first; never more than the full limit.
    granted: VecDeque<Instant>,
    /// When the latest requests really went, oldest first; never more than the full limit.
    departed: VecDeque<Instant>,
    /// Requests per window at present: the full limit, or less after throttling.
    limit: f64,
    /// When the service throttled last, or the limit was last raised since.
    throttled_at: Option<Instant>,
    /// When the limit was lowered last.
    lowered_at: Option<Instant>,
    /// Requests in a row that failed on the service's side after all their retries.
    exhausted: u32,
    /// When the first of them did.
    exhausted_at: Option<Instant>,
    /// Whether the operation ever answered.
    answered: bool,
}

impl Bucket {
    /// A bucket at `share` of the operation's documented quota: below 1 leaves room for others, above 1 is for quotas that AWS raised.
    pub fn new(action: ApiAction, share: f64) -> Self {
        let Quota { rate, burst } = quota(action);
        let asked = f64::from(burst) * share;
        // A share that is less than one request makes the window longer instead.
        let full = asked.max(1.0);
        let window = Duration::from_secs_f64(f64::from(burst) / f64::from(rate) * (full / asked) * MARGIN);
        Self {
            action,
            full,
            window,
            state: Mutex::new(BucketState {
                granted: VecDeque::new(),
                departed: VecDeque::new(),
                limit: full,
                throttled_at: None,
                lowered_at: None,
                exhausted: 0,
                exhausted_at: None,
                answered: false,
            }),
        }
    }

    /// The operation that the bucket paces.
    pub const fn action(&self) -> ApiAction {
        self.action
    }

    fn state(&self) -> std::sync::MutexGuard<'_, BucketState> {
        // The state is plain numbers, sound at every point: a panic elsewhere while it was held leaves nothing half done.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Reserves the next request's place and says when it may go. Places are given in the order of asking.
    pub fn reserve(&self, now: Instant) -> Instant {
        let mut state = self.state();
        if let Some(throttled_at) = state.throttled_at {
            let quiet = now.saturating_duration_since(throttled_at).as_secs_f64();
            if quiet >= 1.0 {
                state.limit = (state.limit + self.full * REGAINED_PER_SECOND * quiet).min(self.full);
                state.throttled_at = (state.limit < self.full).then_some(now);
            }
        }
        let (limit, full) = (requests(state.limit), requests(self.full));
        let mut at = now;
        if let Some(previous) = state.granted.len().checked_sub(limit).and_then(|index| state.granted.get(index)) {
            at = at.max(*previous + self.window);
        }
        if let Some(last) = state.granted.back() {
            at = at.max(*last);
        }
        if state.granted.len() >= full {
            state.granted.pop_front();
        }
        state.granted.push_back(at);
        at
    }

    /// Lets a request go whose time has come, or says until when it must wait all the same: where requests were held up after their time, those of two seconds would
    /// otherwise leave in one.
    pub fn depart(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.state();
        let (limit, full) = (requests(state.limit), requests(self.full));
        if let Some(earlier) = state.departed.len().checked_sub(limit).and_then(|index| state.departed.get(index)) {
            let again = *earlier + self.window;
            if again > now {
                return Err(again);
            }
        }
        if state.departed.len() >= full {
            state.departed.pop_front();
        }
        state.departed.push_back(now);
        Ok(())
    }

    /// The service said that the quota is spent: ask for less from now on. Throttles that come in one burst count once.
    pub fn throttled(&self, now: Instant) {
        let mut state = self.state();
        if state.lowered_at.is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_millis(200)) {
            state.limit = (state.limit * KEPT_WHEN_THROTTLED).max(self.full * KEPT_AT_LEAST).max(1.0);
            state.lowered_at = Some(now);
        }
        state.throttled_at = Some(now);
    }

    /// A request succeeded, or was refused for a reason that says nothing about the service's health.
    pub fn answered(&self) {
        let mut state = self.state();
        state.exhausted = 0;
        state.exhausted_at = None;
        state.answered = true;
    }

    /// A request failed on the service's side after all its retries.
    pub fn exhausted(&self, now: Instant) {
        let mut state = self.state();
        state.exhausted += 1;
        state.exhausted_at.get_or_insert(now);
    }

    /// Whether the operation has never answered and fails so steadily, and for so long, that further requests should not insist: an endpoint that does not have it. One
    /// that has answered is worth every retry, and so are STS and Organizations, without which nothing is read at all.
    pub fn is_failing(&self, now: Instant) -> bool {
        let may_lack = matches!(self.action.service(), Service::Kms | Service::Account | Service::CloudTrail);
        let state = self.state();
        may_lack && !state.answered && state.exhausted >= 3 && state.exhausted_at.is_some_and(|first| now.saturating_duration_since(first) >= LACKING_AFTER)
    }
}

/// A limit as a number of requests.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the limit lies between 1 and the quota times the share")]
fn requests(limit: f64) -> usize {
    (limit as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(1015);

    fn grants_within_one_second_of(times: &[Instant], from: Instant) -> usize {
        times.iter().filter(|at| **at >= from && **at < from + Duration::from_secs(1)).count()
    }

    #[test]
    fn no_window_of_one_second_holds_more_than_the_quota() {
        let bucket = Bucket::new(ApiAction::KmsListGrants, 1.0);
        let start = Instant::now();
        let times: Vec<Instant> = (0..450).map(|_| bucket.reserve(start)).collect();
        for time in &times {
            assert!(grants_within_one_second_of(&times, *time) <= 100);
        }
        let last = times.last().unwrap().duration_since(start);
        assert_eq!(last, WINDOW * 4, "450 requests at 100 per second need four further windows");
    }

    #[test]
    fn the_first_second_of_requests_goes_at_once() {
        let bucket = Bucket::new(ApiAction::KmsGetKeyLastUsage, 1.0);
        let start = Instant::now();
        let waits: Vec<Duration> = (0..7).map(|_| bucket.reserve(start).duration_since(start)).collect();
        assert_eq!(waits, [Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO, WINDOW, WINDOW]);
    }

    #[test]
    fn a_burst_goes_at_once_and_is_paid_for_at_the_rate() {
        let bucket = Bucket::new(ApiAction::OrganizationsListAccounts, 1.0);
        let start = Instant::now();
        let waits: Vec<Duration> = (0..25).map(|_| bucket.reserve(start).duration_since(start)).collect();
        let refill = Duration::from_secs_f64(1.5 * MARGIN);
        assert_eq!((waits[11], waits[12], waits[23], waits[24]), (Duration::ZERO, refill, refill, refill * 2));
    }

    #[test]
    fn requests_held_up_after_their_time_do_not_leave_with_the_next_seconds() {
        let bucket = Bucket::new(ApiAction::KmsGetKeyLastUsage, 1.0);
        let start = Instant::now();
        let late = start + Duration::from_millis(900);
        assert!((0..5).all(|_| bucket.depart(late).is_ok()), "the first second's requests, all late");
        let due = start + bucket.window;
        assert_eq!(bucket.depart(due), Err(late + bucket.window), "the next second's first request");
        assert_eq!(bucket.depart(late + bucket.window), Ok(()));
    }

    #[test]
    fn a_throttled_bucket_asks_for_less_and_recovers() {
        let bucket = Bucket::new(ApiAction::KmsListGrants, 1.0);
        let start = Instant::now();
        bucket.throttled(start);
        let burst: Vec<Instant> = (0..100).map(|_| bucket.reserve(start)).collect();
        assert_eq!(grants_within_one_second_of(&burst, start), 70);
        let later = start + Duration::from_mins(1);
        bucket.reserve(later);
        let recovered: Vec<Instant> = (0..99).map(|_| bucket.reserve(later)).collect();
        assert!(recovered.iter().all(|at| *at == later), "the full quota is asked for again");
    }

    #[test]
    fn a_share_of_the_quota_leaves_room_for_others_but_never_stops() {
        let start = Instant::now();
        let half = Bucket::new(ApiAction::KmsListGrants, 0.5);
        let times: Vec<Instant> = (0..51).map(|_| half.reserve(start)).collect();
        assert_eq!(grants_within_one_second_of(&times, start), 50);
        let sliver = Bucket::new(ApiAction::KmsGetKeyLastUsage, 0.01);
        assert_eq!(sliver.reserve(start), start);
        assert_eq!(sliver.reserve(start), start + WINDOW * 20, "a hundredth of five a second");
    }

    #[test]
    fn a_service_that_goes_on_throttling_is_asked_for_less_and_less() {
        let bucket = Bucket::new(ApiAction::KmsListGrants, 1.0);
        let start = Instant::now();
        for throttle in 0..10 {
            bucket.throttled(start + Duration::from_millis(100) * throttle);
        }
        // Lowered at 0, 200, … 800 ms: what comes in between belongs to the same burst.
        assert_eq!(requests(bucket.state().limit), 16);
        for throttle in 10..100 {
            bucket.throttled(start + Duration::from_millis(100) * throttle);
        }
        assert_eq!(requests(bucket.state().limit), 5, "and never for less than that");
    }

    #[test]
    fn only_what_never_answered_for_long_is_taken_to_be_missing_and_never_what_all_else_needs() {
        let start = Instant::now();
        let failing = |action| {
            let bucket = Bucket::new(action, 1.0);
            (0..3).for_each(|_| bucket.exhausted(start));
            bucket
        };
        let usage = failing(ApiAction::KmsGetKeyLastUsage);
        assert!(!usage.is_failing(start + Duration::from_secs(5)), "it may be a disturbance");
        assert!(usage.is_failing(start + LACKING_AFTER));
        usage.answered();
        assert!(!usage.is_failing(start + LACKING_AFTER));
        assert!(!failing(ApiAction::StsAssumeRole).is_failing(start + LACKING_AFTER));
    }
}
