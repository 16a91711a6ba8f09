//! Whose turn it is: so many accounts at once, and among those that wait the one that holds up the run most.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What a turn is for; the greater goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// To read the keys of an account whose largest Region has so many: a quota makes that take as long as it takes, so what takes longest begins first.
    Read(usize),
    /// To open an account and list its keys. Goes before all reading: it takes three round trips, tells how much there is to read, and lets the last usages begin, which
    /// at five a second decide when the run ends.
    Open,
}

/// The right to work on one account, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// Gives turns.
#[derive(Debug)]
pub(crate) struct Turns {
    slots: Arc<Semaphore>,
    waiting: Mutex<BinaryHeap<Waiting>>,
}

/// One that waits: by purpose, then in the order of the accounts.
#[derive(Debug)]
struct Waiting {
    rank: (Purpose, Reverse<usize>),
    ready: oneshot::Sender<Turn>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Turns {
    /// So many turns at once.
    pub(crate) fn new(concurrency: NonZeroUsize) -> Self {
        Self { slots: Arc::new(Semaphore::new(concurrency.get())), waiting: Mutex::default() }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BinaryHeap<Waiting>> {
        // Pushing and popping leave the heap whole even where the thread panics elsewhere.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. `place` decides between equal purposes: the smaller goes first. Always `Some`, for the semaphore is never closed.
    pub(crate) async fn next(&self, purpose: Purpose, place: usize) -> Option<Turn> {
        let (ready, mut turn) = oneshot::channel();
        self.waiting().push(Waiting { rank: (purpose, Reverse(place)), ready });
        // Everybody who waits fetches turns, and hands each to whoever is first, which may be another; until one is handed to it, by itself or by somebody else.
        loop {
            let mut fetched = tokio::select! {
                biased;
                turn = &mut turn => return turn.ok(),
                fetched = Arc::clone(&self.slots).acquire_owned() => fetched.ok()?,
            };
            while let Some(first) = self.waiting().pop() {
                match first.ready.send(fetched) {
                    Ok(()) => break,
                    // That one has gone away.
                    Err(unused) => fetched = unused,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn opening_goes_first_and_then_the_largest() {
        let turns = Arc::new(Turns::new(NonZeroUsize::MIN));
        let held = turns.next(Purpose::Open, 0).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for (place, purpose) in [Purpose::Read(5), Purpose::Read(900), Purpose::Open, Purpose::Read(5), Purpose::Open].into_iter().enumerate() {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            tasks.spawn(async move {
                let _turn = turns.next(purpose, place).await;
                order.lock().unwrap().push((purpose, place));
            });
        }
        tokio::task::yield_now().await;
        drop(held);
        while tasks.join_next().await.is_some() {}
        let expected = [(Purpose::Open, 2), (Purpose::Open, 4), (Purpose::Read(900), 1), (Purpose::Read(5), 0), (Purpose::Read(5), 3)];
        assert_eq!(*order.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_any_more_goes_to_the_next() {
        let turns = Turns::new(NonZeroUsize::MIN);
        let held = turns.next(Purpose::Open, 0).await;
        {
            let mut gone = std::pin::pin!(turns.next(Purpose::Open, 1));
            assert!(futures::poll!(&mut gone).is_pending());
        }
        let mut waiting = std::pin::pin!(turns.next(Purpose::Read(1), 2));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(held);
        assert!(waiting.await.is_some());
    }
}
