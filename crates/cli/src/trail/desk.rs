//! Fetching a log file and reading it, on a thread of its own.

use std::{
    io::Read as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kms_insights_trail::{Batch, FileReport, LogReader, ProblemKind, UseEvents};
use object_store::ObjectStoreExt as _;
use tokio::sync::{Semaphore, mpsc};

use super::source::{LogFile, Source};
use crate::exit::Trouble;

/// The longest log file, compressed as it is, that is held in memory. CloudTrail's have some 5 MB.
const LONGEST_FILE: u64 = 64 << 20;

/// What one log file came to.
pub(super) struct ReadFile {
    pub(super) file: LogFile,
    /// What was not handed on before the file's end.
    pub(super) batch: Batch,
    pub(super) report: Result<FileReport, Unread>,
}

/// Why a file was not read at all.
pub(super) struct Unread {
    pub(super) problem: ProblemKind,
    /// What the store says.
    pub(super) reason: String,
}

impl Unread {
    fn not_fetched(error: &dyn std::error::Error) -> Self {
        Self { problem: ProblemKind::NotFetched, reason: error.to_string() }
    }
}

/// What reading a file takes, used for one after the other.
#[derive(Default)]
struct Desk {
    reader: LogReader,
    file: Vec<u8>,
}

/// What nobody uses at present.
#[derive(Default)]
struct Free {
    desks: Vec<Desk>,
    /// Batches that were gone over, for their memory.
    batches: Vec<Batch>,
}

/// So many files are read at once, however many processors there are. Each waits on a thread until what it found is taken, and whoever takes it needs such threads too: for a lake in a folder.
const MOST_READERS: usize = crate::BLOCKING_THREADS - 2;

/// The desks.
#[derive(Clone)]
pub(super) struct Desks {
    free: Arc<Mutex<Free>>,
    /// How many more may be taken.
    seats: Arc<Semaphore>,
}

impl Desks {
    /// As many as there are processors to read at.
    pub(super) fn new(processors: usize) -> Self {
        Self { free: Arc::default(), seats: Arc::new(Semaphore::new(processors.min(MOST_READERS))) }
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> Desk {
        self.free().desks.pop().unwrap_or_default()
    }

    fn batch(&self) -> Batch {
        self.free().batches.pop().unwrap_or_default()
    }

    /// Gives back a batch that was gone over.
    pub(super) fn put_batch(&self, mut batch: Batch) {
        batch.clear();
        self.free().batches.push(batch);
    }

    /// Fetches a file and reads it. What is much is handed on through `full` before the file's end.
    pub(super) async fn read(self, file: LogFile, source: Arc<Source>, use_events: Arc<UseEvents>, full: mpsc::Sender<Batch>) -> Result<ReadFile, Trouble> {
        if file.object.size > LONGEST_FILE {
            let reason = format!("it has {} bytes", file.object.size);
            return Ok(ReadFile { file, batch: Batch::default(), report: Err(Unread { problem: ProblemKind::TooLarge, reason }) });
        }
        let local = source.on_this_machine(&file);
        let is_log = file.name.is_some();
        let fetched = match &local {
            Some(_) => Ok(bytes::Bytes::new()),
            None => match source.store.get(&file.object.location).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            },
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return Ok(ReadFile { file, batch: Batch::default(), report: Err(Unread::not_fetched(&error)) }),
        };
        // Never closed.
        let seat = Arc::clone(&self.seats).acquire_owned().await.ok();
        let work = tokio::task::spawn_blocking(move || {
            let mut desk = self.desk();
            let mut batch = self.batch();
            desk.file.clear();
            let is_there = match &local {
                Some(path) => std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut desk.file)).map(drop),
                None => Ok(()),
            };
            let text = if local.is_some() { &desk.file[..] } else { &fetched[..] };
            let report = is_there.map(|()| {
                let mut report = desk.reader.read(text, |event, record| {
                    batch.add(event, record, &use_events);
                    if batch.is_full() {
                        // Whoever takes it waits for this file's end. That nobody does any more is told there.
                        drop(full.blocking_send(std::mem::replace(&mut batch, self.batch())));
                    }
                });
                if is_log && report.is_whole() && !desk.reader.found_records() {
                    report.lacks_records();
                }
                report
            });
            self.free().desks.push(desk);
            drop(seat);
            (batch, report.map_err(|error| Unread::not_fetched(&error)))
        });
        let (batch, report) = work.await.map_err(|error| Trouble::failed(format_args!("{}: the program has a defect: {error}", file.path)))?;
        Ok(ReadFile { file, batch, report })
    }
}
