//! One event, and the record that CloudTrail makes of it. Source: AWS CloudTrail User Guide, "CloudTrail record contents", and AWS KMS Developer Guide, "Examples
//! of AWS KMS log entries".

use kms_insights_model::{AccountId, Partition, Timestamp};
use serde_json::{Map, Value, json};

use super::identity::Identity;

/// A time as records tell it: whole seconds.
pub(crate) fn iso(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// From where a request came.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Over the network, with a user agent.
    Network { address: String, agent: String },
    /// From a service, which is both address and agent.
    Service(String),
}

impl Origin {
    pub(crate) fn network(address: impl Into<String>, agent: impl Into<String>) -> Self {
        Self::Network { address: address.into(), agent: agent.into() }
    }
}

/// A resource of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) account: AccountId,
    pub(crate) kind: &'static str,
    pub(crate) arn: String,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// One event in one account's history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    /// `eventID`
    pub(crate) id: String,
    pub(crate) request_id: String,
    /// The same in the other account's record of the same call.
    pub(crate) shared_id: Option<String>,
    /// The account in whose history it is.
    pub(crate) recipient: AccountId,
    pub(crate) partition: Partition,
    pub(crate) region: String,
    /// The service's name before `.amazonaws.com`.
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) identity: Identity,
    pub(crate) origin: Origin,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) request: Value,
    pub(crate) response: Value,
    pub(crate) additional: Option<Value>,
    /// `serviceEventDetails`, for what a service does of its own accord.
    pub(crate) service_details: Option<Value>,
    /// `None` where the service writes no such element.
    pub(crate) resources: Option<Vec<Resource>>,
    pub(crate) read_only: bool,
    pub(crate) kind: EventKind,
}

/// `eventType`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    ApiCall,
    ServiceEvent,
    ConsoleSignIn,
}

impl Event {
    /// `eventSource`
    pub(crate) fn source(&self) -> String {
        format!("{}.amazonaws.com", self.service)
    }

    /// The record, in the order in which CloudTrail writes its elements.
    pub(crate) fn record(&self) -> Value {
        let mut record = Map::new();
        let mut put = |name: &str, value: Value| {
            record.insert(name.to_owned(), value);
        };
        put("eventVersion", "1.11".into());
        put("userIdentity", self.identity.json(self.partition));
        put("eventTime", iso(self.at).into());
        put("eventSource", self.source().into());
        put("eventName", self.name.into());
        put("awsRegion", self.region.as_str().into());
        let (address, agent) = match &self.origin {
            Origin::Network { address, agent } => (address, agent),
            Origin::Service(service) => (service, service),
        };
        put("sourceIPAddress", address.as_str().into());
        put("userAgent", agent.as_str().into());
        if let Some(refusal) = &self.refusal {
            put("errorCode", refusal.code.into());
            put("errorMessage", refusal.message.as_str().into());
        }
        put("requestParameters", self.request.clone());
        put("responseElements", self.response.clone());
        if let Some(additional) = &self.additional {
            put("additionalEventData", additional.clone());
        }
        if self.kind == EventKind::ApiCall {
            put("requestID", self.request_id.as_str().into());
        }
        put("eventID", self.id.as_str().into());
        put("readOnly", self.read_only.into());
        if let Some(resources) = &self.resources {
            let list = resources.iter().map(|resource| json!({"accountId": resource.account, "type": resource.kind, "ARN": resource.arn}));
            put("resources", list.collect());
        }
        let kind = match self.kind {
            EventKind::ApiCall => "AwsApiCall",
            EventKind::ServiceEvent => "AwsServiceEvent",
            EventKind::ConsoleSignIn => "AwsConsoleSignIn",
        };
        put("eventType", kind.into());
        put("managementEvent", true.into());
        put("recipientAccountId", json!(self.recipient));
        if let Some(shared) = &self.shared_id {
            put("sharedEventID", shared.as_str().into());
        }
        if let Some(details) = &self.service_details {
            put("serviceEventDetails", details.clone());
        }
        put("eventCategory", "Management".into());
        if self.kind == EventKind::ApiCall && matches!(self.origin, Origin::Network { .. }) {
            let host = match (self.service, self.partition) {
                ("iam", _) => "iam.amazonaws.com".to_owned(),
                (service, Partition::China) => format!("{service}.{}.amazonaws.com.cn", self.region),
                (service, _) => format!("{service}.{}.amazonaws.com", self.region),
            };
            put("tlsDetails", json!({"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host}));
        }
        if self.identity.is_console() {
            put("sessionCredentialFromConsole", "true".into());
        }
        Value::Object(record)
    }
}
