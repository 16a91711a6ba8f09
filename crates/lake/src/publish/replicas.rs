//! Multi-Region keys: what the analysis of one is told of the others of its set.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kms_insights_findings::{ReplicaPolicy, canonical_policy};
use kms_insights_model::{KeyArn, KeyFacts, KeyId};

use crate::{LakeError, staging::SortedKeys};

/// The policies of an account's multi-Region keys, by the id that the keys of a set share. A set lives in one account: nothing of others is in memory.
pub(super) struct Replicas(BTreeMap<KeyId, Vec<Member>>);

/// A key of a set.
struct Member {
    arn: KeyArn,
    policy: Option<Arc<str>>,
}

impl Replicas {
    /// Reads the account's multi-Region keys, those of sets of which several keys are staged.
    pub(super) async fn of(keys: &SortedKeys<'_>) -> Result<Self, LakeError> {
        let mut sets: BTreeMap<KeyId, Vec<Member>> = BTreeMap::new();
        let mut texts = BTreeSet::new();
        let keep = |key: &KeyFacts| {
            let policy = key.policy.observed().and_then(|text| canonical_policy(text.as_str())).map(|text| kept_once(&mut texts, &text));
            sets.entry(key.arn.key_id().clone()).or_default().push(Member { arn: key.arn.clone(), policy });
        };
        keys.visit_sets(keep).await?;
        Ok(Self(sets))
    }

    /// The other keys of the key's set; none where it is in none.
    pub(super) fn of_set(&self, arn: &KeyArn) -> Vec<ReplicaPolicy> {
        let others = self.0.get(arn.key_id()).into_iter().flatten().filter(|member| member.arn != *arn);
        others.map(|member| ReplicaPolicy { arn: member.arn.clone(), policy: member.policy.as_deref().map(str::to_owned) }).collect()
    }
}

/// Most keys of an account have one of a few policies.
fn kept_once(texts: &mut BTreeSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = texts.get(text) {
        return Arc::clone(known);
    }
    let text: Arc<str> = text.into();
    texts.insert(Arc::clone(&text));
    text
}
