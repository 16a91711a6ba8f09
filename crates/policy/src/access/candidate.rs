//! Callers of a class that are worth a try when a request is sought that comes in.

use kms_insights_model::AccountId;

use crate::{
    Principal, PrincipalForm, Surroundings,
    access::{Caller, CallerAccount, Who, fence::Clause, literal::Literal, member, narrow, term::instance},
    context_key::ContextKey,
    surroundings::OWN_ORGANIZATION,
};

/// Where a caller stands among organizations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// As what is known of its account says.
    AsKnown,
    /// In none.
    None,
    /// In that one.
    Of(String),
}

impl Membership {
    /// In no organization that anything names.
    pub(crate) fn elsewhere() -> [Self; 2] {
        [Self::None, Self::Of("o-elsewhere".to_owned())]
    }
}

/// A caller to try, and its place in an organization where the class leaves that open.
pub(crate) struct Candidate {
    pub(crate) caller: Caller,
    pub(crate) membership: Membership,
}

pub(crate) struct Candidates {
    pub(crate) callers: Vec<Candidate>,
    /// Why it cannot be told whether these are callers of the class.
    pub(crate) doubt: Option<String>,
    /// Whether the class has no other callers that matter.
    pub(crate) is_complete: bool,
}

pub(crate) const UNKNOWN_ORGANIZATION: &str = "whether the key's account is in an organization is not known";

pub(crate) const STRANGER_NAME: &str = "example";

/// Callers of the class that are worth a try: those that conditions name before those that they do not.
pub(crate) fn candidates(who: &Who, clauses: &[Clause], around: &Surroundings<'_>) -> Candidates {
    let certain = |callers: Vec<Candidate>, is_complete| Candidates { callers, doubt: None, is_complete };
    let plain = |caller: Caller| Candidate { caller, membership: Membership::AsKnown };
    match who {
        Who::EveryService => certain(
            named_values(clauses, &[ContextKey::ServiceName, ContextKey::ServiceNames])
                .chain(["example.amazonaws.com".to_owned()])
                .map(|name| plain(Caller::Service { name }))
                .collect(),
            false,
        ),
        Who::Named(principal) => match of_named(principal, around) {
            // What a user may do, its federated sessions may too; of these nothing is known.
            Some((caller, doubt)) => {
                let is_complete = !matches!(caller, Caller::User { .. });
                Candidates { callers: vec![plain(caller)], doubt: doubt.map(str::to_owned), is_complete }
            }
            None => Candidates { callers: Vec::new(), doubt: Some("who that is cannot be told".to_owned()), is_complete: false },
        },
        Who::PrincipalsLike(account, arns) => {
            let callers = of_account(*account, arns, clauses, around).into_iter();
            let matching = callers.filter(|caller| caller.arn().is_some_and(|arn| arns.iter().any(|pattern| crate::wildcard::matches_exactly(pattern, arn))));
            certain(matching.map(plain).collect(), false)
        }
        Who::PrincipalsOf(account) | Who::Account(account) => certain(of_account(*account, &[], clauses, around).into_iter().map(plain).collect(), false),
        Who::Organization(id) => {
            let others = around.organization_accounts.filter(|_| around.organization_id.is_some_and(|own| *own.0 == **id));
            let other = others.and_then(|accounts| accounts.iter().find(|account| **account != around.key.account()).or_else(|| accounts.first())).copied();
            let account = CallerAccount::here(other.unwrap_or_else(|| stranger(clauses, around)));
            let callers = of_account(account, &[], clauses, around).into_iter().map(|caller| Candidate { caller, membership: Membership::Of(id.to_string()) });
            // Where the organization of the key is not known, it may have none.
            let doubt = (&**id == OWN_ORGANIZATION).then(|| UNKNOWN_ORGANIZATION.to_owned());
            Candidates { callers: callers.collect(), doubt, is_complete: false }
        }
        Who::Everyone | Who::EveryPrincipal => {
            let mut accounts = strangers(clauses, around);
            let named = |literal: &Literal| match literal {
                Literal::Condition { term, .. } => term.condition.values.iter().flat_map(|value| accounts_like(value)).collect::<Vec<_>>(),
                Literal::NotAmong { .. } | Literal::Unheeded(_) => Vec::new(),
                Literal::Spared(principals) => principals.iter().filter_map(Principal::account).collect(),
            };
            accounts.extend(
                clauses.iter().flat_map(|clause| &clause.0).flat_map(named).filter(|account| around.is_in_organization(*account) != Some(true)).take(4),
            );
            let organizations: Vec<String> = named_values(clauses, &[ContextKey::PrincipalOrgId, ContextKey::PrincipalOrgPaths])
                .map(|value| value.split('/').next().unwrap_or_default().to_owned())
                .filter(|id| around.organization_id.is_none_or(|own| own.0 != *id))
                .take(3)
                .collect();
            let mut callers = Vec::new();
            for account in accounts {
                for caller in of_account(CallerAccount::here(account), &[], clauses, around) {
                    for membership in Membership::elsewhere().into_iter().chain(organizations.iter().cloned().map(Membership::Of)) {
                        callers.push(Candidate { caller: caller.clone(), membership });
                    }
                }
            }
            certain(callers, false)
        }
    }
}

/// Accounts whose number the value names or, with wildcards, matches.
fn accounts_like(value: &str) -> Vec<AccountId> {
    let filled = |digit: &str| {
        let digits = value.replace('?', digit);
        match digits.split_once('*') {
            Some((before, after)) if before.len() + after.len() <= 12 => format!("{before}{}{after}", digit.repeat(12 - before.len() - after.len())),
            _ => digits,
        }
    };
    if value.len() > 24 {
        return Vec::new();
    }
    ["9", "8", "4", "0"].into_iter().filter_map(|digit| filled(digit).parse().ok()).collect()
}

/// The values of conditions on these keys, as texts that match them.
fn named_values(clauses: &[Clause], keys: &[ContextKey]) -> impl Iterator<Item = String> {
    let values = clauses.iter().flat_map(|clause| &clause.0).filter_map(|literal| match literal {
        Literal::Condition { term, .. } if keys.contains(&term.key) => Some(term.condition.values.iter().map(|value| instance(value))),
        _ => None,
    });
    values.flatten().collect::<Vec<_>>().into_iter()
}

/// An account that no condition names and that is not of the organization.
pub(crate) fn stranger(clauses: &[Clause], around: &Surroundings<'_>) -> AccountId {
    // A policy of 64 KiB cannot name so many accounts one after the other and still say something; the key's own account is the last resort.
    strangers(clauses, around).first().copied().unwrap_or_else(|| around.key.account())
}

/// Some such accounts, whose numbers have little in common.
pub(crate) fn strangers(clauses: &[Clause], around: &Surroundings<'_>) -> Vec<AccountId> {
    let written = |digits: &str| {
        clauses.iter().flat_map(|clause| &clause.0).any(|literal| match literal {
            Literal::Condition { term, .. } => term.condition.values.iter().any(|value| value.contains(digits)),
            Literal::NotAmong { principals, .. } | Literal::Spared(principals) => principals.iter().any(|principal| principal.text.contains(digits)),
            Literal::Unheeded(_) => false,
        })
    };
    let free = |first: u64| {
        let numbers = (first..first + 1_000).filter_map(|number| format!("{number:012}").parse().ok());
        let mut free = numbers.filter(|account: &AccountId| !written(account.as_str()) && around.is_in_organization(*account) != Some(true));
        free.next()
    };
    [999_888_777_000, 565_444_333_000, 323_222_111_000].into_iter().filter_map(free).collect()
}

/// A role, a user and the root user of an account; first those whose ARN matches a pattern or a condition.
pub(crate) fn of_account(account: CallerAccount, patterns: &[String], clauses: &[Clause], around: &Surroundings<'_>) -> Vec<Caller> {
    let partition = account.partition(around);
    let mut callers: Vec<Caller> = Vec::new();
    let demanded = clauses.iter().flat_map(|clause| &clause.0).filter_map(|literal| match literal {
        Literal::Condition { term, .. } if term.key == ContextKey::PrincipalArn => Some(&term.condition.values),
        _ => None,
    });
    for pattern in patterns.iter().chain(demanded.flatten()).take(8) {
        let pattern = &narrow::without_variables(pattern);
        let mut parts: Vec<String> = pattern.splitn(6, ':').map(str::to_owned).collect();
        // A text that is no ARN may stand anywhere in the name.
        if parts.len() < 6 || pattern.starts_with('*') {
            callers.extend(caller_of(&format!("arn:{partition}:iam::{}:role/{}", account.id, instance(pattern).trim_matches('/')), account, around));
            continue;
        }
        if let Some(part) = parts.get_mut(4) {
            *part = account.id.to_string();
        }
        partition.clone_into(&mut parts[1]);
        // Of what is compared without regard to case, what AWS writes in lower case.
        for part in [0, 2] {
            parts[part] = parts[part].to_lowercase();
        }
        if let Some((kind, name)) = parts[5].split_once('/') {
            parts[5] = format!("{}/{name}", kind.to_lowercase());
        }
        if parts[2].contains(['*', '?']) {
            "iam".clone_into(&mut parts[2]);
        }
        if let Some(resource) = parts.get_mut(5) {
            let kind = if resource.starts_with('*') { "role/" } else { "" };
            *resource = format!("{kind}{}{}", instance(resource), if resource.ends_with('*') { STRANGER_NAME } else { "" });
        }
        callers.extend(caller_of(&parts.join(":"), account, around));
    }
    callers.push(Caller::Role { account, arn: format!("arn:{partition}:iam::{}:role/{STRANGER_NAME}", account.id), session: "session".to_owned() });
    for name in named_values(clauses, &[ContextKey::UserName]).filter(|name| !name.is_empty()).take(2).chain([STRANGER_NAME.to_owned()]) {
        callers.push(Caller::User { account, arn: format!("arn:{partition}:iam::{}:user/{name}", account.id) });
    }
    let spared = clauses.iter().flat_map(|clause| &clause.0).filter_map(|literal| match literal {
        Literal::Spared(principals) => Some(principals.iter()),
        _ => None,
    });
    callers.extend(
        spared
            .flatten()
            .filter(|principal| principal.account() == Some(account.id))
            .filter_map(|principal| of_named(principal, around))
            .map(|(caller, _)| caller),
    );
    callers.push(Caller::Root { account, arn: format!("arn:{partition}:iam::{}:root", account.id) });
    callers
}

/// The caller with that ARN.
fn caller_of(arn: &str, account: CallerAccount, around: &Surroundings<'_>) -> Option<Caller> {
    let principal = Principal::read(crate::PrincipalType::Aws, arn);
    (principal.account() == Some(account.id)).then(|| of_named(&principal, around)).flatten().map(|(caller, _)| caller)
}

/// The caller that a principal names, and why it may be another.
fn of_named(principal: &Principal, around: &Surroundings<'_>) -> Option<(Caller, Option<&'static str>)> {
    let account = |id| CallerAccount { id, other_partition: principal.other_partition(around.key) };
    let arn = principal.text.to_string();
    Some(match principal.form {
        PrincipalForm::Role(id) => (Caller::Role { account: account(id), arn, session: "session".to_owned() }, None),
        PrincipalForm::User(id) => (Caller::User { account: account(id), arn }, None),
        PrincipalForm::Account(id) => (Caller::Root { account: account(id), arn: format!("arn:{}:iam::{id}:root", account(id).partition(around)) }, None),
        PrincipalForm::FederatedUser(id) => (Caller::FederatedUser { account: account(id), arn }, None),
        PrincipalForm::AssumedRole(id) => {
            let (role, session) = member::session_of(&arn);
            let role = format!("arn:{}:iam::{id}:role/{}", arn.split(':').nth(1).unwrap_or("aws"), role?);
            (Caller::Role { account: account(id), arn: role, session: session.unwrap_or("session").to_owned() }, None)
        }
        PrincipalForm::Service => (Caller::Service { name: arn }, None),
        _ => return None,
    })
}
