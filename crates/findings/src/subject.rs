//! One key under examination, and how rules say what they found in it.

use std::cell::OnceCell;

use kms_insights_model::{AccountId, KeyMetadata};
use kms_insights_policy::{Condition, Fence, Narrowing, PolicyDocument, PolicyError, Reach, Statement, StatementPrincipal, always_holds, narrowing};
use serde_json::Value;

use crate::{
    Confidence, Finding, KeyContext, RuleInfo, Severity,
    id::{stable_id, statement_causes},
};

/// The two policies that a key may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyName {
    /// `default`
    Default,
    /// `AWS_RAM`: of a key shared through AWS Resource Access Manager.
    AwsRam,
}

impl PolicyName {
    /// What precedes the statement in a cause: nothing for the policy that every key has.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::AwsRam => "AWS_RAM policy, ",
        }
    }

    /// AWS's name of the policy.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AwsRam => "AWS_RAM",
        }
    }
}

/// A policy of the key as far as it could be read.
pub(crate) struct ReadPolicy {
    pub(crate) name: PolicyName,
    pub(crate) document: Option<PolicyDocument>,
    pub(crate) rows: Vec<StatementPrincipal>,
    pub(crate) error: Option<PolicyError>,
    /// What the ids of its statements' findings are made of, once one is.
    pub(crate) causes: OnceCell<Vec<String>>,
}

/// A key under examination.
pub(crate) struct Subject<'a> {
    pub(crate) context: &'a KeyContext<'a>,
    pub(crate) policies: [ReadPolicy; 2],
}

/// A statement and those of its principals that a rule is about; never without any.
pub(crate) struct Culprit<'s> {
    pub(crate) policy: &'s ReadPolicy,
    pub(crate) statement: &'s Statement,
    pub(crate) rows: Vec<&'s StatementPrincipal>,
}

impl<'a> Subject<'a> {
    /// `DescribeKey`'s answer, where there is one.
    pub(crate) fn metadata(&self) -> Option<&'a KeyMetadata> {
        self.context.facts.metadata.observed()
    }

    /// Whether AWS manages the key, so that nobody can act on what its policy says.
    pub(crate) fn is_aws_managed(&self) -> bool {
        self.metadata().is_some_and(KeyMetadata::is_aws_managed)
    }

    /// Whether all these accounts are known to belong to the key's organization.
    pub(crate) fn are_in_organization(&self, accounts: &[AccountId]) -> bool {
        self.context.organization_accounts.is_some_and(|known| accounts.iter().all(|account| known.contains(account)))
    }

    /// The statements with a principal of which `test` holds, for keys whose policy the customer can change.
    pub(crate) fn culprits(&self, test: impl Fn(&StatementPrincipal) -> bool) -> Vec<Culprit<'_>> {
        let mut culprits: Vec<Culprit<'_>> = Vec::new();
        if self.is_aws_managed() {
            return culprits;
        }
        for policy in &self.policies {
            for row in policy.rows.iter().filter(|row| test(row)) {
                let statement = policy.document.as_ref().and_then(|document| document.statements.get(row.statement_index));
                match (culprits.last_mut(), statement) {
                    (Some(last), _) if last.policy.name == policy.name && last.statement.index == row.statement_index => last.rows.push(row),
                    (_, Some(statement)) => culprits.push(Culprit { policy, statement, rows: vec![row] }),
                    (_, None) => {}
                }
            }
        }
        culprits
    }

    /// A finding of `rule`, whose cause has a name that stays.
    pub(crate) fn finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, cause: String, evidence: String) -> Finding {
        let id = stable_id(&self.context.facts.arn, rule.id, &cause);
        made(id, rule, weight, title, cause, evidence)
    }

    /// A finding of `rule` about a statement: its cause says where the statement stands, its id is made of what it says.
    pub(crate) fn statement_finding(&self, rule: &RuleInfo, weight: (Severity, Confidence), title: String, culprit: &Culprit<'_>) -> Finding {
        let id = stable_id(&self.context.facts.arn, rule.id, culprit.stable_cause());
        made(id, rule, weight, title, culprit.cause(), culprit.statement.text.to_string())
    }

    /// How sure it is that the statement lets in the culprit, if it is this sure that it does so by itself: at most likely where a Deny of the key's policies may
    /// forbid it. What the Deny's conditions come to is not weighed.
    pub(crate) fn unless_forbidden(&self, culprit: &Culprit<'_>, confidence: Confidence) -> Confidence {
        let may_be_forbidden = || {
            let mut statements = self.policies.iter().filter_map(|policy| policy.document.as_ref()).flat_map(|document| &document.statements);
            statements.any(|deny| culprit.rows.iter().any(|row| deny.may_forbid(culprit.statement, row)))
        };
        if confidence == Confidence::Certain && may_be_forbidden() { Confidence::Likely } else { confidence }
    }

    /// Why the conditions of the statement leave open whose request it is: what was weighed, for the reader.
    pub(crate) fn weighed(&self, culprit: &Culprit<'_>) -> String {
        let conditions = &culprit.statement.conditions.entries;
        let weighed: Vec<String> = conditions
            .iter()
            .map(|condition| match self.narrowing(culprit, condition) {
                Narrowing::Nothing(reason) => format!("{} {} does not fence: {reason}", condition.operator, condition.key),
                Narrowing::CallerOrganization(named) | Narrowing::SourceOrganization(named)
                    if !named.iter().all(|organization| organization.is(self.context.organization_id)) =>
                {
                    format!("{} {} admits an organization that is not known to be the key's", condition.operator, condition.key)
                }
                _ => format!("{} {} fences", condition.operator, condition.key),
            })
            .collect();
        if weighed.is_empty() { String::new() } else { format!(" ({})", weighed.join("; ")) }
    }

    /// What one condition of the statement demands.
    pub(crate) fn narrowing(&self, culprit: &Culprit<'_>, condition: &Condition) -> Narrowing {
        let variables = culprit.policy.document.as_ref().is_some_and(PolicyDocument::has_variables);
        narrowing(condition, &culprit.statement.conditions, &self.context.facts.arn, variables)
    }

    /// The fence of a statement.
    pub(crate) fn fence(&self, culprit: &Culprit<'_>) -> Fence {
        let variables = culprit.policy.document.as_ref().is_some_and(PolicyDocument::has_variables);
        Fence::of(&culprit.statement.conditions, &self.context.facts.arn, variables)
    }
}

fn made(id: String, rule: &RuleInfo, weight: (Severity, Confidence), title: String, cause: String, evidence: String) -> Finding {
    let (severity, confidence) = weight;
    Finding { id, rule: rule.id, severity, confidence, title, cause, evidence, remediation: rule.remediation.to_owned() }
}

impl Culprit<'_> {
    /// What the ids of findings about the statement are made of.
    fn stable_cause(&self) -> &str {
        let all = self.policy.causes.get_or_init(|| {
            let document = self.policy.document.as_ref();
            document.map(|document| statement_causes(self.policy.name.as_str(), document)).unwrap_or_default()
        });
        // Each statement of the document has one.
        all.get(self.statement.index).map_or("", String::as_str)
    }

    /// The statement by its number and `Sid`.
    pub(crate) fn cause(&self) -> String {
        let prefix = self.policy.name.prefix();
        let index = self.statement.index;
        match &self.statement.sid {
            Some(sid) => format!("{prefix}statement {index} ({})", sid.replace(char::is_control, "\u{fffd}")),
            None => format!("{prefix}statement {index}"),
        }
    }

    /// Who is meant: the principals, or where the statement says `NotPrincipal`, everyone except them.
    pub(crate) fn whom(&self) -> String {
        let except = if self.statement.principals.is_negated() { "everyone except " } else { "" };
        format!("{except}{}", self.names())
    }

    /// The principals by name, at most three of them.
    pub(crate) fn names(&self) -> String {
        const LIMIT: usize = 3;
        let mut names: Vec<String> = self.rows.iter().take(LIMIT).map(|row| row.principal.replace(char::is_control, "\u{fffd}")).collect();
        if self.rows.len() > LIMIT {
            names.push(format!("{} more", self.rows.len() - LIMIT));
        }
        names.join(", ")
    }

    /// Whether nothing but the principal decides: the statement has no conditions, or none that could fail.
    pub(crate) fn is_unconditional(&self) -> bool {
        self.statement.conditions.entries.iter().all(always_holds)
    }

    /// Certain where nothing but the principal decides, likely where the statement has conditions that may yet keep some out.
    pub(crate) fn confidence(&self) -> Confidence {
        if self.rows.iter().all(|row| row.reach == Reach::Unknown) {
            Confidence::Possible
        } else if self.is_unconditional() {
            Confidence::Certain
        } else {
            Confidence::Likely
        }
    }
}

/// JSON text of a small value made here.
pub(crate) fn json(value: &Value) -> String {
    value.to_string()
}
