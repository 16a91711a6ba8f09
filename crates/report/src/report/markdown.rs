//! The summary for a ticket or a wiki. Names and texts of others are escaped, so that they are neither markup nor links.

use std::{fmt::Write as _, io::Write};

use kms_insights_query::printable;

use super::{
    ReportError,
    reading::Reader,
    summary::Summary,
    wording::{SEVERITIES, counted, dollars, grouped, minute, rule_title},
};

pub(super) async fn write<W: Write + Send>(reader: &Reader, out: &mut W) -> Result<(), ReportError> {
    out.write_all(text(&Summary::read(reader).await?).as_bytes())?;
    Ok(())
}

/// Text that means nothing but itself, in a line or in a cell: no markup, no link, no mention.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            // `https://…` and `www.…` become links by themselves.
            ':' => escaped.push_str("&#58;"),
            '.' if escaped.to_ascii_lowercase().ends_with("www") => escaped.push_str("&#46;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A table, with numbers to the right.
fn table<const N: usize>(text: &mut String, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        text.push_str("None.\n\n");
        return;
    }
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", head.map(|name| if name.starts_with("of ") || NUMBERS.contains(&name) { "---:|" } else { "---|" }).concat());
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
}

/// The heads of columns that hold numbers.
const NUMBERS: [&str; 10] = ["open", "waived", "keys", "ways in", "certain", "accounts", "critical", "high", "a month", "count"];

/// The document. Writing to a String cannot fail, so the results of `writeln!` say nothing.
fn text(summary: &Summary) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "# KMS keys of {}\n", plain(&summary.subject()));
    for run in &summary.runs {
        let _ = writeln!(
            text,
            "Snapshot of {}, published {}: **{}** run `{}` by kms-insights {}, {} in {}.\n",
            minute(run.started_at),
            minute(run.finished_at),
            plain(&run.status),
            run.run_id.replace('`', ""),
            plain(&run.tool_version),
            counted(run.keys, "key"),
            counted(run.accounts_planned, "account"),
        );
    }
    let keys = &summary.keys;
    text.push_str("| | known | not known |\n|---|---:|---:|\n");
    let mut line = |what: &str, known: String, unknown: u64| {
        let _ = writeln!(text, "| {what} | {known} | {} |", grouped(unknown));
    };
    line("keys that anyone outside their account can use", grouped(keys.outside_account_yes), keys.outside_account_unknown);
    line("keys that anyone outside the organization can use", grouped(keys.outside_organization_yes), keys.outside_organization_unknown);
    line("keys open to every AWS account", grouped(keys.public_yes), keys.public_unknown);
    let (recorded, maybe) = (summary.unneeded("recorded"), summary.unneeded("unknown"));
    line("keys that look unneeded", format!("{} ({} a month)", grouped(recorded.0), dollars(recorded.1)), maybe.0);
    line("keys about to be deleted", grouped(summary.deletion.keys), summary.deletion.unknown);
    line("what all keys cost a month", dollars(keys.monthly_cost_usd.unwrap_or_default()), keys.without_price);

    text.push_str("\n## What is not known\n\n");
    let unknowns = summary.unknowns();
    if unknowns.is_empty() {
        text.push_str("Nothing that was looked for: every fact that applies was observed.\n");
    }
    for unknown in unknowns {
        let _ = writeln!(text, "- {}", plain(&unknown.says));
    }
    text.push('\n');
    table(
        &mut text,
        ["what lacks", "why", "accounts", "keys"],
        summary.gaps.iter().map(|gap| [plain(&gap.fact), plain(&gap.code), grouped(gap.accounts), gap.keys.map_or("not known".to_owned(), grouped)]),
    );

    text.push_str("## Findings\n\n");
    let of = |severity: &str| {
        summary.findings.iter().filter(|count| count.severity == severity).fold((0, 0), |(open, waived), count| (open + count.open, waived + count.waived))
    };
    table(&mut text, ["severity", "open", "waived"], SEVERITIES.map(|severity| [severity.to_owned(), grouped(of(severity).0), grouped(of(severity).1)]));
    let mut rules: Vec<_> = summary.findings.iter().filter(|count| count.open > 0).collect();
    rules.sort_by_key(|count| (SEVERITIES.iter().position(|severity| *severity == count.severity), std::cmp::Reverse(count.open)));
    table(
        &mut text,
        ["severity", "rule", "what", "open", "keys"],
        rules.iter().map(|count| [plain(&count.severity), plain(&count.rule), plain(rule_title(&count.rule)), grouped(count.open), grouped(count.keys)]),
    );
    text.push_str("## Accounts with the worst findings\n\n");
    table(
        &mut text,
        ["account", "name", "critical", "high", "open"],
        summary.findings_by_account.iter().map(|account| {
            [plain(&account.account_id), plain(account.name.as_deref().unwrap_or("")), grouped(account.critical), grouped(account.high), grouped(account.open)]
        }),
    );
    text.push_str("## Who comes in from outside the account\n\n");
    table(
        &mut text,
        ["trust", "keys", "ways in", "certain"],
        summary.access.iter().map(|access| [plain(&access.trust), grouped(access.keys), grouped(access.ways_in), grouped(access.certain)]),
    );
    text.push_str("## Keys that look unneeded\n\n");
    table(
        &mut text,
        ["reason", "certainty", "keys", "a month"],
        summary.savings.iter().map(|of| [plain(&of.reason), plain(&of.certainty), grouped(of.keys), dollars(of.monthly_cost_usd.unwrap_or_default())]),
    );
    text.push_str("## Changes since the previous run\n\n");
    table(&mut text, ["what", "change", "count"], summary.changes.iter().map(|change| [plain(&change.subject), plain(&change.change), grouped(change.count)]));
    text.push_str("Findings with their evidence, who can use which key, and every key: `kms-insights report --format html`.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_no_markup() {
        assert_eq!(
            plain("<script>|[x](https://www.example.com) @team **b**\n# h \u{202e}`"),
            "&lt;script&gt;\\|\\[x\\](https&#58;//www&#46;example.com) &#64;team \\*\\*b\\*\\*\\\\n\\# h \\\\u{202e}\\`"
        );
    }
}
