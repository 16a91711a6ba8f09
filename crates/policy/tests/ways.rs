//! Ways in of small policies, told in lines: who, trust, what it amounts to, what they can do, under which fence, how sure. The key belongs to account
//! 111122223333 of organization o-exampleorgid, with 222233334444; 555566667777 is trusted.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use kms_insights_model::{AccountId, KeyArn, OrganizationId};
use kms_insights_policy::{
    Surroundings,
    access::{Cause, Certainty, Exposure, KeyAccess, KeyPolicies, OnBehalf, Verdict, WayIn, key_access, locks_out_own_account},
    parse, read_grants,
};

fn tell(statements: &str, grants: &str) -> String {
    asked(statements, grants, |access, _| access.ways.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// What is said of the ways in of these statements and grants.
fn asked<T>(statements: &str, grants: &str, say: impl FnOnce(&KeyAccess, &Surroundings<'_>) -> T) -> T {
    let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
    let organization = OrganizationId("o-exampleorgid".to_owned());
    let accounts = |list: &[&str]| -> BTreeSet<AccountId> { list.iter().map(|account| account.parse().unwrap()).collect() };
    let (members, trusted) = (accounts(&["111122223333", "222233334444"]), accounts(&["555566667777"]));
    let around = Surroundings {
        organization_id: Some(&organization),
        organization_accounts: Some(&members),
        trusted_accounts: Some(&trusted),
        ..Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap())
    };
    let document = parse(&format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#)).unwrap();
    let access = key_access(KeyPolicies { default: Some(&document), ram: None }, &read_grants(grants).unwrap(), &around);
    say(&access, &around)
}

fn line(way: &WayIn) -> String {
    let capabilities: Vec<String> = way.actions.capabilities().map(|capability| capability.to_string()).collect();
    let fence = if way.fence.is_empty() { String::new() } else { format!(" if {}", way.fence) };
    let certainty = match &way.certainty {
        Certainty::Certain => "certain".to_owned(),
        Certainty::Unknown(reason) => format!("unknown: {reason}"),
    };
    let cause = match &way.cause {
        Cause::Statement(_, index) => format!("statement {index}"),
        Cause::Grant(id) => format!("grant {id}{}", way.resource.as_ref().map(|resource| format!(" for {resource}")).unwrap_or_default()),
    };
    format!("{} | {} | {} | {}{fence} | {certainty} | {cause}", way.who, way.trust, way.kind, capabilities.join(" "))
}

/// Whether outsiders of the account, those of the organization and everyone come in, and whether the own account is locked out.
fn verdicts(statements: &str) -> [Verdict; 4] {
    asked(statements, NO_GRANTS, |access, around| {
        let Exposure { outside_account, outside_organization, public } = Exposure::of(&access.ways, true, around);
        [outside_account, outside_organization, public, locks_out_own_account(&access.ways)]
    })
}

fn allow(principal: &str, action: &str, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(r#", "Condition": {condition}"#) };
    format!(r#"{{"Effect": "Allow", "Principal": {principal}, "Action": {action}, "Resource": "*"{condition}}}"#)
}

fn deny(principal: &str, action: &str, condition: &str) -> String {
    allow(principal, action, condition).replace("Allow", "Deny")
}

const NO_GRANTS: &str = "[]";
const DECRYPT: &str = r#""kms:Decrypt""#;

#[test]
fn an_account_is_told_apart_from_access() {
    assert_eq!(
        tell(&allow(r#"{"AWS": "111122223333"}"#, r#""kms:*""#, ""), NO_GRANTS),
        "account 111122223333 | own_account | delegation | encrypt decrypt sign mac derive grant administer read | certain | statement 0"
    );
    let roles =
        allow(r#"{"AWS": ["arn:aws:iam::111122223333:role/app", "arn:aws:iam::222233334444:root", "555566667777", "AROAEXAMPLEEXAMPLE00"]}"#, DECRYPT, "");
    assert_eq!(
        tell(&roles, NO_GRANTS),
        "arn:aws:iam::111122223333:role/app | own_account | access | decrypt | certain | statement 0\n\
         account 222233334444 | organization | delegation | decrypt | certain | statement 0\n\
         account 555566667777 | trusted | delegation | decrypt | certain | statement 0\n\
         AROAEXAMPLEEXAMPLE00 | deleted | intent | decrypt | certain | statement 0"
    );
}

#[test]
fn what_kms_does_not_offer_across_accounts_is_intent() {
    assert_eq!(
        tell(&allow(r#"{"AWS": "444455556666"}"#, r#"["kms:PutKeyPolicy", "kms:Decrypt"]"#, ""), NO_GRANTS),
        "account 444455556666 | outside | intent | administer | certain | statement 0\n\
         account 444455556666 | outside | delegation | decrypt | certain | statement 0"
    );
    assert_eq!(
        tell(&allow(r#""*""#, r#""kms:PutKeyPolicy""#, ""), NO_GRANTS),
        "every AWS service | aws_service | access | administer | certain | statement 0\n\
         every principal of account 111122223333 | own_account | access | administer | certain | statement 0\n\
         everyone | public | intent | administer | certain | statement 0"
    );
}

#[test]
fn conditions_on_the_caller_narrow_the_class_and_the_others_stay_as_fence() {
    for (condition, expected) in [
        (
            r#"{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com", "kms:CallerAccount": ["111122223333", "444455556666"]}}"#,
            "every principal of account 111122223333 | own_account | access | decrypt if kms:CallerAccount is one of 111122223333, 444455556666; kms:ViaService is \
             s3.eu-central-1.amazonaws.com | certain | statement 0\n\
             every principal of account 444455556666 | outside | access | decrypt if kms:CallerAccount is one of 111122223333, 444455556666; kms:ViaService is \
             s3.eu-central-1.amazonaws.com | certain | statement 0",
        ),
        (
            r#"{"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}"#,
            "every principal of organization o-exampleorgid | organization | access | decrypt | certain | statement 0",
        ),
        (
            r#"{"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid", "aws:PrincipalAccount": "222233334444"}}"#,
            "every principal of account 222233334444 | organization | access | decrypt | certain | statement 0",
        ),
        (
            r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222233334444:role/build-*"}}"#,
            "arn:aws:iam::222233334444:role/build-* | organization | access | decrypt | certain | statement 0",
        ),
        (
            r#"{"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::444455556666:role/app"}}"#,
            "arn:aws:iam::444455556666:role/app | outside | access | decrypt | certain | statement 0",
        ),
        (
            r#"{"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-exampleorgid/*"}}"#,
            "every principal of every account | public | access | decrypt if every value of aws:PrincipalOrgPaths is o-exampleorgid/* or is absent | certain | statement 0\n\
             every AWS service | aws_service | access | decrypt | certain | statement 0",
        ),
        (
            r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#,
            "every principal of every account | public | access | decrypt if aws:SourceIp is in 203.0.113.0/24 | unknown: who can send from that network cannot be told | statement 0\n\
             every AWS service | aws_service | access | decrypt if aws:SourceIp is in 203.0.113.0/24 | unknown: who can send from that network cannot be told | statement 0",
        ),
        (
            r#"{"StringEquals": {"aws:SourceAccount": "111122223333"}}"#,
            "every AWS service | aws_service | access | decrypt if aws:SourceAccount is 111122223333 | certain | statement 0",
        ),
        (r#"{"Bool": {"kms:GrantIsForAWSResource": "true"}}"#, ""),
        (r#"{"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}"#, ""),
    ] {
        assert_eq!(tell(&allow(r#""*""#, DECRYPT, condition), NO_GRANTS), expected, "{condition}");
    }
}

#[test]
fn a_deny_takes_back_what_it_covers_and_leaves_the_rest_fenced() {
    let partner = allow(r#"{"AWS": "arn:aws:iam::444455556666:role/partner"}"#, r#"["kms:Decrypt", "kms:Encrypt"]"#, "");
    for (denied, expected) in [
        (deny(r#""*""#, r#""kms:*""#, ""), ""),
        (deny(r#""*""#, DECRYPT, ""), "arn:aws:iam::444455556666:role/partner | outside | access | encrypt | certain | statement 0"),
        (deny(r#"{"AWS": "444455556666"}"#, r#""kms:*""#, ""), ""),
        (
            deny(r#"{"AWS": "arn:aws:iam::444455556666:role/other"}"#, r#""kms:*""#, ""),
            "arn:aws:iam::444455556666:role/partner | outside | access | encrypt decrypt | certain | statement 0",
        ),
        (deny(r#""*""#, r#""kms:*""#, r#"{"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}"#), ""),
        (
            deny(r#""*""#, r#""kms:*""#, r#"{"StringNotEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com", "kms:EncryptionContext:team": "a"}}"#),
            "arn:aws:iam::444455556666:role/partner | outside | access | encrypt decrypt if kms:EncryptionContext:team is a or kms:ViaService is \
             s3.eu-central-1.amazonaws.com | certain | statement 0",
        ),
        (
            deny(r#""*""#, r#""kms:*""#, r#"{"Bool": {"aws:SecureTransport": "false"}}"#),
            "arn:aws:iam::444455556666:role/partner | outside | access | encrypt decrypt | certain | statement 0",
        ),
        (
            deny(r#""*""#, r#""kms:*""#, r#"{"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#),
            "arn:aws:iam::444455556666:role/partner | outside | access | encrypt decrypt if aws:SourceIp is in 203.0.113.0/24 | unknown: who can send from that network cannot \
             be told | statement 0",
        ),
    ] {
        assert_eq!(tell(&format!("{partner}, {denied}"), NO_GRANTS), expected, "{denied}");
    }
}

#[test]
fn a_perimeter_of_two_conditions_leaves_the_organization_and_the_services() {
    let perimeter = deny(
        r#""*""#,
        r#""kms:*""#,
        r#"{"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorgid"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}"#,
    );
    // A request without the key is denied by both spellings.
    for perimeter in [perimeter.replace("StringNotEqualsIfExists", "StringNotEquals"), perimeter] {
        assert_eq!(
            tell(&format!("{}, {perimeter}", allow(r#""*""#, DECRYPT, "")), NO_GRANTS),
            "every principal of organization o-exampleorgid | organization | access | decrypt | certain | statement 0\n\
             every AWS service | aws_service | access | decrypt | certain | statement 0"
        );
    }
}

#[test]
fn grants_are_ways_in_and_a_deny_of_the_policy_still_holds() {
    let grants = r#"[
        {"GrantId": "g1", "GranteePrincipal": "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0123", "Operations": ["Decrypt", "CreateGrant"],
         "Constraints": {"EncryptionContextSubset": {"aws:ebs:id": "vol-1"}}},
        {"GrantId": "g2", "GranteePrincipal": "arn:aws:iam::444455556666:role/partner", "RetiringPrincipal": "arn:aws:iam::111122223333:role/owner", "Operations": ["Encrypt"]},
        {"GrantId": "g3", "GranteePrincipal": "AIDAEXAMPLEEXAMPLE00", "Operations": ["Decrypt"]},
        {"GrantId": "g4", "GranteeServicePrincipal": "dynamodb.amazonaws.com", "Operations": ["Decrypt"], "Constraints": {"SourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/t"}}]"#;
    assert_eq!(
        tell("", grants),
        "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0123 | own_account | access | decrypt if kms:EncryptionContext:aws:ebs:id is vol-1 | certain | grant \
         g1 for aws:ebs:id=vol-1\n\
         arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0123 | own_account | access | grant | certain | grant g1 for aws:ebs:id=vol-1\n\
         arn:aws:iam::444455556666:role/partner | outside | access | encrypt | certain | grant g2\n\
         arn:aws:iam::111122223333:role/owner | own_account | access | grant | certain | grant g2\n\
         AIDAEXAMPLEEXAMPLE00 | deleted | intent | decrypt | certain | grant g3\n\
         dynamodb.amazonaws.com | aws_service | access | decrypt if aws:SourceArn is arn:aws:dynamodb:eu-central-1:111122223333:table/t | certain | grant g4 for \
         arn:aws:dynamodb:eu-central-1:111122223333:table/t"
    );
    let tomorrow = r#"[{"GrantId": "g", "GranteePrincipal": "arn:aws:iam::444455556666:role/partner", "Operations": ["NewInTheFuture"]}]"#;
    assert_eq!(
        tell("", tomorrow),
        "arn:aws:iam::444455556666:role/partner | outside | access | unrecognized | unknown: the action is not known to this version | grant g"
    );
    let kept_out = deny(r#""*""#, r#""kms:*""#, r#"{"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}"#);
    assert!(!tell(&kept_out, grants).contains("role/partner"));
}

/// Each of these was once overlooked, or taken for certain.
#[test]
fn what_is_hard_to_see_is_seen() {
    let role = r#"{"AWS": "arn:aws:iam::444455556666:role/partner"}"#;
    let session = r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123/alice"}"#;
    let logs = r#"{"Service": "logs.eu-central-1.amazonaws.com"}"#;
    let everyone = r#""*""#;
    for (statements, expected) in [
        (allow(role, DECRYPT, r#"{"DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}"#), "unknown: it does not hold yet"),
        (
            allow(
                role,
                DECRYPT,
                r#"{"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}, "ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/b"}}"#,
            ),
            "unknown",
        ),
        (
            format!(
                "{}, {}",
                allow(session, DECRYPT, ""),
                deny(everyone, r#""kms:*""#, r#"{"StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/aws-reserved*"}}"#)
            ),
            "unknown",
        ),
        (
            format!(
                "{}, {}",
                allow(session, DECRYPT, ""),
                deny(everyone, r#""kms:*""#, r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/t*"}}"#)
            ),
            "unknown",
        ),
        (
            allow(everyone, DECRYPT, r#"{"StringEqualsIgnoreCase": {"aws:PrincipalArn": "ARN:AWS:IAM::444455556666:ROLE/APP"}}"#),
            "every principal of account 444455556666 | outside | access | decrypt if aws:PrincipalArn is, in any case, ARN:AWS:IAM::444455556666:ROLE/APP",
        ),
        (allow(everyone, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}, "ArnLike": {"aws:PrincipalArn": "*:role/Admin"}}"#), "unknown"),
        // IAM knows no two roles that differ in case only: it is the same role or none.
        (
            format!(
                "{}, {}",
                allow(r#"{"AWS": "arn:aws:iam::111122223333:role/app"}"#, DECRYPT, ""),
                deny(r#"{"AWS": "arn:aws:iam::111122223333:role/APP"}"#, r#""kms:*""#, "")
            ),
            "if the caller is not arn:aws:iam::111122223333:role/APP | unknown: whether a principal is meant cannot be told",
        ),
        (
            format!(
                "{}, {}",
                allow(r#"{"AWS": "arn:aws:iam::111122223333:role/app"}"#, DECRYPT, ""),
                deny(r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/APP/session"}"#, r#""kms:*""#, "")
            ),
            "unknown: whether a principal is meant cannot be told",
        ),
        (allow(everyone, DECRYPT, r#"{"ArnLike": {"aws:PrincipalArn": "*"}}"#), "unknown"),
        (
            format!("{}, {}", allow(role, DECRYPT, ""), deny(everyone, r#""kms:*""#, r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*"}}"#)),
            "unknown: AWS does not document ARN patterns of fewer than six parts",
        ),
        (allow(role, r#""kms:RetireGrant""#, r#"{"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}"#), "certain"),
        (
            format!(
                "{}, {}",
                allow(logs, DECRYPT, ""),
                deny(everyone, r#""kms:*""#, r#"{"StringNotEquals": {"aws:SourceAccount": "444455556666", "aws:SourceOrgID": "o-stranger"}}"#)
            ),
            "if aws:SourceOrgID is o-stranger",
        ),
        (
            format!(
                "{}, {}",
                allow(everyone, DECRYPT, ""),
                r#"{"Effect": "Deny", "NotPrincipal": {"Federated": "cognito-identity.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}"#
            ),
            "unknown",
        ),
        (
            format!(
                "{}, {}",
                allow(everyone, DECRYPT, ""),
                r#"{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "arn:aws:kms:eu-central-1:111122223333:key/other"}"#
            ),
            "unknown",
        ),
        (
            format!(
                "{}, {}",
                allow(role, DECRYPT, ""),
                deny(everyone, r#""kms:*""#, r#"{"StringEquals": {"aws:PrincipalAccount": "${$}{aws:PrincipalAccount}"}}"#)
            ),
            "role/partner | outside | access | decrypt",
        ),
        (allow(everyone, DECRYPT, r#"{"ArnEquals": {"aws:PrincipalOrgID": "o-stranger"}}"#), "unknown"),
        (allow(everyone, DECRYPT, r#"{"StringNotLike": {"aws:PrincipalAccount": "9*"}}"#), "| public |"),
        (allow(logs, DECRYPT, r#"{"StringEquals": {"aws:PrincipalServiceName": "logs.amazonaws.com"}}"#), "unknown"),
        (allow(r#"{"AWS": "arn:aws:iam::111122223333:role/*"}"#, DECRYPT, ""), "unknown: who that is cannot be told"),
    ] {
        let told = tell(&statements, NO_GRANTS);
        let found = if told.is_empty() { "nobody" } else { told.as_str() };
        assert!(found.contains(expected), "{statements}\n{found}");
    }
}

const OWN: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}"#;

/// The statement with this element more, which stands last.
fn with_element(statement: &str, element: &str) -> String {
    format!("{}, {element}}}", statement.strip_suffix('}').unwrap())
}

fn of_resource(statement: &str, resource: &str) -> String {
    statement.replace(r#""Resource": "*""#, &format!(r#""Resource": "{resource}""#))
}

use Verdict::{No, Unknown, Yes};

#[test]
fn a_deny_with_an_element_that_iam_does_not_have_may_deny_nothing() {
    let everyone = allow(r#""*""#, DECRYPT, "");
    let fence = r#"{"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}"#;
    let misspelt = with_element(&deny(r#""*""#, r#""kms:*""#, ""), &format!(r#""Conditon": {fence}"#));
    let doubt = "unknown: what KMS makes of a Deny with an element that IAM does not have is not known";
    assert_eq!(
        tell(&format!("{everyone}, {misspelt}"), NO_GRANTS),
        format!(
            "every principal of every account | public | access | decrypt if the Deny with an element that IAM does not have has no effect | {doubt} | statement 0\n\
             every AWS service | aws_service | access | decrypt if the Deny with an element that IAM does not have has no effect | {doubt} | statement 0"
        )
    );
    assert_eq!(verdicts(&format!("{OWN}, {everyone}, {misspelt}")), [Unknown, Unknown, Unknown, Unknown]);
    // Whom a good condition beside it spares comes in for certain, others perhaps.
    let beside = with_element(&deny(r#""*""#, r#""kms:*""#, fence), r#""Foo": 1"#);
    assert_eq!(verdicts(&format!("{OWN}, {everyone}, {beside}")), [Yes, Unknown, Unknown, No]);
    // Without it the Deny is as certain as ever, and in an Allow it only lets in what the statement says without it.
    assert_eq!(verdicts(&format!("{OWN}, {everyone}, {}", deny(r#""*""#, r#""kms:*""#, fence))), [Yes, No, No, No]);
    assert_eq!(verdicts(&format!("{OWN}, {}", with_element(&everyone, r#""Conditions": {}"#))), [Yes, Yes, Yes, No]);
}

#[test]
fn nothing_that_rests_on_a_statement_of_another_resource_is_certain() {
    let doubt = "unknown: AWS does not document what a statement of another resource does in a key policy";
    let partner = allow(r#"{"AWS": "arn:aws:iam::444455556666:role/partner"}"#, DECRYPT, "");
    for (resource, certainty) in [
        ("arn:aws:kms:eu-central-1:111122223333:key/other", doubt),
        ("arn:aws:kms:eu-central-1:111122223333:alias/app", doubt),
        ("arn:aws:s3:::bucket", doubt),
        ("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "certain"),
        ("arn:aws:kms:*:111122223333:key/*", "certain"),
    ] {
        assert_eq!(
            tell(&of_resource(&partner, resource), NO_GRANTS),
            format!("arn:aws:iam::444455556666:role/partner | outside | access | decrypt | {certainty} | statement 0"),
            "{resource}"
        );
    }
    let other = "arn:aws:kms:eu-central-1:111122223333:key/other";
    assert_eq!(verdicts(&of_resource(OWN, other)), [No, No, No, Unknown], "nobody knows whether the own account still holds the key");
    assert_eq!(verdicts(&format!("{OWN}, {}", of_resource(&partner, other))), [Unknown, Unknown, No, No]);
    let denied = of_resource(&deny(r#""*""#, r#""kms:*""#, ""), other);
    assert_eq!(
        tell(&format!("{partner}, {denied}"), NO_GRANTS),
        format!(
            "arn:aws:iam::444455556666:role/partner | outside | access | decrypt if the Deny of another resource than the key has no effect | {doubt} | statement 0"
        )
    );
    assert_eq!(verdicts(&format!("{OWN}, {partner}, {denied}")), [Unknown, Unknown, No, Unknown]);
}

#[test]
fn however_it_is_spelt_that_a_service_acts_for_any_resource_its_account_is_open() {
    let service = r#"{"Service": "sns.amazonaws.com"}"#;
    let resource = Some(OnBehalf::SomeResource);
    let own = || Some(OnBehalf::Accounts(vec!["111122223333".parse().unwrap()]));
    for (condition, on_behalf, outside) in [
        (r#"{"StringLike": {"aws:SourceArn": "*"}}"#, resource.clone(), Unknown),
        (r#"{"Null": {"aws:SourceArn": "false"}}"#, resource.clone(), Unknown),
        (r#"{"Null": {"aws:SourceOrgID": "false"}}"#, resource.clone(), Unknown),
        (r#"{"StringLike": {"aws:SourceAccount": "*"}}"#, resource.clone(), Unknown),
        (r#"{"ArnLike": {"aws:SourceArn": "*"}}"#, resource.clone(), Unknown),
        (r#"{"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}"#, resource.clone(), Unknown),
        (r#"{"ForAnyValue:StringNotEquals": {"aws:SourceAccount": "444455556666"}}"#, resource.clone(), Unknown),
        (r#"{"StringLike": {"aws:SourceArn": "*"}, "StringEquals": {"aws:SourceAccount": "111122223333"}}"#, own(), No),
        (r#"{"Null": {"aws:SourceArn": "false"}, "ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}}"#, own(), No),
        // What the service says of itself, and where it calls from, is nothing of a resource.
        (r#"{"Null": {"aws:SourceIp": "false"}}"#, Some(OnBehalf::Anyone), No),
        (r#"{"Null": {"aws:SourceArn": "true"}}"#, Some(OnBehalf::Anyone), No),
        (r#"{"StringLikeIfExists": {"aws:SourceArn": "*"}}"#, Some(OnBehalf::Anyone), No),
        (r#"{"StringNotEquals": {"aws:SourceAccount": "444455556666"}}"#, Some(OnBehalf::Anyone), No),
    ] {
        let statement = allow(service, DECRYPT, condition);
        let told = asked(&statement, NO_GRANTS, |access, _| access.ways.iter().map(WayIn::on_behalf).collect::<Vec<_>>());
        assert_eq!(told, [on_behalf], "{condition}");
        assert_eq!(verdicts(&statement)[0], outside, "{condition}");
    }
}

#[test]
fn principals_of_another_partition_are_not_certain_to_come_in() {
    let doubt = "unknown: AWS documents no access from another partition than the key's";
    let account = |other: &str| format!("account {other} | outside | delegation | decrypt | {doubt} | statement 0");
    for (principal, condition, expected) in [
        (
            r#"{"AWS": "arn:aws-cn:iam::444455556666:role/x"}"#,
            "",
            format!("arn:aws-cn:iam::444455556666:role/x | outside | access | decrypt | {doubt} | statement 0"),
        ),
        // The digits of the key's own account, and of another of its organization, are somebody else's there.
        (r#"{"AWS": "arn:aws-cn:iam::111122223333:root"}"#, "", account("111122223333")),
        (r#"{"AWS": "arn:aws-us-gov:iam::222233334444:root"}"#, "", account("222233334444")),
        (
            r#""*""#,
            r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws-cn:iam::444455556666:role/*"}}"#,
            format!("arn:aws-cn:iam::444455556666:role/* | outside | access | decrypt | {doubt} | statement 0"),
        ),
        (
            r#"{"AWS": "arn:aws:iam::444455556666:role/x"}"#,
            "",
            "arn:aws:iam::444455556666:role/x | outside | access | decrypt | certain | statement 0".to_owned(),
        ),
    ] {
        assert_eq!(tell(&allow(principal, DECRYPT, condition), NO_GRANTS), expected, "{principal} {condition}");
    }
    let grant = r#"[{"GrantId": "g", "GranteePrincipal": "arn:aws-cn:iam::444455556666:role/x", "Operations": ["Decrypt"]}]"#;
    assert_eq!(tell("", grant), format!("arn:aws-cn:iam::444455556666:role/x | outside | access | decrypt | {doubt} | grant g"));
    assert_eq!(verdicts(&allow(r#"{"AWS": "arn:aws-cn:iam::444455556666:root"}"#, DECRYPT, "")), [Unknown, Unknown, No, Yes]);
    assert_eq!(verdicts(&allow(r#"{"AWS": "arn:aws-cn:iam::111122223333:root"}"#, r#""kms:*""#, ""))[3], Yes, "it is not the own account");
}

#[test]
fn an_operator_that_iam_does_not_have_decides_nothing() {
    let everyone = allow(r#""*""#, DECRYPT, "");
    // IAM has `Null`, and no form of it that lets pass what lacks the key.
    for (condition, expected) in [
        (r#"{"NullIfExists": {"aws:PrincipalOrgID": "false"}}"#, Unknown),
        (r#"{"nullifexists": {"aws:PrincipalOrgID": "true"}}"#, Unknown),
        (r#"{"Null": {"aws:SecureTransport": "false"}}"#, No),
        (r#"{"BoolIfExists": {"aws:SecureTransport": "true"}}"#, No),
    ] {
        assert_eq!(verdicts(&format!("{everyone}, {}", deny(r#""*""#, r#""kms:*""#, condition)))[2], expected, "{condition}");
    }
}

#[test]
fn the_reason_names_patterns_of_arns_that_aws_does_not_document() {
    let doubt = "unknown: AWS does not document ARN patterns of fewer than six parts";
    for (principal, condition, who) in [
        (r#""*""#, r#"{"ArnLike": {"aws:PrincipalArn": "*"}}"#, "every principal of every account | public | access | decrypt if aws:PrincipalArn is like *"),
        (
            r#"{"AWS": "arn:aws:iam::444455556666:role/x"}"#,
            r#"{"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*"}}"#,
            "arn:aws:iam::444455556666:role/x | outside | access | decrypt if aws:PrincipalArn is not like arn:aws:iam::*",
        ),
        (
            r#"{"Service": "sns.amazonaws.com"}"#,
            r#"{"ArnLike": {"aws:SourceArn": "arn:aws:sns*"}}"#,
            "sns.amazonaws.com | aws_service | access | decrypt if aws:SourceArn is like arn:aws:sns*",
        ),
    ] {
        assert_eq!(tell(&allow(principal, DECRYPT, condition), NO_GRANTS).lines().next().unwrap(), format!("{who} | {doubt} | statement 0"), "{condition}");
    }
}

#[test]
fn whether_an_action_that_is_not_known_is_open_to_everyone_is_not_known_either() {
    let doubt = "unknown: the action is not known to this version";
    let misspelt = allow(r#""*""#, r#""kms:Decypt""#, "");
    assert_eq!(tell(&misspelt, NO_GRANTS), format!("everyone | public | access | unrecognized | {doubt} | statement 0"));
    // It may be one that KMS has learnt since: no would be a guess, and so would yes.
    assert_eq!(verdicts(&format!("{OWN}, {misspelt}")), [Unknown, Unknown, Unknown, No]);
    // Beside one that is known it stays as uncertain, and takes nothing from the other.
    assert_eq!(
        tell(&allow(r#""*""#, r#"["kms:Decrypt", "kms:Decypt"]"#, ""), NO_GRANTS),
        format!("everyone | public | access | decrypt | certain | statement 0\neveryone | public | access | unrecognized | {doubt} | statement 0")
    );
    let grant = r#"[{"GrantId": "g", "GranteePrincipal": "arn:aws:iam::444455556666:role/x", "Operations": ["Decrypt", "Decypt"]}]"#;
    assert_eq!(
        tell("", grant),
        format!(
            "arn:aws:iam::444455556666:role/x | outside | access | decrypt | certain | grant g\n\
             arn:aws:iam::444455556666:role/x | outside | access | unrecognized | {doubt} | grant g"
        )
    );
}
