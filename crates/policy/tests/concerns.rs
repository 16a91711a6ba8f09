//! The four concerns on small policies, each with the reason for its labels. The key belongs to account 111122223333.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use kms_insights_model::{KeyArn, KeyManager};
use kms_insights_policy::{
    Concern, Surroundings,
    access::{KeyPolicies, key_access},
    join_labels, parse,
};

const ACCOUNT: &str = "Principal is account";
const WIDE: &str = "Key policy overly permissive";
const USER: &str = "Access provided to IAM user";
const EXTERNAL: &str = "External account";

/// A statement by its elements as JSON, or a whole policy; the labels of the key; why.
struct Case {
    policy: Policy,
    labels: &'static [&'static str],
    why: &'static str,
}

enum Policy {
    /// Effect, principal element (name and value), action element, condition.
    One(&'static str, &'static str, &'static str, &'static str),
    Whole(&'static str),
}

use Policy::{One, Whole};

const fn case(policy: Policy, labels: &'static [&'static str], why: &'static str) -> Case {
    Case { policy, labels, why }
}

const ROOT: &str = r#""Principal": {"AWS": "arn:aws:iam::111122223333:root"}"#;
const STAR: &str = r#""Principal": "*""#;
const ROLE: &str = r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/app"}"#;
const FOREIGN_ROLE: &str = r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/app"}"#;
const LOGS: &str = r#""Principal": {"Service": "logs.eu-central-1.amazonaws.com"}"#;
const ALL: &str = r#""Action": "kms:*""#;
const DECRYPT: &str = r#""Action": "kms:Decrypt""#;
const NONE: &str = "";

const CASES: &[Case] = &[
    // Accounts
    case(One("Allow", ROOT, ALL, NONE), &[ACCOUNT, WIDE], "AWS's default policy: the labels' plain meaning, as the workshop's readers expect"),
    case(One("Allow", ROOT, DECRYPT, NONE), &[ACCOUNT], "the account, but one action"),
    case(One("Allow", r#""Principal": {"AWS": "111122223333"}"#, DECRYPT, NONE), &[ACCOUNT], "a bare id is the account"),
    case(One("Allow", r#""Principal": {"AWS": "444455556666"}"#, DECRYPT, NONE), &[ACCOUNT, EXTERNAL], "another account by its id"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:iam::444455556666:root"}"#, ALL, NONE), &[ACCOUNT, WIDE, EXTERNAL], "all actions to another account"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"}"#, DECRYPT, NONE), &[ACCOUNT, EXTERNAL], "same digits, other partition"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/root"}"#, DECRYPT, NONE), &[], "a role that is called root is no account"),
    // Roles, users, sessions
    case(One("Allow", ROLE, DECRYPT, NONE), &[], "own role, one action"),
    case(One("Allow", ROLE, ALL, NONE), &[WIDE], "own role, all actions"),
    case(One("Allow", FOREIGN_ROLE, DECRYPT, NONE), &[EXTERNAL], "role of another account"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}"#, DECRYPT, NONE), &[USER], "own user"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:iam::444455556666:user/mallory"}"#, DECRYPT, NONE), &[USER, EXTERNAL], "user of another account"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:iam::111122223333:role/a:user"}"#, DECRYPT, NONE), &[], "the text `:user` does not make a role a user"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:sts::444455556666:assumed-role/app/s"}"#, DECRYPT, NONE), &[EXTERNAL], "session of another account"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/app/s"}"#, DECRYPT, NONE), &[], "session of the own account"),
    case(
        One("Allow", r#""Principal": {"AWS": "arn:aws:sts::444455556666:federated-user/b"}"#, DECRYPT, NONE),
        &[EXTERNAL],
        "federated user, told from the ARN",
    ),
    case(
        One("Allow", r#""Principal": {"AWS": ["arn:aws:iam::111122223333:role/app", "arn:aws:iam::444455556666:role/x"]}"#, DECRYPT, NONE),
        &[EXTERNAL],
        "every principal of a list counts, not only the first",
    ),
    case(
        One("Allow", r#""Principal": {"AWS": "111122223333", "Service": "logs.amazonaws.com", "Federated": "accounts.google.com"}"#, DECRYPT, NONE),
        &[ACCOUNT, EXTERNAL],
        "every kind of principal counts",
    ),
    case(One("Allow", r#""Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}"#, ALL, NONE), &[], "a deleted user is nobody, whatever it was allowed"),
    case(One("Allow", r#""Principal": {"AWS": "arn:aws:iam::*:role/app"}"#, DECRYPT, NONE), &[EXTERNAL], "no account to be told: kept"),
    case(One("Allow", r#""Principal": {"CanonicalUser": "79a59df900b949e5"}"#, DECRYPT, NONE), &[EXTERNAL], "an account, but not known which: kept"),
    case(One("Allow", r#""Principal": {"Federated": "accounts.google.com"}"#, DECRYPT, NONE), &[EXTERNAL], "a provider open to roles of any account: kept"),
    case(One("Allow", r#""Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/i"}"#, DECRYPT, NONE), &[], "the account's own provider"),
    case(One("Allow", r#""Principal": {"Federated": "arn:aws:iam::444455556666:saml-provider/i"}"#, DECRYPT, NONE), &[EXTERNAL], "another account's provider"),
    // Services
    case(One("Allow", LOGS, DECRYPT, NONE), &[], "a service is not another account"),
    case(One("Allow", LOGS, ALL, NONE), &[WIDE], "all actions to a service"),
    case(One("Allow", r#""Principal": {"Service": "*"}"#, DECRYPT, NONE), &[WIDE], "every service there is"),
    case(One("Allow", LOGS, DECRYPT, r#"{"StringEquals": {"aws:SourceAccount": "111122223333"}}"#), &[], "a service that acts for the own account"),
    case(One("Allow", LOGS, DECRYPT, r#"{"StringEquals": {"aws:SourceAccount": "444455556666"}}"#), &[EXTERNAL], "a service that acts for another account"),
    case(
        One("Allow", LOGS, DECRYPT, r#"{"ArnLike": {"aws:SourceArn": "arn:aws:logs:*:444455556666:*"}}"#),
        &[EXTERNAL],
        "another account's, told from the ARN of its resource",
    ),
    case(
        One("Allow", LOGS, DECRYPT, r#"{"StringEquals": {"aws:SourceAccount": ["111122223333", "444455556666"]}}"#),
        &[EXTERNAL],
        "one of the accounts is another",
    ),
    case(One("Allow", LOGS, DECRYPT, r#"{"StringEquals": {"aws:SourceOrgID": "o-example"}}"#), &[EXTERNAL], "an organization has other accounts"),
    case(
        One("Allow", LOGS, ALL, r#"{"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnLike": {"aws:SourceArn": "arn:aws:logs:*:444455556666:*"}}"#),
        &[],
        "no resource of one account is of another",
    ),
    case(One("Allow", LOGS, DECRYPT, r#"{"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}"#), &[], "a service, whomever it acts for"),
    // Deny and statements without effect
    case(One("Deny", STAR, ALL, NONE), &[], "a Deny is no grant"),
    case(One("Deny", FOREIGN_ROLE, ALL, NONE), &[], "a Deny for another account neither"),
    case(One("Deny", r#""NotPrincipal": {"AWS": "111122223333"}"#, ALL, NONE), &[], "Deny to all but the account is no grant"),
    case(One("Allow", STAR, r#""Sid": "NoAction""#, NONE), &[], "without Action a statement has no effect"),
    case(One("Allow", STAR, r#""Action": []"#, NONE), &[], "an empty list of actions allows nothing"),
    case(One("Allow", STAR, r#""Action": "s3:*""#, NONE), &[], "actions of another service do nothing to a key"),
    case(One("Allow", STAR, r#""Action": "kms:ListKeys""#, NONE), &[], "it acts on no key"),
    case(One("Allow", STAR, r#""Action": ["kms:createkey", "KMS:ListAliases", "s3:GetObject"]"#, NONE), &[], "none of these acts on a key"),
    case(One("Allow", STAR, r#""Action": ["kms:ListKeys", "kms:Decrypt"]"#, NONE), &[WIDE, EXTERNAL], "one of these does"),
    case(One("Allow", STAR, r#""Action": "kms:NewInTheFuture""#, NONE), &[WIDE, EXTERNAL], "an action that nobody knows yet: kept"),
    case(One("Allow", STAR, r#""Action": "kms:ListKey*""#, NONE), &[WIDE, EXTERNAL], "a pattern may cover more: kept"),
    case(One("Allow", STAR, r#""NotAction": "kms:*""#, NONE), &[], "nothing of KMS is left to allow"),
    case(One("Allow", STAR, r#""NotAction": ["s3:*", "*"]"#, NONE), &[], "nothing at all is left to allow"),
    case(One("Allow", STAR, r#""NotAction": "kms:?*""#, NONE), &[], "no action has an empty name"),
    case(One("Allow", STAR, r#""NotAction": "kms:*t""#, NONE), &[WIDE, EXTERNAL], "some names end otherwise"),
    case(Whole(r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*"}}"#), &[], "without Resource a statement has no effect"),
    case(Whole(r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": []}}"#), &[], "nor with an empty one"),
    case(
        Whole(r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "arn:aws:kms:eu-west-1:9:key/z"}}"#),
        &[WIDE, EXTERNAL],
        "the resource of a key policy is the key, whatever it says: kept",
    ),
    case(Whole(r#"{"Version": "2012-10-17", "Statement": []}"#), &[], "no statements"),
    // Actions
    case(One("Allow", ROLE, r#""Action": "*""#, NONE), &[WIDE], "`*` is all"),
    case(One("Allow", ROLE, r#""Action": "KMS:*""#, NONE), &[WIDE], "case does not count"),
    case(One("Allow", ROLE, r#""Action": ["kms:Decrypt", "kms:*"]"#, NONE), &[WIDE], "anywhere in the list"),
    case(One("Allow", ROLE, r#""Action": "k*:*""#, NONE), &[WIDE], "wildcard in the service"),
    case(One("Allow", ROLE, r#""Action": "kms:?*""#, NONE), &[WIDE], "at least one character is still all"),
    case(
        One("Allow", ROLE, r#""Action": ["kms:C*","kms:D*","kms:E*","kms:G*","kms:I*","kms:L*","kms:P*","kms:R*","kms:S*","kms:T*","kms:U*","kms:V*"]"#, NONE),
        &[WIDE],
        "patterns that cover all together",
    ),
    case(One("Allow", ROLE, r#""Action": ["kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]"#, NONE), &[], "some wildcards are narrow"),
    case(
        One(
            "Allow",
            ROLE,
            r#""Action": ["kms:Create*","kms:Describe*","kms:Enable*","kms:List*","kms:Put*","kms:Update*","kms:Revoke*","kms:Disable*","kms:Get*","kms:Delete*"]"#,
            NONE,
        ),
        &[],
        "AWS's own statement for key administrators: without use",
    ),
    case(
        One(
            "Allow",
            ROLE,
            r#""Action": ["kms:C*","kms:D*","kms:E*","kms:G*","kms:I*","kms:L*","kms:P*","kms:R*","kms:Sc*","kms:Si*","kms:T*","kms:U*","kms:V*"]"#,
            NONE,
        ),
        &[WIDE],
        "all but kms:SynchronizeMultiRegionKey is nearly all",
    ),
    case(
        One("Allow", ROLE, r#""Action": ["kms:C*","kms:D*","kms:E*","kms:G*","kms:I*","kms:L*","kms:R*","kms:S*","kms:T*","kms:U*","kms:V*"]"#, NONE),
        &[],
        "all but the key policy: who holds that does not hold the key",
    ),
    case(One("Allow", ROLE, r#""NotAction": "kms:ScheduleKeyDeletion""#, NONE), &[WIDE], "NotAction is everything else"),
    case(One("Allow", ROLE, r#""NotAction": "s3:*""#, NONE), &[WIDE], "all of KMS is left"),
    case(One("Allow", ROLE, r#""NotAction": "kms:*""#, NONE), &[], "nothing of KMS is left"),
    // Everyone and everyone else
    case(One("Allow", STAR, DECRYPT, NONE), &[WIDE, EXTERNAL], "public"),
    case(One("Allow", r#""Principal": {"AWS": "*"}"#, DECRYPT, NONE), &[WIDE, EXTERNAL], "the same in its long form"),
    case(One("Allow", r#""Principal": {"AWS": ["111122223333", "*"]}"#, DECRYPT, NONE), &[ACCOUNT, WIDE, EXTERNAL], "in a list"),
    case(
        One("Allow", r#""NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/eve"}"#, DECRYPT, NONE),
        &[WIDE, EXTERNAL],
        "everyone but one; no access for the user",
    ),
    case(One("Allow", r#""NotPrincipal": "*""#, DECRYPT, NONE), &[], "everyone but everyone is nobody"),
    case(
        One("Allow", r#""NotPrincipal": {"AWS": "444455556666"}"#, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#),
        &[WIDE],
        "everyone else, but of the own account",
    ),
    // Fences that hold
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#), &[ACCOUNT], "all of the own account, without IAM policies"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"KMS:calleraccount": ["111122223333"]}}"#),
        &[ACCOUNT],
        "keys compare without case, values may be lists",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": 111122223333}}"#), &[ACCOUNT], "a number is an account as well"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:PrincipalAccount": "111122223333"}}"#), &[ACCOUNT], "the global key likewise"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": ["111122223333", "444455556666"]}}"#),
        &[EXTERNAL],
        "fenced, but another account is let in",
    ),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": ["111122223333", "444455556666"], "aws:PrincipalAccount": "111122223333"}}"#),
        &[ACCOUNT],
        "conditions narrow one another",
    ),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:PrincipalOrgID": "o-example"}}"#),
        &[EXTERNAL],
        "an organization is a fence, but has other accounts",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-example/r-ab12/ou-*"}}"#), &[EXTERNAL], "so is a path in it"),
    case(One("Allow", STAR, DECRYPT, r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}"#), &[], "roles of the own account"),
    case(One("Allow", STAR, DECRYPT, r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}"#), &[ACCOUNT], "every principal of the own account"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}, "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}"#),
        &[],
        "one role of the own account",
    ),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "s3.eu-central-1.amazonaws.com"}}"#),
        &[ACCOUNT],
        "all of the own account, if through one service only",
    ),
    case(One("Allow", STAR, ALL, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#), &[ACCOUNT, WIDE], "all of the own account, all actions"),
    case(One("Allow", STAR, DECRYPT, r#"{"ArnLike": {"aws:PrincipalArn": "arn:*:iam::444455556666:role/*"}}"#), &[EXTERNAL], "roles of one other account"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEqualsIfExists": {"aws:PrincipalAccount": "111122223333"}}"#),
        &[ACCOUNT],
        "IfExists on a key that every request carries",
    ),
    case(
        One("Allow", STAR, DECRYPT, r#"{"ForAllValues:StringEquals": {"kms:CallerAccount": "111122223333"}, "Null": {"kms:CallerAccount": "false"}}"#),
        &[ACCOUNT],
        "ForAllValues with its guard",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:SourceAccount": "111122223333"}}"#), &[], "only services have a source account"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}"#),
        &[ACCOUNT],
        "the account of the resource is the key's",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}}"#), &[EXTERNAL], "the key's own organization"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "*"}}"#), &[], "StringEquals knows no wildcard: no account is called `*`"),
    case(One("Allow", FOREIGN_ROLE, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#), &[], "a foreign role that the fence keeps out"),
    case(One("Allow", ROLE, ALL, r#"{"StringEquals": {"kms:CallerAccount": "444455556666"}}"#), &[], "an own role that the fence keeps out"),
    case(
        One("Allow", r#""Principal": {"CanonicalUser": "79a5"}"#, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#),
        &[],
        "whoever it is, it is of the own account",
    ),
    // Conditions that fence nothing
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}"#),
        &[WIDE, EXTERNAL],
        "ViaService does not restrict the account",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringLike": {"kms:CallerAccount": "*"}}"#), &[WIDE, EXTERNAL], "`*` is any account"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringLike": {"kms:CallerAccount": "1111*"}}"#), &[WIDE, EXTERNAL], "many accounts begin like that"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": ["111122223333", "1.1e11"]}}"#),
        &[WIDE, EXTERNAL],
        "one value left open opens all: kept",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringLike": {"aws:PrincipalOrgID": "o-*"}}"#), &[WIDE, EXTERNAL], "any organization"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringNotEquals": {"kms:CallerAccount": "444455556666"}}"#), &[WIDE, EXTERNAL], "everybody but one account"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringNotEquals": {"aws:PrincipalOrgID": "o-example"}}"#), &[WIDE, EXTERNAL], "true for all outside"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-example"}}"#),
        &[WIDE, EXTERNAL],
        "accounts without organization pass",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"ForAllValues:StringEquals": {"kms:CallerAccount": "111122223333"}}"#), &[WIDE, EXTERNAL], "true on the empty set"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-example/*"}, "Null": {"aws:PrincipalOrgID": "false"}}"#),
        &[WIDE, EXTERNAL],
        "a guard of another key is none",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"Null": {"aws:PrincipalOrgID": "false"}}"#), &[WIDE, EXTERNAL], "some organization, whichever"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}"#),
        &[WIDE, EXTERNAL],
        "a role of that name in any account",
    ),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringLike": {"aws:PrincipalArn": "*:111122223333:*"}}"#),
        &[WIDE, EXTERNAL],
        "the digits may stand elsewhere in the ARN",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}"#), &[WIDE, EXTERNAL], "a bucket's ARN names no account: kept"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringLike": {"aws:SourceArn": "*"}}"#), &[WIDE, EXTERNAL], "for some resource, whosever: kept"),
    case(One("Allow", STAR, DECRYPT, r#"{"Null": {"aws:SourceArn": "false"}}"#), &[WIDE, EXTERNAL], "the same in other words"),
    case(One("Allow", LOGS, DECRYPT, r#"{"Null": {"aws:SourceArn": "false"}}"#), &[], "one service, whomever it acts for"),
    case(
        One("Allow", STAR, r#""Action": "kms:CreateGrant""#, r#"{"Bool": {"kms:GrantIsForAWSResource": true}}"#),
        &[WIDE, EXTERNAL],
        "says nothing of the account",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"Bool": {"kms:GrantIsForAWSResource": true}}"#), &[], "no request for kms:Decrypt carries that key"),
    case(One("Allow", STAR, DECRYPT, r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#), &[WIDE, EXTERNAL], "a network is not an account"),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:EncryptionContext:app": "x"}}"#), &[WIDE, EXTERNAL], "nor is an encryption context"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalTag/a}"}}"#),
        &[WIDE, EXTERNAL],
        "a variable that others fill in",
    ),
    case(
        One("Allow", STAR, DECRYPT, r#"{"NumericEquals": {"kms:CallerAccount": "111122223333"}}"#),
        &[WIDE, EXTERNAL],
        "an operator that does not compare texts: kept",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringMatches": {"kms:CallerAccount": "111122223333"}}"#), &[WIDE, EXTERNAL], "an operator nobody knows: kept"),
    case(One("Allow", STAR, DECRYPT, r#"{"NullIfExists": {"kms:CallerAccount": "true"}}"#), &[WIDE, EXTERNAL], "an operator that IAM does not have: kept"),
    case(
        Whole(
            r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
            "Conditions": {"StringEquals": {"kms:CallerAccount": "111122223333"}}}}"#,
        ),
        &[WIDE, EXTERNAL],
        "a misspelt Condition demands nothing",
    ),
    case(One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"kms:CallerAccount": []}}"#), &[WIDE, EXTERNAL], "no values, undecided: kept"),
    case(
        One("Allow", STAR, DECRYPT, r#"{"StringEquals": {"aws:PrincipalOrgPaths": "o-example/r-ab12/"}}"#),
        &[WIDE, EXTERNAL],
        "several values need ForAnyValue: kept",
    ),
    case(
        Whole(
            r#"{"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}}]}"#,
        ),
        &[],
        "the old version knows no variables, and no account is called so",
    ),
    case(
        One("Allow", FOREIGN_ROLE, DECRYPT, r#"{"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}"#),
        &[EXTERNAL],
        "narrower, still another account",
    ),
    // Documents
    case(
        Whole(r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:Decrypt", "Resource": "*"}}"#),
        &[ACCOUNT],
        "a single statement without a list",
    ),
    case(
        Whole(
            r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/a"}, "Action": "kms:Decrypt", "Resource": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "kms:Encrypt", "Resource": "*"}]}"#,
        ),
        &[ACCOUNT, USER, EXTERNAL],
        "the union of the statements, in the labels' order",
    ),
];

fn text(policy: &Policy) -> String {
    match policy {
        Whole(text) => (*text).to_owned(),
        One(effect, principal, action, condition) => {
            let condition = if condition.is_empty() { String::new() } else { format!(r#", "Condition": {condition}"#) };
            format!(r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "{effect}", {principal}, {action}, "Resource": "*"{condition}}}]}}"#)
        }
    }
}

fn key() -> KeyArn {
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap()
}

fn concerns(text: &str, manager: &KeyManager) -> Vec<Concern> {
    let document = parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let key = key();
    let around = Surroundings { manager: Some(manager), ..Surroundings::of_key(&key, "2026-11-22T06:00:00Z".parse().unwrap()) };
    let access = key_access(KeyPolicies { default: Some(&document), ram: None }, &[], &around);
    access.statements.into_iter().flat_map(|row| row.concerns).collect()
}

#[test]
fn concerns_are_what_the_policies_mean() {
    let mut wrong = String::new();
    for Case { policy, labels, why } in CASES {
        let text = text(policy);
        let found = join_labels(&concerns(&text, &KeyManager::Customer));
        if found != labels.join(";") {
            let _ = writeln!(wrong, "{why}: expected {labels:?}, found {found:?}\n    {text}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(CASES.len() >= 60, "{}", CASES.len());
}

#[test]
fn aws_managed_keys_are_not_public() {
    let policy = r#"{"Version": "2012-10-17", "Id": "auto-ebs-2", "Statement": [
        {"Sid": "Allow access through EBS for all principals in the account that are authorized to use EBS", "Effect": "Allow", "Principal": {"AWS": "*"},
         "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"], "Resource": "*",
         "Condition": {"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "ec2.eu-central-1.amazonaws.com"}}},
        {"Sid": "Allow direct access to key metadata to the account", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
         "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"], "Resource": "*"}]}"#;
    for manager in [KeyManager::Aws, KeyManager::Customer] {
        assert_eq!(join_labels(&concerns(policy, &manager)), ACCOUNT, "{manager}");
    }
    let unfenced = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "x"}}}}"#;
    assert_eq!(join_labels(&concerns(unfenced, &KeyManager::Aws)), "", "AWS managed keys serve their own account alone");
    let whole_account = unfenced.replace("kms:ViaService\": \"x", "kms:CallerAccount\": \"111122223333");
    assert_eq!(join_labels(&concerns(&whole_account, &KeyManager::Customer)), ACCOUNT);
    assert_eq!(join_labels(&concerns(&whole_account, &KeyManager::Aws)), "", "every AWS managed key is made so");
}

#[test]
fn labels_are_the_workshops_each_once_and_in_order() {
    let all = [Concern::ExternalAccount, Concern::IamUser, Concern::OverlyPermissive, Concern::PrincipalIsAccount, Concern::ExternalAccount];
    assert_eq!(join_labels(&all), "Principal is account;Key policy overly permissive;Access provided to IAM user;External account");
    assert_eq!(join_labels(&[]), "");
}
