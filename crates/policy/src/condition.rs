//! The `Condition` element: operators, keys, values.

use std::{fmt, sync::Arc};

/// All conditions of a statement: every one must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The conditions in the order in which they are written.
    pub entries: Vec<Condition>,
    /// The element's JSON, byte for byte as written; `None` where there is none.
    pub text: Option<Arc<str>>,
}

impl Conditions {
    /// Whether the statement has no condition.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// One operator applied to one context key: it holds when the key's value matches one of `values` (all of them must not match, for negated operators).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The operator.
    pub operator: Operator,
    /// The context key as written. Keys compare without regard to case.
    pub key: String,
    /// The values; numbers and truth values as their JSON text.
    pub values: Vec<String>,
}

/// A condition operator taken apart: `ForAllValues:StringLikeIfExists`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// As written.
    pub text: String,
    /// `ForAllValues:` or `ForAnyValue:`
    pub set: Option<SetQualifier>,
    /// What is compared and how.
    pub test: Test,
    /// Whether the outcome is negated, as in `StringNotEquals`; such a condition holds when the request lacks the key.
    pub negated: bool,
    /// `…IfExists`: the condition holds when the request lacks the key.
    pub if_exists: bool,
}

/// How an operator treats a key of several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetQualifier {
    /// Every value of the request must match. **True when there is none.**
    ForAllValues,
    /// At least one value of the request must match.
    ForAnyValue,
}

/// The comparison of an operator, its negation apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// `StringEquals`, `StringNotEquals`
    StringEquals,
    /// `StringEqualsIgnoreCase`, `StringNotEqualsIgnoreCase`
    StringEqualsIgnoreCase,
    /// `StringLike`, `StringNotLike`: `*` and `?` are wildcards.
    StringLike,
    /// `NumericEquals`, `NumericNotEquals`
    NumericEquals,
    /// `NumericLessThan`
    NumericLessThan,
    /// `NumericLessThanEquals`
    NumericLessThanEquals,
    /// `NumericGreaterThan`
    NumericGreaterThan,
    /// `NumericGreaterThanEquals`
    NumericGreaterThanEquals,
    /// `DateEquals`, `DateNotEquals`
    DateEquals,
    /// `DateLessThan`
    DateLessThan,
    /// `DateLessThanEquals`
    DateLessThanEquals,
    /// `DateGreaterThan`
    DateGreaterThan,
    /// `DateGreaterThanEquals`
    DateGreaterThanEquals,
    /// `Bool`
    Bool,
    /// `BinaryEquals`
    BinaryEquals,
    /// `IpAddress`, `NotIpAddress`
    IpAddress,
    /// `ArnEquals`, `ArnLike`, `ArnNotEquals`, `ArnNotLike`: all know wildcards, part by part.
    Arn,
    /// `Null`
    Null,
    /// An operator this version does not know: it decides nothing.
    Unrecognized,
}

impl Test {
    /// Whether it compares texts.
    pub(crate) const fn is_of_texts(self) -> bool {
        matches!(self, Self::StringEquals | Self::StringEqualsIgnoreCase | Self::StringLike | Self::Arn)
    }
}

/// Operators by name in lower case, with their negation. Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
const OPERATORS: [(&str, Test, bool); 27] = [
    ("stringequals", Test::StringEquals, false),
    ("stringlike", Test::StringLike, false),
    ("arnlike", Test::Arn, false),
    ("arnequals", Test::Arn, false),
    ("bool", Test::Bool, false),
    ("null", Test::Null, false),
    ("stringnotequals", Test::StringEquals, true),
    ("stringnotlike", Test::StringLike, true),
    ("stringequalsignorecase", Test::StringEqualsIgnoreCase, false),
    ("stringnotequalsignorecase", Test::StringEqualsIgnoreCase, true),
    ("arnnotlike", Test::Arn, true),
    ("arnnotequals", Test::Arn, true),
    ("ipaddress", Test::IpAddress, false),
    ("notipaddress", Test::IpAddress, true),
    ("numericequals", Test::NumericEquals, false),
    ("numericnotequals", Test::NumericEquals, true),
    ("numericlessthan", Test::NumericLessThan, false),
    ("numericlessthanequals", Test::NumericLessThanEquals, false),
    ("numericgreaterthan", Test::NumericGreaterThan, false),
    ("numericgreaterthanequals", Test::NumericGreaterThanEquals, false),
    ("dateequals", Test::DateEquals, false),
    ("datenotequals", Test::DateEquals, true),
    ("datelessthan", Test::DateLessThan, false),
    ("datelessthanequals", Test::DateLessThanEquals, false),
    ("dategreaterthan", Test::DateGreaterThan, false),
    ("dategreaterthanequals", Test::DateGreaterThanEquals, false),
    ("binaryequals", Test::BinaryEquals, false),
];

impl Operator {
    /// Takes an operator's name apart; what it does not know becomes [`Test::Unrecognized`].
    pub fn read(written: &str) -> Self {
        let (set, rest) = match written.split_once(':') {
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Some(SetQualifier::ForAllValues), rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Some(SetQualifier::ForAnyValue), rest),
            _ => (None, written),
        };
        let (name, if_exists) = match rest.len().checked_sub("IfExists".len()).and_then(|at| rest.split_at_checked(at)) {
            Some((name, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (name, true),
            _ => (rest, false),
        };
        let known = OPERATORS.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name));
        // "You can add `IfExists` to the end of any condition operator name except the `Null` condition": there is no such operator.
        let known = known.filter(|(_, test, _)| !(if_exists && *test == Test::Null));
        let (test, negated) = known.map_or((Test::Unrecognized, false), |(_, test, negated)| (*test, *negated));
        Self { text: written.to_owned(), set, test, negated, if_exists }
    }
}

impl Operator {
    /// Whether a condition of this operator holds for a request without the context key; of `Null` this says nothing.
    ///
    /// Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
    pub(crate) const fn holds_without_key(&self) -> bool {
        match self.set {
            _ if self.if_exists => true,
            Some(SetQualifier::ForAllValues) => true,
            Some(SetQualifier::ForAnyValue) => false,
            None => self.negated,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
