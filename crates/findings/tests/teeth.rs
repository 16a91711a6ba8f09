//! Conditions that look like a fence and are none.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod key;

use key::{Example, finding};
use kms_insights_findings::{Confidence, Finding, Severity};
use serde_json::{Value, json};

const APP: &str = "arn:aws:iam::111122223333:role/app";

fn policy(statements: &[Value]) -> Value {
    json!({ "policy": { "Version": "2012-10-17", "Statement": statements } })
}

fn allow(principal: &Value, condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*", "Condition": condition })
}

fn aws(principal: &str) -> Value {
    json!({ "AWS": principal })
}

/// Severity and confidence of the rule's one finding; nothing where it has none.
fn weight(principal: &Value, condition: &Value) -> Option<(Severity, Confidence)> {
    let found: Vec<Finding> =
        Example::new(&policy(&[allow(principal, condition)])).analyze().findings.into_iter().filter(|finding| finding.rule == "toothless-condition").collect();
    assert!(found.len() <= 1, "{found:#?}");
    found.first().map(|finding| (finding.severity, finding.confidence))
}

#[test]
fn conditions_that_hold_for_those_they_should_keep_out_have_no_teeth() {
    let toothless = |condition: &Value| weight(&aws(APP), condition);
    let found = Some((Severity::Medium, Confidence::Certain));
    let possible = Some((Severity::Medium, Confidence::Possible));
    let likely = Some((Severity::Medium, Confidence::Likely));
    for (condition, expected) in [
        (json!({ "StringLike": { "aws:PrincipalArn": "*" } }), found),
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:*" } }), found),
        (json!({ "StringLike": { "aws:PrincipalArn": [APP, "*"] } }), found),
        (json!({ "ArnLike": { "aws:PrincipalArn": ["arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"] } }), found),
        // Users are kept out.
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/*" } }), None),
        (json!({ "StringLike": { "aws:userid": "AROA*:*" } }), None),
        (json!({ "ArnLike": { "aws:PrincipalArn": "*" } }), possible),
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/app" } }), None),
        (json!({ "StringEquals": { "aws:PrincipalArn": APP } }), None),
        (json!({ "StringLike": { "kms:CallerAccount": "????????????" } }), found),
        (json!({ "Null": { "kms:CallerAccount": "false" } }), found),
        (json!({ "Null": { "aws:PrincipalOrgID": "false" } }), None),
        (json!({ "StringLike": { "aws:PrincipalOrgID": "o-*" } }), likely),
        (json!({ "Null": { "aws:PrincipalOrgID": "false" }, "StringEquals": { "aws:PrincipalOrgID": "o-example" } }), None),
        (json!({ "Null": { "kms:ViaService": "false" } }), None),
        (json!({ "Bool": { "aws:SecureTransport": "true" } }), None),
        (json!({ "StringLike": { "kms:ViaService": "*" } }), None),
        (json!({ "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/0"] } }), likely),
        (json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } }), None),
        (json!({ "IpAddress": { "aws:SourceIp": "::/0" } }), likely),
        (json!({ "IpAddress": { "aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"] } }), likely),
        (json!({ "IpAddress": { "aws:VpcSourceIp": "0.0.0.0/0" } }), None),
        (json!({ "StringEqualsIfExists": { "kms:RecipientAttestation:ImageSha384": "ab12" } }), found),
        (json!({ "StringEqualsIfExists": { "aws:SourceVpce": "vpce-1a2b3c4d" }, "Null": { "aws:SourceVpce": "false" } }), None),
        (json!({ "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["app"] } }), found),
        (json!({ "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["app"] }, "Null": { "KMS:encryptioncontextkeys": "false" } }), None),
        (json!({ "ForAllValues:StringEquals": { "aws:CalledVia": ["athena.amazonaws.com"] } }), found),
        (json!({ "ForAnyValue:StringEquals": { "aws:CalledVia": ["athena.amazonaws.com"] } }), None),
        (json!({ "StringEqualsIfExists": { "kms:ViaService": "s3.eu-central-1.amazonaws.com" } }), found),
        (json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }), found),
        (json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }), None),
        (json!({ "StringEqualsIfExists": { "kms:EncryptionContext:app": "x" } }), found),
        (json!({ "StringEqualsIfExists": { "kms:EncryptionContext:app": "x" }, "StringLike": { "kms:EncryptionContext:app": "?*" } }), None),
        (json!({ "StringEqualsIfExists": { "kms:CallerAccount": "111122223333" } }), None),
    ] {
        assert_eq!(toothless(&condition), expected, "{condition}");
    }
    let sns = json!({ "Service": "sns.amazonaws.com" });
    for condition in [
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:sns:*:*:*" } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:cloudtrail:*:*:trail/*" } }),
        json!({ "Null": { "aws:SourceArn": "false" } }),
        json!({ "Null": { "aws:SourceAccount": "false" } }),
    ] {
        let of = |principal: &Value| weight(principal, &condition);
        // Nobody but services has a source, so that of everyone these are kept out who are none.
        assert_eq!((of(&sns), of(&json!("*"))), (found, None), "{condition}");
    }
    let found = finding(&policy(&[allow(&aws(APP), &json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }))]), "toothless-condition");
    let reason = "BoolIfExists aws:MultiFactorAuthPresent (it holds for requests without the key)";
    assert_eq!(found.title, format!("A condition fences nothing: {reason}; allowed is {APP}"));
}
