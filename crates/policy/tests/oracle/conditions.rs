//! Whether a statement's `Condition` holds for a request (IAM User Guide: "IAM JSON policy elements: Condition operators", "Conditions with multiple context
//! keys or values", "Single-valued vs. multivalued context keys").

use serde_json::Value;

use super::{
    operators::{Comparison, OPERATORS},
    request::{MULTIVALUED, Request},
};

/// `ForAllValues:` or `ForAnyValue:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    All,
    Any,
}

/// An operator as the policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Null,
    Compare { set: Option<Set>, comparison: Comparison, negated: bool, if_exists: bool },
}

/// Operators are joined by AND, and so are the keys of each. A condition that cannot be read does not hold, so its statement has no effect; AWS refuses such
/// policies.
pub fn hold(condition: Option<&Value>, request: &Request, variables: bool) -> bool {
    let Some(condition) = condition else { return true };
    let Some(operators) = condition.as_object() else { return false };
    operators.iter().all(|(name, keys)| {
        let (Some(operator), Some(keys)) = (Operator::named(name), keys.as_object()) else { return false };
        keys.iter().all(|(key, written)| operator.holds(key, &texts(written), request, variables))
    })
}

impl Operator {
    /// Names are read in any case: the guide writes them in one way and says nothing of others.
    fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("Null") {
            return Some(Self::Null);
        }
        let (set, name) = match name.split_once(':') {
            None => (None, name),
            Some((set, name)) if set.eq_ignore_ascii_case("ForAllValues") => (Some(Set::All), name),
            Some((set, name)) if set.eq_ignore_ascii_case("ForAnyValue") => (Some(Set::Any), name),
            Some(_) => return None,
        };
        let lower = name.to_ascii_lowercase();
        let (base, if_exists) = lower.strip_suffix("ifexists").map_or((lower.as_str(), false), |base| (base, true));
        let (_, comparison, negated) = OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(base))?;
        Some(Self::Compare { set, comparison: *comparison, negated: *negated, if_exists })
    }

    fn holds(self, key: &str, written: &[String], request: &Request, variables: bool) -> bool {
        let requested = request.values(key);
        match self {
            // "use either true (the key doesn't exist — it is null) or false (the key exists and its value is not null)"
            Self::Null => written.iter().any(|value| value.eq_ignore_ascii_case(if requested.is_some() { "false" } else { "true" })),
            Self::Compare { set, comparison, negated, if_exists } => {
                let Some(requested) = requested else {
                    return match set {
                        // "If the key is not present, evaluate the condition element as true", said of all operators but Null, with a set or not.
                        _ if if_exists => true,
                        // "ForAllValues … also returns true if there are no context keys in the request". The guide's own table for
                        // ForAllValues:StringNotLike on aws:ResourceOrgPaths says "No match" there, and has its other rows the wrong way round too; the
                        // text is followed.
                        Some(Set::All) => true,
                        // "If there are no context keys in the request, … ForAnyValue returns false", said without regard to negation.
                        Some(Set::Any) => false,
                        // "the condition is false. If the policy condition requires that the key is not matched, … the condition is true"
                        None => negated,
                    };
                };
                // Several written values: OR; under a negated operator: NOR ("Evaluation logic for negated matching condition operators").
                let one = |value: &String| written.iter().any(|written| comparison.holds(value, written, request, variables)) != negated;
                match set {
                    Some(Set::All) => requested.iter().all(one),
                    // "Multivalued context keys require a condition set operator": what happens without one is not documented. Taken: neither the operator nor
                    // its negation holds.
                    None if is_multivalued(key) => false,
                    Some(Set::Any) | None => requested.iter().any(one),
                }
            }
        }
    }
}

pub fn is_multivalued(key: &str) -> bool {
    MULTIVALUED.contains(&key.to_ascii_lowercase().as_str())
}

/// The values of an element that may be one value or a list; numbers and booleans as their text.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}
