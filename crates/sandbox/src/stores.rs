//! Custom key stores. Source: `kms:DescribeCustomKeyStores`.

use chrono::TimeDelta;
use kms_insights_model::{CustomKeyStore, CustomKeyStoreType, Timestamp};

use crate::{Archetype, SimulatedAccount, organization::AccountRegion};

/// A custom key store with what the model leaves out.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedStore {
    pub(crate) store: CustomKeyStore,
    pub(crate) cluster_id: Option<String>,
    pub(crate) created_at: Timestamp,
}

impl SimulatedStore {
    pub(crate) fn is_connected(&self) -> bool {
        self.store.connection_state.as_deref() == Some("CONNECTED")
    }
}

/// The stores of an account in a Region: all three kinds everywhere where a key of the showcase needs one, or a drawn key might.
pub(crate) fn of_region(account: &SimulatedAccount, unit: &AccountRegion) -> Vec<SimulatedStore> {
    let shown = |kinds: &[Archetype]| unit.showcase.iter().any(|kind| kinds.contains(kind));
    // A key is drawn in a store about once in a hundred keys; to know exactly would take a walk over all of them.
    let large = unit.keys as usize > unit.managed as usize + unit.members.len() + unit.showcase.len();
    let mut stores = Vec::new();
    for (at, name, store_type, state, error) in [
        (0, "payments-hsm", CustomKeyStoreType::AwsCloudHsm, "CONNECTED", None),
        (1, "thales-xks", CustomKeyStoreType::ExternalKeyStore, "CONNECTED", None),
        (2, "legacy-hsm", CustomKeyStoreType::AwsCloudHsm, "FAILED", Some("INVALID_CREDENTIALS")),
    ] {
        let kinds = [&[Archetype::CloudHsm], &[Archetype::ExternalKeyStore], &[Archetype::Unavailable]][at];
        if !large && !shown(kinds) {
            continue;
        }
        let mut dice = unit.dice.part(500 + at as u64);
        let cluster_id = (store_type == CustomKeyStoreType::AwsCloudHsm).then(|| format!("cluster-{}", dice.lower(11)));
        stores.push(SimulatedStore {
            store: CustomKeyStore {
                id: format!("cks-{}", dice.hex(17)),
                name: Some(format!("{name}-{}", unit.region)),
                store_type: Some(store_type),
                connection_state: Some(state.to_owned()),
                connection_error_code: error.map(str::to_owned),
            },
            cluster_id,
            created_at: account.joined_at + TimeDelta::milliseconds(i64::try_from(dice.below(86_400_000)).unwrap_or(0)),
        });
    }
    stores
}
