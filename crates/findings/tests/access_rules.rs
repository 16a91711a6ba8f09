//! Rules about who comes in: what each says, how bad and how sure it calls it, and what it leaves to the others.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::{Example, finding};
use kms_insights_findings::{Confidence, Finding, Severity, printable};
use serde_json::{Value, json};

const APP: &str = "arn:aws:iam::111122223333:role/app";
const VENDOR: &str = "arn:aws:iam::444455556666:role/vendor";
const TEAM: &str = "arn:aws:iam::777788889999:role/team";

fn policy(statements: &[Value]) -> Value {
    json!({ "policy": { "Version": "2012-10-17", "Statement": statements } })
}

fn allow(principal: &Value, action: &Value, condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition })
}

fn aws(principal: &str) -> Value {
    json!({ "AWS": principal })
}

fn findings(fixture: &Value) -> Vec<Finding> {
    Example::new(fixture).analyze().findings
}

/// Severity and confidence of the rule's one finding; nothing where it has none.
fn weight(fixture: &Value, rule: &str) -> Option<(Severity, Confidence)> {
    let found: Vec<Finding> = findings(fixture).into_iter().filter(|finding| finding.rule == rule).collect();
    assert!(found.len() <= 1, "{found:#?}");
    found.first().map(|finding| (finding.severity, finding.confidence))
}

// A table of expectations has `None` too.
#[allow(clippy::unnecessary_wraps)]
const fn certain(severity: Severity) -> Option<(Severity, Confidence)> {
    Some((severity, Confidence::Certain))
}

#[allow(clippy::unnecessary_wraps)]
const fn possible(severity: Severity) -> Option<(Severity, Confidence)> {
    Some((severity, Confidence::Possible))
}

#[test]
fn whoever_comes_in_from_outside_is_reported_by_exactly_one_of_three_rules() {
    let principals = [
        (json!("*"), json!({})),
        (aws(VENDOR), json!({})),
        (aws(TEAM), json!({})),
        (aws("444455556666"), json!({})),
        (aws("arn:aws-cn:iam::111122223333:role/app"), json!({})),
        (json!({ "CanonicalUser": "79a5" }), json!({})),
        (json!({ "Federated": "accounts.google.com" }), json!({})),
        (json!("*"), json!({ "StringEquals": { "aws:PrincipalOrgID": "o-example" } })),
        (json!("*"), json!({ "StringEquals": { "aws:PrincipalOrgID": "o-elsewhere" } })),
        (json!("*"), json!({ "StringEquals": { "kms:CallerAccount": "444455556666" } })),
        (json!("*"), json!({ "ArnLike": { "aws:PrincipalArn": VENDOR } })),
        (json!("*"), json!({ "StringEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } })),
        (json!({ "Service": "logs.amazonaws.com" }), json!({ "StringEquals": { "aws:SourceAccount": "444455556666" } })),
        (json!({ "Service": "logs.amazonaws.com" }), json!({ "StringEquals": { "aws:SourceOrgID": "o-elsewhere" } })),
        (json!({ "Service": "*" }), json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } })),
    ];
    let organizations = [
        json!({}),
        json!({ "organization_id": "o-example" }),
        json!({ "organization_accounts": ["111122223333", "777788889999"] }),
        json!({ "organization_id": "o-example", "organization_accounts": ["111122223333", "777788889999"] }),
        json!({ "organization_id": "o-example", "organization_accounts": ["111122223333", "777788889999"], "settings": { "trusted_accounts": ["444455556666"] } }),
    ];
    for (principal, condition) in &principals {
        for organization in &organizations {
            let mut fixture = policy(&[allow(principal, &json!("kms:Encrypt"), condition)]);
            for (name, value) in organization.as_object().unwrap() {
                fixture[name] = value.clone();
            }
            let of_three = |finding: &&Finding| ["public", "outside-organization", "outside-account"].contains(&finding.rule);
            let found = findings(&fixture);
            assert_eq!(found.iter().filter(of_three).count(), 1, "{principal} {condition} {organization}: {found:#?}");
        }
    }
}

#[test]
fn what_is_known_of_the_organization_makes_outsiders_certain_possible_or_trusted() {
    let mut fixture = policy(&[allow(&aws(VENDOR), &json!("kms:Encrypt"), &json!({}))]);
    assert_eq!(weight(&fixture, "outside-account"), certain(Severity::High), "no organization is known");
    fixture["settings"] = json!({ "trusted_accounts": ["444455556666"] });
    assert_eq!(weight(&fixture, "outside-account"), certain(Severity::Low), "nor is one needed to trust");
    fixture["organization_id"] = json!("o-example");
    assert_eq!(weight(&fixture, "outside-organization"), possible(Severity::Low), "its accounts are not known");
    fixture["organization_accounts"] = json!(["111122223333", "777788889999"]);
    assert_eq!(weight(&fixture, "outside-organization"), certain(Severity::Low));
    fixture["settings"] = json!({});
    assert_eq!(weight(&fixture, "outside-organization"), certain(Severity::High));
    fixture["organization_accounts"] = json!(["111122223333", "444455556666"]);
    assert_eq!(weight(&fixture, "outside-account"), certain(Severity::Medium));
}

#[test]
fn the_gravest_of_several_principals_weighs() {
    let mut both = policy(&[allow(&json!({ "AWS": [VENDOR, "arn:aws:iam::222233334444:role/stranger"] }), &json!("kms:Encrypt"), &json!({}))]);
    both["organization_accounts"] = json!(["111122223333"]);
    both["settings"] = json!({ "trusted_accounts": ["444455556666"] });
    assert_eq!(weight(&both, "outside-organization"), certain(Severity::High));
}

#[test]
fn outsiders_who_may_only_administer_are_meant_and_do_not_come_in() {
    let administering = policy(&[allow(&aws(VENDOR), &json!("kms:PutKeyPolicy"), &json!({}))]);
    let rules: Vec<&str> = findings(&administering).iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["outside-intent"]);
    assert_eq!(weight(&administering, "outside-intent"), certain(Severity::Low));
    let everyone = policy(&[allow(&json!("*"), &json!("kms:*"), &json!({}))]);
    assert_eq!(weight(&everyone, "outside-intent"), None, "public says it");
    let denied = json!({ "Effect": "Deny", "Principal": aws(VENDOR), "Action": "kms:Put*", "Resource": "*" });
    assert_eq!(weight(&policy(&[allow(&aws(VENDOR), &json!("kms:PutKeyPolicy"), &json!({})), denied]), "outside-intent"), None);
}

#[test]
fn decrypting_is_broad_by_the_class_that_may() {
    let decrypt = |principal: &Value, condition: &Value| {
        let mut fixture = policy(&[allow(principal, &json!("kms:Decrypt"), condition)]);
        fixture["organization_id"] = json!("o-example");
        weight(&fixture, "broad-decrypt")
    };
    let everyone = json!("*");
    let own = |more: Value| {
        let mut conditions = json!({ "kms:CallerAccount": "111122223333" });
        for (key, value) in more.as_object().unwrap() {
            conditions[key] = value.clone();
        }
        json!({ "StringEquals": conditions })
    };
    let like = |arn: &str| json!({ "ArnLike": { "aws:PrincipalArn": arn } });
    for (principal, condition, expected) in [
        (&everyone, json!({}), None),
        (&everyone, json!({ "StringEquals": { "aws:PrincipalOrgID": "o-elsewhere" } }), certain(Severity::High)),
        (&everyone, json!({ "StringEquals": { "aws:PrincipalOrgID": "o-example" } }), certain(Severity::Medium)),
        (&everyone, own(json!({})), certain(Severity::Medium)),
        (&everyone, own(json!({ "kms:ViaService": "s3.eu-central-1.amazonaws.com" })), certain(Severity::Low)),
        (&everyone, like("arn:aws:iam::111122223333:role/*"), certain(Severity::Medium)),
        (&everyone, like("arn:aws:iam::111122223333:role/app-*"), None),
        (&everyone, like(APP), None),
        (&aws("111122223333"), json!({}), None),
        (&aws("444455556666"), json!({}), None),
        (&aws(APP), json!({}), None),
    ] {
        assert_eq!(decrypt(principal, &condition), expected, "{principal} {condition}");
    }
    let encrypt = policy(&[allow(&everyone, &json!("kms:Encrypt"), &json!({}))]);
    assert_eq!(weight(&encrypt, "broad-decrypt"), None);
}

#[test]
fn a_service_is_confused_where_nothing_says_for_whom_it_acts() {
    let service =
        |condition: &Value, action: &str| weight(&policy(&[allow(&json!({ "Service": "logs.amazonaws.com" }), &json!(action), condition)]), "confused-deputy");
    let likely = Some((Severity::Medium, Confidence::Likely));
    let bucket = possible(Severity::Low);
    for (condition, expected) in [
        (json!({}), likely),
        (json!({ "StringEquals": { "kms:EncryptionContext:app": "x" } }), likely),
        (json!({ "StringLike": { "aws:SourceArn": "*" } }), likely),
        (json!({ "StringEqualsIfExists": { "aws:SourceAccount": "111122223333" } }), likely),
        (json!({ "StringEquals": { "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:*:*" } }), likely),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:logs:eu-central-1:*:log-group:prod-*" } }), likely),
        (json!({ "ArnLike": { "aws:SourceArn": ["arn:aws:logs:eu-central-1:111122223333:*", "arn:aws:logs:eu-central-1:1111????????:*"] } }), likely),
        (json!({ "StringLike": { "aws:SourceAccount": "1*" } }), likely),
        (json!({ "StringLike": { "aws:SourceAccount": ["111122223333", "1*"] } }), likely),
        (json!({ "StringLike": { "aws:SourceOrgID": "o-*" } }), likely),
        (json!({ "StringNotEquals": { "aws:SourceAccount": "444455556666" }, "Null": { "aws:SourceAccount": "false" } }), likely),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::*" } }), likely),
        (json!({ "ArnLike": { "aws:SourceArn": ["arn:aws:s3:::bucket", "arn:aws:s3:::prod-*"] } }), likely),
        (json!({ "StringLike": { "aws:SourceArn": "arn:aws:s3*:::bucket" } }), likely),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } }), bucket),
        (json!({ "StringEquals": { "aws:SourceArn": ["arn:aws:s3:::bucket", "arn:aws:logs:eu-central-1:111122223333:x"] } }), bucket),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket/*" }, "StringLike": { "aws:SourceAccount": "1*" } }), bucket),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" }, "StringEquals": { "aws:SourceAccount": "111122223333" } }), None),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:logs:*:*:*" }, "StringEquals": { "aws:SourceOrgID": "o-example" } }), None),
        (json!({ "StringEquals": { "aws:SourceAccount": "${aws:ResourceAccount}" } }), None),
        (json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } }), None),
        (json!({ "StringEquals": { "aws:SourceOrgID": "o-example" } }), None),
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:logs:*:111122223333:*" } }), None),
        (json!({ "ArnLike": { "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:111122223333:*" } }), None),
    ] {
        assert_eq!(service(&condition, "kms:Decrypt"), expected, "{condition}");
    }
    assert_eq!(service(&json!({}), "kms:CreateGrant"), likely);
    for reading in ["kms:DescribeKey", "kms:Get*", "kms:GetParametersForImport"] {
        assert_eq!(service(&json!({}), reading), None, "{reading}");
        assert_eq!(service(&json!({ "StringLike": { "aws:SourceAccount": "1*" } }), reading), bucket, "{reading}: the verdict is not known either");
    }
    let every = policy(&[allow(&json!({ "Service": "*" }), &json!("kms:Decrypt"), &json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } }))]);
    assert_eq!(weight(&every, "confused-deputy"), None, "outside-account says it");
    let of_bucket =
        allow(&json!({ "Service": "logs.amazonaws.com" }), &json!("kms:Decrypt"), &json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bucket" } }));
    let found = finding(&policy(&[of_bucket]), "confused-deputy");
    assert!(found.remediation.starts_with("A bucket's ARN does not name its account: add a condition on aws:SourceAccount"), "{}", found.remediation);
    let changed: Value = serde_json::from_str(found.changed_policy.as_deref().unwrap()).unwrap();
    assert_eq!(changed["Statement"][0]["Condition"]["StringEquals"], json!({ "aws:SourceAccount": "111122223333" }));
    assert_eq!(weight(&policy(&[allow(&json!("*"), &json!("kms:Decrypt"), &json!({}))]), "confused-deputy"), None, "services among everyone");
}

#[test]
fn one_principal_with_two_duties_is_one_finding_wherever_it_has_them_from() {
    let use_and =
        |administering: &str| policy(&[allow(&aws(APP), &json!("kms:Sign"), &json!({})), allow(&aws(APP), &json!([administering, "kms:Encrypt"]), &json!({}))]);
    for (administering, expected) in [
        ("kms:PutKeyPolicy", certain(Severity::Medium)),
        ("kms:Disable*", certain(Severity::Medium)),
        ("kms:TagResource", certain(Severity::Low)),
        ("kms:DescribeKey", None),
        ("kms:Get*", None),
        ("kms:GetParametersForImport", None),
        ("kms:CreateGrant", None),
    ] {
        assert_eq!(weight(&use_and(administering), "separation-of-duty"), expected, "{administering}");
    }
    let mut granted = policy(&[allow(&aws(APP), &json!("kms:PutKeyPolicy"), &json!({}))]);
    granted["grants"] = json!([{ "id": "g", "grantee_principal": APP, "operations": ["Decrypt"] }]);
    let found = finding(&granted, "separation-of-duty");
    assert_eq!(found.title, format!("One principal may both administer the key and use it (decrypt): {APP}"));
    let evidence: Value = serde_json::from_str(&found.evidence).unwrap();
    let expected = json!({ "actions": ["kms:Decrypt", "kms:PutKeyPolicy"], "statements": [{ "policy": "default", "statement": 0, "sid": null }],
        "grants": ["g"], "number_of_grants": 1 });
    assert_eq!(evidence, expected);

    let network = json!({ "StringEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } });
    let fenced = policy(&[allow(&aws(APP), &json!("kms:Decrypt"), &json!({})), allow(&aws(APP), &json!("kms:PutKeyPolicy"), &network)]);
    assert_eq!(weight(&fenced, "separation-of-duty"), possible(Severity::Medium));
    let root = policy(&[allow(&aws("111122223333"), &json!("kms:*"), &json!({}))]);
    assert_eq!(weight(&root, "separation-of-duty"), None);
}

#[test]
fn a_principal_that_may_do_more_than_was_put_up_with_is_another_finding() {
    let id = |actions: &Value| finding(&policy(&[allow(&aws(APP), actions, &json!({}))]), "separation-of-duty").id;
    let tags = id(&json!(["kms:Encrypt", "kms:TagResource"]));
    assert_eq!(id(&json!(["kms:Encrypt", "kms:TagResource", "kms:UntagResource"])), tags);
    let worse = [
        tags,
        id(&json!(["kms:Encrypt", "kms:Decrypt", "kms:TagResource"])),
        id(&json!(["kms:Encrypt", "kms:TagResource", "kms:DisableKey"])),
        id(&json!(["kms:Encrypt", "kms:TagResource", "kms:DisableKey", "kms:PutKeyPolicy"])),
    ];
    assert_eq!(worse.iter().collect::<std::collections::BTreeSet<_>>().len(), worse.len(), "{worse:?}");
}

#[test]
fn many_principals_with_two_duties_do_not_repeat_what_gives_them() {
    let roles: Vec<String> = (0..500).map(|number| format!("arn:aws:iam::111122223333:role/r{number}")).collect();
    let mut fixture = policy(&[allow(&json!({ "AWS": roles }), &json!("kms:*"), &json!({}))]);
    let grants: Vec<Value> =
        (0..500).map(|number| json!({ "id": format!("g{number:03}"), "grantee_principal": roles[0], "operations": ["Decrypt"] })).collect();
    fixture["grants"] = json!(grants);
    let found: Vec<Finding> = findings(&fixture).into_iter().filter(|finding| finding.rule == "separation-of-duty").collect();
    assert_eq!(found.len(), roles.len());
    let longest = found.iter().map(|finding| finding.evidence.len()).max().unwrap();
    // The names of its actions, and one statement.
    assert!(longest < 1000, "{longest}");
    let of_first = found.iter().find(|finding| finding.cause.ends_with("/r0")).unwrap();
    let evidence: Value = serde_json::from_str(&of_first.evidence).unwrap();
    assert_eq!((&evidence["grants"], &evidence["number_of_grants"]), (&json!(["g000", "g001", "g002"]), &json!(500)));
}

#[test]
fn making_grants_is_fenced_by_what_confines_the_grantee_or_what_it_gets() {
    let create = |condition: &Value| weight(&policy(&[allow(&aws(APP), &json!("kms:CreateGrant"), condition)]), "unfenced-create-grant");
    let open = certain(Severity::Medium);
    for (condition, expected) in [
        (json!({}), open),
        (json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } }), None),
        (json!({ "Bool": { "kms:GrantIsForAWSResource": true } }), None),
        (json!({ "BoolIfExists": { "kms:GrantIsForAWSResource": "true" } }), open),
        (json!({ "Bool": { "kms:GrantIsForAWSResource": "false" } }), open),
        (json!({ "StringEquals": { "kms:ViaService": "ec2.eu-central-1.amazonaws.com" } }), None),
        (json!({ "StringLike": { "kms:ViaService": "*" } }), open),
        (json!({ "StringNotEquals": { "kms:ViaService": "ec2.eu-central-1.amazonaws.com" } }), open),
        (json!({ "StringEquals": { "kms:GranteePrincipal": APP } }), None),
        (json!({ "StringLike": { "kms:GranteePrincipal": "arn:*:*:*:*:*" } }), open),
        (json!({ "StringLike": { "kms:GranteePrincipal": "arn:aws:iam::*:role/*" } }), open),
        (json!({ "ArnLike": { "kms:GranteePrincipal": [APP, "arn:aws:iam::????????????:role/app"] } }), open),
        (json!({ "StringLike": { "kms:GranteePrincipal": "arn:aws:*::111122223333:role/*" } }), open),
        (json!({ "ArnLike": { "kms:GranteePrincipal": "arn:aws:*::111122223333:role/*" } }), None),
        (json!({ "StringLike": { "kms:GranteePrincipal": "arn:aws:iam::111122223333:role/*" } }), None),
        (json!({ "StringLike": { "kms:ViaService": "*.amazonaws.com" } }), open),
        (json!({ "StringLike": { "kms:ViaService": ["ec2.*.amazonaws.com", "?*.amazonaws.com"] } }), open),
        (json!({ "StringLike": { "kms:ViaService": "ec2.*.amazonaws.com" } }), None),
        (json!({ "StringLike": { "kms:GranteeServicePrincipal": "*.amazonaws.com" } }), open),
        (json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Encrypt", "GenerateDataKeyWithoutPlaintext"] } }), None),
        (json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Decrypt"] } }), open),
        (json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Encrypt", "CreateGrant"] } }), open),
        (json!({ "ForAnyValue:StringEquals": { "kms:GrantOperations": ["Encrypt"] } }), open),
        (json!({ "StringEquals": { "kms:GrantConstraintType": "EncryptionContextSubset" } }), open),
        (json!({ "StringEquals": { "kms:RetiringPrincipal": APP } }), open),
    ] {
        assert_eq!(create(&condition), expected, "{condition}");
    }
    let deny = |condition: Value| json!({ "Effect": "Deny", "Principal": "*", "Action": "kms:CreateGrant", "Resource": "*", "Condition": condition });
    let denied = |condition: Value| weight(&policy(&[allow(&aws(APP), &json!("kms:CreateGrant"), &json!({})), deny(condition)]), "unfenced-create-grant");
    assert_eq!(denied(json!({ "Bool": { "kms:GrantIsForAWSResource": "false" } })), None);
    assert_eq!(denied(json!({ "StringNotEquals": { "kms:ViaService": "ec2.eu-central-1.amazonaws.com" } })), None);
    assert_eq!(denied(json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } })), open);
}

#[test]
fn making_grants_weighs_by_who_makes_them() {
    let create = |principal: &Value, action: &Value| weight(&policy(&[allow(principal, action, &json!({}))]), "unfenced-create-grant");
    assert_eq!(create(&aws(VENDOR), &json!("kms:CreateGrant")), certain(Severity::High));
    assert_eq!(create(&aws("444455556666"), &json!("kms:CreateGrant")), certain(Severity::High));
    assert_eq!(create(&aws("111122223333"), &json!("kms:*")), None);
    let administrator = json!(["kms:Create*", "kms:Describe*", "kms:Put*", "kms:Schedule*"]);
    assert_eq!(create(&aws(APP), &administrator), certain(Severity::Low), "it may give the key to anybody in any case");
    assert_eq!(create(&json!({ "Service": "ec2.amazonaws.com" }), &json!("kms:CreateGrant")), None);
}

#[test]
fn nobody_left_is_locked_out_and_perhaps_nobody_is_possible() {
    let locked = |statements: &[Value], facts: &Value| {
        let mut fixture = policy(statements);
        fixture["as_written"] = json!(true);
        fixture["facts"] = facts.clone();
        weight(&fixture, "locked-out")
    };
    let put = |principal: &Value, condition: &Value| allow(principal, &json!("kms:PutKeyPolicy"), condition);
    let customer = json!({});
    for (statements, expected, why) in [
        (vec![], certain(Severity::High), "no statement"),
        (vec![put(&aws(APP), &json!({}))], None, "a role"),
        (vec![put(&aws("111122223333"), &json!({}))], None, "the account's IAM policies"),
        (vec![put(&aws("AROACKCEVSQ6C2EXAMPLE"), &json!({}))], certain(Severity::High), "a role that is no more"),
        (vec![put(&aws(VENDOR), &json!({}))], certain(Severity::High), "KMS does not offer it to outsiders"),
        (
            vec![put(&aws(APP), &json!({})), json!({ "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*" })],
            certain(Severity::High),
            "a Deny for everyone",
        ),
        (vec![put(&aws(APP), &json!({ "StringEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } }))], None, "somebody is in the network"),
        (vec![put(&aws(APP), &json!({ "StringEquals": { "aws:Tomorrow": "x" } }))], possible(Severity::High), "a condition that nobody knows"),
    ] {
        assert_eq!(locked(&statements, &customer), expected, "{why}");
    }
    assert_eq!(locked(&[], &json!({ "metadata": { "value": { "manager": "AWS" } } })), None, "AWS holds its keys");
    let unread = json!({ "metadata": { "status": "failed", "value": { "action": "kms:DescribeKey", "code": "timeout", "message": "" } } });
    assert_eq!(locked(&[], &unread), possible(Severity::High), "AWS may manage it");
    let denied = json!({ "policy": { "status": "denied", "value": { "action": "kms:GetKeyPolicy", "code": "access_denied", "message": "" } } });
    assert_eq!(locked(&[], &denied), None, "what was not read locks nobody out");
}

#[test]
fn negated_elements_weigh_by_whom_and_what_they_leave() {
    let not_action = |principal: &Value, actions: &Value| {
        let statement = json!({ "Effect": "Allow", "Principal": principal, "NotAction": actions, "Resource": "*" });
        weight(&policy(&[statement]), "not-action")
    };
    let all_but_reading = json!([
        "kms:C*",
        "kms:De*",
        "kms:Dis*",
        "kms:E*",
        "kms:Gen*",
        "kms:Im*",
        "kms:P*",
        "kms:R*",
        "kms:S*",
        "kms:T*",
        "kms:U*",
        "kms:V*",
        "kms:GetParametersForImport"
    ]);
    assert_eq!(not_action(&aws(APP), &json!("kms:Delete*")), certain(Severity::Medium));
    assert_eq!(not_action(&aws(VENDOR), &json!("kms:Delete*")), certain(Severity::High));
    assert_eq!(not_action(&aws(APP), &all_but_reading), certain(Severity::Low));
    assert_eq!(not_action(&aws("111122223333"), &json!("kms:Delete*")), None);
    assert_eq!(not_action(&aws("444455556666"), &json!("kms:Delete*")), certain(Severity::High));

    let not_principal = |condition: &Value| {
        let statement = json!({ "Effect": "Allow", "NotPrincipal": aws("arn:aws:iam::111122223333:user/eve"), "Action": "kms:Encrypt", "Resource": "*", "Condition": condition });
        weight(&policy(&[statement]), "not-principal")
    };
    assert_eq!(not_principal(&json!({})), certain(Severity::High));
    assert_eq!(not_principal(&json!({ "StringEquals": { "aws:PrincipalAccount": "111122223333" } })), certain(Severity::Medium));
}

#[test]
fn all_actions_are_all_only_to_whom_denies_leave_them() {
    let deny = |action: &str| json!({ "Effect": "Deny", "Principal": aws(APP), "Action": action, "Resource": "*" });
    let all = allow(&aws(APP), &json!("kms:*"), &json!({}));
    assert_eq!(weight(&policy(std::slice::from_ref(&all)), "wildcard-actions"), certain(Severity::Medium));
    let some = finding(&policy(&[all.clone(), deny("kms:TagResource")]), "wildcard-actions");
    assert!(some.title.starts_with("Nearly all KMS actions"), "{}", some.title);
    assert_eq!(weight(&policy(&[all, deny("kms:PutKeyPolicy")]), "wildcard-actions"), None);
    assert_eq!(weight(&policy(&[allow(&aws(VENDOR), &json!("kms:*"), &json!({}))]), "wildcard-actions"), certain(Severity::High));
}

#[test]
fn a_grant_weighs_by_where_its_grantee_lives() {
    let grant = |more: Value| {
        let mut fixture = json!({ "grants": [{ "id": "g", "grantee_principal": VENDOR, "retiring_principal": VENDOR, "operations": ["Decrypt"] }] });
        for (name, value) in more.as_object().unwrap() {
            fixture[name] = value.clone();
        }
        weight(&fixture, "grant-outside-account")
    };
    assert_eq!(grant(json!({})), certain(Severity::High));
    assert_eq!(grant(json!({ "organization_accounts": ["111122223333"] })), certain(Severity::High));
    assert_eq!(grant(json!({ "organization_accounts": ["111122223333", "444455556666"] })), certain(Severity::Medium));
    assert_eq!(grant(json!({ "settings": { "trusted_accounts": ["444455556666"] } })), certain(Severity::Low));
    let retiring = json!([{ "id": "g", "grantee_principal": APP, "retiring_principal": VENDOR, "operations": ["Decrypt"] }]);
    assert_eq!(grant(json!({ "grants": retiring })), None, "retiring takes away");
    let everybody = json!([{ "id": "g", "grantee_principal": "*", "operations": ["Decrypt"] }]);
    assert_eq!(grant(json!({ "grants": everybody })), certain(Severity::High));
    let deny = json!({ "Statement": [{ "Effect": "Deny", "Principal": aws(VENDOR), "Action": "kms:*", "Resource": "*" }] });
    assert_eq!(grant(json!({ "policy": deny })), None, "a Deny holds for grants too");
}

#[test]
fn the_title_of_a_grant_names_what_it_demands() {
    let constraints = json!({ "encryption_context_subset": { "app": "x" } });
    let fixture = json!({ "grants": [{ "id": "g", "grantee_principal": VENDOR, "operations": ["Decrypt"], "constraints": constraints }] });
    assert_eq!(
        finding(&fixture, "grant-outside-account").title,
        format!("A grant gives Decrypt to another account: {VENDOR}, if kms:EncryptionContext:app is x")
    );
}

#[test]
fn hostile_names_leave_nothing_invisible_in_what_is_printed() {
    let hostile = "arn:aws:iam::111122223333:role/\u{1b}[2J\n\u{202e}\u{200b}x";
    let mut fixture = policy(&[
        json!({ "Sid": "a\nb\u{2066}", "\u{202d}": 1, "Effect": "Allow", "NotPrincipal": aws(hostile), "NotAction": "kms:\u{7}", "Resource": "*" }),
        allow(&aws(hostile), &json!("kms:*"), &json!({ "StringLikeIfExists": { "kms:EncryptionContext:\u{1b}": "\u{1b}" } })),
        allow(&aws("arn:aws:iam::444455556666:role/\u{1b}[2J"), &json!("kms:*"), &json!({})),
    ]);
    fixture["grants"] = json!([{ "id": "\u{1b}", "grantee_principal": "arn:aws:iam::444455556666:role/\u{1b}", "operations": ["Decrypt", "\u{1b}"] }]);
    let found = findings(&fixture);
    assert!(found.len() > 8, "{found:#?}");
    for finding in found {
        let printed = format!("{}{}{}", finding.title, finding.cause, finding.remediation);
        assert_eq!(printable(&printed), printed);
    }
}

#[test]
fn a_principal_of_another_partition_is_possible_beside_what_kms_refuses() {
    let foreign = policy(&[allow(&aws("arn:aws-cn:iam::444455556666:role/x"), &json!("kms:Decrypt"), &json!({}))]);
    assert_eq!(weight(&foreign, "kms-refuses"), Some((Severity::Medium, Confidence::Likely)));
    assert_eq!(weight(&foreign, "outside-account"), possible(Severity::High));
}

#[test]
fn what_another_resource_allows_is_possible_and_locks_out_perhaps() {
    let elsewhere = |principal: &str| {
        let mut statement = allow(&aws(principal), &json!("kms:*"), &json!({}));
        statement["Resource"] = json!("arn:aws:kms:eu-central-1:111122223333:key/9999abcd-12ab-34cd-56ef-1234567890ab");
        statement
    };
    let vendor = policy(&[elsewhere(VENDOR)]);
    assert_eq!([weight(&vendor, "outside-account"), weight(&vendor, "no-effect")], [possible(Severity::High), possible(Severity::Low)]);
    let mut own = policy(&[elsewhere("arn:aws:iam::111122223333:root")]);
    own["as_written"] = json!(true);
    assert_eq!(weight(&own, "locked-out"), possible(Severity::High));
}
