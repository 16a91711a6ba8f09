//! One request: paced, bounded in time, retried, and its end told in the product's vocabulary.

use std::{future::Future, num::NonZeroUsize, sync::Arc, time::Duration};

use kms_insights_model::{ApiAction, ErrorCode, Failure};
use rand::RngExt;
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{cloud::Answer, quota::Bucket};

/// How requests are retried.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How long one attempt may take, from connecting to the last byte.
    pub attempt_timeout: Duration,
    /// Attempts for throttling: others use the same quota, and waiting is all that helps.
    pub throttle_attempts: u32,
    /// Attempts for server errors, timeouts and lost connections.
    pub transient_attempts: u32,
    /// The first retry waits up to twice this long; each further one up to twice as long again.
    pub base_delay: Duration,
    /// No retry waits longer.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(20),
            throttle_attempts: 12,
            transient_attempts: 5,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
        }
    }
}

impl RetryPolicy {
    /// How often a request that ends in `code` is tried in all.
    const fn attempts(&self, code: ErrorCode) -> u32 {
        match code {
            ErrorCode::Throttled => self.throttle_attempts,
            ErrorCode::ServiceError | ErrorCode::Timeout | ErrorCode::Connection | ErrorCode::InvalidResponse => self.transient_attempts,
            _ => 1,
        }
    }

    /// Full jitter: anything between nothing and the doubled delay, so that tasks throttled together do not return together.
    fn delay(&self, attempt: u32) -> Duration {
        let ceiling = self.base_delay.saturating_mul(1 << attempt.min(16)).min(self.max_delay);
        ceiling.mul_f64(rand::rng().random::<f64>())
    }
}

/// A wish to stop, heard by every task of the run.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks the run to stop: requests under way are abandoned, and what they would have brought is `failed: interrupted`.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody asked.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when somebody asks.
    pub async fn stopped(&self) {
        // The sender lives in `self`, so waiting can only end by the value.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// What all requests of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    retry: RetryPolicy,
    under_way: Arc<Semaphore>,
    stop: Stop,
}

impl Requests {
    pub(crate) fn new(retry: RetryPolicy, max_requests: NonZeroUsize, stop: Stop) -> Self {
        Self { retry, under_way: Arc::new(Semaphore::new(max_requests.get())), stop }
    }

    /// The same with so many requests under way of their own: what asks through these holds up nothing that asks through the others.
    pub(crate) fn beside(&self, max_requests: NonZeroUsize) -> Self {
        Self { under_way: Arc::new(Semaphore::new(max_requests.get())), ..self.clone() }
    }

    /// Waits until a request may leave: for a place among those under way, and for its time. While it waits for its time, the place is another's. Always `Some`, for the
    /// semaphore is never closed.
    async fn departure(&self, bucket: &Bucket) -> Option<SemaphorePermit<'_>> {
        loop {
            let permit = self.under_way.acquire().await.ok();
            match bucket.depart(Instant::now()) {
                Ok(()) => return permit,
                Err(at) => {
                    drop(permit);
                    sleep_until(at).await;
                }
            }
        }
    }

    /// Asks until there is an answer, the retries are used up, `until` has passed, or the run is stopped.
    pub(crate) async fn call<T, F>(&self, bucket: &Bucket, until: Until, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Answer<T>>,
    {
        let action = bucket.action();
        if self.stop.is_stopped() {
            return Err(interrupted(action));
        }
        tokio::select! {
            biased;
            result = self.insist(bucket, &until, request) => result,
            () = self.stop.stopped() => Err(interrupted(action)),
            () = until.passed() => Err(until.failure(action)),
        }
    }

    async fn insist<T, F>(&self, bucket: &Bucket, until: &Until, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Answer<T>>,
    {
        let action = bucket.action();
        let mut attempt = 0;
        loop {
            let at = bucket.reserve(Instant::now());
            if until.is_before(at) {
                return Err(until.failure(action));
            }
            sleep_until(at).await;
            let answer = {
                let _permit = self.departure(bucket).await;
                timeout(self.retry.attempt_timeout, request()).await
            };
            let (code, message) = match answer {
                Ok(Ok(value)) => {
                    bucket.answered();
                    return Ok(value);
                }
                Ok(Err(error)) => (error.code, error.aws_code.map_or(error.message.clone(), |aws_code| format!("{aws_code}: {}", error.message))),
                Err(_) => (ErrorCode::Timeout, format!("no whole answer within {:?}", self.retry.attempt_timeout)),
            };
            attempt += 1;
            let attempts = self.retry.attempts(code);
            let healthy = attempts == 1;
            if healthy {
                bucket.answered();
            }
            if code == ErrorCode::Throttled {
                bucket.throttled(Instant::now());
            }
            if attempt >= attempts || (code != ErrorCode::Throttled && bucket.is_failing(Instant::now())) {
                if !healthy && code != ErrorCode::Throttled {
                    bucket.exhausted(Instant::now());
                }
                return Err(Failure::new(action, code, message));
            }
            tokio::time::sleep(self.retry.delay(attempt)).await;
        }
    }
}

fn interrupted(action: ApiAction) -> Failure {
    Failure::new(action, ErrorCode::Interrupted, "the run was stopped")
}

/// Until when something may be asked, and how it is called when that has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    at: Option<Instant>,
    late: ErrorCode,
}

impl Until {
    pub(crate) const fn always() -> Self {
        Self { at: None, late: ErrorCode::Deadline }
    }

    pub(crate) const fn deadline(at: Option<Instant>) -> Self {
        Self { at, late: ErrorCode::Deadline }
    }

    pub(crate) const fn budget(at: Option<Instant>) -> Self {
        Self { at, late: ErrorCode::Budget }
    }

    fn is_before(&self, at: Instant) -> bool {
        self.at.is_some_and(|end| at >= end)
    }

    async fn passed(&self) {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn failure(&self, action: ApiAction) -> Failure {
        let message = match (self.late, action) {
            (ErrorCode::Budget, ApiAction::CloudTrailLookupEvents) => "left unread: the time for the event history was spent",
            (ErrorCode::Budget, _) => "left unread: the budget for last usage was spent",
            _ => "left unread: the account's deadline passed",
        };
        Failure::new(action, self.late, message)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::cloud::ApiError;

    fn requests(stop: &Stop) -> Requests {
        Requests::new(RetryPolicy::default(), NonZeroUsize::MIN, stop.clone())
    }

    fn error(code: ErrorCode) -> ApiError {
        ApiError { code, aws_code: Some("X".to_owned()), message: "m".to_owned() }
    }

    /// Asks with a service that gives `code` for the first `failing` attempts; returns the end and the number of attempts.
    async fn ask(failing: u32, code: ErrorCode) -> (Result<u32, ErrorCode>, u32) {
        let bucket = Bucket::new(ApiAction::KmsDescribeKey, 1.0);
        let asked = AtomicU32::new(0);
        let result = requests(&Stop::default())
            .call(&bucket, Until::always(), || async {
                let attempt = asked.fetch_add(1, Ordering::Relaxed) + 1;
                if attempt <= failing { Err(error(code)) } else { Ok(attempt) }
            })
            .await;
        (result.map_err(|failure| failure.code), asked.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_retried_and_denials_are_not() {
        assert_eq!(ask(4, ErrorCode::ServiceError).await, (Ok(5), 5));
        assert_eq!(ask(5, ErrorCode::ServiceError).await, (Err(ErrorCode::ServiceError), 5));
        assert_eq!(ask(11, ErrorCode::Throttled).await, (Ok(12), 12));
        assert_eq!(ask(1, ErrorCode::AccessDenied).await, (Err(ErrorCode::AccessDenied), 1));
        assert_eq!(ask(1, ErrorCode::NotFound).await, (Err(ErrorCode::NotFound), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_is_a_timeout() {
        let bucket = Bucket::new(ApiAction::KmsDescribeKey, 1.0);
        let result: Result<(), Failure> = requests(&Stop::default()).call(&bucket, Until::always(), std::future::pending).await;
        assert_eq!(result.unwrap_err().code, ErrorCode::Timeout);
    }

    /// How often a service that always fails is asked, when ten things are wanted of it one after the other.
    async fn attempts_of_ten_failing_calls(requests: &Requests, bucket: &Bucket) -> u32 {
        let asked = AtomicU32::new(0);
        for _ in 0..10 {
            let result: Result<(), Failure> = requests
                .call(bucket, Until::always(), || async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    Err(error(ErrorCode::ServiceError))
                })
                .await;
            assert_eq!(result.unwrap_err().code, ErrorCode::ServiceError);
        }
        asked.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_never_answered_is_not_insisted_upon() {
        let bucket = Bucket::new(ApiAction::KmsGetKeyLastUsage, 1.0);
        let requests = requests(&Stop::default());
        let insisted = attempts_of_ten_failing_calls(&requests, &bucket).await;
        assert!(insisted >= 3 * 5, "three keys at least with all retries");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(attempts_of_ten_failing_calls(&requests, &bucket).await, 10, "a minute later one attempt each");
    }

    #[tokio::test(start_paused = true)]
    async fn a_disturbance_at_the_start_costs_no_account_its_session() {
        let bucket = Bucket::new(ApiAction::StsAssumeRole, 1.0);
        let requests = requests(&Stop::default());
        assert_eq!(attempts_of_ten_failing_calls(&requests, &bucket).await, 10 * 5);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(attempts_of_ten_failing_calls(&requests, &bucket).await, 10 * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_its_time_leaves_its_place_to_others() {
        let requests = requests(&Stop::default());
        let (slow, fast) = (Bucket::new(ApiAction::KmsGetKeyLastUsage, 0.2), Bucket::new(ApiAction::KmsDescribeKey, 1.0));
        // What leaves late holds up the next, whose place was reserved for a second after the first's.
        let start = Instant::now();
        slow.reserve(start);
        let reserved = slow.reserve(start);
        tokio::time::advance(reserved - start).await;
        let now = Instant::now();
        slow.depart(now).unwrap();
        let held_up = requests.departure(&slow);
        let other = requests.call(&fast, Until::always(), || async { Ok(Instant::now()) });
        let (permit, left) = tokio::join!(held_up, other);
        assert!(permit.is_some());
        assert_eq!(left.unwrap(), now, "at once, though one request at most may be under way");
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_answered_once_is_worth_every_retry() {
        let bucket = Bucket::new(ApiAction::KmsGetKeyPolicy, 1.0);
        let requests = requests(&Stop::default());
        requests.call(&bucket, Until::always(), || async { Ok(()) }).await.unwrap();
        assert_eq!(attempts_of_ten_failing_calls(&requests, &bucket).await, 10 * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_interrupts_requests_under_way_and_later_ones() {
        let stop = Stop::default();
        let requests = requests(&stop);
        let bucket = Bucket::new(ApiAction::KmsListKeys, 1.0);
        let waiting = requests.call(&bucket, Until::always(), std::future::pending::<Answer<()>>);
        let (under_way, ()) = tokio::join!(waiting, async { stop.stop() });
        assert_eq!(under_way.unwrap_err().code, ErrorCode::Interrupted);
        let later = requests.call(&bucket, Until::always(), || async { Ok(()) }).await;
        assert_eq!(later.unwrap_err().code, ErrorCode::Interrupted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_passed_budget_is_told_apart_from_a_failure_of_the_service() {
        let bucket = Bucket::new(ApiAction::KmsGetKeyLastUsage, 1.0);
        let until = Until::budget(Some(Instant::now()));
        let result = requests(&Stop::default()).call(&bucket, until, || async { Ok(()) }).await;
        assert_eq!(result.unwrap_err().code, ErrorCode::Budget);
    }
}
