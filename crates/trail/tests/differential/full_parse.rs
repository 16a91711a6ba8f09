//! What a full parse finds in a log file: a straightforward one, written from the documentation of the fields alone.

use kms_insights_trail::{FileReport, LogReader, RESOURCE_KEYS, event::KmsEvent};
use serde_json::Value;

/// All that is read of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    seconds: i64,
    name: String,
    id: String,
    shared_id: Option<String>,
    region: String,
    recipient: Option<String>,
    error_code: Option<String>,
    /// Type, ARN, account, principal's id, user's name, service, and issuer's ARN.
    identity: [Option<String>; 7],
    resources: Vec<String>,
    /// Key, source, destination and target; the resources of the context, of that of the source, and of that of the destination.
    request: [Option<String>; 7],
    /// Key, and the ARN of a key that was made.
    response: [Option<String>; 2],
}

impl From<&KmsEvent<'_>> for Event {
    fn from(event: &KmsEvent<'_>) -> Self {
        let (identity, request, response) = (&event.identity, &event.request, &event.response);
        let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let resource = |context: &kms_insights_trail::NamedResource<'_>| context.get().map(str::to_owned);
        Self {
            seconds: event.at.seconds(),
            name: event.name.to_string(),
            id: event.id.to_string(),
            shared_id: text(&event.shared_id),
            region: event.region.to_string(),
            recipient: text(&event.recipient),
            error_code: text(&event.error_code),
            identity: [
                &identity.kind,
                &identity.arn,
                &identity.account,
                &identity.principal_id,
                &identity.user_name,
                &identity.invoked_by,
                &identity.issuer_arn,
            ]
            .map(text),
            resources: event.resources.iter().map(ToString::to_string).collect(),
            request: [
                text(&request.key_id),
                text(&request.source_key_id),
                text(&request.destination_key_id),
                text(&request.target_key_id),
                resource(&request.context),
                resource(&request.source_context),
                resource(&request.destination_context),
            ],
            response: [text(&response.key_id), text(&response.key_arn)],
        }
    }
}

/// Whether a record is of KMS.
pub(crate) fn is_kms(record: &Value) -> bool {
    record["eventSource"] == "kms.amazonaws.com"
}

/// What a record of KMS says; `None` where it lacks what every record has.
pub(crate) fn event(record: &Value) -> Option<Event> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = chrono::DateTime::parse_from_rfc3339(record["eventTime"].as_str()?).ok()?;
    let name = text(&record["eventName"]).filter(|name| !name.is_empty())?;
    let id = text(&record["eventID"]).filter(|id| !id.is_empty())?;
    let (identity, request, response) = (&record["userIdentity"], &record["requestParameters"], &record["responseElements"]);
    let constraints = &request["constraints"];
    // In the order in which they stand: of two that are as telling, the first counts.
    let members = request.as_object().into_iter().flatten().chain(constraints.as_object().into_iter().flatten().filter(|_| constraints_come_last(request)));
    let contexts: Vec<&Value> = if constraints_come_last(request) {
        members.filter(|(name, _)| is_context(name)).map(|(_, value)| value).collect()
    } else {
        let own = request.as_object().into_iter().flatten().filter(|(name, _)| *name == "encryptionContext");
        constraints.as_object().into_iter().flatten().filter(|(name, _)| is_context(name)).chain(own).map(|(_, value)| value).collect()
    };
    let made = response.as_object().into_iter().flatten().filter(|(name, _)| ["keyMetadata", "replicaKeyMetadata"].contains(&name.as_str()));
    Some(Event {
        seconds: time.timestamp(),
        name,
        id,
        shared_id: text(&record["sharedEventID"]),
        region: text(&record["awsRegion"]).unwrap_or_default(),
        recipient: text(&record["recipientAccountId"]),
        error_code: text(&record["errorCode"]),
        identity: [
            text(&identity["type"]),
            text(&identity["arn"]),
            text(&identity["accountId"]),
            text(&identity["principalId"]),
            text(&identity["userName"]),
            text(&identity["invokedBy"]),
            text(&identity["sessionContext"]["sessionIssuer"]["arn"]),
        ],
        resources: record["resources"].as_array().into_iter().flatten().filter_map(arn).collect(),
        request: [
            text(&request["keyId"]),
            text(&request["sourceKeyId"]),
            text(&request["destinationKeyId"]),
            text(&request["targetKeyId"]),
            resource(contexts),
            resource([&request["sourceEncryptionContext"]]),
            resource([&request["destinationEncryptionContext"]]),
        ],
        response: [text(&response["keyId"]), made.filter_map(|(_, made)| text(&made["arn"])).last()],
    })
}
