//! A statement that a rule is about, and the ways in that it opens.

use std::{cell::Cell, collections::BTreeSet, sync::Arc};

use kms_insights_policy::{
    PolicyDocument, Principal, PrincipalForm, Principals, Statement,
    access::{Certainty, Fence, PolicyName, WayIn, Who},
};
use serde_json::{Map, Value};

use crate::{
    Confidence, ElementPath, Place, Severity, changed_policy,
    id::statement_causes,
    proposals,
    subject::{ReadPolicy, names, prefix},
};

/// A statement, and of the ways in that it opens those that a rule is about.
pub(crate) struct Culprit<'s> {
    pub(crate) policy: &'s ReadPolicy,
    pub(crate) document: &'s PolicyDocument,
    pub(crate) statement: &'s Statement,
    pub(crate) ways: Vec<&'s WayIn>,
    proposals: &'s Cell<usize>,
}

impl<'s> Culprit<'s> {
    pub(crate) const fn new(
        (policy, document): (&'s ReadPolicy, &'s PolicyDocument),
        statement: &'s Statement,
        ways: Vec<&'s WayIn>,
        proposals: &'s Cell<usize>,
    ) -> Self {
        Self { policy, document, statement, ways, proposals }
    }

    /// What the ids of findings about the statement are made of.
    pub(crate) fn stable_cause(&self) -> &str {
        let all = self.policy.causes.get_or_init(|| statement_causes(self.policy.name.as_str(), self.document));
        // Each statement of the document has one.
        all.get(self.statement.index).map_or("", String::as_str)
    }

    /// The statement by its number and `Sid`.
    pub(crate) fn cause(&self) -> String {
        let prefix = prefix(self.policy.name);
        let index = self.statement.index;
        match &self.statement.sid {
            Some(sid) => format!("{prefix}statement {index} ({sid})"),
            None => format!("{prefix}statement {index}"),
        }
    }

    /// The statement, and which of its elements are meant.
    pub(crate) fn place(&self, elements: Vec<ElementPath>) -> Place {
        Place::Statement { policy: self.policy.name, index: self.statement.index, elements }
    }

    /// The element that lists its principals.
    pub(crate) const fn principal_element(&self) -> &'static str {
        if self.statement.principals.is_negated() { "NotPrincipal" } else { "Principal" }
    }

    /// The place of the element that lists its actions.
    pub(crate) fn at_actions(&self) -> Place {
        self.place(vec![vec![if self.statement.actions.is_negated() { "NotAction" } else { "Action" }.to_owned()]])
    }

    /// The principals that the statement lists and by which the ways open, as it writes them. Whom `NotPrincipal` leaves it does not list.
    pub(crate) fn principals(&self) -> Vec<Arc<str>> {
        let Principals::Only(all) = &self.statement.principals else { return Vec::new() };
        let by_name: BTreeSet<&str> =
            self.ways.iter().filter_map(|way| if let Who::Named(principal) = &way.who { Some(&*principal.text) } else { None }).collect();
        let accounts: BTreeSet<_> = self.ways.iter().filter_map(|way| if let Who::Account(account) = &way.who { Some(account.id) } else { None }).collect();
        let by_condition = self.ways.iter().any(|way| !matches!(way.who, Who::Named(_) | Who::Account(_)));
        let opens = |principal: &Principal| match principal.form {
            _ if by_name.contains(&*principal.text) => true,
            PrincipalForm::Account(id) => accounts.contains(&id),
            // The class that a condition leaves was everyone, every service, or somebody who cannot be told.
            PrincipalForm::Role(_) | PrincipalForm::User(_) | PrincipalForm::AssumedRole(_) | PrincipalForm::FederatedUser(_) | PrincipalForm::Deleted => false,
            PrincipalForm::Service => by_condition && &*principal.text == "*",
            _ => by_condition,
        };
        all.iter().filter(|principal| opens(principal)).map(|principal| Arc::clone(&principal.text)).collect()
    }

    /// Who comes in by the ways, each once, at most three by name.
    pub(crate) fn whom(&self) -> String {
        names(self.ways.iter().map(|way| way.who.to_string()))
    }

    /// What the ways leave as fences, for the reader: nothing where one of them has none.
    pub(crate) fn fences(&self) -> String {
        // Those who are listed beside each other mostly share one, which may be long.
        let mut different: Vec<&Fence> = self.ways.iter().map(|way| &way.fence).collect();
        different.dedup();
        if different.iter().any(|fence| fence.is_empty()) {
            return String::new();
        }
        let mut fences: Vec<String> = different.into_iter().map(ToString::to_string).collect();
        fences.sort_unstable();
        fences.dedup();
        match fences.as_slice() {
            [] => String::new(),
            fences => format!(", if {}", fences.join("; or if ")),
        }
    }

    /// How sure it is that somebody comes in: certain where one of the ways is.
    pub(crate) fn confidence(&self) -> Confidence {
        if self.ways.iter().any(|way| way.certainty.is_certain()) { Confidence::Certain } else { Confidence::Possible }
    }

    /// The weight of the gravest of the ways: how bad it is first, then how sure.
    pub(crate) fn weigh(&self, weight: impl Fn(&WayIn) -> Option<(Severity, Confidence)>) -> (Severity, Confidence) {
        // A culprit has a way of which the rule is about.
        self.ways.iter().filter_map(|way| weight(way)).max().unwrap_or((Severity::Info, Confidence::Possible))
    }

    /// Why it is not certain, for the reader: nothing where it is.
    pub(crate) fn doubt(&self) -> String {
        match self.ways.iter().find_map(|way| match &way.certainty {
            Certainty::Unknown(reason) => Some(reason),
            Certainty::Certain => None,
        }) {
            Some(reason) if self.confidence() != Confidence::Certain => format!(" (not certain: {reason})"),
            _ => String::new(),
        }
    }

    /// The statement as JSON, to be changed. Nothing where no change is asked for: of the policy of a shared resource, which AWS RAM writes, of a policy that is being
    /// tried out, and once there are enough.
    pub(crate) fn written(&self) -> Option<Map<String, Value>> {
        if self.policy.name == PolicyName::AwsRam {
            return None;
        }
        proposals::take(self.proposals)?;
        serde_json::from_str(&self.statement.text).ok()
    }

    /// The policy with these statements, or none, in the place of this one.
    pub(crate) fn replaced_by(&self, statements: Vec<Map<String, Value>>) -> Option<String> {
        changed_policy::with_statements(self.document, self.statement, statements)
    }

    /// The policy with one more condition on this statement.
    pub(crate) fn with_condition(&self, operator: &str, key: &str, value: Value) -> Option<String> {
        let mut statement = self.written()?;
        changed_policy::add_condition(&mut statement, operator, key, value)?;
        self.replaced_by(vec![statement])
    }

    /// The policy without these principals in this statement, and without the statement where it then names nobody. A `NotPrincipal` must name somebody.
    pub(crate) fn without_principals(&self, gone: &[&Principal]) -> Option<String> {
        let mut statement = self.written()?;
        match changed_policy::remove_principals(&mut statement, gone)? {
            true => self.replaced_by(vec![statement]),
            false if self.statement.principals.is_negated() => None,
            false => self.replaced_by(Vec::new()),
        }
    }

    /// The principals of the statement's list by which the ways open; nothing where one of them is there by a condition and not by its name.
    pub(crate) fn listed(&self) -> Option<Vec<&'s Principal>> {
        let Principals::Only(all) = &self.statement.principals else { return None };
        let opens = |principal: &Principal, way: &WayIn| match &way.who {
            Who::Named(named) => named == principal,
            Who::Account(account) => principal.form == PrincipalForm::Account(account.id),
            _ => false,
        };
        let by_name = self.ways.iter().all(|way| all.iter().any(|principal| opens(principal, way)));
        by_name.then(|| all.iter().filter(|principal| self.ways.iter().any(|way| opens(principal, way))).collect())
    }
}
