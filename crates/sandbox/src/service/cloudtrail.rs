//! AWS CloudTrail: the organization's trail, and the event history of the last ninety days. Source: AWS CloudTrail API Reference.

use chrono::{NaiveDate, SubsecRound as _, TimeDelta};
use kms_insights_model::{Region, Timestamp};
use serde_json::{Value, json};

use super::{kms_wire::seconds, paging};
use crate::{
    FaultKind, SimulatedAccount,
    identity::Caller,
    reply::ApiError,
    trail::{
        days::Days,
        event::Event,
        setting::{DELIVERY_ERROR, NAME, TrailSetting},
    },
};

pub(crate) struct CloudTrail<'a> {
    pub(crate) days: &'a Days,
    pub(crate) account: &'a SimulatedAccount,
    pub(crate) region: Region,
    pub(crate) caller: &'a Caller,
    pub(crate) body: Value,
    pub(crate) page_fault: Option<FaultKind>,
}

/// The event history goes back so far.
const HISTORY_DAYS: i64 = 90;

type Answer = Result<Value, ApiError>;

impl CloudTrail<'_> {
    pub(crate) fn answer(&self, operation: &str) -> Answer {
        let resource = if operation == "LookupEvents" || operation == "DescribeTrails" { "*".to_owned() } else { self.trail_arn() };
        self.caller.check(&format!("cloudtrail:{operation}"), &resource)?;
        match operation {
            "LookupEvents" => self.lookup_events(),
            "DescribeTrails" => Ok(self.describe_trails()),
            "GetTrail" => self.named("Name").map(|()| json!({"Trail": self.trail()})),
            "GetTrailStatus" => self.named("Name").map(|()| self.status()),
            "GetEventSelectors" => self.named("TrailName").map(|()| {
                let mut answer = json!({"TrailARN": self.trail_arn()});
                for (name, value) in self.setting().selectors().as_object().into_iter().flatten() {
                    answer[name] = value.clone();
                }
                answer
            }),
            _ => Err(ApiError::new(400, "UnsupportedOperationException", "")),
        }
    }

    fn setting(&self) -> &TrailSetting {
        &self.days.behaviour().trail
    }

    fn exists(&self) -> bool {
        self.setting().exists && self.days.behaviour().organization_in_use
    }

    fn trail_arn(&self) -> String {
        TrailSetting::arn(self.days.organization())
    }

    fn home(&self) -> &str {
        TrailSetting::home(self.days.organization()).map_or("us-east-1", Region::as_str)
    }

    /// Whether the trail is the account's own, in its home Region. Everywhere else it is a shadow: in the other Regions, and in the members' accounts.
    fn is_home(&self) -> bool {
        self.account.id == self.days.organization().management().id && self.region.as_str() == self.home()
    }

    /// Whether the trail can be seen here: that of one Region nowhere else.
    fn is_visible(&self) -> bool {
        self.exists() && (!self.setting().single_region || self.region.as_str() == self.home())
    }

    fn trail(&self) -> Value {
        let organization = self.days.organization();
        let mut trail = json!({
            "Name": NAME,
            "S3BucketName": TrailSetting::bucket(organization),
            "IncludeGlobalServiceEvents": true,
            "IsMultiRegionTrail": !self.setting().single_region,
            "HomeRegion": self.home(),
            "TrailARN": self.trail_arn(),
            "LogFileValidationEnabled": true,
            "HasCustomEventSelectors": self.setting().records != crate::Recorded::All || self.setting().advanced,
            "HasInsightSelectors": false,
            "IsOrganizationTrail": true,
        });
        if let Some(prefix) = &self.setting().prefix {
            trail["S3KeyPrefix"] = prefix.as_str().into();
        }
        trail
    }

    fn describe_trails(&self) -> Value {
        let names = self.body["trailNameList"].as_array().filter(|names| !names.is_empty());
        let wanted = names.is_none_or(|names| names.iter().any(|name| self.is_named(name.as_str().unwrap_or_default())));
        let shadows = self.body["includeShadowTrails"].as_bool().unwrap_or(true);
        let trails: Vec<Value> = (self.is_visible() && wanted && (shadows || self.is_home())).then(|| self.trail()).into_iter().collect();
        json!({"trailList": trails})
    }

    /// A name means a trail of the account in its home Region; the ARN means it everywhere.
    fn is_named(&self, name: &str) -> bool {
        name == self.trail_arn() || (name == NAME && self.is_home())
    }

    fn named(&self, member: &str) -> Result<(), ApiError> {
        let name = self.body[member].as_str().unwrap_or_default();
        if self.is_visible() && self.is_named(name) {
            return Ok(());
        }
        Err(ApiError::new(400, "TrailNotFoundException", format!("Unknown trail: {name} for the user: {}", self.account.id)))
    }

    fn status(&self) -> Value {
        let (organization, setting) = (self.days.organization(), self.setting());
        let (now, started) = (organization.now(), setting.started_at(organization));
        let stopped = setting.stopped_at(organization);
        // A trail that works delivered a moment ago, whatever time it is in the organization: whoever asks has a clock of his own.
        let last = setting.last_delivery_at(organization, now.max(chrono::Utc::now()));
        let text = |at: Timestamp| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut status = json!({
            "IsLogging": stopped.is_none(),
            "LatestDeliveryTime": seconds(last),
            "StartLoggingTime": seconds(started),
            "LatestDigestDeliveryTime": seconds(last),
            "LatestDeliveryAttemptTime": text(last),
            "LatestDeliveryAttemptSucceeded": text(last),
            "TimeLoggingStarted": text(started),
            "TimeLoggingStopped": stopped.map_or(String::new(), text),
        });
        if let Some(stopped) = stopped {
            status["StopLoggingTime"] = seconds(stopped);
        }
        if setting.refused_at(organization).is_some() {
            status["LatestDeliveryError"] = DELIVERY_ERROR.into();
        }
        status
    }

    /// The events of the account in the Region, newest first, whatever the trail records. A page's token says at which event of which day it goes on.
    fn lookup_events(&self) -> Answer {
        let attributes = self.body["LookupAttributes"].as_array().map(Vec::as_slice).unwrap_or_default();
        if attributes.len() > 1 {
            return Err(ApiError::new(400, "InvalidLookupAttributesException", "Lookup attributes must not contain more than one attribute."));
        }
        let now = self.days.organization().now();
        let time = |name: &str| self.body[name].as_f64().and_then(|at| Timestamp::from_timestamp_millis(millis(at)));
        let oldest = now - TimeDelta::days(HISTORY_DAYS);
        let from = time("StartTime").map_or(oldest, |at| at.max(oldest));
        let until = time("EndTime").unwrap_or(now).min(now);
        if from > until {
            return Err(ApiError::new(400, "InvalidTimeRangeException", "The start time must be before the end time."));
        }
        let limit = match self.body["MaxResults"].as_u64() {
            None => 50,
            Some(limit @ 1..=50) => usize::try_from(limit).unwrap_or(50),
            Some(_) => return Err(ApiError::new(400, "InvalidMaxResultsException", "A max results value must be between 1 and 50.")),
        };
        let token = self.body["NextToken"].as_str();
        let (mut day, mut skip) = match token {
            None => (until.date_naive(), 0),
            Some(token) => place(token).ok_or_else(|| ApiError::new(400, "InvalidNextTokenException", "Invalid token"))?,
        };
        let mut found = Vec::new();
        let mut next = None;
        // Days are computed until the page is full: an attribute that nothing has takes all ninety.
        'days: while day >= from.date_naive() {
            let events = self.account.region(&self.region).map(|region| self.days.events(self.account, region, day)).unwrap_or_default();
            // Events have happened at whole seconds.
            let within = |event: &&Event| (from..=until).contains(&event.at.trunc_subsecs(0));
            let fitting = events.iter().rev().filter(within).filter(|event| attributes.iter().all(|attribute| has(event, attribute)));
            for (at, event) in fitting.enumerate().skip(skip) {
                if found.len() == limit {
                    next = Some(token_of(day, at));
                    break 'days;
                }
                found.push(wire(event));
            }
            skip = 0;
            day = day.pred_opt().unwrap_or(NaiveDate::MIN);
        }
        match (self.page_fault, token) {
            (Some(FaultKind::RepeatedMarker), Some(token)) => next = Some(token.to_owned()),
            (Some(FaultKind::RepeatedMarker), None) if next.is_none() => next = Some(token_of(from.date_naive(), 0)),
            _ => {}
        }
        let mut answer = json!({"Events": found});
        if let Some(token) = next {
            answer["NextToken"] = token.into();
        }
        Ok(answer)
    }
}

fn token_of(day: NaiveDate, at: usize) -> String {
    let days = u64::try_from((day - NaiveDate::default()).num_days()).unwrap_or(0);
    paging::marker(days << 32 | at as u64)
}

fn place(token: &str) -> Option<(NaiveDate, usize)> {
    let position = paging::position(token)?;
    let day = NaiveDate::default().checked_add_days(chrono::Days::new(position >> 32))?;
    Some((day, usize::try_from(position & u64::from(u32::MAX)).ok()?))
}

#[allow(clippy::cast_possible_truncation, reason = "a time of a request, cut to milliseconds")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

/// Whether an event has an attribute of a lookup.
fn has(event: &Event, attribute: &Value) -> bool {
    let wanted = attribute["AttributeValue"].as_str().unwrap_or_default();
    let mut resources = event.resources.iter().flatten();
    match attribute["AttributeKey"].as_str().unwrap_or_default() {
        "EventName" => wanted == event.name,
        "EventSource" => wanted == event.source(),
        "ResourceName" => resources.any(|resource| resource.arn == wanted || resource.arn.ends_with(&format!("/{wanted}"))),
        "ResourceType" => resources.any(|resource| resource.kind == wanted),
        "EventId" => event.id == wanted,
        "Username" => event.identity.user_name() == Some(wanted),
        "ReadOnly" => wanted == event.read_only.to_string(),
        "AccessKeyId" => event.identity.json(event.partition)["accessKeyId"] == wanted,
        _ => false,
    }
}

fn wire(event: &Event) -> Value {
    let resources: Vec<Value> = event.resources.iter().flatten().map(|resource| json!({"ResourceType": resource.kind, "ResourceName": resource.arn})).collect();
    let record = event.record();
    let mut wire = json!({
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": event.read_only.to_string(),
        // Records tell whole seconds.
        "EventTime": event.at.timestamp(),
        "EventSource": event.source(),
        "Resources": resources,
        "CloudTrailEvent": record.to_string(),
    });
    if let Some(key) = record["userIdentity"]["accessKeyId"].as_str().filter(|key| !key.is_empty()) {
        wire["AccessKeyId"] = key.into();
    }
    if let Some(user) = event.identity.user_name() {
        wire["Username"] = user.into();
    }
    wire
}
