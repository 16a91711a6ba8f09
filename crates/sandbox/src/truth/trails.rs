//! What a perfect collection finds of trails, and of keys in CloudTrail's event history.

use chrono::SubsecRound as _;
use kms_insights_model::{
    AccountId, AdvancedSelector, ApiAction, BasicSelector, EventHistory, EventSelectors, Fact, FieldSelector, KeyHistory, LastUsage, ReadWriteType,
    RecordedUse, Region, Trail, TrailRecord, TrailStatus,
};

use super::{Truth, failure};
use crate::{
    Key, Recorded, TrailSetting,
    trail::{setting::DELIVERY_ERROR, uses},
};

impl Truth {
    /// The trails that an account sees in a Region.
    pub fn trails(&self, account: AccountId, region: &Region) -> TrailRecord {
        let refused = |action| self.refusal(account, region.as_str(), action, None).map(|code| failure(action, code));
        let trails = match refused(ApiAction::CloudTrailDescribeTrails) {
            Some(failure) => Fact::lacking(failure),
            None => Fact::Observed(
                self.visible_trail(region)
                    .map(|trail| Trail {
                        status: refused(ApiAction::CloudTrailGetTrailStatus).map_or(trail.status, Fact::lacking),
                        selectors: refused(ApiAction::CloudTrailGetEventSelectors).map_or(trail.selectors, Fact::lacking),
                        ..trail
                    })
                    .into_iter()
                    .collect(),
            ),
        };
        TrailRecord { account, region: region.clone(), asked_at: Some(self.organization.now()), trails }
    }

    fn visible_trail(&self, region: &Region) -> Option<Trail> {
        let (organization, setting) = (&self.organization, &self.behaviour.trail);
        let home = TrailSetting::home(organization).cloned();
        let is_visible = setting.exists && self.behaviour.organization_in_use && (!setting.single_region || home.as_ref() == Some(region));
        let stopped_at = setting.stopped_at(organization);
        is_visible.then(|| Trail {
            arn: TrailSetting::arn(organization),
            home_region: home,
            is_multi_region: !setting.single_region,
            is_organization_trail: true,
            bucket: Some(TrailSetting::bucket(organization)),
            prefix: setting.prefix.clone(),
            status: Fact::Observed(TrailStatus {
                is_logging: stopped_at.is_none(),
                started_at: Some(setting.started_at(organization)),
                stopped_at,
                last_delivery_at: Some(setting.last_delivery_at(organization, organization.now())),
                delivery_error: setting.refused_days_ago.map(|_| DELIVERY_ERROR.to_owned()),
            }),
            selectors: Fact::Observed(selectors(setting)),
        })
    }

    /// What the event history tells of a key of which this is known from KMS; `None` where it need not be asked.
    pub(super) fn history(&self, key: &Key<'_>, region: &Region, last_usage: &Fact<LastUsage>) -> Option<KeyHistory> {
        let now = self.organization.now();
        if !EventHistory::may_add_to(last_usage, now) {
            return None;
        }
        let action = ApiAction::CloudTrailLookupEvents;
        let event_history = if let Some(code) = self.refusal(key.account().id, region.as_str(), action, None) {
            Fact::lacking(failure(action, code))
        } else {
            let reaches_back_to = EventHistory::beginning(now);
            Fact::Observed(EventHistory {
                last_use: last_use(key).filter(|found| found.at >= reaches_back_to),
                reaches_back_to,
                is_conclusive: true,
                cut_short: None,
            })
        };
        Some(KeyHistory { arn: key.arn(), event_history })
    }
}

/// The last use that KMS tells of, as the event history does.
fn last_use(key: &Key<'_>) -> Option<RecordedUse> {
    let LastUsage { used_at, cloudtrail_event_id, .. } = key.last_usage();
    let used = uses::on(key, used_at?.date_naive()).into_iter().find(|used| Some(&used.id) == cloudtrail_event_id.as_ref())?;
    Some(RecordedUse {
        at: used.at.trunc_subsecs(0),
        operation: used.operation.name().to_owned(),
        principal: Some(used.caller.principal(key.arn().partition())),
        resource: used.resource(),
        cloudtrail_event_id: used.id,
    })
}

fn selectors(setting: &TrailSetting) -> EventSelectors {
    let field = |field: &str, equals: &[&str], not_equals: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        FieldSelector { field: field.to_owned(), equals: texts(equals), not_equals: texts(not_equals), ..FieldSelector::default() }
    };
    let management = || field("eventCategory", &["Management"], &[]);
    let fields = match setting.records {
        Recorded::DataOnly => vec![field("eventCategory", &["Data"], &[]), field("resources.type", &["AWS::S3::Object"], &[])],
        _ if !setting.advanced => {
            let read_write = if setting.records == Recorded::WriteOnly { ReadWriteType::WriteOnly } else { ReadWriteType::All };
            let excluded_sources = if setting.records == Recorded::WithoutKms { vec!["kms.amazonaws.com".to_owned()] } else { Vec::new() };
            return EventSelectors::Basic(vec![BasicSelector { read_write, management_events: true, excluded_sources }]);
        }
        Recorded::All => vec![management()],
        Recorded::WriteOnly => vec![management(), field("readOnly", &["false"], &[])],
        Recorded::WithoutKms => vec![management(), field("eventSource", &[], &["kms.amazonaws.com"])],
    };
    EventSelectors::Advanced(vec![AdvancedSelector { fields }])
}
