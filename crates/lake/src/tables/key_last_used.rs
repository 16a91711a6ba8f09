//! The table `key_last_used`: when each key was last used, and what may be concluded where no use is recorded.

use chrono::NaiveTime;
use kms_insights_model::{Fact, KeyFacts, LastUsage, LastUsedVerdict, RunId, Timestamp};

use crate::{scans::TrailUses, table::table};

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
        last_used_at: Option<Timestamp>, from [KmsGetKeyLastUsage];
        /// The operation, such as `Decrypt`.
        operation: Option<String>, from [KmsGetKeyLastUsage];
        /// Who used the key; KMS does not say, CloudTrail does: null where the log file of that use was not read.
        principal: Option<String>, from [];
        /// The resource that the encryption context of that use names, where the log file of it was read.
        resource: Option<String>, from [];
        /// Where the last use is known from: `kms` is GetKeyLastUsage, `trail` is CloudTrail's log files in `key_usage_daily`. Where no use is known, `kms` says that KMS was asked; null where nothing is known.
        evidence: Option<String>, from [];
        /// The CloudTrail event of that use.
        cloudtrail_event_id: Option<String>, from [KmsGetKeyLastUsage];
        /// The KMS request of that use.
        kms_request_id: Option<String>, from [KmsGetKeyLastUsage];
        /// Since when KMS records use.
        tracking_started_at: Option<Timestamp>, from [KmsGetKeyLastUsage];
        /// The first day of which CloudTrail log files of the key's account and Region were read. Later days may lack: `trail_files` says which were read.
        trail_started_at: Option<Timestamp>, from [];
        /// When the key was made.
        key_created_at: Option<Timestamp>, from [KmsGetKeyLastUsage, KmsDescribeKey];
        /// `used`, `never_used` (made since KMS began to record use, and no use recorded) or `unknown`.
        verdict: String, from [KmsGetKeyLastUsage, KmsDescribeKey];
        /// Why the verdict is `unknown`; null where it is not.
        reason: Option<String>, from [];
        /// How the answer of KMS is known: `observed`, `not_applicable`, `denied` or `failed`.
        status: String, from [KmsGetKeyLastUsage];
    }
}

/// The row of a key.
pub fn row(run: &RunId, key: &KeyFacts, last_usage: &Fact<LastUsage>, trail: &TrailUses) -> KeyLastUsedRow {
    let created_at = key.metadata.observed().and_then(|metadata| metadata.created_at);
    let usage = last_usage.observed();
    let recorded = trail.last_use(key);
    let by_kms = usage.and_then(|usage| usage.used_at);
    // KMS tells fractions of a second, CloudTrail does not.
    let is_same = recorded.zip(by_kms).is_some_and(|(recorded, at)| recorded.at.timestamp() == at.timestamp());
    let later = recorded.filter(|recorded| !is_same && by_kms.is_none_or(|at| recorded.at > at));
    let verdict = match later {
        Some(_) => LastUsedVerdict::Used,
        None => usage.map_or(LastUsedVerdict::Unknown, |usage| usage.verdict(created_at)),
    };
    let told = later.or(recorded.filter(|_| is_same));
    let of_kms = usage.filter(|_| later.is_none());
    let trail_started = trail.first_day(key);
    KeyLastUsedRow {
        run_id: run.to_string(),
        key_arn: key.arn.to_string(),
        key_id: key.arn.key_id().to_string(),
        account_id: key.arn.account().to_string(),
        region: key.arn.region().to_string(),
        last_used_at: later.map(|recorded| recorded.at).or(by_kms),
        operation: later.map(|recorded| recorded.event_name.clone()).or_else(|| usage.and_then(|usage| usage.operation.clone())),
        principal: told.map(|recorded| recorded.principal.clone()),
        resource: told.and_then(|recorded| recorded.resource.clone()),
        evidence: later.map(|_| "trail").or(usage.map(|_| "kms")).map(str::to_owned),
        cloudtrail_event_id: of_kms.and_then(|usage| usage.cloudtrail_event_id.clone()),
        kms_request_id: of_kms.and_then(|usage| usage.kms_request_id.clone()),
        tracking_started_at: usage.and_then(|usage| usage.tracking_started_at),
        trail_started_at: trail_started.map(|day| day.and_time(NaiveTime::MIN).and_utc()),
        key_created_at: usage.and_then(|usage| usage.key_created_at).or(created_at),
        verdict: verdict.to_string(),
        reason: (verdict == LastUsedVerdict::Unknown).then(|| {
            let reason = why_unknown(last_usage, created_at);
            match trail_started {
                Some(day) => format!("{reason}; the CloudTrail log files that were read, from {day} on, record none either"),
                None => reason,
            }
        }),
        status: last_usage.status().to_string(),
    }
}

/// What findings rest on: the later of what KMS says and what CloudTrail's log files record.
pub fn merged(key: &KeyFacts, last_usage: Fact<LastUsage>, trail: &TrailUses) -> Fact<LastUsage> {
    let Some(recorded) = trail.last_use(key) else { return last_usage };
    let by_kms = last_usage.observed().and_then(|usage| usage.used_at);
    if by_kms.is_some_and(|at| at.timestamp() >= recorded.at.timestamp()) {
        return last_usage;
    }
    Fact::Observed(LastUsage {
        used_at: Some(recorded.at),
        operation: Some(recorded.event_name.clone()),
        cloudtrail_event_id: None,
        kms_request_id: None,
        tracking_started_at: last_usage.observed().and_then(|usage| usage.tracking_started_at),
        key_created_at: last_usage.observed().and_then(|usage| usage.key_created_at),
    })
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
        Fact::Denied(failure) | Fact::Failed(failure) => format!("{}: {}", failure.code, failure.code.meaning()),
    }
}
