//! The table `key_last_used`: when each key was last used, and what may be concluded where no use is recorded.

use chrono::{NaiveDate, NaiveTime};
use kms_insights_model::{
    EventHistory, Fact, KeyFacts, LastUsage, LastUsedVerdict, RecordedUse, Recording, RunId, Timestamp, TrailRecord, UsageEvidence, UsageSource,
};

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
        /// When the key was last used in a successful cryptographic operation, which alone counts of log files too, by whichever source knows of a later use; null when no use is recorded or known. `unused_since` tells whether there may be a later one.
        last_used_at: Option<Timestamp>, from [KmsGetKeyLastUsage, CloudTrailLookupEvents];
        /// From when on it is known that the key was not used; null where nobody can tell. KMS tells, and CloudTrail's event history where all of it that is later was looked through; log files prove uses, and never that there was none.
        unused_since: Option<Timestamp>, from [KmsGetKeyLastUsage, KmsDescribeKey, CloudTrailLookupEvents];
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
        /// The last such day. Days between the two may lack.
        trail_ended_at: Option<Timestamp>, from [];
        /// Since when CloudTrail's event history tells of uses, all of which was looked through unless it told of one; null where it was not asked, or not looked through as far as that. It is asked of keys whose last usage KMS does not say.
        event_history_from: Option<Timestamp>, from [CloudTrailLookupEvents];
        /// When the key was made.
        key_created_at: Option<Timestamp>, from [KmsGetKeyLastUsage, KmsDescribeKey];
        /// `used`, `never_used` (made since KMS began to record use, or within CloudTrail's event history, and no use recorded) or `unknown`.
        verdict: String, from [KmsGetKeyLastUsage, KmsDescribeKey, CloudTrailLookupEvents];
        /// Why the verdict is `unknown` or `never_used`; where it is `used`, why there may be a later use than `last_used_at`, which is then the latest that is known: null where there is none.
        reason: Option<String>, from [KmsGetKeyLastUsage, KmsDescribeKey, CloudTrailLookupEvents, CloudTrailDescribeTrails];
        /// How the answer of KMS is known: `observed`, `not_applicable`, `denied` or `failed`.
        status: String, from [KmsGetKeyLastUsage];
        /// How the answer of CloudTrail's event history is known: `observed`, `denied`, `failed`, or `not_applicable` where it need not be asked. Where it told of a use before it was denied or failed, that use counts, and `reason` says so.
        event_history_status: String, from [CloudTrailLookupEvents];
    }
}

/// A use that some source knows of.
#[derive(Clone, Copy)]
struct Use<'a> {
    at: Timestamp,
    source: UsageSource,
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
        Some(Self { at: usage.used_at?, source: UsageSource::Kms, operation, principal: None, resource: None, event_id, request_id })
    }

    fn by_history(found: &'a RecordedUse) -> Self {
        let (principal, resource, event_id) = (found.principal.as_deref(), found.resource.as_deref(), Some(found.cloudtrail_event_id.as_str()));
        Self { at: found.at, source: UsageSource::Lookup, operation: Some(&found.operation), principal, resource, event_id, request_id: None }
    }

    fn by_trail(found: &'a TrailUse) -> Self {
        let (principal, resource) = (Some(found.principal.as_str()), found.resource.as_deref());
        Self { at: found.at, source: UsageSource::Trail, operation: Some(&found.event_name), principal, resource, event_id: None, request_id: None }
    }

    /// KMS tells fractions of a second, CloudTrail does not.
    const fn second(&self) -> i64 {
        self.at.timestamp()
    }

    /// Whether the two may be one. In a second a busy key is used more than once, and by several.
    fn may_be(&self, other: &Self) -> bool {
        let is_another_event = self.event_id.zip(other.event_id).is_some_and(|(one, other)| one != other);
        self.second() == other.second() && self.operation.is_some() && self.operation == other.operation && !is_another_event
    }

    /// Takes over who it was and on what, from records that may be of the same use; where they say different things, nobody knows which of them is.
    fn fill_in(&mut self, records: impl Iterator<Item = Self>) {
        let same: Vec<Self> = records.filter(|record| self.may_be(record)).collect();
        let agreed = |of: fn(&Self) -> Option<&'a str>| of(same.first()?).filter(|value| same.iter().all(|record| of(record) == Some(value)));
        (self.principal, self.resource) = (agreed(|record| record.principal), agreed(|record| record.resource));
    }
}

/// What all sources together say of a key's last use.
struct Merged<'a> {
    usage: Option<&'a LastUsage>,
    history: Option<&'a EventHistory>,
    last_use: Option<Use<'a>>,
    verdict: LastUsedVerdict,
    /// Whether it is the event history that the verdict `never_used` rests on.
    by_history: bool,
    created_at: Option<Timestamp>,
    /// From when on no use is proved, by whoever proves the most.
    silent_since: Option<Timestamp>,
}

impl<'a> Merged<'a> {
    fn of(key: &KeyFacts, last_usage: &'a Fact<LastUsage>, history: &'a Fact<EventHistory>, trail: &'a TrailUses) -> Self {
        let (usage, history) = (last_usage.observed(), history.observed());
        let described_at = key.metadata.observed().and_then(|metadata| metadata.created_at);
        let created_at = usage.and_then(|usage| usage.key_created_at).or(described_at);
        let in_history = history.and_then(|history| history.last_use.as_ref()).map(Use::by_history);
        // The one that says most of one and the same use comes first.
        let known = [usage.and_then(Use::by_kms), in_history, trail.last_use(key).map(Use::by_trail)];
        let mut last_use = known.into_iter().flatten().reduce(|last, other| if other.second() > last.second() { other } else { last });
        // CloudTrail's own records say who it was.
        if let Some(last) = last_use.as_mut().filter(|last| last.source == UsageSource::Kms) {
            let in_logs = trail.at_second(key, last.operation.unwrap_or_default(), last.at).into_iter().map(Use::by_trail);
            last.fill_in(in_history.into_iter().chain(in_logs));
        }
        let verdict = match (&last_use, usage) {
            (Some(_), _) => LastUsedVerdict::Used,
            (None, usage) => usage.map_or(LastUsedVerdict::Unknown, |usage| usage.verdict(described_at)),
        };
        // The event history keeps management events whatever trails there are.
        let looked_through = history.filter(|history| history.is_conclusive && history.cut_short.is_none());
        let by_history =
            verdict == LastUsedVerdict::Unknown && looked_through.is_some_and(|history| created_at.is_some_and(|created| created >= history.reaches_back_to));
        let silent_in_history = looked_through.map(|history| history.last_use.as_ref().map_or(history.reaches_back_to, |last| last.at));
        Self {
            usage,
            history,
            last_use,
            verdict: if by_history { LastUsedVerdict::NeverUsed } else { verdict },
            by_history,
            created_at,
            silent_since: usage.and_then(LastUsage::silent_since).into_iter().chain(silent_in_history).min(),
        }
    }

    /// KMS may record a use without its time.
    fn untimed(&self) -> Option<&'a LastUsage> {
        self.usage.filter(|_| self.last_use.is_none())
    }

    fn evidence(&self) -> UsageEvidence {
        let (last, untimed) = (self.last_use.as_ref(), self.untimed());
        let asked = match self.usage {
            Some(_) if !self.by_history => Some(UsageSource::Kms),
            _ => self.history.map(|_| UsageSource::Lookup),
        };
        let used_at = last.map(|last| last.at);
        UsageEvidence {
            verdict: self.verdict,
            source: last.map(|last| last.source).or(asked),
            used_at,
            operation: last.map_or_else(|| untimed?.operation.as_deref(), |last| last.operation).map(str::to_owned),
            cloudtrail_event_id: last.map_or_else(|| untimed?.cloudtrail_event_id.as_deref(), |last| last.event_id).map(str::to_owned),
            unused_since: self.silent_since.and_then(|since| [Some(since), used_at, self.created_at].into_iter().flatten().max()),
            tracking_started_at: self.usage.and_then(|usage| usage.tracking_started_at),
            event_history_from: self.history.filter(|history| history.cut_short.is_none()).map(|history| history.reaches_back_to),
            created_at: self.created_at,
        }
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
    let merged = Merged::of(key, last_usage, history, trail);
    let evidence = merged.evidence();
    let last_use = merged.last_use.as_ref();
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let days = trail.days(key);
    let cut_short = history.observed().and_then(|history| history.cut_short.as_ref());
    KeyLastUsedRow {
        run_id: run.to_string(),
        key_arn: key.arn.to_string(),
        key_id: key.arn.key_id().to_string(),
        account_id: key.arn.account().to_string(),
        region: key.arn.region().to_string(),
        last_used_at: evidence.used_at,
        unused_since: evidence.unused_since,
        operation: evidence.operation,
        principal: last_use.and_then(|last| last.principal).map(str::to_owned),
        resource: last_use.and_then(|last| last.resource).map(str::to_owned),
        evidence: evidence.source.map(|source| source.to_string()),
        cloudtrail_event_id: evidence.cloudtrail_event_id,
        kms_request_id: last_use.map_or_else(|| merged.untimed()?.kms_request_id.as_deref(), |last| last.request_id).map(str::to_owned),
        tracking_started_at: evidence.tracking_started_at,
        trail_started_at: days.map(|(first, _)| midnight(first)),
        trail_ended_at: days.map(|(_, last)| midnight(last)),
        event_history_from: evidence.event_history_from,
        key_created_at: evidence.created_at,
        verdict: evidence.verdict.to_string(),
        reason: Reasons { key, merged: &merged, last_usage, history, trail, trails }.of_verdict(),
        status: last_usage.status().to_string(),
        event_history_status: cut_short.map_or(history.status(), |failure| Fact::<()>::lacking(failure.clone()).status()).to_string(),
    }
}

/// What findings rest on: what KMS says, what CloudTrail's event history tells and what its log files record, taken together. Where KMS did not answer and nobody else knows of a use, or that there is none, it lacks as KMS's
/// answer does.
pub fn merged(key: &KeyFacts, last_usage: &Fact<LastUsage>, history: &Fact<EventHistory>, trail: &TrailUses) -> Fact<UsageEvidence> {
    let merged = Merged::of(key, last_usage, history, trail);
    if merged.last_use.is_some() || merged.by_history { Fact::Observed(merged.evidence()) } else { last_usage.clone().map(|_| merged.evidence()) }
}

/// Why the verdict is what it is.
struct Reasons<'a> {
    key: &'a KeyFacts,
    merged: &'a Merged<'a>,
    last_usage: &'a Fact<LastUsage>,
    history: &'a Fact<EventHistory>,
    trail: &'a TrailUses,
    trails: Option<&'a TrailRecord>,
}

impl Reasons<'_> {
    fn of_verdict(&self) -> Option<String> {
        let sources = match (&self.merged.last_use, self.merged.verdict) {
            (Some(last), _) => return self.why_later(last),
            (None, LastUsedVerdict::NeverUsed) => return self.why_never(),
            (None, LastUsedVerdict::Used) => return Some("KMS records a use, and not when it was".to_owned()),
            (None, LastUsedVerdict::Unknown) => [Some(self.why_unknown()), self.why_history_is_silent(), self.why_trail_is_silent()],
        };
        Some(sources.into_iter().flatten().chain(self.unattributed()).collect::<Vec<_>>().join("; "))
    }

    fn why_never(&self) -> Option<String> {
        let made = day(self.merged.created_at?);
        if self.merged.by_history {
            let from = day(self.merged.history?.reaches_back_to);
            return Some(format!("made on {made}, and CloudTrail's event history, which goes back to {from}, has no use of it"));
        }
        Some(format!("made on {made}, and KMS, which records uses since {}, has none", day(self.merged.usage?.tracking_started_at?)))
    }

    /// Why there may be a later use than the last that is known.
    fn why_later(&self, last: &Use<'_>) -> Option<String> {
        if let Some(since) = self.merged.silent_since {
            return (since.timestamp() > last.second()).then(|| format!("there may be a later use, until {}: from then on none is recorded", day(since)));
        }
        let kms = match self.last_usage {
            Fact::Observed(usage) if usage.has_use() => "KMS records a use, and not when it was".to_owned(),
            Fact::Observed(_) => "KMS records none, and does not say since when it records uses".to_owned(),
            Fact::NotApplicable => "KMS does not record the use of this key".to_owned(),
            Fact::Denied(failure) | Fact::Failed(failure) => format!("KMS could not be asked ({})", failure.code),
        };
        let history = match self.history {
            Fact::Observed(history) => Some(match &history.cut_short {
                Some(failure) => format!("CloudTrail's event history could not be looked through as far as it would have had to be ({})", failure.code),
                None => "CloudTrail's event history has uses that do not say of which key they are, or calls the key otherwise".to_owned(),
            }),
            Fact::NotApplicable => None,
            Fact::Denied(failure) | Fact::Failed(failure) => Some(format!("CloudTrail's event history could not be looked through ({})", failure.code)),
        };
        let logs = self.trail.days(self.key).map(|(_, last)| format!("log files were read up to {last}"));
        let sources: Vec<String> = [Some(kms), history, logs].into_iter().flatten().chain(self.unattributed()).collect();
        Some(format!("there may be a later use: {}", sources.join("; ")))
    }

    /// Uses in log files that may be of this key, and that nobody can say of which key they are.
    fn unattributed(&self) -> impl Iterator<Item = String> {
        let nameless = match self.trail.nameless_calls(self.key) {
            0 => None,
            1 => Some("among all that was read of log files is 1 call that used a key and does not say which".to_owned()),
            calls => Some(format!("among all that was read of log files are {calls} calls that used a key and do not say which")),
        };
        let by_alias = match self.trail.aliases_of_others(self.key).as_slice() {
            [] => None,
            [one] => Some(format!("log files record uses by {one}, which may have been an alias of this key")),
            [one, others @ ..] => {
                let more = if others.len() == 1 { "1 other alias" } else { &format!("{} other aliases", others.len()) };
                Some(format!("log files record uses by {one} and {more}, any of which may have been an alias of this key"))
            }
        };
        [nameless, by_alias].into_iter().flatten()
    }

    /// What the event history adds to it that KMS does not know of a use.
    fn why_history_is_silent(&self) -> Option<String> {
        match self.history {
            Fact::Observed(history) => {
                let since = day(history.reaches_back_to);
                Some(format!("CloudTrail's event history, which goes back to {since}, has no use either and cannot tell of earlier ones"))
            }
            Fact::NotApplicable => None,
            Fact::Denied(failure) | Fact::Failed(failure) => Some(format!("CloudTrail's event history could not be looked through ({})", failure.code)),
        }
    }

    /// What the log files add to it, and whether they could.
    fn why_trail_is_silent(&self) -> Option<String> {
        let recording = self.trails.map(|trails| trails.recording().0);
        let read = self.trail.days(self.key).map(|(first, last)| {
            let days = if first == last { format!("of {first}") } else { format!("from {first} to {last}") };
            format!("the CloudTrail log files that were read, {days}, record none either")
        });
        match (read, recording) {
            (read, None | Some(Recording::Yes)) => read,
            (Some(read), Some(Recording::No(why))) => Some(format!("{read}, and at present they cannot: {why}")),
            (Some(read), Some(Recording::Unknown(why))) => Some(format!("{read}, but whether they would is not known: {why}")),
            (None, Some(Recording::No(why))) => Some(format!("no log file would tell: {why}")),
            (None, Some(Recording::Unknown(why))) => Some(format!("whether log files would tell is not known: {why}")),
        }
    }

    /// Source: "Determine past usage of a KMS key" in the AWS KMS Developer Guide; a key made before tracking began may have been used earlier.
    fn why_unknown(&self) -> String {
        match self.last_usage {
            Fact::Observed(usage) => match (usage.tracking_started_at, self.merged.created_at) {
                (None, _) => "no use is recorded, and KMS does not say since when it records use".to_owned(),
                (Some(_), None) => "no use is recorded, and the key's creation date is not known".to_owned(),
                (Some(tracking), Some(_)) => format!("no use is recorded since {}, but the key is older than that", day(tracking)),
            },
            Fact::NotApplicable => "KMS does not record the use of this key".to_owned(),
            Fact::Denied(failure) | Fact::Failed(failure) => format!("{}: {}", failure.code, failure.code.meaning().trim_end_matches('.')),
        }
    }
}

fn day(at: Timestamp) -> impl std::fmt::Display {
    at.format("%Y-%m-%d")
}

#[cfg(test)]
mod tests;
