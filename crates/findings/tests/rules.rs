//! Every rule: registered, documented, with a fixture on which it fires and one on which it does not; and what findings say and weigh.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use std::{collections::BTreeSet, fs, path::Path};

use key::{Example, finding};
use kms_insights_findings::{Confidence, RULES, Severity, markdown};
use serde_json::json;

fn crate_file(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_rule_file_is_registered_under_its_name_and_documented() {
    let files: BTreeSet<String> = fs::read_dir(crate_file("src/rules"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".rs").filter(|&stem| stem != "mod").map(|stem| stem.replace('_', "-")))
        .collect();
    let registered: BTreeSet<String> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(files, registered);
    assert_eq!(registered.len(), RULES.len(), "each rule once");
    for rule in RULES {
        assert!(rule.documentation.len() > 100 && rule.title.len() > 10 && rule.remediation.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn every_rule_fires_on_its_fixture_and_is_silent_on_the_other() {
    for rule in RULES {
        let analyze = |case: &str| {
            let path = crate_file(&format!("fixtures/{}.{case}.json", rule.id));
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Example::new(&serde_json::from_str(&text).unwrap()).analyze()
        };
        let fired = analyze("fires");
        let found = fired.findings.iter().find(|finding| finding.rule == rule.id).unwrap_or_else(|| panic!("{} does not fire", rule.id));
        assert!(found.severity <= rule.severity, "{}: no finding is worse than its rule says", rule.id);
        assert!(!found.title.is_empty() && !found.cause.is_empty() && found.id.len() == 16, "{found:?}");
        assert!(serde_json::from_str::<serde_json::Value>(&found.evidence).is_ok(), "evidence is JSON: {found:?}");
        assert!(analyze("silent").findings.iter().all(|finding| finding.rule != rule.id), "{} fires on its silent fixture", rule.id);
    }
    let fixtures = fs::read_dir(crate_file("fixtures")).unwrap().count();
    assert_eq!(fixtures, 2 * RULES.len(), "a fixture without a rule");
}

#[test]
fn the_documentation_is_generated_from_the_rules() {
    let path = crate_file("../../docs/findings.md");
    if std::env::var_os("KMS_INSIGHTS_REGENERATE").is_some_and(|value| value == "1") {
        fs::write(&path, markdown()).unwrap();
    }
    let current = fs::read_to_string(&path).unwrap_or_default();
    assert!(current == markdown(), "docs/findings.md is stale: run this test with KMS_INSIGHTS_REGENERATE=1");
}

fn statement(principal: &serde_json::Value, condition: &serde_json::Value) -> serde_json::Value {
    json!({ "policy": { "Version": "2012-10-17", "Statement": { "Sid": "S", "Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*", "Condition": condition } } })
}

#[test]
fn what_a_stranger_can_fulfil_does_not_make_public_any_better() {
    let open = finding(&statement(&json!("*"), &json!({})), "public");
    assert_eq!((open.severity, open.confidence), (Severity::Critical, Confidence::Certain));
    assert_eq!(open.cause, "statement 0 (S)");
    for (condition, fence) in [
        (json!({ "StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com" } }), "if kms:ViaService is s3.us-east-1.amazonaws.com"),
        (json!({ "StringEquals": { "kms:EncryptionContext:app": "x" } }), "if kms:EncryptionContext:app is x"),
        (json!({ "StringEquals": { "aws:PrincipalTag/team": "blue" } }), "if aws:PrincipalTag/team is blue"),
    ] {
        let found = finding(&statement(&json!("*"), &condition), "public");
        assert_eq!((found.severity, found.confidence), (Severity::Critical, Confidence::Certain), "{condition}");
        assert!(found.title.contains(fence), "{}", found.title);
    }
}

#[test]
fn what_nobody_can_tell_of_strangers_makes_public_possible_and_says_why() {
    let vpc = finding(&statement(&json!("*"), &json!({ "StringEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } })), "public");
    assert_eq!((vpc.severity, vpc.confidence), (Severity::High, Confidence::Possible));
    assert!(vpc.title.ends_with("(not certain: who can send from that network cannot be told)"), "{}", vpc.title);
}

#[test]
fn what_is_public_is_not_also_outside_the_account() {
    let analysis = Example::new(&statement(&json!("*"), &json!({}))).analyze();
    let rules: Vec<&str> = analysis.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["public"], "nor broad decryption");
}

#[test]
fn the_organization_decides_which_rule_speaks_and_how_loud() {
    let vendor = json!({ "AWS": "444455556666" });
    let mut example = statement(&vendor, &json!({}));
    assert_eq!(finding(&example, "outside-account").severity, Severity::High, "nothing is known of the organization");
    example["organization_accounts"] = json!(["111122223333"]);
    let outside = finding(&example, "outside-organization");
    assert_eq!((outside.severity, outside.confidence), (Severity::High, Confidence::Certain));
    example["organization_accounts"] = json!(["111122223333", "444455556666"]);
    let inside = finding(&example, "outside-account");
    assert_eq!((inside.severity, inside.confidence), (Severity::Medium, Confidence::Certain));

    let canonical = finding(&statement(&json!({ "CanonicalUser": "79a5" }), &json!({})), "outside-account");
    assert_eq!((canonical.severity, canonical.confidence), (Severity::High, Confidence::Possible));

    let grant = json!({ "grants": [{ "id": "g", "grantee_principal": "arn:aws:iam::444455556666:role/r", "operations": ["Decrypt"] }], "organization_accounts": ["444455556666"] });
    assert_eq!(finding(&grant, "grant-outside-account").severity, Severity::Medium);
}

#[test]
fn a_fence_around_an_organization_counts_only_if_it_is_the_keys_own() {
    let vendor = || json!({ "AWS": "arn:aws:iam::444455556666:root" });
    let ids = |ids: &[&str]| json!({ "StringEquals": { "aws:PrincipalOrgID": ids } });
    let paths = |path: &str| json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": path } });
    let (own, strange) = (Some("o-example"), "o-attacker99");
    let (certain, possible) = (Confidence::Certain, Confidence::Possible);
    let inside = |confidence| ("outside-account", Severity::Medium, confidence);
    let outside = |confidence| ("outside-organization", Severity::High, confidence);
    let unknown = |confidence| ("outside-account", Severity::High, confidence);
    for (principal, condition, organization_id, expected) in [
        (json!("*"), ids(&["o-example"]), own, inside(certain)),
        // Whether the account is one of the organization is not known; if it is none, it does not come in.
        (vendor(), ids(&["o-example"]), own, inside(possible)),
        (vendor(), ids(&["${aws:ResourceOrgID}"]), None, inside(possible)),
        // There may be no organization.
        (json!("*"), ids(&["${aws:ResourceOrgID}"]), None, inside(possible)),
        // There may be no account under that path.
        (json!("*"), paths("o-example/r-ab12/*"), own, inside(possible)),
        (json!("*"), json!({ "StringEquals": { "aws:SourceOrgID": "o-example" } }), own, inside(certain)),
        (json!("*"), ids(&[strange]), own, outside(certain)),
        (vendor(), ids(&[strange]), own, outside(possible)),
        (json!("*"), ids(&["o-example", strange]), own, outside(certain)),
        (json!("*"), paths("o-attacker99/r-ab12/*"), own, outside(certain)),
        (json!("*"), json!({ "StringEquals": { "aws:SourceOrgID": strange } }), own, outside(certain)),
        (json!("*"), ids(&["o-example"]), None, unknown(certain)),
    ] {
        let mut example = statement(&principal, &condition);
        if let Some(id) = organization_id {
            example["organization_id"] = json!(id);
        }
        let (rule, severity, confidence) = expected;
        let found = finding(&example, rule);
        assert_eq!((found.severity, found.confidence), (severity, confidence), "{principal} {condition} {organization_id:?}");
        assert_eq!(found.title.contains("inside the organization"), severity == Severity::Medium, "{}", found.title);
    }
}

#[test]
fn a_condition_that_always_holds_is_as_good_as_none() {
    for condition in [
        json!({ "StringLike": { "aws:PrincipalArn": "*" } }),
        json!({ "ArnLike": { "aws:PrincipalArn": "arn:*:*:*:*:*" }, "StringLike": { "aws:PrincipalAccount": "*" } }),
    ] {
        let open = finding(&statement(&json!("*"), &condition), "public");
        assert_eq!((open.severity, open.confidence), (Severity::Critical, Confidence::Certain), "{condition}");
        assert!(!open.title.contains(", if "), "{}", open.title);
        let vendor = finding(&statement(&json!({ "AWS": "444455556666" }), &condition), "outside-account");
        assert_eq!(vendor.confidence, Confidence::Certain, "{condition}");
    }
    let named = finding(&statement(&json!("*"), &json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/admin" } })), "public");
    assert_eq!((named.severity, named.confidence), (Severity::Critical, Confidence::Certain), "whoever has an account can make a role of that name");
    let network = json!({ "StringLike": { "aws:PrincipalArn": "*" }, "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } });
    let network = finding(&statement(&json!("*"), &network), "public");
    assert_eq!((network.severity, network.confidence), (Severity::High, Confidence::Possible), "the other condition still counts");
}

#[test]
fn who_is_excluded_is_not_said_to_be_allowed() {
    let mut example = statement(&json!("*"), &json!({ "StringEquals": { "aws:PrincipalOrgID": "o-example" } }));
    let policy = &mut example["policy"]["Statement"];
    policy.as_object_mut().unwrap().remove("Principal");
    policy["NotPrincipal"] = json!({ "AWS": "arn:aws:iam::111122223333:user/eve" });
    let found = finding(&example, "outside-account");
    let (whom, fence) = ("this is allowed: every principal of organization o-example", "if the caller is not arn:aws:iam::111122223333:user/eve");
    assert!(found.title.contains(whom) && found.title.ends_with(fence), "{}", found.title);
}

#[test]
fn a_list_of_nearly_all_actions_is_not_said_to_be_all() {
    for (actions, what) in [
        (json!("kms:*"), "All KMS actions are allowed to"),
        (
            json!(["kms:C*", "kms:D*", "kms:E*", "kms:G*", "kms:I*", "kms:L*", "kms:P*", "kms:R*", "kms:Sc*", "kms:T*", "kms:U*", "kms:V*"]),
            "Nearly all KMS actions",
        ),
    ] {
        let mut example = statement(&json!({ "AWS": "arn:aws:iam::111122223333:role/app" }), &json!({}));
        example["policy"]["Statement"]["Action"] = actions;
        let found = finding(&example, "wildcard-actions");
        assert!(found.title.starts_with(what), "{}", found.title);
    }
}

#[test]
fn a_key_without_its_imported_material_is_found_whether_or_not_it_once_had_some() {
    let waiting = || json!({ "facts": { "metadata": { "value": { "origin": "EXTERNAL", "state": "PendingImport", "enabled": false } } } });
    let never = finding(&waiting(), "material-expiring");
    assert_eq!((never.severity, never.confidence), (Severity::High, Confidence::Possible));

    let mut used = waiting();
    used["last_usage"] = json!({ "used_at": "2026-11-01T00:00:00Z", "operation": "Decrypt", "tracking_started_at": "2026-04-23T00:00:00Z" });
    let mut rotated = waiting();
    rotated["facts"]["rotations"] = json!({ "status": "observed", "value": [{ "rotated_at": "2026-10-01T00:00:00Z", "rotation_type": "ON_DEMAND" }] });
    let mut known = waiting();
    known["facts"]["metadata"]["value"]["current_key_material_id"] = json!("123456789012345678901234567890abcdef");
    let expiring = json!({ "facts": { "metadata": { "value": { "origin": "EXTERNAL", "valid_to": "2026-11-25T00:00:00Z" } } } });
    for example in [used, rotated, known] {
        let found = finding(&example, "material-expiring");
        assert_eq!((found.severity, found.confidence), (Severity::High, Confidence::Likely), "{example}");
        assert!(found.title.contains("has expired or was deleted"), "{}", found.title);
        assert_eq!(found.id, finding(&expiring, "material-expiring").id, "one matter, before and after the date");
    }
    for (origin, state) in [("EXTERNAL", "Enabled"), ("EXTERNAL_KEY_STORE", "PendingImport"), ("EXTERNAL", "PendingDeletion")] {
        let other = json!({ "facts": { "metadata": { "value": { "origin": origin, "state": state } } } });
        assert!(Example::new(&other).analyze().findings.iter().all(|finding| finding.rule != "material-expiring"), "{origin} {state}");
    }
}

#[test]
fn a_service_that_is_grantee_in_its_own_field_is_no_other_account() {
    let grant = |service: Option<&str>| json!({ "grants": [{ "id": "g", "grantee_service_principal": service, "operations": ["Decrypt"] }] });
    assert_eq!(Example::new(&grant(Some("dynamodb.amazonaws.com"))).analyze().findings, []);
    let nobody = finding(&grant(None), "grant-outside-account");
    assert_eq!((nobody.severity, nobody.confidence), (Severity::High, Confidence::Possible));
}

#[test]
fn one_statement_of_many_principals_is_one_finding_and_names_three() {
    let roles: Vec<String> = (0..20).map(|number| format!("arn:aws:iam::444455556666:role/r{number}")).collect();
    let analysis = Example::new(&statement(&json!({ "AWS": roles }), &json!({}))).analyze();
    assert_eq!(analysis.statements.len(), 20 + 1, "and the keeper");
    assert_eq!(analysis.findings.len(), 1);
    assert!(analysis.findings[0].title.ends_with("role/r2, 17 more"), "{}", analysis.findings[0].title);
}

#[test]
fn a_policy_that_cannot_be_understood_is_a_finding_and_never_fine() {
    let analysis = Example::new(&json!({ "policy_text": "{\"Statement\": [{\"Effect\": \"Allow\"}]}" })).analyze();
    assert_eq!(analysis.policy_error.as_deref(), Some("statement 0: Principal or NotPrincipal is missing"));
    assert_eq!(analysis.findings.len(), 1);
    assert_eq!((analysis.findings[0].severity, analysis.findings[0].confidence), (Severity::High, Confidence::Certain));
    assert_eq!(analysis.findings[0].rule, "policy-unreadable");
}

#[test]
fn both_policies_of_a_shared_key_count() {
    let mut example = statement(&json!({ "AWS": "arn:aws:iam::111122223333:user/a" }), &json!({}));
    example["ram_policy"] = json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "444455556666" }, "Action": "kms:Decrypt", "Resource": "*" }] });
    let analysis = Example::new(&example).analyze();
    assert_eq!((analysis.statements.len(), analysis.ram_statements.len()), (1 + 1, 1), "and the keeper");
    assert_eq!(kms_insights_policy::join_labels(&analysis.concerns), "Principal is account;Access provided to IAM user;External account");
    let outside = analysis.findings.iter().find(|finding| finding.rule == "outside-account").unwrap();
    assert_eq!(outside.cause, "AWS_RAM policy, statement 0");
    assert_eq!(analysis.findings[0].rule, "outside-account", "the worst first");
}

#[test]
fn aws_managed_keys_yield_no_findings_about_what_their_policy_says() {
    let mut example = statement(&json!({ "AWS": ["*", "111122223333", "AIDACKCEVSQ6C2EXAMPLE"] }), &json!({}));
    example["facts"] = json!({ "metadata": { "value": { "manager": "AWS" } } });
    let analysis = Example::new(&example).analyze();
    assert_eq!(analysis.findings, []);
    assert_eq!(analysis.statements.len(), 3 + 1, "and the keeper");
}

#[test]
fn lacking_metadata_does_not_silence_the_policy() {
    let mut example = statement(&json!("*"), &json!({}));
    example["facts"] = json!({ "metadata": { "status": "failed", "value": { "action": "kms:DescribeKey", "code": "timeout", "message": "" } } });
    assert_eq!(finding(&example, "public").severity, Severity::Critical);
}

#[test]
fn expired_material_and_near_deletion_weigh_more() {
    let state = |value: serde_json::Value| json!({ "facts": { "metadata": { "value": value } } });
    for (valid_to, severity) in [("2026-11-21T00:00:00Z", Severity::High), ("2026-11-29T00:00:00Z", Severity::High), ("2026-12-10T00:00:00Z", Severity::Medium)]
    {
        assert_eq!(finding(&state(json!({ "valid_to": valid_to })), "material-expiring").severity, severity, "{valid_to}");
    }
    let replica = finding(&state(json!({ "state": "PendingReplicaDeletion" })), "pending-deletion");
    assert_eq!((replica.severity, replica.title.as_str()), (Severity::Medium, "The key will be deleted once its replicas are gone"));
    let due = finding(&state(json!({ "state": "PendingDeletion", "deletion_date": "2026-12-20T00:00:00Z" })), "pending-deletion");
    assert_eq!((due.severity, due.title.as_str()), (Severity::Medium, "The key will be deleted on 2026-12-20"));
}

#[test]
fn a_key_made_today_is_only_possibly_never_used() {
    let unused = |created: &str| json!({ "last_usage": { "tracking_started_at": "2026-04-23T00:00:00Z", "key_created_at": created } });
    assert_eq!(finding(&unused("2026-11-22T05:00:00Z"), "never-used").confidence, Confidence::Possible);
    assert_eq!(finding(&unused("2026-05-01T00:00:00Z"), "never-used").confidence, Confidence::Likely);
}
