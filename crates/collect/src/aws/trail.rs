//! CloudTrail's read operations.

use aws_sdk_cloudtrail::{
    Client, config,
    types::{self as sdk, LookupAttributeKey},
};
use kms_insights_model::{AdvancedSelector, BasicSelector, EventSelectors, FieldSelector, ReadWriteType, TrailStatus};

use super::answer::{answer, invalid, timestamp};
use crate::cloud::{Answer, HistoryEvent, Page, Sought, TrailEntry, TrailReader};

/// CloudTrail in one account and Region. All Regions of an account share one client.
#[derive(Clone, Debug)]
pub struct AwsTrail {
    pub(crate) client: Client,
    pub(crate) region: config::Region,
}

/// Asks CloudTrail in the Region. Boxed, as the futures of SDK calls are large.
macro_rules! ask {
    ($trail:ident.$($request:tt)+) => {{
        let request = $trail.client.$($request)+;
        answer(Box::pin(request.customize().config_override(config::Builder::new().region($trail.region.clone())).send()).await)
    }};
}

impl TrailReader for AwsTrail {
    async fn trails(&self) -> Answer<Vec<TrailEntry>> {
        let output = ask!(self.describe_trails().include_shadow_trails(true))?;
        output.trail_list.unwrap_or_default().into_iter().map(entry).collect()
    }

    async fn status(&self, trail: &str) -> Answer<TrailStatus> {
        let output = ask!(self.get_trail_status().name(trail))?;
        Ok(TrailStatus {
            is_logging: output.is_logging.ok_or_else(|| invalid("cloudtrail:GetTrailStatus does not say whether the trail records"))?,
            started_at: output.start_logging_time.as_ref().and_then(timestamp),
            stopped_at: output.stop_logging_time.as_ref().and_then(timestamp),
            last_delivery_at: output.latest_delivery_time.as_ref().and_then(timestamp),
            delivery_error: output.latest_delivery_error.filter(|error| !error.is_empty()),
        })
    }

    async fn selectors(&self, trail: &str) -> Answer<EventSelectors> {
        let output = ask!(self.get_event_selectors().trail_name(trail))?;
        Ok(match output.advanced_event_selectors.filter(|selectors| !selectors.is_empty()) {
            Some(selectors) => EventSelectors::Advanced(selectors.into_iter().map(advanced).collect()),
            None => EventSelectors::Basic(output.event_selectors.unwrap_or_default().into_iter().map(basic).collect()),
        })
    }

    async fn events(&self, sought: &Sought, token: Option<String>) -> Answer<Page<HistoryEvent>> {
        let (key, value) = match sought {
            Sought::Resource(name) => (LookupAttributeKey::ResourceName, name.as_str()),
            Sought::Operation(name) => (LookupAttributeKey::EventName, *name),
        };
        let attribute = sdk::LookupAttribute::builder().attribute_key(key).attribute_value(value).build().map_err(|error| invalid(error.to_string()))?;
        let output = ask!(self.lookup_events().lookup_attributes(attribute).max_results(50).set_next_token(token))?;
        let items = output.events.unwrap_or_default().into_iter().map(event).collect::<Answer<_>>()?;
        Ok(Page { items, next: output.next_token, truncated: false })
    }
}

fn entry(trail: sdk::Trail) -> Answer<TrailEntry> {
    Ok(TrailEntry {
        arn: trail.trail_arn.ok_or_else(|| invalid("cloudtrail:DescribeTrails: a trail has no ARN"))?,
        home_region: trail.home_region.and_then(|region| region.parse().ok()),
        is_multi_region: trail.is_multi_region_trail.unwrap_or_default(),
        is_organization_trail: trail.is_organization_trail.unwrap_or_default(),
        bucket: trail.s3_bucket_name,
        prefix: trail.s3_key_prefix.filter(|prefix| !prefix.is_empty()),
    })
}

/// A selector that says neither which nor whether takes all management events. Source: AWS CloudTrail API Reference, `EventSelector`.
fn basic(selector: sdk::EventSelector) -> BasicSelector {
    BasicSelector {
        read_write: selector.read_write_type.map_or(ReadWriteType::All, |kind| ReadWriteType::from(kind.as_str())),
        management_events: selector.include_management_events.unwrap_or(true),
        excluded_sources: selector.exclude_management_event_sources.unwrap_or_default(),
    }
}

fn advanced(selector: sdk::AdvancedEventSelector) -> AdvancedSelector {
    let field = |field: sdk::AdvancedFieldSelector| FieldSelector {
        field: field.field,
        equals: field.equals.unwrap_or_default(),
        starts_with: field.starts_with.unwrap_or_default(),
        ends_with: field.ends_with.unwrap_or_default(),
        not_equals: field.not_equals.unwrap_or_default(),
        not_starts_with: field.not_starts_with.unwrap_or_default(),
        not_ends_with: field.not_ends_with.unwrap_or_default(),
    };
    AdvancedSelector { fields: selector.field_selectors.into_iter().map(field).collect() }
}

fn event(event: sdk::Event) -> Answer<HistoryEvent> {
    let at = event.event_time.as_ref().and_then(timestamp).ok_or_else(|| invalid("cloudtrail:LookupEvents: an event has no time"))?;
    let record = event.cloud_trail_event.ok_or_else(|| invalid("cloudtrail:LookupEvents: an event has no record"))?;
    Ok(HistoryEvent { name: event.event_name, at, record })
}
