//! The table `key_last_used`: when each key was last used, and what may be concluded where no use is recorded.

use kms_insights_model::{Fact, KeyFacts, LastUsage, LastUsedVerdict, RunId, Timestamp};

use crate::table::table;

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
        /// When the key was last used in a successful cryptographic operation; null when no use is recorded or known.
        last_used_at: Option<Timestamp>, from [KmsGetKeyLastUsage];
        /// The operation, such as `Decrypt`.
        operation: Option<String>, from [KmsGetKeyLastUsage];
        /// Who used the key; KMS does not say, CloudTrail does.
        principal: Option<String>, from [];
        /// Where this is known from: `kms` is GetKeyLastUsage; null where nothing is known.
        evidence: Option<String>, from [];
        /// The CloudTrail event of that use.
        cloudtrail_event_id: Option<String>, from [KmsGetKeyLastUsage];
        /// The KMS request of that use.
        kms_request_id: Option<String>, from [KmsGetKeyLastUsage];
        /// Since when KMS records use.
        tracking_started_at: Option<Timestamp>, from [KmsGetKeyLastUsage];
        /// When the key was made.
        key_created_at: Option<Timestamp>, from [KmsGetKeyLastUsage, KmsDescribeKey];
        /// `used`, `never_used` (made since KMS began to record use, and no use recorded) or `unknown`.
        verdict: String, from [KmsGetKeyLastUsage, KmsDescribeKey];
        /// Why the verdict is `unknown`; null where it is not.
        reason: Option<String>, from [];
        /// How the answer is known: `observed`, `not_applicable`, `denied` or `failed`.
        status: String, from [KmsGetKeyLastUsage];
    }
}

/// The row of a key.
pub fn row(run: &RunId, key: &KeyFacts, last_usage: &Fact<LastUsage>) -> KeyLastUsedRow {
    let created_at = key.metadata.observed().and_then(|metadata| metadata.created_at);
    let usage = last_usage.observed();
    let verdict = usage.map_or(LastUsedVerdict::Unknown, |usage| usage.verdict(created_at));
    KeyLastUsedRow {
        run_id: run.to_string(),
        key_arn: key.arn.to_string(),
        key_id: key.arn.key_id().to_string(),
        account_id: key.arn.account().to_string(),
        region: key.arn.region().to_string(),
        last_used_at: usage.and_then(|usage| usage.used_at),
        operation: usage.and_then(|usage| usage.operation.clone()),
        principal: None,
        evidence: usage.map(|_| "kms".to_owned()),
        cloudtrail_event_id: usage.and_then(|usage| usage.cloudtrail_event_id.clone()),
        kms_request_id: usage.and_then(|usage| usage.kms_request_id.clone()),
        tracking_started_at: usage.and_then(|usage| usage.tracking_started_at),
        key_created_at: usage.and_then(|usage| usage.key_created_at).or(created_at),
        verdict: verdict.to_string(),
        reason: (verdict == LastUsedVerdict::Unknown).then(|| why_unknown(last_usage, created_at)),
        status: last_usage.status().to_string(),
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
        Fact::Denied(failure) | Fact::Failed(failure) => format!("{}: {}", failure.code, failure.code.meaning()),
    }
}
