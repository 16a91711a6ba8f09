//! The ways into the keys of the small lake.

use kms_insights_lake::tables::{key_access::KeyAccessRow, keys::KeyRow};

use crate::fixture::DATA;

/// A way in by the first statement of the key policy, to one capability.
pub(crate) fn access(key: &KeyRow, who: &str, trust: &'static str, capability: &'static str, actions: &[&str]) -> KeyAccessRow {
    let (who_kind, who_account) = match who.strip_prefix("account ") {
        Some(account) => ("account", Some(account)),
        None if who.starts_with("arn:") => ("role", who.split(':').nth(4)),
        None => (if who == "everyone" { "everyone" } else { "service" }, None),
    };
    KeyAccessRow {
        run_id: key.run_id.as_str().into(),
        key_arn: key.key_arn.as_str().into(),
        key_id: key.key_id.as_str().into(),
        account_id: key.account_id.as_str().into(),
        region: key.region.as_str().into(),
        who: who.to_owned(),
        who_kind: who_kind.into(),
        who_account: who_account.map(str::to_owned),
        trust: trust.into(),
        kind: if who_kind == "account" { "delegation" } else { "access" }.into(),
        capability: capability.into(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        fence: None,
        on_behalf_of: Vec::new(),
        resource: None,
        certainty: "certain".into(),
        reason: None,
        cause: "statement".into(),
        policy_name: Some("default".into()),
        statement_index: Some(0),
        grant_id: None,
    }
}

/// The way in, by another statement.
pub(crate) fn by_statement(index: i32, way: KeyAccessRow) -> KeyAccessRow {
    KeyAccessRow { statement_index: Some(index), ..way }
}

/// The way in, by a grant.
pub(crate) fn by_grant(id: &str, way: KeyAccessRow) -> KeyAccessRow {
    KeyAccessRow { cause: "grant".into(), policy_name: None, statement_index: None, grant_id: Some(id.to_owned()), ..way }
}

/// The way in, behind a fence.
pub(crate) fn fenced(fence: &str, way: KeyAccessRow) -> KeyAccessRow {
    KeyAccessRow { fence: Some(fence.to_owned()), ..way }
}

/// The ways into the latest run's keys.
pub(crate) fn of_latest(used: &KeyRow, primary: &KeyRow, open: &KeyRow) -> Vec<KeyAccessRow> {
    let vendor = "arn:aws:iam::999999999999:role/vendor";
    let banned = "the caller is not arn:aws:iam::444455556666:user/banned";
    let service = |capability, actions: &[&str]| access(open, "logs.eu-central-1.amazonaws.com", "aws_service", capability, actions);
    let on_behalf_of = |id: &str, way: KeyAccessRow| KeyAccessRow { on_behalf_of: vec![id.to_owned()], ..way };
    let reader = |capability, actions: &[&str]| {
        let way = access(open, "arn:aws:iam::111122223333:role/reader", "organization", capability, actions);
        by_grant("g-out", fenced("aws:SourceArn is like arn:aws:s3:::b", way))
    };
    vec![
        access(used, "account 111122223333", "own_account", "decrypt", &["kms:Decrypt"]),
        access(used, "account 111122223333", "own_account", "administer", &["kms:PutKeyPolicy"]),
        by_statement(1, access(used, vendor, "outside", "decrypt", &["kms:Decrypt"])),
        by_statement(1, access(used, vendor, "outside", "read", &["kms:DescribeKey"])),
        by_statement(1, access(used, "account 444455556666", "organization", "decrypt", &["kms:Decrypt"])),
        by_statement(1, access(used, "account 444455556666", "organization", "read", &["kms:DescribeKey"])),
        access(primary, "account 111122223333", "own_account", "decrypt", &["kms:Decrypt"]),
        KeyAccessRow { policy_name: Some("AWS_RAM".into()), ..access(primary, "account 999999999999", "outside", "decrypt", &["kms:Decrypt"]) },
        access(open, "everyone", "public", "encrypt", &["kms:Encrypt", "kms:GenerateDataKey"]),
        access(open, "everyone", "public", "decrypt", &["kms:Decrypt"]),
        // What KMS offers nobody of another account.
        KeyAccessRow { kind: "intent".into(), ..access(open, "everyone", "public", "administer", &["kms:PutKeyPolicy"]) },
        KeyAccessRow {
            certainty: "unknown".into(),
            reason: Some("a request could not be made up".to_owned()),
            ..by_statement(1, fenced(banned, access(open, "everyone", "public", "read", &["kms:DescribeKey"])))
        },
        reader("decrypt", &["kms:Decrypt"]),
        reader("grant", &["kms:CreateGrant"]),
        by_grant("g-own", access(open, "arn:aws:iam::444455556666:role/own", "own_account", "decrypt", &["kms:Decrypt"])),
        by_grant("g-service", access(open, "rds.eu-central-1.amazonaws.com", "aws_service", "decrypt", &["kms:Decrypt"])),
        // For whom a service acts tells whether anybody outside comes in by it.
        by_statement(2, service("encrypt", &["kms:Encrypt"])),
        by_statement(3, on_behalf_of(DATA, fenced("aws:SourceAccount is 444455556666", service("encrypt", &["kms:Encrypt"])))),
        by_statement(4, on_behalf_of("888888888888", fenced("aws:SourceAccount is 888888888888", service("encrypt", &["kms:Encrypt"])))),
        // A bucket's ARN does not tell its account.
        by_statement(5, on_behalf_of("unknown", fenced("aws:SourceArn is like arn:aws:s3:::bucket", service("encrypt", &["kms:Encrypt"])))),
    ]
}
