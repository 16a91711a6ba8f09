//! The role's documented policy and the narrowed session suffice, and one action less is a denied fact of that name.

use kms_insights_lake::tables::{collection_errors::CollectionErrorRow, required_actions};
use kms_insights_model::{ErrorCode, Service};
use kms_insights_sandbox::{AssumedRole, Behaviour, Outcome};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::{ROLE, World, behaviour, organization},
    snapshot::rows,
};

/// The actions of `deploy/member-role-policy.json`.
fn documented_actions() -> Vec<String> {
    let policy: Value = serde_json::from_str(include_str!("../../deploy/member-role-policy.json")).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap()).map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// An organization in which only the member accounts have keys of their own to read.
async fn with_role_actions(actions: Vec<String>) -> World {
    World::start(organization(31, 4, 3), Behaviour { role_actions: Some(actions), ..behaviour() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_policy_suffices() {
    let world = with_role_actions(documented_actions()).await;
    let collected = world.collect(&[]).await;
    // The truth of an organization whose role may do everything.
    world.expectation_if(behaviour(), Vec::new()).assert_found_by(&collected, &world.lake()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_action_less_is_a_denied_fact_of_that_name() {
    let documented = documented_actions();
    for missing in &documented {
        let world = with_role_actions(documented.iter().filter(|action| *action != missing).cloned().collect()).await;
        let collected = world.collect_and_compare(&[]).await;
        let errors = rows::<CollectionErrorRow>(&world.lake(), &collected.run).await;
        if ["cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"].contains(&missing.as_str()) {
            // The only trail is the organization's, and the account that it belongs to was read with the caller's own credentials.
            assert!(errors.iter().all(|error| error.operation != *missing), "{missing}: {}", collected.summary);
            continue;
        }
        assert!(errors.iter().any(|error| error.operation == *missing && error.code == "access_denied"), "{missing}: {}", collected.summary);
    }
}

impl World {
    /// What KMS answers a request in the name of a session.
    async fn ask_kms(&self, session: &AssumedRole, operation: &str) -> String {
        let mut stream = TcpStream::connect(self.sandbox.endpoint().trim_start_matches("http://")).await.unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: kms\r\nconnection: close\r\ncontent-length: 2\r\nx-amz-target: TrentService.{operation}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={}/20261122/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{{}}",
            session.access_key_id
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_session_is_narrowed_to_the_reads_that_the_tables_declare() {
    // The role may do everything: what a session may not do, it may not because of its own policy.
    let world = World::start(organization(34, 6, 4), Behaviour { role_actions: None, ..behaviour() }).await;
    world.collect_and_compare(&[]).await;
    // The organization is asked, and roles are assumed, with the caller's own credentials.
    let asked_by_members = required_actions().into_iter().filter(|action| !matches!(action.service(), Service::Organizations | Service::Sts));
    let actions: Vec<String> = asked_by_members.map(|action| action.to_string()).collect();
    assert!(actions.len() > 10, "{actions:?}");
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    let sessions = world.sandbox.assumed_roles();
    let told: Vec<(&str, Value)> = sessions
        .iter()
        .map(|session| (session.role_arn.as_str(), session.policy.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())))
        .collect();
    let mut roles: Vec<String> = world.members().iter().map(|account| format!("arn:aws:iam::{account}:role/{ROLE}")).collect();
    roles.sort();
    assert_eq!(told, roles.iter().map(|role| (role.as_str(), policy.clone())).collect::<Vec<_>>());

    for session in &sessions {
        assert!(world.ask_kms(session, "ListKeys").await.starts_with("HTTP/1.1 200 "));
        let refused = world.ask_kms(session, "ListKeyPolicies").await;
        assert!(refused.contains("AccessDeniedException") && refused.contains("because no session policy allows the kms:ListKeyPolicies action"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_external_id_keeps_the_collector_out_of_every_account_but_its_own() {
    let strict = Behaviour { external_id: Some("right".to_owned()), ..behaviour() };
    let world = World::start(organization(32, 4, 4), strict.clone()).await;
    let keep_out = Behaviour { roles_missing: world.members().into_iter().collect(), ..behaviour() };
    for more in [&[][..], &["--external-id", "wrong"]] {
        let collected = world.collect(more).await;
        world.expectation_if(keep_out.clone(), Vec::new()).assert_found_by(&collected, &world.lake()).await;
        assert_eq!(collected.summary["facts_lacking"][ErrorCode::AssumeRoleDenied.as_str()], 1);
    }
    world.collect_and_compare(&["--external-id", "right"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_another_name_or_below_a_path_is_asked_for_by_its_name() {
    let world = World::start(organization(33, 4, 4), Behaviour { role_name: "security/kms-auditor".to_owned(), ..behaviour() }).await;
    world.collect_and_compare(&["--role-name", "security/kms-auditor"]).await;
    world.collect_and_compare(&["--role-name", "/security/kms-auditor"]).await;
    world.sandbox.reset_requests();
    let collected = world.collect(&[]).await;
    assert_eq!(collected.ended.code, Some(3));
    let requests = world.sandbox.requests();
    assert_eq!(requests.of_outcome("sts:AssumeRole", Outcome::Denied), 1, "a refusal is not asked again: {requests:?}");
}
