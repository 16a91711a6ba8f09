//! The keys of the latest run of which a view could say too much, or too little.

use kms_insights_lake::tables::{key_last_used::KeyLastUsedRow, keys::KeyRow};

use crate::fixture::{APP, LATEST, arn, at, key, last_used};

/// Those keys.
pub(crate) struct Pitfalls {
    /// A multi-Region key that is used in one Region only.
    idle_primary: KeyRow,
    busy_replica: KeyRow,
    /// Neither its metadata nor its grants could be read.
    hidden: KeyRow,
    /// Its policy was read, but is none.
    garbled: KeyRow,
    /// Never used; rotated on demand this year.
    idle: KeyRow,
    /// Disabled, and used ten days ago.
    just_disabled: KeyRow,
    /// Disabled, and not used since before uses were recorded.
    long_disabled: KeyRow,
    /// Never used, and soon to be deleted.
    doomed: KeyRow,
}

impl Pitfalls {
    pub(crate) fn new() -> Self {
        let named = |region: &str, id: &str, alias: &str| key(LATEST, APP, region, id, alias);
        let set = "mrk-99999999000000000000000000000000";
        let unknown = || String::from("unknown");
        let replicas = || Some(vec![arn(APP, "eu-west-1", set)]);
        let recent = |mut row: KeyRow| {
            row.created_at = Some(at("2026-05-01T00:00:00Z"));
            row
        };
        let mut idle_primary = recent(named("eu-central-1", set, "alias/spread"));
        idle_primary.multi_region_replica_arns = replicas();
        let mut busy_replica = recent(named("eu-west-1", set, "alias/spread"));
        busy_replica.multi_region_replica_arns = replicas();
        let mut hidden = named("eu-west-1", "aaaaaaaa-0000-0000-0000-000000000000", "alias/hidden");
        (hidden.state, hidden.manager, hidden.created_at, hidden.enabled, hidden.description) = (None, None, None, None, None);
        (hidden.grant_count, hidden.monthly_cost_usd) = (None, None);
        hidden.metadata_status = String::from("denied");
        hidden.grants_status = String::from("denied");
        (hidden.outside_account, hidden.outside_organization, hidden.public) = (unknown(), unknown(), unknown());
        let mut garbled = named("eu-west-1", "bbbbbbbb-0000-0000-0000-000000000000", "alias/garbled");
        garbled.policy_error = Some(String::from("statement 0: no Effect"));
        garbled.concern = None;
        (garbled.outside_account, garbled.outside_organization, garbled.public) = (unknown(), unknown(), unknown());
        let mut idle = recent(named("eu-west-1", "cccccccc-0000-0000-0000-000000000000", "alias/idle"));
        idle.rotation_enabled = Some(false);
        idle.last_rotated_at = Some(at("2026-08-01T00:00:00Z"));
        let mut just_disabled = named("eu-west-1", "dddddddd-0000-0000-0000-000000000000", "alias/just-disabled");
        just_disabled.state = Some(String::from("Disabled"));
        let mut long_disabled = named("eu-west-1", "eeeeeeee-0000-0000-0000-000000000000", "alias/long-disabled");
        long_disabled.state = Some(String::from("Disabled"));
        let mut doomed = recent(named("eu-west-1", "ffffffff-0000-0000-0000-000000000000", "alias/doomed"));
        doomed.state = Some(String::from("PendingDeletion"));
        doomed.deletion_date = Some(at("2099-01-01T00:00:00Z"));
        Self { idle_primary, busy_replica, hidden, garbled, idle, just_disabled, long_disabled, doomed }
    }

    pub(crate) fn last_used(&self) -> Vec<KeyLastUsedRow> {
        let older = "no use is recorded since 2026-04-23, but the key is older than that";
        vec![
            last_used(&self.idle_primary, None, "never_used", None),
            last_used(&self.busy_replica, Some("2026-11-18T00:00:00Z"), "used", None),
            last_used(&self.hidden, Some("2026-11-18T00:00:00Z"), "used", None),
            last_used(&self.garbled, Some("2026-11-18T00:00:00Z"), "used", None),
            last_used(&self.idle, None, "never_used", None),
            last_used(&self.just_disabled, Some("2026-11-10T00:00:00Z"), "used", None),
            last_used(&self.long_disabled, None, "unknown", Some(older)),
            last_used(&self.doomed, None, "never_used", None),
        ]
    }

    pub(crate) fn keys(self) -> Vec<KeyRow> {
        let Self { idle_primary, busy_replica, hidden, garbled, idle, just_disabled, long_disabled, doomed } = self;
        vec![idle_primary, busy_replica, hidden, garbled, idle, just_disabled, long_disabled, doomed]
    }
}
