//! Where log files are, and which there are.
//!
//! A trail's folders name account, Region and day: `[prefix/]AWSLogs/[o-ID/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/`. Whichever of them a source begins at, what is below is found folder by folder, and
//! folders that are not wanted are not entered. Source: "Finding your CloudTrail log files" in the AWS CloudTrail User Guide.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream::FuturesUnordered};
use kms_insights_lake::{Lake, LakeLocation, S3Access};
use kms_insights_model::{AccountId, Region};
use kms_insights_trail::{LogName, may_be_log};
use object_store::{ObjectMeta, ObjectStore, local::LocalFileSystem, path::Path};

use crate::{
    exit::Trouble,
    lake::{LakeArguments, trouble},
    settings::Settings,
};

/// So many folders are listed at once.
const CONCURRENT_LISTINGS: usize = 32;

/// Which log files are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) since: Option<NaiveDate>,
    pub(super) until: Option<NaiveDate>,
    /// Empty for all.
    pub(super) accounts: BTreeSet<AccountId>,
    /// Empty for all.
    pub(super) regions: BTreeSet<Region>,
}

impl Wanted {
    fn account(&self, account: &AccountId) -> bool {
        self.accounts.is_empty() || self.accounts.contains(account)
    }

    fn region(&self, region: &Region) -> bool {
        self.regions.is_empty() || self.regions.contains(region)
    }

    /// Whether a span of days has one that is wanted.
    fn days(&self, first: NaiveDate, last: NaiveDate) -> bool {
        self.since.is_none_or(|since| last >= since) && self.until.is_none_or(|until| first <= until)
    }

    fn file(&self, name: Option<&LogName>) -> bool {
        match name {
            Some(name) => self.account(&name.account) && self.region(&name.region) && self.days(name.date(), name.date()),
            // Of a file whose name says nothing nobody can tell.
            None => self.accounts.is_empty() && self.regions.is_empty() && self.since.is_none() && self.until.is_none(),
        }
    }
}

/// A place with log files.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// As it was given.
    pub(super) name: String,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    /// Where it is one file and no folder.
    only: Option<Path>,
    /// Where it is a folder: its files are read into memory that was used before.
    files: Option<Arc<LocalFileSystem>>,
}

/// A log file.
#[derive(Clone, Debug)]
pub(super) struct LogFile {
    pub(super) object: ObjectMeta,
    /// Its path below the source.
    pub(super) path: String,
    pub(super) name: Option<LogName>,
}

/// The log files of a source, by the days on which they were filed; those whose names do not say come under no day.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Folders of one day each, which are listed when their turn comes.
    pub(super) folders: BTreeMap<NaiveDate, Vec<Path>>,
    /// Files that lie elsewhere.
    pub(super) loose: BTreeMap<Option<NaiveDate>, Vec<LogFile>>,
    /// Whether there is any log file, or folder of a day, wanted or not.
    pub(super) found_any: bool,
    /// Files whose names do not say whose they are and when they came, while something was asked for by account, Region or day.
    pub(super) passed_over: u64,
}

impl Plan {
    /// The days, those of files without one first.
    pub(super) fn days(&self) -> BTreeSet<Option<NaiveDate>> {
        self.folders.keys().copied().map(Some).chain(self.loose.keys().copied()).collect()
    }
}

/// What the folders down to one say.
#[derive(Clone, Debug, Default)]
struct Place {
    path: Path,
    is_account: bool,
    is_region: bool,
    year: Option<i32>,
    month: Option<u32>,
}

impl Source {
    /// Opens a source: a folder, one file, or a bucket and prefix.
    pub(super) async fn open(location: &LakeLocation, arguments: &LakeArguments, settings: &Settings) -> Result<Self, Trouble> {
        let name = location.to_string();
        let (location, only) = match location {
            LakeLocation::Local(path) if path.is_file() => {
                let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
                let file = path.file_name().and_then(|name| name.to_str()).map(Path::from);
                (LakeLocation::Local(folder), file)
            }
            LakeLocation::Local(path) if !path.exists() => {
                return Err(Trouble::failed(format_args!("{}: there is no such folder or file", path.display()))
                    .next("name the folder, or the bucket, that the trail delivers to"));
            }
            other => (other.clone(), None),
        };
        let access = arguments.source_access(&location, settings).await?;
        Self::at(name, &location, only, access.as_ref())
    }

    /// A source on S3 with settings of its own.
    #[cfg(feature = "sandbox")]
    pub(super) fn on_s3(location: &LakeLocation, access: &S3Access) -> Result<Self, Trouble> {
        Self::at(location.to_string(), location, None, Some(access))
    }

    fn at(name: String, location: &LakeLocation, only: Option<Path>, access: Option<&S3Access>) -> Result<Self, Trouble> {
        let opened = Lake::open(location, access).map_err(|error| trouble(&error))?;
        let files = match location {
            LakeLocation::Local(folder) => {
                let files = LocalFileSystem::new_with_prefix(folder).map_err(|error| Trouble::failed(format_args!("{}: {error}", folder.display())))?;
                Some(Arc::new(files))
            }
            LakeLocation::S3 { .. } => None,
        };
        Ok(Self { name, store: opened.object_store(), root: opened.root().clone(), only, files })
    }

    /// Where a file is on this machine; `None` where it is on S3.
    pub(super) fn on_this_machine(&self, file: &LogFile) -> Option<PathBuf> {
        self.files.as_ref()?.path_to_filesystem(&file.object.location).ok()
    }

    /// A file's path below the source.
    fn below(&self, path: &Path) -> String {
        path.prefix_match(&self.root).map_or_else(|| path.to_string(), |parts| parts.collect::<Path>().to_string())
    }

    fn log_file(&self, object: ObjectMeta) -> Option<LogFile> {
        let file_name = object.location.filename()?;
        if !may_be_log(file_name) {
            return None;
        }
        let (name, path) = (LogName::parse(file_name), self.below(&object.location));
        Some(LogFile { object, path, name })
    }

    /// Which wanted log files there are.
    pub(super) async fn plan(&self, wanted: &Wanted) -> Result<Plan, Trouble> {
        let mut plan = Plan::default();
        let mut waiting = vec![Place { path: self.root.clone(), ..Place::default() }];
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < CONCURRENT_LISTINGS
                && let Some(place) = waiting.pop()
            {
                let store = Arc::clone(&self.store);
                under_way.push(async move {
                    let listed = store.list_with_delimiter(Some(&place.path)).await;
                    (place, listed)
                });
            }
            let Some((place, listed)) = under_way.next().await else { break };
            let listed = listed.map_err(|error| Trouble::failed(format_args!("{}: {error}", self.name)).next("check that the source may be listed"))?;
            for object in listed.objects {
                let Some(file) = self.log_file(object).filter(|file| self.only.as_ref().is_none_or(|only| *only == file.object.location)) else { continue };
                plan.found_any = true;
                if wanted.file(file.name.as_ref()) {
                    plan.loose.entry(file.name.as_ref().map(LogName::date)).or_default().push(file);
                } else if file.name.is_none() {
                    plan.passed_over += 1;
                }
            }
            if self.only.is_none() {
                for folder in listed.common_prefixes {
                    enter(&place, folder, wanted, &mut plan, &mut waiting);
                }
            }
        }
        Ok(plan)
    }

    /// The wanted log files of a day: those of its folders, and those that lie elsewhere.
    pub(super) async fn files(&self, plan: &mut Plan, day: Option<NaiveDate>, wanted: &Wanted) -> Result<Vec<LogFile>, Trouble> {
        let folders = day.and_then(|day| plan.folders.remove(&day)).unwrap_or_default();
        let mut files = plan.loose.remove(&day).unwrap_or_default();
        let mut listings = futures::stream::iter(folders).map(|folder| {
            let store = Arc::clone(&self.store);
            // Some who copy log files make folders of hours.
            async move { store.list(Some(&folder)).try_collect::<Vec<ObjectMeta>>().await }
        });
        let mut listings = (&mut listings).buffer_unordered(CONCURRENT_LISTINGS);
        while let Some(listed) = listings.next().await {
            let listed = listed.map_err(|error| Trouble::failed(format_args!("{}: {error}", self.name)).next("check that the source may be listed"))?;
            files.extend(listed.into_iter().filter_map(|object| self.log_file(object)).filter(|file| file.name.is_none() || wanted.file(file.name.as_ref())));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

/// Decides about a folder by its name and by those above it.
fn enter(above: &Place, folder: Path, wanted: &Wanted, plan: &mut Plan, waiting: &mut Vec<Place>) {
    let name = folder.filename().unwrap_or_default().to_owned();
    let mut place = Place { path: folder, is_account: false, ..above.clone() };
    let number = |digits: usize| {
        Some(&name).filter(|name| name.len() == digits && name.bytes().all(|byte| byte.is_ascii_digit())).and_then(|name| name.parse::<u32>().ok())
    };
    match (above.is_region, above.year, above.month) {
        (true, None, _) if let Some(year) = number(4).and_then(|year| i32::try_from(year).ok()) => {
            plan.found_any = true;
            place.year = Some(year);
            let days = (NaiveDate::from_ymd_opt(year, 1, 1), NaiveDate::from_ymd_opt(year, 12, 31));
            if matches!(days, (Some(first), Some(last)) if wanted.days(first, last)) {
                waiting.push(place);
            }
        }
        (true, Some(year), None) if let Some(month) = number(2) => {
            place.month = Some(month);
            let first = NaiveDate::from_ymd_opt(year, month, 1);
            let last = first.and_then(|first| first.checked_add_months(chrono::Months::new(1))?.pred_opt());
            if matches!((first, last), (Some(first), Some(last)) if wanted.days(first, last)) {
                waiting.push(place);
            }
        }
        (true, Some(year), Some(month)) if let Some(day) = number(2).and_then(|day| NaiveDate::from_ymd_opt(year, month, day)) => {
            if wanted.days(day, day) {
                plan.folders.entry(day).or_default().push(place.path);
            }
        }
        _ => {
            if let Ok(account) = name.parse::<AccountId>() {
                if !wanted.account(&account) {
                    return;
                }
                place.is_account = true;
            } else if let Ok(region) = name.parse::<Region>() {
                if !wanted.region(&region) {
                    return;
                }
                place = Place { is_region: true, path: place.path, ..Place::default() };
            } else if above.is_account
                && matches!(name.as_str(), "CloudTrail-Digest" | "CloudTrail-Insight" | "Config" | "elasticloadbalancing" | "vpcflowlogs")
            {
                // What AWS files beside a trail's log files.
                return;
            }
            waiting.push(place);
        }
    }
}
