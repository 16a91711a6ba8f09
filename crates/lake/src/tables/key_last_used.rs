//! The table `key_last_used`: when each key was last used, and what may be concluded where no use is recorded.

use chrono::{NaiveDate, NaiveTime};
use kms_insights_model::{EventHistory, Fact, KeyFacts, LastUsage, LastUsedVerdict, RecordedUse, Recording, RunId, Timestamp, TrailRecord};

use crate::{
    scans::{TrailUse, TrailUses},
    table::table,
};

table! {
    /// One row per key, also where no use is recorded or the question went unanswered. "No recorded use" is not "never used": read `verdict`.
    KeyLastUsedRow in "key_last_used" {
        /// The run.
        run_id: String, from [];
        /// The key's ARN.
        key_arn: String, from [KmsListKeys];
        /// The key's id within its account and Region.
        key_id: String, from [KmsListKeys];
        /// The account that owns the key.
        account_id: String, from [KmsListKeys];
        /// The key's Region.
        region: String, from [KmsListKeys];
        /// When the key was last used in a successful cryptographic operation, by whichever source knows of a later use; null when no use is recorded or known.
        last_used_at: Option<Timestamp>, from [KmsGetKeyLastUsage, CloudTrailLookupEvents];
        /// The operation, such as `Decrypt`.
        operation: Option<String>, from [KmsGetKeyLastUsage, CloudTrailLookupEvents];
        /// Who used the key; KMS does not say, CloudTrail does: null where neither the log file nor the event of that use was read.
        principal: Option<String>, from [CloudTrailLookupEvents];
        /// The resource that the encryption context of that use names, where the log file or event of it was read.
        resource: Option<String>, from [CloudTrailLookupEvents];
        /// Where the last use is known from: `kms` is GetKeyLastUsage, `trail` is CloudTrail's log files in `key_usage_daily`, `lookup` is CloudTrail's event history. Where no use is known, `kms` or `lookup` says who was asked and answered; null where nobody did.
        evidence: Option<String>, from [KmsGetKeyLastUsage, CloudTrailLookupEvents];
        /// The CloudTrail event of that use.
        cloudtrail_event_id: Option<String>, from [KmsGetKeyLastUsage, CloudTrailLookupEvents];
        /// The KMS request of that use.
        kms_request_id: Option<String>, from [KmsGetKeyLastUsage];
        /// Since when KMS records use.
        tracking_started_at: Option<Timestamp>, from [KmsGetKeyLastUsage];
        /// The first day of which CloudTrail log files of the key's account and Region were read. Later days may lack: `trail_files` says which were read.
        trail_started_at: Option<Timestamp>, from [];
        /// Since when CloudTrail's event history tells of uses, all of which was looked through unless it told of one; null where it was not asked or did not answer. It is asked of keys whose last usage KMS does not say.
        event_history_from: Option<Timestamp>, from [CloudTrailLookupEvents];
        /// When the key was made.
        key_created_at: Option<Timestamp>, from [KmsGetKeyLastUsage, KmsDescribeKey];
        /// `used`, `never_used` (made since KMS began to record use, or within CloudTrail's event history, and no use recorded) or `unknown`.
        verdict: String, from [KmsGetKeyLastUsage, KmsDescribeKey, CloudTrailLookupEvents];
        /// Why the verdict is `unknown`; null where it is not.
        reason: Option<String>, from [KmsGetKeyLastUsage, KmsDescribeKey, CloudTrailLookupEvents, CloudTrailDescribeTrails];
        /// How the answer of KMS is known: `observed`, `not_applicable`, `denied` or `failed`.
        status: String, from [KmsGetKeyLastUsage];
        /// How the answer of CloudTrail's event history is known: `observed`, `denied`, `failed`, or `not_applicable` where it need not be asked.
        event_history_status: String, from [CloudTrailLookupEvents];
    }
}

/// A use that some source knows of.
struct Use<'a> {
    at: Timestamp,
    evidence: &'static str,
    operation: Option<&'a str>,
    principal: Option<&'a str>,
    resource: Option<&'a str>,
    event_id: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl<'a> Use<'a> {
    fn by_kms(usage: &'a LastUsage) -> Option<Self> {
        let LastUsage { operation, cloudtrail_event_id, kms_request_id, .. } = usage;
        let (operation, event_id, request_id) = (operation.as_deref(), cloudtrail_event_id.as_deref(), kms_request_id.as_deref());
        Some(Self { at: usage.used_at?, evidence: "kms", operation, principal: None, resource: None, event_id, request_id })
    }

    fn by_history(found: &'a RecordedUse) -> Self {
        let (principal, resource, event_id) = (found.principal.as_deref(), found.resource.as_deref(), Some(found.cloudtrail_event_id.as_str()));
        Self { at: found.at, evidence: "lookup", operation: Some(&found.operation), principal, resource, event_id, request_id: None }
    }

    fn by_trail(found: &'a TrailUse) -> Self {
        let (principal, resource) = (Some(found.principal.as_str()), found.resource.as_deref());
        Self { at: found.at, evidence: "trail", operation: Some(&found.event_name), principal, resource, event_id: None, request_id: None }
    }
}

/// What all sources together say of a key's last use.
struct Merged<'a> {
    last_use: Option<Use<'a>>,
    verdict: LastUsedVerdict,
    /// Whether it is the event history that the verdict `never_used` rests on.
    by_history: bool,
    created_at: Option<Timestamp>,
}

impl<'a> Merged<'a> {
    fn of(key: &KeyFacts, last_usage: &'a Fact<LastUsage>, history: &'a Fact<EventHistory>, trail: &'a TrailUses) -> Self {
        let (usage, history) = (last_usage.observed(), history.observed());
        let described_at = key.metadata.observed().and_then(|metadata| metadata.created_at);
        let created_at = usage.and_then(|usage| usage.key_created_at).or(described_at);
        // The one that says most of one and the same use comes first.
        let known =
            [usage.and_then(Use::by_kms), history.and_then(|history| history.last_use.as_ref()).map(Use::by_history), trail.last_use(key).map(Use::by_trail)];
        let verdict = usage.map_or(LastUsedVerdict::Unknown, |usage| usage.verdict(described_at));
        let mut known = known.into_iter().flatten();
        let Some(mut last) = known.next() else {
            // The event history keeps management events whatever trails there are; all of it was looked through.
            let by_history = verdict == LastUsedVerdict::Unknown
                && history.is_some_and(|history| {
                    history.is_conclusive && history.last_use.is_none() && created_at.is_some_and(|created| created >= history.reaches_back_to)
                });
            let verdict = if by_history { LastUsedVerdict::NeverUsed } else { verdict };
            return Self { last_use: None, verdict, by_history, created_at };
        };
        for other in known {
            // KMS tells fractions of a second, CloudTrail does not: of one second they are the same use.
            if other.at.timestamp() == last.at.timestamp() {
                last.principal = last.principal.or(other.principal);
                last.resource = last.resource.or(other.resource);
            } else if other.at > last.at {
                last = other;
            }
        }
        Self { last_use: Some(last), verdict: LastUsedVerdict::Used, by_history: false, created_at }
    }
}

/// The row of a key.
pub fn row(
    run: &RunId,
    key: &KeyFacts,
    last_usage: &Fact<LastUsage>,
    history: &Fact<EventHistory>,
    trail: &TrailUses,
    trails: Option<&TrailRecord>,
) -> KeyLastUsedRow {
    let Merged { last_use, verdict, by_history, created_at } = Merged::of(key, last_usage, history, trail);
    let usage = last_usage.observed();
    let asked = match usage {
        Some(_) if !by_history => Some("kms"),
        _ => history.observed().map(|_| "lookup"),
    };
    let text = |of: fn(&Use<'_>) -> Option<String>| last_use.as_ref().and_then(of);
    let trail_started = trail.first_day(key);
    KeyLastUsedRow {
        run_id: run.to_string(),
        key_arn: key.arn.to_string(),
        key_id: key.arn.key_id().to_string(),
        account_id: key.arn.account().to_string(),
        region: key.arn.region().to_string(),
        last_used_at: last_use.as_ref().map(|last| last.at),
        // KMS may name the operation of a use without its time.
        operation: text(|last| last.operation.map(str::to_owned)).or_else(|| usage.filter(|_| last_use.is_none()).and_then(|usage| usage.operation.clone())),
        principal: text(|last| last.principal.map(str::to_owned)),
        resource: text(|last| last.resource.map(str::to_owned)),
        evidence: last_use.as_ref().map(|last| last.evidence).or(asked).map(str::to_owned),
        cloudtrail_event_id: text(|last| last.event_id.map(str::to_owned))
            .or_else(|| usage.filter(|_| last_use.is_none()).and_then(|usage| usage.cloudtrail_event_id.clone())),
        kms_request_id: text(|last| last.request_id.map(str::to_owned))
            .or_else(|| usage.filter(|_| last_use.is_none()).and_then(|usage| usage.kms_request_id.clone())),
        tracking_started_at: usage.and_then(|usage| usage.tracking_started_at),
        trail_started_at: trail_started.map(|day| day.and_time(NaiveTime::MIN).and_utc()),
        event_history_from: history.observed().map(|history| history.reaches_back_to),
        key_created_at: created_at,
        verdict: verdict.to_string(),
        reason: (verdict == LastUsedVerdict::Unknown).then(|| {
            let sources = [Some(why_unknown(last_usage, created_at)), why_history_is_silent(history), why_trail_is_silent(trail_started, trails)];
            sources.into_iter().flatten().collect::<Vec<_>>().join("; ")
        }),
        status: last_usage.status().to_string(),
        event_history_status: history.status().to_string(),
    }
}

/// What findings rest on: the latest of what KMS says, what CloudTrail's event history tells and what its log files record.
pub fn merged(key: &KeyFacts, last_usage: Fact<LastUsage>, history: &Fact<EventHistory>, trail: &TrailUses) -> Fact<LastUsage> {
    let merged = Merged::of(key, &last_usage, history, trail);
    let of_kms = last_usage.observed();
    let found = |used_at, operation: Option<&str>, event_id: Option<&str>, since| LastUsage {
        used_at,
        operation: operation.map(str::to_owned),
        cloudtrail_event_id: event_id.map(str::to_owned),
        kms_request_id: None,
        tracking_started_at: since,
        key_created_at: of_kms.and_then(|usage| usage.key_created_at),
    };
    let tracking = of_kms.and_then(|usage| usage.tracking_started_at);
    match &merged.last_use {
        Some(last) if last.evidence != "kms" => Fact::Observed(found(Some(last.at), last.operation, last.event_id, tracking)),
        None if merged.by_history => Fact::Observed(found(None, None, None, history.observed().map(|history| history.reaches_back_to))),
        _ => last_usage,
    }
}

/// What the event history adds to it that KMS does not know of a use.
fn why_history_is_silent(history: &Fact<EventHistory>) -> Option<String> {
    match history {
        Fact::Observed(history) => {
            let since = history.reaches_back_to.format("%Y-%m-%d");
            Some(format!("CloudTrail's event history, which goes back to {since}, has no use either and cannot tell of earlier ones"))
        }
        Fact::NotApplicable => None,
        Fact::Denied(failure) | Fact::Failed(failure) => Some(format!("CloudTrail's event history could not be looked through ({})", failure.code)),
    }
}

/// What the log files add to it, and whether they could.
fn why_trail_is_silent(first_day: Option<NaiveDate>, trails: Option<&TrailRecord>) -> Option<String> {
    let recording = trails.map(|trails| trails.recording().0);
    let read = first_day.map(|day| format!("the CloudTrail log files that were read, from {day} on, record none either"));
    match (read, recording) {
        (read, None | Some(Recording::Yes)) => read,
        (Some(read), Some(Recording::No(why))) => Some(format!("{read}, and at present they cannot: {why}")),
        (Some(read), Some(Recording::Unknown(why))) => Some(format!("{read}, but whether they would is not known: {why}")),
        (None, Some(Recording::No(why))) => Some(format!("no log file would tell: {why}")),
        (None, Some(Recording::Unknown(why))) => Some(format!("whether log files would tell is not known: {why}")),
    }
}

/// Source: "Determine past usage of a KMS key" in the AWS KMS Developer Guide; a key made before tracking began may have been used earlier.
fn why_unknown(last_usage: &Fact<LastUsage>, created_at: Option<Timestamp>) -> String {
    match last_usage {
        Fact::Observed(usage) => match (usage.tracking_started_at, usage.key_created_at.or(created_at)) {
            (None, _) => "no use is recorded, and KMS does not say since when it records use".to_owned(),
            (Some(_), None) => "no use is recorded, and the key's creation date is not known".to_owned(),
            (Some(tracking), Some(_)) => {
                format!("no use is recorded since {}, but the key is older than that", tracking.format("%Y-%m-%d"))
            }
        },
        Fact::NotApplicable => "KMS does not record the use of this key".to_owned(),
        Fact::Denied(failure) | Fact::Failed(failure) => format!("{}: {}", failure.code, failure.code.meaning().trim_end_matches('.')),
    }
}

#[cfg(test)]
mod tests;
