//! What policies, grants, worlds and requests are drawn from: few names, so that they meet.

/// The account of the key.
pub const KEY_ACCOUNT: &str = "111122223333";
pub const PARTITION: &str = "aws";
pub const REGION: &str = "eu-central-1";
pub const KEY_ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub const ACCOUNTS: [&str; 4] = [KEY_ACCOUNT, "444455556666", "777788889999", "123456789012"];

/// Roles and users of each account, with their paths.
pub const ROLES: [&str; 3] = ["app", "team/admin", "team/reader"];
pub const SESSIONS: [&str; 2] = ["build", "alice@example.com"];
pub const USERS: [&str; 2] = ["alice", "ops/bob"];

pub const SERVICES: [&str; 4] = ["logs.eu-central-1.amazonaws.com", "cloudtrail.amazonaws.com", "s3.amazonaws.com", "delivery.logs.amazonaws.com"];

/// An organization and a path in it.
pub const MEMBERSHIPS: [(&str, &str); 4] = [
    ("o-aaaaaaaaaa", "o-aaaaaaaaaa/r-ab12/ou-ab12-11111111/"),
    ("o-aaaaaaaaaa", "o-aaaaaaaaaa/r-ab12/ou-ab12-11111111/ou-ab12-22222222/"),
    ("o-aaaaaaaaaa", "o-aaaaaaaaaa/r-ab12/ou-ab12-33333333/"),
    ("o-bbbbbbbbbb", "o-bbbbbbbbbb/r-cd34/ou-cd34-44444444/"),
];

pub const ACTIONS: [&str; 21] = [
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "ReEncryptFrom",
    "ReEncryptTo",
    "Sign",
    "Verify",
    "GenerateMac",
    "DeriveSharedSecret",
    "DescribeKey",
    "GetPublicKey",
    "CreateGrant",
    "ListGrants",
    "RevokeGrant",
    "RetireGrant",
    "PutKeyPolicy",
    "GetKeyPolicy",
    "ScheduleKeyDeletion",
    "TagResource",
];

/// Actions as policies write them, in odd case, with wildcards, of another service.
pub const ACTION_PATTERNS: [&str; 26] = [
    "kms:*",
    "*",
    "kms:Decrypt",
    "kms:decrypt",
    "KMS:DECRYPT",
    "kms:De*",
    "kms:?ecrypt",
    "kms:*crypt*",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:GenerateDataKey",
    "kms:ReEncrypt*",
    "kms:ReEncryptFrom",
    "kms:DescribeKey",
    "kms:Describe*",
    "kms:Get*",
    "kms:List*",
    "kms:*Grant",
    "kms:CreateGrant",
    "kms:createGRANT",
    "kms:Put*",
    "kms:ScheduleKeyDeletion",
    "kms:Sign",
    "kms:*Key*",
    "s3:*",
    "s3:GetObject",
];

/// What a key's values are, hence which operators suit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Arn,
    Bool,
    Ip,
    Date,
    Number,
    /// Several values in a request.
    Many,
}

/// A condition key as policies write it, and values that meet those of requests.
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub values: &'static [&'static str],
}

const fn key(name: &'static str, kind: Kind, values: &'static [&'static str]) -> Key {
    Key { name, kind, values }
}

const ACCOUNT_VALUES: &[&str] =
    &["111122223333", "444455556666", "777788889999", "123456789012", "1*", "4444????6666", "*", "${aws:ResourceAccount}", "${aws:PrincipalAccount}"];
const ORGANIZATION_VALUES: &[&str] = &["o-aaaaaaaaaa", "o-bbbbbbbbbb", "o-*", "${aws:ResourceOrgID}", "${aws:PrincipalOrgID}", "O-AAAAAAAAAA"];
const PATH_VALUES: &[&str] = &[
    "o-aaaaaaaaaa/*",
    "o-aaaaaaaaaa/r-ab12/ou-ab12-11111111/*",
    "o-aaaaaaaaaa/r-ab12/ou-ab12-11111111/",
    "o-bbbbbbbbbb/r-cd34/ou-cd34-44444444/",
    "${aws:ResourceOrgID}/*",
];
const SOURCE_VALUES: &[&str] = &[
    "arn:aws:logs:eu-central-1:111122223333:log-group:/app/*",
    "arn:aws:logs:eu-central-1:111122223333:log-group:/app/web:*",
    "arn:aws:logs:*:${aws:ResourceAccount}:*",
    "arn:aws:s3:::a-bucket",
    "arn:aws:s3:::*",
    "arn:aws:cloudtrail:eu-central-1:444455556666:trail/all",
    "arn:aws:cloudtrail:*:*:trail/*",
    "arn:aws:logs:EU-CENTRAL-1:111122223333:log-group:/app/*",
    "arn:aws:cloudtrail:*:444455556666:*",
    "*:111122223333:log-group:*",
    "arn:aws:s3:*",
    "*",
];

/// The condition keys of the generated policies.
pub const KEYS: [Key; 38] = [
    key(
        "aws:PrincipalArn",
        Kind::Arn,
        &[
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::*:role/team/*",
            "arn:aws:iam::444455556666:role/app",
            "arn:aws:iam::444455556666:*",
            "arn:aws:iam::*:user/*",
            "arn:aws:iam::111122223333:user/alice",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/app/*",
            "arn:aws:sts::*:federated-user/alice",
            "arn:*:iam::${aws:ResourceAccount}:*",
            "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}",
            "arn:aws:iam::111122223333:role/${aws:PrincipalTag/team}",
            // Another case is another ARN, but where case is ignored.
            "arn:aws:iam::111122223333:role/APP",
            "ARN:AWS:IAM::111122223333:ROLE/TEAM/ADMIN",
            "arn:aws:iam::444455556666:ROLE/*",
            // What has six parts with wildcards in any of them, and what has fewer.
            "arn:*:iam::111122223333:*",
            "*:*:*:*:444455556666:*",
            "*",
            "arn:aws:iam::*",
            "arn:*:role/app",
            "arn:aws:*:111122223333:role/*",
            "*:user/alice",
            "${aws:PrincipalArn}",
        ],
    ),
    key("aws:PrincipalAccount", Kind::Text, ACCOUNT_VALUES),
    key("kms:CallerAccount", Kind::Text, ACCOUNT_VALUES),
    key("aws:PrincipalOrgID", Kind::Text, ORGANIZATION_VALUES),
    key("aws:PrincipalOrgPaths", Kind::Many, PATH_VALUES),
    key("aws:PrincipalType", Kind::Text, &["AssumedRole", "User", "Account", "FederatedUser", "assumedrole", "*User"]),
    key("aws:userid", Kind::Text, &["*:build", "AROA*", "AIDA*", "111122223333", "*:alice", "${aws:PrincipalAccount}"]),
    key("aws:username", Kind::Text, &["alice", "bob", "a*", "ALICE", "${aws:username}", "${aws:PrincipalTag/team, 'alice'}"]),
    key("aws:PrincipalTag/team", Kind::Text, &["red", "blue", "r?d", "RED", "${aws:username}", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/none, 'red'}"]),
    key("aws:PrincipalIsAWSService", Kind::Bool, &["true", "false"]),
    key("aws:PrincipalServiceName", Kind::Text, &["logs.eu-central-1.amazonaws.com", "cloudtrail.amazonaws.com", "s3.amazonaws.com", "*.amazonaws.com"]),
    key("aws:PrincipalServiceNamesList", Kind::Many, &["s3.amazonaws.com", "s3.eu-central-1.amazonaws.com", "logs.*", "*.amazonaws.com"]),
    key("aws:SourceArn", Kind::Arn, SOURCE_VALUES),
    key("aws:SourceAccount", Kind::Text, ACCOUNT_VALUES),
    key("aws:SourceOrgID", Kind::Text, ORGANIZATION_VALUES),
    key("aws:SourceOrgPaths", Kind::Many, PATH_VALUES),
    key("aws:ResourceAccount", Kind::Text, ACCOUNT_VALUES),
    key("aws:ResourceOrgID", Kind::Text, ORGANIZATION_VALUES),
    key("aws:ResourceOrgPaths", Kind::Many, PATH_VALUES),
    key("aws:RequestedRegion", Kind::Text, &["eu-central-1", "us-east-1", "eu-*", "EU-CENTRAL-1"]),
    key("aws:SecureTransport", Kind::Bool, &["true", "false", "TRUE"]),
    key("aws:ViaAWSService", Kind::Bool, &["true", "false"]),
    key("aws:MultiFactorAuthPresent", Kind::Bool, &["true", "false"]),
    key("aws:MultiFactorAuthAge", Kind::Number, &["300", "3600", "0.5", "86400"]),
    key("aws:CurrentTime", Kind::Date, &["2026-01-01T00:00:00Z", "2026-06-01", "2027-01-01T00:00:00+02:00", "2026-03-01T12:00Z", "1772366400"]),
    key("aws:EpochTime", Kind::Number, &["1772366400", "1767225600", "1800000000"]),
    key("aws:TokenIssueTime", Kind::Date, &["2026-01-01T00:00:00Z", "2026-03-01T11:30:00Z"]),
    key(
        "kms:ViaService",
        Kind::Text,
        &["s3.eu-central-1.amazonaws.com", "ec2.eu-central-1.amazonaws.com", "*.eu-central-1.amazonaws.com", "s3.*.amazonaws.com"],
    ),
    key("aws:CalledVia", Kind::Many, &["cloudformation.amazonaws.com", "athena.amazonaws.com", "*.amazonaws.com"]),
    key("kms:EncryptionContext:stage", Kind::Text, &["prod", "test", "p*", "PROD", "${aws:PrincipalTag/team}"]),
    key("kms:EncryptionContext:Department", Kind::Text, &["finance", "red", "${aws:PrincipalTag/team}", "${*}", "fin${?}nce"]),
    key("kms:EncryptionContextKeys", Kind::Many, &["stage", "Department", "department", "*"]),
    key("kms:GrantIsForAWSResource", Kind::Bool, &["true", "false"]),
    key("kms:GrantOperations", Kind::Many, &["Decrypt", "Encrypt", "Generate*", "RetireGrant"]),
    key(
        "kms:GranteePrincipal",
        Kind::Arn,
        &[
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:iam::444455556666:role/*",
            "arn:aws:iam::${aws:PrincipalAccount}:*",
            "arn:aws:iam::111122223333:ROLE/app",
            "arn:aws:iam::*",
            "${aws:PrincipalArn}",
        ],
    ),
    key(
        "aws:SourceIp",
        Kind::Ip,
        &["203.0.113.0/24", "203.0.113.7", "203.0.113.7/32", "198.51.100.0/25", "2001:db8:1234:5678::/64", "2001:db8::1", "0.0.0.0/0"],
    ),
    key("aws:SourceVpce", Kind::Text, &["vpce-11111111", "vpce-*", "vpce-22222222"]),
    key("aws:PrincipalTag/none", Kind::Text, &["red", "*"]),
];
