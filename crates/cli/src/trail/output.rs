//! What a scan says.

use std::{collections::BTreeMap, fmt::Write as _};

use kms_insights_lake::{count::unsigned, tables::trail_scans::TrailScanRow};

use super::{
    rows::KeyUse,
    scan::{FailedFile, Outcome},
};
use crate::{
    exit::Trouble,
    terminal::{counted, grouped, print, printable, say},
};

/// So many files are named.
const MOST_NAMED: usize = 50;

/// So many keys are shown.
const MOST_KEYS: usize = 10;

/// Names on stderr what could not be read.
pub(super) fn report_problems(outcome: &Outcome) {
    for FailedFile { row: file, reason } in outcome.failed.iter().take(MOST_NAMED) {
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let place = file.problem_offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default();
        let kept = if file.status == "partial" { format!("; {} before it count", counted(unsigned(file.records), "record")) } else { String::new() };
        say(printable(&format!("{} {}: {}{place}{kept}{reason}", file.status, file.path, file.problem.as_deref().unwrap_or("unknown")).replace('\n', " ")));
    }
    if let more @ 1.. = outcome.failed.len().saturating_sub(MOST_NAMED) {
        say(format_args!("and {} more; `trail_files` has all", counted(more as u64, "file")));
    }
    if outcome.failed_before > 0 {
        say(format_args!("{} that an earlier scan could not read whole are as they were then", counted(outcome.failed_before, "file")));
    }
    if outcome.passed_over > 0 {
        say(format_args!("{} were passed over: their names do not say of which account, Region and day they are", counted(outcome.passed_over, "file")));
    }
}

/// Prints what was read, and the keys that were used most.
pub(super) fn print_summary(outcome: &Outcome, keys: &BTreeMap<String, KeyUse>) -> Result<(), Trouble> {
    let TrailScanRow {
        source,
        files_listed,
        files_known,
        files_read,
        files_failed,
        bytes,
        records,
        kms_records,
        repeated_records,
        uses_without_key,
        errors_without_key,
        ..
    } = &outcome.summary;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", printable(source));
    let _ = writeln!(
        text,
        "  log files   {} read, {} unread or in part, {} known from earlier scans, {} in all",
        grouped(unsigned(*files_read)),
        grouped(unsigned(*files_failed)),
        grouped(unsigned(*files_known)),
        grouped(unsigned(*files_listed))
    );
    let _ = writeln!(
        text,
        "  records     {} in {} MB, {} of KMS, {} of these delivered before",
        grouped(unsigned(*records)),
        grouped(unsigned(*bytes) / 1_000_000),
        grouped(unsigned(*kms_records)),
        grouped(unsigned(*repeated_records))
    );
    if *uses_without_key > 0 {
        let _ = writeln!(text, "  without key {} that do not say which: whose, is not known", counted(unsigned(*uses_without_key), "use"));
    }
    if *errors_without_key > 0 {
        let _ = writeln!(text, "  without key {} that failed before it was known which", counted(unsigned(*errors_without_key), "call"));
    }
    if !keys.is_empty() {
        text.push_str(&most_used(keys));
    }
    if outcome.is_in_lake {
        let _ = writeln!(text, "In the lake: key_usage_daily, key_events, trail_files");
    }
    print(&text)
}

fn most_used(keys: &BTreeMap<String, KeyUse>) -> String {
    let mut text = format!("\n  {} used or tried, the most used first:\n", counted(keys.len() as u64, "key"));
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by(|(a, a_use), (b, b_use)| b_use.uses.cmp(&a_use.uses).then(a.cmp(b)));
    for (key, used) in keys.iter().take(MOST_KEYS) {
        let _ = writeln!(text, "  {}", printable(key));
        let failed = if used.errors > 0 { format!(", {} failed", grouped(used.errors)) } else { String::new() };
        match &used.last {
            Some(last) => {
                let resource = last.resource.as_ref().map(|resource| format!(" on {resource}")).unwrap_or_default();
                let last = format!("last {} by {}, {}{resource}", last.at.format("%Y-%m-%d %H:%M:%SZ"), last.principal, last.event_name);
                let _ = writeln!(text, "    {}{failed}; {}", counted(used.uses, "use"), printable(&last).replace('\n', " "));
            }
            None => {
                let _ = writeln!(text, "    no use{failed}");
            }
        }
    }
    if let more @ 1.. = keys.len().saturating_sub(MOST_KEYS) {
        let _ = writeln!(text, "  and {} more", counted(more as u64, "key"));
    }
    text
}
