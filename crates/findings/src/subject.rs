//! One key under examination, and how rules say what they found in it.

use std::cell::{Cell, OnceCell};

use kms_insights_model::{Grant, KeyManager, KeyMetadata, KeyState, MultiRegionKeyType};
use kms_insights_policy::{
    ActionSet, Capability, Effect, PolicyDocument, PolicyError, Surroundings,
    access::{Cause, KeyAccess, KeyPolicies, PolicyName, WayIn, grantee, key_access},
};
use serde_json::Value;

use crate::{Confidence, Finding, KeyContext, Place, RuleInfo, Severity, changed_policy, culprit::Culprit, id::stable_id, printable, proposals};

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
    pub(crate) proposals: Cell<usize>,
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
            document.statements.iter().map(move |statement| Culprit::new((policy, document), statement, Vec::new(), &self.proposals))
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
                culprits.push(Culprit::new((policy, document), statement, vec![way], &self.proposals));
            }
        }
        culprits
    }

    /// The policy `default` with one more statement.
    pub(crate) fn with_another_statement(&self, document: &PolicyDocument, statement: Value) -> Option<String> {
        proposals::take(&self.proposals)?;
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
        let [default, ram] = &self.policies;
        let read = |name, document| ReadPolicy { name, document, error: None, causes: OnceCell::new() };
        // Of a policy only its Denies touch grants, of which there may be fifty thousand.
        let same_denies = have_same_denies(default.document.as_ref(), Some(&document));
        let policies = [read(PolicyName::Default, Some(document)), read(ram.name, ram.document.clone())];
        let documents = KeyPolicies { default: policies[0].document.as_ref(), ram: policies[1].document.as_ref() };
        let mut access = key_access(documents, if same_denies { &[] } else { self.grants() }, &self.around);
        if same_denies {
            access.ways.extend(self.access.ways.iter().filter(|way| matches!(way.cause, Cause::Grant(_))).cloned());
        }
        Self { context: self.context, around: self.around, policies, access, proposals: Cell::new(0) }
    }

    /// Whether the policies `default` of both have the same Denies.
    pub(crate) fn same_denies(&self, other: &Self) -> bool {
        have_same_denies(self.policies[0].document.as_ref(), other.policies[0].document.as_ref())
    }

    /// A finding of `rule`, whose cause has a name that stays.
    pub(crate) fn finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, cause: String, evidence: String) -> Finding {
        let id = stable_id(&self.context.facts.arn, rule.id, &cause);
        made(id, rule, weight, title, (cause, Place::Key), evidence)
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
        made(id, rule, weight, title, (cause, Place::Key), evidence)
    }

    /// A finding of `rule` about a grant.
    pub(crate) fn grant_finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, grant: &Grant) -> Finding {
        self.grant_finding_by_name(rule, rule.id, weight, title, grant)
    }

    /// The same where another name than the rule's makes the id.
    pub(crate) fn grant_finding_by_name(&self, rule: &RuleInfo, name: &str, weight: (Severity, Confidence), title: String, grant: &Grant) -> Finding {
        // A grant always serializes: its maps have text for keys.
        let evidence = serde_json::to_string(grant).unwrap_or_default();
        let cause = format!("grant {}", grant.id);
        let id = stable_id(&self.context.facts.arn, name, &cause);
        Finding {
            principals: grantee(grant).map(|grantee| grantee.text).into_iter().collect(),
            ..made(id, rule, weight, title, (cause, Place::Grant(grant.id.clone())), evidence)
        }
    }

    /// A finding of `rule` about a statement: its cause says where the statement stands, its id is made of what it says.
    pub(crate) fn statement_finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, culprit: &Culprit<'_>) -> Finding {
        self.statement_finding_by_name(rule, (rule.id, ""), weight, title, culprit)
    }

    /// The same where more than the statement and the rule makes the id: another name than the rule's, for two rules that speak of one matter, each as far as is known,
    /// share one; and `content`, if there is any, by which findings about the same statement are told apart.
    pub(crate) fn statement_finding_by_name(
        &self,
        rule: &RuleInfo,
        (name, content): (&str, &str),
        weight: (Severity, Confidence),
        title: String,
        culprit: &Culprit<'_>,
    ) -> Finding {
        let arn = &self.context.facts.arn;
        let cause = culprit.stable_cause();
        let id = if content.is_empty() { stable_id(arn, name, cause) } else { stable_id(arn, name, &format!("{cause} {content}")) };
        let place = culprit.place(vec![vec![culprit.principal_element().to_owned()]]);
        Finding { principals: culprit.principals(), ..made(id, rule, weight, title, (culprit.cause(), place), culprit.statement.text.to_string()) }
    }
}

/// Whether both are read, and their Denies are written alike.
fn have_same_denies(one: Option<&PolicyDocument>, other: Option<&PolicyDocument>) -> bool {
    one.zip(other).is_some_and(|(one, other)| denies(one).eq(denies(other)))
}

/// The Denies of a policy as they are written.
fn denies(document: &PolicyDocument) -> impl Iterator<Item = &str> {
    document.statements.iter().filter(|statement| statement.effect == Effect::Deny).map(|statement| &*statement.text)
}

fn made(id: String, rule: &RuleInfo, weight: (Severity, Confidence), title: String, (cause, place): (String, Place), evidence: String) -> Finding {
    let (severity, confidence) = weight;
    // Names that policies hold may be written to confuse who reads them.
    let [title, cause] = [title, cause].map(|text| printable(&text).into_owned());
    Finding {
        id,
        rule: rule.id,
        severity,
        confidence,
        title,
        cause,
        place,
        principals: Vec::new(),
        evidence,
        remediation: rule.remediation.to_owned(),
        changed_policy: None,
        also_waived_by: None,
        waiver: None,
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
