//! The answer for people: what it comes to, and then what that rests on.

use std::fmt::Write as _;

use kms_insights_model::{AccountId, Timestamp};

use super::{
    change::cut,
    layout::{columns, line, wrapped},
    report::{Listed, Report},
    timeline::Entry,
    trail_end::Trail,
    usage::{Counts, Occurrence, Part},
    who,
};
use crate::terminal::{counted, grouped};

/// So many lines of a kind are shown; JSON has all.
const MOST_LINES: usize = 5;
/// So many entries of the timeline are shown from its beginning, and from its end.
const MOST_ENTRIES: usize = 30;

/// The text, at most so wide where that can be.
pub(super) fn text(report: &Report, width: usize) -> String {
    let mut text = subject(report, width);
    text.push('\n');
    paragraph(&mut text, &report.conclusion, "", width);
    section(&mut text, "Timeline (UTC)", &entries(report, width));
    section(&mut text, "Use, as log files record it", &usage(report, width));
    section(&mut text, "Last use, by all that the lake knows", &last_used(report, width));
    section(&mut text, "Grants of today", &grants(report, width));
    section(&mut text, "Trail", &trail(&report.trail, width));
    let mut unknown = String::new();
    report.unknown.iter().for_each(|lacking| paragraph(&mut unknown, &lacking.text, "- ", width));
    section(&mut text, "Not known", &unknown);
    let mut steps = String::new();
    // Commands are to be copied: they stay on their lines.
    for step in &report.next_steps {
        let _ = writeln!(steps, "  - {}", line(step));
    }
    section(&mut text, "Next", &steps);
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{title}\n{body}");
    }
}

/// A sentence, wrapped; a bullet's further lines are indented as far as its first.
fn paragraph(text: &mut String, sentence: &str, bullet: &str, width: usize) {
    let indent = if bullet.is_empty() { "" } else { "  " };
    let rest = format!("{indent}{}", " ".repeat(bullet.len()));
    for (at, part) in wrapped(&line(sentence), width.saturating_sub(rest.len()).max(20)).iter().enumerate() {
        let _ = writeln!(text, "{}{part}", if at == 0 { format!("{indent}{bullet}") } else { rest.clone() });
    }
}

fn minute(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

fn subject(report: &Report, width: usize) -> String {
    let key = &report.key;
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut say = |name: &str, value: String| rows.push([name.to_owned(), line(&value)]);
    let account = key.account_name.as_ref().map_or_else(|| key.account_id.clone(), |name| format!("{} ({name})", key.account_id));
    say("account", format!("{account}, {}", key.region));
    match key.aliases.as_deref() {
        Some([]) => say("alias", "none".to_owned()),
        Some(aliases) => {
            let more = aliases.len().saturating_sub(MOST_LINES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            say("alias", format!("{}{more}", aliases.iter().take(MOST_LINES).cloned().collect::<Vec<_>>().join(", ")));
        }
        None => {}
    }
    if let Some(description) = key.description.as_deref().filter(|text| !text.is_empty()) {
        say("description", cut(description));
    }
    let kind =
        [key.state.as_deref(), key.spec.as_deref(), key.manager.as_deref().map(|manager| if manager == "AWS" { "managed by AWS" } else { "customer managed" })];
    let kind: Vec<&str> = kind.into_iter().flatten().collect();
    if !kind.is_empty() {
        say("state", kind.join(", "));
    }
    match (key.listed, key.snapshot_date) {
        (Listed::Now, Some(date)) => say("inventory", format!("as of {date}")),
        (Listed::Before, Some(date)) => say("inventory", format!("last listed on {date}")),
        _ => say("inventory", "lists no such key".to_owned()),
    }
    format!("{}\n{}", line(&key.key_arn), columns(&rows, width))
}

fn entries(report: &Report, width: usize) -> String {
    let events = report.timeline.iter().map(|entry| (entry.at, [minute(entry.at), line(&what(entry)), line(&how(entry))]));
    let mut rows: Vec<(Timestamp, [String; 3])> = events.chain(occurrences(report)).collect();
    // Of one moment, what was done to the key comes before its use.
    rows.sort_by_key(|(at, _)| *at);
    let mut rows: Vec<[String; 3]> = rows.into_iter().map(|(_, row)| row).collect();
    if let Some(more @ 1..) = rows.len().checked_sub(2 * MOST_ENTRIES) {
        let between = format!("… {} between; --format json has all", counted(more as u64, "event"));
        rows.splice(MOST_ENTRIES..MOST_ENTRIES + more, [[String::new(), between, String::new()]]);
    }
    columns(&rows, width)
}

/// The first use and the last; where there is none, the first failed attempt and the last.
fn occurrences(report: &Report) -> Vec<(Timestamp, [String; 3])> {
    let usage = &report.usage;
    let (first, last, words) = match &usage.first_use {
        Some(_) => (&usage.first_use, &usage.last_use, ["used", "first recorded use", "last recorded use"]),
        None => (&usage.first_failure, &usage.last_failure, ["tried and failed", "first tried and failed", "last tried and failed"]),
    };
    let row = |occurrence: &Occurrence, words: &str| {
        let resource = occurrence.resource.as_ref().map(|resource| format!(", on {resource}")).unwrap_or_default();
        let through = occurrence.service.as_ref().map(|service| format!(", through {service}")).unwrap_or_default();
        let who = account(report).map_or_else(|| occurrence.principal.clone(), |account| who::principal(&occurrence.principal, account));
        let cells = [occurrence.on.to_string(), format!("{words}: {}{resource}", occurrence.event_name), format!("{who}{through}")];
        (occurrence.place, cells.map(|cell| line(&cell)))
    };
    match (first, last) {
        (Some(first), Some(last)) if first == last => vec![row(first, words[0])],
        (first, last) => first.iter().map(|first| row(first, words[1])).chain(last.iter().map(|last| row(last, words[2]))).collect(),
    }
}

/// The key's account, which was read back from its own text.
fn account(report: &Report) -> Option<AccountId> {
    report.key.account_id.parse().ok()
}

fn what(entry: &Entry) -> String {
    let mut text = entry.what.clone();
    if !entry.resources.is_empty() {
        let _ = write!(text, ", for {}", entry.resources.join(", "));
        // What is not named is not counted: like grants may be for the same resource.
        if entry.count > entry.resources.len() as u64 {
            text.push_str(" …");
        }
    }
    if let Some(until) = entry.until {
        let _ = write!(text, "; {} times until {}", grouped(entry.count), until.date_naive());
    }
    if let Some(code) = &entry.error_code {
        text = format!("tried and failed ({code}): {text}");
    }
    if let Some(arn) = &entry.recorded_as {
        let place = arn
            .split_once(":alias/")
            .map_or_else(|| format!("in {}", arn.split(':').nth(3).unwrap_or("another Region")), |(_, alias)| format!("recorded as alias/{alias}"));
        let _ = write!(text, " ({place})");
    }
    text
}

/// Who and through what.
fn how(entry: &Entry) -> String {
    match entry.through.in_words() {
        // In a table a word for each line of how sure that is would hide the rest: docs/trace.md says what it rests on.
        Some(words) => format!("{}, {}", entry.who, words.trim_start_matches("apparently ")),
        None => entry.who.clone(),
    }
}

fn times(part: &Counts) -> String {
    let mut times = vec![counted(part.uses, "use")];
    if part.errors > 0 {
        times.push(format!("{} failed", grouped(part.errors)));
    }
    times.join(", ")
}

fn span(part: &Counts) -> String {
    match (part.first_at, part.last_at) {
        (Some(first), Some(last)) if first.date_naive() == last.date_naive() => first.date_naive().to_string(),
        (Some(first), Some(last)) => format!("{} to {}", first.date_naive(), last.date_naive()),
        _ => String::new(),
    }
}

fn usage(report: &Report, width: usize) -> String {
    let usage = &report.usage;
    if usage.all.uses + usage.all.errors == 0 {
        return if report.trail.first_day.is_some() { "  none, and no failed attempt\n".to_owned() } else { String::new() };
    }
    let mut rows = vec![["in all".to_owned(), String::new(), times(&usage.all), span(&usage.all)]];
    let mut say = |title: &str, parts: &[Part], none: &str, name: &dyn Fn(&str) -> String| {
        for (at, part) in parts.iter().take(MOST_LINES).enumerate() {
            let title = if at == 0 { title } else { "" };
            rows.push([title.to_owned(), line(&part.name.as_deref().map_or_else(|| none.to_owned(), name)), times(&part.counts), span(&part.counts)]);
        }
        if let more @ 1.. = parts.len().saturating_sub(MOST_LINES) {
            rows.push([String::new(), format!("and {} more", grouped(more as u64)), String::new(), String::new()]);
        }
    };
    say("through", &usage.services, "directly", &str::to_owned);
    if usage.resources.iter().any(|part| part.name.is_some()) {
        say("on", &usage.resources, "what the record does not name", &str::to_owned);
    }
    say("by", &usage.principals, "", &|name| account(report).map_or_else(|| name.to_owned(), |account| who::principal(name, account)));
    say("called", &usage.operations, "", &str::to_owned);
    columns(&rows, width)
}

fn last_used(report: &Report, width: usize) -> String {
    let Some(last) = &report.last_used else { return String::new() };
    let mut rows: Vec<[String; 2]> = Vec::new();
    if let Some(at) = last.at {
        let operation = last.operation.as_ref().map(|operation| format!(", {operation}")).unwrap_or_default();
        let known = match last.evidence.as_deref() {
            Some("trail") => ", by log files",
            Some("lookup") => ", by CloudTrail's event history",
            _ => ", by KMS",
        };
        rows.push([minute(at), line(&format!("{}{known}", operation.trim_start_matches(", ")))]);
        if let Some(reason) = &last.reason {
            rows.push([String::new(), line(reason)]);
        }
    } else {
        let verdict = match last.verdict.as_str() {
            "never_used" if last.evidence.as_deref() == Some("lookup") => {
                "no use is recorded in CloudTrail's event history, which goes back to before it was made".to_owned()
            }
            "never_used" => "no use is recorded, and KMS records uses since before it was made".to_owned(),
            _ => last.reason.clone().unwrap_or_else(|| last.verdict.clone()),
        };
        rows.push(["none".to_owned(), line(&verdict)]);
    }
    columns(&rows, width)
}

fn grants(report: &Report, width: usize) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    for grants in report.grants.iter().take(MOST_LINES) {
        let shown: Vec<String> = grants.resources.iter().take(3).cloned().collect();
        let more = if grants.resources.len() > shown.len() { " …" } else { "" };
        let resources = if shown.is_empty() { String::new() } else { format!(", for {}{more}", shown.join(", ")) };
        rows.push([counted(grants.count, "grant"), line(&format!("{}: {}{resources}", grants.grantee, grants.operations.join(", ")))]);
    }
    if let more @ 1.. = report.grants.len().saturating_sub(MOST_LINES) {
        rows.push([String::new(), format!("and {} more", counted(more as u64, "kind"))]);
    }
    columns(&rows, width)
}

fn trail(trail: &Trail, width: usize) -> String {
    let text = match trail.first_day.zip(trail.last_day) {
        Some((first, last)) => {
            let lacking: u64 = trail.missing.iter().map(|gap| gap.days()).sum();
            let lacking = if lacking > 0 { format!(", {} without any", counted(lacking, "day")) } else { String::new() };
            let unread = if trail.unread_files > 0 { format!(", {} not whole", grouped(trail.unread_files)) } else { String::new() };
            format!("log files of {} read, {first} to {last}{lacking}; {}{unread}", counted(trail.days, "day"), counted(trail.files, "file"))
        }
        None => "no log file of the account and Region was read".to_owned(),
    };
    columns(&[[text]], width)
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{bare, busy, forgotten, report},
        *,
    };

    #[test]
    fn a_forgotten_sample_is_explained_from_its_making_its_alias_and_the_one_attempt() {
        insta::assert_snapshot!(text(&report(&forgotten()), 100));
    }

    #[test]
    fn a_busy_key_is_told_with_what_uses_it_and_what_is_not_known() {
        let told = text(&report(&busy()), 100);
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn of_a_key_without_log_files_it_is_said_what_would_tell_more() {
        insta::assert_snapshot!(text(&report(&bare()), 100));
    }

    #[test]
    fn a_use_after_which_there_may_be_a_later_one_is_told_with_that() {
        let mut facts = busy();
        let last = facts.last_use.as_mut().unwrap();
        (last.evidence, last.reason) = (Some("lookup".to_owned()), Some("there may be a later use: budget".to_owned()));
        let told = last_used(&report(&facts), 100);
        let told: Vec<&str> = told.lines().map(str::trim).collect();
        assert_eq!(told, ["2026-03-30 01:02  Decrypt, by CloudTrail's event history", "there may be a later use: budget"]);
    }

    #[test]
    fn programs_get_one_object() {
        insta::assert_json_snapshot!(report(&busy()));
    }

    #[test]
    fn a_long_timeline_is_shown_from_both_ends() {
        let mut facts = forgotten();
        let toggle = |number: u64| {
            let name = if number.is_multiple_of(2) { "DisableKey" } else { "EnableKey" };
            let at = crate::trace::fixture::at("2026-03-03T00:00:00Z") + chrono::TimeDelta::hours(i64::try_from(number).unwrap());
            crate::trace::fixture::event(&at.to_rfc3339(), name, &serde_json::json!({}))
        };
        facts.events.extend((0..100).map(toggle));
        let shown = entries(&report(&facts), 160);
        let lines: Vec<&str> = shown.lines().collect();
        let middle = lines.iter().position(|line| line.contains("… 43 events between; --format json has all")).unwrap();
        assert!(lines[middle - 1].contains("2026-03-04 02:00  disabled"), "{shown}");
        assert!(lines[middle + 1].contains("2026-03-05 22:00  disabled"), "{shown}");
        assert!(lines.last().unwrap().contains("2026-03-07 03:00  enabled"), "{shown}");
    }

    #[test]
    fn no_line_but_a_command_is_wider_than_the_terminal() {
        for width in [72, 100, 160] {
            let text = text(&report(&busy()), width);
            let wide: Vec<&str> = text.lines().filter(|line| unicode_width::UnicodeWidthStr::width(*line) > width && !line.starts_with("arn:")).collect();
            assert!(wide.is_empty(), "{width}: {wide:#?}");
        }
    }
}
