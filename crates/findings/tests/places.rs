//! What a finding is about, as data: the statement, grant or policy, its elements and its principals.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::{Example, finding};
use kms_insights_findings::{Finding, Place};
use kms_insights_policy::access::PolicyName;
use serde_json::{Value, json};

const APP: &str = "arn:aws:iam::111122223333:role/app";
const VENDOR: &str = "arn:aws:iam::444455556666:role/vendor";
const TEAM: &str = "arn:aws:iam::777788889999:role/team";

fn policy(statements: &[Value]) -> Value {
    json!({ "policy": { "Version": "2012-10-17", "Statement": statements } })
}

fn allow(principal: &Value, action: &str) -> Value {
    json!({ "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*" })
}

fn principals(finding: &Finding) -> Vec<&str> {
    finding.principals.iter().map(|principal| &**principal).collect()
}

fn statement(policy: PolicyName, index: usize, elements: &[&[&str]]) -> Place {
    Place::Statement { policy, index, elements: elements.iter().map(|path| path.iter().map(|&name| name.to_owned()).collect()).collect() }
}

#[test]
fn a_finding_names_the_principals_of_its_statement_that_it_is_about_as_they_are_written() {
    let mixed = json!({ "AWS": [VENDOR, APP, "arn:aws:iam::777788889999:root", "AROACKCEVSQ6C2EXAMPLE", "111122223333"], "Service": "logs.amazonaws.com" });
    let fixture = policy(&[allow(&json!({ "AWS": APP }), "kms:Sign"), allow(&mixed, "kms:Decrypt")]);
    let at = |elements| statement(PolicyName::Default, 1, elements);
    for (rule, expected) in [
        ("outside-account", vec![VENDOR, "arn:aws:iam::777788889999:root"]),
        ("deleted-principal", vec!["AROACKCEVSQ6C2EXAMPLE"]),
        ("whole-account", vec!["arn:aws:iam::777788889999:root", "111122223333"]),
        ("confused-deputy", vec!["logs.amazonaws.com"]),
    ] {
        let found = finding(&fixture, rule);
        assert_eq!((&found.place, principals(&found)), (&at(&[&["Principal"]]), expected), "{rule}");
    }
}

#[test]
fn whom_a_condition_leaves_of_everyone_is_there_by_the_star() {
    let mut statement = allow(&json!({ "AWS": ["*", APP] }), "kms:Encrypt");
    statement["Condition"] = json!({ "StringEquals": { "kms:CallerAccount": "444455556666" } });
    assert_eq!(principals(&finding(&policy(&[statement]), "outside-account")), ["*"]);
    let left = json!({ "Effect": "Allow", "NotPrincipal": { "AWS": APP }, "Action": "kms:Encrypt", "Resource": "*" });
    let found = finding(&policy(&[left]), "public");
    assert_eq!(
        (found.place, found.principals),
        (self::statement(PolicyName::Default, 0, &[&["NotPrincipal"]]), vec![]),
        "nobody of those who come in is listed"
    );
}

#[test]
fn a_finding_names_the_elements_that_it_is_about() {
    let mut fenced = allow(&json!({ "AWS": APP }), "kms:*");
    fenced["Condition"] = json!({ "StringLike": { "aws:PrincipalArn": "*" }, "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "::/0"] } });
    let fixture = policy(&[fenced]);
    let at = |elements| statement(PolicyName::Default, 0, elements);
    assert_eq!(finding(&fixture, "wildcard-actions").place, at(&[&["Action"]]));
    let conditions: [&[&str]; 2] = [&["Condition", "StringLike", "aws:PrincipalArn"], &["Condition", "IpAddress", "aws:SourceIp"]];
    assert_eq!(finding(&fixture, "toothless-condition").place, at(&conditions));
}

#[test]
fn grants_policies_and_the_key_are_places_of_their_own() {
    let grant = finding(&json!({ "grants": [{ "id": "g\u{1b}", "grantee_principal": VENDOR, "operations": ["Decrypt"] }] }), "grant-outside-account");
    assert_eq!((&grant.place, principals(&grant)), (&Place::Grant("g\u{1b}".to_owned()), vec![VENDOR]));
    let shared = json!({ "ram_policy": { "Statement": [allow(&json!({ "AWS": VENDOR }), "kms:Decrypt")] } });
    assert_eq!(finding(&shared, "outside-account").place, statement(PolicyName::AwsRam, 0, &[&["Principal"]]));
    let whole = Place::Policy { policy: PolicyName::Default, elements: vec![] };
    let nobody = json!({ "policy": { "Statement": [] }, "as_written": true });
    assert_eq!(finding(&nobody, "locked-out").place, whole);
    let broken = |text: &str| finding(&json!({ "policy_text": text }), "policy-unreadable").place;
    assert_eq!(broken("{"), whole);
    let effect = r#"{"Statement": [{"Effect": "Alow", "Principal": "*"}]}"#;
    assert_eq!(broken(effect), statement(PolicyName::Default, 0, &[&["Effect"]]));
    let alias = json!({ "facts": { "aliases": { "value": [] } } });
    assert_eq!(finding(&alias, "no-alias").place, Place::Key);
}

#[test]
fn a_role_and_its_own_session_are_one_principal() {
    let (role, session, other) =
        ("arn:aws:iam::111122223333:role/teams/app", "arn:aws:sts::111122223333:assumed-role/app/deploy", "arn:aws:sts::111122223333:assumed-role/app/night");
    let of = |statements: &[Value]| {
        let found = Example::new(&policy(statements)).analyze().findings;
        let of_rule = found.into_iter().filter(|finding| finding.rule == "separation-of-duty");
        of_rule.map(|finding| (finding.title.clone(), principals(&finding).into_iter().map(str::to_owned).collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let aws = |principal: &str| json!({ "AWS": principal });
    let title = format!("One principal may both administer the key and use it (decrypt): {role}, together with its own session deploy");
    assert_eq!(of(&[allow(&aws(role), "kms:PutKeyPolicy"), allow(&aws(session), "kms:Decrypt")]), [(title, vec![role.to_owned(), session.to_owned()])]);
    assert_eq!(of(&[allow(&aws(other), "kms:PutKeyPolicy"), allow(&aws(session), "kms:Decrypt")]), [], "two sessions may be two people");
    let stranger = "arn:aws:sts::111122223333:assumed-role/other/deploy";
    assert_eq!(of(&[allow(&aws(role), "kms:PutKeyPolicy"), allow(&aws(stranger), "kms:Decrypt")]), []);
    let alone = format!("One principal may both administer the key and use it (decrypt): {session}");
    assert_eq!(of(&[allow(&aws(session), "kms:PutKeyPolicy"), allow(&aws(session), "kms:Decrypt")]), [(alone, vec![session.to_owned()])]);
}

#[test]
fn outsiders_are_one_finding_whatever_is_known_of_the_organization() {
    let of = |principals: &[&str], organization: Value| {
        let mut fixture = policy(&[allow(&json!({ "AWS": principals }), "kms:Encrypt")]);
        for (name, value) in organization.as_object().unwrap() {
            fixture[name] = value.clone();
        }
        let found = Example::new(&fixture).analyze().findings;
        found.into_iter().map(|finding| (finding.rule, finding.id)).collect::<Vec<_>>()
    };
    let known = || json!({ "organization_accounts": ["111122223333", "777788889999"], "organization_id": "o-example" });
    let id = |found: &[(&str, String)]| found[0].1.clone();
    for (principal, rule, stays) in [(VENDOR, "outside-organization", true), (TEAM, "outside-account", false)] {
        let unknown = of(&[principal], json!({}));
        let found = of(&[principal], known());
        assert_eq!((found[0].0, found[0].1 == id(&unknown), found.len()), (rule, stays, 1), "who is known to be inside is another finding");
        assert_eq!(of(&[principal], json!({ "organization_id": "o-example" })), [("outside-organization", id(&unknown))]);
        assert_eq!(unknown[0].0, "outside-account");
    }
    let unknown = of(&[VENDOR, TEAM], json!({}));
    let both = of(&[VENDOR, TEAM], known());
    assert_eq!(both.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), ["outside-organization", "outside-account"]);
    let ids = std::collections::BTreeSet::from([&both[0].1, &both[1].1, &unknown[0].1]);
    assert_eq!((ids.len(), unknown.len()), (3, 1), "a waiver for the vendor alone is none for both: {both:?} {unknown:?}");
}

#[test]
fn whoever_leaves_the_organization_is_another_finding_than_before() {
    let of = |principal: &Value, condition: &Value, accounts: &[&str]| {
        let mut statement = allow(principal, "kms:Encrypt");
        statement["Condition"] = condition.clone();
        let mut fixture = policy(&[statement]);
        fixture["organization_accounts"] = json!(accounts);
        let found = Example::new(&fixture).analyze().findings;
        found.into_iter().filter(|finding| finding.rule.starts_with("outside")).map(|finding| (finding.rule, finding.id)).collect::<Vec<_>>()
    };
    let logs = json!({ "Service": "logs.amazonaws.com" });
    let acting_for = |accounts: &[&str]| json!({ "StringEquals": { "aws:SourceAccount": accounts } });
    for (principal, condition) in [
        (json!({ "AWS": TEAM }), json!({})),
        (json!({ "AWS": [TEAM, VENDOR] }), json!({})),
        (logs.clone(), acting_for(&["777788889999"])),
        (logs, acting_for(&["777788889999", "444455556666"])),
    ] {
        let (inside, left) = (of(&principal, &condition, &["111122223333", "777788889999"]), of(&principal, &condition, &["111122223333"]));
        let outside: Vec<&str> = left.iter().map(|(rule, _)| *rule).collect();
        assert_eq!(outside, ["outside-organization"], "{principal} {condition}");
        assert!(inside.iter().all(|(_, id)| *id != left[0].1), "{principal} {condition}: {inside:?} {left:?}");
    }
    let grant = |accounts: &[&str]| {
        let fixture = json!({ "grants": [{ "id": "g", "grantee_principal": TEAM, "operations": ["Decrypt"] }], "organization_accounts": accounts });
        finding(&fixture, "grant-outside-account").id
    };
    assert_ne!(grant(&["111122223333", "777788889999"]), grant(&["111122223333"]));
}
