//! What `policy check` says of policies that are public, clean and broken, in each form.

use std::path::Path;

use serde_json::Value;

use super::{Said, help, run, transcript};

const KEY: [&str; 6] = [
    "--key-arn",
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "--organization-id",
    "o-exampleorgid",
    "--organization-accounts",
    "111122223333,222233334444",
];

const CLEAN: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Administrators",
      "Effect": "Allow",
      "Principal": { "AWS": "arn:aws:iam::111122223333:role/key-administrator" },
      "Action": ["kms:Describe*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"],
      "Resource": "*"
    },
    {
      "Sid": "Orders",
      "Effect": "Allow",
      "Principal": { "AWS": "arn:aws:iam::111122223333:role/orders" },
      "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
      "Resource": "*"
    }
  ]
}
"#;

const PUBLIC: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "OwnAccount",
      "Effect": "Allow",
      "Principal": { "AWS": "arn:aws:iam::111122223333:root" },
      "Action": "kms:*",
      "Resource": "*"
    },
    {
      "Sid": "ThroughS3",
      "Effect": "Allow",
      "Principal": "*",
      "Action": "kms:Decrypt",
      "Resource": "*",
      "Condition": { "StringEquals": { "kms:ViaService": "s3.eu-central-1.amazonaws.com" } }
    },
    {
      "Sid": "Partners",
      "Effect": "Allow",
      "Principal": {
        "AWS": [
          "arn:aws:iam::222233334444:role/orders",
          "arn:aws:iam::222233334444:role/billing",
          "arn:aws:iam::222233334444:role/shipping",
          "arn:aws:iam::444455556666:role/partner",
          "arn:aws:iam::222233334444:role/returns"
        ]
      },
      "Action": [
        "kms:Decrypt",
        "kms:DescribeKey"
      ],
      "Resource": "*",
      "Condition": {
        "IpAddress": { "aws:SourceIp": "192.0.2.0/24" }
      }
    }
  ]
}
"#;

const MALFORMED: &str = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Principal\": { \"AWS\": \"*\" }\n      \"Action\": \"kms:*\"\n    }\n  ]\n}\n";

/// What is said of the waiver where there is nothing to waive.
const IDLE: &str = "warning: the waiver of rule outside-account (a partner by contract) matched nothing in this run\n";

const GRANTS: &str = r#"{
  "Grants": [
    {
      "GrantId": "0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60",
      "GranteePrincipal": "arn:aws:iam::444455556666:role/partner",
      "Operations": ["Decrypt"]
    }
  ],
  "Truncated": false
}
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let answer = serde_json::json!({ "Policy": PUBLIC, "PolicyName": "default" }).to_string();
    let ram = serde_json::json!({ "Policy": PUBLIC, "PolicyName": "AWS_RAM" }).to_string();
    let files = [
        ("clean.json", CLEAN),
        ("public.json", PUBLIC),
        ("malformed.json", MALFORMED),
        ("answer.json", &answer),
        ("ram.json", &ram),
        ("grants.json", GRANTS),
        ("kms-insights.toml", "[[findings.waivers]]\nrule = \"outside-account\"\nreason = \"a partner by contract\"\nuntil = 2999-12-31\n"),
        ("everything.toml", "[[findings.waivers]]\nreason = \"we are in a hurry\"\nuntil = 2999-12-31\n"),
        ("no_finding.toml", "[[findings.waivers]]\nfinding = \"public\"\nreason = \"published on purpose\"\nuntil = 2999-12-31\n"),
        (
            "misspelt.toml",
            "organisation_id = \"o-exampleorgid\"\n[[findings.waivers]]\nrule = \"public\"\nreason = \"published on purpose\"\nuntil = 2999-12-31\n",
        ),
        ("no_rule.toml", "[[findings.waivers]]\nrule = \"publik\"\nreason = \"published on purpose\"\nuntil = 2999-12-31\n"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Said {
    run(folder, &[&["policy", "check"][..], arguments, &KEY].concat(), &[])
}

#[test]
fn policy_check_tells_its_options() {
    insta::assert_snapshot!(help(&["policy", "check", "--help"]));
}

#[test]
fn a_public_policy_is_shown_with_what_makes_it_so() {
    let said = check(folder().path(), &["public.json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(said.stdout);
}

#[test]
fn of_a_clean_policy_it_is_said_who_can_use_the_key() {
    let said = check(folder().path(), &["clean.json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), IDLE));
    insta::assert_snapshot!(said.stdout);
}

#[test]
fn a_malformed_policy_is_shown_where_it_breaks() {
    let said = check(folder().path(), &["malformed.json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), IDLE));
    insta::assert_snapshot!(said.stdout);
}

#[test]
fn several_files_are_answered_one_after_the_other_beside_the_grants() {
    let said = check(folder().path(), &["clean.json", "answer.json", "absent.json", "ram.json", "--grants", "grants.json"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(format!("{}--- stderr\n{}", said.stdout, said.stderr));
}

#[test]
fn programs_get_json_and_sarif() {
    let folder = folder();
    let said = check(folder.path(), &["public.json", "malformed.json", "--format", "json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("policy_check_json", said.stdout);

    let said = check(folder.path(), &["public.json", "malformed.json", "--format", "sarif", "--output", "log.sarif"]);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(0), "", ""));
    let mut log: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("log.sarif")).unwrap()).unwrap();
    let driver = &mut log["runs"][0]["tool"]["driver"];
    // What the rules say is docs/findings.md.
    driver["rules"] = driver["rules"].as_array().unwrap().iter().map(|rule| rule["id"].clone()).collect();
    driver["version"] = "<version>".into();
    insta::assert_json_snapshot!("policy_check_sarif", log);
}

#[test]
fn the_exit_code_says_whether_anything_is_as_bad_as_that() {
    let folder = folder();
    let code = |arguments: &[&str]| check(folder.path(), &[&["--format", "json"], arguments].concat()).code.unwrap();
    assert_eq!(code(&["public.json"]), 0);
    assert_eq!(code(&["public.json", "--fail-on", "critical"]), 4);
    assert_eq!(code(&["clean.json", "--fail-on", "info"]), 0);
    assert_eq!(code(&["malformed.json", "--fail-on", "critical"]), 0);
    assert_eq!(code(&["malformed.json", "--fail-on", "high"]), 4);
    assert_eq!(code(&["public.json", "absent.json", "--fail-on", "critical"]), 1);
}

#[test]
fn mistakes_are_answered_before_any_file_is_read() {
    let key = ["--key-arn", KEY[1]];
    let with_key = |arguments: &[&'static str]| [&["policy", "check"][..], arguments, &key].concat();
    let lines = [
        vec!["policy"],
        vec!["policy", "check"],
        vec!["policy", "check", "clean.json"],
        vec!["policy", "check", "clean.json", "--key-arn", "alias/orders"],
        with_key(&["clean.json", "--organization-id", "example"]),
        with_key(&["clean.json", "--organization-accounts", "222233334444"]),
        with_key(&["clean.json", "--trusted-accounts", "partner"]),
        with_key(&["clean.json", "--fail-on", "bad"]),
        with_key(&["-", "-"]),
        with_key(&["clean.json", "--grants", "absent.json"]),
        with_key(&["clean.json", "--grants", "clean.json"]),
        with_key(&["clean.json", "--output", "absent/answer"]),
        with_key(&["clean.json", "--config", "everything.toml"]),
        with_key(&["clean.json", "--config", "no_rule.toml"]),
        with_key(&["clean.json", "--config", "no_finding.toml"]),
        with_key(&["clean.json", "--config", "misspelt.toml"]),
    ];
    let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(transcript(folder().path(), &lines));
}
