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

use kms_insights_model::{KeyArn, KeyManager};

use crate::{Effect, Fence, PolicyDocument, Principal, PrincipalForm, PrincipalType, Reach, Standing, Statement, reach};

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
    pub principal: String,
    /// Whether it is listed in `NotPrincipal`.
    pub negated_principal: bool,
    /// What the principal is.
    pub form: PrincipalForm,
    /// Where the principal stands towards the key's account.
    pub standing: Standing,
    /// The patterns of `Action` or `NotAction`.
    pub actions: Arc<[String]>,
    /// Whether they are those of `NotAction`.
    pub negated_actions: bool,
    /// Whether the statement covers all or nearly all of KMS.
    pub wide_actions: bool,
    /// `Condition` as written.
    pub condition_json: Option<Arc<str>>,
    /// Whom the principal stands for, conditions weighed; [`Reach::Nobody`] for a Deny.
    pub reach: Reach,
    /// What follows.
    pub concerns: Vec<Concern>,
    /// The statement as written.
    pub statement_json: Arc<str>,
}

/// Every principal of every statement, with its reach and concerns towards the key that carries the policy.
pub fn statement_principals(document: &PolicyDocument, key: &KeyArn, manager: Option<&KeyManager>) -> Vec<StatementPrincipal> {
    let variables = document.has_variables();
    let mut rows = Vec::with_capacity(document.statements.len());
    for statement in &document.statements {
        let allows = statement.effect == Effect::Allow && statement.has_effect();
        let fence = if allows { Fence::of(&statement.conditions, key, variables) } else { Fence::default() };
        let wide_actions = statement.actions.is_wide();
        let negated = statement.principals.is_negated();
        let listed = statement.principals.listed();
        // Only a fence of accounts lets in all of their principals; AWS managed keys are made so, and nobody can change them.
        let whole_account =
            manager != Some(&KeyManager::Aws) && fence.caller_accounts.is_some() && !statement.conditions.entries.iter().any(crate::fence::names_principals);
        let everyone_else = (allows && negated && !reach::excludes_everyone(listed)).then(|| reach::of_anyone(&fence, key, manager));
        for principal in listed {
            let reach = match (&everyone_else, allows && !negated) {
                (Some(reach), _) => reach.clone(),
                (None, true) => reach::of_principal(principal, &fence, key, manager),
                (None, false) => Reach::Nobody,
            };
            let concerns = concerns(principal, negated, wide_actions, whole_account, &reach);
            rows.push(row(statement, principal, principal.standing(key), wide_actions, reach, concerns));
        }
    }
    rows
}

/// `whole_account` says that the conditions confine everyone to accounts, and no further.
fn concerns(principal: &Principal, negated: bool, wide_actions: bool, whole_account: bool, reach: &Reach) -> Vec<Concern> {
    if *reach == Reach::Nobody {
        return Vec::new();
    }
    let everyone = principal.form == PrincipalForm::Anyone && principal.principal_type == PrincipalType::Aws;
    let account = matches!(principal.form, PrincipalForm::Account(_)) || (everyone && whole_account && *reach == Reach::OwnAccount);
    let every_service = principal.form == PrincipalForm::Service && principal.text == "*";
    let holds = |concern: &Concern| match concern {
        Concern::PrincipalIsAccount => !negated && account,
        Concern::OverlyPermissive => wide_actions || negated || *reach == Reach::Anyone || every_service,
        Concern::IamUser => !negated && matches!(principal.form, PrincipalForm::User(_)),
        Concern::ExternalAccount => reach.is_external(),
    };
    Concern::ALL.into_iter().filter(holds).collect()
}

fn row(statement: &Statement, principal: &Principal, standing: Standing, wide_actions: bool, reach: Reach, concerns: Vec<Concern>) -> StatementPrincipal {
    StatementPrincipal {
        statement_index: statement.index,
        sid: statement.sid.clone(),
        effect: statement.effect,
        principal_type: principal.principal_type,
        principal: principal.text.clone(),
        negated_principal: statement.principals.is_negated(),
        form: principal.form,
        standing,
        actions: statement.actions.listed(),
        negated_actions: statement.actions.is_negated(),
        wide_actions,
        condition_json: statement.conditions.text.clone(),
        reach,
        concerns,
        statement_json: Arc::clone(&statement.text),
    }
}
