//! A key policy as parsed: every element in AWS's own terms, and its text beside it.

use std::sync::Arc;

use crate::{Conditions, Principal};

/// A key policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    /// `Version`, whatever it says: `2012-10-17`, `2008-10-17`, or something newer.
    pub version: Option<String>,
    /// `Id`
    pub id: Option<String>,
    /// `Statement`; a single object is a list of one.
    pub statements: Vec<Statement>,
    /// Elements that this version does not know.
    pub unknown: Vec<UnknownElement>,
}

impl PolicyDocument {
    /// Whether `${…}` in a value is a policy variable. In version `2008-10-17`, which is also what a document without `Version` has, it is plain text.
    ///
    /// Source: IAM User Guide, "IAM JSON policy elements: Variables and tags".
    pub fn has_variables(&self) -> bool {
        self.version.as_deref().is_some_and(|version| version != "2008-10-17")
    }
}

/// An element that this version does not know, kept as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownElement {
    /// Its name.
    pub name: String,
    /// Its value's JSON text.
    pub text: String,
}

/// `Effect`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// `Allow`
    Allow,
    /// `Deny`
    Deny,
}

impl Effect {
    /// AWS's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// `Principal` or `NotPrincipal`; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principals {
    /// `Principal`: these.
    Only(Arc<[Principal]>),
    /// `NotPrincipal`: everyone but these.
    Except(Arc<[Principal]>),
}

impl Principals {
    /// The principals that the element lists, whichever it is.
    pub const fn listed(&self) -> &Arc<[Principal]> {
        match self {
            Self::Only(listed) | Self::Except(listed) => listed,
        }
    }

    /// Whether the element is `NotPrincipal`.
    pub const fn is_negated(&self) -> bool {
        matches!(self, Self::Except(_))
    }
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actions {
    /// `Action`: patterns of what the statement is about.
    Only(Arc<[String]>),
    /// `NotAction`: everything but these patterns.
    Except(Arc<[String]>),
    /// Neither: the statement has no effect.
    Absent,
}

impl Actions {
    /// The patterns that the element lists, whichever it is.
    pub fn listed(&self) -> Arc<[String]> {
        match self {
            Self::Only(patterns) | Self::Except(patterns) => Arc::clone(patterns),
            Self::Absent => Arc::default(),
        }
    }

    /// Whether the element is `NotAction`.
    pub const fn is_negated(&self) -> bool {
        matches!(self, Self::Except(_))
    }
}

/// `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resources {
    /// `Resource`: in a key policy, `*` is the key that carries the policy.
    Only(Vec<String>),
    /// `NotResource`
    Except(Vec<String>),
    /// Neither: the statement has no effect.
    Absent,
}

impl Resources {
    /// Whether the element names the key, as `*` does, which in a key policy is the key that carries it.
    pub(crate) fn include(&self, key: &kms_insights_model::KeyArn) -> bool {
        let names = |pattern: &String| pattern == "*" || crate::wildcard::matches_exactly(pattern, &key.to_string());
        match self {
            Self::Only(patterns) => patterns.iter().any(names),
            Self::Except(patterns) => !patterns.iter().any(names),
            Self::Absent => false,
        }
    }
}

/// One statement of a key policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its place in the policy, counted from 0.
    pub index: usize,
    /// `Sid`
    pub sid: Option<Arc<str>>,
    /// `Effect`
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`
    pub principals: Principals,
    /// `Action` or `NotAction`
    pub actions: Actions,
    /// `Resource` or `NotResource`
    pub resources: Resources,
    /// `Condition`
    pub conditions: Conditions,
    /// Elements that this version does not know.
    pub unknown: Vec<UnknownElement>,
    /// The statement's JSON, byte for byte as written.
    pub text: Arc<str>,
}

impl Statement {
    /// Whether the statement can have any effect on the key that carries it: it has actions on a key, and a resource.
    ///
    /// `Action` has none on a key if all it lists are full names of actions that act on no key, such as `kms:ListKeys`, or on things of other services; `NotAction`
    /// if it leaves nothing of KMS. An action that this version does not know may act on a key.
    ///
    /// With a `Resource` that names something else than this key it can: KMS documents that the resource of a key policy is always the key, and not what comes of
    /// another. So nothing that rests on such a statement is certain: an Allow opens ways that nobody can tell to be open, a Deny may take back or not. Source: AWS
    /// KMS Developer Guide, "Key policies: Elements", which says that a statement without either has no effect.
    pub fn has_effect(&self) -> bool {
        let acts = match &self.actions {
            Actions::Only(patterns) => patterns.iter().any(|pattern| crate::action::may_act_on_key(pattern)),
            Actions::Except(patterns) => !patterns.iter().any(|pattern| crate::action::covers_all_of_kms(pattern)),
            Actions::Absent => false,
        };
        let on_something = match &self.resources {
            Resources::Only(patterns) => !patterns.is_empty(),
            Resources::Except(patterns) => !patterns.iter().any(|pattern| pattern == "*"),
            Resources::Absent => false,
        };
        acts && on_something
    }
}
