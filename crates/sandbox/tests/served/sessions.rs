use std::collections::BTreeSet;

use kms_insights_sandbox::{AssumedRole, Behaviour, Organization, OrganizationShape, Sandbox};
use serde_json::json;

use crate::{client::Client, start};

fn policy(actions: &str) -> String {
    format!(
        "&Policy=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A{actions}%2C%22Resource%22%3A%22%2A%22%7D%5D%7D"
    )
}

#[tokio::test]
async fn a_session_may_do_what_its_policy_allows_and_the_refusal_is_in_aws_s_words() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let member = sandbox.organization().accounts()[1].id;
    let key = client.assume(member.as_str(), &policy("%5B%22kms%3AList%2A%22%5D")).await.unwrap();
    let session = client.with_key(key);
    let keys = session.all("ListKeys", "Keys", json!({})).await.unwrap();
    assert_eq!(keys.len(), 20);
    assert!(keys[0]["KeyArn"].as_str().unwrap().starts_with(&format!("arn:aws:kms:us-east-1:{member}:key/")));
    let refused = session.kms("GetKeyPolicy", &json!({"KeyId": keys[0]["KeyId"]})).await.unwrap();
    assert_eq!(refused.status, 400);
    let expected = format!(
        "User: arn:aws:sts::{member}:assumed-role/kms-insights-reader/test is not authorized to perform: kms:GetKeyPolicy on resource: {} because no session policy allows the kms:GetKeyPolicy action",
        keys[0]["KeyArn"].as_str().unwrap()
    );
    assert_eq!(refused.json(), json!({"__type": "AccessDeniedException", "Message": expected}));
}

#[tokio::test]
async fn each_session_is_told_with_its_role_and_the_policy_that_narrows_it() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let member = sandbox.organization().accounts()[1].id;
    let whole = client.assume(member.as_str(), "").await.unwrap();
    let narrowed = client.assume(member.as_str(), &policy("%22kms%3AListKeys%22")).await.unwrap();
    client.assume(member.as_str(), "&ExternalId=any&DurationSeconds=1").await.unwrap_err();
    let role_arn = format!("arn:aws:iam::{member}:role/kms-insights-reader");
    let sent = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#;
    let mut expected = [
        AssumedRole { role_arn: role_arn.clone(), access_key_id: whole, policy: None },
        AssumedRole { role_arn, access_key_id: narrowed, policy: Some(sent.to_owned()) },
    ];
    expected.sort();
    assert_eq!(sandbox.assumed_roles(), expected);
}

#[tokio::test]
async fn credentials_are_known_in_their_own_partition_and_in_no_other() {
    let regions = vec!["cn-northwest-1".parse().unwrap()];
    let organization = Organization::generate(OrganizationShape { regions, ..crate::shape() });
    let sandbox = Sandbox::start(organization, Behaviour::default(), "127.0.0.1:0").await.unwrap();
    let client = Client::new(&sandbox.endpoint());
    let (home, empty) = (client.in_region("cn-northwest-1"), client.in_region("cn-north-1"));
    let account = sandbox.caller_account();
    let keys = home.kms("ListKeys", &json!({})).await.unwrap().json();
    assert!(keys["Keys"][0]["KeyArn"].as_str().unwrap().starts_with(&format!("arn:aws-cn:kms:cn-northwest-1:{account}:key/")));
    assert_eq!(empty.kms("ListKeys", &json!({})).await.unwrap().json()["Keys"], json!([]));
    let described = home.organizations("DescribeOrganization", &json!({})).await.json();
    assert!(described["Organization"]["Arn"].as_str().unwrap().starts_with(&format!("arn:aws-cn:organizations::{account}:organization/")));
    assert_eq!(client.kms("ListKeys", &json!({})).await.unwrap().code(), "UnrecognizedClientException");
    assert_eq!(client.organizations("ListAccounts", &json!({})).await.code(), "UnrecognizedClientException");
}

#[tokio::test]
async fn the_role_is_refused_alike_when_it_is_missing_when_the_external_id_is_wrong_and_in_accounts_that_are_not_active() {
    let organization = kms_insights_sandbox::Organization::generate(crate::shape());
    let without = organization.accounts()[2].id;
    let behaviour = Behaviour { external_id: Some("secret".to_owned()), roles_missing: BTreeSet::from([without]), ..Behaviour::default() };
    let sandbox = start(behaviour).await;
    let client = Client::new(&sandbox.endpoint());
    let accounts = sandbox.organization().accounts();
    let suspended = accounts.iter().find(|account| !account.is_active()).unwrap().id;
    assert!(client.assume(accounts[1].id.as_str(), "&ExternalId=secret").await.is_ok());
    for (account, more) in [
        (accounts[1].id, ""),
        (accounts[1].id, "&ExternalId=wrong"),
        (without, "&ExternalId=secret"),
        (suspended, "&ExternalId=secret"),
        (accounts[0].id, "&ExternalId=secret"),
        ("999999999999".parse().unwrap(), "&ExternalId=secret"),
    ] {
        let refused = client.assume(account.as_str(), more).await.unwrap_err();
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("<Code>AccessDenied</Code>"), "{}", refused.text());
    }
}

#[tokio::test]
async fn a_role_is_known_by_its_path_and_name_together() {
    for (configured, known, unknown) in [
        ("kms-insights-reader", "kms-insights-reader", ["audit%2Fkms-insights-reader", "KMS-insights-reader"]),
        ("audit/eu/reader", "audit%2Feu%2Freader", ["reader", "eu%2Freader"]),
        ("/audit/eu/reader", "audit%2Feu%2Freader", ["reader", "%2Faudit%2Feu%2Freader"]),
    ] {
        let sandbox = start(Behaviour { role_name: configured.to_owned(), ..Behaviour::default() }).await;
        let client = Client::new(&sandbox.endpoint());
        let member = sandbox.organization().accounts()[1].id;
        assert!(client.assume_role(member.as_str(), known, "").await.is_ok(), "{configured}");
        for role in unknown {
            assert_eq!(client.assume_role(member.as_str(), role, "").await.unwrap_err().status, 403, "{configured} {role}");
        }
    }
}

#[tokio::test]
async fn sessions_expire() {
    let sandbox = start(Behaviour { session_seconds: Some(0), ..Behaviour::default() }).await;
    let client = Client::new(&sandbox.endpoint());
    let key = client.assume(sandbox.organization().accounts()[1].id.as_str(), "").await.unwrap();
    assert_eq!(client.with_key(key).kms("ListKeys", &json!({})).await.unwrap().code(), "ExpiredTokenException");
    assert_eq!(client.with_key("ASIAUNKNOWN").kms("ListKeys", &json!({})).await.unwrap().code(), "UnrecognizedClientException");
}

#[tokio::test]
async fn requests_without_a_signature_and_regions_that_are_not_enabled_are_refused() {
    let sandbox = start(Behaviour::default()).await;
    let client = Client::new(&sandbox.endpoint());
    let unsigned = client.send_unsigned("POST /", &[("x-amz-target", "TrentService.ListKeys")], b"{}").await.unwrap();
    assert_eq!((unsigned.status, unsigned.code().as_str()), (403, "MissingAuthenticationTokenException"));
    assert_eq!(client.in_region("me-central-1").kms("ListKeys", &json!({})).await.unwrap().code(), "UnrecognizedClientException");
    // A Region that every account has, and that this organization does not use.
    assert_eq!(client.in_region("sa-east-1").kms("ListKeys", &json!({})).await.unwrap().json(), json!({"Truncated": false, "Keys": []}));
}

#[tokio::test]
async fn only_the_management_account_and_its_delegate_read_the_organization() {
    let organization = kms_insights_sandbox::Organization::generate(crate::shape());
    let (delegate, member) = (organization.accounts()[1].id, organization.accounts()[2].id);
    let sandbox = start(Behaviour { delegated_administrator: Some(delegate), ..Behaviour::default() }).await;
    let client = Client::new(&sandbox.endpoint());
    assert_eq!(client.with_key(delegate.to_string()).organizations("ListAccounts", &json!({})).await.status, 200);
    let member = client.with_key(member.to_string());
    assert_eq!(member.organizations("ListAccounts", &json!({})).await.code(), "AccessDeniedException");
    assert_eq!(member.organizations("DescribeOrganization", &json!({})).await.status, 200);

    let alone = start(Behaviour { organization_in_use: false, ..Behaviour::default() }).await;
    assert_eq!(Client::new(&alone.endpoint()).organizations("DescribeOrganization", &json!({})).await.code(), "AWSOrganizationsNotInUseException");
    assert_eq!(alone.truth().accounts().count(), 1);
}
