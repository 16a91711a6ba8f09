//! A folder of log files to measure with: large, seeded, and with its answer beside it.
//!
//! Every event follows from the seed, its file and its place, so that another file can hold a copy of it, or its other half, without anything being kept.

use std::{collections::BTreeMap, io::Write as _};

use chrono::{NaiveDate, TimeDelta};
use flate2::{Compression, write::GzEncoder};
use kms_insights_model::{AccountId, KeyArn, KeyId, Partition, Region, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    actors::{Actor, Place},
    cryptographic::{KeyName, Operation, Use},
    event::{Event, Refusal, iso},
    other,
    purpose::Purpose,
};
use crate::dice::Dice;

const ACCOUNTS: usize = 20;
const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];
/// In each account and Region: 3,000 in all.
const KEYS: usize = 75;
/// Of a hundred records, so many are calls of KMS.
const KMS_PERCENT: u64 = 20;
/// Of a hundred uses of a key, so many come from the neighbouring account.
const CROSS_PERCENT: u64 = 2;
/// About how many bytes of JSON a record takes.
const RECORD_BYTES: u64 = 1550;

/// The size of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorpusShape {
    /// All choices follow from it.
    pub seed: u64,
    /// How many files.
    pub files: usize,
    /// About how many bytes of JSON each file holds.
    pub bytes_per_file: u64,
}

/// Log files of an organization trail, made one by one.
#[derive(Clone, Debug)]
pub struct Corpus {
    shape: CorpusShape,
    dice: Dice,
    accounts: Vec<AccountId>,
    organization: String,
}

/// One file of a corpus.
#[derive(Clone, Debug)]
pub struct CorpusFile {
    /// Its path below the bucket: `AWSLogs/o-…/….json.gz`.
    pub path: String,
    /// The file, compressed.
    pub compressed: Vec<u8>,
    /// What it adds to the answer.
    pub tally: Tally,
}

/// What a scan of files must find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many files.
    pub files: u64,
    /// Their size, decompressed.
    pub bytes: u64,
    /// Their size as they are.
    pub compressed_bytes: u64,
    /// How many records they hold.
    pub records: u64,
    /// How many of these are of KMS, whatever the operation and however often the same event.
    pub kms_records: u64,
    /// How many records repeat an event that another record tells: delivered again, or told to the owner of a key as well.
    pub repeated_kms_records: u64,
    /// By key, principal and operation; each event counts once, and one that two accounts are told of counts for the caller.
    #[serde(serialize_with = "rows")]
    pub uses: BTreeMap<UseOf, UseCount>,
}

/// By what uses are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UseOf {
    /// The key's ARN.
    pub key_arn: String,
    /// The role, the user, or the service.
    pub principal: String,
    /// The operation.
    pub event_name: String,
    /// The resource that the encryption context names; empty where it names none.
    pub resource: String,
}

/// How often, and when last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UseCount {
    /// Calls that succeeded.
    pub uses: u64,
    /// Calls that failed.
    pub errors: u64,
    /// The last of either.
    pub last_at: String,
}

fn rows<S: serde::Serializer>(uses: &BTreeMap<UseOf, UseCount>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        of: &'a UseOf,
        #[serde(flatten)]
        count: &'a UseCount,
    }
    serializer.collect_seq(uses.iter().map(|(of, count)| Row { of, count }))
}

impl Tally {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.compressed_bytes += other.compressed_bytes;
        self.records += other.records;
        self.kms_records += other.kms_records;
        self.repeated_kms_records += other.repeated_kms_records;
        for (of, count) in &other.uses {
            let sum = self.uses.entry(of.clone()).or_default();
            sum.uses += count.uses;
            sum.errors += count.errors;
            if count.last_at > sum.last_at {
                sum.last_at.clone_from(&count.last_at);
            }
        }
    }

    fn count(&mut self, used: &Use) {
        for key in used.keys() {
            let of = UseOf {
                key_arn: key.to_string(),
                principal: used.caller.principal(key.partition()),
                event_name: used.operation.name().to_owned(),
                resource: used.resource().unwrap_or_default(),
            };
            let count = self.uses.entry(of).or_default();
            if used.refusal.is_some() {
                count.errors += 1;
            } else {
                count.uses += 1;
            }
            let at = iso(used.at);
            if at > count.last_at {
                count.last_at = at;
            }
        }
    }
}

/// An event of a file, before it is written.
enum Happening {
    Use(Box<Use>),
    Other(Box<Event>),
}

/// The kind of an event of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lot {
    Other,
    Own,
    /// The owner of the key is another account.
    Shared,
}

/// The account, Region and day of a file.
#[derive(Clone, Copy)]
struct Slot {
    account: usize,
    region: usize,
    day: usize,
}

/// How a record comes to be in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    First,
    Again,
    ToOwner,
}

impl Corpus {
    /// The corpus of a shape.
    pub fn new(shape: CorpusShape) -> Self {
        let dice = Dice::new(shape.seed).part(900);
        let mut names = dice.part(1);
        let accounts = (0..ACCOUNTS).filter_map(|at| format!("{}{:02}{}", 1 + at % 9, at, names.digits(9)).parse().ok()).collect();
        Self { shape, dice, accounts, organization: format!("o-{}", names.lower(10)) }
    }

    /// How many files there are.
    pub const fn len(&self) -> usize {
        self.shape.files
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.shape.files == 0
    }

    /// Files come in pairs of neighbouring accounts, of the same Region and day.
    fn slot(file: usize) -> Slot {
        let pair = file / 2;
        Slot { account: pair % (ACCOUNTS / 2) * 2 + file % 2, region: pair / (ACCOUNTS / 2) % REGIONS.len(), day: pair / (ACCOUNTS / 2) / REGIONS.len() }
    }

    /// So many events are surely in each file: those which others repeat are among them.
    fn sure(&self) -> u64 {
        self.shape.bytes_per_file / RECORD_BYTES / 2
    }

    fn key(&self, account: usize, region: usize, at: usize) -> KeyArn {
        let mut dice = self.dice.part(2).part(((account * REGIONS.len() + region) * KEYS + at) as u64);
        let id: KeyId = dice.uuid().parse().unwrap_or_else(|_| unreachable!("a UUID is the id of a key"));
        let region: Region = REGIONS[region].parse().unwrap_or_else(|_| unreachable!("the name of a Region"));
        KeyArn::new(self.accounts[account], region, id)
    }

    /// What kind of event is at a place of a file, with the dice for the rest of it: whether it is shared is told without making it.
    fn lot(&self, file: usize, at: u64) -> (Lot, Dice) {
        let mut dice = self.dice.part(3).part(file as u64).part(at);
        let lot = match (dice.chance(KMS_PERCENT), dice.chance(CROSS_PERCENT) && at < self.sure()) {
            (false, _) => Lot::Other,
            (true, false) => Lot::Own,
            (true, true) => Lot::Shared,
        };
        (lot, dice)
    }

    fn happening(&self, file: usize, at: u64) -> Happening {
        let slot = Self::slot(file);
        let (lot, mut dice) = self.lot(file, at);
        // Records are roughly in the order of time, as CloudTrail's are.
        let expected = (self.shape.bytes_per_file / RECORD_BYTES).max(1);
        let seconds = (at * 86_000 / expected + dice.below(60)).min(86_399);
        let midnight = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap_or_default().and_hms_opt(0, 0, 0).unwrap_or_default().and_utc();
        let seconds = TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
        let days = TimeDelta::days(i64::try_from(slot.day).unwrap_or(0));
        let place = Place {
            partition: Partition::Aws,
            account: self.accounts[slot.account],
            region: REGIONS[slot.region].to_owned(),
            at: midnight + days + seconds,
            busy: self.dice.part(7).part(file as u64).part(at / 60),
        };
        match lot {
            Lot::Other => Happening::Other(Box::new(other::event(&place, &mut dice))),
            Lot::Own | Lot::Shared => Happening::Use(Box::new(self.used(slot, &place, lot == Lot::Shared, &mut dice))),
        }
    }

    /// A use of one of the keys: of a few often, of most seldom.
    fn used(&self, slot: Slot, place: &Place, cross: bool, dice: &mut Dice) -> Use {
        // Mostly one of the few that are busy at the moment.
        let mut draw = if dice.chance(90) { place.busy.part(dice.below(3)) } else { dice.part(1) };
        let skewed = draw.fraction().powi(3) * 75.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 75")]
        let number = (skewed as usize).min(KEYS - 1);
        let owner = if cross { slot.account ^ 1 } else { slot.account };
        let key = self.key(owner, slot.region, number);
        let mut kind = self.dice.part(4).part(((owner * REGIONS.len() + slot.region) * KEYS + number) as u64);
        let material = kind.hex(64);
        let application = kind.pick(&["orders", "payments", "search", "reports", "billing", "catalog"]);
        let role = format!("{application}-service");
        let arn = |service: &str, rest: String| format!("arn:aws:{service}:{}:{}:{rest}", place.region, place.account);
        let data = |dice: &mut Dice| if dice.chance(80) { Operation::Decrypt } else { Operation::GenerateDataKey };
        let within = dice.below(5);
        let (operation, purpose, actor) = match if cross { 0 } else { kind.below(9) } {
            0 => (
                data(dice),
                Purpose::Bucket {
                    bucket: format!("example-{application}-{}", self.accounts[owner]),
                    object: dice.chance(50).then(|| format!("2026/11/{:02}/part-{:05}.parquet", 1 + within, dice.below(4000))),
                },
                place.application_through(&role, "AWS Internal", dice),
            ),
            1 => (
                Operation::Decrypt,
                Purpose::Secret {
                    arn: arn("secretsmanager", format!("secret:{application}/{within}-{}", { kind }.lower(6))),
                    version: { kind }.part(within).uuid(),
                },
                place.application_through(&role, "secretsmanager.amazonaws.com", dice),
            ),
            2 => (
                data(dice),
                Purpose::Table { name: format!("{application}-{within}"), subscriber: place.account },
                place.application_through(&role, "dynamodb.amazonaws.com", dice),
            ),
            3 => {
                let instance = format!("i-0{}", { kind }.part(within).hex(16));
                (Operation::Decrypt, Purpose::Volume(format!("vol-0{}", { kind }.part(within).part(1).hex(16))), place.infrastructure(&instance))
            }
            4 => (
                Operation::Decrypt,
                Purpose::Function(arn("lambda", format!("function:{application}-{within}"))),
                place.application_through(&role, "lambda.amazonaws.com", dice),
            ),
            5 => (data(dice), Purpose::Queue(arn("sqs", format!("{application}-{within}"))), place.application_through(&role, "sqs.amazonaws.com", dice)),
            6 => (data(dice), Purpose::LogGroup(arn("logs", format!("log-group:/aws/lambda/{application}-{within}"))), Place::service("logs.amazonaws.com")),
            7 => (data(dice), Purpose::Application(application), place.application(&role, dice)),
            _ => (Operation::ReEncrypt, Purpose::Application(application), place.user("ci/deployer", dice)),
        };
        let destination = (operation == Operation::ReEncrypt).then(|| self.key(owner, slot.region, (number + 1) % KEYS));
        let Actor { identity, origin } = actor;
        let refusal = match dice.below(200) {
            0 | 1 => Some(Use::denied(&identity.principal(Partition::Aws), operation, &key)),
            2 => Some(Refusal { code: "DisabledException", message: format!("{key} is disabled.") }),
            3 => Some(Refusal { code: "KMSInvalidStateException", message: format!("{key} is pending deletion.") }),
            _ => None,
        };
        let named = match operation {
            Operation::Decrypt if dice.chance(70) => KeyName::Absent,
            _ => [KeyName::Arn, KeyName::Id, KeyName::Alias(format!("alias/{application}/main"))][dice.index(3)].clone(),
        };
        Use {
            at: place.at,
            id: dice.uuid(),
            owner_id: dice.uuid(),
            request_id: dice.uuid(),
            shared_id: dice.uuid(),
            operation,
            key,
            destination,
            named,
            algorithm: "SYMMETRIC_DEFAULT".to_owned(),
            purpose,
            material: Some(material),
            caller: identity,
            origin,
            refusal,
        }
    }

    /// Makes a file.
    pub fn file(&self, file: usize) -> std::io::Result<CorpusFile> {
        let mut tally = Tally { files: 1, ..Tally::default() };
        let mut text = Vec::with_capacity(usize::try_from(self.shape.bytes_per_file).unwrap_or(0) + 8192);
        text.extend_from_slice(b"{\"Records\":[");
        let partner = file ^ 1;
        // What others repeat or have their half of, spread among the file's own.
        let mut guests: Vec<(u64, Event)> = Vec::new();
        let sure = self.sure();
        if let Some(before) = file.checked_sub(1) {
            let mut dice = self.dice.part(5).part(file as u64);
            for _ in 0..(2 * sure).div_ceil(1000) {
                let at = dice.below(sure);
                let event = match self.happening(before, at) {
                    Happening::Use(used) => used.event(),
                    Happening::Other(event) => *event,
                };
                guests.push((dice.below(sure), event));
            }
        }
        let repeated = guests.len();
        if partner < self.shape.files {
            for at in 0..sure {
                if self.lot(partner, at).0 == Lot::Shared
                    && let Happening::Use(used) = self.happening(partner, at)
                    && let Some(event) = used.owner_event()
                {
                    guests.push((at, event));
                }
            }
        }
        let mut telling: Vec<(u64, Telling, Event)> = Vec::new();
        for (number, (at, event)) in guests.into_iter().enumerate() {
            telling.push((at, if number < repeated { Telling::Again } else { Telling::ToOwner }, event));
        }
        telling.sort_by_key(|(at, _, _)| *at);
        let mut telling = telling.into_iter().peekable();
        for at in 0.. {
            if at >= sure && text.len() as u64 >= self.shape.bytes_per_file {
                break;
            }
            while let Some((_, how, event)) = telling.next_if(|(place, _, _)| *place <= at) {
                write(&mut text, &mut tally, &event, how)?;
            }
            match self.happening(file, at) {
                Happening::Use(used) => {
                    tally.count(&used);
                    write(&mut text, &mut tally, &used.event(), Telling::First)?;
                }
                Happening::Other(event) => write(&mut text, &mut tally, &event, Telling::First)?,
            }
        }
        text.extend_from_slice(b"]}");
        tally.bytes = text.len() as u64;
        let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::new(6));
        encoder.write_all(&text)?;
        let compressed = encoder.finish()?;
        tally.compressed_bytes = compressed.len() as u64;
        Ok(CorpusFile { path: self.path(file), compressed, tally })
    }

    fn path(&self, file: usize) -> String {
        let slot = Self::slot(file);
        let (account, region) = (self.accounts[slot.account], REGIONS[slot.region]);
        let day: Timestamp = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap_or_default().and_hms_opt(23, 55, 0).unwrap_or_default().and_utc()
            + TimeDelta::days(i64::try_from(slot.day).unwrap_or(0));
        let name = self.dice.part(6).part(file as u64).part(0);
        super::files::path("", &self.organization, account, region, day, &{ name }.alphanumeric(16))
    }
}

fn write(text: &mut Vec<u8>, tally: &mut Tally, event: &Event, how: Telling) -> std::io::Result<()> {
    if tally.records > 0 {
        text.push(b',');
    }
    tally.records += 1;
    if event.service == "kms" {
        tally.kms_records += 1;
        tally.repeated_kms_records += u64::from(how != Telling::First);
    }
    let record: Value = event.record();
    serde_json::to_writer(text, &record)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io::Read as _};

    use super::*;

    #[test]
    fn the_answer_is_what_a_full_parse_finds() {
        let corpus = Corpus::new(CorpusShape { seed: 3, files: 4, bytes_per_file: 1_500_000 });
        let (mut tally, mut parsed) = (Tally::default(), Tally::default());
        let (mut seen, mut shared, mut again) = (BTreeSet::new(), 0, 0);
        for file in 0..corpus.len() {
            let file = corpus.file(file).unwrap();
            tally.add(&file.tally);
            let mut text = String::new();
            flate2::read::GzDecoder::new(file.compressed.as_slice()).read_to_string(&mut text).unwrap();
            parsed.files += 1;
            parsed.bytes += text.len() as u64;
            parsed.compressed_bytes += file.compressed.len() as u64;
            let document: Value = serde_json::from_str(&text).unwrap();
            for record in document["Records"].as_array().unwrap() {
                parsed.records += 1;
                let is_new = seen.insert(record["eventID"].as_str().unwrap().to_owned());
                again += u64::from(!is_new);
                if record["eventSource"] != "kms.amazonaws.com" {
                    continue;
                }
                parsed.kms_records += 1;
                let identity = &record["userIdentity"];
                let owners = identity["type"] == "AWSAccount";
                shared += u64::from(owners);
                if owners || !is_new {
                    parsed.repeated_kms_records += 1;
                    continue;
                }
                let principal = [&identity["sessionContext"]["sessionIssuer"]["arn"], &identity["arn"], &identity["invokedBy"]];
                let request = &record["requestParameters"];
                let names = ["aws:s3:arn", "SecretARN", "aws:dynamodb:tableName", "aws:ebs:id", "aws:lambda:FunctionArn", "aws:sqs:arn", "aws:logs:arn"];
                let resource = names.iter().find_map(|name| request["encryptionContext"][*name].as_str()).unwrap_or_default();
                let resource = if resource.starts_with("arn:aws:s3:::") { resource.split('/').next().unwrap() } else { resource };
                for key in record["resources"].as_array().unwrap() {
                    let of = UseOf {
                        key_arn: key["ARN"].as_str().unwrap().to_owned(),
                        principal: principal.iter().find_map(|value| value.as_str()).unwrap().to_owned(),
                        event_name: record["eventName"].as_str().unwrap().to_owned(),
                        resource: resource.to_owned(),
                    };
                    let count = parsed.uses.entry(of).or_default();
                    *(if record.get("errorCode").is_some() { &mut count.errors } else { &mut count.uses }) += 1;
                    count.last_at = record["eventTime"].as_str().unwrap().to_owned().max(std::mem::take(&mut count.last_at));
                }
            }
        }
        assert_eq!(tally, parsed);
        assert!(shared > 0 && again > 0, "some are told to two accounts, some are delivered twice: {shared}, {again}");
        let (percent, ratio) = (tally.kms_records * 100 / tally.records, tally.bytes / tally.compressed_bytes);
        assert!((18..=22).contains(&percent) && (8..=11).contains(&ratio), "{percent} %, {ratio} : 1");
    }

    #[test]
    fn the_same_seed_makes_the_same_files_in_any_order() {
        let shape = CorpusShape { seed: 3, files: 3, bytes_per_file: 100_000 };
        let (one, two) = (Corpus::new(shape), Corpus::new(shape));
        let forwards: Vec<_> = (0..3).map(|at| one.file(at).unwrap()).map(|file| (file.path, file.compressed)).collect();
        let mut backwards: Vec<_> = (0..3).rev().map(|at| two.file(at).unwrap()).map(|file| (file.path, file.compressed)).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
        assert_ne!(forwards[0].1, Corpus::new(CorpusShape { seed: 4, ..shape }).file(0).unwrap().compressed);
    }
}
