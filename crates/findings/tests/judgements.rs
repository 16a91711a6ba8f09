//! What findings are worth: whom they are about from run to run, and what a Deny, a service or a fence of the own account makes of them.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::{Example, finding};
use kms_insights_findings::{Confidence, Finding, Severity};
use serde_json::{Value, json};

fn policy(statements: &[Value]) -> Value {
    json!({ "policy": { "Version": "2012-10-17", "Statement": statements } })
}

fn statement(effect: &str, principal: &Value, action: &str, condition: &Value) -> Value {
    json!({ "Effect": effect, "Principal": principal, "Action": action, "Resource": "*", "Condition": condition })
}

fn allow(principal: &Value) -> Value {
    statement("Allow", principal, "kms:Decrypt", &json!({}))
}

fn vendor(name: &str) -> Value {
    json!({ "AWS": format!("arn:aws:iam::444455556666:role/{name}") })
}

fn findings(fixture: &Value) -> Vec<Finding> {
    Example::new(fixture).analyze().findings
}

fn ids(fixture: &Value) -> Vec<String> {
    findings(fixture).into_iter().map(|finding| finding.id).collect()
}

#[test]
fn a_finding_is_about_what_a_statement_says_and_not_about_where_it_stands() {
    let (a, b) = (allow(&vendor("a")), allow(&vendor("b")));
    let (of_a, of_b) = (ids(&policy(std::slice::from_ref(&a))), ids(&policy(std::slice::from_ref(&b))));
    assert_ne!(of_a, of_b, "a waiver for vendor a is none for vendor b");
    let both = findings(&policy(&[a, b.clone()]));
    assert_eq!(
        both.iter().map(|finding| (finding.id.clone(), finding.cause.as_str())).collect::<Vec<_>>(),
        [(of_a[0].clone(), "statement 0"), (of_b[0].clone(), "statement 1")]
    );
    let mut named = b;
    named["Sid"] = json!("Second");
    let moved = findings(&policy(&[named]));
    assert_eq!((moved[0].id.as_str(), moved[0].cause.as_str()), (of_b[0].as_str(), "statement 0 (Second)"), "it moved up, and got a name");
}

#[test]
fn findings_of_statements_that_say_the_same_have_ids_of_their_own() {
    let once = ids(&policy(&[allow(&vendor("a"))]));
    let twice = ids(&policy(&[allow(&vendor("a")), allow(&vendor("a"))]));
    assert_eq!((twice.len(), &twice[0]), (2, &once[0]));
    assert_ne!(twice[0], twice[1]);
    let mut shared = policy(&[allow(&vendor("a"))]);
    shared["ram_policy"] = shared["policy"].clone();
    let shared = ids(&shared);
    assert_eq!((shared.len(), &shared[0]), (2, &once[0]));
    assert_ne!(shared[0], shared[1], "another policy of the key is another cause");
}

#[test]
fn ids_of_known_findings_never_change() {
    let grant = json!({ "grants": [{ "id": "0c23", "grantee_principal": "arn:aws:iam::444455556666:role/r", "operations": ["Decrypt"] }] });
    // Waivers and tickets refer to them.
    assert_eq!([ids(&policy(&[allow(&vendor("a"))])), ids(&grant)].concat(), ["168a2fe7e672db35", "326e981ca483be4b"]);
}

#[test]
fn a_deny_takes_back_what_it_covers_and_nothing_else() {
    let strangers = json!({ "StringNotEquals": { "aws:PrincipalAccount": "111122223333" } });
    let elsewhere = json!({ "StringNotEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } });
    let everyone = json!("*");
    let deny = |principal: &Value, action: &str, condition: &Value| statement("Deny", principal, action, condition);
    let (certain, possible) = (Some(Confidence::Certain), Some(Confidence::Possible));
    for (principal, rule) in [(everyone.clone(), "public"), (vendor("a"), "outside-account")] {
        for (statements, confidence, why) in [
            (vec![allow(&principal)], certain, "no Deny"),
            (vec![allow(&principal), deny(&everyone, "kms:*", &strangers)], None, "a Deny for all strangers"),
            (vec![deny(&everyone, "kms:Decrypt", &strangers), allow(&principal)], None, "wherever it stands"),
            (vec![allow(&principal), deny(&everyone, "kms:Sign", &strangers)], certain, "of other actions"),
            (vec![allow(&principal), deny(&vendor("z"), "kms:*", &strangers)], certain, "for somebody else"),
            (vec![allow(&principal), deny(&everyone, "kms:*", &elsewhere)], possible, "from all networks but one"),
            (
                vec![allow(&principal), deny(&everyone, "kms:*", &json!({ "Bool": { "aws:SecureTransport": "false" } }))],
                certain,
                "without TLS, which KMS demands",
            ),
        ] {
            let found = findings(&policy(&statements)).into_iter().find(|finding| finding.rule == rule);
            assert_eq!(found.map(|finding| finding.confidence), confidence, "{rule}: {why}");
        }
        let mut shared = policy(&[deny(&everyone, "*", &strangers)]);
        shared["ram_policy"] = policy(&[allow(&principal)])["policy"].clone();
        assert!(findings(&shared).iter().all(|finding| finding.rule != rule), "{rule}: a Deny in the key's other policy");
    }
    let network = json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } });
    let possible = policy(&[statement("Allow", &everyone, "kms:Decrypt", &network), deny(&everyone, "kms:Sign", &strangers)]);
    assert_eq!(finding(&possible, "public").confidence, Confidence::Possible, "a Deny makes nothing surer");
}

#[test]
fn statements_that_allow_nothing_on_the_key_let_nobody_in() {
    for (element, actions) in
        [("NotAction", json!("kms:*")), ("NotAction", json!("*")), ("Action", json!("kms:ListKeys")), ("Action", json!(["kms:CreateKey"]))]
    {
        let statement = json!({ "Effect": "Allow", "Principal": "*", element: actions, "Resource": "*" });
        let found = findings(&policy(&[statement]));
        assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["no-effect"], "{element} {actions}");
    }
    for (actions, severity, why) in [
        (json!("kms:NewInTheFuture"), Severity::Medium, "there may be such an action tomorrow, or it is misspelt"),
        (json!(["kms:Decypt", "s3:GetObject"]), Severity::Medium, "nothing that is known is allowed"),
        (json!("kms:New*"), Severity::Critical, "what is meant is not misspelt"),
        (json!(["kms:Decypt", "kms:Decrypt"]), Severity::Critical, "one is known"),
    ] {
        let unknown = json!({ "Effect": "Allow", "Principal": "*", "Action": actions, "Resource": "*" });
        let found = finding(&policy(&[unknown]), "public");
        let confidence = if actions.to_string().contains("Decrypt") { Confidence::Certain } else { Confidence::Possible };
        assert_eq!((found.severity, found.confidence, found.changed_policy.is_none()), (severity, confidence, severity == Severity::Medium), "{why}");
    }
}

#[test]
fn a_service_that_acts_for_another_account_lets_that_in() {
    let logs = json!({ "Service": "logs.amazonaws.com" });
    let for_account = |account: &str| policy(&[statement("Allow", &logs, "kms:Decrypt", &json!({ "StringEquals": { "aws:SourceAccount": account } }))]);
    assert_eq!(findings(&for_account("111122223333")), []);
    let found = finding(&for_account("444455556666"), "outside-account");
    assert_eq!(
        (found.severity, found.confidence, found.title.as_str()),
        (Severity::High, Confidence::Certain, "Outside the key's account, this is allowed: logs.amazonaws.com, if aws:SourceAccount is 444455556666")
    );
    let mut inside = for_account("444455556666");
    inside["organization_accounts"] = json!(["111122223333", "444455556666"]);
    assert_eq!(finding(&inside, "outside-account").severity, Severity::Medium);
}

#[test]
fn everyone_of_the_own_account_is_wider_than_its_root() {
    let own = || json!({ "kms:CallerAccount": "111122223333" });
    let mut via = own();
    via["kms:ViaService"] = json!("s3.eu-central-1.amazonaws.com");
    let allowed = |condition: &Value| statement("Allow", &json!("*"), "kms:Encrypt", &json!({ "StringEquals": condition }));
    let tls = statement("Deny", &json!("*"), "kms:*", &json!({ "Bool": { "aws:SecureTransport": "false" } }));
    let network = statement("Deny", &json!("*"), "kms:*", &json!({ "StringNotEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } }));
    for (statements, severity, confidence, fence) in [
        (vec![allowed(&own())], Severity::Medium, Confidence::Certain, "kms:CallerAccount is 111122223333"),
        (vec![allowed(&own()), tls], Severity::Medium, Confidence::Certain, "kms:CallerAccount is 111122223333"),
        (
            vec![allowed(&own()), network],
            Severity::Low,
            Confidence::Possible,
            "aws:SourceVpce is vpce-1a2b3c4d; kms:CallerAccount is 111122223333 (not certain: who can send from that network cannot be told)",
        ),
        (vec![allowed(&via)], Severity::Low, Confidence::Certain, "kms:CallerAccount is 111122223333; kms:ViaService is s3.eu-central-1.amazonaws.com"),
    ] {
        let found = findings(&policy(&statements));
        let title = format!("Every principal of the key's account is allowed, and needs no IAM policy for it, if {fence}");
        assert_eq!(
            found.iter().map(|finding| (finding.rule, finding.severity, finding.confidence, finding.title.as_str())).collect::<Vec<_>>(),
            [("whole-account", severity, confidence, title.as_str())]
        );
    }
    let root = finding(&policy(&[allow(&json!({ "AWS": "111122223333" }))]), "whole-account");
    assert_eq!(
        (root.severity, root.confidence, root.title.as_str()),
        (Severity::Info, Confidence::Certain, "The IAM policies of this account decide who is allowed: account 111122223333")
    );
    let mut managed = policy(&[allowed(&own())]);
    managed["facts"] = json!({ "metadata": { "value": { "manager": "AWS" } } });
    assert_eq!(findings(&managed), []);
}
