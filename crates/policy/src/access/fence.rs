//! Fences: what remains of conditions and Denies around a way in.

use std::fmt;

use crate::{
    Principal, SetQualifier, Test,
    access::{Literal, Term, Unheeded},
    surroundings::OWN_ORGANIZATION,
    wildcard::{QUESTION_MARK, STAR},
};

/// At least one of these holds; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause(pub Vec<Literal>);

impl Clause {
    /// The only literal, where there is only one.
    pub(crate) fn unit(&self) -> Option<&Literal> {
        match self.0.as_slice() {
            [literal] => Some(literal),
            _ => None,
        }
    }
}

/// What must hold of a request for it to come in: all of these clauses. Empty where nothing more is demanded.
///
/// A condition of an Allow is a clause of one literal; a Deny is one clause, at least one of whose conditions must not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence(pub Vec<Clause>);

impl Fence {
    /// Whether nothing is demanded.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clauses as sentences, in one order, each once.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        sentences.sort_unstable();
        sentences.dedup();
        sentences
    }

    /// The conditions that each must hold by themselves.
    pub fn units(&self) -> impl Iterator<Item = &Literal> {
        self.0.iter().filter_map(Clause::unit)
    }

    /// Whether a condition of that context key stands anywhere in it.
    pub fn mentions(&self, key: &str) -> bool {
        let names = |literal: &Literal| matches!(literal, Literal::Condition { term, .. } if term.condition.key.eq_ignore_ascii_case(key));
        self.0.iter().any(|clause| clause.0.iter().any(names))
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("; "))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts.dedup();
        f.write_str(&texts.join(" or "))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition { term, negated } => write_condition(f, term, *negated),
            Self::NotAmong { principals, .. } => write!(f, "the caller is not {}", list(principals)),
            Self::Spared(principals) => write!(f, "the caller is {}", list(principals)),
            Self::Unheeded(Unheeded::OtherResource) => f.write_str("the Deny of another resource than the key has no effect"),
            Self::Unheeded(Unheeded::UnknownElement) => f.write_str("the Deny with an element that IAM does not have has no effect"),
        }
    }
}

fn list(principals: &[Principal]) -> String {
    join(&principals.iter().map(|principal| principal.text.to_string()).collect::<Vec<_>>())
}

/// The values for a reader: what stands for something else is written as policies write it.
fn join(values: &[String]) -> String {
    let written = |value: &String| value.replace(OWN_ORGANIZATION, "${aws:ResourceOrgID}").replace(STAR, "${*}").replace(QUESTION_MARK, "${?}");
    match values {
        [value] => written(value),
        _ => format!("one of {}", values.iter().map(written).collect::<Vec<_>>().join(", ")),
    }
}

fn write_condition(f: &mut fmt::Formatter<'_>, term: &Term, negated: bool) -> fmt::Result {
    let operator = term.operator();
    let (key, values) = (&term.condition.key, &term.condition.values);
    if operator.test == Test::Null {
        let absent = values.iter().any(|value| value.eq_ignore_ascii_case("true")) != negated;
        return write!(f, "{key} is {}", if absent { "absent" } else { "present" });
    }
    if operator.test == Test::Unrecognized {
        return write!(f, "{}{} {key} {}", if negated { "not " } else { "" }, operator.text, join(values));
    }
    let positive = operator.negated == negated;
    let set = match (operator.set, negated) {
        (Some(SetQualifier::ForAllValues), false) | (Some(SetQualifier::ForAnyValue), true) => "every value of ",
        (Some(SetQualifier::ForAllValues), true) | (Some(SetQualifier::ForAnyValue), false) => "some value of ",
        (None, _) => "",
    };
    let holds_without = operator.holds_without_key() != negated;
    let verb = match (operator.test, positive) {
        (Test::StringLike | Test::Arn, true) => "is like",
        (Test::StringLike | Test::Arn, false) => "is not like",
        (Test::IpAddress, true) => "is in",
        (Test::IpAddress, false) => "is not in",
        (Test::StringEqualsIgnoreCase, true) => "is, in any case,",
        (Test::StringEqualsIgnoreCase, false) => "is not, in any case,",
        (Test::NumericLessThan | Test::DateLessThan, true) | (Test::NumericGreaterThanEquals | Test::DateGreaterThanEquals, false) => "<",
        (Test::NumericLessThanEquals | Test::DateLessThanEquals, true) | (Test::NumericGreaterThan | Test::DateGreaterThan, false) => "<=",
        (Test::NumericGreaterThan | Test::DateGreaterThan, true) | (Test::NumericLessThanEquals | Test::DateLessThanEquals, false) => ">",
        (Test::NumericGreaterThanEquals | Test::DateGreaterThanEquals, true) | (Test::NumericLessThan | Test::DateLessThan, false) => ">=",
        (_, true) => "is",
        (_, false) => "is not",
    };
    write!(f, "{set}{key} {verb} {}", join(values))?;
    // What holds without the key goes without saying for what is denied, and lacks for what is demanded; the other two have to be said.
    match (positive, holds_without) {
        (true, true) => write!(f, " or is absent"),
        (false, false) => write!(f, " and is present"),
        _ => Ok(()),
    }
}
