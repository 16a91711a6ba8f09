//! One key under examination, and how rules say what they found in it.

use std::cell::{Cell, OnceCell};

use kms_insights_model::{Grant, KeyManager, KeyMetadata, KeyState, MultiRegionKeyType};
use kms_insights_policy::{
    ActionSet, Capability, PolicyDocument, PolicyError, Principal, PrincipalForm, Principals, Statement, Surroundings,
    access::{Cause, Certainty, KeyAccess, KeyPolicies, PolicyName, WayIn, Who, key_access},
};
use serde_json::{Map, Value};

use crate::{
    Confidence, Finding, KeyContext, RuleInfo, Severity, changed_policy,
    id::{stable_id, statement_causes},
};

/// A policy of the key as far as it could be read.
pub(crate) struct ReadPolicy {
    pub(crate) name: PolicyName,
    pub(crate) document: Option<PolicyDocument>,
    pub(crate) error: Option<PolicyError>,
    /// What the ids of its statements' findings are made of, once one is.
    pub(crate) causes: OnceCell<Vec<String>>,
}

/// A key under examination.
pub(crate) struct Subject<'a> {
    pub(crate) context: &'a KeyContext<'a>,
    pub(crate) around: Surroundings<'a>,
    pub(crate) policies: [ReadPolicy; 2],
    pub(crate) access: KeyAccess,
    /// How many changed policies may still be made: none for a policy that is only being tried out.
    pub(crate) proposals: Cell<u8>,
}

/// A statement, and of the ways in that it opens those that a rule is about.
pub(crate) struct Culprit<'s> {
    pub(crate) policy: &'s ReadPolicy,
    pub(crate) document: &'s PolicyDocument,
    pub(crate) statement: &'s Statement,
    pub(crate) ways: Vec<&'s WayIn>,
    proposals: &'s Cell<u8>,
}

/// How many changed policies are made for one key: each may be as long as the policy, and a policy may hold hundreds of statements.
pub(crate) const PROPOSALS: u8 = 20;

/// Takes one of the proposals that may still be made.
fn take(proposals: &Cell<u8>) -> Option<()> {
    proposals.set(proposals.get().checked_sub(1)?);
    Some(())
}

/// What precedes the statement in a cause: nothing for the policy that every key has.
pub(crate) const fn prefix(name: PolicyName) -> &'static str {
    match name {
        PolicyName::Default => "",
        PolicyName::AwsRam => "AWS_RAM policy, ",
    }
}

impl<'a> Subject<'a> {
    /// `DescribeKey`'s answer, where there is one.
    pub(crate) fn metadata(&self) -> Option<&'a KeyMetadata> {
        self.context.facts.metadata.observed()
    }

    /// `DescribeKey`'s answer, where it says that the customer manages the key.
    pub(crate) fn customer_managed(&self) -> Option<&'a KeyMetadata> {
        self.metadata().filter(|metadata| metadata.manager == Some(KeyManager::Customer))
    }

    /// The same for a key that does not wait for its deletion: all that can be done about one that does is to cancel that.
    pub(crate) fn kept_by_customer(&self) -> Option<&'a KeyMetadata> {
        self.customer_managed().filter(|metadata| !matches!(metadata.state, Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)))
    }

    /// Whether the key is a replica of a multi-Region set, which follows its primary in all that they share.
    pub(crate) fn is_replica(&self) -> bool {
        self.metadata().and_then(|metadata| metadata.multi_region.as_ref()).is_some_and(|set| set.key_type == MultiRegionKeyType::Replica)
    }

    /// Whether AWS manages the key, so that nobody can act on what its policy says.
    pub(crate) fn is_aws_managed(&self) -> bool {
        self.metadata().is_some_and(KeyMetadata::is_aws_managed)
    }

    /// The key's grants, as far as they could be read.
    pub(crate) fn grants(&self) -> &'a [Grant] {
        self.context.facts.grants.observed().map_or(&[], Vec::as_slice)
    }

    /// The statements, for keys whose policy the customer can change; without a look at the ways in that they open.
    pub(crate) fn statements(&self) -> impl Iterator<Item = Culprit<'_>> {
        let policies = self.policies.iter().filter(|_| !self.is_aws_managed());
        let statements = policies.filter_map(|policy| Some((policy, policy.document.as_ref()?)));
        statements.flat_map(move |(policy, document)| {
            document.statements.iter().map(move |statement| Culprit { policy, document, statement, ways: Vec::new(), proposals: &self.proposals })
        })
    }

    /// The statements that open ways in of which `test` holds, each with those; what leads nowhere (`Kind::Intent`) is asked too.
    pub(crate) fn culprits(&self, test: impl Fn(&WayIn) -> bool) -> Vec<Culprit<'_>> {
        let mut culprits: Vec<Culprit<'_>> = Vec::new();
        if self.is_aws_managed() {
            return culprits;
        }
        for way in self.access.ways.iter().filter(|way| test(way)) {
            let Cause::Statement(name, index) = way.cause else { continue };
            if let Some(last) = culprits.last_mut().filter(|last| last.policy.name == name && last.statement.index == index) {
                last.ways.push(way);
                continue;
            }
            let policy = self.policies.iter().find(|policy| policy.name == name);
            let found = policy.and_then(|policy| policy.document.as_ref().map(|document| (policy, document)));
            if let Some((policy, document)) = found
                && let Some(statement) = document.statements.get(index)
            {
                culprits.push(Culprit { policy, document, statement, ways: vec![way], proposals: &self.proposals });
            }
        }
        culprits
    }

    /// The policy `default` with one more statement.
    pub(crate) fn with_another_statement(&self, document: &PolicyDocument, statement: Value) -> Option<String> {
        take(&self.proposals)?;
        changed_policy::with_another(document, statement)
    }

    /// The grants that open ways in of which `test` holds, each with those.
    pub(crate) fn granted(&self, test: impl Fn(&WayIn) -> bool) -> Vec<(&'a Grant, Vec<&WayIn>)> {
        let mut granted: Vec<(&'a Grant, Vec<&WayIn>)> = Vec::new();
        // Ways stand in the order of the grants, of which there may be many.
        let mut grants = self.grants().iter();
        for way in self.access.ways.iter().filter(|way| test(way)) {
            let Cause::Grant(id) = &way.cause else { continue };
            match granted.last_mut() {
                Some((grant, ways)) if *grant.id == **id => ways.push(way),
                _ => granted.extend(grants.find(|grant| *grant.id == **id).map(|grant| (grant, vec![way]))),
            }
        }
        granted
    }

    /// The same key with another policy `default`, to try it out.
    pub(crate) fn with_default_policy(&self, document: PolicyDocument) -> Self {
        let [_, ram] = &self.policies;
        let read = |name, document| ReadPolicy { name, document, error: None, causes: OnceCell::new() };
        let policies = [read(PolicyName::Default, Some(document)), read(ram.name, ram.document.clone())];
        let documents = KeyPolicies { default: policies[0].document.as_ref(), ram: policies[1].document.as_ref() };
        let access = key_access(documents, self.grants(), &self.around);
        Self { context: self.context, around: self.around, policies, access, proposals: Cell::new(0) }
    }

    /// A finding of `rule`, whose cause has a name that stays.
    pub(crate) fn finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, cause: String, evidence: String) -> Finding {
        let id = stable_id(&self.context.facts.arn, rule.id, &cause);
        made(id, rule, weight, title, cause, evidence)
    }

    /// The same where more than the cause's name makes the id: `content` is what a waiver of the finding was given for.
    pub(crate) fn finding_of(
        &self,
        rule: &RuleInfo,
        weight: (Severity, Confidence),
        title: String,
        (cause, content): (String, &str),
        evidence: String,
    ) -> Finding {
        let id = stable_id(&self.context.facts.arn, rule.id, &format!("{cause} {content}"));
        made(id, rule, weight, title, cause, evidence)
    }

    /// A finding of `rule` about a grant.
    pub(crate) fn grant_finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, grant: &Grant) -> Finding {
        // A grant always serializes: its maps have text for keys.
        let evidence = serde_json::to_string(grant).unwrap_or_default();
        self.finding(rule, weight, title, format!("grant {}", grant.id), evidence)
    }

    /// A finding of `rule` about a statement: its cause says where the statement stands, its id is made of what it says.
    pub(crate) fn statement_finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, culprit: &Culprit<'_>) -> Finding {
        let id = stable_id(&self.context.facts.arn, rule.id, culprit.stable_cause());
        made(id, rule, weight, title, culprit.cause(), culprit.statement.text.to_string())
    }
}

fn made(id: String, rule: &RuleInfo, weight: (Severity, Confidence), title: String, cause: String, evidence: String) -> Finding {
    let (severity, confidence) = weight;
    // Names that policies hold may be written to confuse a terminal.
    let [title, cause] = [title, cause].map(|text| if text.contains(char::is_control) { text.replace(char::is_control, "\u{fffd}") } else { text });
    Finding { id, rule: rule.id, severity, confidence, title, cause, evidence, remediation: rule.remediation.to_owned(), changed_policy: None, waiver: None }
}

impl<'s> Culprit<'s> {
    /// What the ids of findings about the statement are made of.
    fn stable_cause(&self) -> &str {
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

    /// Who comes in by the ways, each once, at most three by name.
    pub(crate) fn whom(&self) -> String {
        names(self.ways.iter().map(|way| way.who.to_string()))
    }

    /// What the ways leave as fences, for the reader: nothing where one of them has none.
    pub(crate) fn fences(&self) -> String {
        let mut fences: Vec<String> = self.ways.iter().map(|way| way.fence.to_string()).collect();
        fences.sort_unstable();
        fences.dedup();
        match fences.as_slice() {
            [] => String::new(),
            fences if fences.iter().any(String::is_empty) => String::new(),
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
        take(self.proposals)?;
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

/// What of the actions does more than tell about the key. Parameters for an import tell a public key and change nothing.
pub(crate) fn more_than_reading(actions: ActionSet) -> ActionSet {
    actions - actions.of(Capability::Read) - ActionSet::of_names(["GetParametersForImport"])
}

/// How sure it is that somebody comes in by the way.
pub(crate) const fn confidence(way: &WayIn) -> Confidence {
    if way.certainty.is_certain() { Confidence::Certain } else { Confidence::Possible }
}

/// Names for a title: each once, at most three of them.
pub(crate) fn names(all: impl Iterator<Item = String>) -> String {
    const LIMIT: usize = 3;
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(LIMIT);
    names.truncate(LIMIT);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// JSON text of a small value made here.
pub(crate) fn json(value: &Value) -> String {
    value.to_string()
}
