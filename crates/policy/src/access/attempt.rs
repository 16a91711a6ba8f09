//! The search for a request of one caller: which literal of each clause to fulfil, and with which value of each context key.

use std::{borrow::Cow, cell::Cell, collections::BTreeMap};

use crate::{
    ActionSet, KmsAction, PrincipalForm, Surroundings,
    access::{
        Caller, Literal, Term, Who,
        candidate::{Candidate, Membership, STRANGER_NAME, UNKNOWN_ORGANIZATION},
        example::Search,
        fence::Clause,
        member,
        range::Range,
        term::instance,
        values::{Decisions, borrowed, complete},
        work::{TOO_MUCH, Work},
    },
    comparison::Resolved,
    context_key::{self, ContextKey},
    surroundings::OWN_ORGANIZATION,
};

const WHO_IS_MEANT: &str = "whether a principal is meant cannot be told";

/// The search with one caller.
pub(crate) struct Attempt<'a> {
    pub(super) who: &'a Who,
    pub(super) candidate: &'a Candidate,
    pub(super) action: &'static KmsAction,
    pub(super) actions: ActionSet,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) work: &'a Work,
    /// What the requester chose for context keys that policy variables name.
    pub(super) chosen: BTreeMap<String, String>,
}

/// What a caller's requests carry for a key.
pub(crate) enum Carried {
    /// These values, or nothing.
    This(Option<Vec<String>>),
    /// These, or nothing, as the request may be.
    ThisOrNothing(Vec<String>),
    /// One of these, whichever is wanted: some caller of the class carries it.
    AnyOf(Vec<String>),
    /// One of these, nobody knows which.
    Unknown(Vec<Option<String>>),
    /// Whatever fits; nobody but a `doubt`ful world decides it where there is one.
    Free { doubt: bool },
}

impl Attempt<'_> {
    /// Whether the caller can make a request that fulfils the clauses, and with which values.
    pub(super) fn run(mut self, clauses: &[Clause]) -> (Search, Option<(Self, Decisions)>) {
        if !self.work.spend(clauses.iter().map(|clause| clause.0.len()).sum()) {
            return (Search::Doubtful(TOO_MUCH.to_owned()), None);
        }
        self.choose_variables(clauses);
        let mut open: Vec<Vec<&Literal>> = Vec::with_capacity(clauses.len());
        let (mut doubt, mut alternative): (Option<&'static str>, Option<&'static str>) = (None, None);
        for clause in clauses {
            let mut left = Vec::with_capacity(clause.0.len());
            let (mut fulfilled, mut doubted) = (false, None);
            for literal in &clause.0 {
                match self.decided(literal) {
                    Some(Ok(true)) => fulfilled = true,
                    Some(Ok(false)) => {}
                    Some(Err(reason)) => doubted = Some(reason),
                    None => left.push(literal),
                }
            }
            match (fulfilled, left.is_empty(), doubted) {
                (true, _, _) => {}
                (false, true, None) if self.chosen.is_empty() => return (Search::Impossible, None),
                (false, true, None) => doubt = Some("no value of a policy variable was found that fulfils the conditions"),
                (false, true, Some(reason)) => doubt = Some(reason),
                (false, false, _) => {
                    alternative = alternative.or(doubted);
                    open.push(left);
                }
            }
        }
        let mut steps = 512;
        let mut decisions = Decisions::new();
        let mut outcome = self.choose(&open, &mut Vec::new(), &mut steps, &mut decisions);
        if let (Search::Found, Some(reason)) = (&outcome, doubt) {
            outcome = Search::Doubtful(reason.to_owned());
        }
        if let (Search::Impossible, Some(reason)) = (&outcome, alternative) {
            outcome = Search::Doubtful(reason.to_owned());
        }
        if outcome == Search::Impossible && !self.chosen.is_empty() {
            outcome = Search::Doubtful("no value of a policy variable was found that fulfils the conditions".to_owned());
        }
        (outcome, Some((self, decisions)))
    }

    /// Gives the context keys that the requester chooses, and that policy variables name, the value that makes most of them match: that of the key that is compared.
    pub(super) fn choose_variables(&mut self, clauses: &[Clause]) {
        for literal in clauses.iter().flat_map(|clause| &clause.0) {
            let Literal::Condition { term, .. } = literal else { continue };
            for value in term.condition.values.iter().filter(|value| term.variables && value.contains("${")) {
                let mut rest = value.as_str();
                while let Some((name, behind)) = rest.split_once("${").and_then(|(_, after)| after.split_once('}')) {
                    rest = behind;
                    let name = name.split(',').next().unwrap_or_default().trim();
                    let whole = value.starts_with("${") && behind.is_empty() && value.matches("${").count() == 1;
                    let key = context_key::read(name).0;
                    let is_free = key == ContextKey::Chosen || (key == ContextKey::PrincipalTag && self.candidate.caller.account().is_some());
                    if !is_free || self.chosen.contains_key(&name.to_lowercase()) {
                        continue;
                    }
                    let compared = match self.carried(term) {
                        Carried::This(Some(values)) | Carried::ThisOrNothing(values) if whole => values.into_iter().next(),
                        _ => None,
                    };
                    self.chosen.insert(name.to_lowercase(), compared.unwrap_or_else(|| STRANGER_NAME.to_owned()));
                }
            }
        }
    }

    /// Tries one literal of each clause after the other.
    pub(super) fn choose<'l>(&self, open: &[Vec<&'l Literal>], chosen: &mut Vec<&'l Literal>, steps: &mut usize, decisions: &mut Decisions) -> Search {
        let Some((clause, rest)) = open.split_first() else { return self.solve(chosen, decisions) };
        let mut outcome = Search::Impossible;
        for literal in clause {
            if *steps == 0 || !self.work.spend(open.len()) {
                return Search::Doubtful("there are too many combinations of conditions to try".to_owned());
            }
            *steps -= 1;
            chosen.push(literal);
            match self.choose(rest, chosen, steps, decisions) {
                Search::Found => return Search::Found,
                doubtful @ Search::Doubtful(_) => outcome = doubtful,
                Search::Impossible => {}
            }
            chosen.pop();
        }
        outcome
    }

    /// Whether the literal holds for the caller whatever else the request says; an error where that cannot be told, nothing where the request decides.
    pub(super) fn decided(&self, literal: &Literal) -> Option<Result<bool, &'static str>> {
        let caller = &self.candidate.caller;
        match literal {
            Literal::NotAmong { principals, of_not_principal } => {
                Some(member::is_none_of(principals, *of_not_principal, caller, self.around).ok_or(WHO_IS_MEANT))
            }
            Literal::Spared(principals) => Some(member::spares_caller(principals, caller, self.around).ok_or(WHO_IS_MEANT)),
            Literal::Unheeded(unheeded) => Some(Err(unheeded.doubt())),
            Literal::Condition { term, negated } => {
                let at = |values: Option<&[String]>| term.holds(borrowed(values).as_deref(), &|name| self.resolve(name)).map(|holds| holds != *negated);
                if !term.actions.contains(self.actions) {
                    return Some(at(None).ok_or(term.key.doubt()));
                }
                if let (Range::Time(now), None) = (term.range(self.who, self.around), self.chosen.get(&term.condition.key.to_lowercase())) {
                    let at = |moment: &str| at(Some(&[moment.to_owned()]));
                    let moments = term.moments(now);
                    // Now is the last but one: after it comes a late moment.
                    let now = moments.iter().rev().nth(1).and_then(|now| at(now));
                    return Some(match now {
                        Some(true) => Ok(true),
                        Some(false) if moments.iter().all(|moment| at(moment) == Some(false)) => Ok(false),
                        _ => Err(term.key.doubt()),
                    });
                }
                match self.carried(term) {
                    Carried::This(values) if term.goes_beyond(self.who, self.around) && at(values.as_deref()) != Some(true) => Some(Err(term.key.doubt())),
                    Carried::This(values) => {
                        Some(at(values.as_deref()).ok_or_else(|| term.undecided().unwrap_or("a policy variable, operator or value cannot be decided")))
                    }
                    Carried::Unknown(values) => {
                        let outcomes: Vec<Option<bool>> =
                            values.iter().map(|value| at(value.clone().map(|value| [value]).as_ref().map(<[String; 1]>::as_slice))).collect();
                        match outcomes.first() {
                            Some(Some(first)) if outcomes.iter().all(|outcome| *outcome == Some(*first)) => Some(Ok(*first)),
                            _ => Some(Err(term.key.doubt())),
                        }
                    }
                    Carried::ThisOrNothing(_) | Carried::AnyOf(_) | Carried::Free { .. } => None,
                }
            }
        }
    }

    /// What the caller's requests carry for the term's key.
    pub(super) fn carried(&self, term: &Term) -> Carried {
        use ContextKey as Key;
        let caller = &self.candidate.caller;
        let this = |value: &str| Carried::This(Some(vec![value.to_owned()]));
        if let Some(value) = self.chosen.get(&term.condition.key.to_lowercase()) {
            return this(value);
        }
        match term.key {
            Key::PrincipalArn if caller.arn().is_some() && !self.path_is_unknown() => return this(caller.arn().unwrap_or_default()),
            Key::PrincipalArn if self.path_is_unknown() && term.goes_beyond(self.who, self.around) => return Carried::Unknown(Vec::new()),
            Key::UserName => {
                return match caller {
                    Caller::User { arn, .. } => this(arn.rsplit_once('/').map_or(arn, |(_, name)| name)),
                    _ => Carried::This(None),
                };
            }
            Key::PrincipalType => match caller {
                Caller::Role { .. } => return this("AssumedRole"),
                Caller::User { .. } => return this("User"),
                Caller::Root { .. } => return this("Account"),
                Caller::FederatedUser { .. } => return this("FederatedUser"),
                Caller::Service { .. } => {}
            },
            Key::PrincipalAccount | Key::CallerAccount => {
                if let Some(account) = caller.account() {
                    let id = account.id.to_string();
                    return if term.key == Key::PrincipalAccount { Carried::This(Some(vec![id])) } else { Carried::ThisOrNothing(vec![id]) };
                }
            }
            Key::PrincipalOrgId | Key::PrincipalOrgPaths => match &self.candidate.membership {
                Membership::None => return Carried::This(None),
                Membership::Of(id) if term.key == Key::PrincipalOrgId => {
                    return match term.organizations_like(id, self.around) {
                        Some(ids) if *id != OWN_ORGANIZATION || ids.len() > 1 => Carried::Unknown(ids.into_iter().map(Some).collect()),
                        _ => this(id),
                    };
                }
                Membership::Of(id) => {
                    let paths = term.condition.values.iter().map(|value| instance(value)).filter(|value| value.split('/').next() == Some(id.as_str()));
                    let paths: Vec<String> = paths.chain([format!("{id}/r-aaaa/ou-aaaa-aaaaaaaa/"), format!("{id}/r-aaaa/")]).collect();
                    // Of the own organization it is told who is in it, and not where.
                    let own = matches!(self.who, Who::Organization(_)) && self.around.organization_id.is_none_or(|own| own.0 == *id);
                    return if own && paths.len() > 1 { Carried::Unknown(paths.into_iter().map(Some).collect()) } else { Carried::AnyOf(paths) };
                }
                Membership::AsKnown => {}
            },
            // By which of its names a service calls is not documented.
            Key::ServiceName if matches!(self.who, Who::Named(_)) && caller.account().is_none() => {}
            Key::ServiceName | Key::ServiceNames => {
                return match caller {
                    Caller::Service { .. } if term.key == Key::ServiceNames => Carried::Free { doubt: true },
                    Caller::Service { name } => this(name),
                    _ => Carried::This(None),
                };
            }
            _ => {}
        }
        let who = if *self.who == Who::Everyone { &Who::EveryPrincipal } else { self.who };
        match term.range(who, self.around) {
            Range::Exactly(value) => this(&value),
            Range::Lacking => Carried::This(None),
            Range::OneOf(values) => Carried::Unknown(values),
            Range::Time(now) => this(&if term.key == Key::EpochTime { now.timestamp().to_string() } else { now.to_rfc3339() }),
            Range::Open { .. } => Carried::Free {
                doubt: matches!(
                    term.key,
                    Key::Network
                        | Key::Attestation
                        | Key::KeyFact
                        | Key::UserId
                        | Key::OfPrincipal
                        | Key::Unrecognized
                        | Key::ResourceOrgId
                        | Key::ResourceOrgPaths
                ),
            },
        }
    }

    /// Whether the caller is a session whose role's path the policy does not tell.
    pub(super) fn path_is_unknown(&self) -> bool {
        matches!(self.who, Who::Named(principal) if matches!(principal.form, PrincipalForm::AssumedRole(_)))
    }

    pub(super) fn resolve(&self, name: &str) -> Resolved<'static> {
        let term = Term::of_variable(name);
        match self.carried(&term) {
            Carried::This(Some(values)) => match <[String; 1]>::try_from(values) {
                Ok([value]) => Resolved::Value(Cow::Owned(value)),
                Err(_) => Resolved::Open,
            },
            Carried::This(None) => Resolved::Absent,
            _ => Resolved::Open,
        }
    }

    /// Finds for each key a value that fulfils all the literals that were chosen.
    pub(super) fn solve(&self, chosen: &[&Literal], decisions: &mut Decisions) -> Search {
        decisions.clear();
        let mut by_key: BTreeMap<String, Vec<(&Term, bool)>> = BTreeMap::new();
        for literal in chosen {
            if let Literal::Condition { term, negated } = literal {
                by_key.entry(term.condition.key.to_lowercase()).or_default().push((term, *negated));
            }
        }
        let mut doubt: Option<&'static str> = None;
        for (name, literals) in &by_key {
            let Some((first, _)) = literals.first() else { continue };
            let undecided = Cell::new(false);
            let fulfils = |values: Option<&[Cow<'_, str>]>| {
                let outcome = self.outcome(literals, values);
                undecided.set(undecided.get() || outcome.is_none());
                outcome == Some(true)
            };
            let owned = |values: &Option<Vec<String>>| fulfils(borrowed(values.as_deref()).as_deref());
            let carried = self.carried(first);
            let is_told = matches!(carried, Carried::This(_) | Carried::ThisOrNothing(_) | Carried::AnyOf(_));
            // Values with whether there is a doubt about them.
            let found: Option<(Option<Vec<String>>, bool)> = match carried {
                // That some requests of one account lack the key is not documented, and that all carry it neither.
                Carried::ThisOrNothing(values) => {
                    let values = Some(values);
                    let lacking = || (fulfils(None)).then_some((None, *self.who != Who::EveryPrincipal));
                    if owned(&values) { Some((values, false)) } else { lacking() }
                }
                Carried::AnyOf(values) => values.into_iter().map(|value| Some(vec![value])).find(|values| owned(values)).map(|values| (values, false)),
                Carried::This(values) => owned(&values).then_some((values, false)),
                Carried::Unknown(_) => None,
                Carried::Free { doubt } => {
                    let found = self.fresh(first.key, name, decisions, &fulfils);
                    let found = found.or_else(|| self.named(first.key, name, literals, decisions).into_iter().find(|(values, _)| owned(values)));
                    let always = matches!(
                        first.key,
                        ContextKey::KeyFact | ContextKey::ServiceNames | ContextKey::Unrecognized | ContextKey::ResourceOrgId | ContextKey::ResourceOrgPaths
                    );
                    found.map(|(values, demanded)| (values, doubt && (demanded || always)))
                }
            };
            match found {
                Some((values, doubtful)) => {
                    // A network is the doubt that weighs least: any other is told before it.
                    if doubtful && doubt.is_none_or(|doubt| doubt == ContextKey::Network.doubt()) {
                        doubt = Some(first.key.doubt());
                    }
                    decisions.insert(name.clone(), values);
                }
                None if !undecided.get() && (is_told || Self::is_exhausted(literals)) => return Search::Impossible,
                None => {
                    let reason = literals.iter().find_map(|(term, _)| term.undecided()).filter(|_| undecided.get());
                    let otherwise = || format!("no value of {} was found that fulfils its conditions", first.condition.key);
                    return Search::Doubtful(reason.map_or_else(otherwise, str::to_owned));
                }
            }
        }
        complete(decisions, &by_key);
        // The id of a resource's organization and its path go together.
        let source = |name: &str| decisions.get(name).map(|values| values.as_ref().and_then(|values| values.first()));
        let torn = match (source("aws:sourceorgid"), source("aws:sourceorgpaths")) {
            (Some(Some(id)), Some(Some(path))) => path.split('/').next() != Some(id),
            (Some(id), Some(path)) => id.is_some() != path.is_some(),
            _ => false,
        };
        let inconsistent = torn
            || by_key.iter().any(|(name, literals)| {
                let values = decisions.get(name).and_then(Option::as_deref);
                self.outcome(literals, borrowed(values).as_deref()) != Some(true)
            });
        if inconsistent {
            return Search::Doubtful("the conditions hang together in a way that was not followed".to_owned());
        }
        let of_own = || decisions.values().flatten().flatten().any(|value| value.starts_with(OWN_ORGANIZATION));
        match doubt.or_else(|| of_own().then_some(UNKNOWN_ORGANIZATION)) {
            Some(reason) => Search::Doubtful(reason.to_owned()),
            None => Search::Found,
        }
    }

    /// Whether all the literals of one key hold for its values; `None` where that cannot be told.
    pub(super) fn outcome(&self, literals: &[(&Term, bool)], values: Option<&[Cow<'_, str>]>) -> Option<bool> {
        let outcomes = literals.iter().map(|(term, negated)| term.holds(values, &|name| self.resolve(name)).map(|holds| holds != *negated));
        let mut told = Some(true);
        for outcome in outcomes {
            match outcome {
                Some(true) => {}
                Some(false) => return Some(false),
                None => told = None,
            }
        }
        told
    }
}
