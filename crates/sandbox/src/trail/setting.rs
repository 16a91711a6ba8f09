//! What the organization's trail records, and where.

use chrono::TimeDelta;
use kms_insights_model::{Region, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::Event;
use crate::Organization;

/// The organization's trail. By default it records all management events of all accounts and Regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrailSetting {
    /// Whether there is one.
    pub exists: bool,
    /// How many days back its log files go.
    pub days: u32,
    /// `StopLogging` was called so many days ago: since then it records nothing.
    pub stopped_days_ago: Option<u32>,
    /// The bucket's policy was changed so many days ago: since then it takes no log file, and the trail goes on recording.
    pub refused_days_ago: Option<u32>,
    /// Which management events it records.
    pub records: Recorded,
    /// Whether its selectors are told as advanced ones.
    pub advanced: bool,
    /// Whether it records its home Region alone.
    pub single_region: bool,
    /// A prefix of its files in the bucket, without the `/` at its end.
    pub prefix: Option<String>,
}

/// The management events that a trail records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// All.
    #[default]
    All,
    /// Those that change something: no use of a key is among them.
    WriteOnly,
    /// All but those of KMS.
    WithoutKms,
    /// None: data events only.
    DataOnly,
}

impl Default for TrailSetting {
    fn default() -> Self {
        Self {
            exists: true,
            days: 14,
            stopped_days_ago: None,
            refused_days_ago: None,
            records: Recorded::All,
            advanced: false,
            single_region: false,
            prefix: None,
        }
    }
}

/// What S3 answers to a trail whose bucket does not let it write.
pub(crate) const DELIVERY_ERROR: &str = "AccessDenied";

/// The trail's name.
pub(crate) const NAME: &str = "organization-trail";

impl TrailSetting {
    /// There is no trail.
    pub fn none() -> Self {
        Self { exists: false, ..Self::default() }
    }

    /// The trail's home Region.
    pub(crate) fn home(organization: &Organization) -> Option<&Region> {
        organization.shape().regions.first()
    }

    /// The bucket that it delivers to, which the management account owns.
    pub fn bucket(organization: &Organization) -> String {
        let mut dice = organization.dice().part(40);
        format!("aws-cloudtrail-logs-{}-{}", organization.management().id, dice.hex(8))
    }

    pub(crate) fn arn(organization: &Organization) -> String {
        let home = Self::home(organization).map_or("us-east-1", Region::as_str);
        format!("arn:{}:cloudtrail:{home}:{}:trail/{NAME}", organization.partition(), organization.management().id)
    }

    /// When it began: before any log file.
    pub(crate) fn started_at(&self, organization: &Organization) -> Timestamp {
        organization.now() - TimeDelta::days(i64::from(self.days) + 400)
    }

    /// When it was stopped.
    pub(crate) fn stopped_at(&self, organization: &Organization) -> Option<Timestamp> {
        self.stopped_days_ago.map(|days| organization.now() - TimeDelta::days(i64::from(days)))
    }

    /// When its bucket took a log file for the last time, where it takes none any more.
    pub(crate) fn refused_at(&self, organization: &Organization) -> Option<Timestamp> {
        self.refused_days_ago.map(|days| organization.now() - TimeDelta::days(i64::from(days)))
    }

    /// When it delivered log files the last time, as seen at this moment.
    pub(crate) fn last_delivery_at(&self, organization: &Organization, now: Timestamp) -> Timestamp {
        let ends = self.stopped_at(organization).into_iter().chain(self.refused_at(organization));
        ends.min().unwrap_or(now - TimeDelta::minutes(3))
    }

    /// The first moment of which log files tell.
    pub(crate) fn first(&self, organization: &Organization) -> Timestamp {
        super::uses::midnight((organization.now() - TimeDelta::days(i64::from(self.days))).date_naive())
    }

    /// Whether it has files of a Region.
    pub(crate) fn covers(&self, organization: &Organization, region: &str) -> bool {
        let home = Self::home(organization).map(Region::as_str);
        self.exists && self.records != Recorded::DataOnly && (!self.single_region || home == Some(region))
    }

    /// Whether its log files tell of an event at this moment, in a Region that it covers.
    pub(crate) fn tells(&self, organization: &Organization, at: Timestamp) -> bool {
        let ends = [self.stopped_at(organization), self.refused_at(organization)];
        at >= self.first(organization) && ends.into_iter().flatten().all(|end| at < end)
    }

    /// Whether it records an event.
    pub(crate) fn selects(&self, event: &Event) -> bool {
        self.selects_kind(event.service == "kms", event.read_only)
    }

    pub(crate) const fn selects_kind(&self, kms: bool, read_only: bool) -> bool {
        match self.records {
            Recorded::All => true,
            Recorded::WriteOnly => !read_only,
            Recorded::WithoutKms => !kms,
            Recorded::DataOnly => false,
        }
    }

    /// `GetEventSelectors`. Source: AWS CloudTrail API Reference, `EventSelector` and `AdvancedEventSelector`.
    pub(crate) fn selectors(&self) -> Value {
        let field = |name: &str, operator: &str, value: &str| json!({"Field": name, operator: [value]});
        if self.advanced || self.records == Recorded::DataOnly {
            let mut fields = vec![field("eventCategory", "Equals", "Management")];
            match self.records {
                Recorded::All => {}
                Recorded::WriteOnly => fields.push(field("readOnly", "Equals", "false")),
                Recorded::WithoutKms => fields.push(field("eventSource", "NotEquals", "kms.amazonaws.com")),
                Recorded::DataOnly => fields = vec![field("eventCategory", "Equals", "Data"), field("resources.type", "Equals", "AWS::S3::Object")],
            }
            let name = if self.records == Recorded::DataOnly { "S3 data events" } else { "Management events selector" };
            return json!({"AdvancedEventSelectors": [{"Name": name, "FieldSelectors": fields}]});
        }
        let kind = if self.records == Recorded::WriteOnly { "WriteOnly" } else { "All" };
        let excluded: &[&str] = if self.records == Recorded::WithoutKms { &["kms.amazonaws.com"] } else { &[] };
        json!({"EventSelectors": [{"ReadWriteType": kind, "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": excluded}]})
    }
}
