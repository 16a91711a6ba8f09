//! The four concerns of the AWS workshop, computed from what a statement means rather than from how it is spelled.
//!
//! | label | when |
//! |---|---|
//! | `Principal is account` | the principal is an account, by id or root ARN, the key's own or another: that account's IAM decides who. Or it is everyone, confined to the key's own account (`kms:CallerAccount`): each of its principals, without any IAM policy. AWS managed keys, which are made so, are left out of the latter |
//! | `Key policy overly permissive` | the actions are all or nearly all of KMS ([`Actions::is_wide`](crate::Actions::is_wide)), or everyone is allowed without a fence, or everyone *but* some (`NotPrincipal`), or every service |
//! | `Access provided to IAM user` | the principal is an IAM user |
//! | `External account` | principals of another account than the key's are, or may be, allowed ([`Reach::is_external`]) |
//!
//! A Deny is no grant and raises none of them, nor does a statement that allows nobody anything: one without actions on a key or without resource, one for a
//! deleted principal, one whose conditions exclude its own principal. Nor does a Deny take any back: what it forbids is not weighed. `kms:*` for the key's own
//! account, AWS's default policy, raises both `Principal is account` and `Key policy overly permissive`: that is what the workshop's readers know the labels to
//! say. The findings, which have a severity, do not blame it.

use std::{fmt, sync::Arc};

use kms_insights_model::KeyManager;

use crate::{
    Effect, Principal, PrincipalForm, PrincipalType, Statement, Surroundings,
    access::{Kind, OnBehalf, Trust, WayIn, Who},
};

/// A concern of the AWS workshop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concern {
    /// The principal is an account.
    PrincipalIsAccount,
    /// The statement allows too much, or too many.
    OverlyPermissive,
    /// The principal is an IAM user.
    IamUser,
    /// Another account is allowed.
    ExternalAccount,
}

impl Concern {
    /// Every concern, in the order in which labels are joined.
    pub const ALL: [Self; 4] = [Self::PrincipalIsAccount, Self::OverlyPermissive, Self::IamUser, Self::ExternalAccount];

    /// The workshop's text.
    pub const fn label(self) -> &'static str {
        match self {
            Self::PrincipalIsAccount => "Principal is account",
            Self::OverlyPermissive => "Key policy overly permissive",
            Self::IamUser => "Access provided to IAM user",
            Self::ExternalAccount => "External account",
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// The labels of the concerns, each once, in the order of [`Concern::ALL`], joined by `;`.
pub fn join_labels(concerns: &[Concern]) -> String {
    Concern::ALL.into_iter().filter(|concern| concerns.contains(concern)).map(Concern::label).collect::<Vec<_>>().join(";")
}

/// One principal of one statement: a row of the `policy_statements` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPrincipal {
    /// The statement's place in the policy, from 0.
    pub statement_index: usize,
    /// `Sid`
    pub sid: Option<Arc<str>>,
    /// `Effect`
    pub effect: Effect,
    /// The kind under which the principal is listed.
    pub principal_type: PrincipalType,
    /// The principal as written.
    pub principal: Arc<str>,
    /// Whether it is listed in `NotPrincipal`.
    pub negated_principal: bool,
    /// What the principal is.
    pub form: PrincipalForm,
    /// The patterns of `Action` or `NotAction`.
    pub actions: Arc<[String]>,
    /// Whether they are those of `NotAction`.
    pub negated_actions: bool,
    /// `Condition` as written.
    pub condition_json: Option<Arc<str>>,
    /// The concerns of the workshop that the statement raises with this principal.
    pub concerns: Vec<Concern>,
    /// The statement as written.
    pub statement_json: Arc<str>,
}

impl StatementPrincipal {
    /// The row of a principal, for which the statement by itself opens these ways.
    pub(crate) fn new(statement: &Statement, principal: &Principal, ways: &[WayIn], around: &Surroundings<'_>) -> Self {
        Self {
            statement_index: statement.index,
            sid: statement.sid.clone(),
            effect: statement.effect,
            principal_type: principal.principal_type,
            principal: Arc::clone(&principal.text),
            negated_principal: statement.principals.is_negated(),
            form: principal.form,
            actions: statement.actions.listed(),
            negated_actions: statement.actions.is_negated(),
            condition_json: statement.conditions.text.clone(),
            concerns: concerns(statement, principal, ways, around),
            statement_json: Arc::clone(&statement.text),
        }
    }
}

fn concerns(statement: &Statement, principal: &Principal, ways: &[WayIn], around: &Surroundings<'_>) -> Vec<Concern> {
    let negated = statement.principals.is_negated();
    // That everyone may include AWS services is no reason for a label where it is not certain.
    let counts =
        |way: &&WayIn| way.trust != Trust::Deleted && (way.who != Who::EveryService || way.certainty.is_certain() || way.on_behalf() != Some(OnBehalf::Anyone));
    let ways: Vec<&WayIn> = ways.iter().filter(counts).collect();
    if ways.is_empty() {
        return Vec::new();
    }
    let everyone = principal.is_everyone();
    let holds = |concern: &Concern| match concern {
        Concern::PrincipalIsAccount => {
            let account = matches!(principal.form, PrincipalForm::Account(_));
            !negated && (account || (everyone && around.manager != Some(&KeyManager::Aws) && ways.iter().all(|way| is_whole_own_account(way, around))))
        }
        Concern::OverlyPermissive => {
            let open_to_all = |way: &WayIn| match way.on_behalf() {
                Some(for_whom) => way.who == Who::EveryService && matches!(for_whom, OnBehalf::Anyone | OnBehalf::SomeResource),
                None => matches!(way.who, Who::Everyone | Who::EveryPrincipal),
            };
            negated || statement.actions.is_wide() || ways.iter().copied().any(open_to_all)
        }
        Concern::IamUser => !negated && matches!(principal.form, PrincipalForm::User(_)),
        Concern::ExternalAccount => ways.iter().any(|way| is_external(way, around)),
    };
    Concern::ALL.into_iter().filter(holds).collect()
}

/// Whether those who come in are all principals of the key's account: only a fence of accounts lets in all of them.
fn is_whole_own_account(way: &WayIn, around: &Surroundings<'_>) -> bool {
    let all = match &way.who {
        Who::PrincipalsOf(_) => true,
        Who::PrincipalsLike(_, arns) => arns.iter().any(|arn| arn.ends_with(":*")),
        _ => false,
    };
    all && way.who.account(around).is_some_and(|account| account.is_own(around)) && way.kind != Kind::Intent && !way.fence.mentions("aws:PrincipalArn")
}

/// Whether principals of another account come in, or a service that acts for one.
fn is_external(way: &WayIn, around: &Surroundings<'_>) -> bool {
    match way.on_behalf() {
        Some(OnBehalf::Accounts(accounts)) => accounts.iter().any(|account| *account != around.key.account()),
        Some(OnBehalf::Organizations(_)) => true,
        Some(OnBehalf::SomeResource) => way.who == Who::EveryService,
        Some(OnBehalf::Anyone) => false,
        None => !matches!(way.trust, Trust::OwnAccount | Trust::AwsService | Trust::Deleted),
    }
}
