//! From the text of a key policy to a [`PolicyDocument`].
//!
//! Each level of the document is read into names and raw values first and into its elements then, so that every fault is told with its statement and element,
//! and every statement keeps its text. The document has a fixed number of levels, so the time stays linear in its length; what nests deeper lies in elements
//! this version does not know, whose text is kept without a look inside.

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Actions, Condition, Conditions, Effect, Operator, PolicyDocument, PolicyError, Principal, PrincipalType, Principals, Resources, Statement, UnknownElement,
    error::{Here, printable},
};

/// The longest text that is read. KMS stores 32 KiB; the rest is room for a copy with wider indentation.
pub const MAX_TEXT_BYTES: usize = 2 * kms_insights_model::MAX_POLICY_BYTES;

/// Reads a key policy. Source: AWS KMS Developer Guide, "Key policies in AWS KMS"; IAM User Guide, "Grammar of the IAM JSON policy language".
pub fn parse(text: &str) -> Result<PolicyDocument, PolicyError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(PolicyError::TooLarge { bytes: text.len(), limit: MAX_TEXT_BYTES });
    }
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    let place = Here::document();
    let entries = object(raw, &place, "an object with Version and Statement")?;
    let mut document = PolicyDocument { version: None, id: None, statements: Vec::new(), unknown: Vec::new() };
    let mut statements = None;
    for (name, value) in entries {
        match name.as_ref() {
            "Version" => document.version = Some(string(value, &place.below("Version"), "a version string, such as \"2012-10-17\"")?),
            "Id" => document.id = Some(string(value, &place.below("Id"), "a string")?),
            "Statement" => statements = Some(value),
            other => document.unknown.push(unknown(other, value, &["Version", "Id", "Statement"], &place)?),
        }
    }
    let statements = statements.ok_or(PolicyError::Missing { place: place.place(), element: "Statement" })?;
    document.statements = match first_byte(statements) {
        b'[' => items(statements, &place)?.into_iter().enumerate().map(|(index, raw)| statement(index, raw)).collect::<Result<_, _>>()?,
        _ => vec![statement(0, statements)?],
    };
    Ok(document)
}

fn statement(index: usize, raw: &RawValue) -> Result<Statement, PolicyError> {
    const KNOWN: [&str; 9] = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    let place = Here::statement(index);
    let (mut sid, mut effect, mut conditions, mut others) = (None, None, Conditions::default(), Vec::new());
    let (mut principal, mut not_principal, mut action, mut not_action, mut resource, mut not_resource) = (None, None, None, None, None, None);
    for (name, value) in object(raw, &place, "a statement, which is an object,")? {
        let below = || place.below(&name);
        match name.as_ref() {
            "Sid" => sid = Some(string(value, &below(), "a string")?.into()),
            "Effect" => effect = Some(read_effect(value, &below())?),
            "Principal" => principal = Some(principals(value, &below())?),
            "NotPrincipal" => not_principal = Some(principals(value, &below())?),
            "Action" => action = Some(strings(value, &below(), "an action or a list of actions")?),
            "NotAction" => not_action = Some(strings(value, &below(), "an action or a list of actions")?),
            "Resource" => resource = Some(strings(value, &below(), "a resource or a list of resources")?),
            "NotResource" => not_resource = Some(strings(value, &below(), "a resource or a list of resources")?),
            "Condition" => conditions = read_conditions(value, &below())?,
            other => others.push(unknown(other, value, &KNOWN, &place)?),
        }
    }
    let exclusive = |first, second| PolicyError::Exclusive { place: place.place(), first, second };
    let missing = |element| PolicyError::Missing { place: place.place(), element };
    Ok(Statement {
        index,
        sid,
        effect: effect.ok_or_else(|| missing("Effect"))?,
        principals: match (principal, not_principal) {
            (Some(listed), None) => Principals::Only(listed.into()),
            (None, Some(listed)) => Principals::Except(listed.into()),
            (None, None) => return Err(missing("Principal or NotPrincipal")),
            (Some(_), Some(_)) => return Err(exclusive("Principal", "NotPrincipal")),
        },
        actions: match (action, not_action) {
            (Some(listed), None) => Actions::Only(listed.into()),
            (None, Some(listed)) => Actions::Except(listed.into()),
            (None, None) => Actions::Absent,
            (Some(_), Some(_)) => return Err(exclusive("Action", "NotAction")),
        },
        resources: match (resource, not_resource) {
            (Some(listed), None) => Resources::Only(listed),
            (None, Some(listed)) => Resources::Except(listed),
            (None, None) => Resources::Absent,
            (Some(_), Some(_)) => return Err(exclusive("Resource", "NotResource")),
        },
        conditions,
        unknown: others,
        text: Arc::from(raw.get()),
    })
}

fn read_effect(raw: &RawValue, place: &Here<'_>) -> Result<Effect, PolicyError> {
    const LEGAL: &str = "\"Allow\" or \"Deny\"";
    match string(raw, place, LEGAL)?.as_str() {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        _ => Err(malformed(place, raw, LEGAL)),
    }
}

fn principals(raw: &RawValue, place: &Here<'_>) -> Result<Vec<Principal>, PolicyError> {
    const LEGAL: &str = "\"*\" or an object of AWS, Service, Federated or CanonicalUser";
    if first_byte(raw) == b'"' {
        let text = string(raw, place, LEGAL)?;
        return if text == "*" { Ok(vec![Principal::read(PrincipalType::Aws, text)]) } else { Err(malformed(place, raw, LEGAL)) };
    }
    let mut listed = Vec::new();
    for (name, value) in object(raw, place, LEGAL)? {
        let Some(principal_type) = PrincipalType::ALL.into_iter().find(|known| known.as_str() == name) else {
            return Err(PolicyError::Malformed { place: place.place(), found: format!("{:?}", printable(&name)), legal: LEGAL });
        };
        let texts = strings(value, &place.below(&name), "a principal or a list of principals")?;
        listed.extend(texts.into_iter().map(|text| Principal::read(principal_type, text)));
    }
    // Nobody in Principal is harmless, but nobody in NotPrincipal is everybody. KMS stores neither, so whoever meets one should be told.
    if listed.is_empty() { Err(malformed(place, raw, "at least one principal")) } else { Ok(listed) }
}

fn read_conditions(raw: &RawValue, place: &Here<'_>) -> Result<Conditions, PolicyError> {
    let mut entries = Vec::new();
    for (operator, keys) in object(raw, place, "an object of condition operators")? {
        let below = place.below(&operator);
        let operator = Operator::read(&operator);
        for (key, values) in object(keys, &below, "an object of condition keys")? {
            let values = scalars(values, &below.below(&key))?;
            entries.push(Condition { operator: operator.clone(), key: key.into_owned(), values });
        }
    }
    Ok(Conditions { entries, text: Some(Arc::from(raw.get())) })
}

/// Keeps an element that is not known, unless it differs from a known one in case only: readers may differ in whether that counts, and here it must not pass.
fn unknown(name: &str, value: &RawValue, known: &[&'static str], place: &Here<'_>) -> Result<UnknownElement, PolicyError> {
    match known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        Some(legal) => Err(PolicyError::Malformed { place: place.place(), found: format!("the element {name:?}"), legal }),
        None => Ok(UnknownElement { name: name.to_owned(), text: value.get().to_owned() }),
    }
}

/// The names and values of a JSON object, in order.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(8);
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

fn object<'a>(raw: &'a RawValue, place: &Here<'_>, legal: &'static str) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, PolicyError> {
    if first_byte(raw) != b'{' {
        return Err(malformed(place, raw, legal));
    }
    let Entries(entries) = serde_json::from_str(raw.get()).map_err(|error| unreadable(place, &error))?;
    let duplicate = if entries.len() <= 12 {
        entries.iter().enumerate().find(|(at, (name, _))| entries[..*at].iter().any(|(earlier, _)| earlier == name)).map(|(_, (name, _))| name)
    } else {
        let mut seen = BTreeSet::new();
        entries.iter().map(|(name, _)| name).find(|name| !seen.insert(*name))
    };
    match duplicate {
        Some(name) => Err(PolicyError::Duplicate { place: place.place(), name: printable(name) }),
        None => Ok(entries),
    }
}

fn items<'a>(raw: &'a RawValue, place: &Here<'_>) -> Result<Vec<&'a RawValue>, PolicyError> {
    serde_json::from_str(raw.get()).map_err(|error| unreadable(place, &error))
}

fn string(raw: &RawValue, place: &Here<'_>, legal: &'static str) -> Result<String, PolicyError> {
    if first_byte(raw) != b'"' {
        return Err(malformed(place, raw, legal));
    }
    serde_json::from_str(raw.get()).map_err(|error| unreadable(place, &error))
}

/// One string, or a list of strings.
fn strings(raw: &RawValue, place: &Here<'_>, legal: &'static str) -> Result<Vec<String>, PolicyError> {
    match first_byte(raw) {
        // A list of strings is read at one go; only a list of something else is gone through, to tell what it is.
        b'[' => serde_json::from_str(raw.get()).or_else(|_| items(raw, place)?.into_iter().map(|item| string(item, place, legal)).collect()),
        _ => Ok(vec![string(raw, place, legal)?]),
    }
}

/// One string, number or truth value, or a list of them, as text.
fn scalars(raw: &RawValue, place: &Here<'_>) -> Result<Vec<String>, PolicyError> {
    fn scalar(raw: &RawValue, place: &Here<'_>) -> Result<String, PolicyError> {
        const LEGAL: &str = "a string, a number, true, false or a list of them";
        match first_byte(raw) {
            b'"' => string(raw, place, LEGAL),
            b'{' | b'[' | b'n' => Err(malformed(place, raw, LEGAL)),
            _ => Ok(raw.get().to_owned()),
        }
    }
    match first_byte(raw) {
        b'[' => items(raw, place)?.into_iter().map(|item| scalar(item, place)).collect(),
        _ => Ok(vec![scalar(raw, place)?]),
    }
}

/// The byte that tells what kind of JSON value this is.
fn first_byte(raw: &RawValue) -> u8 {
    raw.get().bytes().find(|byte| !byte.is_ascii_whitespace()).unwrap_or_default()
}

fn malformed(place: &Here<'_>, raw: &RawValue, legal: &'static str) -> PolicyError {
    let found = match first_byte(raw) {
        b'{' => "an object".to_owned(),
        b'[' => "a list".to_owned(),
        _ => printable(raw.get()),
    };
    PolicyError::Malformed { place: place.place(), found, legal }
}

/// A value that lies whole in the document but cannot be read: a string with half of a surrogate pair, for one.
fn unreadable(place: &Here<'_>, error: &serde_json::Error) -> PolicyError {
    PolicyError::Malformed { place: place.place(), found: printable(&error.to_string()), legal: "JSON in UTF-8" }
}

fn json_error(error: &serde_json::Error) -> PolicyError {
    let message = error.to_string();
    // The message ends with the place, which the error's own fields carry.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    PolicyError::Json { line: error.line(), column: error.column(), message: printable(message) }
}
