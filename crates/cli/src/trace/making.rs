//! Who made a key, when, and through what.

use std::collections::BTreeMap;

use kms_insights_model::{KeyArn, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    facts::{EventRow, Facts},
    through::Through,
};

/// What tells of a key's making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// A log file holds the event.
    LogFiles,
    /// The inventory knows when, and not by whom.
    Inventory,
    Unknown,
}

/// The stack of CloudFormation that a key is of, by its tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) id: Option<String>,
    /// What the template calls the key.
    pub(super) logical_id: Option<String>,
}

/// How a key came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Making {
    pub(super) known_from: Source,
    pub(super) at: Option<Timestamp>,
    /// In words.
    pub(super) who: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) session_name: Option<String>,
    pub(super) through: Option<Through>,
    pub(super) source_ip_address: Option<String>,
    pub(super) event_id: Option<String>,
    pub(super) stack: Option<Stack>,
    /// The key of another Region that it is a replica of.
    pub(super) replica_of: Option<String>,
    /// The first alias that it was given.
    pub(super) first_alias: Option<String>,
}

/// How the key came to be.
pub(super) fn making(facts: &Facts) -> Making {
    let row = facts.inventory.key();
    let (event, replica_of) = match facts.events.iter().find(|event| makes(event, &facts.key)) {
        Some(event) if event.event_name == "ReplicateKey" => (Some(event), Some(event.key_arn.clone())),
        Some(event) => (Some(event), None),
        None => (None, row.filter(|row| row.multi_region_type.as_deref() == Some("REPLICA")).and_then(|row| row.multi_region_primary_arn.clone())),
    };
    let at = event.map(|event| event.event_at).or_else(|| row.and_then(|row| row.created_at));
    let known_from = match (event, at) {
        (Some(_), _) => Source::LogFiles,
        (None, Some(_)) => Source::Inventory,
        (None, None) => Source::Unknown,
    };
    let first_alias = facts.events.iter().find(|event| event.event_name == "CreateAlias" && event.succeeded() && event.key_arn == facts.key.to_string());
    Making {
        known_from,
        at,
        who: event.map(|event| event.caller().in_words(facts.key.account())),
        principal: event.map(|event| event.principal.clone()),
        session_name: event.and_then(|event| event.session_name.clone()),
        through: event.map(EventRow::through),
        source_ip_address: event.and_then(|event| event.source_ip_address.clone()),
        event_id: event.map(|event| event.event_id.clone()),
        stack: stack(facts),
        replica_of,
        first_alias: first_alias.and_then(|event| event.request()["aliasName"].as_str().map(str::to_owned)),
    }
}

/// Whether an event made the key: a replica is made by a call where its primary is.
fn makes(event: &EventRow, key: &KeyArn) -> bool {
    let is_here = event.key_arn == key.to_string();
    match event.event_name.as_str() {
        "CreateKey" => is_here && event.succeeded(),
        "ReplicateKey" => !is_here && event.succeeded() && event.request()["replicaRegion"].as_str() == Some(key.region().as_str()),
        _ => false,
    }
}

/// The stack, by the tags that CloudFormation gives: those of today, else those of the log.
fn stack(facts: &Facts) -> Option<Stack> {
    let of_today = facts.inventory.key().and_then(|row| row.tags.clone());
    of_today.as_ref().and_then(of_tags).or_else(|| {
        let events = facts.events.iter().filter(|event| event.succeeded() && matches!(event.event_name.as_str(), "CreateKey" | "TagResource"));
        events.map(|event| tags(&event.request())).find_map(|tags| of_tags(&tags))
    })
}

fn tags(request: &Value) -> BTreeMap<String, String> {
    let tag = |tag: &Value| Some((tag["tagKey"].as_str()?.to_owned(), tag["tagValue"].as_str()?.to_owned()));
    request["tags"].as_array().into_iter().flatten().filter_map(tag).collect()
}

/// Source: AWS CloudFormation User Guide, "Resource tag": nobody but CloudFormation can give these.
fn of_tags(tags: &BTreeMap<String, String>) -> Option<Stack> {
    let tag = |name: &str| tags.get(&format!("aws:cloudformation:{name}")).cloned();
    Some(Stack { name: tag("stack-name")?, id: tag("stack-id"), logical_id: tag("logical-id") })
}
