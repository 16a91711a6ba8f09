//! Staging what is collected, while it is collected.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_model::{AccountId, RunId, StagedRecord};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use super::{
    RunInfo,
    part::{self, Kind, PartName},
    run::{self, StagedRun},
};
use crate::{Lake, LakeError};

/// A part is written when it holds so many records …
const MAX_RECORDS: usize = 256;
/// … or so many bytes …
const MAX_BYTES: usize = 1 << 20;
/// … or when its oldest record has waited so long: that much a killed run may lose.
const MAX_AGE: Duration = Duration::from_secs(1);
/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How many accounts are written at once where nobody waits for them.
const CONCURRENT_FLUSHES: usize = 8;

/// Stages the records of one run. Cheap to clone; all clones and tasks write to the same run.
///
/// Parts are written whole, so a run that is killed at any moment leaves only whole parts and loses at most a second's records. An account's parts become durable in
/// order: keys before the unit that counts them, all of these before the account's own record, which says that the account is done.
#[derive(Clone, Debug)]
pub struct StagingWriter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lake: Lake,
    run: RunId,
    generation: u32,
    accounts: Mutex<HashMap<AccountId, Arc<Stage>>>,
    failure: Mutex<Option<Arc<LakeError>>>,
}

#[derive(Debug)]
struct Stage {
    account: AccountId,
    pending: Mutex<Pending>,
    /// Held while parts are written, so that they become durable in order.
    written: AsyncMutex<Written>,
}

/// The parts of an account that this writer wrote, by kind: they are numbered from 0.
#[derive(Debug, Default)]
struct Written {
    /// How many.
    parts: [u32; Kind::ALL.len()],
    /// How many of them would survive a loss of power.
    synced: [u32; Kind::ALL.len()],
}

#[derive(Debug, Default)]
struct Pending {
    lines: [Vec<u8>; Kind::ALL.len()],
    records: usize,
    bytes: usize,
    since: Option<Instant>,
}

/// Records that have been taken from those pending: if their writing ends in any way but by returning, by a panic or with the runtime, they are lost, and that must be told.
struct Unwritten<'a> {
    inner: &'a Inner,
    returned: bool,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if !self.returned {
            self.inner.fail(LakeError::BrokenOff);
        }
    }
}

/// A poisoned lock here guards plain buffers, which are whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StagingWriter {
    /// Begins the run `info`: writes its description and takes hold of its staging.
    ///
    /// # Errors
    /// When the store fails, or a run of this id is staged or published already.
    pub async fn begin(lake: &Lake, info: &RunInfo) -> Result<Self, LakeError> {
        if lake.is_published(&info.run_id).await? {
            return Err(LakeError::AlreadyPublished { run: info.run_id.clone() });
        }
        run::write_info(lake, info).await?;
        Self::claim(lake, &info.run_id).await
    }

    /// Resumes a staged run that was not published, under its own id, as a new generation.
    ///
    /// # Errors
    /// When the store fails, no such run is staged, or it is published already: a published run never changes.
    pub async fn resume(lake: &Lake, run: &RunId) -> Result<(Self, StagedRun), LakeError> {
        if lake.is_published(run).await? {
            return Err(LakeError::AlreadyPublished { run: run.clone() });
        }
        let info = run::read_info(lake, run).await?;
        if let Some(earlier) = &info.resumed_from
            && run::generations(lake, run).await?.claimed == 0
        {
            let copied = match StagedRun::load(lake, earlier).await {
                Ok(earlier) => earlier.copy_parts(run).await,
                Err(error) => Err(error),
            };
            match copied {
                // Deleted since. What was not copied is read again.
                Ok(()) | Err(LakeError::UnknownRun { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let writer = Self::claim(lake, run).await?;
        let staged = StagedRun::load(lake, run).await?;
        Ok((writer, staged))
    }

    /// Begins the run `info` with everything that the published partial run `info.resumed_from` staged.
    ///
    /// # Errors
    /// When the store fails, or the earlier run's staging is gone or goes meanwhile ([`LakeError::UnknownRun`]): then nothing of this one is staged.
    pub async fn begin_from(lake: &Lake, info: &RunInfo) -> Result<(Self, StagedRun), LakeError> {
        let writer = match &info.resumed_from {
            None => Self::begin(lake, info).await?,
            Some(earlier) => {
                if lake.is_published(&info.run_id).await? {
                    return Err(LakeError::AlreadyPublished { run: info.run_id.clone() });
                }
                let earlier = StagedRun::load(lake, earlier).await?;
                // Before the parts: a run that is killed while they are copied is listed, and resumed with all of them. Without a claim, for it has not begun.
                run::write_info(lake, info).await?;
                if let Err(error) = earlier.copy_parts(&info.run_id).await {
                    // The person starts again from the earlier run. If this fails too, the run is listed, and does no harm.
                    let _ = lake.discard_staging(&info.run_id).await;
                    return Err(error);
                }
                Self::claim(lake, &info.run_id).await?
            }
        };
        let staged = StagedRun::load(lake, &info.run_id).await?;
        Ok((writer, staged))
    }

    /// Changes the run's description: what this attempt at it learned that the one before did not know.
    ///
    /// # Errors
    /// When the store fails, or another process has taken the run over.
    pub async fn describe(&self, change: impl FnOnce(&mut RunInfo)) -> Result<(), LakeError> {
        let Inner { lake, run, .. } = &*self.inner;
        let known = run::read_info(lake, run).await?;
        let mut info = known.clone();
        change(&mut info);
        if info == known {
            return Ok(());
        }
        if self.is_superseded().await? {
            return Err(LakeError::TakenOver { run: run.clone() });
        }
        run::rewrite_info(lake, &info).await
    }

    async fn claim(lake: &Lake, run: &RunId) -> Result<Self, LakeError> {
        let generation = run::claim_generation(lake, run).await?;
        let inner = Arc::new(Inner { lake: lake.clone(), run: run.clone(), generation, accounts: Mutex::new(HashMap::new()), failure: Mutex::new(None) });
        tokio::spawn(write_aged(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// The run.
    pub fn run_id(&self) -> &RunId {
        &self.inner.run
    }

    /// Which attempt at the run this is, from 1.
    pub fn generation(&self) -> u32 {
        self.inner.generation
    }

    /// Whether another process has taken the run over.
    pub(crate) async fn is_superseded(&self) -> Result<bool, LakeError> {
        run::is_superseded(&self.inner.lake, &self.inner.run, self.inner.generation).await
    }

    /// Stages a record. Returns at once, unless the account's part is full: then when it is written.
    ///
    /// # Errors
    /// When this or an earlier write failed. Nothing is staged after that.
    pub async fn record(&self, record: StagedRecord) -> Result<(), LakeError> {
        self.inner.check()?;
        let (kind, stage) = (Kind::of(&record), self.inner.stage(record.account()));
        let line = part::line(record)?;
        let full = {
            let mut pending = lock(&stage.pending);
            pending.records += 1;
            pending.bytes += line.len();
            pending.since.get_or_insert_with(Instant::now);
            pending.lines[kind as usize].extend_from_slice(&line);
            pending.records >= MAX_RECORDS || pending.bytes >= MAX_BYTES
        };
        // The account's own record comes last, and a person who stops the run then should find the account done.
        if full || kind == Kind::Account { self.flush(stage).await } else { Ok(()) }
    }

    /// Writes all that is not written yet, to disk in a local lake. To be called when the collection has ended, however it ended.
    ///
    /// # Errors
    /// When this or an earlier write failed.
    pub async fn finish(&self) -> Result<(), LakeError> {
        let stages: Vec<_> = lock(&self.inner.accounts).values().cloned().collect();
        stream::iter(stages)
            .map(|stage| async move {
                self.flush(Arc::clone(&stage)).await?;
                self.inner.sync(stage.account, &mut *stage.written.lock().await).await
            })
            .buffer_unordered(CONCURRENT_FLUSHES)
            .try_collect::<()>()
            .await?;
        self.inner.check()
    }

    /// Writes an account's pending records in a task of its own: a caller that is cancelled meanwhile must not take half of them along.
    async fn flush(&self, stage: Arc<Stage>) -> Result<(), LakeError> {
        let inner = Arc::clone(&self.inner);
        if tokio::spawn(async move { inner.write(&stage).await }).await.is_err() {
            self.inner.fail(LakeError::BrokenOff);
        }
        self.inner.check()
    }
}

impl Inner {
    fn check(&self) -> Result<(), LakeError> {
        lock(&self.failure).as_ref().map_or(Ok(()), |failure| Err(LakeError::Staging(Arc::clone(failure))))
    }

    /// Keeps the first failure for every caller.
    fn fail(&self, error: LakeError) {
        lock(&self.failure).get_or_insert_with(|| Arc::new(error));
    }

    fn stage(&self, account: AccountId) -> Arc<Stage> {
        let mut accounts = lock(&self.accounts);
        let stage = accounts.entry(account).or_insert_with(|| Arc::new(Stage { account, pending: Mutex::default(), written: AsyncMutex::default() }));
        Arc::clone(stage)
    }

    /// Writes what an account has pending; a failure is kept for every caller.
    async fn write(&self, stage: &Stage) {
        let mut written = stage.written.lock().await;
        if self.check().is_err() {
            return;
        }
        let mut unwritten = Unwritten { inner: self, returned: false };
        let pending = std::mem::take(&mut *lock(&stage.pending));
        if let Err(error) = self.write_pending(stage.account, pending, &mut written).await {
            self.fail(error);
        }
        unwritten.returned = true;
    }

    async fn write_pending(&self, account: AccountId, pending: Pending, written: &mut Written) -> Result<(), LakeError> {
        for kind in Kind::ALL {
            // Others may have added to it while an earlier part was written: more than readers take back as one part.
            for lines in part::split(&pending.lines[kind as usize]) {
                let sequence = &mut written.parts[kind as usize];
                self.write_part(account, PartName { generation: self.generation, sequence: *sequence, kind }, lines).await?;
                *sequence += 1;
            }
        }
        // Not each part: where many accounts read their keys' last usage, that would be more writes to disk a second than disks do.
        if pending.lines[Kind::Account as usize].is_empty() { Ok(()) } else { self.sync(account, written).await }
    }

    /// Makes an account's parts survive a loss of power.
    async fn sync(&self, account: AccountId, written: &mut Written) -> Result<(), LakeError> {
        if self.lake.is_local() && written.synced != written.parts {
            let parts =
                Kind::ALL.into_iter().flat_map(|kind| (written.synced[kind as usize]..written.parts[kind as usize]).map(move |sequence| (kind, sequence)));
            let path = |(kind, sequence)| run::part_path(&self.lake, &self.run, account, PartName { generation: self.generation, sequence, kind });
            self.lake.sync(parts.map(path).collect()).await?;
            written.synced = written.parts;
        }
        Ok(())
    }

    async fn write_part(&self, account: AccountId, name: PartName, lines: &[u8]) -> Result<(), LakeError> {
        let path = run::part_path(&self.lake, &self.run, account, name);
        let bytes = part::compress(lines).map_err(|error| part::corrupt(&path, error.to_string()))?;
        // A part of this generation that is not ours means that somebody else claimed the same generation, which the store should have prevented.
        if self.lake.put_new(&path, bytes.into()).await? { Ok(()) } else { Err(LakeError::TakenOver { run: self.run.clone() }) }
    }
}

/// Writes parts whose oldest record has waited long enough, until the last writer is gone.
async fn write_aged(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let aged: Vec<_> = {
            let accounts = lock(&inner.accounts);
            accounts.values().filter(|stage| lock(&stage.pending).since.is_some_and(|since| since.elapsed() >= MAX_AGE)).cloned().collect()
        };
        stream::iter(aged)
            .for_each_concurrent(CONCURRENT_FLUSHES, |stage| {
                let inner = &inner;
                async move { inner.write(&stage).await }
            })
            .await;
    }
}
