//! Fetching log files and reading them, on threads of their own.
//!
//! Not on the runtime's threads for what blocks: each thread that reads a file keeps its memory, and these are as few as there are files read at once.

use std::{
    fs::File,
    io::Read as _,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use bytes::Bytes;
use kms_insights_trail::{Batch, FileReport, LogReader, ProblemKind, UseEvents};
use object_store::ObjectStoreExt as _;
use tokio::sync::{mpsc, oneshot};

use super::source::{LogFile, Source};
use crate::exit::Trouble;

/// The longest log file, compressed as it is, that is held in memory. CloudTrail's have some 5 MB.
const LONGEST_FILE: u64 = 64 << 20;

/// So many files are read at once, however many processors there are: what they tell is added up on one.
const MOST_READERS: usize = 8;

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

/// A file that is to be read.
struct Task {
    content: Content,
    /// Whether it is named as a log file.
    is_log: bool,
    use_events: Arc<UseEvents>,
    /// Takes what is much before the file's end.
    full: mpsc::Sender<Batch>,
    done: oneshot::Sender<(Batch, Result<FileReport, Unread>)>,
}

enum Content {
    Fetched(Bytes),
    /// On this machine, to be read into memory that was used before.
    At(PathBuf),
}

/// The threads that read. They end when nobody can give them a file any more.
#[derive(Clone)]
pub(super) struct Desks {
    tasks: Sender<Task>,
    /// Batches that were gone over, for their memory.
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl Desks {
    /// One for each processor, and one whose file is ready when another's is done.
    pub(super) fn new(processors: usize) -> Self {
        let (sender, tasks) = channel();
        let desks = Self { tasks: sender, batches: Arc::default() };
        let tasks = Arc::new(Mutex::new(tasks));
        for _ in 0..=processors.min(MOST_READERS - 1) {
            let (tasks, batches) = (Arc::clone(&tasks), Arc::clone(&desks.batches));
            thread::spawn(move || work(&tasks, &batches));
        }
        desks
    }

    /// Gives back a batch that was gone over.
    pub(super) fn put_batch(&self, mut batch: Batch) {
        batch.clear();
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
    }

    /// Fetches a file and reads it. What is much is handed on through `full` before the file's end.
    pub(super) async fn read(self, file: LogFile, source: Arc<Source>, use_events: Arc<UseEvents>, full: mpsc::Sender<Batch>) -> Result<ReadFile, Trouble> {
        if file.object.size > LONGEST_FILE {
            let reason = format!("it has {} bytes", file.object.size);
            return Ok(ReadFile { file, batch: Batch::default(), report: Err(Unread { problem: ProblemKind::TooLarge, reason }) });
        }
        let content = if let Some(path) = source.on_this_machine(&file) {
            Content::At(path)
        } else {
            let fetched = match source.store.get(&file.object.location).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            match fetched {
                Ok(bytes) => Content::Fetched(bytes),
                Err(error) => return Ok(ReadFile { file, batch: Batch::default(), report: Err(Unread::not_fetched(&error)) }),
            }
        };
        let (done, read) = oneshot::channel();
        // Where there is no thread any more, nobody answers.
        drop(self.tasks.send(Task { content, is_log: file.name.is_some(), use_events, full, done }));
        let (batch, report) = read.await.map_err(|_| Trouble::failed(format_args!("{}: the program has a defect: it was not read to its end", file.path)))?;
        Ok(ReadFile { file, batch, report })
    }
}

/// Reads one file after the other, in the same memory.
fn work(tasks: &Mutex<Receiver<Task>>, batches: &Mutex<Vec<Batch>>) {
    let new_batch = || batches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let (mut reader, mut file) = (LogReader::new(), Vec::new());
    while let Ok(Task { content, is_log, use_events, full, done }) = next() {
        file.clear();
        let is_there = match &content {
            Content::Fetched(_) => Ok(()),
            Content::At(path) => File::open(path).and_then(|open| open.take(LONGEST_FILE + 1).read_to_end(&mut file)).map(drop),
        };
        let text = match &content {
            Content::Fetched(bytes) => &bytes[..],
            Content::At(_) => &file[..],
        };
        let mut batch = new_batch();
        let report = is_there.map(|()| {
            let mut report = reader.read(text, |event, record| {
                batch.add(event, record, &use_events);
                if batch.is_full() {
                    // Whoever takes it waits for this file's end. That nobody does any more is told there.
                    drop(full.blocking_send(std::mem::replace(&mut batch, new_batch())));
                }
            });
            if is_log && report.is_whole() && !reader.found_records() {
                report.lacks_records();
            }
            report
        });
        // Nobody waits for it where the scan ended meanwhile.
        drop(done.send((batch, report.map_err(|error| Unread::not_fetched(&error)))));
    }
}
