//! Example requests: what shows that a way in is really open.
//!
//! A way in is certain if there is a request that comes through it. So one is sought: a caller of the class, an action, and for each context key a value that
//! fulfils the fence. What the requester chooses may have any value; what it does not choose (its network, a fact of the key) makes the way uncertain.

use std::collections::BTreeMap;

use crate::{
    ActionSet, Surroundings,
    access::{
        CallerAccount, Request, Who,
        attempt::Attempt,
        candidate::{Candidate, Membership, UNKNOWN_ORGANIZATION, candidates, of_account, strangers},
        fence::Clause,
        values::Decisions,
        work::Work,
    },
    context_key::ContextKey,
    surroundings::OWN_ORGANIZATION,
};

/// What the search for an example came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// A request comes in.
    Found,
    /// None was found that surely comes in, for this reason.
    Doubtful(String),
    /// No request can come in.
    Impossible,
}

/// Whether principals of an account that nothing names, in no organization or in one that nothing names, may come in.
pub(crate) fn strangers_may_pass(actions: ActionSet, clauses: &[Clause], around: &Surroundings<'_>, work: &Work) -> bool {
    let Some(action) = actions.representative() else { return true };
    // One principal that a unique id names is not everyone.
    if names_one_principal(clauses) {
        return false;
    }
    let callers = strangers(clauses, around).into_iter().flat_map(|account| of_account(CallerAccount::here(account), &[], clauses, around));
    callers.into_iter().any(|caller| {
        Membership::elsewhere().into_iter().any(|membership| {
            let candidate = Candidate { caller: caller.clone(), membership };
            let attempt = Attempt { who: &Who::EveryPrincipal, candidate: &candidate, action, actions, around, work, chosen: BTreeMap::new() };
            attempt.run(clauses).0 != Search::Impossible
        })
    })
}

/// Whether a condition demands the unique id of one principal.
fn names_one_principal(clauses: &[Clause]) -> bool {
    clauses
        .iter()
        .filter_map(|clause| clause.unit()?.demanded(false))
        .any(|term| term.key == ContextKey::UserId && !term.condition.values.iter().any(|value| is_any_id(value)))
}

/// Whether a value of `aws:userid` leaves the unique id open, so that whoever assumes a role chooses what follows.
pub(crate) fn is_any_id(value: &str) -> bool {
    let id = value.split(':').next().unwrap_or_default();
    let id = ["AROA", "AIDA"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    !id.is_empty() && id.bytes().all(|byte| matches!(byte, b'*' | b'?'))
}

/// Whether a request of the class for one of the actions can be found that fulfils all clauses.
pub(crate) fn search(who: &Who, actions: ActionSet, clauses: &[Clause], around: &Surroundings<'_>, work: &Work) -> Search {
    seek(who, actions, clauses, around, work, |_, _| ()).0
}

/// The request that was found, as an example.
pub(crate) fn request(who: &Who, actions: ActionSet, clauses: &[Clause], around: &Surroundings<'_>) -> Option<Request> {
    // A closure, since the method is one for each lifetime.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's own lifetime is not general enough")]
    seek(who, actions, clauses, around, &Work::for_key(), |attempt, decisions| attempt.request(decisions)).1
}

fn seek<T>(
    who: &Who,
    actions: ActionSet,
    clauses: &[Clause],
    around: &Surroundings<'_>,
    work: &Work,
    found: impl Fn(&Attempt<'_>, Decisions) -> T,
) -> (Search, Option<T>) {
    let Some(action) = actions.representative() else {
        return (Search::Doubtful("the action is not known to this version".to_owned()), None);
    };
    let candidates = candidates(who, clauses, around);
    let mut doubt: Option<String> = candidates.doubt.clone();
    let mut impossible = candidates.is_complete;
    for candidate in &candidates.callers {
        let attempt = Attempt { who, candidate, action, actions, around, work, chosen: BTreeMap::new() };
        match attempt.run(clauses) {
            (Search::Found, Some((attempt, decisions)))
                if candidates.doubt.is_none() && candidate.membership != Membership::Of(OWN_ORGANIZATION.to_owned()) =>
            {
                return (Search::Found, Some(found(&attempt, decisions)));
            }
            (Search::Found, _) => {
                impossible = false;
                if candidate.membership == Membership::Of(OWN_ORGANIZATION.to_owned()) {
                    doubt.get_or_insert(UNKNOWN_ORGANIZATION.to_owned());
                }
            }
            (Search::Doubtful(reason), _) => {
                impossible = false;
                doubt.get_or_insert(reason);
            }
            (Search::Impossible, _) => {}
        }
    }
    let outcome =
        if impossible { Search::Impossible } else { Search::Doubtful(doubt.unwrap_or_else(|| "no request was found that fulfils the conditions".to_owned())) };
    (outcome, None)
}
