//! Who loses what by a changed policy: sentences that must be true of whoever reads them.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::Example;
use serde_json::{Value, json};

const OWN: &str = "arn:aws:iam::111122223333:root";
const APP: &str = "arn:aws:iam::111122223333:role/app";
const VENDOR: &str = "arn:aws:iam::444455556666:role/v";

fn allow(principal: &Value, action: &Value, condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition })
}

fn aws(principal: &str) -> Value {
    json!({ "AWS": principal })
}

/// What is said beside the proposals of the rule's findings, in the order of the findings.
fn said(statements: &[Value], rule: &str, more: &Value) -> Vec<String> {
    let mut fixture = json!({ "policy": { "Version": "2012-10-17", "Statement": statements } });
    fixture.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let found = Example::new(&fixture).analyze().findings.into_iter().filter(|finding| finding.rule == rule && finding.changed_policy.is_some());
    found.map(|finding| finding.remediation.split_once("With the changed policy, ").unwrap().1.to_owned()).collect()
}

fn plain(action: &str, principal: &str) -> Value {
    allow(&aws(principal), &json!(action), &json!({}))
}

#[test]
fn what_the_accounts_iam_policies_may_still_allow_is_not_lost_to_a_fence() {
    let fence = "kms:GrantIsForAWSResource is true";
    let create = plain("kms:CreateGrant", APP);
    assert_eq!(said(std::slice::from_ref(&create), "unfenced-create-grant", &json!({})), [format!("{APP} can make or end grants only if {fence}.")]);
    let own = plain("kms:*", OWN);
    let expected = format!("{APP} can make or end grants only if {fence}, or where the account's IAM policies say so.");
    assert_eq!(said(&[own, create], "unfenced-create-grant", &json!({})), [expected]);
}

#[test]
fn a_part_of_a_capability_is_named_by_its_actions() {
    let grants = allow(&aws(APP), &json!(["kms:CreateGrant", "kms:RevokeGrant", "kms:ListGrants"]), &json!({}));
    let expected = format!("{APP} can call kms:CreateGrant only if kms:GrantIsForAWSResource is true.");
    assert_eq!(said(&[grants], "unfenced-create-grant", &json!({})), [expected], "whoever may revoke still may");
    let twice = [plain("kms:Decrypt", VENDOR), plain("kms:ReEncryptFrom", VENDOR)];
    let expected = ["kms:Decrypt", "kms:ReEncryptFrom"].map(|action| format!("{VENDOR} can no longer call {action}."));
    assert_eq!(said(&twice, "outside-account", &json!({})), expected);
}

#[test]
fn a_class_that_may_hold_the_caller_leaves_the_loss_open() {
    let decrypt = plain("kms:Decrypt", VENDOR);
    let like = |pattern: &str| allow(&json!("*"), &json!("kms:Decrypt"), &json!({ "ArnLike": { "aws:PrincipalArn": pattern } }));
    let of = |other: Value, more: Value| said(&[decrypt.clone(), other], "outside-account", &more)[0].clone();
    assert_eq!(of(like("arn:aws:iam::444455556666:role/*"), json!({})), "nobody loses access.");
    assert_eq!(of(like("arn:aws:iam::444455556666:role/other-*"), json!({})), format!("{VENDOR} can no longer decrypt."));
    let organization = allow(&json!("*"), &json!("kms:Decrypt"), &json!({ "StringEquals": { "aws:PrincipalOrgID": "o-example" } }));
    let perhaps = said(&[decrypt.clone(), organization.clone()], "outside-organization", &json!({ "organization_id": "o-example" }));
    assert_eq!(perhaps, [format!("{VENDOR} can perhaps no longer decrypt.")], "whether the account belongs to the organization is not known");
    let known = json!({ "organization_id": "o-example", "organization_accounts": ["111122223333", "444455556666"] });
    assert_eq!(of(organization, known), "nobody loses access.");
}

#[test]
fn what_lets_in_perhaps_does_not_make_up_for_what_lets_in() {
    let mut elsewhere = plain("kms:Decrypt", VENDOR);
    elsewhere["Resource"] = json!("arn:aws:kms:eu-central-1:111122223333:alias/app");
    let found = said(&[plain("kms:Decrypt", VENDOR), elsewhere], "outside-account", &json!({}));
    assert_eq!(found[0], format!("{VENDOR} can perhaps no longer decrypt."));
}

#[test]
fn everyone_loses_it_save_those_whom_something_else_lets_in() {
    let everyone = allow(&json!("*"), &json!("kms:Decrypt"), &json!({}));
    let found = said(&[everyone, plain("kms:*", OWN), plain("kms:Decrypt", APP)], "public", &json!({}));
    let expected = "everyone can no longer decrypt, save every principal of account 111122223333, account 111122223333 by its IAM policies, \
        whoever is named by another statement or grant.";
    assert_eq!(found, [expected]);
}

#[test]
fn the_account_of_the_caller_is_no_fence_for_it() {
    let fenced = allow(
        &aws(APP),
        &json!("kms:Decrypt"),
        &json!({ "StringEquals": { "kms:CallerAccount": "111122223333" }, "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }),
    );
    assert_eq!(
        said(std::slice::from_ref(&fenced), "toothless-condition", &json!({})),
        [format!("{APP} can decrypt only if aws:MultiFactorAuthPresent is true.")]
    );
    let again = allow(&aws(VENDOR), &json!("kms:Decrypt"), &json!({ "StringEquals": { "kms:CallerAccount": "444455556666" } }));
    assert_eq!(said(&[plain("kms:Decrypt", VENDOR), again], "outside-account", &json!({}))[0], "nobody loses access.");
}

#[test]
fn a_list_of_actions_is_not_said_to_be_all_that_not_action_allowed() {
    let statement = json!({ "Effect": "Allow", "Principal": { "AWS": APP }, "NotAction": ["kms:C*", "kms:D*", "kms:G*", "kms:I*", "kms:P*", "kms:R*", "kms:S*", "kms:T*", "kms:U*"], "Resource": "*" });
    assert_eq!(said(&[statement], "not-action", &json!({})), ["nobody loses what this version knows."]);
}

#[test]
fn a_fence_that_shuts_out_a_service_for_good_is_not_proposed() {
    let condition = json!({ "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-example" } });
    let of = |principal: Value| {
        said(&[allow(&principal, &json!("kms:Decrypt"), &condition)], "toothless-condition", &json!({ "organization_id": "o-example" })).len()
    };
    assert_eq!([of(json!({ "AWS": VENDOR })), of(json!({ "AWS": VENDOR, "Service": "logs.amazonaws.com" }))], [1, 0]);
}

#[test]
fn sessions_find_their_role_among_grants() {
    let session = |number: usize| format!("arn:aws:sts::444455556666:assumed-role/r{number}/s");
    let statements: Vec<Value> = (0..20)
        .map(|at| {
            let sessions: Vec<String> = (0..20).map(|number| session(20 * at + number)).collect();
            allow(&json!({ "AWS": sessions }), &json!(["kms:Decrypt", "kms:DescribeKey"]), &json!({}))
        })
        .collect();
    let grants: Vec<Value> = (0..400)
        .map(
            |number| json!({ "id": format!("g{number}"), "grantee_principal": format!("arn:aws:iam::444455556666:role/r{number}"), "operations": ["Decrypt"] }),
        )
        .collect();
    let found = said(&statements, "outside-account", &json!({ "grants": grants }));
    // As roles they still decrypt.
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|said| said.ends_with("17 more can no longer read about the key.")), "{found:#?}");
}

#[test]
fn many_statements_beside_many_denies_are_each_told_who_loses_what() {
    let tagged = |number: usize| json!({ "StringEquals": { format!("aws:PrincipalTag/t{number}"): "x" } });
    let denies = (0..80).map(|number| json!({ "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": tagged(number) }));
    let accounts = |at: usize| (0..20).map(|number| format!("4444{:08}", 20 * at + number)).collect::<Vec<_>>();
    let allows = (0..20).map(|at| allow(&json!({ "AWS": accounts(at) }), &json!("kms:Decrypt"), &json!({})));
    let found = said(&allows.chain(denies).collect::<Vec<_>>(), "outside-account", &json!({}));
    let expected: Vec<String> = (0..20)
        .map(|at| format!("account 4444{:08}, account 4444{:08}, account 4444{:08}, 17 more can no longer decrypt.", 20 * at, 20 * at + 1, 20 * at + 2))
        .collect();
    assert_eq!(found, expected);
}
