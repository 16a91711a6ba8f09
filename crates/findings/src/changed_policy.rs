//! A policy with one statement changed: what a person would put in the place of the one that was found.
//!
//! Rules propose; [`proposals`](crate::proposals) tries each proposal out before it is shown.

use kms_insights_model::MAX_POLICY_BYTES;
use kms_insights_policy::{Condition, PolicyDocument, Principal, Statement};
use serde_json::{Map, Value, json};

/// The policy's text with other statements, or none, in the place of one. Everything else stays as it is written.
pub(crate) fn with_statements(document: &PolicyDocument, place: &Statement, others: Vec<Map<String, Value>>) -> Option<String> {
    let mut statements = Vec::with_capacity(document.statements.len() + 1);
    let mut others = Some(others);
    for statement in &document.statements {
        if statement.index == place.index {
            statements.extend(others.take().into_iter().flatten().map(Value::Object));
        } else {
            statements.push(serde_json::from_str(&statement.text).ok()?);
        }
    }
    text(document, statements)
}

/// The policy's text with one more statement.
pub(crate) fn with_another(document: &PolicyDocument, another: Value) -> Option<String> {
    let written = document.statements.iter().map(|statement| serde_json::from_str(&statement.text).ok());
    let mut statements: Vec<Value> = written.collect::<Option<_>>()?;
    statements.push(another);
    text(document, statements)
}

fn text(document: &PolicyDocument, statements: Vec<Value>) -> Option<String> {
    let mut policy = Map::new();
    if let Some(version) = &document.version {
        policy.insert("Version".to_owned(), json!(version));
    }
    if let Some(id) = &document.id {
        policy.insert("Id".to_owned(), json!(id));
    }
    policy.insert("Statement".to_owned(), Value::Array(statements));
    for unknown in &document.unknown {
        policy.insert(unknown.name.clone(), serde_json::from_str(&unknown.text).ok()?);
    }
    let policy = Value::Object(policy);
    let pretty = serde_json::to_string_pretty(&policy).ok()?;
    let text = if pretty.len() > MAX_POLICY_BYTES { policy.to_string() } else { pretty };
    (text.len() <= MAX_POLICY_BYTES).then_some(text)
}

/// Adds a condition to a statement, beside those that it has; nothing where it has one of that operator and key.
pub(crate) fn add_condition(statement: &mut Map<String, Value>, operator: &str, key: &str, value: Value) -> Option<()> {
    let conditions = statement.entry("Condition").or_insert_with(|| json!({})).as_object_mut()?;
    let written = conditions.keys().find(|written| written.eq_ignore_ascii_case(operator)).cloned();
    let of_operator = conditions.entry(written.unwrap_or_else(|| operator.to_owned())).or_insert_with(|| json!({})).as_object_mut()?;
    if of_operator.keys().any(|written| written.eq_ignore_ascii_case(key)) {
        return None;
    }
    of_operator.insert(key.to_owned(), value);
    Some(())
}

/// Takes principals out of a statement's list. Whether any are left.
pub(crate) fn remove_principals(statement: &mut Map<String, Value>, gone: &[&Principal]) -> Option<bool> {
    let element = if statement.contains_key("NotPrincipal") { "NotPrincipal" } else { "Principal" };
    let is_gone = |kind: &str, text: &str| gone.iter().any(|principal| principal.principal_type.as_str() == kind && *principal.text == *text);
    let listed = statement.get_mut(element)?;
    // The bare `"*"` is all there is.
    let Value::Object(by_kind) = listed else { return Some(!is_gone("AWS", listed.as_str()?)) };
    for (kind, texts) in by_kind.iter_mut() {
        match texts {
            Value::Array(texts) => texts.retain(|text| !text.as_str().is_some_and(|text| is_gone(kind, text))),
            Value::String(text) if is_gone(kind, text) => *texts = json!([]),
            _ => {}
        }
    }
    by_kind.retain(|_, texts| texts.as_array().is_none_or(|texts| !texts.is_empty()));
    Some(!by_kind.is_empty())
}

/// Moves a condition of the statement from its operator with `IfExists` to the one that demands the key.
pub(crate) fn without_if_exists(statement: &mut Map<String, Value>, condition: &Condition) -> Option<()> {
    let written = &condition.operator.text;
    let plain = written.get(..written.len().checked_sub("IfExists".len())?)?;
    let conditions = statement.get_mut("Condition")?.as_object_mut()?;
    let keys = conditions.get_mut(written)?.as_object_mut()?;
    let values = keys.shift_remove(&condition.key)?;
    if keys.is_empty() {
        conditions.shift_remove(written);
    }
    add_condition(statement, plain, &condition.key, values)
}
