//! Where the trail ends: which days of log files were read, and what is not known because others were not.

use chrono::{Days, NaiveDate};
use kms_insights_lake::tables::trail_scans::BY_SQL;
use kms_insights_model::Timestamp;
use kms_insights_trail::CRYPTOGRAPHIC;
use serde::Serialize;

use super::{
    facts::{Facts, Inventory, LastUse, Logs, Recording, UnreadFile},
    making::{Making, Source},
    policy_change,
    usage::Usage,
};
use crate::terminal::counted;

/// So many gaps are named in a sentence.
const MOST_GAPS: usize = 3;

/// Days in a row, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Gap {
    pub(super) from: NaiveDate,
    pub(super) until: NaiveDate,
}

impl Gap {
    pub(super) fn days(self) -> u64 {
        u64::try_from((self.until - self.from).num_days() + 1).unwrap_or_default()
    }

    fn in_words(self) -> String {
        if self.from == self.until { self.from.to_string() } else { format!("{} to {}", self.from, self.until) }
    }
}

/// Which log files of the key's account and Region were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Trail {
    pub(super) first_day: Option<NaiveDate>,
    pub(super) last_day: Option<NaiveDate>,
    pub(super) days: u64,
    pub(super) files: u64,
    /// Days between the first and the last of which no file was read.
    pub(super) missing: Vec<Gap>,
    pub(super) unread_files: u64,
    /// The first few of them.
    pub(super) unread: Vec<UnreadFile>,
    /// When the last scan that read a file of them ended.
    pub(super) last_scan_at: Option<Timestamp>,
}

impl Trail {
    pub(super) fn of(logs: &Logs) -> Self {
        let gap = |pair: &[super::facts::LogDay]| {
            let (from, until) = (pair[0].log_date.checked_add_days(Days::new(1))?, pair[1].log_date.checked_sub_days(Days::new(1))?);
            (from <= until).then_some(Gap { from, until })
        };
        Self {
            first_day: logs.days.first().map(|day| day.log_date),
            last_day: logs.days.last().map(|day| day.log_date),
            days: logs.days.len() as u64,
            files: logs.days.iter().map(|day| day.files).sum(),
            missing: logs.days.windows(2).filter_map(gap).collect(),
            unread_files: logs.unread_count,
            unread: logs.unread.clone(),
            last_scan_at: logs.scans.last().map(|scan| scan.finished_at),
        }
    }

    /// Whether log files of a day were read.
    fn has(&self, day: NaiveDate) -> bool {
        let is_within = self.first_day.is_some_and(|first| first <= day) && self.last_day.is_some_and(|last| day <= last);
        is_within && !self.missing.iter().any(|gap| gap.from <= day && day <= gap.until)
    }

    /// Whether all files were read that can record what happened on a day: those of its last minutes are delivered on the next.
    fn tells_all_of(&self, day: NaiveDate) -> bool {
        self.has(day) && day.succ_opt().is_some_and(|next| self.has(next))
    }
}

/// What something unknown is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum About {
    /// No log file of the account and Region was read.
    NoLogFiles,
    /// Log files begin after the key was made.
    BeforeLogFiles,
    /// Days between lack.
    MissingDays,
    /// Log files end before today.
    AfterLogFiles,
    /// Log files could not be read whole.
    UnreadFiles,
    /// The trail may leave out what is asked for.
    TrailSelection,
    /// A scan counted fewer events as uses than there are, or more.
    UseEvents,
    /// A scan kept uses alone.
    KeyEvents,
    /// The log has no event that made the key, and yet should.
    Making,
    /// Since when KMS records use, and what it answered.
    KmsRecords,
    /// The policy of today is not the last that the log has.
    Policy,
    /// Calls under an alias.
    ByAlias,
    /// There was more than is read.
    TooMany,
    /// The key is not in the inventory, or facts of it lack there.
    Inventory,
}

impl About {
    /// Whether it is the log files that lack, which the exit code says.
    pub(super) const fn is_of_trail(self) -> bool {
        matches!(
            self,
            Self::NoLogFiles
                | Self::BeforeLogFiles
                | Self::MissingDays
                | Self::AfterLogFiles
                | Self::UnreadFiles
                | Self::TrailSelection
                | Self::UseEvents
                | Self::KeyEvents
                | Self::Making
        )
    }
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Unknown {
    pub(super) about: About,
    pub(super) text: String,
}

/// All that is not known. `policy` is the last policy that events tell.
pub(super) fn unknown(facts: &Facts, trail: &Trail, making: &Making, usage: &Usage, policy: Option<&str>) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    let mut say = |about, text: String| unknown.push(Unknown { about, text });
    let made = making.at.map(|at| at.date_naive());
    let place = format!("{} in {}", facts.key.account(), facts.key.region());
    match (trail.first_day, trail.last_day) {
        (Some(first), Some(last)) => {
            match made {
                // The day itself may have begun before its first file.
                Some(made) if made < first => {
                    say(
                        About::BeforeLogFiles,
                        format!("What was done between {made}, when it was made, and {first}, when the log files that were read begin."),
                    );
                }
                None => say(About::BeforeLogFiles, format!("What was done before {first}, when the log files that were read begin.")),
                Some(_) => {}
            }
            if !trail.missing.is_empty() {
                say(About::MissingDays, missing(&trail.missing));
            }
            // The files of a day come until the next.
            if last.checked_add_days(Days::new(1)).is_some_and(|next| next < facts.now.date_naive()) {
                say(About::AfterLogFiles, after(last, &facts.logs));
            }
            if making.known_from != Source::LogFiles && made.is_some_and(|made| trail.tells_all_of(made)) && !is_managed_by_aws(facts) {
                say(
                    About::Making,
                    format!(
                        "Who made it: log files of {} and the day after were read, and none records it.",
                        made.map(|day| day.to_string()).unwrap_or_default()
                    ),
                );
            }
        }
        _ => say(About::NoLogFiles, format!("All that CloudTrail records of it: no log file of account {place} was read.")),
    }
    unread(facts, &mut say);
    selection(facts, &mut say);
    if usage.by_alias > 0 {
        say(
            About::ByAlias,
            format!("Whether what the log has under an alias of its own ({}) is of this key: an alias can move.", counted(usage.by_alias, "call")),
        );
    }
    if facts.events_left_out > 0 {
        say(About::TooMany, format!("{} that a trace does not read any more: `key_events` has them.", counted(facts.events_left_out, "event")));
    }
    if facts.uses_left_out > 0 {
        say(
            About::TooMany,
            format!("{} of using it, by principal, operation and resource, that are rarer than those counted.", counted(facts.uses_left_out, "way")),
        );
    }
    let grants = facts.grants.len() as u64;
    if let Some(all) = facts.inventory.key().and_then(|key| key.grant_count).filter(|all| *all > grants) {
        say(About::TooMany, format!("{} of today: `grants` has them.", counted(all - grants, "more grant")));
    }
    kms_records(facts, made, &mut say);
    inventory(facts, policy, &mut say);
    unknown
}

fn is_managed_by_aws(facts: &Facts) -> bool {
    facts.inventory.key().is_some_and(|key| key.manager.as_deref() == Some("AWS"))
}

/// Files stop to come where a trail fails, and nobody scans them where nobody does: either way nothing is known since.
fn after(last: NaiveDate, logs: &Logs) -> String {
    let day = |at: Timestamp| at.date_naive();
    let (read, scanned) = (logs.scans.last().map(|scan| day(scan.finished_at)), logs.lake_scanned_at.map(day));
    let read_on = read.map(|read| format!(" on {read}")).unwrap_or_default();
    let in_vain = scanned.filter(|scanned| read.is_some_and(|read| read < *scanned));
    let in_vain = in_vain.map(|scanned| format!("; scans after that, the last on {scanned}, found none of its account and Region")).unwrap_or_default();
    format!("What was done after {last}, when the log files end that were read{read_on}{in_vain}.")
}

fn missing(gaps: &[Gap]) -> String {
    let days = gaps.iter().map(|gap| gap.days()).sum();
    let named = gaps.iter().take(MOST_GAPS).map(|gap| gap.in_words()).collect::<Vec<_>>().join(", ");
    let more = gaps.len().saturating_sub(MOST_GAPS);
    let more = if more > 0 { format!(" and {} more", counted(more as u64, "gap")) } else { String::new() };
    format!(
        "What was done on {} of which no log file was read: {named}{more}. CloudTrail delivers none where nothing happened, so that nobody can tell.",
        counted(days, "day")
    )
}

fn unread(facts: &Facts, say: &mut impl FnMut(About, String)) {
    let logs = &facts.logs;
    if logs.unread_count > 0 {
        let file = logs.unread.first().map(|file| format!(", such as {} ({})", file.path, file.problem.as_deref().unwrap_or("unknown"))).unwrap_or_default();
        say(About::UnreadFiles, format!("What is in {} that could not be read whole{file}.", counted(logs.unread_count, "log file")));
    }
    if logs.unread_nameless > 0 {
        let text = format!(
            "What is in {} that could not be read whole and whose names do not say of which account they are.",
            counted(logs.unread_nameless, "log file")
        );
        say(About::UnreadFiles, text);
    }
}

/// What a trail leaves out leaves no gap: it is told by what none of its files has.
fn selection(facts: &Facts, say: &mut impl FnMut(About, String)) {
    let logs = &facts.logs;
    if logs.days.is_empty() {
        return;
    }
    if logs.days.iter().all(|day| day.kms_records == 0) {
        say(About::TrailSelection, "Whether the trail records KMS at all: none of the log files that were read has a record of it.".to_owned());
    } else if !logs.has_uses {
        say(About::TrailSelection, "Whether the trail records uses, which are reads: none of the log files that were read has a use of any key.".to_owned());
    }
    let because = |reason: &Option<String>| reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match &facts.recording {
        Some(Recording { records_kms_reads, .. }) if records_kms_reads == "yes" => {}
        Some(Recording { records_kms_reads, reason }) if records_kms_reads == "no" => {
            let why = because(reason);
            say(About::TrailSelection, format!("Uses that no trail records: none records them in the account and Region at present{why}."));
        }
        Some(Recording { reason, .. }) => {
            let why = because(reason);
            say(About::TrailSelection, format!("Uses that no trail records: whether one records all of them in the account and Region at present{why}."));
        }
        None => say(
            About::TrailSelection,
            "Uses that no trail records: no inventory tells whether one records them in the account and Region (`trail_recording`).".to_owned(),
        ),
    }
    let lacking: Vec<&str> =
        CRYPTOGRAPHIC.iter().copied().filter(|name| logs.scans.iter().any(|scan| !scan.use_events.iter().any(|counted| counted == name))).collect();
    if !lacking.is_empty() {
        say(About::UseEvents, format!("Uses by {}, which a scan was told not to count.", lacking.join(", ")));
    }
    if logs.scans.iter().any(|scan| scan.tool_version == BY_SQL) {
        say(About::KeyEvents, "What was done to it other than using it, by those log files that SQL scanned: such a scan counts uses alone.".to_owned());
    }
}

fn kms_records(facts: &Facts, made: Option<NaiveDate>, say: &mut impl FnMut(About, String)) {
    // A use has a reason only where it may not be the last.
    let later = facts.last_use.as_ref().filter(|last| last.verdict == "used").and_then(|last| last.reason.as_deref());
    if let Some(reason) = later {
        say(About::KmsRecords, format!("When it was last used, beyond what log files have: {reason}."));
    }
    match &facts.last_use {
        Some(LastUse { status, tracking_started_at: Some(tracking), .. }) if status == "observed" => {
            let tracking = tracking.date_naive();
            if made.is_none_or(|made| made < tracking) {
                say(About::KmsRecords, format!("Uses before {tracking} that no log file has: KMS records uses since then."));
            }
        }
        Some(LastUse { status, verdict, reason: Some(reason), .. }) if status != "observed" && verdict == "unknown" => {
            say(About::KmsRecords, format!("When KMS last recorded a use: {reason}."));
        }
        _ => {}
    }
}

fn inventory(facts: &Facts, policy: Option<&str>, say: &mut impl FnMut(About, String)) {
    match &facts.inventory {
        Inventory::Listed(key) => {
            let lacking: Vec<&str> = [
                ("metadata", key.state.is_none()),
                ("aliases", key.aliases.is_none()),
                ("tags", key.tags.is_none()),
                ("policy", key.policy.is_none()),
                ("grants", key.grant_count.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, lacks)| lacks.then_some(name))
            .collect();
            if !lacking.is_empty() {
                say(About::Inventory, format!("Its {}: they could not be read, and `collection_errors` says why.", lacking.join(", ")));
            }
            if let (Some(today), Some(recorded)) = (&key.policy, policy)
                && !policy_change::is_same(today, recorded)
            {
                say(About::Policy, "Who gave it the policy of today: it is not the last one that the log files have.".to_owned());
            }
        }
        Inventory::Before { key, shown } => {
            let text = match shown {
                Some(run) if run.account_outcome.as_deref().is_some_and(|outcome| outcome != "complete") => {
                    format!(
                        "Whether it still exists: it was last listed on {}, and the run of {} could not read its account whole.",
                        key.snapshot_date, run.snapshot_date
                    )
                }
                Some(run) => format!("What became of it after {}: the run of {} does not list it any more.", key.snapshot_date, run.snapshot_date),
                None => format!("What became of it after {}, when it was last listed.", key.snapshot_date),
            };
            say(About::Inventory, text);
        }
        Inventory::Never { shown: Some(run) } => {
            say(About::Inventory, format!("What it is like: the run of {} does not list it, nor does any other.", run.snapshot_date));
        }
        Inventory::Never { shown: None } => say(About::Inventory, "What it is like: the lake has no inventory.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            facts::{LogDay, ShownRun},
            fixture::{at, bare, busy, event, forgotten, key, logs, never_used, policy, report, shown, used},
        },
        *,
    };

    fn lacking(facts: &Facts) -> Vec<(About, String)> {
        report(facts).unknown.into_iter().map(|unknown| (unknown.about, unknown.text)).collect()
    }

    fn one(about: About, text: &str) -> Vec<(About, String)> {
        vec![(about, text.to_owned())]
    }

    #[test]
    fn nothing_is_unknown_where_log_files_reach_from_the_making_to_the_scan() {
        assert_eq!(lacking(&forgotten()), []);
        assert!(!report(&forgotten()).lacks_log_files());
    }

    #[test]
    fn log_files_that_begin_late_lack_days_or_end_early_are_told() {
        let with = |logs: Logs| Facts { logs, events: forgotten().events, ..forgotten() };
        assert_eq!(
            lacking(&with(logs("2026-03-05", "2026-03-31"))),
            one(About::BeforeLogFiles, "What was done between 2026-03-02, when it was made, and 2026-03-05, when the log files that were read begin.")
        );
        let mut gaps = logs("2026-03-01", "2026-03-31");
        gaps.days.retain(|day| ![3, 4, 7, 9, 11].contains(&chrono::Datelike::day(&day.log_date)));
        assert_eq!(
            lacking(&with(gaps)),
            one(
                About::MissingDays,
                "What was done on 5 days of which no log file was read: 2026-03-03 to 2026-03-04, 2026-03-07, 2026-03-09 and 1 gap more. \
                 CloudTrail delivers none where nothing happened, so that nobody can tell."
            )
        );
        let asked = |now: &str, logs: Logs| lacking(&Facts { now: at(now), ..with(logs) });
        let mut early = logs("2026-03-01", "2026-03-20");
        assert_eq!(asked("2026-03-21T23:59:59Z", early.clone()), [], "the files of a day come until the next");
        let ended = "What was done after 2026-03-20, when the log files end that were read on 2026-03-20";
        assert_eq!(asked("2026-03-22T00:00:00Z", early.clone()), one(About::AfterLogFiles, &format!("{ended}.")), "nobody scanned since");
        early.lake_scanned_at = Some(at("2026-04-20T05:00:00Z"));
        let in_vain = "; scans after that, the last on 2026-04-20, found none of its account and Region.";
        assert_eq!(asked("2026-04-20T06:00:00Z", early), one(About::AfterLogFiles, &format!("{ended}{in_vain}")), "nothing was delivered since");
        assert_eq!(
            lacking(&with(Logs::default())),
            one(About::NoLogFiles, "All that CloudTrail records of it: no log file of account 111122223333 in eu-central-1 was read.")
        );
    }

    #[test]
    fn a_making_that_the_log_of_its_day_does_not_have_is_told() {
        let facts = Facts { events: Vec::new(), ..forgotten() };
        assert_eq!(lacking(&facts), one(About::Making, "Who made it: log files of 2026-03-02 and the day after were read, and none records it."));
        for (unread, why) in [("2026-03-02", "no log file of the day was read"), ("2026-03-03", "its last calls may be in a file of the next day")] {
            let mut gap = facts.clone();
            gap.logs.days.retain(|day| day.log_date != unread.parse().unwrap());
            assert_eq!(lacking(&gap).into_iter().map(|(about, _)| about).collect::<Vec<_>>(), [About::MissingDays], "{why}");
        }
        let managed = Inventory::Listed(Box::new(super::super::facts::KeyRow { manager: Some("AWS".to_owned()), ..key() }));
        assert_eq!(lacking(&Facts { inventory: managed, ..facts }), [], "AWS makes its own without a record");
    }

    #[test]
    fn files_that_are_not_whole_and_trails_that_leave_things_out_are_told() {
        let with = |change: fn(&mut Logs)| {
            let mut facts = forgotten();
            change(&mut facts.logs);
            lacking(&facts)
        };
        assert_eq!(
            with(|logs| logs.unread_nameless = 2),
            one(About::UnreadFiles, "What is in 2 log files that could not be read whole and whose names do not say of which account they are.")
        );
        assert_eq!(
            with(|logs| logs.days.iter_mut().for_each(|day: &mut LogDay| day.kms_records = 0)),
            one(About::TrailSelection, "Whether the trail records KMS at all: none of the log files that were read has a record of it.")
        );
        assert_eq!(
            with(|logs| logs.has_uses = false),
            one(About::TrailSelection, "Whether the trail records uses, which are reads: none of the log files that were read has a use of any key.")
        );
        assert_eq!(
            with(|logs| logs.scans[0].use_events.retain(|name| name != "Decrypt" && name != "Sign")),
            one(About::UseEvents, "Uses by Decrypt, Sign, which a scan was told not to count.")
        );
        assert_eq!(
            with(|logs| BY_SQL.clone_into(&mut logs.scans[0].tool_version)),
            one(About::KeyEvents, "What was done to it other than using it, by those log files that SQL scanned: such a scan counts uses alone.")
        );
    }

    #[test]
    fn a_trail_that_records_no_uses_at_present_is_told() {
        let recorded = |records: &str| {
            let recording = Recording { records_kms_reads: records.to_owned(), reason: Some("the trail audit is stopped since 2026-03-20".to_owned()) };
            lacking(&Facts { recording: Some(recording), ..forgotten() })
        };
        assert_eq!(
            recorded("no"),
            one(
                About::TrailSelection,
                "Uses that no trail records: none records them in the account and Region at present: the trail audit is stopped since 2026-03-20."
            )
        );
        assert_eq!(recorded("yes"), []);
        // That log files have some uses does not say that they have all.
        assert_eq!(
            recorded("unknown"),
            one(
                About::TrailSelection,
                "Uses that no trail records: whether one records all of them in the account and Region at present: the trail audit is stopped since 2026-03-20."
            )
        );
        assert_eq!(
            lacking(&Facts { recording: None, ..forgotten() }),
            one(
                About::TrailSelection,
                "Uses that no trail records: no inventory tells whether one records them in the account and Region (`trail_recording`)."
            )
        );
        assert!(report(&Facts { recording: None, ..forgotten() }).lacks_log_files());
    }

    #[test]
    fn what_kms_and_the_inventory_do_not_say_is_told_and_is_not_the_trails_fault() {
        let kms = |change: fn(&mut LastUse)| {
            let mut last = never_used();
            change(&mut last);
            lacking(&Facts { last_use: Some(last), ..forgotten() })
        };
        assert_eq!(
            kms(|last| last.tracking_started_at = Some(at("2026-03-15T00:00:00Z"))),
            one(About::KmsRecords, "Uses before 2026-03-15 that no log file has: KMS records uses since then.")
        );
        assert_eq!(
            kms(|last| {
                (last.status, last.reason, last.tracking_started_at) = ("denied".to_owned(), Some("access_denied: refused".to_owned()), None);
                "unknown".clone_into(&mut last.verdict);
            }),
            one(About::KmsRecords, "When KMS last recorded a use: access_denied: refused.")
        );
        // That it was never used is known then by the event history, and a reason is given for that too.
        let by_history = kms(|last| {
            (last.status, last.reason, last.tracking_started_at) = ("denied".to_owned(), Some("made on 2026-03-02, and no use".to_owned()), None);
        });
        assert_eq!(by_history, []);
        assert_eq!(
            kms(|last| (last.verdict, last.reason) = ("used".to_owned(), Some("there may be a later use: budget".to_owned()))),
            one(About::KmsRecords, "When it was last used, beyond what log files have: there may be a later use: budget.")
        );
        let is = |inventory| lacking(&Facts { inventory, ..forgotten() });
        let denied = super::super::facts::KeyRow { policy: None, tags: None, ..key() };
        assert_eq!(
            is(Inventory::Listed(Box::new(denied))),
            one(About::Inventory, "Its tags, policy: they could not be read, and `collection_errors` says why.")
        );
        let before = |shown: Option<ShownRun>| is(Inventory::Before { key: Box::new(key()), shown });
        assert_eq!(before(Some(shown())), one(About::Inventory, "What became of it after 2026-03-31: the run of 2026-04-30 does not list it any more."));
        let partial = ShownRun { account_outcome: Some("partial".to_owned()), ..shown() };
        assert_eq!(
            before(Some(partial)),
            one(About::Inventory, "Whether it still exists: it was last listed on 2026-03-31, and the run of 2026-04-30 could not read its account whole.")
        );
        assert_eq!(is(Inventory::Never { shown: None }), one(About::Inventory, "What it is like: the lake has no inventory."));
        let mut facts = forgotten();
        facts.events.push(event("2026-03-08T10:00:00Z", "PutKeyPolicy", &serde_json::json!({"policy": policy(&["*"])})));
        assert_eq!(lacking(&facts), one(About::Policy, "Who gave it the policy of today: it is not the last one that the log files have."));
        assert!(!report(&facts).lacks_log_files());
        facts.uses.push(used("Decrypt", 2, 1, "2026-03-05T10:00:00Z", "2026-03-05T11:00:00Z"));
        facts.uses[1].key_arn = facts.uses[1].key_arn.replace("key/", "alias/");
        assert_eq!(
            lacking(&facts)[0],
            (About::ByAlias, "Whether what the log has under an alias of its own (3 calls) is of this key: an alias can move.".to_owned())
        );
    }

    #[test]
    fn only_what_lacks_of_log_files_counts_for_the_exit_code() {
        assert!(report(&busy()).lacks_log_files());
        assert!(report(&bare()).lacks_log_files());
    }
}
