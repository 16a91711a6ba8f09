//! Trails as an account sees them in a Region, and what they record of the use of keys.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Fact, Region, Timestamp, open_enum::open_enum};

/// The trails that an account sees in a Region, its organization's among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailRecord {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// When they were asked for.
    #[serde(default)]
    pub asked_at: Option<Timestamp>,
    /// `cloudtrail:DescribeTrails`, shadow trails included.
    pub trails: Fact<Vec<Trail>>,
}

impl TrailRecord {
    /// Whether anything of it lacks.
    pub fn is_lacking(&self) -> bool {
        match &self.trails {
            Fact::Observed(trails) => trails.iter().any(|trail| trail.status.is_lacking() || trail.selectors.is_lacking()),
            other => other.is_lacking(),
        }
    }
}

/// One trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// `TrailARN`
    pub arn: String,
    /// `HomeRegion`; `None` where the answer names none.
    pub home_region: Option<Region>,
    /// `IsMultiRegionTrail`
    pub is_multi_region: bool,
    /// `IsOrganizationTrail`
    pub is_organization_trail: bool,
    /// `S3BucketName`
    pub bucket: Option<String>,
    /// `S3KeyPrefix`
    pub prefix: Option<String>,
    /// `cloudtrail:GetTrailStatus`
    pub status: Fact<TrailStatus>,
    /// `cloudtrail:GetEventSelectors`
    pub selectors: Fact<EventSelectors>,
}

/// Whether a trail records anything at all, and its log files come to where they are to be. Source: `cloudtrail:GetTrailStatus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStatus {
    /// `IsLogging`
    pub is_logging: bool,
    /// `StartLoggingTime`: when it began to record, the last time.
    pub started_at: Option<Timestamp>,
    /// `StopLoggingTime`: when it ceased to, the last time.
    pub stopped_at: Option<Timestamp>,
    /// `LatestDeliveryTime`: when it delivered log files to its bucket, the last time.
    #[serde(default)]
    pub last_delivery_at: Option<Timestamp>,
    /// `LatestDeliveryError`: why its bucket did not take the log files that it was to deliver last.
    #[serde(default)]
    pub delivery_error: Option<String>,
}

/// A trail that delivered nothing for so long may be unable to. Where nothing happens nothing is delivered; but where there are keys, an inventory of them is what happens, once a week at least.
const LONG_WITHOUT_DELIVERY: TimeDelta = TimeDelta::days(7);

/// Which events a trail records: a trail has selectors of one of the two forms. Source: `cloudtrail:GetEventSelectors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSelectors {
    /// `EventSelectors`
    Basic(Vec<BasicSelector>),
    /// `AdvancedEventSelectors`
    Advanced(Vec<AdvancedSelector>),
}

open_enum! {
    /// `EventSelector.ReadWriteType`
    ReadWriteType {
        All = "All",
        ReadOnly = "ReadOnly",
        WriteOnly = "WriteOnly",
    }
}

/// An `EventSelector`, as far as it is about management events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicSelector {
    /// `ReadWriteType`
    pub read_write: ReadWriteType,
    /// `IncludeManagementEvents`
    pub management_events: bool,
    /// `ExcludeManagementEventSources`
    pub excluded_sources: Vec<String>,
}

/// An `AdvancedEventSelector`: events are recorded of which all its fields hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvancedSelector {
    /// `FieldSelectors`
    pub fields: Vec<FieldSelector>,
}

/// An `AdvancedFieldSelector`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSelector {
    /// `Field`, such as `eventSource`
    pub field: String,
    /// `Equals`
    pub equals: Vec<String>,
    /// `StartsWith`
    pub starts_with: Vec<String>,
    /// `EndsWith`
    pub ends_with: Vec<String>,
    /// `NotEquals`
    pub not_equals: Vec<String>,
    /// `NotStartsWith`
    pub not_starts_with: Vec<String>,
    /// `NotEndsWith`
    pub not_ends_with: Vec<String>,
}

impl FieldSelector {
    /// Whether a value is selected: none of the operators that exclude holds, and one of those that include does, where there are any.
    ///
    /// Source: "How CloudTrail evaluates multiple conditions for a field" in the AWS CloudTrail User Guide.
    fn selects(&self, value: &str) -> bool {
        let is = |texts: &[String]| texts.iter().any(|text| text == value);
        let starts = |texts: &[String]| texts.iter().any(|text| value.starts_with(text.as_str()));
        let ends = |texts: &[String]| texts.iter().any(|text| value.ends_with(text.as_str()));
        let excluded = is(&self.not_equals) || starts(&self.not_starts_with) || ends(&self.not_ends_with);
        let open = self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty();
        !excluded && (open || is(&self.equals) || starts(&self.starts_with) || ends(&self.ends_with))
    }
}

/// Whether the use of keys is recorded at present: the cryptographic operations of KMS are *read* management events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recording {
    /// It is, by the first such trail.
    Yes,
    /// It is not: that nothing is recorded means nothing.
    No(String),
    /// Nobody can tell.
    Unknown(String),
}

impl Recording {
    /// The word in the tables.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(_) => "no",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why it is not recorded, or not known to be.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Yes => None,
            Self::No(reason) | Self::Unknown(reason) => Some(reason),
        }
    }
}

const KMS: &str = "kms.amazonaws.com";

impl TrailRecord {
    /// Whether the use of keys is recorded here, and the trail that decides it: the first that records it, else the first of which that is not known, else the first.
    pub fn recording(&self) -> (Recording, Option<&Trail>) {
        let trails = match &self.trails {
            Fact::Observed(trails) => trails,
            Fact::NotApplicable => return (Recording::Unknown("the trails were not asked for".to_owned()), None),
            Fact::Denied(failure) | Fact::Failed(failure) => {
                return (Recording::Unknown(format!("the trails could not be listed ({})", failure.code)), None);
            }
        };
        let judged: Vec<(Recording, &Trail)> = trails.iter().map(|trail| (trail.recording(&self.region, self.asked_at), trail)).collect();
        let of = |wanted: &str| judged.iter().find(|(recording, _)| recording.as_str() == wanted);
        if let Some((recording, trail)) = of("yes").or_else(|| of("unknown")) {
            return (recording.clone(), Some(trail));
        }
        let reasons: Vec<&str> = judged.iter().filter_map(|(recording, _)| recording.reason()).collect();
        let reason = if reasons.is_empty() { "there is no trail".to_owned() } else { reasons.join("; ") };
        (Recording::No(reason), trails.first())
    }
}

impl Trail {
    fn name(&self) -> &str {
        self.arn.rsplit_once('/').map_or(self.arn.as_str(), |(_, name)| name)
    }

    fn recording(&self, region: &Region, asked_at: Option<Timestamp>) -> Recording {
        let name = self.name();
        let unknown = |what: &str, code: crate::ErrorCode| Recording::Unknown(format!("{what} of the trail {name} could not be read ({code})"));
        if !self.is_multi_region && self.home_region.as_ref().is_some_and(|home| home != region) {
            return Recording::No(format!("the trail {name} is of another Region alone"));
        }
        match &self.status {
            Fact::Observed(status) if !status.is_logging => {
                let since = status.stopped_at.map_or(String::new(), |at| format!(" since {}", at.format("%Y-%m-%d")));
                return Recording::No(format!("the trail {name} is stopped{since}"));
            }
            Fact::Denied(failure) | Fact::Failed(failure) => return unknown("the status", failure.code),
            Fact::Observed(_) | Fact::NotApplicable => {}
        }
        let selected = match &self.selectors {
            Fact::Observed(EventSelectors::Basic(selectors)) => basic(name, selectors),
            Fact::Observed(EventSelectors::Advanced(selectors)) => advanced(name, selectors),
            Fact::Denied(failure) | Fact::Failed(failure) => unknown("the event selectors", failure.code),
            Fact::NotApplicable => Recording::Unknown(format!("the event selectors of the trail {name} were not asked for")),
        };
        match self.undelivered(asked_at) {
            Some(why) if selected == Recording::Yes => Recording::Unknown(why),
            _ => selected,
        }
    }

    /// Why what the trail records may not come to its bucket: it is recorded then, and nobody can read it.
    fn undelivered(&self, asked_at: Option<Timestamp>) -> Option<String> {
        let (status, name) = (self.status.observed()?, self.name());
        let since = || status.last_delivery_at.map_or(String::new(), |at| format!(", since {}", at.format("%Y-%m-%d")));
        if let Some(error) = &status.delivery_error {
            return Some(format!("the bucket of the trail {name} does not take its log files{}: {error}", since()));
        }
        let (last, asked_at) = (status.last_delivery_at?, asked_at?);
        (last + LONG_WITHOUT_DELIVERY < asked_at).then(|| format!("the trail {name} is on, but delivered its last log file on {}", last.format("%Y-%m-%d")))
    }
}

/// An event is recorded that any selector selects.
fn basic(name: &str, selectors: &[BasicSelector]) -> Recording {
    let management = || selectors.iter().filter(|selector| selector.management_events);
    if management().next().is_none() {
        return Recording::No(format!("the trail {name} records no management events"));
    }
    let reads = |selector: &&BasicSelector| matches!(selector.read_write, ReadWriteType::All | ReadWriteType::ReadOnly);
    let excludes = |selector: &BasicSelector| selector.excluded_sources.iter().any(|source| source == KMS);
    if management().filter(reads).any(|selector| !excludes(selector)) {
        return Recording::Yes;
    }
    if let Some(other) = management().find(|selector| matches!(selector.read_write, ReadWriteType::Unrecognized(_)) && !excludes(selector)) {
        return Recording::Unknown(format!("what the trail {name} records as {:?} is not known", other.read_write.as_str()));
    }
    if management().any(|selector| reads(&selector)) {
        return Recording::No(format!("the trail {name} leaves out the events of KMS"));
    }
    Recording::No(format!("the trail {name} records writes alone, and the use of a key is a read"))
}

fn advanced(name: &str, selectors: &[AdvancedSelector]) -> Recording {
    let field = |selector: &AdvancedSelector, wanted: &str, value: &str| {
        let mut of = selector.fields.iter().filter(|field| field.field == wanted);
        of.all(|field| field.selects(value))
    };
    let management =
        || selectors.iter().filter(|selector| selector.fields.iter().any(|f| f.field == "eventCategory") && field(selector, "eventCategory", "Management"));
    let reads = |selector: &&AdvancedSelector| field(selector, "readOnly", "true");
    let selecting = || management().filter(reads).filter(|selector| field(selector, "eventSource", KMS));
    // What else it selects by depends on each event.
    let others = |selector: &AdvancedSelector| {
        let known = ["eventCategory", "readOnly", "eventSource"];
        selector.fields.iter().find(|field| !known.contains(&field.field.as_str())).map(|field| field.field.clone())
    };
    if selecting().any(|selector| others(selector).is_none()) {
        return Recording::Yes;
    }
    if let Some(by) = selecting().find_map(others) {
        return Recording::Unknown(format!("the trail {name} records some events only, which it selects by {by}"));
    }
    if management().next().is_none() {
        return Recording::No(format!("the trail {name} records no management events"));
    }
    if management().any(|selector| reads(&selector)) {
        return Recording::No(format!("the trail {name} leaves out the events of KMS"));
    }
    Recording::No(format!("the trail {name} records writes alone, and the use of a key is a read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiAction, ErrorCode, Failure};

    fn basic(read_write: &str, management_events: bool, excluded: &[&str]) -> BasicSelector {
        BasicSelector { read_write: read_write.into(), management_events, excluded_sources: excluded.iter().map(ToString::to_string).collect() }
    }

    fn field(field: &str, operator: &str, values: &[&str]) -> FieldSelector {
        let mut selector = FieldSelector { field: field.to_owned(), ..FieldSelector::default() };
        let of = match operator {
            "Equals" => &mut selector.equals,
            "NotEquals" => &mut selector.not_equals,
            "StartsWith" => &mut selector.starts_with,
            "NotStartsWith" => &mut selector.not_starts_with,
            "EndsWith" => &mut selector.ends_with,
            _ => &mut selector.not_ends_with,
        };
        *of = values.iter().map(ToString::to_string).collect();
        selector
    }

    fn on() -> TrailStatus {
        TrailStatus { is_logging: true, started_at: None, stopped_at: None, last_delivery_at: None, delivery_error: None }
    }

    fn asked_at() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn trail(selectors: EventSelectors) -> Trail {
        Trail {
            arn: "arn:aws:cloudtrail:us-east-1:111122223333:trail/t".to_owned(),
            home_region: Some("us-east-1".parse().unwrap()),
            is_multi_region: true,
            is_organization_trail: true,
            bucket: Some("logs".to_owned()),
            prefix: None,
            status: Fact::Observed(on()),
            selectors: Fact::Observed(selectors),
        }
    }

    fn everything() -> Trail {
        trail(EventSelectors::Basic(vec![basic("All", true, &[])]))
    }

    fn judged(trails: Vec<Trail>) -> (&'static str, Option<String>) {
        let trails = Fact::Observed(trails);
        let record = TrailRecord { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap(), asked_at: Some(asked_at()), trails };
        let (recording, _) = record.recording();
        (recording.as_str(), recording.reason().map(str::to_owned))
    }

    fn no(reason: &str) -> (&'static str, Option<String>) {
        ("no", Some(reason.to_owned()))
    }

    fn unknown(reason: &str) -> (&'static str, Option<String>) {
        ("unknown", Some(reason.to_owned()))
    }

    const WRITES: &str = "the trail t records writes alone, and the use of a key is a read";
    const NOT_KMS: &str = "the trail t leaves out the events of KMS";
    const NO_MANAGEMENT: &str = "the trail t records no management events";

    #[test]
    fn basic_selectors_record_uses_where_one_of_them_takes_the_reads_of_kms() {
        for (selectors, expected) in [
            (vec![basic("All", true, &[])], ("yes", None)),
            (vec![basic("ReadOnly", true, &["rdsdata.amazonaws.com"])], ("yes", None)),
            (vec![basic("WriteOnly", true, &[]), basic("ReadOnly", true, &[])], ("yes", None)),
            (vec![basic("WriteOnly", true, &[])], no(WRITES)),
            (vec![basic("WriteOnly", true, &["kms.amazonaws.com"])], no(WRITES)),
            (vec![basic("All", true, &["kms.amazonaws.com"])], no(NOT_KMS)),
            (vec![basic("All", false, &[])], no(NO_MANAGEMENT)),
            (vec![], no(NO_MANAGEMENT)),
            (vec![basic("Some", true, &[])], unknown("what the trail t records as \"Some\" is not known")),
        ] {
            assert_eq!(judged(vec![trail(EventSelectors::Basic(selectors.clone()))]), expected, "{selectors:?}");
        }
    }

    #[test]
    fn advanced_selectors_record_uses_where_all_fields_of_one_hold() {
        let category = || field("eventCategory", "Equals", &["Management"]);
        let by_event = "the trail t records some events only, which it selects by eventName";
        for (selectors, expected) in [
            (vec![vec![category()]], ("yes", None)),
            (vec![vec![category(), field("readOnly", "Equals", &["true"])]], ("yes", None)),
            (vec![vec![category(), field("readOnly", "Equals", &["false"])]], no(WRITES)),
            (vec![vec![category(), field("eventSource", "NotEquals", &["kms.amazonaws.com", "rdsdata.amazonaws.com"])]], no(NOT_KMS)),
            (vec![vec![category(), field("eventSource", "NotEquals", &["rdsdata.amazonaws.com"])]], ("yes", None)),
            (vec![vec![category(), field("eventSource", "Equals", &["kms.amazonaws.com"])]], ("yes", None)),
            (vec![vec![category(), field("eventSource", "Equals", &["iam.amazonaws.com"])]], no(NOT_KMS)),
            (vec![vec![category(), field("eventSource", "StartsWith", &["kms."])]], ("yes", None)),
            (vec![vec![category(), field("eventSource", "NotStartsWith", &["kms."])]], no(NOT_KMS)),
            (vec![vec![category(), field("eventSource", "EndsWith", &[".com"])]], ("yes", None)),
            (vec![vec![category(), field("eventSource", "NotEndsWith", &[".com"])]], no(NOT_KMS)),
            (vec![vec![category(), field("eventName", "NotEquals", &["Decrypt"])]], unknown(by_event)),
            (vec![vec![category(), field("eventName", "NotEquals", &["Decrypt"])], vec![category()]], ("yes", None)),
            (vec![vec![field("eventCategory", "Equals", &["Data"]), field("resources.type", "Equals", &["AWS::S3::Object"])]], no(NO_MANAGEMENT)),
            (vec![vec![field("readOnly", "Equals", &["true"])]], no(NO_MANAGEMENT)),
        ] {
            let selectors: Vec<AdvancedSelector> = selectors.into_iter().map(|fields| AdvancedSelector { fields }).collect();
            assert_eq!(judged(vec![trail(EventSelectors::Advanced(selectors.clone()))]), expected, "{selectors:?}");
        }
    }

    #[test]
    fn a_trail_that_is_off_or_elsewhere_or_unreadable_says_nothing_of_uses() {
        let refused = |action| Failure::new(action, ErrorCode::AccessDenied, "no");
        let stopped = TrailStatus { is_logging: false, stopped_at: Some("2026-11-01T10:00:00Z".parse().unwrap()), ..on() };
        assert_eq!(judged(vec![]), no("there is no trail"));
        assert_eq!(judged(vec![Trail { status: Fact::Observed(stopped), ..everything() }]), no("the trail t is stopped since 2026-11-01"));
        assert_eq!(judged(vec![Trail { is_multi_region: false, ..everything() }]), no("the trail t is of another Region alone"));
        let denied = Fact::Denied(refused(ApiAction::CloudTrailGetTrailStatus));
        assert_eq!(judged(vec![Trail { status: denied, ..everything() }]), unknown("the status of the trail t could not be read (access_denied)"));
        let denied = Fact::Denied(refused(ApiAction::CloudTrailGetEventSelectors));
        assert_eq!(judged(vec![Trail { selectors: denied, ..everything() }]), unknown("the event selectors of the trail t could not be read (access_denied)"));
    }

    #[test]
    fn a_trail_whose_log_files_do_not_arrive_leaves_it_open_what_they_would_tell() {
        let status =
            |last: &str, error: Option<&str>| TrailStatus { last_delivery_at: Some(last.parse().unwrap()), delivery_error: error.map(str::to_owned), ..on() };
        let of = |status: TrailStatus| judged(vec![Trail { status: Fact::Observed(status), ..everything() }]);
        assert_eq!(of(status("2026-11-22T09:55:00Z", None)), ("yes", None));
        assert_eq!(of(status("2026-11-15T10:00:00Z", None)), ("yes", None));
        assert_eq!(of(status("2026-11-15T09:59:59Z", None)), unknown("the trail t is on, but delivered its last log file on 2026-11-15"));
        let refused = "the bucket of the trail t does not take its log files, since 2026-11-22: AccessDenied";
        assert_eq!(of(status("2026-11-22T09:55:00Z", Some("AccessDenied"))), unknown(refused));
        // What it does not record it does not deliver either, and another trail may.
        let writes = trail(EventSelectors::Basic(vec![basic("WriteOnly", true, &[])]));
        let failing = Fact::Observed(status("2026-11-22T09:55:00Z", Some("AccessDenied")));
        assert_eq!(judged(vec![Trail { status: failing.clone(), ..writes }]), no(WRITES));
        assert_eq!(judged(vec![Trail { status: failing, ..everything() }, everything()]), ("yes", None));
    }

    #[test]
    fn of_several_trails_one_that_records_is_enough_and_one_that_may_record_leaves_it_open() {
        let writes = trail(EventSelectors::Basic(vec![basic("WriteOnly", true, &[])]));
        let hidden = Trail { status: Fact::Denied(Failure::new(ApiAction::CloudTrailGetTrailStatus, ErrorCode::AccessDenied, "no")), ..everything() };
        assert_eq!(judged(vec![writes.clone(), hidden.clone(), everything()]), ("yes", None));
        assert_eq!(judged(vec![writes.clone(), hidden]).0, "unknown");
        assert_eq!(judged(vec![writes, Trail { is_multi_region: false, ..everything() }]), no(&format!("{WRITES}; the trail t is of another Region alone")));
    }

    #[test]
    fn trails_that_cannot_be_listed_leave_it_unknown() {
        let trails = Fact::Denied(Failure::new(ApiAction::CloudTrailDescribeTrails, ErrorCode::AccessDenied, "no"));
        let record = TrailRecord { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap(), asked_at: Some(asked_at()), trails };
        assert_eq!(record.recording(), (Recording::Unknown("the trails could not be listed (access_denied)".to_owned()), None));
        assert!(record.is_lacking());
    }
}
