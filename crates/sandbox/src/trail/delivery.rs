//! The trail's files in its bucket: computed when they are asked for.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail log file examples", "Viewing CloudTrail log files for organization trails", "CloudTrail digest file structure".

use std::{
    collections::{HashMap, VecDeque},
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use chrono::{DurationRound as _, NaiveDate, NaiveDateTime, TimeDelta};
use flate2::{Compression, write::GzEncoder};
use kms_insights_model::{AccountId, Timestamp};
use serde_json::json;

use super::{
    days::Days,
    event::{Event, iso},
    files,
    setting::{NAME, TrailSetting},
    uses::midnight,
};
use crate::{Organization, SimulatedAccount, dice::Dice};

/// So many files a day for each account and Region; CloudTrail delivers about every five minutes, where there is something.
pub(crate) const SLOTS: u32 = 3;
/// The bodies that are kept because they are likely to be asked for next: a listing tells sizes, and whoever lists then reads.
const KEPT_BYTES: usize = 8 << 20;

/// A file in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) path: String,
    pub(crate) at: Timestamp,
    content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// Of this part of a day.
    Log { day: NaiveDate, slot: u32 },
    /// Of an hour in which no log file was delivered.
    Digest,
}

/// The bucket of the trail.
pub(crate) struct Delivery {
    days: Arc<Days>,
    name: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bodies: VecDeque<(String, Bytes)>,
    bytes: usize,
    /// What a listing needs of a file, so that a second one computes nothing.
    sizes: HashMap<u64, u64>,
}

fn number(path: &str) -> u64 {
    let mut dice = path.bytes().fold(Dice::new(path.len() as u64), |state, byte| state.part(u64::from(byte)));
    dice.roll()
}

impl Delivery {
    pub(crate) fn new(days: Arc<Days>) -> Self {
        let name = TrailSetting::bucket(days.organization());
        Self { days, name, kept: Mutex::default() }
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.name
    }

    pub(crate) fn owner(&self) -> AccountId {
        self.organization().management().id
    }

    /// The Region of the bucket: the trail's own.
    pub(crate) fn home(&self) -> &str {
        TrailSetting::home(self.organization()).map_or("us-east-1", |home| home.as_str())
    }

    pub(crate) fn made_at(&self) -> Timestamp {
        self.setting().started_at(self.organization())
    }

    fn organization(&self) -> &Organization {
        self.days.organization()
    }

    fn setting(&self) -> &TrailSetting {
        &self.days.behaviour().trail
    }

    fn prefix(&self) -> String {
        self.setting().prefix.as_ref().map_or(String::new(), |prefix| format!("{prefix}/"))
    }

    fn folder(&self, account: &SimulatedAccount) -> String {
        format!("{}AWSLogs/{}/{}/", self.prefix(), self.organization().id(), account.id)
    }

    /// The names of all files that begin so, sorted.
    pub(crate) fn paths(&self, prefix: &str) -> Vec<String> {
        let mut paths = Vec::new();
        for account in self.organization().accounts().iter().filter(|account| account.is_active()) {
            let folder = self.folder(account);
            if !folder.starts_with(prefix) && !prefix.starts_with(&folder) {
                continue;
            }
            for region in 0..account.regions.len() {
                paths.extend(self.files(account, region).into_iter().map(|file| file.path).filter(|path| path.starts_with(prefix)));
            }
        }
        paths.sort();
        paths
    }

    /// The files of an account's Region.
    fn files(&self, account: &SimulatedAccount, region: usize) -> Vec<Delivered> {
        let (organization, setting) = (self.organization(), self.setting());
        let name = account.regions[region].region.as_str();
        if !setting.covers(organization, name) {
            return Vec::new();
        }
        let mut files = Vec::new();
        let now = organization.now().duration_trunc(TimeDelta::minutes(1)).unwrap_or_default();
        let mut day = setting.first(organization).date_naive();
        while midnight(day) < organization.now() {
            for slot in 0..SLOTS {
                let (from, until) = span(day, slot);
                if from >= organization.now() || !setting.tells(organization, from) {
                    continue;
                }
                let mut dice = account.regions[region].dice.part(920).part(u64::try_from(from.timestamp()).unwrap_or(0));
                // Some minutes after the fact; now and then a day.
                let delay = TimeDelta::minutes(i64::try_from(dice.between(5, 14)).unwrap_or(5));
                let late = if dice.chance(2) { TimeDelta::hours(26) } else { TimeDelta::zero() };
                let at = (until + delay + late).min(now);
                let path = files::path(&self.prefix(), organization.id(), account.id, name, at, &dice.alphanumeric(16));
                files.push(Delivered { path, at, content: Content::Log { day, slot } });
            }
            let at = midnight(day) + TimeDelta::hours(3);
            if at < organization.now() && setting.tells(organization, at) {
                files.push(Delivered { path: self.digest_path(account, name, at), at, content: Content::Digest });
            }
            day = day.succ_opt().unwrap_or(NaiveDate::MAX);
        }
        files
    }

    fn digest_path(&self, account: &SimulatedAccount, region: &str, at: Timestamp) -> String {
        let home = self.home();
        let (folder, day, second) = (self.folder(account), at.format("%Y/%m/%d"), at.format("%Y%m%dT%H%M%SZ"));
        format!("{folder}CloudTrail-Digest/{region}/{day}/{}_CloudTrail-Digest_{region}_{NAME}_{home}_{second}.json.gz", account.id)
    }

    /// The file at a path, and where it belongs.
    fn find(&self, path: &str) -> Option<(&SimulatedAccount, usize, Delivered)> {
        let account = self.organization().accounts().iter().find(|account| account.is_active() && path.starts_with(&self.folder(account)))?;
        let rest = path.strip_prefix(&self.folder(account))?.split_once('/')?.1;
        let name = rest.split('/').next()?;
        let region = account.regions.iter().position(|unit| unit.region.as_str() == name)?;
        let file = self.files(account, region).into_iter().find(|file| file.path == path)?;
        Some((account, region, file))
    }

    /// When a file was delivered: its name tells.
    pub(crate) fn delivered_at(path: &str) -> Option<Timestamp> {
        let name = path.rsplit('/').next()?.strip_suffix(".json.gz")?;
        let told = name.split('_').find(|part| part.ends_with('Z') && part.contains('T'))?;
        let format = if told.len() == "20261122T0543Z".len() { "%Y%m%dT%H%MZ" } else { "%Y%m%dT%H%M%SZ" };
        NaiveDateTime::parse_from_str(told, format).ok().map(|at| at.and_utc())
    }

    pub(crate) fn size(&self, path: &str) -> Option<u64> {
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).sizes.get(&number(path)).copied();
        known.or_else(|| self.read(path).map(|body| body.len() as u64))
    }

    /// A tag that the same content always has: it follows from the path.
    pub(crate) fn etag(&self, path: &str) -> String {
        let mut dice = Dice::new(number(path)).part(u64::from(self.setting().days));
        format!("\"{}\"", dice.hex(32))
    }

    /// A file's bytes.
    pub(crate) fn read(&self, path: &str) -> Option<Bytes> {
        if let Some(body) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).bodies.iter().find(|(other, _)| other == path) {
            return Some(body.1.clone());
        }
        let (account, region, file) = self.find(path)?;
        match file.content {
            Content::Digest => Some(self.keep(path, compress(&self.digest(account, region, &file)))),
            Content::Log { day, .. } => {
                // The whole day is computed, so that its other files need no second time.
                let events = self.days.events(account, region, day);
                let before = if repeats(account, region, day, 0) { self.days.events(account, region, day.pred_opt()?) } else { Vec::new() };
                let mut wanted = None;
                for other in self.files(account, region) {
                    if let Content::Log { day: its, slot } = other.content
                        && its == day
                    {
                        let body = self.keep(&other.path, compress(&self.log(&events, &before, day, slot, account, region)));
                        if other.path == path {
                            wanted = Some(body);
                        }
                    }
                }
                wanted
            }
        }
    }

    fn keep(&self, path: &str, body: Bytes) -> Bytes {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sizes.insert(number(path), body.len() as u64);
        kept.bytes += body.len();
        kept.bodies.push_back((path.to_owned(), body.clone()));
        while kept.bytes > KEPT_BYTES {
            let Some((_, oldest)) = kept.bodies.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
        body
    }

    /// Whether the trail's files hold an event.
    fn holds(&self, event: &Event) -> bool {
        self.setting().tells(self.organization(), event.at) && self.setting().selects(event)
    }

    /// The records of a part of a day. Now and then it begins with what was delivered before: CloudTrail promises to deliver at least once.
    fn log(&self, events: &[Event], before: &[Event], day: NaiveDate, slot: u32, account: &SimulatedAccount, region: usize) -> Vec<u8> {
        let (from, until) = span(day, slot);
        let again = repeats(account, region, day, slot).then(|| {
            let earlier = |event: &&Event| event.at < from && event.at >= from - (until - from) && self.holds(event);
            before.iter().chain(events).rfind(earlier)
        });
        let mut own: Vec<&Event> = events.iter().filter(|event| event.at >= from && event.at < until && self.holds(event)).collect();
        // CloudTrail keeps no order within a file.
        own.sort_by_key(|event| (event.at.timestamp() / 600, number(&event.id)));
        let mut text = b"{\"Records\":[".to_vec();
        for (at, event) in again.flatten().into_iter().chain(own).enumerate() {
            if at > 0 {
                text.push(b',');
            }
            // A map of texts and numbers always is JSON, and a Vec takes all.
            let _ = serde_json::to_writer(&mut text, &event.record());
        }
        text.extend_from_slice(b"]}");
        text
    }

    fn digest(&self, account: &SimulatedAccount, region: usize, file: &Delivered) -> Vec<u8> {
        let before = self.digest_path(account, account.regions[region].region.as_str(), file.at - TimeDelta::days(1));
        let digest = json!({
            "awsAccountId": account.id,
            "digestStartTime": iso(file.at - TimeDelta::hours(1)),
            "digestEndTime": iso(file.at),
            "digestS3Bucket": self.name,
            "digestS3Object": file.path,
            "digestPublicKeyFingerprint": "31e8b5433410dfb61a9dc45cc65b22ff",
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": null,
            "oldestEventTime": null,
            "previousDigestS3Bucket": self.name,
            "previousDigestS3Object": before,
            "previousDigestHashAlgorithm": "SHA-256",
            "logFiles": [],
        });
        serde_json::to_vec(&digest).unwrap_or_default()
    }
}

/// Whether the file of a part of a day begins with what the one before ended with.
fn repeats(account: &SimulatedAccount, region: usize, day: NaiveDate, slot: u32) -> bool {
    let mut dice = account.regions[region].dice.part(930).part(u64::try_from(span(day, slot).0.timestamp()).unwrap_or(0));
    dice.chance(20)
}

/// From when to when a part of a day is.
fn span(day: NaiveDate, slot: u32) -> (Timestamp, Timestamp) {
    let length = TimeDelta::hours(24) / i32::try_from(SLOTS).unwrap_or(1);
    let from = midnight(day) + length * i32::try_from(slot).unwrap_or(0);
    (from, from + length)
}

fn compress(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A Vec takes everything.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default().into()
}
