//! A way in, and what it says.

use std::{fmt, sync::Arc};

use kms_insights_model::AccountId;

use crate::{
    ActionSet, Surroundings, Test,
    access::{Trust, Who, arn_pattern::ArnPattern, caller::Request, example, fence::Fence, literal::Literal, member},
    comparison::Resolved,
    context_key::ContextKey,
    surroundings::OWN_ORGANIZATION,
};

/// The two policies that a key may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyName {
    /// `default`
    Default,
    /// `AWS_RAM`: of a key shared through AWS Resource Access Manager.
    AwsRam,
}

impl PolicyName {
    /// AWS's name of the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AwsRam => "AWS_RAM",
        }
    }
}

/// What opens a way in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A statement, by its policy and its place in it from 0.
    Statement(PolicyName, usize),
    /// A grant, by its id.
    Grant(Arc<str>),
}

/// What coming in amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// These callers can do it. Callers of another account need its IAM's leave as well.
    Access,
    /// Nobody can do it by this alone: the account's IAM policies decide which of its principals can.
    Delegation,
    /// Nobody can do it: the principal is deleted, or KMS does not offer these operations to other accounts. It is what somebody meant.
    Intent,
}

impl Kind {
    /// The value in tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Delegation => "delegation",
            Self::Intent => "intent",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How sure it is that somebody comes in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Certainty {
    /// A request exists that comes in: [`WayIn::example`].
    Certain,
    /// It could not be decided, for this reason.
    Unknown(Arc<str>),
}

impl Certainty {
    /// Whether it is certain.
    pub const fn is_certain(&self) -> bool {
        matches!(self, Self::Certain)
    }

    /// The value in tables and messages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// For whom an AWS service must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnBehalf {
    /// For whomever: nothing is said.
    Anyone,
    /// For a resource, be it whichever: what is demanded does not tell its account.
    SomeResource,
    /// For one of these accounts.
    Accounts(Vec<AccountId>),
    /// For an account of one of these organizations.
    Organizations(Vec<Arc<str>>),
}

/// A way in: who can do what with the key, under which fence, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayIn {
    /// Who comes in.
    pub who: Who,
    /// How they stand towards the key's owner.
    pub trust: Trust,
    /// What coming in amounts to.
    pub kind: Kind,
    /// What they can do.
    pub actions: ActionSet,
    /// What must hold of their requests.
    pub fence: Fence,
    /// What opens the way.
    pub cause: Cause,
    /// How sure it is.
    pub certainty: Certainty,
    /// Of a grant to a service, what it serves: `aws:ebs:id=vol-…`.
    pub resource: Option<String>,
}

impl WayIn {
    /// A request that comes in this way; `None` where the way is not certain, or leads nowhere.
    pub fn example(&self, around: &Surroundings<'_>) -> Option<Request> {
        if self.kind == Kind::Intent || !self.certainty.is_certain() {
            return None;
        }
        example::request(&self.who, self.actions, &self.fence.0, around)
    }

    /// Whether it leads anywhere.
    pub fn is_open(&self) -> bool {
        self.kind != Kind::Intent
    }

    /// For whom a service must act to come in this way; `None` where those who come in are no services.
    pub fn on_behalf(&self) -> Option<OnBehalf> {
        self.who.is_service().then(|| on_behalf(self.fence.units()))
    }

    /// Whether the request comes in this way. What cannot be told counts as coming in.
    pub fn admits(&self, request: &Request, around: &Surroundings<'_>) -> bool {
        self.is_open()
            && self.actions.intersects(ActionSet::of_names([request.action.as_str()]))
            && includes(&self.who, request, around)
            && self.fence.0.iter().all(|clause| clause.0.iter().any(|literal| literal.holds_for(request, around) != Some(false)))
    }
}

/// What conditions, all of which hold, say of those for whom a service acts.
pub(crate) fn on_behalf<'l>(literals: impl Iterator<Item = &'l Literal>) -> OnBehalf {
    let mut accounts: Option<Vec<AccountId>> = None;
    let mut organizations: Vec<Arc<str>> = Vec::new();
    let mut some_resource = false;
    for literal in literals {
        // What no request without the key fulfils demands that the service acts for a resource, and by itself not for whose.
        some_resource |=
            matches!(literal, Literal::Condition { term, negated } if is_of_source(term.key) && term.holds(None, &|_| Resolved::Absent) == Some(*negated));
        let Some(term) = literal.demanded(false) else { continue };
        let (test, values) = (term.operator().test, &term.condition.values);
        if !matches!(test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn) || values.is_empty() {
            continue;
        }
        let named: Option<Vec<AccountId>> = match term.key {
            ContextKey::SourceAccount => {
                // A text that is no number at all equals no account.
                let is_nobody = |value: &&String| {
                    test == Test::StringEquals && !value.contains("${") && value.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'e' | b'E'))
                };
                values.iter().filter(|value| !is_nobody(value)).map(|value| value.parse().ok()).collect()
            }
            ContextKey::SourceArn => values.iter().map(|value| ArnPattern::read(value, test).account).collect(),
            ContextKey::SourceOrgId | ContextKey::SourceOrgPaths => {
                let ids: Vec<&str> = values.iter().filter_map(|value| value.split('/').next()).collect();
                if ids.iter().all(|id| id.starts_with("o-") && !crate::wildcard::has_wildcard(id)) {
                    organizations.extend(ids.into_iter().map(Arc::from));
                }
                None
            }
            _ => None,
        };
        if let Some(named) = named {
            accounts = Some(match accounts {
                Some(known) => known.into_iter().filter(|account| named.contains(account)).collect(),
                None => named,
            });
        }
    }
    match accounts {
        Some(accounts) => OnBehalf::Accounts(accounts),
        None if !organizations.is_empty() => OnBehalf::Organizations(organizations),
        None if some_resource => OnBehalf::SomeResource,
        None => OnBehalf::Anyone,
    }
}

/// Whether the key says for whom a service acts.
const fn is_of_source(key: ContextKey) -> bool {
    matches!(key, ContextKey::SourceAccount | ContextKey::SourceArn | ContextKey::SourceOrgId | ContextKey::SourceOrgPaths)
}

/// Whether the caller is, or may be, one of the class.
fn includes(who: &Who, request: &Request, around: &Surroundings<'_>) -> bool {
    let caller = &request.caller;
    let carried = |key: &str| request.context.get(key).and_then(|values| values.first()).map(String::as_str);
    match who {
        Who::Everyone => true,
        Who::EveryPrincipal => caller.account().is_some(),
        Who::EveryService => caller.account().is_none(),
        Who::Organization(id) if &**id == OWN_ORGANIZATION => carried("aws:principalorgid").is_some_and(|id| carried("aws:resourceorgid") == Some(id)),
        Who::Organization(id) => carried("aws:principalorgid") == Some(id),
        Who::PrincipalsOf(account) | Who::Account(account) => caller.account() == Some(*account),
        Who::PrincipalsLike(account, arns) => {
            caller.account() == Some(*account) && caller.arn().is_some_and(|arn| arns.iter().any(|pattern| crate::wildcard::matches_exactly(pattern, arn)))
        }
        Who::Named(principal) => member::is(principal, caller, around) != Some(false),
    }
}
