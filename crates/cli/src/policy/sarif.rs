//! The answer for code review: SARIF 2.1.0. Source: OASIS Standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; what GitHub reads of it:
//! "SARIF support for code scanning".

use std::{fmt::Write as _, ops::Range};

use kms_insights_findings::{Finding, RuleInfo, Severity};
use serde_json::{Value, json};

use super::{
    check::{self, Checked, Report, Spot},
    places,
};
use crate::{exit::Trouble, terminal::printable};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run.
pub(super) fn text(report: &Report<'_>) -> Result<String, Trouble> {
    let rules: Vec<&RuleInfo> = check::rules().collect();
    let results: Vec<Value> = report
        .checked()
        .flat_map(|checked| checked.analysis.findings.iter().map(move |finding| (checked, finding)))
        .map(|(checked, finding)| result(report, checked, finding, &rules))
        .collect();
    let unread: Vec<Value> = report
        .unread()
        .map(|(name, reason)| {
            json!({
                "level": "error",
                "message": { "text": message(&format!("{name}: {reason}")) },
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(name) } } }],
            })
        })
        .collect();
    let mut invocation = json!({ "executionSuccessful": unread.is_empty() });
    if !unread.is_empty() {
        invocation["toolExecutionNotifications"] = Value::Array(unread);
    }
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "kms-insights",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "invocations": [invocation],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).map_err(Trouble::failed)?;
    text.push('\n');
    Ok(text)
}

fn descriptor(rule: &RuleInfo) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.documentation },
        "help": { "text": rule.remediation, "markdown": format!("{}\n\n*What to do:* {}", rule.documentation, rule.remediation) },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "security-severity": score(rule.severity), "tags": ["security"] },
    })
}

fn result(report: &Report<'_>, checked: &Checked, finding: &Finding, rules: &[&RuleInfo]) -> Value {
    let mut properties = json!({ "severity": finding.severity, "confidence": finding.confidence, "remediation": finding.remediation });
    if let Some(index) = finding.place.statement() {
        properties["statement_index"] = index.into();
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": message(&format!("{} ({})", finding.title, finding.cause)) },
        "locations": [{ "physicalLocation": location(report, checked, finding) }],
        "partialFingerprints": { "kmsInsightsFinding/v1": finding.id },
        "properties": properties,
    });
    if let Some(index) = rules.iter().position(|rule| rule.id == finding.rule) {
        result["ruleIndex"] = index.into();
    }
    if let Some(waiver) = &finding.waiver {
        let justification = message(&format!("{} (until {})", waiver.reason, waiver.until));
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": justification }]);
    }
    result
}

fn location(report: &Report<'_>, checked: &Checked, finding: &Finding) -> Value {
    let of_policy = |shown: Range<usize>| {
        let place = checked.file.place_in_file(shown);
        let of = |at| places::line_and_column(checked.file.text(), at);
        (&checked.file.name, of(place.start), of(place.end))
    };
    // Lines and columns from 1; the end is behind the last character.
    let (name, start, end) = match checked.spot(finding, report.grants) {
        Spot::Grant(file, place) => (&file.name, place.start, place.end),
        Spot::Statement(statement) => of_policy(statement.whole.clone()),
        Spot::Policy(places) => of_policy(places.into_iter().next().unwrap_or_default()),
    };
    json!({
        "artifactLocation": { "uri": uri(name) },
        "region": { "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1 },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Low => "warning",
        Severity::Info => "note",
    }
}

/// Middles of the ranges by which GitHub tells severities apart.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

/// A text in which nothing is a link (§3.11.6) and nothing moves a cursor.
fn message(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        if matches!(c, '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A file's name as a URI: relative names stay relative, for the reader to resolve.
fn uri(name: &str) -> String {
    let name = if name == "-" { "stdin" } else { name };
    let mut uri = if name.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in name.strip_prefix("./").unwrap_or(name).bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use kms_insights_findings::Waiver;

    use super::{
        super::{
            check::{
                Outcome,
                tests::{OPEN, grants, policy, question, report},
            },
            input::PolicyFile,
        },
        *,
    };

    fn run(report: &Report<'_>) -> Value {
        let mut log: Value = serde_json::from_str(&text(report).unwrap()).unwrap();
        log["runs"][0].take()
    }

    fn of_rule(run: &Value, rule: &str) -> Value {
        run["results"].as_array().unwrap().iter().find(|result| result["ruleId"] == rule).unwrap().clone()
    }

    #[test]
    fn a_finding_is_a_result_at_the_lines_of_its_statement() {
        let question = question();
        let run = run(&report(&question, None, &[("dir/my policy.json", policy(&[OPEN]))]));
        let result = of_rule(&run, "public");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "dir/my%20policy.json");
        assert_eq!(place["region"], json!({ "startLine": 11, "startColumn": 5, "endLine": 17, "endColumn": 6 }));
        assert_eq!((&result["level"], &result["properties"]["severity"]), (&json!("error"), &json!("critical")));
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!((&rule["id"], &rule["properties"]["security-severity"]), (&json!("public"), &json!("9.5")));
        assert!(result["partialFingerprints"]["kmsInsightsFinding/v1"].as_str().is_some_and(|id| id.len() == 16));
        assert_eq!(run["invocations"], json!([{ "executionSuccessful": true }]));
    }

    #[test]
    fn a_policy_inside_an_answer_is_placed_at_its_string() {
        let question = question();
        let answer = json!({ "Policy": policy(&[OPEN]), "PolicyName": "default" });
        let run = run(&report(&question, None, &[("answer.json", serde_json::to_string_pretty(&answer).unwrap())]));
        let region = &of_rule(&run, "public")["locations"][0]["physicalLocation"]["region"];
        assert_eq!((&region["startLine"], &region["startColumn"], &region["endLine"]), (&json!(2), &json!(13), &json!(2)));
    }

    #[test]
    fn a_grants_finding_is_placed_in_the_file_of_grants() {
        let (question, grants) = (question(), grants());
        let run = run(&report(&question, Some(&grants), &[("app.json", policy(&[]))]));
        let places = run["results"].as_array().unwrap().iter().map(|result| &result["locations"][0]["physicalLocation"]);
        let place = places.into_iter().find(|place| place["artifactLocation"]["uri"] == "grants.json").unwrap();
        assert_eq!(place["region"]["startLine"], 3);
    }

    #[test]
    fn what_is_waived_is_suppressed_with_its_reason() {
        let mut question = question();
        let waiver = |reason: &str| Waiver {
            finding: None,
            rule: Some("public".to_owned()),
            key: None,
            account: None,
            reason: reason.to_owned(),
            until: "2027-01-31".parse().unwrap(),
        };
        question.settings.waivers = vec![waiver("see [the ticket](https://example.com)")];
        let result = of_rule(&run(&report(&question, None, &[("app.json", policy(&[OPEN]))])), "public");
        let justification = r"see \[the ticket\](https://example.com) (until 2027-01-31)";
        assert_eq!(result["suppressions"], json!([{ "kind": "external", "status": "accepted", "justification": justification }]));
    }

    #[test]
    fn a_file_that_could_not_be_read_is_a_notification_of_a_run_that_failed() {
        let question = question();
        let mut report = report(&question, None, &[]);
        report.files.push(Outcome::Unread { name: "/no/such/file".to_owned(), reason: PolicyFile::read("/no/such/file").unwrap_err() });
        let run = run(&report);
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "file:///no/such/file"
        );
    }

    #[test]
    fn names_of_files_are_uris() {
        assert_eq!(["-", "./a/b.json", "../c:d.json", "/tmp/ä b"].map(uri), ["stdin", "a/b.json", "../c%3Ad.json", "file:///tmp/%C3%A4%20b"]);
    }
}
