//! From the facts of a key to what should be looked at.

use std::collections::BTreeSet;

use kms_insights_model::{AccountId, Fact, KeyFacts, LastUsage, OrganizationId, PolicyText, Timestamp};
use kms_insights_policy::{Concern, PolicyDocument, PolicyError, StatementPrincipal, parse, statement_principals};

use crate::{
    Finding, RULES,
    subject::{PolicyName, ReadPolicy, Subject},
};

/// What is known when one key is analyzed.
#[derive(Clone, Copy, Debug)]
pub struct KeyContext<'a> {
    /// The key's facts.
    pub facts: &'a KeyFacts,
    /// Its last usage.
    pub last_usage: &'a Fact<LastUsage>,
    /// The moment to which terms and ages are counted: the run's, so that an analysis can be repeated.
    pub now: Timestamp,
    /// The accounts of the key's organization; `None` where they are not known.
    pub organization_accounts: Option<&'a BTreeSet<AccountId>>,
    /// The id of that organization; `None` where it is not known, or where there is none. A condition that names an organization is weighed by it.
    pub organization_id: Option<&'a OrganizationId>,
}

/// What is to be said about one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyAnalysis {
    /// Every principal of every statement of the policy `default`.
    pub statements: Vec<StatementPrincipal>,
    /// The same for the policy `AWS_RAM`, where the key carries one.
    pub ram_statements: Vec<StatementPrincipal>,
    /// The concerns of all statements of both policies, each once, in the order of [`Concern::ALL`].
    pub concerns: Vec<Concern>,
    /// What should be looked at, the worst first.
    pub findings: Vec<Finding>,
    /// Why the text of a policy that was read could not be understood; `None` where it was, or where there is no text.
    pub policy_error: Option<String>,
}

/// Applies every rule to a key.
pub fn analyze(context: &KeyContext<'_>) -> KeyAnalysis {
    let facts = context.facts;
    let manager = facts.metadata.observed().and_then(|metadata| metadata.manager.as_ref());
    let read = |name, fact: &Fact<PolicyText>| -> ReadPolicy {
        let text = fact.observed().map(|text| parse(text.as_str()));
        let (document, error): (Option<PolicyDocument>, Option<PolicyError>) = match text {
            Some(Ok(document)) => (Some(document), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let rows = document.as_ref().map(|document| statement_principals(document, &facts.arn, manager)).unwrap_or_default();
        ReadPolicy { name, document, rows, error, causes: std::cell::OnceCell::new() }
    };
    let subject = Subject { context, policies: [read(PolicyName::Default, &facts.policy), read(PolicyName::AwsRam, &facts.ram_policy)] };

    let mut findings = Vec::new();
    for rule in RULES {
        (rule.check)(&subject, &mut findings);
    }
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.confidence.cmp(&a.confidence)));

    let policy_error = subject.policies.iter().find_map(|policy| {
        let error = policy.error.as_ref()?;
        Some(format!("{}{error}", policy.name.prefix()))
    });
    let [default, ram] = subject.policies;
    let (statements, ram_statements) = (default.rows, ram.rows);
    let raised = |concern: &Concern| statements.iter().chain(&ram_statements).any(|row| row.concerns.contains(concern));
    let concerns = Concern::ALL.into_iter().filter(raised).collect();
    KeyAnalysis { statements, ram_statements, concerns, findings, policy_error }
}
