//! One key: every fact of it, asked side by side, each failing for itself.

use std::future::Future;

use kms_insights_model::{Alias, ApiAction, ErrorCode, Fact, Failure, KeyArn, KeyFacts, KeyId, KeyMetadata, PolicyText, Rotation, RotationStatus};

use crate::{
    call::{Requests, Until},
    cloud::{KmsReader, PolicyName},
    pages,
    quota::Bucket,
};

/// The pace of each operation on keys, in one account and Region.
#[derive(Debug)]
pub(crate) struct KeyBuckets {
    describe: Bucket,
    policy: Bucket,
    grants: Bucket,
    tags: Bucket,
    rotation: Bucket,
    rotations: Bucket,
}

impl KeyBuckets {
    pub(crate) fn new(share: f64) -> Self {
        Self {
            describe: Bucket::new(ApiAction::KmsDescribeKey, share),
            policy: Bucket::new(ApiAction::KmsGetKeyPolicy, share),
            grants: Bucket::new(ApiAction::KmsListGrants, share),
            tags: Bucket::new(ApiAction::KmsListResourceTags, share),
            rotation: Bucket::new(ApiAction::KmsGetKeyRotationStatus, share),
            rotations: Bucket::new(ApiAction::KmsListKeyRotations, share),
        }
    }
}

/// Reads one key.
pub(crate) struct KeyReading<'a, K> {
    pub(crate) kms: &'a K,
    pub(crate) requests: &'a Requests,
    pub(crate) buckets: &'a KeyBuckets,
    pub(crate) until: Until,
    pub(crate) customer_managed_only: bool,
}

/// The earlier answer where there is one that does not lack, else a new question.
async fn unless_known<T>(prior: Option<Fact<T>>, ask: impl Future<Output = Fact<T>>) -> Fact<T> {
    match prior {
        Some(fact) if !fact.is_lacking() => fact,
        _ => ask.await,
    }
}

/// A question that has no meaning for this kind of key, where the service says so itself.
fn not_applicable_when<T>(result: Result<T, Failure>, code: ErrorCode) -> Fact<T> {
    match result {
        Err(failure) if failure.code == code => Fact::NotApplicable,
        other => Fact::from(other),
    }
}

/// The facts that depend on what kind of key it is.
struct KindFacts {
    metadata: Fact<KeyMetadata>,
    ram_policy: Fact<PolicyText>,
    rotation: Fact<RotationStatus>,
    rotations: Fact<Vec<Rotation>>,
}

impl<K: KmsReader> KeyReading<'_, K> {
    /// Every fact of the key, taking over from `prior` what does not lack. `None` for an AWS managed key that the run leaves out.
    pub(crate) async fn read(&self, arn: KeyArn, aliases: impl Future<Output = Fact<Vec<Alias>>>, prior: Option<KeyFacts>) -> Option<KeyFacts> {
        let key = arn.key_id();
        // What is taken over was seen then, and a key is no fresher than the oldest of its facts. Of a key that was only listed nothing was seen.
        let observed_at = prior.as_ref().filter(|facts| facts.has_observations()).map_or_else(chrono::Utc::now, |facts| facts.observed_at);
        let (metadata, policy, ram_policy, grants, tags, rotation, rotations) = match prior {
            Some(facts) => (
                Some(facts.metadata),
                Some(facts.policy),
                Some(facts.ram_policy),
                Some(facts.grants),
                Some(facts.tags),
                Some(facts.rotation),
                Some(facts.rotations),
            ),
            None => (None, None, None, None, None, None, None),
        };
        let metadata = if self.customer_managed_only {
            let metadata = unless_known(metadata, self.metadata(key)).await;
            if metadata.observed().is_some_and(KeyMetadata::is_aws_managed) {
                return None;
            }
            Some(metadata)
        } else {
            metadata
        };
        let (kind, policy, grants, tags, aliases) = futures::join!(
            self.kind_facts(key, metadata, ram_policy, rotation, rotations),
            unless_known(policy, self.policy(key, PolicyName::Default)),
            unless_known(grants, self.grants(key)),
            unless_known(tags, self.tags(key)),
            aliases,
        );
        Some(KeyFacts {
            observed_at,
            metadata: kind.metadata,
            aliases,
            policy,
            ram_policy: kind.ram_policy,
            grants,
            tags,
            rotation: kind.rotation,
            rotations: kind.rotations,
            arn,
        })
    }

    async fn metadata(&self, key: &KeyId) -> Fact<KeyMetadata> {
        self.requests.call(&self.buckets.describe, self.until, || self.kms.describe_key(key)).await.into()
    }

    async fn policy(&self, key: &KeyId, name: PolicyName) -> Fact<PolicyText> {
        self.requests.call(&self.buckets.policy, self.until, || self.kms.key_policy(key, name)).await.into()
    }

    async fn grants(&self, key: &KeyId) -> Fact<Vec<kms_insights_model::Grant>> {
        pages::all(self.requests, &self.buckets.grants, self.until, |marker| self.kms.grants(key, marker)).await.into()
    }

    async fn tags(&self, key: &KeyId) -> Fact<Vec<kms_insights_model::Tag>> {
        pages::all(self.requests, &self.buckets.tags, self.until, |marker| self.kms.tags(key, marker)).await.into()
    }

    /// What KMS cannot say of every key is asked only of keys that may have it. Where `DescribeKey` was denied the kind is unknown, so everything is asked, and KMS's
    /// own "unsupported" is the answer.
    async fn kind_facts(
        &self,
        key: &KeyId,
        metadata: Option<Fact<KeyMetadata>>,
        ram_policy: Option<Fact<PolicyText>>,
        rotation: Option<Fact<RotationStatus>>,
        rotations: Option<Fact<Vec<Rotation>>>,
    ) -> KindFacts {
        let metadata = unless_known(metadata, self.metadata(key)).await;
        let kind = metadata.observed();
        let may_rotate = kind.is_none_or(KeyMetadata::may_have_rotation_status);
        let may_be_shared = kind.is_none_or(|kind| !kind.is_aws_managed());
        let (ram_policy, rotation, rotations) = futures::join!(
            unless_known(ram_policy, async {
                if !may_be_shared {
                    return Fact::NotApplicable;
                }
                let result = self.requests.call(&self.buckets.policy, self.until, || self.kms.key_policy(key, PolicyName::AwsRam)).await;
                not_applicable_when(result, ErrorCode::NotFound)
            }),
            unless_known(rotation, async {
                if !may_rotate {
                    return Fact::NotApplicable;
                }
                let result = self.requests.call(&self.buckets.rotation, self.until, || self.kms.rotation_status(key)).await;
                not_applicable_when(result, ErrorCode::UnsupportedByKey)
            }),
            unless_known(rotations, async {
                if !may_rotate {
                    return Fact::NotApplicable;
                }
                let result = pages::all(self.requests, &self.buckets.rotations, self.until, |marker| self.kms.rotations(key, marker)).await;
                not_applicable_when(result, ErrorCode::UnsupportedByKey)
            }),
        );
        KindFacts { metadata, ram_policy, rotation, rotations }
    }
}
