//! Ways in for programs, each said once: rows that differ in nothing but the capability or the caller are one object, and what must hold of requests stands in a
//! list of its own. A statement of a thousand accounts beside eighty Denies is else a thousand times as long as the policy.

use std::collections::HashMap;

use kms_insights_policy::access::AccessRow;
use serde::{Serialize, Serializer};

/// All ways in of one policy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Access<'a> {
    /// Each sentence of a fence once.
    pub(super) conditions: Vec<&'a str>,
    /// The ways in, in the order of policies, statements, principals and grants.
    pub(super) ways: Vec<Ways<'a>>,
}

/// Who can do the same behind the same fence by the same statement or grant.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Ways<'a> {
    callers: Vec<Caller<'a>>,
    #[serde(flatten)]
    way: Way<'a>,
}

/// A class of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
struct Caller<'a> {
    who: &'a str,
    who_kind: &'static str,
    who_account: Option<&'a str>,
}

/// What callers can do, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Way<'a> {
    trust: &'static str,
    kind: &'static str,
    capabilities: Capabilities<'a>,
    /// Places in the list of conditions.
    fence: Vec<usize>,
    on_behalf_of: &'a [String],
    resource: Option<&'a str>,
    certainty: &'static str,
    reason: Option<&'a str>,
    cause: &'static str,
    policy_name: Option<&'static str>,
    statement_index: Option<usize>,
    grant_id: Option<&'a str>,
}

/// Capabilities with the actions that amount to them, in the order of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Capabilities<'a>(Vec<(&'static str, Vec<&'a str>)>);

impl Serialize for Capabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(capability, actions)| (capability, actions)))
    }
}

impl<'a> Capabilities<'a> {
    fn add(&mut self, capability: &'static str, actions: &'a [String]) {
        let actions = actions.iter().map(String::as_str);
        match self.0.iter_mut().find(|(known, _)| *known == capability) {
            Some((_, known)) => {
                known.extend(actions);
                known.sort_unstable();
                known.dedup();
            }
            None => self.0.push((capability, actions.collect())),
        }
    }
}

impl<'a> Access<'a> {
    /// The rows, put together.
    pub(super) fn of(rows: &'a [AccessRow]) -> Self {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut conditions: Vec<&str> = Vec::new();
        let mut of_callers: Vec<(Caller<'_>, Way<'_>)> = Vec::new();
        // By all that a row says but for what can be done.
        let mut known: HashMap<(Caller<'_>, Way<'_>), usize> = HashMap::new();
        for row in rows {
            let fence = row.fence.iter().map(|sentence| {
                *places.entry(sentence).or_insert_with(|| {
                    conditions.push(sentence);
                    conditions.len() - 1
                })
            });
            let way = Way {
                trust: row.trust,
                kind: row.kind,
                capabilities: Capabilities::default(),
                fence: fence.collect(),
                on_behalf_of: &row.on_behalf_of,
                resource: row.resource.as_deref(),
                certainty: row.certainty,
                reason: row.reason.as_deref(),
                cause: row.cause,
                policy_name: row.policy_name,
                statement_index: row.statement_index,
                grant_id: row.grant_id.as_deref(),
            };
            let caller = Caller { who: &row.who, who_kind: row.who_kind, who_account: row.who_account.as_deref() };
            let at = *known.entry((caller, way)).or_insert_with_key(|(caller, way)| {
                of_callers.push((*caller, way.clone()));
                of_callers.len() - 1
            });
            of_callers[at].1.capabilities.add(row.capability, &row.actions);
        }
        let mut ways: Vec<Ways<'_>> = Vec::new();
        let mut known: HashMap<Way<'_>, usize> = HashMap::new();
        for (caller, way) in of_callers {
            let at = *known.entry(way).or_insert_with_key(|way| {
                ways.push(Ways { callers: Vec::new(), way: way.clone() });
                ways.len() - 1
            });
            ways[at].callers.push(caller);
        }
        Self { conditions, ways }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(who: &str, capability: &'static str, actions: &[&str], fence: &[&str]) -> AccessRow {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        AccessRow {
            who: format!("account {who}"),
            who_kind: "account",
            who_account: Some(who.to_owned()),
            trust: "outside",
            kind: "delegation",
            capability,
            actions: texts(actions),
            fence: texts(fence),
            on_behalf_of: Vec::new(),
            resource: None,
            certainty: "certain",
            reason: None,
            cause: "statement",
            policy_name: Some("default"),
            statement_index: Some(1),
            grant_id: None,
        }
    }

    fn written(rows: &[AccessRow]) -> (Vec<String>, Value) {
        let access = Access::of(rows);
        (access.conditions.iter().map(ToString::to_string).collect(), serde_json::to_value(&access.ways).unwrap())
    }

    const VPC: &str = "aws:SourceVpc is vpc-1";
    const TLS: &str = "aws:SecureTransport is true";

    #[test]
    fn rows_that_differ_in_capability_or_caller_only_are_one_way_in() {
        let rows: Vec<AccessRow> = ["222233334444", "444455556666"]
            .into_iter()
            .flat_map(|who| [row(who, "encrypt", &["kms:Encrypt"], &[VPC, TLS]), row(who, "decrypt", &["kms:Decrypt", "kms:ReEncryptFrom"], &[VPC, TLS])])
            .collect();
        let (conditions, ways) = written(&rows);
        assert_eq!(conditions, [VPC, TLS]);
        assert_eq!(
            ways,
            json!([{
                "callers": [
                    { "who": "account 222233334444", "who_kind": "account", "who_account": "222233334444" },
                    { "who": "account 444455556666", "who_kind": "account", "who_account": "444455556666" },
                ],
                "trust": "outside",
                "kind": "delegation",
                "capabilities": { "encrypt": ["kms:Encrypt"], "decrypt": ["kms:Decrypt", "kms:ReEncryptFrom"] },
                "fence": [0, 1],
                "on_behalf_of": [],
                "resource": null,
                "certainty": "certain",
                "reason": null,
                "cause": "statement",
                "policy_name": "default",
                "statement_index": 1,
                "grant_id": null,
            }])
        );
    }

    #[test]
    fn rows_that_differ_in_anything_else_stay_apart() {
        let one = || row("222233334444", "decrypt", &["kms:Decrypt"], &[VPC]);
        let changes: [fn(&mut AccessRow); 12] = [
            |row| row.trust = "trusted",
            |row| row.kind = "access",
            |row| row.actions = vec!["kms:ReEncryptFrom".to_owned()],
            |row| row.fence = vec![TLS.to_owned()],
            |row| row.on_behalf_of = vec!["444455556666".to_owned()],
            |row| row.resource = Some("aws:ebs:id=vol-1".to_owned()),
            |row| row.certainty = "unknown",
            |row| row.reason = Some("nobody can tell".to_owned()),
            |row| row.cause = "grant",
            |row| row.policy_name = Some("AWS_RAM"),
            |row| row.statement_index = Some(2),
            |row| row.grant_id = Some("g-1".to_owned()),
        ];
        for change in changes {
            let mut other = row("444455556666", "decrypt", &["kms:Decrypt"], &[VPC]);
            change(&mut other);
            assert_eq!(Access::of(&[one(), other.clone()]).ways.len(), 2, "{other:?}");
        }
        let other = row("444455556666", "decrypt", &["kms:Decrypt"], &[VPC]);
        assert_eq!(Access::of(&[one(), other]).ways.len(), 1);
    }

    #[test]
    fn actions_of_one_caller_that_come_in_several_rows_are_put_together() {
        let rows = [["kms:ReEncryptFrom"], ["kms:Decrypt"], ["kms:Decrypt"]].map(|actions| row("222233334444", "decrypt", &actions, &[]));
        let (conditions, ways) = written(&rows);
        assert_eq!((conditions.len(), ways.as_array().map(Vec::len)), (0, Some(1)));
        assert_eq!(ways[0]["capabilities"], json!({ "decrypt": ["kms:Decrypt", "kms:ReEncryptFrom"] }));
        assert_eq!((&ways[0]["fence"], ways[0]["callers"].as_array().map(Vec::len)), (&json!([]), Some(1)));
    }
}
