//! Grants as `aws kms list-grants` prints them.

use std::collections::BTreeMap;

use kms_insights_model::{Grant, GrantConstraints, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest text that is read: a key has at most 50,000 grants, of at most 2 KB each.
pub const MAX_GRANTS_BYTES: usize = 128 * 1024 * 1024;

/// Why a text is not what `kms:ListGrants` answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantsError {
    /// The text is longer than any key's grants.
    #[error("the grants have {0} bytes; at most {MAX_GRANTS_BYTES} are read")]
    TooLarge(usize),
    /// The text is not JSON of that shape.
    #[error("these are not grants as kms:ListGrants answers them: {message} (line {line}, column {column})")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the JSON reader says.
        message: String,
    },
    /// The answer says that there are more grants.
    #[error("the list ends before the last grant: Truncated is true")]
    Truncated,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    grants: Vec<Entry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    grant_id: String,
    name: Option<String>,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
    issuing_account: Option<String>,
    operations: Vec<String>,
    #[serde(default)]
    constraints: Constraints,
    creation_date: Option<Moment>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Constraints {
    #[serde(default)]
    encryption_context_subset: BTreeMap<String, String>,
    #[serde(default)]
    encryption_context_equals: BTreeMap<String, String>,
    source_arn: Option<String>,
}

/// A date as version 1 of the AWS CLI prints it, in seconds, or as version 2 does.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Seconds(f64),
    Text(String),
}

/// Reads the answer of `kms:ListGrants`, or the list `Grants` of it. Source: AWS KMS API Reference, `ListGrants`.
pub fn read_grants(text: &str) -> Result<Vec<Grant>, GrantsError> {
    if text.len() > MAX_GRANTS_BYTES {
        return Err(GrantsError::TooLarge(text.len()));
    }
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let entries = if raw.get().starts_with('[') {
        serde_json::from_str(raw.get()).map_err(|error| malformed(&error))?
    } else {
        let answer: Answer = serde_json::from_str(raw.get()).map_err(|error| malformed(&error))?;
        if answer.truncated {
            return Err(GrantsError::Truncated);
        }
        answer.grants
    };
    Ok(entries.into_iter().map(grant).collect())
}

fn grant(entry: Entry) -> Grant {
    let moment = |moment: Moment| -> Option<Timestamp> {
        match moment {
            // Whole seconds are enough for a date that is only shown.
            #[expect(clippy::cast_possible_truncation, reason = "a date beyond the range of an i64 saturates, and is then no date")]
            Moment::Seconds(seconds) => chrono::DateTime::from_timestamp(seconds as i64, 0),
            Moment::Text(text) => crate::comparison::date(&text),
        }
    };
    Grant {
        id: entry.grant_id,
        name: entry.name,
        created_at: entry.creation_date.and_then(moment),
        grantee_principal: entry.grantee_principal,
        grantee_service_principal: entry.grantee_service_principal,
        retiring_principal: entry.retiring_principal,
        retiring_service_principal: entry.retiring_service_principal,
        issuing_account: entry.issuing_account,
        operations: entry.operations,
        constraints: GrantConstraints {
            encryption_context_subset: entry.constraints.encryption_context_subset,
            encryption_context_equals: entry.constraints.encryption_context_equals,
            source_arn: entry.constraints.source_arn,
        },
    }
}

fn malformed(error: &serde_json::Error) -> GrantsError {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    GrantsError::Malformed { line: error.line(), column: error.column(), message: crate::error::printable(message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"GrantId": "g", "GranteePrincipal": "arn:aws:iam::444455556666:role/r", "Operations": ["Decrypt"], "CreationDate": 1767225600.5,
        "Constraints": {"EncryptionContextSubset": {"a": "b"}}, "NewInTheFuture": {}}"#;

    #[test]
    fn an_answer_and_its_list_read_alike() {
        let answer = read_grants(&format!(r#"{{"Grants": [{ENTRY}], "Truncated": false}}"#)).unwrap();
        assert_eq!(answer, read_grants(&format!("[{ENTRY}]")).unwrap());
        assert_eq!(answer[0].constraints.encryption_context_subset.get("a").map(String::as_str), Some("b"));
        assert_eq!(answer[0].created_at.unwrap().to_rfc3339(), "2026-01-01T00:00:00+00:00");
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_not_fewer_grants() {
        assert_eq!(read_grants(r#"{"Grants": [], "Truncated": true}"#), Err(GrantsError::Truncated));
        let error = read_grants(r#"{"Grants": [{"GrantId": "g"}]}"#).unwrap_err().to_string();
        assert!(error.contains("missing field `Operations` (line 1"), "{error}");
        assert!(read_grants("{}").is_err() && read_grants("").is_err());
    }
}
