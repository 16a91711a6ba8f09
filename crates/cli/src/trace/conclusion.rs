//! What it comes to, as a person would say: by rules, and with words for how sure each part is.

use chrono::NaiveDate;
use kms_insights_model::Timestamp;

use super::{
    change::cut,
    facts::{EventRow, Facts, Inventory},
    making::{Making, Source},
    service::service_of_managed_alias,
    through::Through,
    trail_end::Trail,
    usage::{Part, Usage},
    who,
};
use crate::terminal::{counted, grouped};

/// So many services are named.
const MOST_SERVICES: usize = 3;

/// All that is concluded from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grounds<'t> {
    pub(super) facts: &'t Facts,
    pub(super) making: &'t Making,
    pub(super) usage: &'t Usage,
    pub(super) trail: &'t Trail,
}

/// The conclusion.
pub(super) fn conclusion(grounds: Grounds<'_>) -> String {
    [Some(grounds.made()), Some(grounds.used()), grounds.state()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A use that is known from elsewhere than log files.
struct Elsewhere<'t> {
    source: &'static str,
    at: Timestamp,
    operation: &'t str,
    may_be_later: bool,
}

impl Elsewhere<'_> {
    fn in_words(&self, which: &str) -> String {
        format!("{} {which} on {} ({})", self.source, day(self.at), self.operation)
    }

    fn as_last(&self) -> String {
        self.in_words(if self.may_be_later { "a use of it, perhaps not its last," } else { "its last use" })
    }
}

fn day(at: Timestamp) -> NaiveDate {
    at.date_naive()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

impl Grounds<'_> {
    fn managed_for(&self) -> Option<String> {
        let key = self.facts.inventory.key().filter(|key| key.manager.as_deref() == Some("AWS"))?;
        let mut aliases = key.aliases.iter().flatten();
        Some(aliases.find_map(|alias| service_of_managed_alias(alias)).unwrap_or_else(|| "one of its services".to_owned()))
    }

    fn made(&self) -> String {
        let making = self.making;
        let on = making.at.map(|at| format!(" on {}", day(at))).unwrap_or_default();
        if let Some(service) = self.managed_for() {
            return format!("An AWS managed key, which AWS made{on} for {service}.");
        }
        let made = match &making.replica_of {
            Some(primary) => format!("Replicated from {}{on}", primary.split(':').nth(3).unwrap_or("another Region")),
            None => format!("Made{on}"),
        };
        let purpose = self.purpose().map(|purpose| format!(", {purpose}")).unwrap_or_default();
        let Some(who) = making.who.as_ref().filter(|_| making.known_from == Source::LogFiles) else { return self.made_by_nobody_known(&made, &purpose) };
        let through = making.through.as_ref().and_then(Through::in_words).map(|through| format!(" {through}")).unwrap_or_default();
        let stack = match &making.stack {
            Some(stack) if through.ends_with("CloudFormation") => format!(" stack {}", stack.name),
            Some(stack) => format!(", for the CloudFormation stack {}", stack.name),
            None => String::new(),
        };
        format!("{made} by {who}{through}{stack}{purpose}.")
    }

    fn made_by_nobody_known(&self, made: &str, purpose: &str) -> String {
        let making = self.making;
        let why = match self.trail.first_day {
            None => "no log files were read".to_owned(),
            Some(first) if making.at.is_some_and(|at| day(at) < first) => format!("log files begin on {first}"),
            Some(_) => "no log file that was read records it".to_owned(),
        };
        // CloudFormation alone can give its tags.
        let stack = making.stack.as_ref().map(|stack| format!(" through CloudFormation stack {}, as its tags say", stack.name));
        match (making.at, stack) {
            (None, None) => format!("When and by whom it was made is not known: {why}{purpose}."),
            (None, Some(stack)) => format!("{made}{stack}{purpose}. When and by whom is not known: {why}."),
            (Some(_), stack) => format!("{made}{}{purpose}. By whom is not known: {why}.", stack.unwrap_or_default()),
        }
    }

    /// The services that use it or tried to; else what its owner wrote.
    fn purpose(&self) -> Option<String> {
        let named = |part: &&Part| part.name.is_some();
        let used = self.usage.services.iter().filter(named).filter(|part| part.counts.uses > 0).count() > 0;
        let services: Vec<String> = self
            .usage
            .services
            .iter()
            .filter(named)
            .filter(|part| !used || part.counts.uses > 0)
            .filter_map(|part| part.name.clone())
            .take(MOST_SERVICES)
            .collect();
        if !services.is_empty() {
            return Some(format!("for {}", listed(&services)));
        }
        let description = self.facts.inventory.key().and_then(|key| key.description.as_deref()).map(str::trim).filter(|text| !text.is_empty());
        description.map(|description| format!("described as \"{}\"", cut(description)))
    }

    /// On the same day, or on which.
    fn relative(&self, at: Timestamp) -> String {
        if self.making.at.is_some_and(|made| day(made) == day(at)) { "on the same day".to_owned() } else { format!("on {}", day(at)) }
    }

    fn used(&self) -> String {
        let counts = &self.usage.all;
        if counts.uses > 0 {
            return self.in_use();
        }
        if counts.errors > 0 {
            return self.tried();
        }
        if let Some(last) = self.last_elsewhere() {
            return format!("{}; no log file that was read records one.", last.as_last());
        }
        match self.none_recorded() {
            Some(none) => format!("No use of it is recorded{none}."),
            None => "Whether it was ever used is not known.".to_owned(),
        }
    }

    fn in_use(&self) -> String {
        let usage = self.usage;
        let counts = &usage.all;
        let (first, last) = (counts.first_used_on, counts.last_used_at.map(day));
        // What is used on the first day that is known may have been used before, unless it was made then.
        let is_older = self.making.at.is_none_or(|made| self.trail.first_day.is_some_and(|first| day(made) < first));
        let begin = if is_older && first.is_some() && first == self.trail.first_day { ", when they begin," } else { "" };
        let when = match (first, last) {
            (Some(first), Some(last)) if first == last => format!(" on {first}"),
            (Some(first), Some(last)) => format!(" from {first}{begin} to {last}"),
            _ => String::new(),
        };
        let share = |part: &Part| match part.counts.uses {
            uses if uses == counts.uses => "",
            uses if uses > counts.uses / 2 => "mostly ",
            _ => "most often ",
        };
        let most = |parts: &[Part]| parts.first().map(|part| (part.name.clone(), share(part)));
        let service = most(&usage.services).and_then(|(name, share)| Some((format!("through {}", name?), share)));
        let principal = most(&usage.principals).and_then(|(name, share)| Some((format!("by {}", who::principal(&name?, self.facts.key.account())), share)));
        // A service that calls on its own is its own principal.
        let principal = principal.filter(|(by, _)| service.as_ref().is_none_or(|(through, _)| by.strip_prefix("by ") != through.strip_prefix("through ")));
        let mainly: Vec<String> = [principal, service].into_iter().flatten().map(|(text, share)| format!("{share}{text}")).collect();
        let how = if mainly.is_empty() { String::new() } else { format!(", {}", mainly.join(", ")) };
        let later = match self.last_elsewhere() {
            Some(other) if last.is_some_and(|last| day(other.at) > last) => format!("; {}", other.in_words("a later use")),
            _ => String::new(),
        };
        format!("Log files record {}{when}{how}{later}.", counted(counts.uses, "use"))
    }

    /// It was asked for, and nothing came of it.
    fn tried(&self) -> String {
        let counts = &self.usage.all;
        let operations: Vec<String> = self.usage.operations.iter().filter_map(|part| part.name.clone()).collect();
        let (what, in_vain) = asked(&operations, counts.errors);
        let services: Vec<String> = self.usage.services.iter().filter_map(|part| part.name.clone()).take(MOST_SERVICES).collect();
        let through = match (services.as_slice(), self.usage.principals.as_slice()) {
            // Who asks KMS directly is all that tells what for.
            ([], [only]) => format!(" by {}", who::principal(only.name.as_deref().unwrap_or_default(), self.facts.key.account())),
            ([], _) => String::new(),
            (services, _) => format!(" through {}", listed(services)),
        };
        let when = match (counts.first_at, counts.last_at) {
            (Some(first), Some(last)) if day(first) == day(last) => format!(" {}", self.relative(first)),
            (Some(first), Some(last)) => format!(" from {} to {}", day(first), day(last)),
            _ => String::new(),
        };
        let none = match (self.last_elsewhere(), self.none_recorded()) {
            (Some(last), _) => last.as_last(),
            (None, Some(none)) => format!("no use of it is recorded{none}"),
            (None, None) => "no use of it is recorded".to_owned(),
        };
        format!("{what}{through}{when}, {in_vain}; {none}.")
    }

    /// The last use that the lake knows from elsewhere than log files.
    fn last_elsewhere(&self) -> Option<Elsewhere<'_>> {
        let last = self.facts.last_use.as_ref()?;
        let source = match last.evidence.as_deref() {
            Some("kms") => "KMS recorded",
            Some("lookup") => "CloudTrail's event history has",
            _ => return None,
        };
        let operation = last.operation.as_deref().unwrap_or("an operation that is not named");
        // A use has a reason only where there may be a later one.
        Some(Elsewhere { source, at: last.last_used_at?, operation, may_be_later: last.reason.is_some() })
    }

    /// Who records none, and since when. Nothing where nobody was asked.
    fn none_recorded(&self) -> Option<String> {
        let asked = self.facts.last_use.as_ref().filter(|last| last.last_used_at.is_none());
        let is_proved = |by: &str| asked.is_some_and(|last| last.verdict == "never_used" && last.evidence.as_deref() == Some(by));
        let by_kms = asked.filter(|last| last.status == "observed").map(|last| match last.tracking_started_at {
            _ if is_proved("kms") => "by KMS since it was made".to_owned(),
            Some(tracking) => format!("by KMS since {}", day(tracking)),
            None => "by KMS".to_owned(),
        });
        let in_history = asked.and_then(|last| last.event_history_from).map(|from| {
            let since = if is_proved("lookup") { "it was made".to_owned() } else { day(from).to_string() };
            format!("in CloudTrail's event history since {since}")
        });
        let in_logs = self.trail.first_day.zip(self.trail.last_day).map(|(first, last)| {
            let lacking = if self.trail.missing.is_empty() && self.trail.unread_files == 0 { "" } else { ", of which some lack" };
            format!("in log files from {first} to {last}{lacking}")
        });
        let sources: Vec<String> = [by_kms, in_history, in_logs].into_iter().flatten().collect();
        match sources.as_slice() {
            [] => None,
            [one] => Some(format!(" {one}")),
            several => Some(format!(", neither {}", several.join(" nor "))),
        }
    }

    /// What is to become of it, or became.
    fn state(&self) -> Option<String> {
        if let Some(event) = self.last_event("DeleteKey") {
            return Some(format!("KMS deleted it on {}.", day(event.event_at)));
        }
        let by = |name| self.last_event(name).map(|event| format!("{} by {}", day(event.event_at), event.caller().in_words(self.facts.key.account())));
        let key = match &self.facts.inventory {
            Inventory::Listed(key) => key,
            Inventory::Before { shown: Some(run), .. } => return Some(format!("The run of {} does not list it any more.", run.snapshot_date)),
            Inventory::Before { .. } => return None,
            Inventory::Never { .. } => return Some("No run lists it: it is known from log files alone.".to_owned()),
        };
        match key.state.as_deref()? {
            "PendingDeletion" => {
                let date = key.deletion_date.map(|date| format!(" on {}", day(date))).unwrap_or_default();
                Some(format!("It is to be deleted{date}{}.", by("ScheduleKeyDeletion").map(|by| format!(", as was scheduled on {by}")).unwrap_or_default()))
            }
            "Disabled" => Some(format!("It is disabled{}.", by("DisableKey").map(|by| format!(", since {by}")).unwrap_or_default())),
            "PendingImport" => Some("It waits for key material.".to_owned()),
            "PendingReplicaDeletion" => Some("It is to be deleted once its replicas are.".to_owned()),
            "Unavailable" => Some("It cannot be used: its key store is not connected.".to_owned()),
            _ => None,
        }
    }

    fn last_event(&self, name: &str) -> Option<&EventRow> {
        self.facts.events.iter().rev().find(|event| event.event_name == name && event.succeeded())
    }
}

/// What was asked for, so many times, and that nothing came of it.
fn asked(operations: &[String], count: u64) -> (String, &'static str) {
    let noun = match operations {
        [one] => match one.as_str() {
            "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => Some("data key"),
            "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => Some("data key pair"),
            "Decrypt" => Some("decryption"),
            "Encrypt" => Some("encryption"),
            "Sign" => Some("signature"),
            _ => None,
        },
        _ => None,
    };
    match (noun, count) {
        (Some(noun), 1) => (format!("One {noun} was asked for"), "and not given"),
        (Some(noun), _) => (format!("{} {noun}s were asked for", grouped(count)), "and not given"),
        (None, 1) => (format!("One call of {} was made", listed(operations)), "and failed"),
        (None, _) => (format!("{} calls of {} were made", grouped(count), listed(operations)), "and failed"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{
            facts::{KeyRow, LastUse, Logs, Use},
            fixture::{KEY, at, bare, busy, by_cloudformation, event, forgotten, key, logs, never_used, report, shown, used},
        },
        *,
    };

    fn said(facts: &Facts) -> String {
        report(facts).conclusion
    }

    fn with_row(change: impl FnOnce(&mut KeyRow)) -> Inventory {
        let mut row = key();
        change(&mut row);
        Inventory::Listed(Box::new(row))
    }

    #[test]
    fn a_forgotten_sample_is_explained_as_a_person_would() {
        assert_eq!(
            said(&forgotten()),
            "Made on 2026-03-02 by role deployment through CloudFormation stack sample-process-data, for Step Functions. One data key was asked for through Step Functions on the same day, and not given; \
             no use of it is recorded, neither by KMS since it was made nor in log files from 2026-03-01 to 2026-03-31."
        );
    }

    #[test]
    fn what_only_a_user_agent_says_is_apparent_and_the_heaviest_use_is_named() {
        assert_eq!(
            said(&busy()),
            "Made on 2026-03-02 by role deployment/terraform-apply apparently with Terraform, for Secrets Manager. Log files record 1,235 uses from 2026-03-02 to 2026-03-27, mostly by role orders, \
             mostly through Secrets Manager; KMS recorded a later use on 2026-03-30 (Decrypt). It is to be deleted on 2026-04-27, as was scheduled on 2026-03-28 by alice@example.com in role AWSReservedSSO_Admin_0a1b."
        );
    }

    #[test]
    fn who_made_a_key_is_not_known_where_log_files_do_not_reach() {
        const MADE: &str = "Made on 2026-03-02, described as \"Sample key\". By whom is not known: ";
        let without_stack = || with_row(|key| key.tags = Some([].into()));
        let unlogged = |logs: Logs| said(&Facts { inventory: without_stack(), logs, ..bare() });
        assert_eq!(unlogged(Logs::default()), format!("{MADE}no log files were read. Whether it was ever used is not known."));
        assert_eq!(
            unlogged(logs("2026-03-05", "2026-03-31")),
            format!("{MADE}log files begin on 2026-03-05. No use of it is recorded in log files from 2026-03-05 to 2026-03-31.")
        );
        assert_eq!(
            unlogged(logs("2026-03-01", "2026-03-31")),
            format!("{MADE}no log file that was read records it. No use of it is recorded in log files from 2026-03-01 to 2026-03-31.")
        );
        let nothing = with_row(|key| (key.created_at, key.tags, key.description) = (None, None, None));
        assert_eq!(
            said(&Facts { inventory: nothing, ..bare() }),
            "When and by whom it was made is not known: no log files were read. Whether it was ever used is not known."
        );
        let tags = said(&Facts { last_use: Some(never_used()), ..bare() });
        assert_eq!(
            tags,
            "Made on 2026-03-02 through CloudFormation stack sample-process-data, as its tags say, described as \"Sample key\". By whom is not known: no log files were read. \
             No use of it is recorded by KMS since it was made."
        );
    }

    #[test]
    fn keys_of_aws_and_replicas_say_whose_they_are() {
        let managed = with_row(|key| (key.manager, key.aliases) = (Some("AWS".to_owned()), Some(vec!["alias/aws/ebs".to_owned()])));
        assert_eq!(
            said(&Facts { inventory: managed, ..bare() }),
            "An AWS managed key, which AWS made on 2026-03-02 for EBS. Whether it was ever used is not known."
        );
        let mut replicated = by_cloudformation(event("2026-03-02T10:00:00Z", "ReplicateKey", &json!({"replicaRegion": "eu-central-1"})));
        replicated.key_arn = KEY.replace("eu-central-1", "us-east-1");
        let facts = Facts { inventory: with_row(|key| key.tags = None), events: vec![replicated], ..bare() };
        assert_eq!(
            said(&facts),
            "Replicated from us-east-1 on 2026-03-02 by role deployment through CloudFormation, described as \"Sample key\". Whether it was ever used is not known."
        );
    }

    fn use_of(uses: Vec<Use>, last_use: Option<LastUse>) -> String {
        let all = said(&Facts { uses, last_use, ..forgotten() });
        all.split_once(". ").unwrap().1.to_owned()
    }

    #[test]
    fn use_is_told_by_how_much_when_by_whom_and_through_what() {
        let by = |principal: &str, service: Option<&str>, uses| Use {
            principal: principal.to_owned(),
            invoked_by: service.map(str::to_owned),
            ..used("Decrypt", uses, 0, "2026-03-03T10:00:00Z", "2026-03-09T10:00:00Z")
        };
        let app = "arn:aws:iam::111122223333:role/app";
        assert_eq!(
            use_of(vec![used("Decrypt", 1, 0, "2026-03-03T10:00:00Z", "2026-03-03T10:00:00Z")], None),
            "Log files record 1 use on 2026-03-03, by role process-data."
        );
        let older = Facts {
            inventory: with_row(|key| (key.created_at, key.tags) = (Some(at("2025-01-01T00:00:00Z")), None)),
            events: Vec::new(),
            uses: vec![used("Decrypt", 1, 0, "2026-03-01T10:00:00Z", "2026-03-03T10:00:00Z")],
            ..forgotten()
        };
        assert_eq!(
            said(&older),
            "Made on 2025-01-01, described as \"Sample key\". By whom is not known: log files begin on 2026-03-01. \
             Log files record 1 use from 2026-03-01, when they begin, to 2026-03-03, by role process-data."
        );
        assert_eq!(
            use_of(vec![by("rds.amazonaws.com", Some("rds.amazonaws.com"), 5)], None),
            "Log files record 5 uses from 2026-03-03 to 2026-03-09, through RDS."
        );
        assert_eq!(
            use_of(vec![by(app, Some("sqs.amazonaws.com"), 5), by(app, Some("sns.amazonaws.com"), 4), by(app, None, 3)], None),
            "Log files record 12 uses from 2026-03-03 to 2026-03-09, by role app, most often through SQS."
        );
    }

    #[test]
    fn no_recorded_use_is_never_never_used() {
        let last = |change: &dyn Fn(&mut LastUse)| {
            let mut last = never_used();
            change(&mut last);
            Some(last)
        };
        let in_logs = "in log files from 2026-03-01 to 2026-03-31";
        assert_eq!(use_of(Vec::new(), None), format!("No use of it is recorded {in_logs}."));
        assert_eq!(use_of(Vec::new(), last(&|_| ())), format!("No use of it is recorded, neither by KMS since it was made nor {in_logs}."));
        assert_eq!(
            use_of(Vec::new(), last(&|last| "unknown".clone_into(&mut last.verdict))),
            format!("No use of it is recorded, neither by KMS since 2026-02-23 nor {in_logs}.")
        );
        let denied = |last: &mut LastUse| (last.status, last.verdict, last.evidence) = ("denied".to_owned(), "unknown".to_owned(), None);
        assert_eq!(use_of(Vec::new(), last(&denied)), format!("No use of it is recorded {in_logs}."));
        let history = |last: &mut LastUse| (last.evidence, last.event_history_from) = (Some("lookup".to_owned()), Some(at("2026-01-01T00:00:00Z")));
        let proved = last(&|last| {
            history(last);
            "denied".clone_into(&mut last.status);
        });
        assert_eq!(use_of(Vec::new(), proved), format!("No use of it is recorded, neither in CloudTrail's event history since it was made nor {in_logs}."));
        let silent = last(&|last| {
            history(last);
            "unknown".clone_into(&mut last.verdict);
        });
        assert_eq!(
            use_of(Vec::new(), silent),
            format!("No use of it is recorded, neither by KMS since 2026-02-23 nor in CloudTrail's event history since 2026-01-01 nor {in_logs}.")
        );
        let looked_up = last(&|last| {
            (last.evidence, last.last_used_at, last.operation) = (Some("lookup".to_owned()), Some(at("2026-03-07T01:00:00Z")), Some("Sign".to_owned()));
        });
        assert_eq!(use_of(Vec::new(), looked_up), "CloudTrail's event history has its last use on 2026-03-07 (Sign); no log file that was read records one.");
        let cut_short = last(&|last| {
            (last.evidence, last.last_used_at, last.operation) = (Some("lookup".to_owned()), Some(at("2026-03-07T01:00:00Z")), Some("Sign".to_owned()));
            last.reason = Some("there may be a later use: budget".to_owned());
        });
        let expected = "CloudTrail's event history has a use of it, perhaps not its last, on 2026-03-07 (Sign); no log file that was read records one.";
        assert_eq!(use_of(Vec::new(), cut_short), expected);
        let known = last(&|last| (last.last_used_at, last.operation) = (Some(at("2026-03-07T01:00:00Z")), Some("Sign".to_owned())));
        assert_eq!(use_of(Vec::new(), known), "KMS recorded its last use on 2026-03-07 (Sign); no log file that was read records one.");
        let mut gaps = forgotten();
        gaps.uses.clear();
        gaps.logs.unread_count = 1;
        assert!(said(&gaps).ends_with(&format!("nor {in_logs}, of which some lack.")), "{}", said(&gaps));
        for facts in [forgotten(), bare(), gaps] {
            assert!(!said(&facts).contains("never"), "{}", said(&facts));
        }
    }

    #[test]
    fn what_was_asked_for_in_vain_is_counted_and_its_days_are_told() {
        let none = "; no use of it is recorded in log files from 2026-03-01 to 2026-03-31.";
        let failed = |operation, count, last| used(operation, 0, count, "2026-03-03T10:00:00Z", last);
        assert_eq!(
            use_of(vec![failed("Decrypt", 1, "2026-03-03T10:00:00Z")], None),
            format!("One decryption was asked for by role process-data on 2026-03-03, and not given{none}")
        );
        assert_eq!(
            use_of(vec![failed("Encrypt", 7, "2026-03-05T10:00:00Z")], None),
            format!("7 encryptions were asked for by role process-data from 2026-03-03 to 2026-03-05, and not given{none}")
        );
        assert_eq!(
            use_of(vec![failed("GenerateMac", 1, "2026-03-03T10:00:00Z")], None),
            format!("One call of GenerateMac was made by role process-data on 2026-03-03, and failed{none}")
        );
        assert_eq!(
            use_of(vec![failed("Sign", 2, "2026-03-03T10:00:00Z"), failed("Verify", 1, "2026-03-03T10:00:00Z")], None),
            format!("3 calls of Sign and Verify were made by role process-data on 2026-03-03, and failed{none}")
        );
    }

    #[test]
    fn what_is_to_become_of_it_is_told_last() {
        let state = |inventory: Inventory, events: Vec<EventRow>| {
            let all = said(&Facts { inventory, events, ..bare() });
            all.split_once("Whether it was ever used is not known.").unwrap().1.trim_start().to_owned()
        };
        let is = |state: &str| with_row(|key| key.state = Some(state.to_owned()));
        assert_eq!(state(is("Enabled"), Vec::new()), "");
        assert_eq!(state(is("Disabled"), Vec::new()), "It is disabled.");
        assert_eq!(
            state(is("Disabled"), vec![event("2026-03-09T10:00:00Z", "DisableKey", &json!({}))]),
            "It is disabled, since 2026-03-09 by alice@example.com in role AWSReservedSSO_Admin_0a1b."
        );
        assert_eq!(state(is("PendingDeletion"), Vec::new()), "It is to be deleted.");
        assert_eq!(state(is("PendingImport"), Vec::new()), "It waits for key material.");
        assert_eq!(state(is("Unavailable"), Vec::new()), "It cannot be used: its key store is not connected.");
        assert_eq!(state(is("Enabled"), vec![event("2026-03-09T10:00:00Z", "DeleteKey", &json!(null))]), "KMS deleted it on 2026-03-09.");
        let before = || Inventory::Before { key: Box::new(key()), shown: Some(shown()) };
        assert_eq!(state(before(), Vec::new()), "The run of 2026-04-30 does not list it any more.");
        assert_eq!(state(Inventory::Never { shown: None }, Vec::new()), "No run lists it: it is known from log files alone.");
    }
}
