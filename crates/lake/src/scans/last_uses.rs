//! When each key was last used, by all that scans of log files found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use kms_insights_model::{KeyArn, KeyFacts, KeyManager, Timestamp};
use kms_insights_trail::CRYPTOGRAPHIC;

use super::{ScanHistory, reading::column};
use crate::{
    Lake, LakeError,
    tables::{key_usage_daily, trail_files, trail_scans},
};

/// The last use of a key that a trail's log files record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrailUse {
    /// When.
    pub at: Timestamp,
    /// By which operation.
    pub event_name: String,
    /// Who.
    pub principal: String,
    /// The resource that the encryption context names.
    pub resource: Option<String>,
}

/// The last uses of all keys, and which days log files were read of.
///
/// Log files prove uses and never that there was none: an account without activity has no log files of a day, and that cannot be told from files that lack.
#[derive(Clone, Debug, Default)]
pub struct TrailUses {
    /// By what the records name, a key's ARN or an alias', and by operation: all uses of the second of the last one.
    uses: HashMap<String, BTreeMap<String, BTreeSet<TrailUse>>>,
    /// The aliases by which the records name keys, in order, each with the second of its last use, by what precedes their names in their ARNs.
    aliases: HashMap<String, Vec<(String, i64)>>,
    places: HashMap<Place, Reading>,
    /// Of the scans that found some: calls that used a key and do not say which.
    without_key: HashMap<String, u64>,
}

/// An account and Region.
type Place = (String, String);

/// What was read of an account's log files in a Region.
#[derive(Clone, Debug)]
struct Reading {
    first_day: NaiveDate,
    last_day: NaiveDate,
    /// The scans that read some, as far as they are in `without_key`.
    scans: BTreeSet<String>,
}

impl TrailUses {
    /// Reads what all published scans found.
    ///
    /// # Errors
    /// When the store fails, or a file of the lake cannot be read.
    pub async fn load(lake: &Lake) -> Result<Self, LakeError> {
        let history = ScanHistory::open(lake).await?;
        let mut uses = Self::default();
        if history.scans().is_empty() {
            return Ok(uses);
        }
        let scans = history.files(&trail_scans::TABLE, None).await?;
        let (daily, read) = (history.files(&key_usage_daily::TABLE, None).await?, history.files(&trail_files::TABLE, None).await?);
        // Before the files, which say where each scan looked.
        history.each_batch(&trail_scans::TABLE, scans, &["scan_id", "uses_without_key"], |_, batch| uses.add_scans(batch)).await?;
        let names = ["key_arn", "principal", "event_name", "resource", "last_used_at"];
        history.each_batch(&key_usage_daily::TABLE, daily, &names, |_, batch| uses.add(batch)).await?;
        let names = ["scan_id", "account_id", "region", "status"];
        history.each_batch(&trail_files::TABLE, read, &names, |file, batch| file.date.map_or(Some(()), |day| uses.add_files(day, batch))).await?;
        uses.list_aliases();
        Ok(uses)
    }

    /// Uses under these names, and the first and the last day of a key's account's log files in its Region.
    #[cfg(test)]
    pub(crate) fn of_place(key: &KeyArn, found: impl IntoIterator<Item = (String, TrailUse)>, days: (NaiveDate, NaiveDate)) -> Self {
        let mut uses = Self::default();
        for (name, found) in found {
            uses.take(name, found);
        }
        uses.list_aliases();
        uses.places.insert(place(key), Reading { first_day: days.0, last_day: days.1, scans: BTreeSet::new() });
        uses
    }

    /// The same, where a scan of the place found so many calls that do not name their key.
    #[cfg(test)]
    pub(crate) fn with_nameless(mut self, key: &KeyArn, calls: u64) -> Self {
        self.without_key.insert("scan".to_owned(), calls);
        self.places.get_mut(&place(key)).unwrap().scans.insert("scan".to_owned());
        self
    }

    fn add_scans(&mut self, batch: &RecordBatch) -> Option<()> {
        let scans: Vec<Option<String>> = column(batch, "scan_id")?;
        // SQL does not count them.
        let calls: Vec<Option<Option<i64>>> = column(batch, "uses_without_key")?;
        for (scan, calls) in scans.into_iter().zip(calls) {
            let calls = calls?.and_then(|calls| u64::try_from(calls).ok()).unwrap_or_default();
            if calls > 0 {
                self.without_key.insert(scan?, calls);
            }
        }
        Some(())
    }

    fn add(&mut self, batch: &RecordBatch) -> Option<()> {
        let keys: Vec<Option<String>> = column(batch, "key_arn")?;
        let principals: Vec<Option<String>> = column(batch, "principal")?;
        let events: Vec<Option<String>> = column(batch, "event_name")?;
        let resources: Vec<Option<Option<String>>> = column(batch, "resource")?;
        let times: Vec<Option<Option<Timestamp>>> = column(batch, "last_used_at")?;
        for ((((key, principal), event_name), resource), at) in keys.into_iter().zip(principals).zip(events).zip(resources).zip(times) {
            let (key, event_name) = (key?, event_name?);
            // A row without a last use is of failed calls alone.
            if let Some(at) = at? {
                self.take(key, TrailUse { at, event_name, principal: principal?, resource: resource? });
            }
        }
        Some(())
    }

    fn take(&mut self, name: String, found: TrailUse) {
        // Scans may be told to count any event; whether a key is used its cryptographic operations tell alone. Else the inventory's own calls would be uses.
        if !CRYPTOGRAPHIC.contains(&found.event_name.as_str()) {
            return;
        }
        let of_operation = self.uses.entry(name).or_default().entry(found.event_name.clone()).or_default();
        match of_operation.first() {
            Some(known) if known.second() > found.second() => {}
            Some(known) if known.second() == found.second() => drop(of_operation.insert(found)),
            _ => *of_operation = BTreeSet::from([found]),
        }
    }

    fn add_files(&mut self, day: NaiveDate, batch: &RecordBatch) -> Option<()> {
        let scans: Vec<Option<String>> = column(batch, "scan_id")?;
        let accounts: Vec<Option<Option<String>>> = column(batch, "account_id")?;
        let regions: Vec<Option<Option<String>>> = column(batch, "region")?;
        let states: Vec<Option<String>> = column(batch, "status")?;
        for (((scan, account), region), status) in scans.into_iter().zip(accounts).zip(regions).zip(states) {
            if let (Some(account), Some(region)) = (account?, region?)
                && status? != "unread"
            {
                let reading = self.places.entry((account, region)).or_insert_with(|| Reading { first_day: day, last_day: day, scans: BTreeSet::new() });
                reading.first_day = day.min(reading.first_day);
                reading.last_day = day.max(reading.last_day);
                let scan = scan?;
                if self.without_key.contains_key(&scan) && !reading.scans.contains(&scan) {
                    reading.scans.insert(scan);
                }
            }
        }
        Some(())
    }

    fn list_aliases(&mut self) {
        for (name, operations) in &self.uses {
            let last = operations.values().flatten().map(TrailUse::second).max();
            if let (Some((place, alias)), Some(last)) = (name.split_once(":alias/"), last) {
                self.aliases.entry(place.to_owned()).or_default().push((format!("alias/{alias}"), last));
            }
        }
        self.aliases.values_mut().for_each(|names| names.sort_unstable());
    }

    /// The uses of a key, by its ARN or by one of its aliases, which is all that some records name.
    fn of_key<'a>(&'a self, key: &KeyFacts) -> impl Iterator<Item = &'a BTreeMap<String, BTreeSet<TrailUse>>> {
        let arn = key.arn.to_string();
        let place = prefix(&key.arn);
        let aliases: Vec<_> = key.aliases.observed().into_iter().flatten().filter_map(|alias| self.uses.get(&format!("{place}:{}", alias.name))).collect();
        aliases.into_iter().chain(self.uses.get(&arn))
    }

    /// The last use of a key; of several at the same second always the same one.
    pub fn last_use(&self, key: &KeyFacts) -> Option<&TrailUse> {
        self.of_key(key).flat_map(BTreeMap::values).filter_map(BTreeSet::last).max()
    }

    /// The uses of a key by this operation in the second of this moment, as far as they are its last by that operation.
    pub fn at_second<'a>(&'a self, key: &KeyFacts, operation: &str, at: Timestamp) -> Vec<&'a TrailUse> {
        let uses = self.of_key(key).filter_map(|operations| operations.get(operation)).flatten();
        uses.filter(|found| found.second() == at.timestamp()).collect()
    }

    /// The first and the last day of which log files of the key's account and Region were read. Days between them may lack.
    pub fn days(&self, key: &KeyFacts) -> Option<(NaiveDate, NaiveDate)> {
        self.places.get(&place(&key.arn)).map(|reading| (reading.first_day, reading.last_day))
    }

    /// How many calls used a key and do not say which, among all that the scans read that read log files of the key's account and Region.
    pub fn nameless_calls(&self, key: &KeyFacts) -> u64 {
        let scans = self.places.get(&place(&key.arn)).into_iter().flat_map(|reading| &reading.scans);
        scans.filter_map(|scan| self.without_key.get(scan)).sum()
    }

    /// Aliases of the key's account and Region by which uses are recorded, which are not known to be the key's, and may have been: an alias may be moved from key to key, or be deleted.
    pub fn aliases_of_others(&self, key: &KeyFacts) -> Vec<&str> {
        let metadata = key.metadata.observed();
        let (manager, created_at) = (metadata.and_then(|metadata| metadata.manager.as_ref()), metadata.and_then(|metadata| metadata.created_at));
        let may_have_been = |name: &str, last: i64| {
            let is_own = key.aliases.observed().is_some_and(|aliases| aliases.iter().any(|alias| alias.name == name));
            // AWS gives its own keys such names, and them alone.
            let is_of_its_kind = match manager {
                Some(KeyManager::Customer) => !name.starts_with("alias/aws/"),
                Some(KeyManager::Aws) => name.starts_with("alias/aws/"),
                _ => true,
            };
            // CloudTrail tells no fractions of a second.
            is_of_its_kind && created_at.is_none_or(|created| last >= created.timestamp()) && !is_own
        };
        let named = self.aliases.get(&prefix(&key.arn)).into_iter().flatten();
        named.filter(|(name, last)| may_have_been(name, *last)).map(|(name, _)| name.as_str()).collect()
    }
}

impl TrailUse {
    const fn second(&self) -> i64 {
        self.at.timestamp()
    }
}

fn place(key: &KeyArn) -> Place {
    (key.account().to_string(), key.region().to_string())
}

/// What precedes an alias' name in its ARN.
fn prefix(key: &KeyArn) -> String {
    key.to_string().split_once(":key/").map_or_else(String::new, |(place, _)| place.to_owned())
}
