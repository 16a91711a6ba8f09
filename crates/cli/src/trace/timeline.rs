//! What was done to a key, in the order of time.

use kms_insights_model::{KeyArn, Timestamp};
use serde::Serialize;

use super::{
    change::Past,
    facts::EventRow,
    through::{Signs, Through, through},
    who::Caller,
};

/// So many resources of grants that are told together are named.
const MOST_RESOURCES: usize = 3;

/// An event, or several of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    /// The last of several.
    pub(super) until: Option<Timestamp>,
    pub(super) count: u64,
    pub(super) event_name: String,
    /// In words.
    pub(super) what: String,
    /// The resources that grants are bound to: the first few.
    pub(super) resources: Vec<String>,
    /// Who called, in words.
    pub(super) who: String,
    pub(super) principal: String,
    pub(super) session_name: Option<String>,
    pub(super) through: Through,
    pub(super) source_ip_address: Option<String>,
    /// Why the call failed: it changed nothing.
    pub(super) error_code: Option<String>,
    /// The first of several.
    pub(super) event_id: String,
    /// The ARN under which the log has it, where that is not the key's own: an alias', or that of a multi-Region key's other Region.
    pub(super) recorded_as: Option<String>,
}

impl EventRow {
    /// Through what whoever called did.
    pub(super) fn through(&self) -> Through {
        through(Signs {
            principal: &self.principal,
            session: self.session_name.as_deref(),
            invoked_by: self.invoked_by.as_deref(),
            user_agent: self.user_agent.as_deref(),
            source_ip: self.source_ip_address.as_deref(),
        })
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        Caller { principal: &self.principal, session: self.session_name.as_deref(), invoked_by: self.invoked_by.as_deref() }
    }

    fn is_of_grants(&self) -> bool {
        matches!(self.event_name.as_str(), "CreateGrant" | "RetireGrant" | "RevokeGrant")
    }
}

impl Entry {
    fn of(event: &EventRow, key: &KeyArn, past: &mut Past<'_>) -> Self {
        let change = past.tell(event);
        Self {
            at: event.event_at,
            until: None,
            count: 1,
            event_name: event.event_name.clone(),
            what: change.what,
            resources: change.resource.into_iter().collect(),
            who: event.caller().in_words(key.account()),
            principal: event.principal.clone(),
            session_name: event.session_name.clone(),
            through: event.through(),
            source_ip_address: event.source_ip_address.clone(),
            error_code: event.error_code.clone(),
            event_id: event.event_id.clone(),
            recorded_as: Some(&event.key_arn).filter(|arn| **arn != key.to_string()).cloned(),
        }
    }

    /// Whether the two differ in nothing that a person looks for.
    fn is_like(&self, other: &Self) -> bool {
        let about = |entry: &Self| {
            (entry.event_name.clone(), entry.what.clone(), entry.who.clone(), entry.through.clone(), entry.error_code.clone(), entry.recorded_as.clone())
        };
        about(self) == about(other)
    }

    fn join(&mut self, other: Self) {
        self.count += 1;
        self.until = Some(other.at);
        if self.session_name != other.session_name {
            self.session_name = None;
        }
        if self.source_ip_address != other.source_ip_address {
            self.source_ip_address = None;
        }
        for resource in other.resources {
            if self.resources.len() < MOST_RESOURCES && !self.resources.contains(&resource) {
                self.resources.push(resource);
            }
        }
    }
}

/// The entries, and what the events come to.
///
/// Of the same thing done again, and nothing else between, there is one entry. Services make and retire grants all the time: like ones are one entry each, whatever happened between.
pub(super) fn timeline<'k>(events: &[EventRow], key: &'k KeyArn) -> (Vec<Entry>, Past<'k>) {
    let mut past = Past::new(key);
    let mut entries: Vec<Entry> = Vec::new();
    for event in events {
        let entry = Entry::of(event, key, &mut past);
        let like =
            if event.is_of_grants() { entries.iter_mut().find(|known| known.is_like(&entry)) } else { entries.last_mut().filter(|last| last.is_like(&entry)) };
        match like {
            Some(known) => known.join(entry),
            None => entries.push(entry),
        }
    }
    (entries, past)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::fixture::{self, KEY},
        *,
    };

    fn event(at: &str, name: &str, request: &Value) -> EventRow {
        fixture::event(at, name, request)
    }

    fn told(events: &[EventRow]) -> Vec<String> {
        let key = KEY.parse().unwrap();
        let (entries, _) = timeline(events, &key);
        let line = |entry: &Entry| {
            let until = entry.until.map(|until| format!("..{}", until.format("%d"))).unwrap_or_default();
            let error = entry.error_code.as_deref().map(|code| format!(" failed: {code}")).unwrap_or_default();
            format!("{}{until} x{} {}{error} {:?}", entry.at.format("%d"), entry.count, entry.what, entry.resources)
        };
        entries.iter().map(line).collect()
    }

    #[test]
    fn each_kind_of_event_is_told_in_words() {
        const POLICY: &str =
            r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}}"#;
        const WIDER: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}}"#;
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let cases: Vec<(&str, Value, &str)> = vec![
            (
                "CreateKey",
                json!({"policy": POLICY, "keySpec": "RSA_2048", "origin": "EXTERNAL", "multiRegion": true}),
                "made, RSA_2048, multi-Region, for imported key material, policy for its own account",
            ),
            ("CreateAlias", json!({"aliasName": "alias/app", "targetKeyId": id}), "named alias/app"),
            ("UpdateAlias", json!({"aliasName": "alias/app", "targetKeyId": KEY}), "alias/app moved to it"),
            ("UpdateAlias", json!({"aliasName": "alias/app", "targetKeyId": "other"}), "alias/app moved to another key"),
            ("DeleteAlias", json!({"aliasName": "alias/app"}), "alias/app deleted"),
            ("PutKeyPolicy", json!({"policy": WIDER}), "policy changed: everyone added, its own account taken out"),
            ("PutKeyPolicy", Value::Null, "policy changed; the record does not hold its text"),
            ("PutKeyPolicy", json!({"policy": WIDER}), "policy put, for everyone; the one before is not known"),
            ("EnableKeyRotation", json!({"rotationPeriodInDays": 90}), "rotation enabled, every 90 days"),
            ("EnableKeyRotation", json!({}), "rotation enabled"),
            ("DisableKeyRotation", json!({}), "rotation disabled"),
            ("RotateKeyOnDemand", json!({}), "rotation on demand"),
            ("RotateKey", Value::Null, "rotated"),
            ("DisableKey", json!({}), "disabled"),
            ("EnableKey", json!({}), "enabled"),
            ("ScheduleKeyDeletion", json!({"pendingWindowInDays": 7}), "deletion scheduled for 2026-03-08, in 7 days"),
            ("ScheduleKeyDeletion", json!({}), "deletion scheduled"),
            ("CancelKeyDeletion", json!({}), "deletion cancelled"),
            ("DeleteKey", Value::Null, "deleted"),
            ("ImportKeyMaterial", json!({"validTo": "Mar 9, 2027, 1:00:00 PM"}), "key material imported, valid to Mar 9, 2027, 1:00:00 PM"),
            ("DeleteImportedKeyMaterial", json!({}), "imported key material deleted"),
            ("DeleteExpiredKeyMaterial", Value::Null, "expired key material deleted"),
            ("ReplicateKey", json!({"replicaRegion": "us-east-1"}), "replicated to us-east-1"),
            ("SynchronizeMultiRegionKey", Value::Null, "synchronized with its primary"),
            ("UpdatePrimaryRegion", json!({"primaryRegion": "us-east-1"}), "primary moved to us-east-1"),
            ("TagResource", json!({"tags": [{"tagKey": "Owner", "tagValue": "blue"}, {"tagKey": "Empty", "tagValue": ""}]}), "tagged Owner=blue, Empty="),
            ("UntagResource", json!({"tagKeys": ["Owner", "Stage"]}), "tags taken away: Owner, Stage"),
            ("UpdateKeyDescription", json!({"description": "x".repeat(130)}), &format!("described as \"{}…\"", "x".repeat(120))),
            ("RetireGrant", Value::Null, "grant retired"),
            ("NewOperation", Value::Null, "NewOperation"),
        ]
        .into_iter()
        .map(|(name, request, what)| (name, request, Box::leak(what.to_owned().into_boxed_str()) as &str))
        .collect();
        let key = KEY.parse().unwrap();
        let events: Vec<EventRow> = cases.iter().map(|(name, request, _)| event("2026-03-01T10:00:00Z", name, request)).collect();
        let (entries, past) = timeline(&events, &key);
        let said: Vec<&str> = entries.iter().map(|entry| entry.what.as_str()).collect();
        assert_eq!(said, cases.iter().map(|(.., what)| *what).collect::<Vec<_>>());
        assert_eq!(past.policy(), Some(WIDER));
    }

    #[test]
    fn like_grants_are_told_once_and_know_whom_they_were_for() {
        let grant = |at: &str, number: u32| EventRow {
            response: Some(json!({"grantId": format!("g{number}")}).to_string()),
            ..event(
                at,
                "CreateGrant",
                &json!({"granteePrincipal": format!("arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-{number}"), "operations": ["Decrypt"],
                    "constraints": {"encryptionContextSubset": {"aws:ebs:id": format!("vol-{number}")}}}),
            )
        };
        let events = [
            grant("2026-03-01T10:00:00Z", 1),
            event("2026-03-02T10:00:00Z", "EnableKeyRotation", &json!({})),
            grant("2026-03-03T10:00:00Z", 2),
            event("2026-03-04T10:00:00Z", "RetireGrant", &json!({"grantId": "g1"})),
            event("2026-03-05T10:00:00Z", "RetireGrant", &json!({"grantId": "unheard"})),
        ];
        assert_eq!(
            told(&events),
            [
                r#"01..03 x2 grant to role aws:ec2-infrastructure: Decrypt ["vol-1", "vol-2"]"#,
                "02 x1 rotation enabled []",
                "04 x1 grant to role aws:ec2-infrastructure retired []",
                "05 x1 grant retired []",
            ]
        );
    }

    #[test]
    fn what_failed_changed_nothing_and_the_same_again_is_one_entry_unless_something_came_between() {
        let denied = |at| EventRow { error_code: Some("AccessDenied".to_owned()), ..event(at, "PutKeyPolicy", &json!({"policy": "{}"})) };
        let events = [
            event("2026-03-01T10:00:00Z", "DisableKey", &json!({})),
            event("2026-03-02T10:00:00Z", "EnableKey", &json!({})),
            event("2026-03-03T10:00:00Z", "DisableKey", &json!({})),
            denied("2026-03-04T10:00:00Z"),
            denied("2026-03-05T10:00:00Z"),
        ];
        assert_eq!(
            told(&events),
            [
                "01 x1 disabled []",
                "02 x1 enabled []",
                "03 x1 disabled []",
                "04..05 x2 policy changed; its text could not be understood failed: AccessDenied []",
            ]
        );
    }
}
