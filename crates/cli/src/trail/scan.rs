//! A scan: day by day, each log file once, into daily usage.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroUsize,
    sync::Arc,
};

use chrono::{NaiveDate, Utc};
use futures::{StreamExt, stream::FuturesUnordered};
use kms_insights_lake::{
    Lake, LakeError,
    count::{signed, unsigned},
    scans::{Counted, KnownFile, ScanHistory, ScanWriter},
    tables::{key_events, key_usage_daily, trail_files::TrailFileRow, trail_scans::TrailScanRow},
};
use kms_insights_model::RunId;
use kms_insights_trail::{Batch, Calls, EventId, Forgotten, SeenEvents, Tally, UseEvents};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    desk::{Desks, ReadFile},
    rows::Rows,
    source::{LogFile, Plan, Source, Wanted},
    spool::{CountedBy, Spool},
};
use crate::{exit::Trouble, lake::trouble, terminal};

/// So many files are fetched at once from S3.
const CONCURRENT_FETCHES: usize = 16;

/// So many events are kept in memory, to know them when they come again: as many as a quarter of a million places hold before there must be twice as many.
const MOST_EVENTS: usize = 225_000;

/// So many bytes of rows are kept in memory before they are written or printed, complete or not.
const MOST_ROW_BYTES: usize = 6 << 20;

/// What is to be scanned, and where to.
pub(super) struct Job {
    pub(super) source: Source,
    pub(super) wanted: Wanted,
    pub(super) use_events: UseEvents,
    pub(super) lake: Option<Lake>,
    /// Where the rows go, beside the lake.
    pub(super) rows: Rows,
}

/// What a scan came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) summary: TrailScanRow,
    /// The files of which something could not be read.
    pub(super) failed: Vec<FailedFile>,
    /// Those of which an earlier scan could not read the same.
    pub(super) failed_before: u64,
    /// Files that were not looked at because their names do not say whose they are.
    pub(super) passed_over: u64,
    /// All that there is to be said of the rows.
    pub(super) rows: Rows,
    pub(super) is_in_lake: bool,
}

impl Outcome {
    /// Whether all that the log files say is known, those of earlier scans included.
    pub(super) const fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.failed_before == 0
    }
}

/// A file of which something could not be read.
#[derive(Debug)]
pub(super) struct FailedFile {
    pub(super) row: TrailFileRow,
    /// What the store said.
    pub(super) reason: Option<String>,
}

struct Scan {
    source: Arc<Source>,
    wanted: Wanted,
    use_events: Arc<UseEvents>,
    history: Option<ScanHistory>,
    /// What earlier scans counted, as soon as that matters.
    counted: BTreeMap<String, Counted>,
    writer: Option<Arc<ScanWriter>>,
    tally: Tally,
    seen: SeenEvents,
    spool: Spool,
    /// The days whose events of earlier scans are known.
    remembered: BTreeSet<NaiveDate>,
    summary: TrailScanRow,
    files: Vec<TrailFileRow>,
    failed: Vec<FailedFile>,
    failed_before: u64,
    /// The rows go from one settlement to the next: while files are read, those of the days before are written.
    settlement: JoinHandle<Result<Rows, Trouble>>,
    desks: Desks,
}

/// A day whose log files are read.
struct Day {
    /// Which of the days it is.
    place: usize,
    date: Option<NaiveDate>,
    /// What earlier scans found of its files.
    earlier: BTreeMap<String, Vec<KnownFile>>,
    /// So many files are not read yet.
    left: usize,
}

/// Of files without a day those that were read are filed under the first day there is.
fn filed_under(day: Option<NaiveDate>) -> NaiveDate {
    day.unwrap_or_default()
}

/// Scans.
pub(super) async fn scan(job: Job, shows_progress: bool) -> Result<Outcome, Trouble> {
    let started_at = Utc::now();
    let id = RunId::new(started_at, rand::random());
    let Job { source, wanted, use_events, lake, rows } = job;
    let history = match &lake {
        Some(lake) => Some(ScanHistory::open(lake).await.map_err(|error| trouble(&error))?),
        None => None,
    };
    let writer = lake.as_ref().zip(history.as_ref()).map(|(lake, history)| Arc::new(ScanWriter::new(lake.clone(), id.clone(), history)));
    let mut plan = source.plan(&wanted).await?;
    if !plan.found_any {
        return Err(Trouble::failed(format_args!("{}: there is no log file of a trail", source.name))
            .next("name the bucket and prefix, or the folder, that the trail delivers to"));
    }
    let summary = TrailScanRow {
        scan_id: id.to_string(),
        source: source.name.clone(),
        status: "complete".to_owned(),
        started_at,
        finished_at: started_at,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        use_events: use_events.names().map(str::to_owned).collect(),
        files_listed: 0,
        files_known: 0,
        files_read: 0,
        files_failed: 0,
        bytes: 0,
        records: 0,
        kms_records: 0,
        repeated_records: 0,
        uses_without_key: 0,
        errors_without_key: 0,
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut scan = Scan {
        source: Arc::new(source),
        wanted,
        use_events: Arc::new(use_events),
        history,
        counted: BTreeMap::new(),
        writer,
        tally: Tally::default(),
        seen: SeenEvents::default(),
        spool: Spool::default(),
        remembered: BTreeSet::new(),
        summary,
        files: Vec::new(),
        failed: Vec::new(),
        failed_before: 0,
        settlement: tokio::spawn(async { Ok(rows) }),
        desks: Desks::new(processors),
    };
    scan.days(&mut plan, shows_progress).await?;
    scan.end(plan.passed_over).await
}

impl Scan {
    /// Reads the log files day by day. While the last files of a day are read, the first of the next are too, and wait for their turn.
    async fn days(&mut self, plan: &mut Plan, shows_progress: bool) -> Result<(), Trouble> {
        let mut days = plan.days().into_iter().enumerate();
        let mut open: VecDeque<Day> = VecDeque::new();
        let mut waiting: VecDeque<(usize, LogFile)> = VecDeque::new();
        let (mut reading, mut read_ahead) = (FuturesUnordered::new(), Vec::new());
        let (full, mut batches) = mpsc::channel(1);
        loop {
            // What was read ahead is in memory until its day comes.
            while reading.len() + read_ahead.len() < CONCURRENT_FETCHES {
                if let Some((place, file)) = waiting.pop_front() {
                    let read = self.desks.clone().read(file, Arc::clone(&self.source), Arc::clone(&self.use_events), full.clone());
                    // As tasks, so that the next file is begun while what was found in this one is added up.
                    let task = tokio::spawn(read);
                    reading.push(async move { (place, task.await) });
                } else if open.len() < 2
                    && let Some((place, date)) = days.next()
                {
                    let (day, files) = self.open_day(plan, place, date).await?;
                    open.push_back(day);
                    waiting.extend(files.into_iter().map(|file| (place, file)));
                } else {
                    break;
                }
            }
            if let Some(day) = open.pop_front_if(|day| day.left == 0) {
                self.close_day(day, shows_progress).await?;
                if let Some(next) = open.front_mut() {
                    next.left -= read_ahead.len();
                    for read in read_ahead.drain(..) {
                        self.take(read, &next.earlier).await?;
                    }
                }
                continue;
            }
            let Some(day) = open.front_mut() else { return Ok(()) };
            tokio::select! {
                // What a file handed on before its end comes before its end.
                biased;
                Some(batch) = batches.recv() => self.count(batch).await?,
                Some((place, read)) = reading.next() => {
                    let read = read.map_err(|error| Trouble::failed(format_args!("the program has a defect: {error}")))??;
                    if place == day.place {
                        self.take(read, &day.earlier).await?;
                        day.left -= 1;
                    } else {
                        // Which record of a call counts must not hang on which file was read first. Large files, which hand on what they tell before their end, are counted as they come.
                        read_ahead.push(read);
                    }
                }
            }
        }
    }

    /// What there is to be read of a day.
    async fn open_day(&mut self, plan: &mut Plan, place: usize, date: Option<NaiveDate>) -> Result<(Day, Vec<LogFile>), Trouble> {
        let mut files = self.source.files(plan, date, &self.wanted).await?;
        self.summary.files_listed += signed(files.len() as u64);
        let listed = files.len();
        let earlier = self.earlier(filed_under(date)).await?;
        files.retain(|file| !earlier.get(&file.path).is_some_and(|found| self.is_known(file, found)));
        self.summary.files_known += signed((listed - files.len()) as u64);
        Ok((Day { place, date, earlier, left: files.len() }, files))
    }

    /// Writes what the files of a day told.
    async fn close_day(&mut self, day: Day, shows_progress: bool) -> Result<(), Trouble> {
        let has_news = !self.files.is_empty();
        self.write_files(filed_under(day.date)).await?;
        // Events of a day come until some time after its end: those of the day before have come by now.
        let Some(date) = day.date else { return Ok(()) };
        self.settle(Some(date)).await?;
        if shows_progress && has_news {
            terminal::say(format_args!(
                "{date}: {} so far, {} of KMS",
                terminal::counted(unsigned(self.summary.records), "record"),
                terminal::grouped(unsigned(self.summary.kms_records))
            ));
        }
        Ok(())
    }

    /// Adds events.
    async fn count(&mut self, batch: Batch) -> Result<(), Trouble> {
        for date in batch.dates() {
            if self.history.is_some() && self.remembered.insert(date) {
                self.remember(date).await?;
            }
            if self.spool.has(date) {
                let ids = self.spool.find(date, &batch.event_ids(date)).map_err(|error| spool_trouble(&error))?;
                self.seen.remember(date, ids);
            }
        }
        self.tally.add(&batch, &mut self.seen);
        self.desks.put_batch(batch);
        if self.seen.len() > MOST_EVENTS {
            self.spill()?;
        }
        if self.tally.size() > MOST_ROW_BYTES {
            self.settle(None).await?;
        }
        Ok(())
    }

    /// Learns which events of a day earlier scans counted.
    async fn remember(&mut self, date: NaiveDate) -> Result<(), Trouble> {
        let Some(history) = &self.history else { return Ok(()) };
        for file in history.event_id_files(date).await.map_err(|error| trouble(&error))? {
            let mut ids = history.event_ids(&file).await.map_err(|error| trouble(&error))?;
            if self.seen.len() + ids.len() <= MOST_EVENTS / 2 {
                self.seen.remember(date, ids);
            } else {
                ids.sort_unstable();
                self.spool.add(date, CountedBy::Earlier, ids).map_err(|error| spool_trouble(&error))?;
            }
        }
        Ok(())
    }

    /// Moves the events that memory holds to the disk.
    fn spill(&mut self) -> Result<(), Trouble> {
        let dates: Vec<NaiveDate> = self.seen.dates().collect();
        for date in dates {
            let Forgotten { earlier, own } = self.seen.forget(date);
            self.spool
                .add(date, CountedBy::Earlier, earlier)
                .and_then(|()| self.spool.add(date, CountedBy::This, own))
                .map_err(|error| spool_trouble(&error))?;
        }
        Ok(())
    }

    /// What earlier scans found of the log files of a day.
    async fn earlier(&mut self, date: NaiveDate) -> Result<BTreeMap<String, Vec<KnownFile>>, Trouble> {
        let Some(history) = &self.history else { return Ok(BTreeMap::new()) };
        let earlier = history.known_files(&self.source.name, date).await.map_err(|error| trouble(&error))?;
        if !earlier.is_empty() && self.counted.is_empty() {
            self.counted = history.counted().await.map_err(|error| trouble(&error))?;
        }
        Ok(earlier)
    }

    /// Whether all of a file was read before, and what it is to be read for was counted. Whatever else is read is compared with what was found of it then, event by event.
    fn is_known(&self, file: &LogFile, found: &[KnownFile]) -> bool {
        let is_same = |known: &KnownFile| known.is_whole() && unsigned(known.bytes) == file.object.size;
        let is_counted = |known: &KnownFile| {
            // What SQL counted would count once more: it writes no ids of events.
            self.counted.get(&known.scan_id).is_some_and(|counted| counted.is_by_sql || self.use_events.names().all(|name| counted.events.contains(name)))
        };
        found.iter().any(|known| is_same(known) && is_counted(known))
    }

    /// Takes note of a file that was read.
    async fn take(&mut self, read: ReadFile, earlier: &BTreeMap<String, Vec<KnownFile>>) -> Result<(), Trouble> {
        let ReadFile { file, batch, report } = read;
        self.count(batch).await?;
        let problem = match &report {
            Ok(report) => {
                let problems = &report.problems;
                problems.iter().find(|problem| problem.kind.loses_records()).or(problems.first()).map(|problem| (problem.kind, Some(problem.offset)))
            }
            Err(unread) => Some((unread.problem, None)),
        };
        let reason = report.as_ref().err().map(|unread| unread.reason.clone());
        let report = report.unwrap_or_default();
        let status = match (&reason, report.is_whole(), report.records) {
            (None, true, _) => "read",
            (None, false, 1..) => "partial",
            _ => "unread",
        };
        let row = TrailFileRow {
            scan_id: self.summary.scan_id.clone(),
            source: self.source.name.clone(),
            path: file.path,
            account_id: file.name.as_ref().map(|name| name.account.to_string()),
            region: file.name.as_ref().map(|name| name.region.to_string()),
            delivered_at: file.name.as_ref().map(|name| name.delivered_at),
            bytes: signed(file.object.size),
            records: signed(report.records),
            kms_records: signed(report.kms_records),
            status: status.to_owned(),
            problem: problem.map(|(kind, _)| kind.as_str().to_owned()),
            problem_offset: problem.and_then(|(_, offset)| offset).map(signed),
        };
        let is_as_it_was =
            |known: &KnownFile| (known.bytes, known.records, &known.status, &known.problem) == (row.bytes, row.records, &row.status, &row.problem);
        if status != "read" && earlier.get(&row.path).is_some_and(|found| found.iter().any(is_as_it_was)) {
            self.failed_before += 1;
            return Ok(());
        }
        self.summary.bytes += row.bytes;
        self.summary.records += row.records;
        self.summary.kms_records += row.kms_records;
        if status == "read" {
            self.summary.files_read += 1;
        } else {
            self.summary.files_failed += 1;
            self.failed.push(FailedFile { row: row.clone(), reason });
        }
        self.files.push(row);
        Ok(())
    }

    async fn write_files(&mut self, day: NaiveDate) -> Result<(), Trouble> {
        let mut files = std::mem::take(&mut self.files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        match &self.writer {
            Some(writer) => writer.write(day, files).await.map_err(|error| trouble(&error)),
            None => Ok(()),
        }
    }

    /// Has the rows of the days before one written and printed, or all of them, while files are read on.
    async fn settle(&mut self, before: Option<NaiveDate>) -> Result<(), Trouble> {
        for (date, ids) in self.tally.held_ids(before) {
            if self.spool.has(date) {
                self.seen.remember(date, self.spool.find(date, &ids).map_err(|error| spool_trouble(&error))?);
            }
        }
        let mut settled = self.tally.take(before, &mut self.seen);
        let Calls { uses, errors } = settled.without_key();
        self.summary.uses_without_key += signed(uses);
        self.summary.errors_without_key += signed(errors);
        if settled.is_empty() {
            return Ok(());
        }
        let mut rows = self.settled().await?;
        let writer = self.writer.clone();
        self.settlement = tokio::spawn(async move {
            while let Some(date) = settled.first_day() {
                let later = date.succ_opt().map(|next| settled.split_off(next)).unwrap_or_default();
                let mut of_day = std::mem::replace(&mut settled, later);
                for row in of_day.rows() {
                    rows.add(&row)?;
                }
                if let Some(writer) = &writer {
                    write(writer, date, &mut of_day).await.map_err(|error| trouble(&error))?;
                }
            }
            Ok(rows)
        });
        Ok(())
    }

    /// Waits until what was settled is written.
    async fn settled(&mut self) -> Result<Rows, Trouble> {
        (&mut self.settlement).await.unwrap_or_else(|error| Err(Trouble::failed(format_args!("the program has a defect: {error}"))))
    }

    /// Writes which events this scan counted.
    async fn write_event_ids(&mut self) -> Result<(), Trouble> {
        let Some(writer) = self.writer.clone() else { return Ok(()) };
        let dates: BTreeSet<NaiveDate> = self.seen.dates().chain(self.spool.dates()).collect();
        for date in dates {
            let own = self.seen.forget(date).own;
            for ids in own.chunks(ScanWriter::MOST_EVENT_IDS) {
                writer.write_event_ids(date, ids).await.map_err(|error| trouble(&error))?;
            }
            let mut of_spool = self.spool.counted_by_this(date);
            loop {
                let ids: Vec<EventId> = of_spool.by_ref().take(ScanWriter::MOST_EVENT_IDS).collect::<Result<_, _>>().map_err(|error| spool_trouble(&error))?;
                if ids.is_empty() {
                    break;
                }
                writer.write_event_ids(date, &ids).await.map_err(|error| trouble(&error))?;
            }
        }
        Ok(())
    }

    async fn end(mut self, passed_over: u64) -> Result<Outcome, Trouble> {
        self.settle(None).await?;
        self.summary.repeated_records = signed(self.seen.repeated());
        self.write_event_ids().await?;
        let mut rows = self.settled().await?;
        rows.end()?;
        if self.summary.files_failed > 0 {
            "partial".clone_into(&mut self.summary.status);
        }
        self.summary.finished_at = Utc::now();
        let is_in_lake = self.writer.is_some();
        if let (Some(writer), Some(history)) = (self.writer, &self.history) {
            let has_news = self.summary.files_read + self.summary.files_failed > 0;
            // A scan that found nothing new leaves no trace, so that a second one changes nothing.
            if has_news {
                writer.publish(&self.summary).await.map_err(|error| trouble(&error))?;
                // Not before: now that this scan has its place, none that began earlier can be published any more.
                history.delete_leftovers(writer.scan_id()).await.map_err(|error| trouble(&error))?;
            }
        }
        Ok(Outcome { summary: self.summary, failed: self.failed, failed_before: self.failed_before, passed_over, rows, is_in_lake })
    }
}

/// Writes a day's rows into the lake.
async fn write(writer: &ScanWriter, date: NaiveDate, of_day: &mut Tally) -> Result<(), LakeError> {
    let scan = writer.scan_id().to_string();
    writer.write(date, of_day.rows().map(|row| key_usage_daily::row(&scan, row))).await?;
    writer.write(date, of_day.key_events().into_iter().map(|event| key_events::row(&scan, event))).await
}

fn spool_trouble(error: &std::io::Error) -> Trouble {
    Trouble::failed(format_args!("{}: ids of events could not be kept there: {error}", std::env::temp_dir().display()))
        .next("free space there, or name another folder in TMPDIR")
}
