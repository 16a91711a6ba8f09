//! The files of all tables of one run.

use object_store::path::Path;

use super::{attempt::Attempt, sink::Sink};
use crate::{
    LakeError,
    tables::{
        accounts::AccountRow, collection_errors::CollectionErrorRow, findings::FindingRow, grants::GrantRow, key_access::KeyAccessRow,
        key_last_used::KeyLastUsedRow, keys::KeyRow, policy_statements::PolicyStatementRow, trail_recording::TrailRecordingRow,
    },
};

/// One sink for each table but `runs`, whose row is written last and by itself.
pub(super) struct Sinks {
    pub(super) accounts: Sink<AccountRow>,
    pub(super) keys: Sink<KeyRow>,
    pub(super) policy_statements: Sink<PolicyStatementRow>,
    pub(super) grants: Sink<GrantRow>,
    pub(super) key_access: Sink<KeyAccessRow>,
    pub(super) findings: Sink<FindingRow>,
    pub(super) key_last_used: Sink<KeyLastUsedRow>,
    pub(super) trail_recording: Sink<TrailRecordingRow>,
    pub(super) collection_errors: Sink<CollectionErrorRow>,
}

impl Sinks {
    pub(super) fn new(attempt: &Attempt) -> Self {
        Self {
            accounts: Sink::new(attempt),
            keys: Sink::new(attempt),
            policy_statements: Sink::new(attempt),
            grants: Sink::new(attempt),
            key_access: Sink::new(attempt),
            findings: Sink::new(attempt),
            key_last_used: Sink::new(attempt),
            trail_recording: Sink::new(attempt),
            collection_errors: Sink::new(attempt),
        }
    }

    /// Ends every file, and says which there are.
    pub(super) async fn finish(self) -> Result<Vec<Path>, LakeError> {
        Ok([
            self.accounts.finish().await?,
            self.keys.finish().await?,
            self.policy_statements.finish().await?,
            self.grants.finish().await?,
            self.key_access.finish().await?,
            self.findings.finish().await?,
            self.key_last_used.finish().await?,
            self.trail_recording.finish().await?,
            self.collection_errors.finish().await?,
        ]
        .concat())
    }
}
