use kms_insights_sandbox::{Behaviour, Recorded, RunningSandbox, TrailSetting};
use serde_json::{Value, json};

use super::reading;
use crate::{
    client::{Answer, Client},
    start,
};

pub(super) async fn ask(client: &Client, operation: &str, body: &Value) -> Answer {
    let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
    client.send("cloudtrail", "POST /", &[("x-amz-target", &target)], body.to_string().as_bytes()).await.unwrap()
}

fn arn(sandbox: &RunningSandbox) -> String {
    format!("arn:aws:cloudtrail:us-east-1:{}:trail/organization-trail", sandbox.organization().management().id)
}

#[tokio::test]
async fn the_organizations_trail_is_seen_in_every_account_and_region_and_is_at_home_in_one() {
    let sandbox = start(Behaviour::default()).await;
    let home = Client::new(&sandbox.endpoint());
    let member = home.with_key(sandbox.organization().accounts()[1].id.to_string());
    let trail = json!({
        "Name": "organization-trail",
        "S3BucketName": reading::bucket(&sandbox),
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": true,
        "HomeRegion": "us-east-1",
        "TrailARN": arn(&sandbox),
        "LogFileValidationEnabled": true,
        "HasCustomEventSelectors": false,
        "HasInsightSelectors": false,
        "IsOrganizationTrail": true,
    });
    for client in [&home, &home.in_region("eu-central-1"), &member] {
        assert_eq!(ask(client, "DescribeTrails", &json!({})).await.json(), json!({"trailList": [trail]}));
        assert_eq!(ask(client, "GetTrail", &json!({"Name": arn(&sandbox)})).await.json(), json!({"Trail": trail}));
        let status = ask(client, "GetTrailStatus", &json!({"Name": arn(&sandbox)})).await.json();
        assert_eq!((&status["IsLogging"], &status["TimeLoggingStopped"]), (&json!(true), &json!("")));
    }
    let own = json!({"includeShadowTrails": false});
    assert_eq!(ask(&home, "DescribeTrails", &own).await.json(), json!({"trailList": [trail]}));
    assert_eq!(ask(&member, "DescribeTrails", &own).await.json(), json!({"trailList": []}));
    assert_eq!(ask(&home, "GetTrail", &json!({"Name": "organization-trail"})).await.status, 200);
    assert_eq!(ask(&member, "GetTrail", &json!({"Name": "organization-trail"})).await.code(), "TrailNotFoundException");
}

#[tokio::test]
async fn selectors_say_what_is_not_recorded() {
    let management = |more: &[Value]| {
        let fields = [&[json!({"Field": "eventCategory", "Equals": ["Management"]})], more].concat();
        json!({"AdvancedEventSelectors": [{"Name": "Management events selector", "FieldSelectors": fields}]})
    };
    let basic = |kind: &str, excluded: Value| {
        let selector = json!({"ReadWriteType": kind, "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": excluded});
        json!({"EventSelectors": [selector]})
    };
    for (recorded, advanced, expected) in [
        (Recorded::All, false, basic("All", json!([]))),
        (Recorded::WriteOnly, false, basic("WriteOnly", json!([]))),
        (Recorded::WithoutKms, false, basic("All", json!(["kms.amazonaws.com"]))),
        (Recorded::All, true, management(&[])),
        (Recorded::WriteOnly, true, management(&[json!({"Field": "readOnly", "Equals": ["false"]})])),
        (Recorded::WithoutKms, true, management(&[json!({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]})])),
    ] {
        let trail = TrailSetting { records: recorded, advanced, ..TrailSetting::default() };
        let sandbox = start(Behaviour { trail, ..Behaviour::default() }).await;
        let mut answer = ask(&Client::new(&sandbox.endpoint()), "GetEventSelectors", &json!({"TrailName": arn(&sandbox)})).await.json();
        assert_eq!(answer.as_object_mut().unwrap().remove("TrailARN"), Some(json!(arn(&sandbox))));
        assert_eq!(answer, expected, "{recorded:?}");
    }
}

#[tokio::test]
async fn a_trail_that_is_stopped_or_missing_says_so() {
    let trail = TrailSetting { stopped_days_ago: Some(3), single_region: true, ..TrailSetting::default() };
    let sandbox = start(Behaviour { trail, ..Behaviour::default() }).await;
    let client = Client::new(&sandbox.endpoint());
    let status = ask(&client, "GetTrailStatus", &json!({"Name": arn(&sandbox)})).await.json();
    let stopped = (sandbox.organization().now() - chrono::TimeDelta::days(3)).timestamp();
    assert_eq!((&status["IsLogging"], status["StopLoggingTime"].as_f64()), (&json!(false), f64::from(u32::try_from(stopped).unwrap()).into()));
    assert_eq!(ask(&client.in_region("eu-central-1"), "DescribeTrails", &json!({})).await.json(), json!({"trailList": []}), "it is of one Region");

    let sandbox = start(Behaviour { trail: TrailSetting::none(), ..Behaviour::default() }).await;
    let client = Client::new(&sandbox.endpoint());
    assert_eq!(ask(&client, "DescribeTrails", &json!({})).await.json(), json!({"trailList": []}));
    assert_eq!(ask(&client, "GetTrailStatus", &json!({"Name": arn(&sandbox)})).await.code(), "TrailNotFoundException");
}

#[tokio::test]
async fn a_trail_whose_bucket_takes_no_log_file_is_on_and_says_so() {
    let trail = TrailSetting { refused_days_ago: Some(40), ..TrailSetting::default() };
    let sandbox = start(Behaviour { trail, ..Behaviour::default() }).await;
    let status = ask(&Client::new(&sandbox.endpoint()), "GetTrailStatus", &json!({"Name": arn(&sandbox)})).await.json();
    let refused = (sandbox.organization().now() - chrono::TimeDelta::days(40)).timestamp();
    let told = (&status["IsLogging"], &status["LatestDeliveryError"], status["LatestDeliveryTime"].as_f64());
    assert_eq!(told, (&json!(true), &json!("AccessDenied"), f64::from(u32::try_from(refused).unwrap()).into()));

    let status = ask(&Client::new(&start(Behaviour::default()).await.endpoint()), "GetTrailStatus", &json!({"Name": arn(&sandbox)})).await.json();
    let now = f64::from(u32::try_from(chrono::Utc::now().timestamp()).unwrap());
    assert_eq!(status["LatestDeliveryError"], Value::Null);
    assert!((now - status["LatestDeliveryTime"].as_f64().unwrap()).abs() < 3600.0, "{status}");
}

#[tokio::test]
async fn a_role_without_the_permission_is_told_nothing_of_trails() {
    let behaviour = Behaviour { role_actions: Some(vec!["cloudtrail:DescribeTrails".to_owned()]), ..Behaviour::default() };
    let sandbox = start(behaviour).await;
    let client = Client::new(&sandbox.endpoint());
    let member = client.with_key(client.assume(sandbox.organization().accounts()[1].id.as_str(), "").await.unwrap());
    assert_eq!(ask(&member, "DescribeTrails", &json!({})).await.status, 200);
    for (operation, body) in [
        ("GetTrail", json!({"Name": arn(&sandbox)})),
        ("GetTrailStatus", json!({"Name": arn(&sandbox)})),
        ("GetEventSelectors", json!({"TrailName": arn(&sandbox)})),
        ("LookupEvents", json!({})),
    ] {
        assert_eq!(ask(&member, operation, &body).await.code(), "AccessDeniedException", "{operation}");
    }
}
