//! CloudTrail `LookupEvents`: the `CreateKey` events of the last ninety days. Source: AWS CloudTrail API Reference.

use chrono::TimeDelta;
use kms_insights_model::{Region, Timestamp};
use serde_json::{Value, json};

use super::{
    kms_wire::seconds,
    paging::{self, Next},
};
use crate::{FaultKind, Organization, SimulatedAccount, dice::Dice, identity::Caller, key::Key, reply::ApiError};

pub(crate) struct CloudTrail<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) account: &'a SimulatedAccount,
    pub(crate) region: Region,
    pub(crate) caller: &'a Caller,
    pub(crate) body: Value,
    pub(crate) page_fault: Option<FaultKind>,
}

impl CloudTrail<'_> {
    pub(crate) fn lookup_events(&self) -> Result<Value, ApiError> {
        self.caller.check("cloudtrail:LookupEvents", "*")?;
        let attributes = self.body["LookupAttributes"].as_array().map(Vec::as_slice).unwrap_or_default();
        if attributes.len() > 1 {
            return Err(ApiError::new(400, "InvalidLookupAttributesException", "Lookup attributes must not contain more than one attribute."));
        }
        let time = |name: &str| self.body[name].as_f64().and_then(|at| Timestamp::from_timestamp_millis(millis(at)));
        let oldest = self.organization.now() - TimeDelta::days(90);
        let from = time("StartTime").map_or(oldest, |at| at.max(oldest));
        let until = time("EndTime").unwrap_or_else(|| self.organization.now());
        if from > until {
            return Err(ApiError::new(400, "InvalidTimeRangeException", "The start time must be before the end time."));
        }
        let mut events: Vec<Event> =
            self.organization.keys(self.account, &self.region).filter(|key| !key.is_aws_managed()).map(|key| Event::creation(&key)).collect();
        events.retain(|event| event.at >= from && event.at <= until && attributes.iter().all(|attribute| event.has(attribute)));
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        let limit = match self.body["MaxResults"].as_u64() {
            None => 50,
            Some(limit @ 1..=50) => usize::try_from(limit).unwrap_or(50),
            Some(_) => return Err(ApiError::new(400, "InvalidMaxResultsException", "A max results value must be between 1 and 50.")),
        };
        let page = paging::page(events.len(), self.body["NextToken"].as_str(), limit, self.page_fault)
            .ok_or_else(|| ApiError::new(400, "InvalidNextTokenException", "Invalid token"))?;
        let mut answer = json!({"Events": events[page.start..page.end].iter().map(Event::wire).collect::<Vec<_>>()});
        if let Next::Marker(token) = page.next {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a time of a request, cut to milliseconds")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

struct Event {
    at: Timestamp,
    id: String,
    user: String,
    key_arn: String,
    record: String,
}

impl Event {
    fn creation(key: &Key<'_>) -> Self {
        let arn = key.arn();
        let mut dice = Dice::new(u64::from_str_radix(&key.id().to_string().replace(['-', 'm', 'r', 'k'], "")[..16], 16).unwrap_or(0));
        let at = key.metadata().created_at.unwrap_or_default();
        let (id, user) = (dice.uuid(), dice.pick(&["platform-deploy", "alice", "terraform"]));
        let record = json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": format!("AROASANDBOX:{user}"),
                "arn": format!("arn:{}:sts::{}:assumed-role/deployment/{user}", arn.partition(), arn.account()),
                "accountId": arn.account(),
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:{}:iam::{}:role/deployment", arn.partition(), arn.account()), "userName": "deployment"}},
            },
            "eventTime": at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "eventSource": "kms.amazonaws.com",
            "eventName": "CreateKey",
            "awsRegion": arn.region().as_str(),
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-sdk",
            "requestParameters": {"description": key.metadata().description},
            "responseElements": {"keyMetadata": {"arn": arn, "keyId": arn.key_id(), "aWSAccountId": arn.account()}},
            "requestID": dice.uuid(),
            "eventID": id,
            "readOnly": false,
            "resources": [{"accountId": arn.account(), "type": "AWS::KMS::Key", "ARN": arn}],
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": arn.account(),
            "eventCategory": "Management",
        });
        Self { at, id, user: user.to_owned(), key_arn: arn.to_string(), record: record.to_string() }
    }

    fn has(&self, attribute: &Value) -> bool {
        let wanted = attribute["AttributeValue"].as_str().unwrap_or_default();
        match attribute["AttributeKey"].as_str().unwrap_or_default() {
            "EventName" => wanted == "CreateKey",
            "EventSource" => wanted == "kms.amazonaws.com",
            "ResourceName" => self.key_arn == wanted || self.key_arn.ends_with(&format!("/{wanted}")),
            "ResourceType" => wanted == "AWS::KMS::Key",
            "EventId" => self.id == wanted,
            "Username" => self.user == wanted,
            "ReadOnly" => wanted == "false",
            _ => false,
        }
    }

    fn wire(&self) -> Value {
        json!({
            "EventId": self.id,
            "EventName": "CreateKey",
            "ReadOnly": "false",
            "EventTime": seconds(self.at),
            "EventSource": "kms.amazonaws.com",
            "Username": self.user,
            "Resources": [{"ResourceType": "AWS::KMS::Key", "ResourceName": self.key_arn}],
            "CloudTrailEvent": self.record,
        })
    }
}
