//! What keys cost, by themselves and by tag, and what of it would go.

use std::collections::BTreeMap;

use kms_insights_lake::tables::keys::KeyRow;
use tempfile::TempDir;

use crate::fixture::{APP, last_used, numbered, publish, rows_of, run_of, write_rows};

/// A lake of one run with these keys, the last use of which is known as it says.
fn lake(keys: &[(KeyRow, Option<&str>, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of(Some("o-1"), 20, 1);
    let last_uses: Vec<_> = keys.iter().map(|(key, used, verdict)| last_used(key, *used, verdict, None)).collect();
    write_rows(folder.path(), &run.run_id, &last_uses);
    publish(folder.path(), &run, APP, &keys.iter().map(|(key, ..)| key.clone()).collect::<Vec<_>>());
    folder
}

/// A key of August with this price and these tags.
fn priced(number: u32, dollars: Option<f64>, tags: Option<&[(&str, &str)]>) -> KeyRow {
    KeyRow {
        created_at: Some("2026-05-01T00:00:00Z".parse().unwrap()),
        monthly_cost_usd: dollars,
        tags: tags.map(|tags| tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()),
        tags_status: if tags.is_some() { "observed" } else { "denied" }.to_owned(),
        ..numbered(&run_of(Some("o-1"), 20, 1), APP, number, 1)
    }
}

#[tokio::test]
async fn a_price_is_told_in_its_parts_and_with_how_sure_it_is() {
    let replica = |key: KeyRow| KeyRow { multi_region_type: Some("REPLICA".to_owned()), ..key };
    let keys = [
        priced(1, Some(1.0), None),
        priced(2, Some(3.0), None),
        replica(priced(3, Some(1.0), None)),
        // Whether a replica bears the surcharge, AWS does not say.
        replica(priced(4, Some(2.0), None)),
        KeyRow { rotations_status: "denied".to_owned(), ..priced(5, None, None) },
        KeyRow { state: Some("PendingDeletion".to_owned()), ..priced(6, Some(0.0), None) },
        KeyRow { manager: Some("AWS".to_owned()), ..priced(7, Some(0.0), None) },
    ];
    let keys: Vec<_> = keys.into_iter().map(|key| (key, None, "never_used")).collect();
    assert_eq!(
        rows_of(
            &lake(&keys),
            "SELECT split_part(key_arn, '-', 7), base_cost_usd, rotation_cost_usd, monthly_cost_usd, cost_status, saving_reason, saving_certainty FROM key_costs"
        )
        .await,
        [
            "000000000001 1.0 0.0 1.0 known never used recorded",
            "000000000002 1.0 2.0 3.0 known never used recorded",
            "000000000003 1.0 0.0 1.0 known never used recorded",
            "000000000004 1.0 1.0 2.0 assumed never used recorded",
            "000000000005    unknown never used recorded",
            "000000000006 0.0 0.0 0.0 known  ",
            "000000000007 0.0 0.0 0.0 known  ",
        ]
    );
}

#[tokio::test]
async fn each_tag_divides_all_customer_managed_keys_into_its_values_those_without_it_and_those_nobody_knows_of() {
    let used = Some("2026-11-19T00:00:00Z");
    let keys = [
        (priced(1, Some(1.0), Some(&[("team", "payments"), ("stage", "prod")])), used, "used"),
        (priced(2, Some(3.0), Some(&[("team", "payments")])), None, "never_used"),
        // A value may look like the lack of one.
        (priced(3, Some(1.0), Some(&[("team", "untagged")])), None, "unknown"),
        (priced(4, None, Some(&[])), None, "never_used"),
        (priced(5, Some(2.0), None), None, "never_used"),
        (KeyRow { manager: Some("AWS".to_owned()), ..priced(6, Some(0.0), Some(&[])) }, None, "unknown"),
    ];
    assert_eq!(
        rows_of(
            &lake(&keys),
            "SELECT tag_key, tag_value, tag_status, keys, keys_without_price, monthly_cost_usd, recorded_savings_usd, possible_savings_usd FROM costs_by_tag"
        )
        .await,
        [
            "stage  unknown 1 0 2.0 2.0 0.0",
            "stage  untagged 3 1 4.0 3.0 1.0",
            "stage prod tagged 1 0 1.0 0.0 0.0",
            "team  unknown 1 0 2.0 2.0 0.0",
            "team  untagged 1 1 0.0 0.0 0.0",
            "team payments tagged 2 0 4.0 3.0 0.0",
            "team untagged tagged 1 0 1.0 0.0 1.0",
        ]
    );
}

#[tokio::test]
async fn savings_tell_the_surcharge_and_the_replicas_in_them_and_leave_out_keys_without_a_price() {
    let replica = KeyRow { multi_region_type: Some("REPLICA".to_owned()), ..priced(2, Some(2.0), None) };
    let keys = [(priced(1, Some(3.0), None), None, "never_used"), (replica, None, "never_used"), (priced(3, None, None), None, "never_used")];
    assert_eq!(
        rows_of(
            &lake(&keys),
            "SELECT reason, certainty, keys, keys_without_price, monthly_cost_usd, base_cost_usd, rotation_cost_usd, replicas, replica_cost_usd FROM monthly_savings"
        )
        .await,
        ["never used recorded 3 1 5.0 2.0 3.0 1 2.0"]
    );
}
