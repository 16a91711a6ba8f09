//! The page itself: its frame, and the summary, which is HTML and needs no script.

use std::fmt::Write as _;

use kms_insights_findings::RULES;
use serde_json::{Value, json};

use super::{
    charts::{Bar, Chart, in_address, linked},
    keys,
    text::escaped,
};
use crate::report::{
    summary::{Count, Summary},
    wording::{SEVERITIES, Status, counted, dollars, grouped, minute, rule_title},
};

/// The sections that the script shows, as the navigation names them.
const SECTIONS: [(&str, &str); 9] = [
    ("", "Summary"),
    ("unknown", "What is not known"),
    ("findings", "Findings"),
    ("access", "Who comes in"),
    ("keys", "Keys"),
    ("costs", "Use and cost"),
    ("deletion", "Deletion"),
    ("changes", "Changes"),
    ("accounts", "Accounts"),
];

/// So many rows of what lacks are in the summary; the section has all.
const MOST_GAPS: usize = 8;

/// So many rules are in the summary.
const MOST_RULES: usize = 14;

/// The end of the document.
pub(super) const END: &str = "</body>\n</html>\n";

/// The head, up to the body.
pub(super) fn head(summary: &Summary, policy: &str, style: &str) -> String {
    let title = escaped(&format!("KMS keys of {}", summary.subject()));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"kms-insights {}\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// What the script is told of the report.
pub(super) fn facts_for_script(summary: &Summary) -> Value {
    let rules: serde_json::Map<String, Value> = RULES.iter().map(|rule| (rule.id.to_owned(), json!(rule.title))).collect();
    json!({
        "layout": keys::layout(),
        "rules": rules,
        "subject": summary.subject(),
        "runs": summary.runs,
    })
}

/// The body without its data, its script and its end.
pub(super) fn body(summary: &Summary) -> String {
    let mut html = String::from(
        "<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <svg class=\"unseen\" aria-hidden=\"true\" focusable=\"false\"><defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect class=\"hatch-ground\" width=\"6\" height=\"6\"/><rect class=\"hatch-line\" width=\"3\" height=\"6\"/></pattern></defs></svg>\n\
         <header class=\"top\"><p class=\"product\">kms-insights</p>",
    );
    html.push_str("<nav id=\"sections\" aria-label=\"Sections\" hidden><ul>");
    for (route, name) in SECTIONS {
        // Writing to a String cannot fail.
        let _ = write!(html, "<li><a href=\"#/{route}\">{name}</a></li>");
    }
    html.push_str(
        "</ul></nav><div class=\"theme\" hidden><label for=\"theme\">Colours</label><select id=\"theme\"><option value=\"\">as the system</option><option value=\"light\">light</option><option value=\"dark\">dark</option></select></div></header>\n\
         <noscript><p class=\"notice\">Scripts are off in this browser. The summary below is all of it that can be shown then; the tables of findings, keys and accounts, and the page of each key, need the script that is in this file. It asks no network for anything.</p></noscript>\n\
         <main id=\"main\" tabindex=\"-1\">\n<section id=\"summary\" aria-labelledby=\"summary-title\">\n",
    );
    html.push_str(&title(summary));
    html.push_str(&glance(summary));
    html.push_str(&not_known(summary));
    html.push_str("<h2>Findings</h2><div class=\"charts\">");
    for chart in [severities(summary), rules(summary), accounts(summary)] {
        html.push_str(&chart.html());
    }
    html.push_str("</div><h2>Access</h2><div class=\"charts\">");
    for chart in [trust(summary), concerns(summary)] {
        html.push_str(&chart.html());
    }
    html.push_str("</div><h2>Use, cost and life</h2><div class=\"charts\">");
    for chart in [usage(summary), savings(summary), age(summary), rotation(summary), coverage(summary), changes(summary)] {
        html.push_str(&chart.html());
    }
    html.push_str("</div>");
    html.push_str(&about(summary));
    html.push_str("</section>\n<section id=\"view\" hidden></section>\n</main>\n<footer class=\"bottom\"><p>This file holds key policies and names of accounts and principals: treat it as you treat those. It loads nothing and sends nothing.</p></footer>\n");
    html
}

fn title(summary: &Summary) -> String {
    let mut html = format!("<h1 id=\"summary-title\" tabindex=\"-1\">KMS keys of {}</h1>\n", escaped(&summary.subject()));
    for run in &summary.runs {
        let about = if summary.runs.len() > 1 { format!("{}: ", escaped(&run.subject())) } else { String::new() };
        let _ = writeln!(
            html,
            "<p class=\"when\">{about}<span class=\"chip {status}\">{status}</span> Collected from <time datetime=\"{}\">{}</time> to <time datetime=\"{}\">{}</time> by kms-insights {}. {} in {}.</p>",
            run.started_at.to_rfc3339(),
            minute(run.started_at),
            run.finished_at.to_rfc3339(),
            minute(run.finished_at),
            escaped(&run.tool_version),
            counted(run.keys, "key"),
            counted(run.accounts_planned, "account"),
            status = escaped(&run.status),
        );
    }
    if summary.status() == Status::Partial {
        html.push_str("<p class=\"when\">Partial means that something could not be read. Each number below stands beside what is not known of it.</p>\n");
    }
    html
}

/// A number with what is not known of it.
struct Tile {
    label: &'static str,
    number: String,
    says: String,
    not_known: u64,
    what: &'static str,
    route: &'static str,
    unknown_route: &'static str,
    alarm: bool,
}

impl Tile {
    fn html(&self) -> String {
        let unknown = if self.not_known == 0 {
            "<span class=\"all-known\">known of every key listed</span>".to_owned()
        } else {
            linked(Some(self.unknown_route), &format!("<span class=\"hatched\">{}</span> {}", grouped(self.not_known), escaped(self.what)))
        };
        format!(
            "<li class=\"tile{}\"><h3>{}</h3><p class=\"figure\">{}</p><p>{}</p><p class=\"beside\">{unknown}</p></li>",
            if self.alarm { " alarm" } else { "" },
            linked(Some(self.route), &escaped(self.label)),
            escaped(&self.number),
            escaped(&self.says),
        )
    }
}

fn glance(summary: &Summary) -> String {
    let keys = &summary.keys;
    let (worst, high) = (summary.open("critical"), summary.open("high"));
    let (recorded, cost, _) = summary.unneeded("recorded");
    let (maybe, _, _) = summary.unneeded("unknown");
    let without_findings = keys.lacking_facts;
    let tiles = [
        Tile {
            label: "Findings, critical and high",
            number: grouped(worst + high),
            says: format!(
                "{} critical, {} high; {} more, {} waived",
                grouped(worst),
                grouped(high),
                grouped(SEVERITIES[2..].iter().map(|of| summary.open(of)).sum()),
                grouped(summary.waived())
            ),
            not_known: without_findings,
            what: "keys lack facts that findings rest on",
            route: "findings?severity=critical,high",
            unknown_route: "keys?facts_lacking=*",
            alarm: worst > 0,
        },
        Tile {
            label: "Open to every AWS account",
            number: grouped(keys.public_yes),
            says: "keys".to_owned(),
            not_known: keys.public_unknown,
            what: "keys of which it is not known",
            route: "keys?public=yes",
            unknown_route: "keys?public=unknown",
            alarm: keys.public_yes > 0,
        },
        Tile {
            label: "Open to outside the organization",
            number: grouped(keys.outside_organization_yes),
            says: format!("keys; {} to outside their account", grouped(keys.outside_account_yes)),
            not_known: keys.outside_organization_unknown,
            what: "keys of which it is not known",
            route: "keys?outside_organization=yes",
            unknown_route: "keys?outside_organization=unknown",
            alarm: false,
        },
        Tile {
            label: "Known to be unused",
            number: dollars(cost),
            says: format!("a month for {}; all keys cost {}", counted(recorded, "key"), dollars(keys.monthly_cost_usd.unwrap_or_default())),
            not_known: maybe,
            what: "more keys may be unused",
            route: "costs?certainty=recorded",
            unknown_route: "costs?certainty=unknown",
            alarm: false,
        },
        Tile {
            label: "About to be deleted",
            number: grouped(summary.deletion.keys),
            says: summary.deletion.soonest_days.map_or_else(|| "keys".to_owned(), |days| format!("keys; the first in {}", counted(days.unsigned_abs(), "day"))),
            not_known: summary.deletion.unknown,
            what: "keys whose state is not known",
            route: "deletion",
            unknown_route: "deletion?state=unknown",
            alarm: false,
        },
        Tile {
            label: "Keys",
            number: grouped(keys.keys),
            says: format!("{} customer managed, {} AWS managed", grouped(keys.customer_managed), grouped(keys.aws_managed)),
            not_known: keys.manager_unknown,
            what: "keys whose manager is not known",
            route: "keys",
            unknown_route: "keys?manager=-",
            alarm: false,
        },
    ];
    format!("<h2 class=\"unseen\">At a glance</h2><ul class=\"tiles\">{}</ul>\n", tiles.iter().map(Tile::html).collect::<String>())
}

fn not_known(summary: &Summary) -> String {
    let unknowns = summary.unknowns();
    let mut html = String::from("<div class=\"not-known\"><h2>What is not known</h2>");
    if unknowns.is_empty() && summary.gaps.is_empty() {
        html.push_str("<p>Nothing that was looked for: every fact that applies was observed.</p></div>\n");
        return html;
    }
    html.push_str("<div class=\"two\"><ul>");
    for unknown in &unknowns {
        let _ = write!(
            html,
            "<li>{} {}</li>",
            escaped(&unknown.says),
            format_args!("<a class=\"screen-only\" href=\"#/{}\">Show<span class=\"unseen\">: {}</span></a>", escaped(unknown.route), escaped(&unknown.says))
        );
    }
    html.push_str("</ul>");
    if !summary.gaps.is_empty() {
        html.push_str("<div><table><caption>What could not be read</caption><thead><tr><th scope=\"col\">what lacks</th><th scope=\"col\">why</th><th scope=\"col\" class=\"number\">accounts</th><th scope=\"col\" class=\"number\">keys</th></tr></thead><tbody>");
        for gap in summary.gaps.iter().take(MOST_GAPS) {
            let _ = write!(
                html,
                "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
                escaped(&gap.fact),
                escaped(&gap.code),
                grouped(gap.accounts),
                gap.keys.map_or_else(|| "<span class=\"unknown\">not known</span>".to_owned(), grouped),
            );
        }
        html.push_str("</tbody></table>");
        let more = summary.gaps.len().saturating_sub(MOST_GAPS);
        let says = if more > 0 { format!("{} more, and what to do about each", grouped(more as u64)) } else { "What to do about each".to_owned() };
        let _ = write!(html, "<p>{}</p></div>", linked(Some("unknown"), &says));
    }
    html.push_str("</div></div>\n");
    html
}

fn severities(summary: &Summary) -> Chart<'static> {
    let kinds = ["critical", "high", "medium", "low", "info"];
    let bars = kinds.map(|kind| Bar::new(kind, summary.open(kind), kind).to(format!("findings?severity={kind}&waived=false")));
    Chart {
        title: "Open findings by severity",
        note: "How bad it is, if it is so. Waived findings are not counted.",
        heads: ["severity", "findings"],
        bars: bars.into(),
        parts: true,
        long: false,
    }
}

fn kind_of(severity: &str) -> &'static str {
    SEVERITIES.into_iter().find(|known| *known == severity).unwrap_or("plain")
}

fn rules(summary: &Summary) -> Chart<'static> {
    let mut rules: Vec<_> = summary.findings.iter().filter(|count| count.open > 0).collect();
    let weight = |severity: &str| SEVERITIES.iter().position(|known| *known == severity);
    rules.sort_by(|a, b| (weight(&a.severity), b.open, &a.rule).cmp(&(weight(&b.severity), a.open, &b.rule)));
    let bars = rules.iter().take(MOST_RULES).map(|count| {
        Bar::new(rule_title(&count.rule), count.open, kind_of(&count.severity))
            .says(format!("{} {}, {}", grouped(count.open), count.severity, counted(count.keys, "key")))
            .to(format!("findings?rule={}&severity={}&waived=false", in_address(&count.rule), in_address(&count.severity)))
    });
    Chart {
        title: "Open findings by rule",
        note: "The worst first; one rule may weigh differently from key to key.",
        heads: ["rule", "findings"],
        bars: bars.collect(),
        parts: false,
        long: true,
    }
}

fn accounts(summary: &Summary) -> Chart<'static> {
    let bars = summary.findings_by_account.iter().map(|account| {
        let kind = if account.critical > 0 {
            "critical"
        } else if account.high > 0 {
            "high"
        } else {
            "medium"
        };
        let name = account.name.as_deref().map_or_else(|| account.account_id.clone(), |name| format!("{name} ({})", account.account_id));
        Bar::new(name, account.critical + account.high + account.medium, kind)
            .says(format!("{} critical, {} high, {} medium", grouped(account.critical), grouped(account.high), grouped(account.medium)))
            .to(format!("findings?account_id={}&waived=false", in_address(&account.account_id)))
    });
    Chart {
        title: "Accounts with the worst findings",
        note: "Open findings that are critical, high or medium.",
        heads: ["account", "findings"],
        bars: bars.collect(),
        parts: false,
        long: false,
    }
}

fn trust(summary: &Summary) -> Chart<'static> {
    const TRUST: [(&str, &str, &str); 6] = [
        ("public", "every AWS account", "critical"),
        ("outside", "outside the organization", "high"),
        ("trusted", "trusted accounts", "plain"),
        ("organization", "the same organization", "plain"),
        ("aws_service", "AWS services for others", "plain"),
        ("unknown", "not known who", "unknown"),
    ];
    let bars = TRUST.into_iter().filter_map(|(trust, label, kind)| {
        let access = summary.access.iter().find(|access| access.trust == trust)?;
        let says = format!("{}, {} certain", counted(access.keys, "key"), grouped(access.certain));
        Some(Bar::new(label, access.keys, kind).says(says).to(format!("access?trust={trust}")))
    });
    Chart {
        title: "Who comes in from outside the account",
        note: "Keys by how those who come in stand towards their owner; a key may be in several. After every Deny and condition.",
        heads: ["who", "keys"],
        bars: bars.collect(),
        parts: false,
        long: false,
    }
}

fn counts(counts: &[Count], order: &[(&str, &'static str, Option<&str>)]) -> Vec<Bar> {
    let bar = |(name, kind, route): &(&str, &'static str, Option<&str>)| {
        let value = Summary::named(counts, name);
        let bar = Bar::new(*name, value, kind);
        let bar = match route {
            Some(route) => bar.to(*route),
            None => bar,
        };
        (value > 0).then_some(bar)
    };
    order.iter().filter_map(bar).collect()
}

fn concerns(summary: &Summary) -> Chart<'static> {
    let order = [
        ("Key policy overly permissive", "high", None),
        ("External account", "high", None),
        ("Access provided to IAM user", "medium", None),
        ("Principal is account", "low", None),
        ("no concern", "good", None),
        ("not known", "unknown", None),
    ];
    Chart {
        title: "Concerns by kind",
        note: "The four concerns of key policies; a key may have several.",
        heads: ["concern", "keys"],
        bars: counts(&summary.concerns, &order),
        parts: false,
        long: false,
    }
}

fn usage(summary: &Summary) -> Chart<'static> {
    let order = [
        ("used in the last 90 days", "good", Some("keys?usage_verdict=used&manager=CUSTOMER")),
        ("used, and it is not known whether lately", "unknown", None),
        ("not used for 90 days", "medium", Some("stale")),
        ("never used", "bad", Some("unused?verdict=never_used")),
        ("not known", "unknown", Some("unused?verdict=unknown")),
    ];
    Chart {
        title: "Use",
        note: "Customer managed keys. No recorded use is not counted as never used.",
        heads: ["what is known", "keys"],
        bars: counts(&summary.usage, &order),
        parts: true,
        long: false,
    }
}

fn savings(summary: &Summary) -> Chart<'static> {
    let bars = summary.savings.iter().map(|of| {
        let unpriced = if of.keys_without_price > 0 { format!(", {} without a price", grouped(of.keys_without_price)) } else { String::new() };
        let certainty = if of.certainty == "recorded" { "recorded" } else { "not proved" };
        Bar::new(of.reason.clone(), of.keys, if of.certainty == "recorded" { "medium" } else { "unknown" })
            .says(format!("{} a month, {}, {certainty}{unpriced}", dollars(of.monthly_cost_usd.unwrap_or_default()), counted(of.keys, "key")))
            .to(format!("costs?reason={}", in_address(&of.reason)))
    });
    Chart {
        title: "What unused keys cost",
        note: "By reason, requests apart. Hatched: the records do not prove it.",
        heads: ["reason", "cost"],
        bars: bars.collect(),
        parts: false,
        long: false,
    }
}

fn age(summary: &Summary) -> Chart<'static> {
    let order = ["under 1 year", "1 to 2 years", "2 to 3 years", "3 to 5 years", "5 to 10 years", "over 10 years"].map(|name| (name, "plain", None));
    let mut bars = counts(&summary.age, &order);
    bars.extend(counts(&summary.age, &[("not known", "unknown", None)]));
    Chart { title: "Age", note: "Customer managed keys by when they were made.", heads: ["age", "keys"], bars, parts: false, long: false }
}

fn rotation(summary: &Summary) -> Chart<'static> {
    let order = [
        ("rotated automatically", "good", Some("keys?rotation_enabled=true&manager=CUSTOMER")),
        ("not rotated automatically", "medium", Some("keys?rotation_enabled=false&manager=CUSTOMER")),
        ("KMS cannot rotate it", "plain", None),
        ("not known", "unknown", None),
    ];
    Chart { title: "Rotation", note: "Customer managed keys.", heads: ["rotation", "keys"], bars: counts(&summary.rotation, &order), parts: true, long: false }
}

fn coverage(summary: &Summary) -> Chart<'static> {
    let sum = |of: fn(&crate::report::summary::Run) -> u64| summary.runs.iter().map(of).sum();
    let bars = [
        Bar::new("read whole", sum(|run| run.accounts_complete), "good").to("accounts?outcome=complete"),
        Bar::new("read in part", sum(|run| run.accounts_partial), "medium").to("accounts?outcome=partial"),
        Bar::new("not read at all", sum(|run| run.accounts_failed), "unknown").to("accounts?outcome=failed"),
        Bar::new("left out", sum(|run| run.accounts_skipped), "unknown").to("accounts?outcome=skipped"),
    ];
    Chart {
        title: "Coverage",
        note: "Accounts by how much of them was read.",
        heads: ["outcome", "accounts"],
        bars: bars.into_iter().filter(|bar| bar.value > 0).collect(),
        parts: true,
        long: false,
    }
}

fn changes(summary: &Summary) -> Chart<'static> {
    let bars = summary.changes.iter().map(|change| {
        let kind = if matches!(change.change.as_str(), "not_read" | "first_read") { "unknown" } else { "plain" };
        Bar::new(format!("{}: {}", change.subject.replace('_', " "), change.change.replace('_', " ")), change.count, kind).to(format!(
            "changes?subject={}&change={}",
            in_address(&change.subject),
            in_address(&change.change)
        ))
    });
    let note = if summary.runs.iter().any(|run| run.previous_run.is_none()) {
        "There is no earlier run to compare with."
    } else {
        "Against the run before. Hatched: one of the two runs could not look."
    };
    Chart { title: "Changes", note, heads: ["what", "count"], bars: bars.collect(), parts: false, long: false }
}

fn about(summary: &Summary) -> String {
    let mut html = String::from(
        "<div class=\"about\"><h2>How to read this</h2><ul>\
         <li><strong>Severity</strong> says how bad it is, if it is so; <strong>confidence</strong> how sure it is that it is so. The two are never mixed.</li>\
         <li><strong>Not known</strong> is never counted as fine: where a fact could not be read, no number here says that all is well. Hatched bars are what is not known.</li>\
         <li><strong>Who comes in</strong> is what is left of key policies and grants after every Deny and condition. IAM policies of the accounts that are let in are not read.</li>\
         <li><strong>Waived</strong> findings are put up with by somebody until the day that is shown. They stay in the list.</li>\
         <li><strong>Days left</strong> to a deletion are those of the day on which this file was written; all else is of the snapshot.</li></ul>",
    );
    for run in &summary.runs {
        let _ = write!(
            html,
            "<p>Run <code>{}</code>, {}, snapshot of {}; of {} accounts {} were read whole, {} in part, {} not at all, {} were left out. {} of {} keys lack a fact.{}</p>",
            escaped(&run.run_id),
            escaped(&run.subject()),
            escaped(&run.snapshot_date),
            grouped(run.accounts_planned),
            grouped(run.accounts_complete),
            grouped(run.accounts_partial),
            grouped(run.accounts_failed),
            grouped(run.accounts_skipped),
            grouped(run.keys_incomplete),
            grouped(run.keys),
            run.previous_run.as_deref().map_or_else(String::new, |previous| format!(" Compared with run <code>{}</code>.", escaped(previous))),
        );
    }
    let files = &summary.log_files;
    if files.scans > 0 {
        let days = match (&files.first_day, &files.last_day) {
            (Some(first), Some(last)) => format!(" of {} to {}, as far as they were delivered", escaped(first), escaped(last)),
            _ => String::new(),
        };
        let _ = write!(html, "<p>CloudTrail's log files{days} were read by {}.</p>", counted(files.scans, "scan"));
    }
    let _ = writeln!(html, "<p>Written by kms-insights {}.</p></div>", env!("CARGO_PKG_VERSION"));
    html
}
