//! The answer for programs: an array with an object for each file. docs/policy-check.md describes the fields, which stay as they are.

mod access;

use std::sync::Arc;

use kms_insights_findings::{Confidence, ElementPath, Finding, Severity, Waiver, printable};
use kms_insights_policy::{PolicyError, access::PolicyName};
use serde::{Serialize, Serializer};
use serde_json::Value;

use self::access::{Access, Ways};
use super::check::{Outcome, Report};
use crate::exit::Trouble;

#[derive(Serialize)]
struct FileAnswer<'a> {
    file: &'a str,
    key_arn: String,
    grants: &'static str,
    outside_account: &'static str,
    outside_organization: &'static str,
    public: &'static str,
    locks_out_own_account: &'static str,
    concern: String,
    conditions: Vec<&'a str>,
    access: Vec<Ways<'a>>,
    findings: Vec<FindingAnswer<'a>>,
    error: Option<ErrorAnswer>,
}

#[derive(Serialize)]
struct FindingAnswer<'a> {
    id: &'a str,
    rule: &'static str,
    severity: Severity,
    confidence: Confidence,
    title: &'a str,
    cause: &'a str,
    policy_name: Option<&'static str>,
    statement_index: Option<usize>,
    grant_id: Option<&'a str>,
    elements: &'a [ElementPath],
    principals: &'a [Arc<str>],
    evidence: JsonText<'a>,
    remediation: &'a str,
    changed_policy: Option<JsonText<'a>>,
    waiver: Option<&'a Waiver>,
}

/// A JSON text, written as the value that it is. It is read when it is written: a policy of hundreds of statements is changed in hundreds of ways.
struct JsonText<'a>(&'a str);

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What were no JSON would be told as text.
        serde_json::from_str(self.0).unwrap_or_else(|_| Value::String(self.0.to_owned())).serialize(serializer)
    }
}

/// Why a file is no policy: its own fault, or that it could not be read.
#[derive(Serialize)]
struct ErrorAnswer {
    kind: &'static str,
    message: String,
    statement_index: Option<usize>,
    element: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
}

/// The array.
pub(super) fn text(report: &Report<'_>) -> Result<String, Trouble> {
    let answers: Vec<FileAnswer<'_>> = report.files.iter().map(|outcome| answer(report, outcome)).collect();
    let mut text = serde_json::to_string_pretty(&answers).map_err(Trouble::failed)?;
    text.push('\n');
    Ok(text)
}

fn answer<'a>(report: &'a Report<'_>, outcome: &'a Outcome) -> FileAnswer<'a> {
    let key_arn = report.question.key.to_string();
    let grants = if report.grants.is_some() { "given" } else { "not_given" };
    match outcome {
        Outcome::Checked(checked) => {
            let exposure = checked.exposure();
            let Access { conditions, ways } = Access::of(&checked.analysis.access);
            FileAnswer {
                file: &checked.file.name,
                key_arn,
                grants,
                outside_account: exposure.outside_account.as_str(),
                outside_organization: exposure.outside_organization.as_str(),
                public: exposure.public.as_str(),
                locks_out_own_account: checked.locks_out.as_str(),
                concern: checked.concern(),
                conditions,
                access: ways,
                findings: checked.analysis.findings.iter().map(finding_answer).collect(),
                error: checked.error.as_ref().map(policy_error),
            }
        }
        Outcome::Unread { name, reason } => FileAnswer {
            file: name,
            key_arn,
            grants,
            outside_account: "unknown",
            outside_organization: "unknown",
            public: "unknown",
            locks_out_own_account: "unknown",
            concern: String::new(),
            conditions: Vec::new(),
            access: Vec::new(),
            findings: Vec::new(),
            error: Some(ErrorAnswer { kind: "file", message: reason.to_string(), statement_index: None, element: None, line: None, column: None }),
        },
    }
}

fn finding_answer(finding: &Finding) -> FindingAnswer<'_> {
    FindingAnswer {
        id: &finding.id,
        rule: finding.rule,
        severity: finding.severity,
        confidence: finding.confidence,
        title: &finding.title,
        cause: &finding.cause,
        policy_name: finding.place.policy().map(PolicyName::as_str),
        statement_index: finding.place.statement(),
        grant_id: finding.place.grant(),
        elements: finding.place.elements(),
        principals: &finding.principals,
        evidence: JsonText(&finding.evidence),
        remediation: &finding.remediation,
        changed_policy: finding.changed_policy.as_deref().map(JsonText),
        waiver: finding.waiver.as_ref(),
    }
}

fn policy_error(error: &PolicyError) -> ErrorAnswer {
    let (line, column) = match error {
        PolicyError::Json { line, column, .. } => (Some(*line), Some(*column)),
        _ => (None, None),
    };
    let place = error.place();
    ErrorAnswer {
        kind: "policy",
        message: printable(&error.to_string()).into_owned(),
        statement_index: place.and_then(|place| place.statement),
        element: place.and_then(|place| place.element.as_deref()).map(|element| printable(element).into_owned()),
        line,
        column,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{
            check::tests::{OPEN, grants, policy, question, report},
            input::PolicyFile,
        },
        *,
    };

    fn answers(report: &Report<'_>) -> Vec<Value> {
        serde_json::from_str(&text(report).unwrap()).unwrap()
    }

    #[test]
    fn a_file_is_answered_with_verdicts_ways_in_and_findings() {
        let question = question();
        let answer = answers(&report(&question, None, &[("app.json", policy(&[OPEN]))])).remove(0);
        let verdicts = ["outside_account", "outside_organization", "public", "locks_out_own_account", "grants"].map(|field| answer[field].as_str().unwrap());
        assert_eq!(verdicts, ["yes", "yes", "yes", "no", "not_given"]);
        assert_eq!((&answer["file"], &answer["key_arn"], &answer["error"]), (&json!("app.json"), &json!(question.key), &Value::Null));
        assert_eq!(answer["concern"], "Principal is account;Key policy overly permissive;External account");
        assert!(
            answer["access"].as_array().unwrap().iter().any(|row| row["trust"] == "public" && row["capabilities"].get("decrypt").is_some()),
            "{}",
            answer["access"]
        );
        let public = answer["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "public").unwrap();
        assert_eq!((&public["statement_index"], &public["severity"], &public["confidence"]), (&json!(1), &json!("critical"), &json!("certain")));
        assert_eq!(
            (&public["policy_name"], &public["grant_id"], &public["elements"], &public["principals"]),
            (&json!("default"), &Value::Null, &json!([["Principal"]]), &json!(["*"]))
        );
        assert_eq!(public["evidence"]["Sid"], "Open");
        assert_eq!(public["changed_policy"]["Statement"].as_array().map(Vec::len), Some(2));
        assert_eq!(public["waiver"], Value::Null);
    }

    #[test]
    fn grants_that_are_given_are_weighed() {
        let (question, grants) = (question(), grants());
        let answer = answers(&report(&question, Some(&grants), &[("app.json", policy(&[]))])).remove(0);
        assert_eq!((&answer["grants"], &answer["outside_account"]), (&json!("given"), &json!("yes")));
        assert!(answer["access"].as_array().unwrap().iter().any(|row| row["cause"] == "grant"));
        let granted = answer["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "grant-outside-account").unwrap();
        assert_eq!((&granted["policy_name"], &granted["statement_index"], &granted["elements"]), (&Value::Null, &Value::Null, &json!([])));
        assert_eq!((&granted["grant_id"], &granted["principals"]), (&json!(grants.grants[0].id), &json!(["arn:aws:iam::444455556666:role/partner"])));
    }

    #[test]
    fn a_statement_of_many_accounts_beside_many_denies_is_answered_at_the_length_of_the_policy() {
        let question = question();
        let accounts: Vec<String> = (0..1_200).map(|at| format!("\"{}\"", 600_000_000_000_u64 + at)).collect();
        let open = format!("{{\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":[{}]}},\"Action\":\"kms:*\",\"Resource\":\"*\"}}", accounts.join(","));
        let deny = |at: usize| {
            format!(
                "{{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\",\"Condition\":{{\"StringEquals\":{{\"aws:SourceVpc\":\"vpc-{at}\"}}}}}}"
            )
        };
        let statements: Vec<String> = std::iter::once(open).chain((0..80).map(deny)).collect();
        let policy = policy(&statements.iter().map(String::as_str).collect::<Vec<_>>());
        let text = text(&report(&question, None, &[("app.json", policy.clone())])).unwrap();
        let answer: Vec<Value> = serde_json::from_str(&text).unwrap();
        let of_statement = answer[0]["access"].as_array().unwrap().iter().filter(|way| way["statement_index"] == 1 && way["kind"] == "delegation");
        let callers: Vec<usize> = of_statement.map(|way| way["callers"].as_array().unwrap().len()).collect();
        // Behind all Denies, of which it is certain that they come in until the effort for one key is spent, and what is then not weighed.
        assert_eq!((callers.iter().sum::<usize>(), answer[0]["conditions"].as_array().map(Vec::len)), (1_200, Some(80)));
        assert!(callers.len() <= 3, "{callers:?}");
        // Findings repeat the statement as evidence.
        let of_access = serde_json::to_string_pretty(&[&answer[0]["access"], &answer[0]["conditions"]]).unwrap();
        assert!(of_access.len() < 16 * policy.len(), "{} bytes of a policy of {}", of_access.len(), policy.len());
        assert!(text.len() < 40 * policy.len(), "{} bytes for a policy of {}", text.len(), policy.len());
    }

    #[test]
    fn what_cannot_be_read_is_an_answer_too_and_never_no() {
        let question = question();
        let mut report = report(&question, None, &[("broken.json", "{\"Statement\": [{\"Effect\": \"Alow\"}]}".to_owned())]);
        let reason = PolicyFile::read("/no/such/file").unwrap_err();
        report.files.push(Outcome::Unread { name: "/no/such/file".to_owned(), reason });
        let [broken, missing] = <[Value; 2]>::try_from(answers(&report)).unwrap();
        let kinds = [&broken, &missing].map(|answer| answer["error"]["kind"].as_str().unwrap().to_owned());
        assert_eq!(kinds, ["policy", "file"]);
        assert_eq!((&broken["error"]["statement_index"], &broken["error"]["element"]), (&json!(0), &json!("Effect")));
        assert_eq!((broken["findings"][0]["rule"].as_str(), &missing["findings"]), (Some("policy-unreadable"), &json!([])));
        for answer in [broken, missing] {
            for field in ["outside_account", "outside_organization", "public", "locks_out_own_account"] {
                assert_eq!(answer[field], "unknown");
            }
        }
    }
}
