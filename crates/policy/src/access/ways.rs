//! From policies and grants to ways in.
//!
//! Each Allow opens a way for each of its principals; its conditions are the fence. Each Deny takes back what it covers: where it covers the way whatever the request
//! says, the way is gone; else at least one thing that the Deny demands must not hold, and that is one more clause of the fence. So nothing is lost on the way from
//! the text to the fence, and the rest is making it short: what always holds is dropped, what never holds closes the way, and conditions on the caller narrow the
//! class of callers.

use std::{borrow::Cow, ops::Range, sync::Arc};

use kms_insights_model::Grant;

use crate::{
    ActionSet, Condition, Effect, Operator, PolicyDocument, Principals, Statement, StatementPrincipal, Surroundings, Test,
    access::{
        CallerAccount, Cause, Certainty, Kind, OnBehalf, PolicyName, Trust, WayIn, Who,
        example::{self, Search},
        fence::{Clause, Fence},
        grant,
        literal::{Literal, OTHER_RESOURCE, Unheeded},
        member::Holds,
        narrow,
        term::Term,
        way::on_behalf,
        work::{TOO_MUCH, Work},
    },
    comparison::Resolved,
    surroundings::OWN_ORGANIZATION,
};

/// The policies of a key, as far as they could be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyPolicies<'a> {
    /// The policy `default`.
    pub default: Option<&'a PolicyDocument>,
    /// The policy `AWS_RAM`, of keys that are shared.
    pub ram: Option<&'a PolicyDocument>,
}

impl<'a> KeyPolicies<'a> {
    /// The policies that there are, with their names.
    pub fn iter(self) -> impl Iterator<Item = (PolicyName, &'a PolicyDocument)> {
        [(PolicyName::Default, self.default), (PolicyName::AwsRam, self.ram)].into_iter().filter_map(|(name, document)| Some((name, document?)))
    }
}

/// What policies and grants say of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyAccess {
    /// Every way in, in the order of policies, statements, principals and grants.
    ///
    /// Whatever request the policies and grants allow comes in by one of them, save that the key's own account may retire the grants that it made; a way that is [`Certainty::Certain`] has a request that comes in.
    pub ways: Vec<WayIn>,
    /// Every principal of every statement of the policy `default`.
    pub statements: Vec<StatementPrincipal>,
    /// The same of the policy `AWS_RAM`.
    pub ram_statements: Vec<StatementPrincipal>,
}

/// Who can do what with the key.
pub fn key_access(policies: KeyPolicies<'_>, grants: &[Grant], around: &Surroundings<'_>) -> KeyAccess {
    let denies = denies(policies, around);
    let work = Work::for_key();
    let mut access = KeyAccess::default();
    for (name, document) in policies.iter() {
        for statement in &document.statements {
            let rows = match name {
                PolicyName::Default => &mut access.statements,
                PolicyName::AwsRam => &mut access.ram_statements,
            };
            statement_access(name, document, statement, &denies, (around, &work), rows, &mut access.ways);
        }
    }
    let work = Work::for_grants();
    for grant in grants {
        for (opening, resource) in grant::openings(grant, around) {
            let denies = covering(&opening, &denies, around);
            open(opening, &denies, &Cause::Grant(Arc::from(grant.id.as_str())), resource.as_deref(), (around, &work), &mut access.ways);
        }
    }
    access
}

/// The rows of a statement, and the ways that it opens.
fn statement_access(
    name: PolicyName,
    document: &PolicyDocument,
    statement: &Statement,
    denies: &[Deny<'_>],
    (around, work): (&Surroundings<'_>, &Work),
    rows: &mut Vec<StatementPrincipal>,
    ways: &mut Vec<WayIn>,
) {
    let cause = Cause::Statement(name, statement.index);
    let listed = statement.principals.listed();
    let template = openings(statement, document.has_variables(), around);
    // Whom `NotPrincipal` leaves is the same for all that it lists.
    let asked = if statement.principals.is_negated() { 1 } else { listed.len() };
    for (at, principal) in listed.iter().take(asked).enumerate() {
        let who = match statement.principals {
            Principals::Only(_) => Who::listed(principal, around),
            Principals::Except(_) => Who::Everyone,
        };
        // The workshop's labels are given without a look at any Deny; the ways are not. Only what a Deny covers is settled a second time.
        let before = ways.len();
        let mut covered: Vec<Covered<'_>> = Vec::new();
        for opening in &template {
            let opening = Opening { who: who.clone(), ..opening.clone() };
            let denies = covering(&opening, denies, around);
            let kept = (!denies.is_empty()).then(|| opening.clone());
            let from = ways.len();
            open(opening, &[], &cause, None, (around, work), ways);
            covered.extend(kept.filter(|_| ways.len() > from).map(|opening| Covered { opening, denies, ways: from..ways.len() }));
        }
        let rows_of = if statement.principals.is_negated() { &listed[..] } else { &listed[at..=at] };
        rows.extend(rows_of.iter().map(|principal| StatementPrincipal::new(statement, principal, &ways[before..], around)));
        // From the last on, so that the places of the others stay.
        for Covered { opening, denies, ways: plain } in covered.into_iter().rev() {
            let mut left = Vec::new();
            open(opening, &denies, &cause, None, (around, work), &mut left);
            ways.splice(plain, left);
        }
    }
}

/// An opening of which Denies take something back, and the ways that it would open without them.
struct Covered<'d> {
    opening: Opening,
    denies: Vec<&'d Deny<'d>>,
    ways: Range<usize>,
}

/// What a statement or grant allows before any Deny.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) who: Who,
    pub(crate) actions: ActionSet,
    pub(crate) clauses: Vec<Clause>,
    /// Why it is not certain that it opens anything, where that is so.
    pub(crate) doubt: Option<&'static str>,
}

/// A Deny, prepared.
struct Deny<'a> {
    principals: &'a Principals,
    actions: ActionSet,
    terms: Vec<Arc<Term>>,
    /// Why it may have no effect.
    unheeded: Vec<Unheeded>,
}

impl Deny<'_> {
    /// What of the caller keeps the Deny from covering a request.
    fn spares(&self) -> Literal {
        match self.principals {
            Principals::Only(listed) => Literal::NotAmong { principals: Arc::clone(listed), of_not_principal: false },
            Principals::Except(listed) => Literal::Spared(Arc::clone(listed)),
        }
    }

    /// The clause of the Deny: what keeps it from covering a request, one of which has to hold.
    fn clause(&self) -> Clause {
        let conditions = self.terms.iter().map(|term| Literal::not(Arc::clone(term)));
        Clause(std::iter::once(self.spares()).chain(conditions).chain(self.unheeded.iter().copied().map(Literal::Unheeded)).collect())
    }
}

/// The Denies that cover any request of the opening, as far as actions and callers tell.
fn covering<'d>(opening: &Opening, denies: &'d [Deny<'d>], around: &Surroundings<'_>) -> Vec<&'d Deny<'d>> {
    let Opening { who, actions, .. } = opening;
    denies.iter().filter(|deny| actions.intersects(deny.actions) && deny.spares().weigh(who, *actions, around) != Holds::Always).collect()
}

fn denies<'a>(policies: KeyPolicies<'a>, around: &Surroundings<'_>) -> Vec<Deny<'a>> {
    let mut denies = Vec::new();
    for (_, document) in policies.iter() {
        for statement in &document.statements {
            if statement.effect == Effect::Deny && statement.has_effect() {
                let terms = terms(statement.conditions.entries.iter(), document.has_variables(), around);
                let mut unheeded = Vec::new();
                if !statement.resources.include(around.key) {
                    unheeded.push(Unheeded::OtherResource);
                }
                // Of an Allow such an element is ignored, which leaves it as wide as it can be.
                if !statement.unknown.is_empty() {
                    unheeded.push(Unheeded::UnknownElement);
                }
                denies.push(Deny { principals: &statement.principals, actions: ActionSet::denied_by(&statement.actions), terms, unheeded });
            }
        }
    }
    denies
}

fn terms<'c>(conditions: impl Iterator<Item = &'c Condition>, variables: bool, around: &Surroundings<'_>) -> Vec<Arc<Term>> {
    conditions.map(|condition| Arc::new(Term::new(condition, variables, around))).collect()
}

/// What an Allow opens for whom it lists: one opening for each set of actions whose requests carry the same context keys. The class of callers is everyone, in whose
/// place each principal of `Principal` is put.
fn openings(statement: &Statement, variables: bool, around: &Surroundings<'_>) -> Vec<Opening> {
    if statement.effect != Effect::Allow || !statement.has_effect() {
        return Vec::new();
    }
    let actions = ActionSet::allowed_by(&statement.actions) & around.possible_actions();
    let terms = terms(statement.conditions.entries.iter(), variables, around);
    let mut clauses: Vec<Clause> = terms.iter().map(|term| Clause(vec![Literal::of(Arc::clone(term))])).collect();
    if let Principals::Except(listed) = &statement.principals {
        clauses.push(Clause(vec![Literal::NotAmong { principals: Arc::clone(listed), of_not_principal: true }]));
    }
    let doubt = (!statement.resources.include(around.key)).then_some(OTHER_RESOURCE);
    split(actions, &terms).into_iter().map(|actions| Opening { who: Who::Everyone, actions, clauses: clauses.clone(), doubt }).collect()
}

/// The actions in sets, of each of which all or none can carry the key of each term.
pub(crate) fn split(actions: ActionSet, terms: &[Arc<Term>]) -> Vec<ActionSet> {
    let mut sets = vec![actions];
    for term in terms {
        sets = sets.into_iter().flat_map(|set| [set & term.actions, set - term.actions]).filter(|set| !set.is_empty()).collect();
    }
    sets.retain(|set| !set.is_empty());
    sets
}

/// Takes the Denies that cover an opening from it, and adds the ways that are left.
fn open(opening: Opening, denies: &[&Deny<'_>], cause: &Cause, resource: Option<&str>, (around, work): (&Surroundings<'_>, &Work), ways: &mut Vec<WayIn>) {
    let Opening { who, actions, clauses, doubt } = opening;
    let mut doubt = doubt.or_else(|| who.cannot_be_told().then_some("who that is cannot be told"));
    // Nothing about an action that the catalogue does not know is certain, and what is certain of the others stays so.
    let known = actions - ActionSet::UNRECOGNIZED;
    let mut pieces =
        if known.is_empty() || known == actions { vec![(actions, clauses)] } else { vec![(known, clauses.clone()), (ActionSet::UNRECOGNIZED, clauses)] };
    for deny in denies {
        let mut after = Vec::with_capacity(pieces.len());
        for (actions, mut clauses) in pieces {
            let covered = split(actions & deny.actions, &deny.terms);
            let spared = actions - deny.actions;
            let copies = covered.len() + usize::from(!spared.is_empty()) - 1;
            // A Deny that is not weighed leaves the way wider than it is.
            if !work.spend(1 + deny.terms.len() + copies * clauses.len()) {
                doubt = Some(TOO_MUCH);
                after.push((actions, clauses));
                continue;
            }
            if copies == 0 && spared.is_empty() {
                clauses.push(deny.clause());
                after.push((actions, clauses));
                continue;
            }
            for actions in covered {
                let mut clauses = clauses.clone();
                clauses.push(deny.clause());
                after.push((actions, clauses));
            }
            if !spared.is_empty() {
                after.push((spared, clauses));
            }
        }
        pieces = after;
    }
    let mut settling = Settling { cause, resource, doubt, around, work, ways };
    for (actions, clauses) in pieces {
        if !actions.is_empty() {
            settling.settle(who.clone(), actions, clauses, 0);
        }
    }
}

/// Why it is not certain that a principal of another partition comes in.
const OTHER_PARTITION: &str = "AWS documents no access from another partition than the key's";

/// More splits of one opening than this are not followed: the way in is then left as wide as it is, which loses no request.
const DEPTH: usize = 6;

/// Turns what an opening demands into ways in.
struct Settling<'a> {
    cause: &'a Cause,
    resource: Option<&'a str>,
    /// Why nothing about these callers is certain, where that is so.
    doubt: Option<&'static str>,
    around: &'a Surroundings<'a>,
    work: &'a Work,
    ways: &'a mut Vec<WayIn>,
}

impl Settling<'_> {
    fn settle(&mut self, who: Who, actions: ActionSet, clauses: Vec<Clause>, depth: usize) {
        let around = self.around;
        // An AWS managed key works for principals of its own account, whatever its policy says.
        let who = match who {
            Who::Everyone | Who::EveryPrincipal | Who::Organization(_) if around.is_aws_managed() => {
                Who::PrincipalsOf(CallerAccount::here(around.key.account()))
            }
            who => who,
        };
        if who == Who::Everyone && !clauses.is_empty() {
            return self.settle_everyone(actions, clauses, depth);
        }
        if !self.work.spend(clauses.iter().map(|clause| clause.0.len()).sum()) {
            self.doubt = Some(TOO_MUCH);
            return self.bound(who, actions, clauses, depth);
        }
        let Some(clauses) = simplified(clauses, &who, actions, around) else { return };
        if depth < DEPTH {
            if let Some(narrowed) = narrow::narrowed(&who, &clauses, around) {
                let mut clauses = clauses;
                if let Some(spent) = narrowed.spent {
                    clauses.remove(spent);
                }
                // An organization stands for its condition, which those that are left of it have to fulfil.
                let clauses = members_clauses(&who, clauses);
                for class in narrowed.classes {
                    self.settle(class, actions, clauses.clone(), depth + 1);
                }
                return;
            }
            if let Some(at) = narrow::worth_splitting(&who, &clauses, around) {
                let mut rest = clauses;
                let Clause(literals) = rest.remove(at);
                for literal in literals {
                    let mut clauses = rest.clone();
                    clauses.insert(0, Clause(vec![literal]));
                    self.settle(who.clone(), actions, clauses, depth + 1);
                }
                return;
            }
        }
        self.bound(who, actions, clauses, depth);
    }

    /// Principals and services are told apart where that matters.
    fn settle_everyone(&mut self, actions: ActionSet, clauses: Vec<Clause>, depth: usize) {
        let of_principals = simplified(clauses.clone(), &Who::EveryPrincipal, actions, self.around);
        let of_services = simplified(clauses, &Who::EveryService, actions, self.around);
        match (of_principals, of_services) {
            (Some(of_principals), Some(of_services)) if of_principals == of_services && of_principals.is_empty() => {
                self.settle(Who::Everyone, actions, Vec::new(), depth);
            }
            (of_principals, of_services) => {
                for (who, clauses) in [(Who::EveryPrincipal, of_principals), (Who::EveryService, of_services)] {
                    if let Some(clauses) = clauses {
                        self.settle(who, actions, clauses, depth);
                    }
                }
            }
        }
    }

    /// Principals of other accounts can do only what KMS offers across accounts; the rest is for those of the own account.
    fn bound(&mut self, who: Who, actions: ActionSet, clauses: Vec<Clause>, depth: usize) {
        let around = self.around;
        let own = CallerAccount::here(around.key.account());
        let abroad = actions & ActionSet::CROSS_ACCOUNT;
        let at_home = actions - abroad;
        if matches!(&who, Who::Named(principal) if principal.form == crate::PrincipalForm::Deleted) {
            return self.add(who, Kind::Intent, actions, clauses);
        }
        if who.is_service() {
            return self.add_service(who, actions, clauses);
        }
        let kind = if matches!(who, Who::Account(_)) { Kind::Delegation } else { Kind::Access };
        match who.account(around) {
            Some(account) if account.is_own(around) => return self.add(who, kind, actions, clauses),
            Some(_) => {
                if !at_home.is_empty() {
                    self.add(who.clone(), Kind::Intent, at_home, clauses.clone());
                }
            }
            None => {
                if !at_home.is_empty() {
                    if who == Who::Everyone {
                        self.settle(Who::EveryService, at_home, clauses.clone(), depth + 1);
                    }
                    if who.cannot_be_told() {
                        self.add(who.clone(), Kind::Access, at_home, clauses.clone());
                    } else {
                        self.settle(Who::PrincipalsOf(own), at_home, members_clauses(&who, clauses.clone()), depth + 1);
                        self.add(who.clone(), Kind::Intent, at_home, clauses.clone());
                    }
                }
            }
        }
        if !abroad.is_empty() {
            self.add(who, kind, abroad, clauses);
        }
    }

    /// A service comes in only for somebody, where conditions say for whom: for nobody it does not. Account and ARN of the source are those of one resource: IAM User
    /// Guide, "AWS global condition context keys".
    fn add_service(&mut self, who: Who, actions: ActionSet, clauses: Vec<Clause>) {
        if on_behalf(clauses.iter().filter_map(Clause::unit)) != OnBehalf::Accounts(Vec::new()) {
            self.add(who, Kind::Access, actions, clauses);
        }
    }

    fn add(&mut self, who: Who, kind: Kind, actions: ActionSet, clauses: Vec<Clause>) {
        let around = self.around;
        let mut trust = Trust::of(&who, around);
        // IAM User Guide, "Cross account resource access in IAM": "IAM roles and resource-based policies delegate access across accounts only within a single
        // partition." KMS refuses such a principal; what it makes of one that it has stored, nobody can tell.
        let of_other_partition = who.account(around).is_some_and(|account| account.other_partition.is_some());
        let doubt = self.doubt.or(of_other_partition.then_some(OTHER_PARTITION));
        // Whether there is an organization, or a principal that a pattern matches, has to be looked at.
        let is_somebody = match &who {
            Who::Organization(id) if **id == *OWN_ORGANIZATION => false,
            Who::PrincipalsLike(..) => false,
            _ => doubt.is_none(),
        };
        let certainty = if kind == Kind::Intent || (clauses.is_empty() && is_somebody && actions != ActionSet::UNRECOGNIZED) {
            Certainty::Certain
        } else {
            if contradict(&clauses) {
                return;
            }
            // What conditions keep to some accounts, though they do not say which, is not public.
            if who == Who::EveryPrincipal && !example::strangers_may_pass(actions, &clauses, around, self.work) {
                trust = Trust::Outside;
            }
            match (example::search(&who, actions, &clauses, around, self.work), doubt) {
                (Search::Impossible, _) => return,
                (_, Some(reason)) => Certainty::Unknown(reason.into()),
                (Search::Found, None) => Certainty::Certain,
                (Search::Doubtful(reason), None) => Certainty::Unknown(reason.into()),
            }
        };
        self.ways.push(WayIn {
            who,
            trust,
            kind,
            actions,
            fence: Fence(clauses),
            cause: self.cause.clone(),
            certainty,
            resource: self.resource.map(str::to_owned),
        });
    }
}

/// Whether two clauses of one literal demand of one context key what no value of it can be: it has a value of the one's list, of which each fails the other.
fn contradict(clauses: &[Clause]) -> bool {
    let units: Vec<(&Term, bool)> = clauses
        .iter()
        .filter_map(|clause| match clause.unit()? {
            Literal::Condition { term, negated } if !term.key.is_list() && !term.has_variable() => Some((&**term, *negated)),
            _ => None,
        })
        .collect();
    let exact =
        units.iter().filter(|(term, negated)| term.operator().test == Test::StringEquals && term.operator().set.is_none() && term.demands_a_value(*negated));
    exact.clone().any(|(demanding, _)| {
        let passes = |value: &String| {
            let same_key = units.iter().filter(|(term, _)| term.condition.key.eq_ignore_ascii_case(&demanding.condition.key));
            same_key.clone().all(|(term, negated)| term.holds(Some(&[Cow::Borrowed(value)]), &|_| Resolved::Open).is_none_or(|holds| holds != *negated))
        };
        !demanding.condition.values.is_empty() && !demanding.condition.values.iter().any(passes)
    })
}

/// The clauses for some of those that a class stands for: where it is an organization, that they belong to it.
fn members_clauses(who: &Who, mut clauses: Vec<Clause>) -> Vec<Clause> {
    if let Who::Organization(id) = who {
        let condition = Condition { operator: Operator::read("StringEquals"), key: "aws:PrincipalOrgID".to_owned(), values: vec![id.to_string()] };
        clauses.push(Clause(vec![Literal::of(Arc::new(Term::prepared(condition)))]));
    }
    clauses
}

/// The clauses without what always and never holds for these callers; nothing where one of them cannot hold.
fn simplified(clauses: Vec<Clause>, who: &Who, actions: ActionSet, around: &Surroundings<'_>) -> Option<Vec<Clause>> {
    let mut left = Vec::with_capacity(clauses.len());
    for Clause(literals) in clauses {
        let mut remaining = Vec::with_capacity(literals.len());
        let mut fulfilled = false;
        for literal in literals {
            match literal.weigh(who, actions, around) {
                Holds::Always => {
                    fulfilled = true;
                    break;
                }
                Holds::Never => {}
                Holds::Depends => remaining.push(literal),
            }
        }
        if !fulfilled {
            if remaining.is_empty() {
                return None;
            }
            let clause = Clause(remaining);
            if !left.contains(&clause) {
                left.push(clause);
            }
        }
    }
    Some(left)
}
