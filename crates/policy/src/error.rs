//! What can be wrong with the text of a policy, and where.

use std::fmt;

/// A place in a policy document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The statement, counted from 0 as in the `policy_statements` table; `None` for the document itself.
    pub statement: Option<usize>,
    /// The element, with dots for what is nested: `Condition.StringEquals.kms:CallerAccount`; `None` for the statement or document itself.
    pub element: Option<String>,
}

/// The place that is being read: a [`Place`] that costs nothing as long as nothing is wrong there.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    statement: Option<usize>,
    /// The name of the element, and where that stands.
    element: Option<(&'a str, &'a Here<'a>)>,
}

impl<'a> Here<'a> {
    /// The document itself.
    pub(crate) const fn document() -> Self {
        Self { statement: None, element: None }
    }

    /// A statement.
    pub(crate) const fn statement(index: usize) -> Self {
        Self { statement: Some(index), element: None }
    }

    /// The element `name` of what is read.
    pub(crate) const fn below(&'a self, name: &'a str) -> Self {
        Self { statement: self.statement, element: Some((name, self)) }
    }

    /// The place, for a message.
    pub(crate) fn place(&self) -> Place {
        let element = self.element.map(|(name, outer)| {
            let name = printable(name);
            outer.place().element.map_or_else(|| name.clone(), |outer| format!("{outer}.{name}"))
        });
        Place { statement: self.statement, element }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.statement, &self.element) {
            (None, None) => f.write_str("the policy document"),
            (None, Some(element)) => write!(f, "element {element}"),
            (Some(statement), None) => write!(f, "statement {statement}"),
            (Some(statement), Some(element)) => write!(f, "statement {statement}, element {element}"),
        }
    }
}

/// Why a text is not a key policy. A policy that cannot be read is never fine: it is a finding of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is longer than KMS stores, with room to spare for another layout.
    #[error("the policy has {bytes} bytes; a key policy has at most 32 KiB, and at most {limit} bytes are read")]
    TooLarge {
        /// Length of the text.
        bytes: usize,
        /// What is read at most.
        limit: usize,
    },
    /// The text is not JSON.
    #[error("the policy is not JSON: {message} (line {line}, column {column})")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the JSON reader says.
        message: String,
    },
    /// An element has a value that it cannot have.
    #[error("{place}: found {found}, where {legal} is legal")]
    Malformed {
        /// Where.
        place: Place,
        /// What is there, shortened.
        found: String,
        /// What may be there.
        legal: &'static str,
    },
    /// A name occurs twice in one JSON object: readers differ in which one counts, so neither does here.
    #[error("{place}: the name {name:?} occurs twice")]
    Duplicate {
        /// The object.
        place: Place,
        /// The name.
        name: String,
    },
    /// An element that every key policy statement must have is not there.
    #[error("{place}: {element} is missing")]
    Missing {
        /// The object.
        place: Place,
        /// What lacks, such as `Principal or NotPrincipal`.
        element: &'static str,
    },
    /// Two elements of which a statement can have only one.
    #[error("{place}: {first} and {second} exclude each other")]
    Exclusive {
        /// The statement.
        place: Place,
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

impl PolicyError {
    /// Where the fault is, as far as it lies in an element.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::TooLarge { .. } | Self::Json { .. } => None,
            Self::Malformed { place, .. } | Self::Duplicate { place, .. } | Self::Missing { place, .. } | Self::Exclusive { place, .. } => Some(place),
        }
    }
}

/// A text for messages: at most 80 characters and none that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut short: String = text.chars().take(LIMIT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}
