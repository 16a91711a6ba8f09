//! The boundary to AWS: what the collector asks for, in the product's own types. SDK types stop at the adapter in [`aws`](crate::aws).

use std::future::Future;

use kms_insights_model::{
    Account, AccountId, Alias, CustomKeyStore, ErrorCode, EventSelectors, Grant, KeyId, KeyMetadata, LastUsage, OrganizationId, Partition, PolicyText, Region,
    Rotation, RotationStatus, Tag, Timestamp, TrailStatus,
};

/// Why one request got no answer, before any retry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The product's code for it.
    pub code: ErrorCode,
    /// AWS's own code, such as `AccessDeniedException`, where the answer carried one.
    pub aws_code: Option<String>,
    /// AWS's or the transport's words.
    pub message: String,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The page's items, in the service's order.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Whether the service says that there is more. AWS sets it exactly when it gives `next`; not everything that speaks its language does.
    pub truncated: bool,
}

/// Who the collector is. Source: `sts:GetCallerIdentity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account of the credentials.
    pub account: AccountId,
    /// The partition of the credentials.
    pub partition: Partition,
    /// The ARN of the caller.
    pub arn: String,
}

/// The organization of the caller's account. Source: `organizations:DescribeOrganization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// The organization's id.
    pub id: OrganizationId,
    /// The management account.
    pub management_account: AccountId,
}

/// A root or an organizational unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its id, such as `r-a1b2` or `ou-a1b2-c3d4e5f6`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// An alias and the key it points at. AWS lists reserved aliases of services that have no key yet: these point at none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasEntry {
    /// The alias.
    pub alias: Alias,
    /// `TargetKeyId`
    pub target: Option<KeyId>,
}

/// The two policies that a key can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyName {
    /// `default`: every key's policy.
    Default,
    /// `AWS_RAM`: the policy of a key shared through AWS RAM.
    AwsRam,
}

impl PolicyName {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AwsRam => "AWS_RAM",
        }
    }
}

/// A trail that an account sees in a Region. Source: `cloudtrail:DescribeTrails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailEntry {
    /// `TrailARN`
    pub arn: String,
    /// `HomeRegion`
    pub home_region: Option<Region>,
    /// `IsMultiRegionTrail`
    pub is_multi_region: bool,
    /// `IsOrganizationTrail`
    pub is_organization_trail: bool,
    /// `S3BucketName`
    pub bucket: Option<String>,
    /// `S3KeyPrefix`
    pub prefix: Option<String>,
}

/// What is looked for in the event history, which takes one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// `ResourceName`
    Resource(String),
    /// `EventName`
    Operation(&'static str),
}

/// An event of the event history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEvent {
    /// `EventName`; the record has it too.
    pub name: Option<String>,
    /// `EventTime`
    pub at: Timestamp,
    /// `CloudTrailEvent`: the record, as JSON.
    pub record: String,
}

/// What one request yields.
pub type Answer<T> = Result<T, ApiError>;

/// The organization and the way into its accounts, seen from the caller's account. One method, one request.
pub trait Cloud: Send + Sync + 'static {
    /// A session in an account.
    type Session: Session;

    /// `sts:GetCallerIdentity`
    fn caller(&self) -> impl Future<Output = Answer<Caller>> + Send;
    /// `organizations:DescribeOrganization`; `None` when the account belongs to no organization.
    fn organization(&self) -> impl Future<Output = Answer<Option<OrganizationFacts>>> + Send;
    /// `organizations:ListAccounts`. OU paths are not known yet.
    fn accounts(&self, token: Option<String>) -> impl Future<Output = Answer<Page<Account>>> + Send;
    /// `organizations:ListRoots`
    fn roots(&self, token: Option<String>) -> impl Future<Output = Answer<Page<Unit>>> + Send;
    /// `organizations:ListOrganizationalUnitsForParent`
    fn units_below(&self, parent: &str, token: Option<String>) -> impl Future<Output = Answer<Page<Unit>>> + Send;
    /// `organizations:ListAccountsForParent`
    fn accounts_below(&self, parent: &str, token: Option<String>) -> impl Future<Output = Answer<Page<AccountId>>> + Send;
    /// A session with the caller's own credentials; no request.
    fn own_session(&self) -> Self::Session;
    /// `sts:AssumeRole` of the configured role, narrowed by the session policy.
    fn assume_role(&self, account: AccountId) -> impl Future<Output = Answer<Self::Session>> + Send;
}

/// A session in one account.
pub trait Session: Send + Sync + 'static {
    /// KMS in one Region.
    type Kms: KmsReader;
    /// CloudTrail in one Region.
    type Trail: TrailReader;

    /// `account:ListRegions`, those enabled for the account.
    fn regions(&self, token: Option<String>) -> impl Future<Output = Answer<Page<Region>>> + Send;
    /// KMS in `region`, of which many may be waiting; no request.
    fn kms(&self, region: &Region) -> Self::Kms;
    /// CloudTrail in `region`; no request.
    fn trail(&self, region: &Region) -> Self::Trail;
}

/// CloudTrail's read operations in one account and Region. One method, one request.
pub trait TrailReader: Send + Sync + 'static {
    /// `cloudtrail:DescribeTrails`, shadow trails included.
    fn trails(&self) -> impl Future<Output = Answer<Vec<TrailEntry>>> + Send;
    /// `cloudtrail:GetTrailStatus`
    fn status(&self, trail: &str) -> impl Future<Output = Answer<TrailStatus>> + Send;
    /// `cloudtrail:GetEventSelectors`
    fn selectors(&self, trail: &str) -> impl Future<Output = Answer<EventSelectors>> + Send;
    /// `cloudtrail:LookupEvents` of management events, newest first, pages of 50.
    fn events(&self, sought: &Sought, token: Option<String>) -> impl Future<Output = Answer<Page<HistoryEvent>>> + Send;
}

/// KMS's read operations in one account and Region. One method, one request.
pub trait KmsReader: Send + Sync + 'static {
    /// The same for the many requests that reading keys takes: it may hold more memory, and take less time for each of them. No request.
    #[must_use]
    fn for_many_requests(&self) -> Self;
    /// `kms:ListKeys`, pages of 1000.
    fn keys(&self, marker: Option<String>) -> impl Future<Output = Answer<Page<KeyId>>> + Send;
    /// `kms:ListAliases` of the whole Region, pages of 100.
    fn aliases(&self, marker: Option<String>) -> impl Future<Output = Answer<Page<AliasEntry>>> + Send;
    /// `kms:DescribeCustomKeyStores`
    fn custom_key_stores(&self, marker: Option<String>) -> impl Future<Output = Answer<Page<CustomKeyStore>>> + Send;
    /// `kms:DescribeKey`
    fn describe_key(&self, key: &KeyId) -> impl Future<Output = Answer<KeyMetadata>> + Send;
    /// `kms:GetKeyPolicy`
    fn key_policy(&self, key: &KeyId, name: PolicyName) -> impl Future<Output = Answer<PolicyText>> + Send;
    /// `kms:ListGrants`, pages of 100.
    fn grants(&self, key: &KeyId, marker: Option<String>) -> impl Future<Output = Answer<Page<Grant>>> + Send;
    /// `kms:ListResourceTags`, pages of 50.
    fn tags(&self, key: &KeyId, marker: Option<String>) -> impl Future<Output = Answer<Page<Tag>>> + Send;
    /// `kms:GetKeyRotationStatus`
    fn rotation_status(&self, key: &KeyId) -> impl Future<Output = Answer<RotationStatus>> + Send;
    /// `kms:ListKeyRotations`, pages of 1000.
    fn rotations(&self, key: &KeyId, marker: Option<String>) -> impl Future<Output = Answer<Page<Rotation>>> + Send;
    /// `kms:GetKeyLastUsage`
    fn last_usage(&self, key: &KeyId) -> impl Future<Output = Answer<LastUsage>> + Send;
}
