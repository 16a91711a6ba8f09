//! From the facts of a key to what should be looked at.

use std::{
    cell::{Cell, OnceCell},
    collections::BTreeSet,
};

use kms_insights_model::{AccountId, Fact, KeyArn, KeyFacts, OrganizationId, PolicyText, Timestamp, UsageEvidence};
use kms_insights_policy::{
    Concern, PolicyDocument, PolicyError, StatementPrincipal, Surroundings,
    access::{AccessRow, Exposure, KeyPolicies, PolicyName, WayIn, key_access},
    parse,
};

use crate::{
    Finding, FindingSettings, RULES, proposals,
    subject::{ReadPolicy, Subject, prefix},
};

/// The policy of another key of the same multi-Region set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaPolicy {
    /// The other key.
    pub arn: KeyArn,
    /// Its policy `default`, in one spelling, so that equal policies are equal texts; `None` where it could not be read.
    pub policy: Option<String>,
}

/// What is known when one key is analyzed.
#[derive(Clone, Copy, Debug)]
pub struct KeyContext<'a> {
    /// The key's facts.
    pub facts: &'a KeyFacts,
    /// What is known of its use, by whoever was asked.
    pub last_usage: &'a Fact<UsageEvidence>,
    /// The moment to which terms and ages are counted: the run's, so that an analysis can be repeated.
    pub now: Timestamp,
    /// The accounts of the key's organization; `None` where they are not known.
    pub organization_accounts: Option<&'a BTreeSet<AccountId>>,
    /// The id of that organization; `None` where it is not known, or where there is none. A condition that names an organization is weighed by it.
    pub organization_id: Option<&'a OrganizationId>,
    /// The other keys of the same multi-Region set, as far as they were read.
    pub replicas: &'a [ReplicaPolicy],
    /// Thresholds, trusted accounts and waivers.
    pub settings: &'a FindingSettings,
}

/// What is to be said about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAnalysis {
    /// Every way in.
    pub ways: Vec<WayIn>,
    /// The ways in as rows: one for each capability of each.
    pub access: Vec<AccessRow>,
    /// Whether it is open to outsiders.
    pub exposure: Exposure,
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
    let metadata = facts.metadata.observed();
    let around = Surroundings {
        manager: metadata.and_then(|metadata| metadata.manager.as_ref()),
        usage: metadata.and_then(|metadata| metadata.usage.as_ref()),
        organization_id: context.organization_id,
        organization_accounts: context.organization_accounts,
        trusted_accounts: Some(&context.settings.trusted_accounts),
        ..Surroundings::of_key(&facts.arn, context.now)
    };
    let read = |name, fact: &Fact<PolicyText>| -> ReadPolicy {
        let text = fact.observed().map(|text| parse(text.as_str()));
        let (document, error): (Option<PolicyDocument>, Option<PolicyError>) = match text {
            Some(Ok(document)) => (Some(document), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        ReadPolicy { name, document, error, causes: OnceCell::new() }
    };
    let policies = [read(PolicyName::Default, &facts.policy), read(PolicyName::AwsRam, &facts.ram_policy)];
    let documents = KeyPolicies { default: policies[0].document.as_ref(), ram: policies[1].document.as_ref() };
    let grants = facts.grants.observed().map_or(&[][..], Vec::as_slice);
    let access = key_access(documents, grants, &around);
    let all_read = policies.iter().all(|policy| policy.error.is_none())
        && [facts.policy.failure(), facts.ram_policy.failure(), facts.grants.failure()].iter().all(Option::is_none);
    let exposure = Exposure::of(&access.ways, all_read, &around);
    let left = Cell::new(proposals::bound(&access.ways));
    let subject = Subject { context, around, policies, access, proposals: left };

    let mut findings = Vec::new();
    for rule in RULES {
        (rule.check)(&subject, &mut findings);
    }
    proposals::try_out(&subject, &mut findings);
    for finding in &mut findings {
        finding.waiver = context.settings.waiver(finding, &facts.arn, context.now.date_naive()).cloned();
    }
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.confidence.cmp(&a.confidence)));

    let policy_error = subject.policies.iter().find_map(|policy| {
        let error = policy.error.as_ref()?;
        Some(format!("{}{error}", prefix(policy.name)))
    });
    let access = subject.access;
    let rows = access.ways.iter().flat_map(|way| way.rows(&around)).collect();
    let raised = |concern: &Concern| access.statements.iter().chain(&access.ram_statements).any(|row| row.concerns.contains(concern));
    let concerns = Concern::ALL.into_iter().filter(raised).collect();
    KeyAnalysis {
        access: rows,
        exposure,
        concerns,
        findings,
        policy_error,
        ways: access.ways,
        statements: access.statements,
        ram_statements: access.ram_statements,
    }
}
