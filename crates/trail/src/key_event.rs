//! Events that make a key, or change it or who can use it: each kept as it is, since there are few and a person will read them.

use kms_insights_model::Timestamp;
use serde_json::Value;

use crate::{EventIds, event::KmsEvent, principal::principal, touched::touched};

/// The operations that make a key, or change it or who can use it.
///
/// Source: "Actions" in the AWS KMS API Reference; `SynchronizeMultiRegionKey`, `RotateKey`, `DeleteKey` and `DeleteExpiredKeyMaterial` are events without a call, from "Logging AWS KMS API calls with
/// AWS CloudTrail" in the AWS KMS Developer Guide.
pub const KEY_EVENTS: &[&str] = &[
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateGrant",
    "CreateKey",
    "DeleteAlias",
    "DeleteExpiredKeyMaterial",
    "DeleteImportedKeyMaterial",
    "DeleteKey",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "ImportKeyMaterial",
    "PutKeyPolicy",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKey",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "SynchronizeMultiRegionKey",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
];

/// Texts of requests and answers are cut to so many bytes: a key policy has at most 32 KiB, and twice that with the escapes of JSON in JSON.
const LONGEST_TEXT: usize = 64 << 10;

/// An event that makes a key, or changes it or who can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// The key's ARN, or an alias' where the record names no more.
    pub key_arn: String,
    /// When it happened.
    pub at: Timestamp,
    /// The operation.
    pub name: String,
    /// The role, user, account or service.
    pub principal: String,
    /// The session's name, where a role called.
    pub session_name: Option<String>,
    /// The service that called on somebody's behalf, or on its own.
    pub invoked_by: Option<String>,
    /// The program that called, as it calls itself.
    pub user_agent: Option<String>,
    /// From where.
    pub source_ip_address: Option<String>,
    /// `requestParameters`, as JSON.
    pub request: Option<String>,
    /// `responseElements`, as JSON.
    pub response: Option<String>,
    /// Why the call failed.
    pub error_code: Option<String>,
    /// `eventID`
    pub id: String,
    /// The account whose log records it.
    pub recorded_by: String,
    /// What tells it from others.
    pub ids: EventIds,
}

impl KeyEvent {
    /// The events that a record comes to, one for each key; none if it is not of those that are kept.
    pub fn of(event: &KmsEvent<'_>, record: &str) -> Vec<Self> {
        if KEY_EVENTS.binary_search(&&*event.name).is_err() {
            return Vec::new();
        }
        // The record was walked before, so that this fails for what is balanced and still no JSON; what is known of it stands all the same.
        let record: Value = serde_json::from_str(record).unwrap_or_default();
        let text = |name: &str| record[name].as_str().map(str::to_owned);
        let json = |name: &str| {
            let mut text = Some(&record[name]).filter(|value| !value.is_null())?.to_string();
            text.truncate(text.floor_char_boundary(LONGEST_TEXT));
            Some(text)
        };
        let mut events = Vec::new();
        touched(event, |touched| {
            events.push(Self {
                key_arn: touched.key.into_owned(),
                at: event.at.timestamp(),
                name: event.name.clone().into_owned(),
                principal: principal(&event.identity).into_owned(),
                session_name: event.identity.arn.as_deref().and_then(session_name).map(str::to_owned),
                invoked_by: event.identity.invoked_by.clone().map(Into::into),
                user_agent: text("userAgent"),
                source_ip_address: text("sourceIPAddress"),
                request: json("requestParameters"),
                response: json("responseElements"),
                error_code: event.error_code.clone().map(Into::into),
                id: event.id.clone().into_owned(),
                recorded_by: event.recorded_by().to_owned(),
                ids: EventIds::of(event).of_change(),
            });
        });
        events
    }

    /// Roughly how many bytes it takes in memory.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.request, &self.response, &self.user_agent];
        size_of::<Self>() + 512 + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// `session` of `arn:aws:sts::111122223333:assumed-role/role/session`.
fn session_name(arn: &str) -> Option<&str> {
    let (_, session) = arn.split_once(":assumed-role/")?.1.split_once('/')?;
    Some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_are_in_order_so_that_they_can_be_looked_up() {
        assert!(KEY_EVENTS.is_sorted());
    }
}
