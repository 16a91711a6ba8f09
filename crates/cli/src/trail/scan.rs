//! A scan: day by day, each log file once, into daily usage.

use std::{
    collections::BTreeSet,
    io::Read as _,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{Days, NaiveDate, Utc};
use futures::StreamExt;
use kms_insights_lake::{
    Lake,
    scans::{ScanHistory, ScanWriter},
    tables::{key_events, key_usage_daily, trail_files::TrailFileRow, trail_scans::TrailScanRow},
};
use kms_insights_model::RunId;
use kms_insights_trail::{Batch, DailyUse, FileReport, KeyEvent, LogReader, SeenEvents, Tally, UseEvents};
use object_store::ObjectStoreExt as _;

use super::source::{LogFile, Source, Wanted};
use crate::{exit::Trouble, lake::trouble, terminal};

/// So many files are fetched at once from S3; of a folder as many as there are processors, and one.
const CONCURRENT_FETCHES: usize = 16;

/// The longest log file, compressed as it is, that is held in memory. CloudTrail's have some 5 MB.
const LONGEST_FILE: u64 = 64 << 20;

/// So many events are kept in memory, to know them when they come again, before those of past days are written to the lake.
const MOST_EVENTS: usize = 1_000_000;

/// What is to be scanned, and where to.
pub(super) struct Job {
    pub(super) source: Source,
    pub(super) wanted: Wanted,
    pub(super) use_events: UseEvents,
    pub(super) lake: Option<Lake>,
    /// Whether the rows are wanted at the end, beside what is written to the lake.
    pub(super) keeps_rows: bool,
}

/// What a scan came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) summary: TrailScanRow,
    /// The files of which something could not be read.
    pub(super) failed: Vec<TrailFileRow>,
    /// Those of earlier scans, which are not read again.
    pub(super) failed_before: u64,
    /// Files that were not looked at because their names do not say whose they are.
    pub(super) passed_over: u64,
    pub(super) rows: Vec<DailyUse>,
    pub(super) is_in_lake: bool,
}

impl Outcome {
    /// Whether all that the log files say is known, those of earlier scans included.
    pub(super) const fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.failed_before == 0
    }
}

/// What one log file came to.
struct ReadFile {
    file: LogFile,
    batch: Batch,
    outcome: Result<FileReport, String>,
}

struct Scan {
    job: Job,
    history: Option<ScanHistory>,
    writer: Option<ScanWriter>,
    accounts: BTreeSet<String>,
    tally: Tally,
    seen: SeenEvents,
    /// The days whose events of earlier scans are known.
    remembered: BTreeSet<NaiveDate>,
    summary: TrailScanRow,
    files: Vec<TrailFileRow>,
    failed: Vec<TrailFileRow>,
    failed_before: u64,
    rows: Vec<DailyUse>,
    desks: Arc<Mutex<Vec<Desk>>>,
}

/// Scans.
pub(super) async fn scan(job: Job, shows_progress: bool) -> Result<Outcome, Trouble> {
    let started_at = Utc::now();
    let id = RunId::new(started_at, rand::random());
    let history = match &job.lake {
        Some(lake) => Some(ScanHistory::open(lake).await.map_err(|error| trouble(&error))?),
        None => None,
    };
    let writer = job.lake.as_ref().zip(history.as_ref()).map(|(lake, history)| ScanWriter::new(lake.clone(), id.clone(), history));
    let mut plan = job.source.plan(&job.wanted).await?;
    let summary = TrailScanRow {
        scan_id: id.to_string(),
        source: job.source.name.clone(),
        status: "complete".to_owned(),
        started_at,
        finished_at: started_at,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        use_events: job.use_events.names().map(str::to_owned).collect(),
        files_listed: 0,
        files_known: 0,
        files_read: 0,
        files_failed: 0,
        bytes: 0,
        records: 0,
        kms_records: 0,
        repeated_records: 0,
        uses_without_key: 0,
    };
    let mut scan = Scan {
        accounts: plan.accounts.iter().map(ToString::to_string).collect(),
        job,
        history,
        writer,
        tally: Tally::default(),
        seen: SeenEvents::default(),
        remembered: BTreeSet::new(),
        summary,
        files: Vec::new(),
        failed: Vec::new(),
        failed_before: 0,
        rows: Vec::new(),
        desks: Arc::default(),
    };
    let days = plan.days();
    for day in &days {
        let files = scan.job.source.files(&mut plan, *day, &scan.job.wanted).await?;
        let before = scan.summary.bytes;
        scan.day(*day, files).await?;
        if shows_progress
            && scan.summary.bytes > before
            && let Some(day) = day
        {
            terminal::say(format_args!(
                "{day}: {} so far, {} of KMS",
                terminal::counted(unsigned(scan.summary.records), "record"),
                terminal::grouped(unsigned(scan.summary.kms_records))
            ));
        }
    }
    scan.end(plan.passed_over).await
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Scan {
    /// Reads the log files of a day.
    async fn day(&mut self, day: Option<NaiveDate>, mut files: Vec<LogFile>) -> Result<(), Trouble> {
        self.summary.files_listed += signed(files.len() as u64);
        // Of files without a day those that were read are filed under the first day there is.
        let log_date = day.unwrap_or_default();
        if let Some(history) = &self.history {
            let known = history.known_files(&self.job.source.name, log_date).await.map_err(|error| trouble(&error))?;
            let before = files.len();
            files.retain(|file| {
                let earlier = known.get(&file.path).filter(|known| unsigned(known.bytes) == file.object.size);
                self.failed_before += u64::from(earlier.is_some_and(|known| !known.is_whole));
                earlier.is_none()
            });
            self.summary.files_known += signed((before - files.len()) as u64);
        }
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let concurrency = if self.job.source.name.starts_with("s3://") { CONCURRENT_FETCHES.max(processors) } else { processors };
        let (source, desks, use_events) = (Arc::new(self.job.source.clone()), Arc::clone(&self.desks), Arc::new(self.job.use_events.clone()));
        let mut read = futures::stream::iter(files)
            .map(|file| {
                let (source, desks, use_events) = (Arc::clone(&source), Arc::clone(&desks), Arc::clone(&use_events));
                async move { read_file(file, &source, &desks, use_events).await }
            })
            .buffer_unordered(concurrency);
        while let Some(read) = read.next().await {
            self.take(read?).await?;
        }
        drop(read);
        self.write_files(log_date).await?;
        self.write_if_full(day).await
    }

    /// Adds what a file says.
    async fn take(&mut self, read: ReadFile) -> Result<(), Trouble> {
        let ReadFile { file, mut batch, outcome } = read;
        if let Some(history) = &self.history {
            for date in batch.dates() {
                if self.remembered.insert(date) {
                    self.seen.remember(date, history.event_ids(date).await.map_err(|error| trouble(&error))?);
                    if let Some(writer) = &self.writer {
                        self.seen.recall(date, writer.event_ids(date).await.map_err(|error| trouble(&error))?);
                    }
                }
            }
        }
        self.tally.add(&batch, &mut self.seen);
        batch.clear();
        self.summary.bytes += signed(file.object.size);
        let problem = match &outcome {
            Ok(report) => {
                self.summary.records += signed(report.records);
                self.summary.kms_records += signed(report.kms_records);
                report
                    .problems
                    .iter()
                    .find(|problem| problem.kind.loses_records())
                    .or(report.problems.first())
                    .map(|problem| (problem.kind.as_str().to_owned(), Some(problem.offset)))
            }
            Err(reason) => Some((reason.clone(), None)),
        };
        let report = outcome.as_ref().ok();
        let status = match report {
            Some(report) if report.is_whole() => "read",
            Some(report) if report.records > 0 => "partial",
            _ => "unread",
        };
        let row = TrailFileRow {
            scan_id: self.summary.scan_id.clone(),
            source: self.job.source.name.clone(),
            path: file.path,
            account_id: file.name.as_ref().map(|name| name.account.to_string()),
            region: file.name.as_ref().map(|name| name.region.to_string()),
            delivered_at: file.name.as_ref().map(|name| name.delivered_at),
            bytes: signed(file.object.size),
            records: report.map_or(0, |report| signed(report.records)),
            kms_records: report.map_or(0, |report| signed(report.kms_records)),
            status: status.to_owned(),
            problem: problem.as_ref().map(|(kind, _)| kind.clone()),
            problem_offset: problem.and_then(|(_, offset)| offset).map(signed),
        };
        if status == "read" {
            self.summary.files_read += 1;
        } else {
            self.summary.files_failed += 1;
            self.failed.push(row.clone());
        }
        // A file that could not be fetched is tried again by the next scan.
        if outcome.is_ok() {
            self.files.push(row);
        }
        // Its memory serves another file.
        if let Some(desk) = self.desks.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().find(|desk| desk.batch.is_without_memory()) {
            desk.batch = batch;
        }
        Ok(())
    }

    async fn write_files(&mut self, day: NaiveDate) -> Result<(), Trouble> {
        let mut files = std::mem::take(&mut self.files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        match &mut self.writer {
            Some(writer) => writer.write(day, &files).await.map_err(|error| trouble(&error)),
            None => Ok(()),
        }
    }

    /// Writes what has come together, where that is much.
    async fn write_if_full(&mut self, day: Option<NaiveDate>) -> Result<(), Trouble> {
        if self.writer.is_none() {
            return Ok(());
        }
        if self.tally.is_full() {
            self.write_rows().await?;
        }
        // Events of a day come until some time after its end.
        let Some(open_since) = day.and_then(|day| day.checked_sub_days(Days::new(1))) else { return Ok(()) };
        if self.seen.len() > MOST_EVENTS {
            let past: Vec<NaiveDate> = self.seen.dates().filter(|date| *date < open_since).collect();
            for date in past {
                self.write_event_ids(date).await?;
            }
        }
        Ok(())
    }

    async fn write_event_ids(&mut self, date: NaiveDate) -> Result<(), Trouble> {
        self.remembered.remove(&date);
        let ids = self.seen.forget(date);
        match &mut self.writer {
            Some(writer) if !ids.is_empty() => writer.write_event_ids(date, &ids).await.map_err(|error| trouble(&error)),
            _ => Ok(()),
        }
    }

    /// Writes the rows that have come together, a file for each day.
    async fn write_rows(&mut self) -> Result<(), Trouble> {
        let mut tally = std::mem::take(&mut self.tally);
        self.summary.uses_without_key += signed(tally.without_key());
        self.accounts.extend(tally.recipients().into_iter().map(str::to_owned));
        let accounts = &self.accounts;
        let rows = tally.rows(|account| accounts.contains(account));
        let events = tally.key_events(|account| accounts.contains(account));
        if let Some(writer) = &mut self.writer {
            let scan = self.summary.scan_id.clone();
            for rows in rows.chunk_by(|a, b| a.event_date == b.event_date) {
                let written: Vec<_> = rows.iter().map(|row| key_usage_daily::row(&scan, row.clone())).collect();
                writer.write(rows[0].event_date, &written).await.map_err(|error| trouble(&error))?;
            }
            for events in events.chunk_by(|a: &KeyEvent, b| a.at.date_naive() == b.at.date_naive()) {
                let written: Vec<_> = events.iter().map(|event| key_events::row(&scan, event.clone())).collect();
                writer.write(events[0].at.date_naive(), &written).await.map_err(|error| trouble(&error))?;
            }
        }
        if self.job.keeps_rows {
            self.rows.extend(rows);
        }
        Ok(())
    }

    async fn end(mut self, passed_over: u64) -> Result<Outcome, Trouble> {
        self.write_rows().await?;
        self.summary.repeated_records = signed(self.seen.repeated());
        let dates: Vec<NaiveDate> = self.seen.dates().collect();
        for date in dates {
            self.write_event_ids(date).await?;
        }
        self.rows.sort_unstable();
        if self.summary.files_failed > 0 {
            "partial".clone_into(&mut self.summary.status);
        }
        self.summary.finished_at = Utc::now();
        let is_in_lake = self.writer.is_some();
        if let (Some(writer), Some(history)) = (self.writer, &self.history) {
            let has_news = self.summary.files_read + self.summary.files_failed > 0;
            // A scan that found nothing new leaves no trace, so that a second one changes nothing.
            if has_news {
                let scan = writer.scan_id().clone();
                writer.publish(&self.summary).await.map_err(|error| trouble(&error))?;
                // Not before: now that this scan has its place, none that began earlier can be published any more.
                history.delete_leftovers(&scan).await.map_err(|error| trouble(&error))?;
            }
        }
        Ok(Outcome { summary: self.summary, failed: self.failed, failed_before: self.failed_before, passed_over, rows: self.rows, is_in_lake })
    }
}

/// What reading a file takes, used for one after the other.
#[derive(Default)]
struct Desk {
    reader: LogReader,
    file: Vec<u8>,
    batch: Batch,
}

/// Fetches a file and reads it, on a thread of its own.
async fn read_file(file: LogFile, source: &Source, desks: &Arc<Mutex<Vec<Desk>>>, use_events: Arc<UseEvents>) -> Result<ReadFile, Trouble> {
    if file.object.size > LONGEST_FILE {
        return Ok(ReadFile { file, batch: Batch::default(), outcome: Err("longer than a log file may be".to_owned()) });
    }
    let local = source.on_this_machine(&file);
    let fetched = match &local {
        Some(_) => Ok(bytes::Bytes::new()),
        None => match source.store.get(&file.object.location).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        },
    };
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(error) => return Ok(ReadFile { file, batch: Batch::default(), outcome: Err(error.to_string()) }),
    };
    let desks = Arc::clone(desks);
    let work = tokio::task::spawn_blocking(move || {
        let mut desk = desks.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        desk.file.clear();
        let is_there = match &local {
            Some(path) => std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut desk.file)).map(drop),
            None => Ok(()),
        };
        let text = if local.is_some() { &desk.file[..] } else { &fetched[..] };
        let batch = &mut desk.batch;
        let outcome = is_there.map(|()| desk.reader.read(text, |event, record| batch.add(event, record, &use_events)));
        let batch = std::mem::take(&mut desk.batch);
        desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
        (batch, outcome.map_err(|error| error.to_string()))
    });
    let (batch, outcome) = work.await.map_err(|error| Trouble::failed(format_args!("{}: the program has a defect: {error}", file.path)))?;
    Ok(ReadFile { file, batch, outcome })
}
