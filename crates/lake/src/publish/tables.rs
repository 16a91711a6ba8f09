//! The files of all tables of one run.

use kms_insights_model::RunId;

use super::sink::{Sink, delete_leftovers};
use crate::{
    Lake, LakeError,
    table::Row,
    tables::{
        accounts::AccountRow, collection_errors::CollectionErrorRow, findings::FindingRow, grants::GrantRow, key_last_used::KeyLastUsedRow, keys::KeyRow,
        policy_statements::PolicyStatementRow,
    },
};

/// One sink for each table but `runs`, whose row is written last and by itself.
pub(super) struct Sinks {
    pub(super) accounts: Sink<AccountRow>,
    pub(super) keys: Sink<KeyRow>,
    pub(super) policy_statements: Sink<PolicyStatementRow>,
    pub(super) grants: Sink<GrantRow>,
    pub(super) findings: Sink<FindingRow>,
    pub(super) key_last_used: Sink<KeyLastUsedRow>,
    pub(super) collection_errors: Sink<CollectionErrorRow>,
}

impl Sinks {
    pub(super) fn new(lake: &Lake, run: &RunId) -> Self {
        Self {
            accounts: Sink::new(lake, run),
            keys: Sink::new(lake, run),
            policy_statements: Sink::new(lake, run),
            grants: Sink::new(lake, run),
            findings: Sink::new(lake, run),
            key_last_used: Sink::new(lake, run),
            collection_errors: Sink::new(lake, run),
        }
    }

    /// Ends every file, and deletes those that an earlier attempt to publish the run left beside them.
    pub(super) async fn finish(self, lake: &Lake, run: &RunId) -> Result<(), LakeError> {
        finish_one(lake, run, self.accounts).await?;
        finish_one(lake, run, self.keys).await?;
        finish_one(lake, run, self.policy_statements).await?;
        finish_one(lake, run, self.grants).await?;
        finish_one(lake, run, self.findings).await?;
        finish_one(lake, run, self.key_last_used).await?;
        finish_one(lake, run, self.collection_errors).await
    }
}

async fn finish_one<R: Row>(lake: &Lake, run: &RunId, sink: Sink<R>) -> Result<(), LakeError> {
    let kept = sink.finish().await?;
    let found = lake.files_of(R::TABLE, run).await?.into_iter().map(|file| file.location).collect();
    delete_leftovers(lake, found, &kept).await
}
