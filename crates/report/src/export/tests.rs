use super::*;

fn outside() -> Finding {
    Finding {
        id: "5f3a".to_owned(),
        rule: "outside-organization".to_owned(),
        severity: Severity::High,
        confidence: Confidence::Certain,
        title: "[account 999988887777] can decrypt".to_owned(),
        cause: Some("statement \"Vendor\"".to_owned()),
        evidence: Some("{\"Effect\":\"Allow\"}".to_owned()),
        remediation: Some("name the roles".to_owned()),
        is_waived: false,
        waived_until: None,
        waiver_reason: None,
        key_arn: "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".to_owned(),
        key_id: "1234abcd-12ab-34cd-56ef-1234567890ab".to_owned(),
        account_id: "111122223333".to_owned(),
        account_name: Some("=Payments <b>".to_owned()),
        region: "cn-north-1".to_owned(),
        aliases: Some(vec!["alias/orders".to_owned()]),
        description: Some("orders".to_owned()),
        manager: Some("CUSTOMER".to_owned()),
        state: Some("Enabled".to_owned()),
        origin: Some("AWS_KMS".to_owned()),
        created_at: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
        organization_id: Some("o-example".to_owned()),
        finished_at: "2026-11-01T10:00:00.250Z".parse().unwrap(),
    }
}

/// Of a key of which hardly anything could be read, and that somebody puts up with.
fn unknown() -> Finding {
    Finding {
        rule: "policy-unreadable".to_owned(),
        severity: Severity::Info,
        confidence: Confidence::Possible,
        cause: None,
        evidence: None,
        remediation: None,
        is_waived: true,
        waived_until: Some("2027-01-31".to_owned()),
        waiver_reason: Some("known".to_owned()),
        account_name: None,
        aliases: None,
        description: None,
        manager: None,
        state: None,
        origin: None,
        created_at: None,
        organization_id: None,
        ..outside()
    }
}

#[test]
fn a_finding_is_a_result_whose_place_is_its_key() {
    insta::assert_json_snapshot!([sarif::result(&outside()), sarif::result(&unknown())]);
}

#[test]
fn a_finding_is_a_compliance_finding_that_failed_or_is_unknown() {
    insta::assert_json_snapshot!([ocsf::event(&outside()), ocsf::event(&unknown())]);
}

#[test]
fn a_finding_is_one_of_the_keys_own_security_hub() {
    insta::assert_json_snapshot!([asff::finding(&outside()), asff::finding(&unknown())]);
}

#[test]
fn what_security_hub_would_refuse_as_too_long_is_cut() {
    let long =
        Finding { title: "ä".repeat(300), cause: Some("b".repeat(1025)), remediation: Some("c".repeat(513)), evidence: Some("d".repeat(2049)), ..outside() };
    let told = asff::finding(&long);
    let length = |value: &Value| value.as_str().unwrap().chars().count();
    let recommendation = &told["Remediation"]["Recommendation"]["Text"];
    assert_eq!(
        [length(&told["Title"]), length(&told["Description"]), length(recommendation), length(&told["ProductFields"]["kms-insights/evidence"])],
        [256, 1024, 512, 2048]
    );
}
