//! What an event did to a key, in a line.

use std::collections::BTreeMap;

use chrono::Days;
use kms_insights_model::{AccountId, KeyArn};
use kms_insights_trail::NamedResource;
use serde_json::Value;

use super::{
    facts::{EventRow, GrantRow},
    policy_change,
    who::principal,
};

/// A text of somebody's own is cut after so many characters.
const LONGEST_TEXT: usize = 120;
/// So many tags are named.
const MOST_TAGS: usize = 6;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) what: String,
    /// The resource that a grant is bound to.
    pub(super) resource: Option<String>,
}

/// What earlier events say of the key, which later ones are told by.
#[derive(Debug)]
pub(super) struct Past<'k> {
    key: &'k KeyArn,
    /// The policy, as far as events tell it.
    policy: Option<String>,
    /// Whom grants are for, in words, by their ids.
    grantees: BTreeMap<String, String>,
}

/// A text of somebody's own, cut where it is long.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A member of an object, by either of its spellings: CloudTrail writes names as the SDKs or as KMS' own protocol do.
fn member<'v>(value: &'v Value, name: &str) -> &'v Value {
    let mut capital = name.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let found = &value[name];
    if found.is_null() { &value[capital] } else { found }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    member(value, name).as_str()
}

/// Whom a grant is for, in words.
fn grantee(grantee: Option<&str>, account: AccountId) -> String {
    grantee.map_or_else(|| "somebody".to_owned(), |grantee| principal(grantee, account))
}

/// Whom a grant of today is for, in words, and the resource that it is bound to.
pub(super) fn grant(grant: &GrantRow, account: AccountId) -> (String, Option<String>) {
    let constraints = grant.constraints.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    (grantee(grant.grantee_principal.as_deref(), account), resource(&constraints))
}

/// The resource that a grant's constraints name.
fn resource(constraints: &Value) -> Option<String> {
    let mut named = NamedResource::default();
    for context in ["encryptionContextSubset", "encryptionContextEquals"] {
        for (name, value) in member(constraints, context).as_object().into_iter().flatten() {
            named.consider(name, || value.as_str().unwrap_or_default().into());
        }
    }
    named.get().or_else(|| text(constraints, "sourceArn")).map(str::to_owned)
}

impl<'k> Past<'k> {
    pub(super) const fn new(key: &'k KeyArn) -> Self {
        Self { key, policy: None, grantees: BTreeMap::new() }
    }

    /// The policy after all events that were told, as far as they tell it.
    pub(super) fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// Tells an event, and remembers it. Events come in the order of time.
    pub(super) fn tell(&mut self, event: &EventRow) -> Change {
        let (request, response) = (event.request(), event.response());
        let told = self.told(event, &request, &response);
        if event.succeeded() {
            self.remember(event, &request, &response);
        }
        told
    }

    fn remember(&mut self, event: &EventRow, request: &Value, response: &Value) {
        match event.event_name.as_str() {
            "CreateKey" | "PutKeyPolicy" => self.policy = text(request, "policy").map(str::to_owned),
            "CreateGrant" => {
                if let Some(id) = text(response, "grantId") {
                    self.grantees.insert(id.to_owned(), self.grantee(request));
                }
            }
            _ => {}
        }
    }

    fn grantee(&self, request: &Value) -> String {
        grantee(text(request, "granteePrincipal").or_else(|| text(request, "granteeServicePrincipal")), self.key.account())
    }

    fn told(&self, event: &EventRow, request: &Value, response: &Value) -> Change {
        let account = self.key.account();
        let alias = || text(request, "aliasName").unwrap_or("an alias").to_owned();
        let what = match event.event_name.as_str() {
            "CreateKey" => made(request, account),
            "ReplicateKey" => format!("replicated to {}", text(request, "replicaRegion").unwrap_or("another Region")),
            "SynchronizeMultiRegionKey" => "synchronized with its primary".to_owned(),
            "UpdatePrimaryRegion" => format!("primary moved to {}", text(request, "primaryRegion").unwrap_or("another Region")),
            "CreateAlias" => format!("named {}", alias()),
            "UpdateAlias" if self.is_this(text(request, "targetKeyId")) => format!("{} moved to it", alias()),
            "UpdateAlias" => format!("{} moved to another key", alias()),
            "DeleteAlias" => format!("{} deleted", alias()),
            "PutKeyPolicy" => policy_change::change(self.policy.as_deref(), text(request, "policy"), account),
            "CreateGrant" => {
                let operations = texts(member(request, "operations")).join(", ");
                let operations = if operations.is_empty() { "operations that are not recorded" } else { &operations };
                let what = format!("grant to {}: {operations}", self.grantee(request));
                return Change { what, resource: resource(member(request, "constraints")) };
            }
            "RetireGrant" | "RevokeGrant" => {
                let done = if event.event_name == "RetireGrant" { "retired" } else { "revoked" };
                let id = text(request, "grantId").or_else(|| text(response, "grantId"));
                match id.and_then(|id| self.grantees.get(id)) {
                    Some(grantee) => format!("grant to {grantee} {done}"),
                    None => format!("grant {done}"),
                }
            }
            "EnableKeyRotation" => match member(request, "rotationPeriodInDays").as_u64() {
                Some(days) => format!("rotation enabled, every {days} days"),
                None => "rotation enabled".to_owned(),
            },
            "DisableKeyRotation" => "rotation disabled".to_owned(),
            "RotateKeyOnDemand" => "rotation on demand".to_owned(),
            "RotateKey" => "rotated".to_owned(),
            "EnableKey" => "enabled".to_owned(),
            "DisableKey" => "disabled".to_owned(),
            "ScheduleKeyDeletion" => {
                let days = member(request, "pendingWindowInDays").as_u64().or_else(|| member(response, "pendingWindowInDays").as_u64());
                let date = days.and_then(|days| event.event_at.date_naive().checked_add_days(Days::new(days)));
                match (date, days) {
                    (Some(date), Some(days)) => format!("deletion scheduled for {date}, in {days} days"),
                    _ => "deletion scheduled".to_owned(),
                }
            }
            "CancelKeyDeletion" => "deletion cancelled".to_owned(),
            "DeleteKey" => "deleted".to_owned(),
            "ImportKeyMaterial" => match text(request, "validTo") {
                Some(date) => format!("key material imported, valid to {}", cut(date)),
                None => "key material imported".to_owned(),
            },
            "DeleteImportedKeyMaterial" => "imported key material deleted".to_owned(),
            "DeleteExpiredKeyMaterial" => "expired key material deleted".to_owned(),
            "TagResource" => tagged(member(request, "tags")),
            "UntagResource" => format!("tags taken away: {}", cut(&texts(member(request, "tagKeys")).join(", "))),
            "UpdateKeyDescription" => match text(request, "description") {
                Some(description) => format!("described as \"{}\"", cut(description)),
                None => "description changed".to_owned(),
            },
            other => cut(other),
        };
        Change { what, resource: None }
    }

    fn is_this(&self, target: Option<&str>) -> bool {
        target.is_none_or(|target| target == self.key.to_string() || target == self.key.key_id().to_string())
    }
}

fn made(request: &Value, account: AccountId) -> String {
    let mut words = vec!["made".to_owned()];
    let spec = text(request, "keySpec").or_else(|| text(request, "customerMasterKeySpec"));
    words.extend(spec.filter(|spec| *spec != "SYMMETRIC_DEFAULT").map(str::to_owned));
    if member(request, "multiRegion").as_bool() == Some(true) {
        words.push("multi-Region".to_owned());
    }
    match text(request, "origin") {
        Some("EXTERNAL") => words.push("for imported key material".to_owned()),
        Some("AWS_CLOUDHSM") => words.push("in a CloudHSM key store".to_owned()),
        Some("EXTERNAL_KEY_STORE") => words.push("in an external key store".to_owned()),
        _ => {}
    }
    match text(request, "policy").map(|policy| policy_change::first(policy, account)) {
        Some(Some(policy)) => words.push(policy),
        // Without one KMS gives the default policy, which leaves all to the account.
        None if request.is_object() => words.push("default policy".to_owned()),
        _ => {}
    }
    words.join(", ")
}

/// `TagResource` has `tagKey` and `tagValue`, since KMS does not call them `key` and `value`.
fn tagged(tags: &Value) -> String {
    let tags: Vec<String> = tags
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| format!("{}={}", cut(text(tag, "tagKey").unwrap_or_default()), cut(text(tag, "tagValue").unwrap_or_default())))
        .collect();
    let shown = tags.iter().take(MOST_TAGS).cloned().collect::<Vec<_>>().join(", ");
    match tags.len() {
        0 => "tagged".to_owned(),
        all if all > MOST_TAGS => format!("tagged {shown} and {} more", all - MOST_TAGS),
        _ => format!("tagged {shown}"),
    }
}
