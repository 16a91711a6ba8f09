//! One KMS record, its parts as CloudTrail names them.
//!
//! Source: "CloudTrail record contents" and "CloudTrail userIdentity element" in the AWS CloudTrail User Guide; "Logging AWS KMS API calls with AWS CloudTrail" in the AWS KMS Developer Guide.

use std::borrow::Cow;

use crate::{
    resource::NamedResource,
    scan::{Cursor, KmsRecord, Malformed, Raw, Value},
    time::EventTime,
};

/// Text of a record, borrowed where it has no escapes.
pub type Text<'r> = Cow<'r, str>;

/// A record of KMS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmsEvent<'r> {
    /// `eventTime`
    pub at: EventTime,
    /// `eventName`, such as `Decrypt`
    pub name: Text<'r>,
    /// `eventID`
    pub id: Text<'r>,
    /// `sharedEventID`: the same in each account that records the event.
    pub shared_id: Option<Text<'r>>,
    /// `awsRegion`
    pub region: Text<'r>,
    /// `recipientAccountId`: the account whose record this is.
    pub recipient: Option<Text<'r>>,
    /// `errorCode`: the call failed.
    pub error_code: Option<Text<'r>>,
    /// `userIdentity`
    pub identity: Identity<'r>,
    /// `resources[].ARN`, in their order.
    pub resources: Vec<Text<'r>>,
    /// `requestParameters`
    pub request: Request<'r>,
    /// `responseElements`
    pub response: Response<'r>,
}

/// `userIdentity`: who called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity<'r> {
    /// `type`, such as `AssumedRole`
    pub kind: Option<Text<'r>>,
    /// `arn`: of a role's session, not of the role.
    pub arn: Option<Text<'r>>,
    /// `accountId`
    pub account: Option<Text<'r>>,
    /// `principalId`
    pub principal_id: Option<Text<'r>>,
    /// `userName`
    pub user_name: Option<Text<'r>>,
    /// `invokedBy`: the service that called on somebody's behalf, or on its own.
    pub invoked_by: Option<Text<'r>>,
    /// `sessionContext.sessionIssuer.arn`: the role or user whose session it is.
    pub issuer_arn: Option<Text<'r>>,
}

/// `requestParameters`, as far as it says which key, for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request<'r> {
    /// `keyId`: an id, an ARN, an alias' name or its ARN.
    pub key_id: Option<Text<'r>>,
    /// `sourceKeyId`, of `ReEncrypt`.
    pub source_key_id: Option<Text<'r>>,
    /// `destinationKeyId`, of `ReEncrypt`.
    pub destination_key_id: Option<Text<'r>>,
    /// `targetKeyId`, of operations on aliases.
    pub target_key_id: Option<Text<'r>>,
    /// The resource that `encryptionContext` names; of `CreateGrant` that of its constraints.
    pub context: NamedResource<'r>,
    /// The resource that `sourceEncryptionContext` names, of `ReEncrypt`.
    pub source_context: NamedResource<'r>,
    /// The resource that `destinationEncryptionContext` names, of `ReEncrypt`.
    pub destination_context: NamedResource<'r>,
}

/// `responseElements`, as far as it names the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response<'r> {
    /// `keyId`, an ARN since December 2022
    pub key_id: Option<Text<'r>>,
    /// `keyMetadata.arn`, of `CreateKey`; `replicaKeyMetadata.arn`, of `ReplicateKey`
    pub key_arn: Option<Text<'r>>,
}

/// Why a record of KMS cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is no JSON from here on.
    Malformed(Malformed),
    /// It has no `eventTime`, `eventName` or `eventID` of the form that they have.
    Incomplete,
}

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl<'r> KmsEvent<'r> {
    /// The account whose record this is.
    pub fn recorded_by(&self) -> &str {
        self.recipient.as_deref().or(self.identity.account.as_deref()).unwrap_or_default()
    }

    /// Reads a record.
    pub(crate) fn read(record: KmsRecord<'r>) -> Result<Self, Unreadable> {
        let mut event = Self::default();
        let mut has_time = false;
        let mut cursor = Cursor::new(record);
        cursor.enter();
        while let Some((name, value)) = cursor.member()? {
            match (name.written(), value) {
                ("eventTime", Value::String(text)) => {
                    let at = EventTime::parse(text.written().as_bytes());
                    has_time = at.is_some();
                    event.at = at.unwrap_or_default();
                }
                ("eventName", Value::String(text)) => event.name = cursor.text(text),
                ("eventID", Value::String(text)) => event.id = cursor.text(text),
                ("sharedEventID", Value::String(text)) => event.shared_id = Some(cursor.text(text)),
                ("awsRegion", Value::String(text)) => event.region = cursor.text(text),
                ("recipientAccountId", Value::String(text)) => event.recipient = Some(cursor.text(text)),
                ("errorCode", Value::String(text)) => event.error_code = Some(cursor.text(text)),
                ("userIdentity", Value::Nested) => event.identity.read(&mut cursor)?,
                ("resources", Value::Nested) => resources(&mut event.resources, &mut cursor)?,
                ("requestParameters", Value::Nested) => event.request.read(&mut cursor)?,
                ("responseElements", Value::Nested) => event.response.read(&mut cursor)?,
                (_, Value::Nested) => cursor.pass()?,
                _ => {}
            }
        }
        if has_time && !event.name.is_empty() && !event.id.is_empty() { Ok(event) } else { Err(Unreadable::Incomplete) }
    }
}

impl<'r> Identity<'r> {
    fn read(&mut self, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
        // Of a member that stands twice the last counts, as most readers of JSON have it.
        *self = Self::default();
        object(cursor, |name, value, cursor| {
            let member = match name.written() {
                "type" => &mut self.kind,
                "arn" => &mut self.arn,
                "accountId" => &mut self.account,
                "principalId" => &mut self.principal_id,
                "userName" => &mut self.user_name,
                "invokedBy" => &mut self.invoked_by,
                "sessionContext" if value == Value::Nested => {
                    self.issuer_arn = issuer(cursor)?;
                    return Ok(());
                }
                _ => return skip(value, cursor),
            };
            text_into(member, value, cursor)
        })
    }
}

/// `sessionContext.sessionIssuer.arn`
fn issuer<'r>(cursor: &mut Cursor<'r>) -> Result<Option<Text<'r>>, Malformed> {
    let mut arn = None;
    object(cursor, |name, value, cursor| match (name.written(), value) {
        ("sessionIssuer", Value::Nested) => object(cursor, |name, value, cursor| match name.written() {
            "arn" => text_into(&mut arn, value, cursor),
            _ => skip(value, cursor),
        }),
        _ => skip(value, cursor),
    })?;
    Ok(arn)
}

/// A record lists at most so many resources. Those of KMS list one or two; for each there may be a row, so that their number must have a bound.
const MOST_RESOURCES: usize = 32;

/// The ARNs of a record's resources. `ARN` in records of events, `arn` in what some tools made of them.
fn resources<'r>(arns: &mut Vec<Text<'r>>, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
    arns.clear();
    if !cursor.is_list()? {
        return cursor.pass();
    }
    cursor.enter();
    while let Some(item) = cursor.item()? {
        if item == Value::Nested && !cursor.is_list()? {
            let mut arn = None;
            object(cursor, |name, value, cursor| match name.written() {
                "ARN" | "arn" => text_into(&mut arn, value, cursor),
                _ => skip(value, cursor),
            })?;
            if arns.len() == MOST_RESOURCES {
                return Err(cursor.here());
            }
            arns.extend(arn);
        } else {
            skip(item, cursor)?;
        }
    }
    Ok(())
}

impl<'r> Request<'r> {
    fn read(&mut self, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
        // Of a member that stands twice the last counts, as most readers of JSON have it.
        *self = Self::default();
        object(cursor, |name, value, cursor| {
            let member = match name.written() {
                "keyId" => &mut self.key_id,
                "sourceKeyId" => &mut self.source_key_id,
                "destinationKeyId" => &mut self.destination_key_id,
                "targetKeyId" => &mut self.target_key_id,
                "encryptionContext" => return context(&mut self.context, value, cursor),
                "sourceEncryptionContext" => return context(&mut self.source_context, value, cursor),
                "destinationEncryptionContext" => return context(&mut self.destination_context, value, cursor),
                "constraints" if value == Value::Nested => {
                    let into = &mut self.context;
                    return object(cursor, |name, value, cursor| match name.written() {
                        "encryptionContextSubset" | "encryptionContextEquals" => context(into, value, cursor),
                        _ => skip(value, cursor),
                    });
                }
                _ => return skip(value, cursor),
            };
            text_into(member, value, cursor)
        })
    }
}

impl<'r> Response<'r> {
    fn read(&mut self, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
        // Of a member that stands twice the last counts, as most readers of JSON have it.
        *self = Self::default();
        object(cursor, |name, value, cursor| match name.written() {
            "keyId" => text_into(&mut self.key_id, value, cursor),
            "keyMetadata" | "replicaKeyMetadata" if value == Value::Nested => object(cursor, |name, value, cursor| match name.written() {
                "arn" => text_into(&mut self.key_arn, value, cursor),
                _ => skip(value, cursor),
            }),
            _ => skip(value, cursor),
        })
    }
}

/// The resource that an encryption context names.
fn context<'r>(named: &mut NamedResource<'r>, value: Value<'r>, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
    if value != Value::Nested {
        return Ok(());
    }
    object(cursor, |name, value, cursor| {
        if let Value::String(text) = value {
            named.consider(&cursor.text(name), || cursor.text(text));
        }
        skip(value, cursor)
    })
}

/// Hands each member of the object before the cursor to `member`, which passes what is nested in it. A list is passed over.
fn object<'r>(cursor: &mut Cursor<'r>, mut member: impl FnMut(Raw<'r>, Value<'r>, &mut Cursor<'r>) -> Result<(), Malformed>) -> Result<(), Malformed> {
    if cursor.is_list()? {
        return cursor.pass();
    }
    cursor.enter();
    while let Some((name, value)) = cursor.member()? {
        member(name, value, cursor)?;
    }
    Ok(())
}

fn skip<'r>(value: Value<'r>, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
    if value == Value::Nested { cursor.pass() } else { Ok(()) }
}

fn text_into<'r>(member: &mut Option<Text<'r>>, value: Value<'r>, cursor: &mut Cursor<'r>) -> Result<(), Malformed> {
    if let Value::String(text) = value {
        *member = Some(cursor.text(text));
    }
    skip(value, cursor)
}
