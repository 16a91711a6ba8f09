use std::collections::{BTreeMap, BTreeSet};

use kms_insights_sandbox::{Behaviour, Recorded, RunningSandbox, TrailSetting};
use serde_json::Value;

use super::reading::{self, daily_usage, is_use, records};
use crate::{client::Client, start};

fn trail(trail: TrailSetting) -> Behaviour {
    Behaviour { trail, ..Behaviour::default() }
}

fn truth(sandbox: &RunningSandbox) -> Vec<kms_insights_sandbox::DailyUse> {
    let truth = sandbox.truth();
    let (from, until) = truth.trail_days().unwrap();
    truth.daily_usage(from, until)
}

#[tokio::test]
async fn a_full_parse_of_the_log_files_counts_what_the_truth_counts() {
    let sandbox = start(Behaviour::default()).await;
    let records = records(&sandbox).await;
    let expected = truth(&sandbox);
    assert!(expected.len() > 500, "{}", expected.len());
    assert_eq!(daily_usage(&records), expected);
    // All that a scanner can stumble over is there.
    let has = |what: &str, is: &dyn Fn(&Value) -> bool| assert!(records.iter().any(is), "{what}");
    has("a caller of another account of the organization", &|record| is_use(record) && record["userIdentity"]["type"] == "AWSAccount");
    has("a service by itself", &|record| is_use(record) && record["userIdentity"]["type"] == "AWSService");
    has("an instance's volume", &|record| record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "aws:ec2-infrastructure");
    has("two keys in one call", &|record| record["eventName"] == "ReEncrypt" && record["resources"].as_array().unwrap().len() == 2);
    for code in ["AccessDenied", "DisabledException", "KMSInvalidStateException"] {
        has(code, &|record| is_use(record) && record["errorCode"] == code);
    }
    has("the collector's own calls", &|record| record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "kms-insights-reader");
    has("a listing that names no key", &|record| record["eventName"] == "ListAliases" && record.get("resources").is_none());
    has("a use of a stranger's", &|record| {
        is_use(record) && record["userIdentity"]["accountId"].as_str().is_some_and(|account| account.starts_with("9001002003"))
    });
    let ids: BTreeSet<&str> = records.iter().map(|record| record["eventID"].as_str().unwrap()).collect();
    assert!(ids.len() < records.len(), "some are delivered twice");
    let of_day = |record: &Value| record["eventTime"].as_str().unwrap()[..10].to_owned();
    assert_eq!(records.iter().map(of_day).collect::<BTreeSet<_>>().len(), 15);
}

#[tokio::test]
async fn the_truth_is_told_over_http_too() {
    let sandbox = start(trail(TrailSetting { days: 1, ..TrailSetting::default() })).await;
    let answer = Client::new(&sandbox.endpoint()).send_unsigned("GET /_sandbox/usage", &[], b"").await.unwrap().text();
    let told: Vec<Value> = answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!told.is_empty());
    assert_eq!(told, truth(&sandbox).iter().map(|row| serde_json::to_value(row).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_successful_use_in_the_log_is_the_one_that_kms_tells_of() {
    let sandbox = start(Behaviour::default()).await;
    let mut last: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    for record in records(&sandbox).await.iter().filter(|record| is_use(record) && record.get("errorCode").is_none()) {
        let text = |name: &str| record[name].as_str().unwrap().to_owned();
        for resource in record["resources"].as_array().unwrap() {
            let told = (text("eventTime"), text("eventName"), text("eventID"));
            let known = last.entry(resource["ARN"].as_str().unwrap().to_owned()).or_default();
            *known = (*known).clone().max(told);
        }
    }
    let truth = sandbox.truth();
    let first = truth.trail_days().unwrap().0;
    let mut used = 0;
    for account in truth.accounts().filter(|account| account.skipped.is_none()) {
        for region in account.regions {
            for usage in truth.usages(account.account.id, &region) {
                // A key that nobody may ask about was used all the same.
                let Some(usage_told) = usage.last_usage.observed() else { continue };
                let within = usage_told.used_at.filter(|at| at.date_naive() >= first);
                let told = within.map(|at| {
                    let text = |text: &Option<String>| text.clone().unwrap();
                    (at.format("%Y-%m-%dT%H:%M:%SZ").to_string(), text(&usage_told.operation), text(&usage_told.cloudtrail_event_id))
                });
                used += usize::from(told.is_some());
                assert_eq!(last.get(&usage.arn.to_string()).cloned(), told, "{}", usage.arn);
            }
        }
    }
    assert!(used > 50, "{used}");
}

#[tokio::test]
async fn a_trail_tells_only_what_its_selectors_take_in() {
    for (recorded, use_of_keys, changes_of_keys, others) in
        [(Recorded::WriteOnly, false, true, true), (Recorded::WithoutKms, false, false, true), (Recorded::All, true, true, true)]
    {
        let sandbox = start(trail(TrailSetting { records: recorded, ..TrailSetting::default() })).await;
        let records = records(&sandbox).await;
        let kms = |record: &&Value| record["eventSource"] == "kms.amazonaws.com";
        let told =
            (records.iter().any(is_use), records.iter().filter(kms).any(|record| record["readOnly"] == false), records.iter().any(|record| !kms(&record)));
        assert_eq!(told, (use_of_keys, changes_of_keys, others), "{recorded:?}");
        assert_eq!(daily_usage(&records), truth(&sandbox), "{recorded:?}");
    }
    let sandbox = start(trail(TrailSetting { records: Recorded::DataOnly, ..TrailSetting::default() })).await;
    assert_eq!((records(&sandbox).await, truth(&sandbox)), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_trail_that_was_stopped_or_is_refused_tells_nothing_since_then_and_one_of_one_region_nothing_of_the_others() {
    for setting in
        [TrailSetting { stopped_days_ago: Some(5), ..TrailSetting::default() }, TrailSetting { refused_days_ago: Some(5), ..TrailSetting::default() }]
    {
        let sandbox = start(trail(setting)).await;
        let told = records(&sandbox).await;
        let ended = sandbox.organization().now() - chrono::TimeDelta::days(5);
        let newest = told.iter().map(|record| record["eventTime"].as_str().unwrap().parse::<kms_insights_model::Timestamp>().unwrap()).max().unwrap();
        assert!(newest < ended && newest > ended - chrono::TimeDelta::days(1), "{newest}");
        assert_eq!(daily_usage(&told), truth(&sandbox));
    }

    let sandbox = start(trail(TrailSetting { single_region: true, ..TrailSetting::default() })).await;
    let told = records(&sandbox).await;
    assert_eq!(told.iter().map(|record| record["awsRegion"].as_str().unwrap()).collect::<BTreeSet<_>>(), BTreeSet::from(["us-east-1"]));
    assert_eq!(daily_usage(&told), truth(&sandbox));

    let sandbox = start(trail(TrailSetting::none())).await;
    assert_eq!(sandbox.truth().trail_days(), None);
    let answer = Client::new(&sandbox.endpoint()).send("s3", &format!("GET /{}?list-type=2", reading::bucket(&sandbox)), &[], b"").await.unwrap();
    assert_eq!((answer.status, answer.text().contains("NoSuchBucket")), (404, true));
}

#[tokio::test]
async fn the_forgotten_sample_is_explained_by_what_made_it_and_by_its_one_attempt() {
    let sandbox = start(trail(TrailSetting { days: 230, ..TrailSetting::default() })).await;
    let organization = sandbox.organization();
    let accounts = organization.accounts().iter().filter(|account| account.is_active());
    let key = accounts
        .flat_map(|account| account.enabled_regions().flat_map(|region| organization.keys(account, region)))
        .find(|key| key.archetype() == Some(kms_insights_sandbox::Archetype::ForgottenSample))
        .unwrap();
    let (arn, made) = (key.arn(), key.metadata().created_at.unwrap());
    let client = Client::new(&sandbox.endpoint());
    let bucket = reading::bucket(&sandbox);
    let folder = format!("AWSLogs/{}/{}/CloudTrail/{}/", organization.id(), arn.account(), arn.region());
    let mut told = Vec::new();
    for day in [made, made + chrono::TimeDelta::days(1)] {
        for (path, _) in reading::listed(&client, &bucket, &format!("{folder}{}", day.format("%Y/%m/%d"))).await {
            told.extend(reading::object(&client, &bucket, &path).await["Records"].as_array().unwrap().clone());
        }
    }
    let about = |record: &&Value| {
        record["resources"].as_array().into_iter().flatten().any(|resource| resource["ARN"] == arn.to_string().as_str()) || record["eventName"] == "CreateStack"
    };
    let mut story: Vec<[String; 4]> = told
        .iter()
        .filter(about)
        .filter(|record| record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] != "kms-insights-reader")
        .map(|record| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            [text(&record["eventTime"]), text(&record["eventName"]), text(&record["userIdentity"]["invokedBy"]), text(&record["errorCode"])]
        })
        .collect();
    story.sort();
    story.dedup();
    let names: Vec<[&str; 3]> = story.iter().map(|[_, name, by, error]| [name.as_str(), by, error]).collect();
    assert!(
        names.starts_with(&[["CreateStack", "", ""], ["CreateKey", "cloudformation.amazonaws.com", ""], ["CreateAlias", "cloudformation.amazonaws.com", ""]]),
        "{names:?}"
    );
    assert!(names.contains(&["GenerateDataKey", "states.amazonaws.com", "AccessDenied"]), "{names:?}");
    assert_eq!(key.last_usage().used_at, None, "the attempt is no use");
}
