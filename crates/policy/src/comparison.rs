//! Whether a condition holds for the values that a request carries: IAM's operators, one by one.
//!
//! Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys" and "IAM JSON policy elements: Variables and tags".

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
};

use chrono::{DateTime, NaiveDate, Utc};

use crate::{Condition, SetQualifier, Test, wildcard};

/// What is known of the value of a policy variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolved<'a> {
    /// The request carries this.
    Value(Cow<'a, str>),
    /// The request does not carry the key.
    Absent,
    /// It cannot be told.
    Open,
}

/// Whether the condition holds for a request whose context key has these values; `None` for a request without the key. The answer is `None` where it cannot be
/// told: for operators and variables that nobody here knows.
///
/// `resolve` tells the value of a policy variable by its key; `variables` says whether `${…}` is one.
pub(crate) fn holds<'a>(condition: &Condition, values: Option<&[Cow<'_, str>]>, variables: bool, resolve: &dyn Fn(&str) -> Resolved<'a>) -> Option<bool> {
    let operator = &condition.operator;
    if operator.test == Test::Unrecognized {
        return None;
    }
    let values = values.filter(|values| !values.is_empty());
    if operator.test == Test::Null {
        let wanted = |wanted: &str| condition.values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
        return match (wanted("true"), wanted("false")) {
            (true, true) => Some(true),
            (true, false) => Some(values.is_none()),
            (false, true) => Some(values.is_some()),
            (false, false) => None,
        };
    }
    let Some(values) = values else {
        return Some(operator.holds_without_key());
    };
    if condition.values.is_empty() {
        return None;
    }
    let mut undecided = false;
    let mut passes = |value: &str| {
        let mut matched = Some(false);
        for wanted in &condition.values {
            match matches(operator.test, wanted, value, variables, resolve) {
                Some(true) => {
                    matched = Some(true);
                    break;
                }
                Some(false) => {}
                None => matched = None,
            }
        }
        undecided |= matched.is_none();
        matched.map(|matched| matched != operator.negated)
    };
    match operator.set {
        Some(SetQualifier::ForAllValues) => {
            let outcomes: Vec<Option<bool>> = values.iter().map(|value| passes(value)).collect();
            if outcomes.contains(&Some(false)) { Some(false) } else { (!outcomes.contains(&None)).then_some(true) }
        }
        Some(SetQualifier::ForAnyValue) => {
            let outcomes: Vec<Option<bool>> = values.iter().map(|value| passes(value)).collect();
            if outcomes.contains(&Some(true)) { Some(true) } else { (!outcomes.contains(&None)).then_some(false) }
        }
        // Several values without a qualifier: AWS says not to write that, and not what it does.
        None => match values {
            [value] => passes(value),
            _ => None,
        },
    }
}

/// Whether `value` of a request matches `wanted` of a policy; `None` where it cannot be told.
fn matches<'a>(test: Test, wanted: &str, value: &str, variables: bool, resolve: &dyn Fn(&str) -> Resolved<'a>) -> Option<bool> {
    let wanted = if variables && wanted.contains("${") {
        match expand(wanted, test, resolve) {
            // Whether an ARN is taken apart before its variables are replaced or after is not documented; either way it matches only what it matches as one text.
            Expanded::Text(expanded) if test == Test::Arn && !comes_apart_alike(wanted, resolve) => return open_where(&expanded, value),
            Expanded::Text(expanded) => Cow::Owned(expanded),
            Expanded::NoValue => return Some(false),
            Expanded::Open => return None,
        }
    } else {
        Cow::Borrowed(wanted)
    };
    let wanted = wanted.as_ref();
    Some(match test {
        Test::StringEquals | Test::BinaryEquals => wanted == value,
        Test::StringEqualsIgnoreCase => wanted.to_lowercase() == value.to_lowercase(),
        Test::StringLike => wildcard::matches_exactly(wanted, value),
        Test::Arn => return arn_matches(wanted, value),
        Test::Bool => wanted.eq_ignore_ascii_case(value),
        Test::NumericEquals => numbers(value, wanted).is_some_and(|(value, wanted)| value.total_cmp(&wanted).is_eq()),
        Test::NumericLessThan => numbers(value, wanted).is_some_and(|(value, wanted)| value < wanted),
        Test::NumericLessThanEquals => numbers(value, wanted).is_some_and(|(value, wanted)| value <= wanted),
        Test::NumericGreaterThan => numbers(value, wanted).is_some_and(|(value, wanted)| value > wanted),
        Test::NumericGreaterThanEquals => numbers(value, wanted).is_some_and(|(value, wanted)| value >= wanted),
        Test::DateEquals => dates(value, wanted).is_some_and(|(value, wanted)| value == wanted),
        Test::DateLessThan => dates(value, wanted).is_some_and(|(value, wanted)| value < wanted),
        Test::DateLessThanEquals => dates(value, wanted).is_some_and(|(value, wanted)| value <= wanted),
        Test::DateGreaterThan => dates(value, wanted).is_some_and(|(value, wanted)| value > wanted),
        Test::DateGreaterThanEquals => dates(value, wanted).is_some_and(|(value, wanted)| value >= wanted),
        Test::IpAddress => in_network(value, wanted),
        Test::Null | Test::Unrecognized => return None,
    })
}

enum Expanded {
    Text(String),
    /// A variable without a value and without a default: the comparison cannot match.
    NoValue,
    Open,
}

/// Replaces the policy variables of a value: `${key}`, `${key, 'default'}`, and the escapes `${*}`, `${?}`, `${$}`.
fn expand<'a>(written: &str, test: Test, resolve: &dyn Fn(&str) -> Resolved<'a>) -> Expanded {
    let knows_wildcards = matches!(test, Test::StringLike | Test::Arn);
    let (mut out, mut rest) = (String::with_capacity(written.len()), written);
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        rest = behind;
        let (name, default) = match name.split_once(',') {
            Some((name, default)) => (name, default.trim().strip_prefix('\'').and_then(|default| default.strip_suffix('\''))),
            None => (name, None),
        };
        let value = match name.trim() {
            escaped @ ("*" | "?" | "$") => Cow::Borrowed(escaped),
            name => match (resolve(name), default) {
                (Resolved::Value(value), _) => value,
                (Resolved::Absent, Some(default)) => Cow::Borrowed(default),
                (Resolved::Absent, None) => return Expanded::NoValue,
                (Resolved::Open, _) => return Expanded::Open,
            },
        };
        // What a variable puts in stands for itself.
        if knows_wildcards { out.push_str(&wildcard::escaped(&value)) } else { out.push_str(&value) }
    }
    out.push_str(rest);
    Expanded::Text(out)
}

/// The parts of an ARN.
const PARTS: usize = 6;

/// An ARN against a pattern: six parts, each with its own wildcards. AWS documents nothing of a pattern of fewer parts, be it `*` alone: that it matches nothing, or
/// what it matches as one text, are both to be reckoned with.
fn arn_matches(pattern: &str, arn: &str) -> Option<bool> {
    let parts = |text| str::splitn(text, PARTS, ':');
    if parts(pattern).count() < PARTS {
        return open_where(pattern, arn);
    }
    Some(parts(arn).count() == PARTS && parts(pattern).zip(parts(arn)).all(|(wanted, part)| wildcard::matches_exactly(wanted, part)))
}

/// Undecided where the pattern matches the text as a whole; else it does not match.
fn open_where(pattern: &str, text: &str) -> Option<bool> {
    if wildcard::matches_exactly(pattern, text) { None } else { Some(false) }
}

/// Whether the colons that separate the parts of an ARN are those outside its policy variables, whatever these are replaced with.
fn comes_apart_alike<'a>(written: &str, resolve: &dyn Fn(&str) -> Resolved<'a>) -> bool {
    let (mut separators, mut rest) = (Vec::new(), written);
    while let Some(at) = rest.find([':', '$']) {
        let from = written.len() - rest.len() + at;
        let variable = rest[at..].starts_with("${").then(|| rest[at..].find('}')).flatten();
        if variable.is_none() && rest[at..].starts_with(':') {
            separators.push(from);
        }
        rest = &written[from + variable.unwrap_or(0) + 1..];
    }
    let Some(head) = separators.get(PARTS - 2).map(|end| &written[..*end]) else { return false };
    matches!(expand(head, Test::Arn, resolve), Expanded::Text(head) if head.matches(':').count() == PARTS - 2)
}

fn numbers(one: &str, other: &str) -> Option<(f64, f64)> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    Some((number(one)?, number(other)?))
}

fn dates(one: &str, other: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((date(one)?, date(other)?))
}

/// A date as policies write it: ISO 8601 with or without a time, or seconds since the epoch.
pub(crate) fn date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(date.to_utc());
    }
    // Hours and minutes without seconds.
    if let Some((head, tail)) =
        text.split_once('T').and_then(|(_, time)| time.is_char_boundary(5).then(|| text.split_at(text.len() - time.len() + time.len().min(5))))
        && !tail.starts_with(':')
        && let Ok(date) = DateTime::parse_from_rfc3339(&format!("{head}:00{tail}"))
    {
        return Some(date.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.and_hms_opt(0, 0, 0)?.and_utc());
    }
    DateTime::from_timestamp(text.parse().ok()?, 0)
}

/// Whether an address lies in a network in CIDR notation; an address alone is a network of one.
fn in_network(address: &str, network: &str) -> bool {
    let Ok(address) = address.trim().parse::<IpAddr>() else { return false };
    let (base, length) = network.trim().split_once('/').unwrap_or((network.trim(), ""));
    let Ok(base) = base.parse::<IpAddr>() else { return false };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), Ipv6Addr::BITS),
    };
    let ((address_bits, width), (base_bits, base_width)) = (bits(address), bits(base));
    let length = if length.is_empty() { Some(base_width) } else { length.parse::<u32>().ok() };
    match length {
        Some(0) => width == base_width,
        Some(length) if length <= base_width => width == base_width && (address_bits ^ base_bits) >> (128 - length) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: &str, key: &str, values: &[&str]) -> Condition {
        Condition { operator: crate::Operator::read(operator), key: key.to_owned(), values: values.iter().map(|&value| value.to_owned()).collect() }
    }

    fn check(operator: &str, wanted: &[&str], carried: Option<&[&str]>) -> Option<bool> {
        let carried: Option<Vec<Cow<'_, str>>> = carried.map(|values| values.iter().map(|&value| Cow::Borrowed(value)).collect());
        let resolve = |name: &str| match name {
            "aws:username" => Resolved::Value(Cow::Borrowed("alice")),
            "aws:PrincipalTag/team" => Resolved::Absent,
            _ => Resolved::Open,
        };
        holds(&condition(operator, "k", wanted), carried.as_deref(), true, &resolve)
    }

    #[test]
    fn each_operator_holds_where_iam_says_it_does() {
        let (yes, no) = (Some(true), Some(false));
        for (operator, wanted, carried, expected) in [
            ("StringEquals", &["a"][..], "a", yes),
            ("StringEquals", &["a"], "A", no),
            ("StringEquals", &["a", "b"], "b", yes),
            ("StringNotEquals", &["a", "b"], "b", no),
            ("StringNotEquals", &["a", "b"], "c", yes),
            ("StringEqualsIgnoreCase", &["a"], "A", yes),
            ("StringNotEqualsIgnoreCase", &["a"], "A", no),
            ("StringLike", &["a*c"], "abc", yes),
            ("StringLike", &["a*c"], "ABC", no),
            ("StringNotLike", &["a?"], "ab", no),
            ("StringEquals", &["*"], "a", no),
            ("NumericEquals", &["10"], "10.0", yes),
            ("NumericNotEquals", &["10"], "11", yes),
            ("NumericLessThan", &["10"], "9", yes),
            ("NumericLessThan", &["10"], "x", no),
            ("NumericLessThanEquals", &["10"], "10", yes),
            ("NumericGreaterThan", &["10"], "10", no),
            ("NumericGreaterThanEquals", &["10"], "10", yes),
            ("DateEquals", &["2026-01-01"], "2026-01-01T00:00:00Z", yes),
            ("DateNotEquals", &["2026-01-01"], "2026-01-01T00:00:00Z", no),
            ("DateLessThan", &["2026-01-01T00:00:00Z"], "2025-12-31T23:59:59Z", yes),
            ("DateLessThanEquals", &["1767225600"], "2026-01-01T00:00:00Z", yes),
            ("DateGreaterThan", &["2026-01-01T00:00:00Z"], "2026-01-01T00:00:00Z", no),
            ("DateGreaterThanEquals", &["2026-01-01T01:00:00+01:00"], "2026-01-01T00:00:00Z", yes),
            ("Bool", &["true"], "TRUE", yes),
            ("Bool", &["true"], "false", no),
            ("BinaryEquals", &["QmluYXJ5"], "QmluYXJ5", yes),
            ("IpAddress", &["203.0.113.0/24"], "203.0.113.77", yes),
            ("IpAddress", &["203.0.113.0/24"], "203.0.114.1", no),
            ("IpAddress", &["0.0.0.0/0"], "198.51.100.1", yes),
            ("IpAddress", &["0.0.0.0/0"], "2001:db8::1", no),
            ("NotIpAddress", &["2001:db8::/32"], "2001:db8::1", no),
            ("IpAddress", &["203.0.113.7"], "203.0.113.7", yes),
            ("IpAddress", &["203.0.113.0/33"], "203.0.113.7", no),
            ("ArnLike", &["arn:aws:iam::1:role/*"], "arn:aws:iam::1:role/a/b", yes),
            ("ArnLike", &["arn:aws:iam::*:role/a"], "arn:aws:iam::1:2:role/a", no),
            ("ArnEquals", &["arn:aws:iam::1:role/?"], "arn:aws:iam::1:role/a", yes),
            ("ArnNotLike", &["arn:aws:iam::1:role/*"], "arn:aws:iam::1:user/a", yes),
            ("ArnNotEquals", &["*"], "arn:aws:iam::1:user/a", None),
            ("ArnLike", &["arn:aws:iam::*"], "arn:aws:iam::1:user/a", None),
            ("ArnLike", &["arn:aws:iam::*", "arn:aws:iam::1:*"], "arn:aws:iam::1:user/a", yes),
            ("ArnLike", &["arn:aws:sts::*"], "arn:aws:iam::1:user/a", no),
            ("ArnLike", &["arn:*:iam::1:*"], "arn:aws:iam::1:user/a", yes),
            ("ArnLike", &["arn:aws:iam::1:USER/a"], "arn:aws:iam::1:user/a", no),
            ("ArnEquals", &["a"], "a", None),
            ("ArnLike", &["arn:aws:iam::1:user/${aws:username}"], "arn:aws:iam::1:user/alice", yes),
            ("ArnLike", &["arn:aws:iam::${aws:PrincipalTag/team, '1'}:*"], "arn:aws:iam::1:user/a", yes),
            ("ArnLike", &["${aws:PrincipalTag/team, 'arn:aws:iam::1:user/a'}"], "arn:aws:iam::1:user/a", None),
            ("ArnLike", &["${aws:PrincipalTag/team, 'arn:aws:iam::1:user/b'}"], "arn:aws:iam::1:user/a", no),
            ("ArnLike", &["arn:aws:iam:${aws:PrincipalTag/team, ':1'}:user/a"], "arn:aws:iam::1:user/a", None),
            ("ArnLike", &["arn:aws:logs::1:${aws:PrincipalTag/team, 'a:b'}"], "arn:aws:logs::1:a:b", yes),
            ("Null", &["false"], "x", yes),
            ("Null", &["true"], "x", no),
            ("StringMatches", &["x"], "x", None),
            ("StringEquals", &[], "x", None),
            ("StringEquals", &["${aws:username}"], "alice", yes),
            ("StringEquals", &["${aws:PrincipalTag/team}"], "alice", no),
            ("StringEquals", &["${aws:PrincipalTag/team, 'blue'}"], "blue", yes),
            ("StringEquals", &["${aws:FederatedProvider}"], "x", None),
            ("StringEquals", &["${*}${?}${$}"], "*?$", yes),
            ("StringLike", &["${*}"], "x", no),
            ("StringLike", &["a${*}?"], "a*b", yes),
            ("StringEquals", &["${unclosed"], "${unclosed", yes),
        ] {
            assert_eq!(check(operator, wanted, Some(&[carried])), expected, "{operator} {wanted:?} {carried}");
        }
    }

    #[test]
    fn a_lacking_key_fails_what_is_positive_and_passes_the_rest() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringEqualsIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAllValues:StringNotEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
            ("Bool", false),
            ("NumericLessThan", false),
            ("IpAddress", false),
            ("NotIpAddress", true),
        ] {
            assert_eq!(check(operator, &["x"], None), Some(expected), "{operator}");
            assert_eq!(check(operator, &["x"], Some(&[])), Some(expected), "{operator} of an empty list");
        }
        assert_eq!(check("Null", &["true"], None), Some(true));
        assert_eq!(check("Null", &["false"], None), Some(false));
    }

    #[test]
    fn several_values_need_a_qualifier() {
        let both = Some(&["a", "b"][..]);
        for (operator, wanted, expected) in [
            ("ForAllValues:StringEquals", &["a"][..], Some(false)),
            ("ForAllValues:StringEquals", &["a", "b", "c"], Some(true)),
            ("ForAnyValue:StringEquals", &["b"], Some(true)),
            ("ForAnyValue:StringEquals", &["c"], Some(false)),
            ("ForAllValues:StringNotEquals", &["c"], Some(true)),
            ("ForAnyValue:StringNotEquals", &["a", "b"], Some(false)),
            ("StringEquals", &["a"], None),
        ] {
            assert_eq!(check(operator, wanted, both), expected, "{operator} {wanted:?}");
        }
    }
}
