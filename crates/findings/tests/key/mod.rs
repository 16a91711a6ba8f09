//! A key of account 111122223333 in its plainest state, changed by a fixture.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use kms_insights_findings::{Finding, FindingSettings, KeyAnalysis, KeyContext, ReplicaPolicy, analyze, canonical_policy};
use kms_insights_model::{AccountId, Fact, KeyFacts, LastUsage, OrganizationId, UsageEvidence};
use serde_json::{Value, json};

/// The facts of one key, as a fixture describes them.
pub(crate) struct Example {
    facts: KeyFacts,
    last_usage: Fact<UsageEvidence>,
    organization_accounts: Option<BTreeSet<AccountId>>,
    organization_id: Option<OrganizationId>,
    settings: FindingSettings,
    replicas: Vec<ReplicaPolicy>,
}

fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (name, value) in change {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}

fn observed(value: &Value) -> Value {
    json!({ "status": "observed", "value": value })
}

/// The policy with a statement more, by which a role keeps the key: without one, nobody of the account could change the policy.
fn kept(policy: &Value) -> Value {
    let keeper = json!({ "Sid": "Keeper", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:role/keeper" }, "Action": "kms:PutKeyPolicy", "Resource": "*" });
    let mut policy = policy.clone();
    if let Some(statements) = policy.get_mut("Statement") {
        match statements {
            Value::Array(statements) => statements.push(keeper),
            statement => *statement = json!([statement.clone(), keeper]),
        }
    }
    policy
}

impl Example {
    /// `policy`, `ram_policy` (objects), `policy_text`, `grants`, `last_usage` (KMS's answer), `usage_evidence` (what others add to it), `organization_accounts`, `organization_id`, `settings`, `replicas` (of `arn` and `policy`),
    /// and `facts` merged over the key's. A role keeps the key by one more statement of each `policy`, unless the fixture says `as_written`.
    pub(crate) fn new(fixture: &Value) -> Self {
        let keep = |policy: &Value| if fixture["as_written"] == json!(true) { policy.clone() } else { kept(policy) };
        let text = json!(keep(&json!({ "Version": "2012-10-17", "Statement": [] })).to_string());
        let mut facts = json!({
            "arn": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "observed_at": "2026-11-22T06:00:00Z",
            "metadata": observed(&json!({
                "created_at": "2025-01-01T00:00:00Z", "enabled": true, "description": "", "usage": "ENCRYPT_DECRYPT", "state": "Enabled", "origin": "AWS_KMS",
                "manager": "CUSTOMER", "spec": "SYMMETRIC_DEFAULT", "encryption_algorithms": [], "encapsulation_algorithms": [], "signing_algorithms": [], "key_agreement_algorithms": [], "mac_algorithms": [],
            })),
            "aliases": observed(&json!([{ "name": "alias/example" }])),
            "policy": observed(fixture.get("policy_text").unwrap_or(&text)),
            "ram_policy": { "status": "not_applicable" },
            "grants": observed(&json!([])),
            "tags": observed(&json!([])),
            "rotation": { "status": "not_applicable" },
            "rotations": { "status": "not_applicable" },
        });
        if let Some(policy) = fixture.get("policy") {
            facts["policy"] = observed(&json!(keep(policy).to_string()));
        }
        if let Some(policy) = fixture.get("ram_policy") {
            facts["ram_policy"] = observed(&json!(policy.to_string()));
        }
        if let Some(Value::Array(grants)) = fixture.get("grants") {
            let whole = |grant: &Value| {
                let mut base = json!({ "constraints": { "encryption_context_subset": {}, "encryption_context_equals": {} } });
                merge(&mut base, grant);
                base
            };
            facts["grants"] = observed(&grants.iter().map(whole).collect());
        }
        if let Some(change) = fixture.get("facts") {
            merge(&mut facts, change);
        }
        let facts: KeyFacts = serde_json::from_value(facts).unwrap();
        let created_at = facts.metadata.observed().and_then(|metadata| metadata.created_at);
        let last_usage = fixture.get("last_usage").map_or(Fact::NotApplicable, |usage| {
            let usage: LastUsage = serde_json::from_value(usage.clone()).unwrap();
            let mut evidence = serde_json::to_value(UsageEvidence::of_kms(&usage, created_at)).unwrap();
            merge(&mut evidence, fixture.get("usage_evidence").unwrap_or(&json!({})));
            Fact::Observed(serde_json::from_value(evidence).unwrap())
        });
        let organization_accounts = fixture.get("organization_accounts").map(|accounts| serde_json::from_value(accounts.clone()).unwrap());
        let organization_id = fixture.get("organization_id").map(|id| serde_json::from_value(id.clone()).unwrap());
        let settings = fixture.get("settings").map_or_else(FindingSettings::default, |settings| serde_json::from_value(settings.clone()).unwrap());
        let replica = |replica: &Value| ReplicaPolicy {
            arn: serde_json::from_value(replica["arn"].clone()).unwrap(),
            // A policy that could not be read is null, which is no policy.
            policy: canonical_policy(&keep(&replica["policy"]).to_string()),
        };
        let replicas = fixture.get("replicas").and_then(Value::as_array).map_or_else(Vec::new, |replicas| replicas.iter().map(replica).collect());
        Self { facts, last_usage, organization_accounts, organization_id, settings, replicas }
    }

    /// What the rules say of the key on 2026-11-22.
    pub(crate) fn analyze(&self) -> KeyAnalysis {
        analyze(&KeyContext {
            facts: &self.facts,
            last_usage: &self.last_usage,
            now: "2026-11-22T06:00:00Z".parse().unwrap(),
            organization_accounts: self.organization_accounts.as_ref(),
            organization_id: self.organization_id.as_ref(),
            replicas: &self.replicas,
            settings: &self.settings,
        })
    }
}

/// The one finding of `rule` on the key that the fixture describes.
// Not every file of tests asks for one.
#[allow(dead_code)]
pub(crate) fn finding(fixture: &Value, rule: &str) -> Finding {
    let analysis = Example::new(fixture).analyze();
    let mut found = analysis.findings.into_iter().filter(|finding| finding.rule == rule);
    match (found.next(), found.next()) {
        (Some(finding), None) => finding,
        (first, second) => panic!("one finding of {rule}: {first:?} {second:?}"),
    }
}
