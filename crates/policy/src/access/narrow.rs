//! From a wide class of callers to those that the conditions leave of it.

use std::{collections::BTreeMap, sync::Arc};

use kms_insights_model::AccountId;

use crate::{
    Principal, PrincipalForm, PrincipalType, Surroundings, Test,
    access::{
        CallerAccount, Who,
        arn_pattern::{ArnPattern, Matching},
        fence::Clause,
        literal::Literal,
        term::Term,
    },
    context_key::ContextKey,
};

/// What conditions leave of a class of callers.
pub(crate) struct Narrowed {
    /// The classes that are left; each request of the wide class that fulfils the clause is one of theirs.
    pub(crate) classes: Vec<Who>,
    /// The clause that says no more than the classes do, by its place.
    pub(crate) spent: Option<usize>,
}

/// The classes left of `who` by the first clause of one literal that names accounts, principals or organizations.
pub(crate) fn narrowed(who: &Who, clauses: &[Clause], around: &Surroundings<'_>) -> Option<Narrowed> {
    if !is_wide(who) {
        return None;
    }
    let guarded: Vec<&str> = clauses.iter().filter_map(|clause| clause.unit()?.guards()).collect();
    let mut best: Option<Narrowed> = None;
    for (at, clause) in clauses.iter().enumerate() {
        let Some(literal) = clause.unit() else { continue };
        if let Literal::Spared(listed) = literal {
            best = best.or_else(|| spared(who, listed, around).map(|classes| Narrowed { classes, spent: None }));
            continue;
        }
        let Some(term) = demanded(literal, &guarded) else { continue };
        if let Some((classes, exhausts)) = classes(who, term, around) {
            let narrowed = Narrowed { classes, spent: exhausts.then_some(at) };
            // Principals say more than accounts, and these more than organizations.
            if best.as_ref().is_none_or(|best| rank(&narrowed) < rank(best)) {
                best = Some(narrowed);
            }
        }
    }
    best
}

/// The place of the first clause of several literals of which one would narrow the class, so that its literals are worth a look each by itself.
pub(crate) fn worth_splitting(who: &Who, clauses: &[Clause], around: &Surroundings<'_>) -> Option<usize> {
    if who.is_service() {
        let of_source = |literal: &Literal| {
            matches!(literal, Literal::Condition { term, .. }
                if matches!(term.key, ContextKey::SourceAccount | ContextKey::SourceArn | ContextKey::SourceOrgId | ContextKey::SourceOrgPaths))
        };
        return clauses.iter().position(|clause| clause.0.len() > 1 && clause.0.iter().any(of_source));
    }
    if !is_wide(who) {
        return None;
    }
    let guarded: Vec<&str> = clauses.iter().filter_map(|clause| clause.unit()?.guards()).collect();
    let narrows = |literal: &Literal| demanded(literal, &guarded).is_some_and(|term| classes(who, term, around).is_some());
    clauses.iter().position(|clause| clause.0.len() > 1 && clause.0.iter().any(narrows))
}

/// The accounts whose principals the `NotPrincipal` of a Deny can spare: those that it lists.
fn spared(who: &Who, listed: &[Principal], around: &Surroundings<'_>) -> Option<Vec<Who>> {
    let undecided = listed.iter().any(Principal::cannot_be_told);
    if *who != Who::EveryPrincipal || undecided {
        return None;
    }
    let mut classes: Vec<Who> = Vec::new();
    for principal in listed {
        if let Some(id) = principal.account() {
            let class = Who::PrincipalsOf(CallerAccount { id, other_partition: principal.other_partition(around.key) });
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
    }
    Some(classes)
}

fn demanded<'l>(literal: &'l Literal, guarded: &[&str]) -> Option<&'l Term> {
    let Literal::Condition { term, .. } = literal else { return None };
    literal.demanded(guarded.iter().any(|key| key.eq_ignore_ascii_case(&term.condition.key)))
}

fn is_wide(who: &Who) -> bool {
    matches!(who, Who::EveryPrincipal | Who::Organization(_) | Who::PrincipalsOf(_)) || who.cannot_be_told()
}

fn rank(narrowed: &Narrowed) -> usize {
    match narrowed.classes.first() {
        None => 0,
        Some(Who::Named(_) | Who::PrincipalsLike(..)) => 1,
        Some(Who::PrincipalsOf(_)) => 2,
        Some(_) => 3,
    }
}

/// The classes that a demanded condition leaves of `who`, and whether they say all that it does.
fn classes(who: &Who, term: &Term, around: &Surroundings<'_>) -> Option<(Vec<Who>, bool)> {
    let test = term.operator().test;
    if !matches!(test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn) || term.condition.values.is_empty() {
        return None;
    }
    match term.key {
        // What comes of comparing these as ARNs is not documented.
        key if key.is_number_or_id() && test == Test::Arn => None,
        ContextKey::PrincipalAccount | ContextKey::CallerAccount if who.account(around).is_none() => {
            let accounts = accounts(&term.condition.values, |value| account(value, test))?;
            Some((accounts.into_iter().map(|id| Who::PrincipalsOf(CallerAccount::here(id))).collect(), false))
        }
        // The root user's unique id is its account.
        ContextKey::UserId if who.account(around).is_none() => {
            let ids: Option<Vec<AccountId>> = term.condition.values.iter().map(|value| value.parse().ok()).collect();
            ids.map(|ids| (ids.into_iter().map(|id| Who::PrincipalsOf(CallerAccount::here(id))).collect(), false))
        }
        ContextKey::PrincipalArn if !matches!(who, Who::PrincipalsLike(..)) => principals(who, term, test, around),
        ContextKey::PrincipalOrgId | ContextKey::PrincipalOrgPaths
            if matches!(who, Who::EveryPrincipal) || who.cannot_be_told() && who.account(around).is_none() =>
        {
            let mut ids = Vec::with_capacity(term.condition.values.len());
            for value in &term.condition.values {
                let id = if term.key == ContextKey::PrincipalOrgPaths { value.split_once('/')?.0 } else { value.as_str() };
                let lower = (test == Test::StringEqualsIgnoreCase).then(|| id.to_lowercase());
                let id = lower.as_deref().unwrap_or(id);
                // Ids of organizations are in lower case: no other is one.
                if test == Test::StringEquals
                    && !id.contains("${")
                    && !id.strip_prefix("o-").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
                {
                    continue;
                }
                if !id.starts_with("o-") || id.contains("${") || (test == Test::StringLike && crate::wildcard::has_wildcard(id)) {
                    return None;
                }
                let class = Who::Organization(id.into());
                if !ids.contains(&class) {
                    ids.push(class);
                }
            }
            Some((ids, term.key == ContextKey::PrincipalOrgId))
        }
        _ => None,
    }
}

/// What the value of a condition says of the account.
enum Named {
    Account(AccountId),
    /// No request can match the value.
    Nobody,
    Open,
}

fn accounts(values: &[String], read: impl Fn(&str) -> Named) -> Option<Vec<AccountId>> {
    let mut accounts = Vec::with_capacity(values.len());
    for value in values {
        match read(value) {
            Named::Account(account) => accounts.push(account),
            Named::Nobody => {}
            Named::Open => return None,
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    Some(accounts)
}

fn account(value: &str, test: Test) -> Named {
    if let Ok(account) = value.parse() {
        return Named::Account(account);
    }
    // A number that JSON spells in another way may still be an account: only what has no digit at all is certain to match none.
    let open = value.contains("${") || (test != Test::StringEquals && crate::wildcard::has_wildcard(value)) || value.bytes().any(|byte| byte.is_ascii_digit());
    if open { Named::Open } else { Named::Nobody }
}

/// The principals that a condition on `aws:PrincipalArn` names, by account.
fn principals(who: &Who, term: &Term, test: Test, around: &Surroundings<'_>) -> Option<(Vec<Who>, bool)> {
    let mut by_account: BTreeMap<CallerAccount, Vec<String>> = BTreeMap::new();
    let mut exact = true;
    let mut varies = false;
    for value in &term.condition.values {
        let pattern = ArnPattern::read(value, test);
        match pattern.matching {
            Matching::Nobody => continue,
            // No class: the condition stays, and nobody can tell whom it lets in.
            Matching::Undocumented => return None,
            Matching::All | Matching::One | Matching::Some => {}
        }
        let told = pattern.caller_account(around.key);
        let account = told.or_else(|| who.account(around).filter(|_| pattern.matching != Matching::All && !value.contains("${")))?;
        exact &= pattern.matching == Matching::One;
        varies |= value.contains("${");
        by_account.entry(account).or_default().push(without_variables(value));
    }
    if let Some(own) = who.account(around) {
        by_account.retain(|account, _| *account == own);
    }
    // Without regard to case the pattern is no class of its own: its account is, and the condition stays.
    if test == Test::StringEqualsIgnoreCase {
        let wide = !matches!(who, Who::PrincipalsOf(_));
        return wide.then(|| (by_account.into_keys().map(Who::PrincipalsOf).collect(), false));
    }
    let class = |(account, arns): (CallerAccount, Vec<String>)| -> Vec<Who> {
        let named: Vec<Principal> = arns.iter().map(|arn| Principal::read(PrincipalType::Aws, arn.as_str())).collect();
        if exact && named.iter().all(|principal| matches!(principal.form, PrincipalForm::Role(_) | PrincipalForm::User(_))) {
            named.into_iter().map(Who::Named).collect()
        } else {
            vec![Who::PrincipalsLike(account, Arc::from(arns))]
        }
    };
    Some((by_account.into_iter().flat_map(class).collect(), !varies))
}

/// The value with `*` in the place of each policy variable.
pub(crate) fn without_variables(value: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(value.len()), value);
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        out.push('*');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}
