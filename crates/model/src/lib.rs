//! The facts of an inventory of AWS KMS keys, and the closed vocabulary for what can go wrong while reading them.
//!
//! This crate keeps the first promise of the product: *nothing silently missing*. A thing read from AWS is never a bare value but a [`Fact`]: observed, not
//! applicable, denied, or failed. It knows neither the AWS SDK nor files nor Arrow; the names are AWS's own.

#![forbid(unsafe_code)]

mod account;
mod action;
mod arn;
mod cause;
mod event_history;
mod fact;
mod failure;
mod grant;
mod key;
mod key_id;
mod open_enum;
mod policy_text;
mod record;
mod region;
mod rotation;
mod run;
mod trail;
mod usage;

pub use account::{Account, AccountId, AccountOutcome, AccountRecord, AccountState, InvalidAccountId, OrganizationId};
pub use action::{ApiAction, Service};
pub use arn::{Arn, InvalidArn, KeyArn};
pub use cause::{cause, causes};
pub use event_history::{EventHistory, KeyHistory, RecordedUse};
pub use fact::{Fact, FactStatus};
pub use failure::{ErrorCode, Failure};
pub use grant::{Grant, GrantConstraints};
pub use key::{
    Alias, CustomKeyStore, CustomKeyStoreType, ExpirationModel, KeyManager, KeyMetadata, KeySpec, KeyState, KeyUsageType, MultiRegion, MultiRegionKeyType,
    MultiRegionReplica, Origin, Tag,
};
pub use key_id::KeyId;
pub use policy_text::{MAX_POLICY_BYTES, PolicyText};
pub use record::{FactName, KeyFacts, KeyUsage, StagedRecord, UnitRecord};
pub use region::{InvalidRegion, Partition, Region};
pub use rotation::{Rotation, RotationStatus, RotationType};
pub use run::{InvalidRunId, RunId, RunStatus};
pub use trail::{AdvancedSelector, BasicSelector, EventSelectors, FieldSelector, ReadWriteType, Recording, Trail, TrailRecord, TrailStatus};
pub use usage::{LastUsage, LastUsedVerdict, UsageEvidence, UsageSource};

/// A moment in UTC, as AWS returns it: seconds since the epoch with a fraction, on the wire.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
