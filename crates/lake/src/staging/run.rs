//! A staged run: its description, its parts, and what a resumed run needs to know of them.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_model::{
    Account, AccountId, AccountRecord, EventHistory, Fact, Failure, KeyArn, KeyFacts, LastUsage, OrganizationId, Region, RunId, StagedRecord, Timestamp,
    TrailRecord, UnitRecord,
};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde::{Deserialize, Serialize};

use super::part::{self, Kind, Lines, PartName};
use crate::{Lake, LakeError};

const INFO: &str = "run.json";
const CLAIM_PREFIX: &str = "writer-";
/// The largest description that is read back: ten thousand accounts take some four megabytes.
const MAX_INFO_BYTES: u64 = 64 << 20;
const CONCURRENT_COPIES: usize = 16;

/// What a run was to do: all that is needed to resume or publish it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run.
    pub run_id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// The version of the program that began it.
    pub tool_version: String,
    /// The organization, where there is one.
    pub organization_id: Option<OrganizationId>,
    /// The accounts that the run was to read, those to be skipped included.
    pub accounts: Vec<Account>,
    /// All accounts of the organization, so that a principal of another account can be told from a stranger's; `None` where they could not be listed.
    pub organization_accounts: Option<BTreeSet<AccountId>>,
    /// The Regions that the run was limited to; `None` for all that are enabled.
    pub regions: Option<Vec<Region>>,
    /// The accounts, organizational units and Regions that the run was limited to, in words; `None` where it was to read all that the caller can see.
    #[serde(default)]
    pub selection: Option<String>,
    /// Whether AWS managed keys were to be left out.
    pub customer_managed_only: bool,
    /// The published partial run that this one completes.
    pub resumed_from: Option<RunId>,
    /// Further settings of the collector that a resumed run takes over; nothing to the lake.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// What of the organization itself lacks, such as its list of accounts in a run that was told which to read.
    #[serde(default)]
    pub organization_failures: Vec<Failure>,
}

/// A run that is staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedRunSummary {
    /// Its description.
    pub info: RunInfo,
    /// Whether it is published: then it is kept because it is partial, and is resumed under a new id.
    pub published: bool,
}

/// What the staging holds under a run's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StagedRunEntry {
    /// A run that can be gone on with.
    Sound(Box<StagedRunSummary>),
    /// A run whose description cannot be read.
    Damaged {
        /// The run.
        run_id: RunId,
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// A key as staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StagedKey {
    /// Every fact that applies is there.
    Complete,
    /// Some fact lacks; here are the others.
    Lacking(Box<KeyFacts>),
}

/// What is staged of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StagedAccount {
    /// The account's record; `None` where its collection did not end.
    pub record: Option<AccountRecord>,
    /// Its Regions of which all keys are staged: one that misses some, because a part was deleted or did not survive, is not among them, so that its keys are listed again.
    pub units: BTreeMap<Region, UnitRecord>,
    /// Its keys.
    pub keys: BTreeMap<KeyArn, StagedKey>,
    /// Their last usage.
    pub usages: BTreeMap<KeyArn, Fact<LastUsage>>,
    /// What CloudTrail's event history tells of them, where it was asked.
    pub histories: BTreeMap<KeyArn, Fact<EventHistory>>,
    /// The trails that it sees in its Regions.
    pub trails: BTreeMap<Region, TrailRecord>,
}

/// What is staged of an account beyond its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overview {
    /// Its own record.
    pub(crate) record: Option<AccountRecord>,
    /// Its Regions.
    pub(crate) units: BTreeMap<Region, UnitRecord>,
    /// The trails that it sees in them.
    pub(crate) trails: BTreeMap<Region, TrailRecord>,
}

/// The parts of one account, sorted by generation and sequence.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountParts(BTreeMap<Kind, Vec<PartName>>);

impl AccountParts {
    pub(crate) fn of(&self, kind: Kind) -> &[PartName] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }
}

/// A staged run, of which single accounts can be read back: never the whole organization at once.
#[derive(Clone, Debug)]
pub struct StagedRun {
    lake: Lake,
    info: RunInfo,
    accounts: BTreeMap<AccountId, AccountParts>,
}

impl StagedRun {
    /// The staged run of this id.
    ///
    /// # Errors
    /// When the store fails, no such run is staged, or a staged file is not what a writer leaves.
    pub async fn load(lake: &Lake, run: &RunId) -> Result<Self, LakeError> {
        let info = read_info(lake, run).await?;
        let folder = lake.staged_run_path(run);
        let mut accounts: BTreeMap<AccountId, AccountParts> = BTreeMap::new();
        let mut objects = lake.object_store().list(Some(&folder));
        while let Some(object) = objects.try_next().await.map_err(LakeError::store("list", &folder))? {
            let Some(mut below) = object.location.prefix_match(&folder) else { continue };
            let (Some(account), Some(name), None) = (below.next(), below.next(), below.next()) else { continue };
            // A loss of power can leave a local file's name without its content. What the part held is missed like that of a part that was never written.
            if object.size == 0 && lake.is_local() {
                continue;
            }
            // The notes that file managers leave in folders.
            if name.as_ref().starts_with('.') {
                continue;
            }
            // A file that nobody here wrote could be records under a damaged name: it must not be passed over.
            let (Ok(account), Ok(name)) = (account.as_ref().parse(), name.as_ref().parse::<PartName>()) else {
                return Err(part::corrupt(&object.location, "its name is not that of a part"));
            };
            accounts.entry(account).or_default().0.entry(name.kind).or_default().push(name);
        }
        for parts in accounts.values_mut().flat_map(|parts| parts.0.values_mut()) {
            parts.sort_unstable();
        }
        Ok(Self { lake: lake.clone(), info, accounts })
    }

    /// The run's description.
    pub const fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The accounts of which something is staged.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.keys().copied()
    }

    /// What is staged of an account: its complete keys by name only. Nothing where nothing is staged.
    ///
    /// # Errors
    /// When the store fails, or a part is damaged.
    pub async fn account(&self, account: AccountId) -> Result<StagedAccount, LakeError> {
        let mut staged = StagedAccount::default();
        for kind in Kind::ALL {
            for name in self.parts(account).of(kind) {
                let (path, bytes) = self.fetch(account, *name).await?;
                let mut lines = Lines::new(&path, &bytes)?;
                while let Some((number, line)) = lines.next()? {
                    match part::record(&path, account, kind, number, line)? {
                        StagedRecord::Account(record) => staged.record = Some(*record),
                        StagedRecord::Unit(unit) => drop(staged.units.insert(unit.region.clone(), *unit)),
                        StagedRecord::Key(key) => {
                            let arn = key.arn.clone();
                            drop(staged.keys.insert(arn, if key.is_complete() { StagedKey::Complete } else { StagedKey::Lacking(key) }));
                        }
                        StagedRecord::Usage(usage) => drop(staged.usages.insert(usage.arn, usage.last_usage)),
                        StagedRecord::History(history) => drop(staged.histories.insert(history.arn, history.event_history)),
                        StagedRecord::Trails(trails) => drop(staged.trails.insert(trails.region.clone(), *trails)),
                    }
                }
            }
        }
        let StagedAccount { units, keys, .. } = &mut staged;
        let mut found: BTreeMap<&Region, u64> = BTreeMap::new();
        for key in keys.keys() {
            *found.entry(key.region()).or_default() += 1;
        }
        units.retain(|region, unit| found.get(region).copied().unwrap_or_default() >= unit.keys_staged);
        Ok(staged)
    }

    pub(crate) fn parts(&self, account: AccountId) -> AccountParts {
        self.accounts.get(&account).cloned().unwrap_or_default()
    }

    /// The account's own record and its Regions' records.
    pub(crate) async fn overview(&self, account: AccountId) -> Result<Overview, LakeError> {
        let Overview { mut record, mut units, mut trails } = Overview::default();
        for kind in [Kind::Trails, Kind::Unit, Kind::Account] {
            for name in self.parts(account).of(kind) {
                let (path, bytes) = self.fetch(account, *name).await?;
                let mut lines = Lines::new(&path, &bytes)?;
                while let Some((number, line)) = lines.next()? {
                    match part::record(&path, account, kind, number, line)? {
                        StagedRecord::Account(found) => record = Some(*found),
                        StagedRecord::Unit(unit) => drop(units.insert(unit.region.clone(), *unit)),
                        StagedRecord::Trails(found) => drop(trails.insert(found.region.clone(), *found)),
                        StagedRecord::Key(_) | StagedRecord::Usage(_) | StagedRecord::History(_) => {}
                    }
                }
            }
        }
        Ok(Overview { record, units, trails })
    }

    pub(crate) async fn fetch(&self, account: AccountId, name: PartName) -> Result<(Path, bytes::Bytes), LakeError> {
        let path = part_path(&self.lake, &self.info.run_id, account, name);
        let bytes = get_bounded(&self.lake, &path, part::MAX_COMPRESSED_BYTES).await?;
        bytes.map(|bytes| (path.clone(), bytes)).ok_or_else(|| part::corrupt(&path, "it is larger than any part"))
    }

    /// Copies the parts for a run that completes this one, so that it starts from everything that was read: from all of it, or this fails.
    pub(super) async fn copy_parts(&self, to: &RunId) -> Result<(), LakeError> {
        let parts: Vec<(AccountId, PartName)> =
            self.accounts.iter().flat_map(|(account, parts)| parts.0.values().flatten().map(|name| (*account, *name))).collect();
        let store = self.lake.object_store();
        let copied = stream::iter(parts)
            .map(|(account, name)| {
                let (source, target) = (part_path(&self.lake, &self.info.run_id, account, name), part_path(&self.lake, to, account, name));
                let store = &store;
                async move { store.copy(&source, &target).await.map_err(LakeError::store("copy", &source)) }
            })
            .buffer_unordered(CONCURRENT_COPIES)
            .try_collect()
            .await;
        // Another process may have been discarding this run since before it was listed here, and its description goes first: while that is there, so is all else.
        let info = info_path(&self.lake, &self.info.run_id);
        match store.head(&info).await {
            Ok(_) => copied,
            Err(object_store::Error::NotFound { .. }) => Err(LakeError::UnknownRun { run: self.info.run_id.clone() }),
            Err(source) => copied.and(Err(LakeError::store("read", &info)(source))),
        }
    }
}

impl Lake {
    /// The staged run of this id; `None` where there is none.
    ///
    /// # Errors
    /// When the store fails, or the run's description is damaged.
    pub async fn staged_run(&self, run: &RunId) -> Result<Option<StagedRunSummary>, LakeError> {
        match read_info(self, run).await {
            Ok(info) => Ok(Some(StagedRunSummary { published: self.is_published(run).await?, info })),
            // Killed before its description was written, or deleted to its end but for an empty folder: there is nothing to resume.
            Err(LakeError::UnknownRun { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The staged runs, oldest first: those that were stopped, published partial ones, and damaged ones, which keep nobody from the others.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn staged_runs(&self) -> Result<Vec<StagedRunEntry>, LakeError> {
        let mut runs = Vec::new();
        for run in self.staged_run_ids().await? {
            match self.staged_run(&run).await {
                Ok(Some(staged)) => runs.push(StagedRunEntry::Sound(Box::new(staged))),
                Ok(None) => {}
                Err(error @ LakeError::CorruptRun { .. }) => runs.push(StagedRunEntry::Damaged { run_id: run, reason: error.to_string() }),
                Err(error) => return Err(error),
            }
        }
        Ok(runs)
    }

    /// The runs that the staging has a folder of, whatever is in it, by their ids.
    pub(crate) async fn staged_run_ids(&self) -> Result<Vec<RunId>, LakeError> {
        let folder = self.staging_path();
        let listing = self.object_store().list_with_delimiter(Some(&folder)).await.map_err(LakeError::store("list", &folder))?;
        let mut ids: Vec<RunId> = listing.common_prefixes.iter().filter_map(|prefix| prefix.filename()?.parse().ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// Deletes what is staged of a run: its description first, so that whoever takes the run over meanwhile can tell that it did not get all of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn discard_staging(&self, run: &RunId) -> Result<(), LakeError> {
        let folder = self.staged_run_path(run);
        let info = info_path(self, run);
        match self.object_store().delete(&info).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(LakeError::store("delete", &info)(source)),
        }
        if let Some(local) = self.local_folder(&folder) {
            // Takes along the temporary files that a killed process leaves, which the store does not list.
            return match tokio::fs::remove_dir_all(&local).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LakeError::Folder { path: local, source: error }),
                _ => Ok(()),
            };
        }
        let store = self.object_store();
        let locations = Box::pin(store.list(Some(&folder)).map_ok(|object| object.location));
        store.delete_stream(locations).try_for_each(|_| async { Ok(()) }).await.map_err(LakeError::store("delete", &folder))
    }
}

fn info_path(lake: &Lake, run: &RunId) -> Path {
    lake.staged_run_path(run).join(INFO)
}

pub(super) fn part_path(lake: &Lake, run: &RunId, account: AccountId, name: PartName) -> Path {
    lake.staged_run_path(run).join(account.as_str()).join(name.to_string())
}

fn encoded(info: &RunInfo) -> Result<Vec<u8>, LakeError> {
    serde_json::to_vec_pretty(info).map_err(|source| LakeError::Encode { what: format!("run {}", info.run_id), source })
}

pub(super) async fn write_info(lake: &Lake, info: &RunInfo) -> Result<(), LakeError> {
    let (path, bytes) = (info_path(lake, &info.run_id), encoded(info)?);
    if !lake.put_new(&path, bytes.into()).await? {
        return Err(LakeError::TakenOver { run: info.run_id.clone() });
    }
    lake.sync(vec![path]).await
}

/// Writes the description once more, whole or not at all.
pub(super) async fn rewrite_info(lake: &Lake, info: &RunInfo) -> Result<(), LakeError> {
    let (path, bytes) = (info_path(lake, &info.run_id), encoded(info)?);
    lake.object_store().put(&path, bytes.into()).await.map_err(LakeError::store("write", &path))?;
    lake.sync(vec![path]).await
}

pub(super) async fn read_info(lake: &Lake, run: &RunId) -> Result<RunInfo, LakeError> {
    let path = info_path(lake, run);
    let corrupt = |reason: String| LakeError::CorruptRun { path: path.to_string(), reason };
    let bytes = match get_bounded(lake, &path, MAX_INFO_BYTES).await {
        Ok(bytes) => bytes.ok_or_else(|| corrupt("it is too large".to_owned()))?,
        Err(LakeError::Store { source: object_store::Error::NotFound { .. }, .. }) => return Err(LakeError::UnknownRun { run: run.clone() }),
        Err(error) => return Err(error),
    };
    let info: RunInfo = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
    if info.run_id == *run { Ok(info) } else { Err(corrupt(format!("it describes run {}", info.run_id))) }
}

async fn get_bounded(lake: &Lake, path: &Path, limit: u64) -> Result<Option<bytes::Bytes>, LakeError> {
    let result = lake.object_store().get(path).await.map_err(LakeError::store("read", path))?;
    if result.meta.size > limit {
        return Ok(None);
    }
    result.bytes().await.map(Some).map_err(LakeError::store("read", path))
}

/// Takes the next generation of a run; of several that try at once, each gets another.
pub(super) async fn claim_generation(lake: &Lake, run: &RunId) -> Result<u32, LakeError> {
    let taken = generations(lake, run).await?;
    let mut generation = taken.claimed.max(taken.written) + 1;
    loop {
        let path = claim_path(lake, run, generation);
        // The process id makes two claims differ, so that only one of them can take the object for its own.
        let claim = format!("process {} at {}\n", std::process::id(), chrono::Utc::now().to_rfc3339());
        if lake.put_new(&path, claim.into_bytes().into()).await? {
            return Ok(generation);
        }
        generation += 1;
    }
}

fn claim_path(lake: &Lake, run: &RunId, generation: u32) -> Path {
    lake.staged_run_path(run).join(format!("{CLAIM_PREFIX}{generation:04}"))
}

/// Whether the run was taken over from this generation: the first that takes it over takes the next one.
pub(super) async fn is_superseded(lake: &Lake, run: &RunId, generation: u32) -> Result<bool, LakeError> {
    let path = claim_path(lake, run, generation + 1);
    match lake.object_store().head(&path).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(source) => Err(LakeError::store("read", &path)(source)),
    }
}

/// The highest generations of a run; 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Generations {
    /// By claims. A run that none has claimed was killed while it took over the parts of an earlier one.
    pub(super) claimed: u32,
    /// By parts that are there.
    written: u32,
}

pub(super) async fn generations(lake: &Lake, run: &RunId) -> Result<Generations, LakeError> {
    let folder = lake.staged_run_path(run);
    let mut highest = Generations::default();
    let mut objects = lake.object_store().list(Some(&folder));
    while let Some(object) = objects.try_next().await.map_err(LakeError::store("list", &folder))? {
        let Some(name) = object.location.filename() else { continue };
        if let Some(Ok(generation)) = name.strip_prefix(CLAIM_PREFIX).map(str::parse) {
            highest.claimed = highest.claimed.max(generation);
        } else if let Ok(part) = name.parse::<PartName>() {
            highest.written = highest.written.max(part.generation);
        }
    }
    Ok(highest)
}
