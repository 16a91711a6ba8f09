//! Who can do what with a key, and by which settings findings are judged, as far as rows.

use std::collections::BTreeSet;

use kms_insights_findings::Waiver;
use kms_insights_model::{KeyArn, PolicyText, StagedRecord};

use super::{
    tests::{finished, rows, stage},
    *,
};
use crate::{
    sample,
    tables::{findings::FindingRow, key_access::KeyAccessRow, keys::KeyRow},
};

const VENDOR: &str = "999999999999";

/// Publishes an account of these keys, in an organization of that account and another.
async fn published(keys: Vec<KeyFacts>, settings: &FindingSettings) -> (tempfile::TempDir, Lake, RunId) {
    let (folder, lake) = sample::lake();
    let run = sample::run_id(1);
    let info = RunInfo { organization_accounts: Some([1, 2].map(sample::account_id).into()), ..sample::info(&run, &[1]) };
    let writer = StagingWriter::begin(&lake, &info).await.unwrap();
    stage(&writer, keys.into_iter().map(|key| StagedRecord::Key(Box::new(key))).collect()).await;
    publish(&lake, &writer, finished(), settings).await.unwrap();
    (folder, lake, run)
}

fn replica(region: &str, id: &str) -> KeyArn {
    KeyArn::new(sample::account_id(1), sample::region(region), id.parse().unwrap())
}

#[tokio::test]
async fn ways_in_by_policy_and_grant_are_rows_of_each_capability() {
    let mut unread = sample::key(sample::arn(1, "eu-central-1", 2));
    unread.policy = Fact::lacking(sample::denied(ApiAction::KmsGetKeyPolicy));
    unread.grants = Fact::Observed(Vec::new());
    let (_folder, lake, run) = published(vec![sample::key(sample::arn(1, "eu-central-1", 1)), unread], &FindingSettings::default()).await;

    let ways: Vec<KeyAccessRow> = rows(&lake, &run).await;
    assert!(ways.iter().all(|row| row.key_id.ends_with('1') && row.run_id.as_ref() == run.as_str()), "what was not read lets nobody in");
    assert!(ways.iter().all(|row| row.key_arn.as_ref() == format!("arn:aws:kms:{}:{}:key/{}", row.region, row.account_id, row.key_id)));
    let (own, granted): (Vec<_>, Vec<_>) = ways.iter().partition(|row| row.cause == "statement");
    let capabilities: BTreeSet<&str> = own.iter().map(|row| &*row.capability).collect();
    assert_eq!(capabilities, BTreeSet::from(["encrypt", "decrypt", "grant", "administer", "read"]), "a key for encryption signs nothing");
    for row in own {
        assert_eq!((&*row.who, &*row.who_kind, &*row.trust, &*row.kind), ("account 000000000001", "account", "own_account", "delegation"));
        assert_eq!((row.policy_name.as_deref(), row.statement_index, row.grant_id.as_deref()), (Some("default"), Some(0), None));
        assert!(row.certainty == "certain" && row.reason.is_none() && row.fence.is_none() && !row.actions.is_empty(), "{row:?}");
    }
    assert_eq!(granted.len(), 1);
    let row = granted[0];
    assert_eq!((&*row.who, row.who_account.as_deref(), &*row.trust), ("arn:aws:iam::999999999999:role/r", Some(VENDOR), "outside"));
    assert_eq!((&*row.capability, row.actions.as_slice()), ("decrypt", ["kms:Decrypt".to_owned()].as_slice()));
    assert_eq!((row.policy_name.as_deref(), row.statement_index, row.grant_id.as_deref()), (None, None, Some("grant-1")));

    let keys: Vec<KeyRow> = rows(&lake, &run).await;
    let exposures: Vec<_> = keys.iter().map(|key| [&key.outside_account, &key.outside_organization, &key.public].map(String::as_str)).collect();
    assert_eq!(exposures, [["yes", "yes", "no"], ["unknown", "unknown", "unknown"]]);
}

#[tokio::test]
async fn whom_the_settings_trust_is_trusted_and_what_they_waive_says_so() {
    let by_grant = |finding: &FindingRow| finding.rule == "grant-outside-account";
    let key = || vec![sample::key(sample::arn(1, "eu-central-1", 1))];
    let waiver = Waiver {
        finding: None,
        rule: Some("grant-outside-account".to_owned()),
        key: None,
        account: None,
        reason: "until the vendor has moved".to_owned(),
        until: finished().date_naive(),
    };
    let waiving = FindingSettings { waivers: vec![waiver], ..FindingSettings::default() };
    let (_folder, lake, run) = published(key(), &waiving).await;
    let found: Vec<FindingRow> = rows(&lake, &run).await;
    for finding in &found {
        let expected = by_grant(finding).then_some(("2026-11-22", "until the vendor has moved"));
        assert_eq!(finding.waived_until.as_deref().zip(finding.waiver_reason.as_deref()), expected, "{finding:?}");
    }
    let rests_on = found.into_iter().find(by_grant).map(|finding| finding.rests_on);
    assert!(rests_on.is_some_and(|facts| facts.iter().any(|fact| fact == "grants")));

    let trusting = FindingSettings { trusted_accounts: BTreeSet::from([VENDOR.parse().unwrap()]), ..FindingSettings::default() };
    let (_folder, lake, run) = published(key(), &trusting).await;
    let trust: Vec<String> = rows::<KeyAccessRow>(&lake, &run).await.into_iter().filter(|row| row.cause == "grant").map(|row| row.trust.into_owned()).collect();
    assert_eq!(trust, ["trusted"]);
}

#[tokio::test]
async fn a_multi_region_key_is_compared_with_the_others_of_its_set() {
    let (same, other) = ("mrk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "mrk-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    let mut keys: Vec<KeyFacts> =
        [("eu-west-1", same), ("us-east-1", same), ("eu-west-1", other), ("us-east-1", other)].map(|(region, id)| sample::key(replica(region, id))).into();
    let wider = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:role/r"}, "Action": "kms:Decrypt", "Resource": "*"}}"#;
    keys[3].policy = Fact::Observed(PolicyText(wider.to_owned()));
    let (_folder, lake, run) = published(keys, &FindingSettings::default()).await;
    let differing: Vec<(String, String)> = rows::<FindingRow>(&lake, &run)
        .await
        .into_iter()
        .filter(|finding| finding.rule == "replica-policies-differ")
        .map(|finding| (finding.region, finding.key_id))
        .collect();
    assert_eq!(differing, ["eu-west-1", "us-east-1"].map(|region| (region.to_owned(), other.to_owned())));
}
