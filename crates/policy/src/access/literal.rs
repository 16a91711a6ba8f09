//! What a statement demands of a request, piece by piece: a condition, its negation, or that the caller is not among some principals.

use std::{borrow::Cow, sync::Arc};

use crate::{
    ActionSet, Principal, PrincipalForm, Surroundings, Test,
    access::{
        Term, Who,
        caller::Request,
        member::{self, Holds},
    },
    comparison::Resolved,
    context_key::ContextKey,
    surroundings::OWN_ORGANIZATION,
};

/// A piece of a fence: something that holds of a request or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// The condition holds; where `negated`, it does not.
    Condition {
        /// The condition.
        term: Arc<Term>,
        /// Whether it must not hold.
        negated: bool,
    },
    /// The caller is none of these, whom a Deny or the `NotPrincipal` of an Allow lists.
    NotAmong {
        /// The principals.
        principals: Arc<[Principal]>,
        /// Whether they stand in the `NotPrincipal` of an Allow: whom a listed account then excludes is not documented.
        of_not_principal: bool,
    },
    /// The caller is spared by the `NotPrincipal` of a Deny.
    Spared(Arc<[Principal]>),
    /// A Deny has no effect, which nobody can tell.
    Unheeded(Unheeded),
}

/// Why a Deny may have no effect, whatever the request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheeded {
    /// Its `Resource` names something else than the key.
    OtherResource,
    /// It has elements that the grammar of policies does not have: a misspelt `Condition` may have been meant to confine it.
    UnknownElement,
}

impl Unheeded {
    /// Why nobody can tell.
    pub(crate) const fn doubt(self) -> &'static str {
        match self {
            Self::OtherResource => OTHER_RESOURCE,
            Self::UnknownElement => "what KMS makes of a Deny with an element that IAM does not have is not known",
        }
    }
}

/// Why it is not certain what a statement of another resource than the key does.
pub(crate) const OTHER_RESOURCE: &str = "AWS does not document what a statement of another resource does in a key policy";

impl Literal {
    /// Demands a condition.
    pub(crate) const fn of(term: Arc<Term>) -> Self {
        Self::Condition { term, negated: false }
    }

    /// Demands the opposite of a condition.
    pub(crate) const fn not(term: Arc<Term>) -> Self {
        Self::Condition { term, negated: true }
    }

    /// What the literal comes to for requests of these callers for these actions, all of which can carry its key, or none.
    pub(crate) fn weigh(&self, who: &Who, actions: ActionSet, around: &Surroundings<'_>) -> Holds {
        match self {
            Self::Condition { term, negated } => {
                let holds = term.weigh(who, term.actions.contains(actions), around);
                if *negated { holds.not() } else { holds }
            }
            Self::NotAmong { principals, of_not_principal } => {
                let mut all = Holds::Never;
                for principal in principals.iter() {
                    match member::stands_for(principal, who, around) {
                        Holds::Always if *of_not_principal && matches!(principal.form, PrincipalForm::Account(_)) => all = Holds::Depends,
                        Holds::Always => return Holds::Never,
                        Holds::Depends => all = Holds::Depends,
                        Holds::Never => {}
                    }
                }
                all.not()
            }
            Self::Spared(principals) => member::spares(principals, who, around),
            Self::Unheeded(_) => Holds::Depends,
        }
    }

    /// Whether the literal holds for the request; `None` where that cannot be told.
    pub(crate) fn holds_for(&self, request: &Request, around: &Surroundings<'_>) -> Option<bool> {
        let carried = |name: &str| -> Option<Vec<Cow<'_, str>>> {
            Some(request.context.get(&name.to_lowercase())?.iter().map(|value| Cow::Borrowed(value.as_str())).collect())
        };
        match self {
            Self::Condition { term, negated } => {
                let resolve = |name: &str| match carried(name).as_deref() {
                    Some([value]) => Resolved::Value(Cow::Owned(value.clone().into_owned())),
                    Some(_) => Resolved::Open,
                    None => Resolved::Absent,
                };
                let values = carried(&term.condition.key);
                // The organization of the key goes by its own name where its id is not known.
                let by_name = term.condition.values.iter().any(|value| value == OWN_ORGANIZATION);
                let values = values
                    .map(|values| values.into_iter().map(|value| if by_name { own_organization(value, request, around) } else { value }).collect::<Vec<_>>());
                term.holds(values.as_deref(), &resolve).map(|holds| holds != *negated)
            }
            Self::NotAmong { principals, of_not_principal } => member::is_none_of(principals, *of_not_principal, &request.caller, around),
            Self::Spared(principals) => member::spares_caller(principals, &request.caller, around),
            Self::Unheeded(_) => None,
        }
    }

    /// The condition and whether what it demands is that its key has one of its values; `None` for literals without a condition.
    ///
    /// `present` says that something else makes sure that the request carries the key.
    pub(crate) fn demanded(&self, present: bool) -> Option<&Term> {
        let Self::Condition { term, negated } = self else { return None };
        let operator = term.operator();
        let positive = operator.negated == *negated;
        let always_there = matches!(term.key, ContextKey::PrincipalAccount | ContextKey::PrincipalArn);
        let list_without_qualifier = term.key.is_list() && operator.set.is_none();
        (positive && !list_without_qualifier && (present || always_there || term.demands_a_value(*negated))).then_some(term)
    }

    /// The key that the literal makes sure of: a `Null` guard, or a negated one.
    pub(crate) fn guards(&self) -> Option<&str> {
        let Self::Condition { term, negated } = self else { return None };
        let only = |wanted: &str| matches!(term.condition.values.as_slice(), [value] if value.eq_ignore_ascii_case(wanted));
        let guard = term.operator().test == Test::Null && only(if *negated { "true" } else { "false" });
        guard.then_some(term.condition.key.as_str())
    }
}

/// The value, or if it is the organization of the key whose id is not known here, what stands for it.
fn own_organization<'v>(value: Cow<'v, str>, request: &Request, around: &Surroundings<'_>) -> Cow<'v, str> {
    let own = request.context.get("aws:resourceorgid").and_then(|values| values.first());
    if around.organization_id.is_none() && own.is_some_and(|own| *own == *value) { Cow::Borrowed(OWN_ORGANIZATION) } else { value }
}
