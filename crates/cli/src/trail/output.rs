//! What a scan says.

use std::{collections::BTreeMap, fmt::Write as _};

use kms_insights_lake::tables::trail_scans::TrailScanRow;
use kms_insights_trail::DailyUse;

use super::scan::Outcome;
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
    for file in outcome.failed.iter().take(MOST_NAMED) {
        let place = file.problem_offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default();
        let kept = if file.status == "partial" {
            format!("; {} before it count", counted(u64::try_from(file.records).unwrap_or_default(), "record"))
        } else {
            String::new()
        };
        say(printable(&format!("{} {}: {}{place}{kept}", file.status, file.path, file.problem.as_deref().unwrap_or("unknown")).replace('\n', " ")));
    }
    if let more @ 1.. = outcome.failed.len().saturating_sub(MOST_NAMED) {
        say(format_args!("and {} more; `trail_files` has all", counted(more as u64, "file")));
    }
    if outcome.failed_before > 0 {
        say(format_args!("{} that an earlier scan could not read whole are the same as then and were not read again", counted(outcome.failed_before, "file")));
    }
    if outcome.passed_over > 0 {
        say(format_args!("{} were passed over: their names do not say of which account, Region and day they are", counted(outcome.passed_over, "file")));
    }
}

/// Prints the rows as an array of objects, one a line.
pub(super) fn print_rows(rows: &[DailyUse]) -> Result<(), Trouble> {
    let mut text = String::from("[");
    for (at, row) in rows.iter().enumerate() {
        let json = serde_json::to_string(row).map_err(|error| Trouble::failed(format_args!("a row of daily usage: {error}")))?;
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(&json);
        if text.len() > 1 << 20 {
            print(&text)?;
            text.clear();
        }
    }
    text.push_str(if rows.is_empty() { "]\n" } else { "\n]\n" });
    print(&text)
}

fn number(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Prints what was read, and the keys that were used most.
pub(super) fn print_summary(outcome: &Outcome) -> Result<(), Trouble> {
    let TrailScanRow { source, files_listed, files_known, files_read, files_failed, bytes, records, kms_records, repeated_records, uses_without_key, .. } =
        &outcome.summary;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", printable(source));
    let _ = writeln!(
        text,
        "  log files   {} read, {} unread or in part, {} known from earlier scans, {} in all",
        grouped(number(*files_read)),
        grouped(number(*files_failed)),
        grouped(number(*files_known)),
        grouped(number(*files_listed))
    );
    let _ = writeln!(
        text,
        "  records     {} in {} MB, {} of KMS, {} of these delivered before",
        grouped(number(*records)),
        grouped(number(*bytes) / 1_000_000),
        grouped(number(*kms_records)),
        grouped(number(*repeated_records))
    );
    if *uses_without_key > 0 {
        let _ = writeln!(text, "  without key {} that name none: calls that failed before they got that far", counted(number(*uses_without_key), "call"));
    }
    if !outcome.rows.is_empty() {
        text.push_str(&keys(&outcome.rows));
    }
    if outcome.is_in_lake {
        let _ = writeln!(text, "In the lake: key_usage_daily, key_events, trail_files");
    }
    print(&text)
}

#[derive(Default)]
struct KeyUse<'r> {
    uses: u64,
    errors: u64,
    last: Option<(&'r DailyUse, kms_insights_model::Timestamp)>,
}

fn keys(rows: &[DailyUse]) -> String {
    let mut keys: BTreeMap<&str, KeyUse<'_>> = BTreeMap::new();
    for row in rows {
        let key = keys.entry(&row.key_arn).or_default();
        key.uses += row.uses;
        key.errors += row.errors;
        if let Some(at) = row.last_used_at
            && key.last.is_none_or(|(_, last)| at > last)
        {
            key.last = Some((row, at));
        }
    }
    let mut text = format!("\n  {} used or tried, the most used first:\n", counted(keys.len() as u64, "key"));
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_by(|(a, a_use), (b, b_use)| b_use.uses.cmp(&a_use.uses).then(a.cmp(b)));
    for (key, used) in keys.iter().take(MOST_KEYS) {
        let _ = writeln!(text, "  {}", printable(key));
        let failed = if used.errors > 0 { format!(", {} failed", grouped(used.errors)) } else { String::new() };
        match used.last {
            Some((row, at)) => {
                let resource = row.resource.as_ref().map(|resource| format!(" on {resource}")).unwrap_or_default();
                let last = format!("last {} by {}, {}{resource}", at.format("%Y-%m-%d %H:%M:%SZ"), row.principal, row.event_name);
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
