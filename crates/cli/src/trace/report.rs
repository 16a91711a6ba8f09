//! The whole answer, from which both forms are made. Its fields are the JSON that docs/trace.md describes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use kms_insights_model::Timestamp;
use serde::Serialize;

use super::{
    change,
    conclusion::{Grounds, conclusion},
    facts::{Facts, Inventory, KeyRow},
    making::{Making, making},
    timeline::{Entry, timeline},
    trail_end::{Trail, Unknown, unknown},
    usage::{Usage, usage},
};
use crate::terminal::quoted;

/// So many resources of a kind of grants are named.
const MOST_RESOURCES: usize = 20;

/// What a key was made for, by whom, and what uses it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(super) key: Subject,
    pub(super) conclusion: String,
    pub(super) making: Making,
    pub(super) timeline: Vec<Entry>,
    pub(super) usage: Usage,
    pub(super) last_used: Option<LastUsed>,
    /// Grants of today, like ones together.
    pub(super) grants: Vec<Grants>,
    pub(super) trail: Trail,
    pub(super) unknown: Vec<Unknown>,
    pub(super) next_steps: Vec<String>,
}

/// How the inventory knows a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Listed {
    /// In the run that is shown.
    Now,
    /// In an earlier run.
    Before,
    Never,
}

/// The key.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Subject {
    pub(super) key_arn: String,
    pub(super) key_id: String,
    pub(super) account_id: String,
    pub(super) account_name: Option<String>,
    pub(super) region: String,
    pub(super) listed: Listed,
    /// The run that what follows is from.
    pub(super) run_id: Option<String>,
    pub(super) snapshot_date: Option<NaiveDate>,
    pub(super) observed_at: Option<Timestamp>,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) description: Option<String>,
    pub(super) state: Option<String>,
    pub(super) deletion_date: Option<Timestamp>,
    pub(super) manager: Option<String>,
    pub(super) spec: Option<String>,
    pub(super) usage: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) multi_region_type: Option<String>,
    pub(super) tags: Option<BTreeMap<String, String>>,
}

/// The last use that the lake knows, by KMS or by log files.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LastUsed {
    pub(super) verdict: String,
    pub(super) reason: Option<String>,
    pub(super) at: Option<Timestamp>,
    pub(super) operation: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) evidence: Option<String>,
    pub(super) tracking_started_at: Option<Timestamp>,
    pub(super) event_history_from: Option<Timestamp>,
}

/// Grants of today that allow the same to the same.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Grants {
    /// Whom they are for, in words.
    pub(super) grantee: String,
    pub(super) operations: Vec<String>,
    pub(super) count: u64,
    pub(super) first_at: Option<Timestamp>,
    pub(super) last_at: Option<Timestamp>,
    /// The first few resources that they are bound to.
    pub(super) resources: BTreeSet<String>,
}

impl Subject {
    fn of(facts: &Facts) -> Self {
        let row: Option<&KeyRow> = facts.inventory.key();
        let text = |field: fn(&KeyRow) -> &Option<String>| row.and_then(|row| field(row).clone());
        Self {
            key_arn: facts.key.to_string(),
            key_id: facts.key.key_id().to_string(),
            account_id: facts.key.account().to_string(),
            account_name: facts.account_name.clone(),
            region: facts.key.region().to_string(),
            listed: match facts.inventory {
                Inventory::Listed(_) => Listed::Now,
                Inventory::Before { .. } => Listed::Before,
                Inventory::Never { .. } => Listed::Never,
            },
            run_id: row.map(|row| row.run_id.clone()),
            snapshot_date: row.map(|row| row.snapshot_date),
            observed_at: row.map(|row| row.observed_at),
            aliases: row.and_then(|row| row.aliases.clone()),
            description: text(|row| &row.description),
            state: text(|row| &row.state),
            deletion_date: row.and_then(|row| row.deletion_date),
            manager: text(|row| &row.manager),
            spec: text(|row| &row.spec),
            usage: text(|row| &row.usage),
            origin: text(|row| &row.origin),
            multi_region_type: text(|row| &row.multi_region_type),
            tags: row.and_then(|row| row.tags.clone()),
        }
    }
}

impl Report {
    /// Puts together what the lake says. `lake` is where it is, for commands to copy.
    pub(super) fn of(facts: &Facts, lake: &str, program: &str) -> Self {
        let (timeline, past) = timeline(&facts.events, &facts.key);
        let (making, usage, trail) = (making(facts), usage(facts), Trail::of(&facts.logs));
        let conclusion = conclusion(Grounds { facts, making: &making, usage: &usage, trail: &trail });
        let unknown = unknown(facts, &trail, &making, &usage, past.policy());
        let next_steps = next_steps(facts, &making, &usage, &trail, &format!("{program} trail scan SOURCE --lake {}", quoted(lake)));
        Self { key: Subject::of(facts), conclusion, making, timeline, usage, last_used: last_used(facts), grants: grants(facts), trail, unknown, next_steps }
    }

    /// Whether log files lack that could say more.
    pub(super) fn lacks_log_files(&self) -> bool {
        self.unknown.iter().any(|unknown| unknown.about.is_of_trail())
    }
}

fn last_used(facts: &Facts) -> Option<LastUsed> {
    let last = facts.last_use.clone()?;
    Some(LastUsed {
        verdict: last.verdict,
        reason: last.reason,
        at: last.last_used_at,
        operation: last.operation,
        principal: last.principal,
        resource: last.resource,
        evidence: last.evidence,
        tracking_started_at: last.tracking_started_at,
        event_history_from: last.event_history_from,
    })
}

fn grants(facts: &Facts) -> Vec<Grants> {
    let mut kinds: BTreeMap<(String, Vec<String>), Grants> = BTreeMap::new();
    for grant in &facts.grants {
        let (grantee, resource) = change::grant(grant, facts.key.account());
        let operations = grant.operations.clone();
        let empty = || Grants { grantee: grantee.clone(), operations: operations.clone(), count: 0, first_at: None, last_at: None, resources: BTreeSet::new() };
        let kind = kinds.entry((grantee.clone(), operations.clone())).or_insert_with(empty);
        kind.count += 1;
        kind.first_at = kind.first_at.into_iter().chain(grant.created_at).min();
        kind.last_at = kind.last_at.max(grant.created_at);
        if kind.resources.len() < MOST_RESOURCES {
            kind.resources.extend(resource);
        }
    }
    let mut kinds: Vec<Grants> = kinds.into_values().collect();
    // Sorting keeps the order of those that are as many.
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    kinds
}

fn next_steps(facts: &Facts, making: &Making, usage: &Usage, trail: &Trail, scan: &str) -> Vec<String> {
    let mut steps = Vec::new();
    if trail.first_day.is_none() {
        steps.push(format!("read the trail's log files: {scan}"));
    }
    // Whether a stack still exists is no matter of KMS. A deleted one can be described by its id alone.
    if let Some(stack) = making.stack.as_ref().filter(|_| usage.all.uses == 0) {
        let name = stack.id.as_deref().unwrap_or(&stack.name);
        steps.push(format!(
            "see whether the stack still exists: aws cloudformation describe-stacks --region {} --stack-name {}",
            facts.key.region(),
            quoted(name)
        ));
    }
    steps
}
