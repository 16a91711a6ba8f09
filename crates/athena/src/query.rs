//! A statement, from its start to its end: waiting for it, telling how it gets on, and never leaving it to run for nobody.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    api::{AthenaApi, Execution, ExecutionId, QueryRequest, State, StatementType},
    cost::{self, Scanned},
    error::{ApiFailure, AthenaError},
};

/// The first pause between two looks at a statement; each is half as long again as the one before it.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What lets time pass: the runtime's clock, or that of a test.
pub trait Timer: Send + Sync {
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The runtime's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTimer;

impl Timer for TokioTimer {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Why a statement is ended from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The person who asked wants no answer any more.
    Interrupted,
    /// It took longer than it may.
    TimeLimit(Duration),
    /// It read more than it may.
    ScanLimit(u64),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::TimeLimit(limit) => write!(f, "the query took longer than the {} seconds it may", limit.as_secs()),
            Self::ScanLimit(limit) => write!(f, "the query read more than the {} it may", cost::bytes(*limit)),
        }
    }
}

/// What a statement may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that it may read. They are looked at as often as the state is, so that a little more may have been read: the limit of a workgroup is Athena's own, and exact.
    pub scanned_bytes: Option<u64>,
}

/// How a statement is getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The statement's id.
    pub id: &'a ExecutionId,
    /// How far it is.
    pub state: &'a State,
    /// Bytes read so far.
    pub bytes_scanned: u64,
}

/// A statement that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its id.
    pub id: ExecutionId,
    /// What Athena said of it last.
    pub execution: Execution,
}

impl Finished {
    /// What it read.
    pub fn scanned(&self) -> Scanned {
        let is_charged = self.execution.statement_type == Some(StatementType::Dml) && !self.execution.reused;
        Scanned { bytes: self.execution.bytes_scanned, is_charged }
    }

    /// Where the result is, when that is elsewhere than was asked for: a workgroup that enforces its settings passes over the caller's, without a word.
    pub fn moved_from(&self, request: &QueryRequest) -> Option<&str> {
        let asked = request.output_location.as_ref()?;
        self.execution.output_location.as_deref().filter(|place| !place.starts_with(asked.as_str()))
    }
}

/// A statement under way. When it is dropped before its end, as the future is that waits for it, Athena is told to end it.
struct Running<A: AthenaApi> {
    api: Arc<A>,
    id: Option<ExecutionId>,
}

impl<A: AthenaApi> Running<A> {
    async fn stop(&mut self, reason: StopReason, bytes: u64) -> AthenaError {
        // It is taken out only when Athena has answered: whoever drops this meanwhile asks once more, which does no harm.
        let Some(id) = self.id.clone() else { return AthenaError::Answer("a query was stopped twice".to_owned()) };
        let stopped = self.api.stop(&id).await;
        self.id = None;
        match stopped {
            Ok(()) => AthenaError::Stopped { id, reason, bytes },
            Err(source) => AthenaError::NotStopped { id, reason, source },
        }
    }
}

impl<A: AthenaApi> Drop for Running<A> {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let api = Arc::clone(&self.api);
            runtime.spawn(async move {
                // Nobody is left to be told.
                let _ = api.stop(&id).await;
            });
        }
    }
}

/// Runs a statement to its end. `stop` ends it early; so does dropping the future.
///
/// # Errors
/// When a request fails, the statement does, or it is ended early.
pub async fn execute<A: AthenaApi>(
    api: &Arc<A>,
    request: &QueryRequest,
    limits: Limits,
    stop: impl Future<Output = StopReason>,
    timer: &impl Timer,
    mut observe: impl FnMut(Progress<'_>),
) -> Result<Finished, AthenaError> {
    tokio::pin!(stop);
    // Between two statements nothing looks at it.
    tokio::select! {
        biased;
        reason = &mut stop => return Err(AthenaError::NotStarted { reason }),
        () = std::future::ready(()) => {}
    }
    let mut running = start(api, request).await?;
    let Some(id) = running.id.clone() else { return Err(AthenaError::Answer("a query without an id".to_owned())) };
    let mut pause = FIRST_PAUSE;
    let mut bytes = 0;
    loop {
        let execution = tokio::select! {
            biased;
            reason = &mut stop => return Err(running.stop(reason, bytes).await),
            execution = api.execution(&id) => execution?,
        };
        bytes = execution.bytes_scanned;
        observe(Progress { id: &id, state: &execution.state, bytes_scanned: bytes });
        let reason = || execution.reason.clone().unwrap_or_else(|| "Athena gave no reason".to_owned());
        match execution.state {
            State::Queued | State::Running => {}
            State::Succeeded => {
                running.id = None;
                return Ok(Finished { id, execution });
            }
            State::Failed => {
                running.id = None;
                return Err(AthenaError::Failed { reason: reason(), id });
            }
            State::Cancelled => {
                running.id = None;
                return Err(AthenaError::Cancelled { reason: reason(), id });
            }
        }
        if let Some(limit) = limits.scanned_bytes.filter(|limit| bytes > *limit) {
            return Err(running.stop(StopReason::ScanLimit(limit), bytes).await);
        }
        tokio::select! {
            biased;
            reason = &mut stop => return Err(running.stop(reason, bytes).await),
            () = timer.sleep(pause) => {}
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Starts a statement in a task of its own: whoever stops waiting while the request is under way does not know the id by which it could be ended, but the task will.
async fn start<A: AthenaApi>(api: &Arc<A>, request: &QueryRequest) -> Result<Running<A>, AthenaError> {
    let (api, request) = (Arc::clone(api), request.clone());
    let started = tokio::spawn(async move {
        let id = api.start(&request, &token()).await?;
        Ok::<_, ApiFailure>(Running { api, id: Some(id) })
    });
    match started.await {
        Ok(running) => Ok(running?),
        Err(error) => Err(AthenaError::Answer(format!("the request that starts the query ended early: {error}"))),
    }
}

/// A token for a request that must not be carried out twice, however often it is sent: 32 to 128 characters. Source: `StartQueryExecution` in the Amazon Athena API Reference.
pub(crate) fn token() -> String {
    format!("kms-insights-{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::WorkGroup;

    #[test]
    fn tokens_have_the_length_that_athena_asks_for_and_differ() {
        let (one, other) = (token(), token());
        assert!((32..=128).contains(&one.len()) && one != other, "{one}");
    }

    #[test]
    fn results_that_went_elsewhere_are_told() {
        let finished = |place: &str| Finished {
            id: ExecutionId("q".to_owned()),
            execution: Execution {
                state: State::Succeeded,
                reason: None,
                statement_type: Some(StatementType::Dml),
                bytes_scanned: 0,
                milliseconds: None,
                output_location: Some(place.to_owned()),
                reused: false,
            },
        };
        let request =
            QueryRequest { sql: String::new(), database: None, workgroup: WorkGroup::default(), output_location: Some("s3://mine/athena".parse().unwrap()) };
        assert_eq!(finished("s3://mine/athena/q.csv").moved_from(&request), None);
        assert_eq!(finished("s3://theirs/q.csv").moved_from(&request), Some("s3://theirs/q.csv"));
    }
}
