//! The labelled policies of `tests/policies`: what is said of each must be what its label argues.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use kms_insights_model::{AccountId, KeyArn, KeyManager, OrganizationId};
use kms_insights_policy::{
    Surroundings,
    access::{Exposure, KeyPolicies, Verdict, key_access, locks_out_own_account},
    parse, read_grants,
};
use proptest::prelude::*;
use serde_json::Value;

/// The labelled policies, by path.
fn corpus() -> Vec<(PathBuf, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/policies");
    let mut files: Vec<PathBuf> = Vec::new();
    for topic in fs::read_dir(root).unwrap() {
        let topic = topic.unwrap().path();
        if topic.is_dir() && topic.file_name().unwrap() != "peers" {
            files.extend(fs::read_dir(topic).unwrap().map(|file| file.unwrap().path()));
        }
    }
    files.sort();
    files.into_iter().map(|path| (path.clone(), serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())).collect()
}

#[test]
fn every_labelled_policy_is_judged_as_its_label_argues() {
    let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
    let organization = OrganizationId("o-exampleorgid".to_owned());
    let members: BTreeSet<AccountId> = ["111122223333", "222233334444"].into_iter().map(|account| account.parse().unwrap()).collect();
    let corpus = corpus();
    let mut wrong = String::new();
    for (path, case) in &corpus {
        let context = &case["context"];
        let known = context.get("organization_id").is_none_or(|id| !id.is_null());
        let trusted: Option<BTreeSet<AccountId>> = context.get("trusted_accounts").map(|trusted| serde_json::from_value(trusted.clone()).unwrap());
        let around = Surroundings {
            manager: (context["key_manager"] == "AWS").then_some(&KeyManager::Aws),
            organization_id: known.then_some(&organization),
            organization_accounts: known.then_some(&members),
            trusted_accounts: trusted.as_ref(),
            ..Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap())
        };
        let document = parse(&case["policy"].to_string());
        let grants = case.get("grants").map(|grants| read_grants(&grants.to_string()).unwrap()).unwrap_or_default();
        let access = key_access(KeyPolicies { default: document.as_ref().ok(), ram: None }, &grants, &around);
        let exposure = Exposure::of(&access.ways, document.is_ok(), &around);
        let found = serde_json::json!({
            "outside_account": exposure.outside_account.as_str(),
            "outside_organization": exposure.outside_organization.as_str(),
            "public": exposure.public.as_str(),
            "locks_out_own_account": match locks_out_own_account(&access.ways) {
                _ if document.is_err() => Value::String("unknown".to_owned()),
                Verdict::Yes => Value::Bool(true),
                Verdict::No => Value::Bool(false),
                Verdict::Unknown => Value::String("unknown".to_owned()),
            },
        });
        if found != case["labels"] {
            let name: PathBuf = path.iter().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
            let _ = writeln!(wrong, "{}: {}\n    label {}\n    found {found}", name.display(), case["why"], case["labels"]);
            for way in &access.ways {
                let _ = writeln!(wrong, "      {} {} {:?} {} [{}] {:?}", way.who, way.kind, way.actions.names(), way.trust, way.fence, way.certainty);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(corpus.len() >= 150, "{}", corpus.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Parts of real policies in other places reach further than arbitrary bytes do.
    #[test]
    fn a_labelled_policy_with_a_piece_of_another_never_panics(one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(), length in 0_usize..60) {
        static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| corpus().iter().map(|(_, case)| case["policy"].to_string()).collect());
        let (one, other) = (one.get(&TEXTS), other.get(&TEXTS));
        let (at, from) = (at.index(one.len()), from.index(other.len()));
        let piece = &other.as_bytes()[from..(from + length).min(other.len())];
        let mut mixed = one.as_bytes()[..at].to_vec();
        mixed.extend(piece);
        mixed.extend(&one.as_bytes()[(at + piece.len()).min(one.len())..]);
        let text = String::from_utf8_lossy(&mixed);
        let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let around = Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap());
        if let Ok(document) = parse(&text) {
            let access = key_access(KeyPolicies { default: Some(&document), ram: None }, &[], &around);
            for way in access.ways.iter().filter(|way| way.certainty.is_certain() && way.is_open()) {
                prop_assert!(way.example(&around).is_some_and(|request| way.admits(&request, &around)), "{}: {}", text, way.who);
            }
        }
        let _ = read_grants(&text);
    }
}
