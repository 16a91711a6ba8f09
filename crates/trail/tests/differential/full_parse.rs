//! What a full parse finds in a log file: a straightforward one, written from the documentation of the fields alone.

use std::{collections::BTreeSet, fmt};

use kms_insights_trail::{FileReport, LogReader, MOST_PROBLEMS, Problem, ProblemKind, RESOURCE_KEYS, event::KmsEvent};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

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

/// What a record of KMS says; `None` where it lacks what every record has.
fn event(record: &Value) -> Option<Event> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = chrono::DateTime::parse_from_rfc3339(record["eventTime"].as_str()?).ok()?;
    let name = text(&record["eventName"]).filter(|name| !name.is_empty())?;
    let id = text(&record["eventID"]).filter(|id| !id.is_empty())?;
    let (identity, request, response) = (&record["userIdentity"], &record["requestParameters"], &record["responseElements"]);
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
        resources: record["resources"].as_array().into_iter().flatten().filter_map(|item| last_text(item, &["ARN", "arn"])).collect(),
        request: [
            text(&request["keyId"]),
            text(&request["sourceKeyId"]),
            text(&request["destinationKeyId"]),
            text(&request["targetKeyId"]),
            resource(members(request).flat_map(|(name, value)| {
                match name.as_str() {
                    "encryptionContext" => vec![value],
                    "constraints" => members(value)
                        .filter(|(name, _)| ["encryptionContextSubset", "encryptionContextEquals"].contains(&name.as_str()))
                        .map(|(_, value)| value)
                        .collect(),
                    _ => Vec::new(),
                }
            })),
            resource([&request["sourceEncryptionContext"]]),
            resource([&request["destinationEncryptionContext"]]),
        ],
        response: [
            text(&response["keyId"]),
            members(response)
                .filter(|(name, _)| ["keyMetadata", "replicaKeyMetadata"].contains(&name.as_str()))
                .filter_map(|(_, made)| text(&made["arn"]))
                .last(),
        ],
    })
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

/// Of the members with these names the last that is text.
fn last_text(object: &Value, names: &[&str]) -> Option<String> {
    members(object).filter(|(name, _)| names.contains(&name.as_str())).filter_map(|(_, value)| value.as_str()).last().map(str::to_owned)
}

/// The most telling resource that encryption contexts name, the first of those that are equally telling; the bucket of an object.
fn resource<'v>(contexts: impl IntoIterator<Item = &'v Value>) -> Option<String> {
    let named = contexts.into_iter().flat_map(members).filter_map(|(name, value)| Some((RESOURCE_KEYS.iter().position(|key| key == name)?, value.as_str()?)));
    let (place, resource) = named.min_by_key(|(place, _)| *place)?;
    Some(if RESOURCE_KEYS[place] == "aws:s3:arn" { resource.split('/').next()?.to_owned() } else { resource.to_owned() })
}

/// A log file as a full parse finds it: JSON documents one behind the other, the records where they stand.
pub(crate) struct Log<'t> {
    text: &'t [u8],
    records: Vec<&'t RawValue>,
}

impl<'t> Log<'t> {
    /// `None` where the text is no JSON in UTF-8, or `Records` something else than lists of objects.
    pub(crate) fn parse(text: &'t [u8]) -> Option<Self> {
        let json = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let mut documents = serde_json::Deserializer::from_slice(json).into_iter::<Document>().peekable();
        documents.peek()?;
        let documents = documents.collect::<Result<Vec<_>, _>>().ok()?;
        let records: Vec<&RawValue> = documents.into_iter().flat_map(|document| document.records).collect();
        records.iter().all(|record| record.get().starts_with('{')).then_some(Self { text, records })
    }

    /// What the reader should find. `None` where a record has a name twice or text that none can be, so that there is no one answer.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let report = FileReport { text_bytes: self.text.len() as u64, records: self.records.len() as u64, ..FileReport::default() };
        let mut outcome = Outcome { report, events: Vec::new() };
        for written in &self.records {
            serde_json::from_str::<UniqueNames>(written.get()).ok()?;
            let record: Value = serde_json::from_str(written.get()).ok()?;
            if record["eventSource"] == "kms.amazonaws.com" {
                outcome.report.kms_records += 1;
                if let Some(event) = event(&record) {
                    outcome.events.push((event, record));
                } else {
                    outcome.report.problem_count += 1;
                    let offset = written.get().as_ptr().addr() - self.text.as_ptr().addr();
                    outcome.report.problems.push(Problem { kind: ProblemKind::BadRecord, offset: offset as u64 });
                }
            }
        }
        outcome.report.problems.truncate(MOST_PROBLEMS);
        Some(outcome)
    }

    /// Without the records that do not end within the first bytes.
    pub(crate) fn within(mut self, len: usize) -> Self {
        self.records.retain(|record| record.get().as_ptr().addr() + record.get().len() - self.text.as_ptr().addr() <= len);
        self
    }
}

/// What comes of a file: its report, its events and their records.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) report: FileReport,
    pub(crate) events: Vec<(Event, Value)>,
}

/// What the reader finds.
pub(crate) fn read(file: &[u8]) -> Outcome {
    let mut events = Vec::new();
    let report = LogReader::new().read(file, |event, record| events.push((Event::from(event), serde_json::from_str(record).unwrap_or_default())));
    Outcome { report, events }
}

/// Whether a record that the reader handed on says something else, or is not of KMS. Not if it is no JSON of which there is one reading.
pub(crate) fn contradicts(record: &str, found: &Event) -> bool {
    let parsed = serde_json::from_str::<UniqueNames>(record).and_then(|_| serde_json::from_str::<Value>(record));
    parsed.is_ok_and(|record| record["eventSource"] != "kms.amazonaws.com" || event(&record).as_ref() != Some(found))
}

struct Document<'t> {
    records: Vec<&'t RawValue>,
}

impl<'t> Deserialize<'t> for Document<'t> {
    fn deserialize<D: Deserializer<'t>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'t> Visitor<'t> for Members {
            type Value = Document<'t>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }
            fn visit_map<M: MapAccess<'t>>(self, mut members: M) -> Result<Document<'t>, M::Error> {
                let mut records = Vec::new();
                while let Some(name) = members.next_key::<String>()? {
                    if name == "Records" {
                        records.extend(members.next_value::<Option<Vec<&RawValue>>>()?.into_iter().flatten());
                    } else {
                        members.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Document { records })
            }
        }
        from.deserialize_map(Members)
    }
}

/// JSON in whose objects no name stands twice.
struct UniqueNames;

impl<'t> Deserialize<'t> for UniqueNames {
    fn deserialize<D: Deserializer<'t>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'t> Visitor<'t> for Any {
            type Value = UniqueNames;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<UniqueNames, E> {
                Ok(UniqueNames)
            }
            fn visit_bool<E>(self, _: bool) -> Result<UniqueNames, E> {
                Ok(UniqueNames)
            }
            fn visit_i64<E>(self, _: i64) -> Result<UniqueNames, E> {
                Ok(UniqueNames)
            }
            fn visit_u64<E>(self, _: u64) -> Result<UniqueNames, E> {
                Ok(UniqueNames)
            }
            fn visit_f64<E>(self, _: f64) -> Result<UniqueNames, E> {
                Ok(UniqueNames)
            }
            fn visit_str<E>(self, _: &str) -> Result<UniqueNames, E> {
                Ok(UniqueNames)
            }
            fn visit_seq<S: SeqAccess<'t>>(self, mut items: S) -> Result<UniqueNames, S::Error> {
                while items.next_element::<UniqueNames>()?.is_some() {}
                Ok(UniqueNames)
            }
            fn visit_map<M: MapAccess<'t>>(self, mut members: M) -> Result<UniqueNames, M::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, _)) = members.next_entry::<String, UniqueNames>()? {
                    if !names.insert(name) {
                        return Err(serde::de::Error::custom("a name stands twice"));
                    }
                }
                Ok(UniqueNames)
            }
        }
        from.deserialize_any(Any)
    }
}
