//! Comparing one value of a request with one value of a policy (IAM User Guide, "IAM JSON policy elements: Condition operators").

use std::{cmp::Ordering, net::IpAddr};

use super::request::{MULTIVALUED, Request};

/// What a condition operator compares, without its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    /// The orderings under which the comparison holds.
    Numeric(&'static [Ordering]),
    Date(&'static [Ordering]),
    Bool,
    BinaryEquals,
    IpAddress,
    Arn,
}

use Ordering::{Equal, Greater, Less};

/// Every operator but `Null`: its name, what it compares, and whether it is negated.
pub const OPERATORS: [(&str, Comparison, bool); 26] = [
    ("StringEquals", Comparison::StringEquals, false),
    ("StringNotEquals", Comparison::StringEquals, true),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, true),
    ("StringLike", Comparison::StringLike, false),
    ("StringNotLike", Comparison::StringLike, true),
    ("NumericEquals", Comparison::Numeric(&[Equal]), false),
    ("NumericNotEquals", Comparison::Numeric(&[Equal]), true),
    ("NumericLessThan", Comparison::Numeric(&[Less]), false),
    ("NumericLessThanEquals", Comparison::Numeric(&[Less, Equal]), false),
    ("NumericGreaterThan", Comparison::Numeric(&[Greater]), false),
    ("NumericGreaterThanEquals", Comparison::Numeric(&[Greater, Equal]), false),
    ("DateEquals", Comparison::Date(&[Equal]), false),
    ("DateNotEquals", Comparison::Date(&[Equal]), true),
    ("DateLessThan", Comparison::Date(&[Less]), false),
    ("DateLessThanEquals", Comparison::Date(&[Less, Equal]), false),
    ("DateGreaterThan", Comparison::Date(&[Greater]), false),
    ("DateGreaterThanEquals", Comparison::Date(&[Greater, Equal]), false),
    ("Bool", Comparison::Bool, false),
    ("BinaryEquals", Comparison::BinaryEquals, false),
    ("IpAddress", Comparison::IpAddress, false),
    ("NotIpAddress", Comparison::IpAddress, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnNotLike", Comparison::Arn, true),
];

impl Comparison {
    /// Whether one value of the request compares with one value of the policy. A value that is not of the operator's type compares with nothing; AWS does not
    /// document it.
    ///
    /// `variables`: whether the policy's version has variables.
    pub fn holds(self, requested: &str, written: &str, request: &Request, variables: bool) -> bool {
        match self {
            Self::StringEquals | Self::Bool | Self::StringEqualsIgnoreCase => {
                let Some(text) = resolve(written, request, variables).map(|pattern| literal(&pattern)) else { return false };
                match self {
                    Self::StringEquals => text == requested,
                    Self::StringEqualsIgnoreCase => text.to_lowercase() == requested.to_lowercase(),
                    _ => boolean(&text).is_some_and(|value| boolean(requested) == Some(value)),
                }
            }
            Self::StringLike => resolve(written, request, variables).is_some_and(|pattern| like(&pattern, &requested.chars().collect::<Vec<_>>())),
            // The guide calls variables "Not supported" for the operators below, and compares binary values in their base-64 notation.
            Self::Numeric(orders) => match (number(requested), number(written)) {
                (Some(requested), Some(written)) => requested.partial_cmp(&written).is_some_and(|order| orders.contains(&order)),
                _ => false,
            },
            Self::Date(orders) => match (date(requested), date(written)) {
                (Some(requested), Some(written)) => requested.partial_cmp(&written).is_some_and(|order| orders.contains(&order)),
                _ => false,
            },
            Self::BinaryEquals => requested == written,
            Self::IpAddress => in_range(requested, written).unwrap_or(false),
            Self::Arn => arn(requested, written, request, variables),
        }
    }
}

/// A character of a pattern, or a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Exactly(char),
    One,
    Many,
}

/// The written value with its variables replaced; nothing when a variable has no value ("There is no equal or like value", "Policy variables with no value" in
/// "IAM policy elements: Variables and tags").
///
/// A variable with a multivalued key has no value ("you can't use a multivalued context key as a policy variable", "Single-valued vs. multivalued context
/// keys"); a default stands for it all the same, which AWS does not document, nor that wildcards in the value of a variable are plain characters. Braces
/// without an end are plain text.
fn resolve(written: &str, request: &Request, variables: bool) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = written;
    while let Some(first) = rest.chars().next() {
        if let Some((inside, after)) = rest.strip_prefix("${").filter(|_| variables).and_then(|rest| rest.split_once('}')) {
            match inside {
                "*" | "?" | "$" => tokens.extend(inside.chars().map(Token::Exactly)),
                _ => {
                    let (key, default) = inside.split_once(", ").map_or((inside, None), |(key, rest)| (key, quoted(rest)));
                    let single = !MULTIVALUED.contains(&key.trim().to_ascii_lowercase().as_str());
                    let value = request.values(key.trim()).filter(|_| single).and_then(|values| values.first()).map(String::as_str);
                    tokens.extend(value.or(default)?.chars().map(Token::Exactly));
                }
            }
            rest = after;
            continue;
        }
        tokens.push(match first {
            '*' => Token::Many,
            '?' => Token::One,
            other => Token::Exactly(other),
        });
        rest = &rest[first.len_utf8()..];
    }
    Some(tokens)
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

/// The text of a pattern for operators that know no wildcards.
fn literal(pattern: &[Token]) -> String {
    pattern
        .iter()
        .map(|token| match token {
            Token::Exactly(character) => *character,
            Token::One => '?',
            Token::Many => '*',
        })
        .collect()
}

fn like(pattern: &[Token], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Token::Many, rest)) => (0..=text.len()).any(|skipped| like(rest, &text[skipped..])),
        Some((Token::One, rest)) => text.split_first().is_some_and(|(_, text)| like(rest, text)),
        Some((Token::Exactly(wanted), rest)) => text.split_first().is_some_and(|(first, text)| first == wanted && like(rest, text)),
    }
}

/// Matches with `*` and `?` and no variables; used for actions.
pub fn like_text(pattern: &str, text: &str) -> bool {
    let tokens: Vec<Token> = pattern
        .chars()
        .map(|character| match character {
            '*' => Token::Many,
            '?' => Token::One,
            other => Token::Exactly(other),
        })
        .collect();
    like(&tokens, &text.chars().collect::<Vec<_>>())
}

/// "Each of the six colon-delimited components of the ARN is checked separately"; the sixth runs to the end, colons and all. What has fewer parts is no ARN and
/// compares with nothing.
///
/// The written value is split before variables are replaced, so that a variable's value stays in its part; AWS does not document the order.
fn arn(requested: &str, written: &str, request: &Request, variables: bool) -> bool {
    let (Some(requested), Some(written)) = (arn_parts(requested), arn_parts(written)) else { return false };
    requested
        .iter()
        .zip(written)
        .all(|(requested, written)| resolve(written, request, variables).is_some_and(|pattern| like(&pattern, &requested.chars().collect::<Vec<_>>())))
}

/// Colons inside `${…}` separate nothing.
fn arn_parts(text: &str) -> Option<[&str; 6]> {
    let mut parts = [""; 6];
    let (mut start, mut part, mut in_variable) = (0, 0, false);
    for (at, character) in text.char_indices() {
        match character {
            '$' if text[at..].starts_with("${") => in_variable = true,
            '}' => in_variable = false,
            ':' if !in_variable && part < 5 => {
                parts[part] = &text[start..at];
                (start, part) = (at + 1, part + 1);
            }
            _ => {}
        }
    }
    parts[part] = &text[start..];
    (part == 5).then_some(parts)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Seconds since 1970: "one of the W3C implementations of the ISO 8601 date formats or … epoch (UNIX) time". Digits alone are epoch time, even four of them.
fn date(text: &str) -> Option<f64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return number(text);
    }
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let mut day = day.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, date) = (day.next()??, day.next().unwrap_or(Some(1))?, day.next().unwrap_or(Some(1))?);
    if day.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    // Days since 1970 in the Gregorian calendar, counted in years that begin in March.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + date - 1 - 719_468;
    let midnight = f64::from(i32::try_from(days).ok()?) * 86_400.0;
    let Some(time) = time else { return Some(midnight) };
    let (clock, offset) = if let Some(clock) = time.strip_suffix('Z') {
        (clock, 0.0)
    } else {
        let at = time.rfind(['+', '-'])?;
        let sign = if time[at..].starts_with('-') { -1.0 } else { 1.0 };
        (&time[..at], sign * clock_seconds(&time[at + 1..])?)
    };
    Some(midnight + clock_seconds(clock)? - offset)
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.s`.
fn clock_seconds(text: &str) -> Option<f64> {
    let parts: Vec<f64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes] => Some(hours * 3600.0 + minutes * 60.0),
        [hours, minutes, seconds] => Some(hours * 3600.0 + minutes * 60.0 + seconds),
        _ => None,
    }
}

/// Whether an address is in a range. "If you specify an IP address without the associated routing prefix, IAM uses the default prefix value of /32"; for IPv6
/// the whole address is taken likewise. An address of the other family is in no range.
fn in_range(address: &str, range: &str) -> Option<bool> {
    let (base, prefix) = range.split_once('/').map_or((range, None), |(base, prefix)| (base, Some(prefix)));
    let prefix = prefix.map_or(Some(128), |prefix| prefix.parse::<u32>().ok())?;
    Some(match (address.parse().ok()?, base.parse().ok()?) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            let drop = 32_u32.saturating_sub(prefix);
            u32::from(address).checked_shr(drop) == u32::from(base).checked_shr(drop)
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            let drop = 128_u32.saturating_sub(prefix);
            u128::from(address).checked_shr(drop) == u128::from(base).checked_shr(drop)
        }
        _ => false,
    })
}
