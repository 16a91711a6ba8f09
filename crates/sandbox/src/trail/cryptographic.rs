//! Cryptographic operations: what CloudTrail tells of them, and what they count for.

use kms_insights_model::{AccountId, KeyArn, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    event::{Event, EventKind, Origin, Refusal, Resource},
    identity::Identity,
    purpose::Purpose,
};

macro_rules! operations {
    ($($name:ident),+) => {
        /// A cryptographic operation with a KMS key. Source: AWS KMS Developer Guide, "Cryptographic operations".
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation {
            $($name),+
        }

        impl Operation {
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),+
                }
            }

            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

operations! {
    Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, ReEncrypt, Sign, Verify,
    GenerateMac, VerifyMac, DeriveSharedSecret
}

/// How a request names its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyName {
    /// Not at all: ciphertext of a symmetric key tells its key itself.
    Absent,
    Id,
    Arn,
    /// `alias/…`
    Alias(String),
}

/// One call of a cryptographic operation, whoever's account is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) at: Timestamp,
    /// `eventID` in the account of the caller, or of the owner where a service calls.
    pub(crate) id: String,
    /// `eventID` in the owner's account, where the caller is of another.
    pub(crate) owner_id: String,
    pub(crate) request_id: String,
    pub(crate) shared_id: String,
    pub(crate) operation: Operation,
    /// For `ReEncrypt` the source.
    pub(crate) key: KeyArn,
    /// For `ReEncrypt`.
    pub(crate) destination: Option<KeyArn>,
    pub(crate) named: KeyName,
    pub(crate) algorithm: String,
    pub(crate) purpose: Purpose,
    /// The material that was used, where KMS tells it.
    pub(crate) material: Option<String>,
    pub(crate) caller: Identity,
    pub(crate) origin: Origin,
    pub(crate) refusal: Option<Refusal>,
}

/// A call is refused before its parameters are looked at.
const DENIED: &str = "AccessDenied";

impl Use {
    pub(crate) fn caller_account(&self) -> AccountId {
        self.caller.account().unwrap_or(self.key.account())
    }

    /// Whether caller and owner are two accounts.
    pub(crate) fn is_cross_account(&self) -> bool {
        self.caller_account() != self.key.account()
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.code == DENIED)
    }

    /// The keys that it is a use of, each once.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &KeyArn> {
        std::iter::once(&self.key).chain(self.destination.as_ref().filter(|destination| **destination != self.key))
    }

    /// The resource that the record tells: none for denied calls, whose parameters CloudTrail leaves out.
    pub(crate) fn resource(&self) -> Option<String> {
        if self.is_denied() { None } else { self.purpose.resource(self.key.partition()) }
    }

    pub(crate) fn denied(caller: &str, operation: Operation, key: &KeyArn) -> Refusal {
        let operation = operation.name();
        Refusal {
            code: DENIED,
            message: format!(
                "User: {caller} is not authorized to perform: kms:{operation} on resource: {key} because no identity-based policy allows the kms:{operation} action"
            ),
        }
    }

    fn key_name(&self, key: &KeyArn) -> Option<String> {
        match &self.named {
            KeyName::Absent => None,
            KeyName::Id => Some(key.key_id().to_string()),
            KeyName::Arn => Some(key.to_string()),
            KeyName::Alias(alias) => Some(alias.clone()),
        }
    }

    fn request(&self) -> Value {
        use Operation as O;
        if self.is_denied() {
            return Value::Null;
        }
        let mut request = Map::new();
        let mut put = |name: &str, value: Value| {
            request.insert(name.to_owned(), value);
        };
        let context: Map<String, Value> = self.purpose.context(self.key.partition()).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        if self.operation == O::ReEncrypt {
            if !context.is_empty() {
                put("sourceEncryptionContext", Value::Object(context.clone()));
            }
            put("sourceEncryptionAlgorithm", self.algorithm.as_str().into());
            put("destinationKeyId", json!(self.destination.as_ref().and_then(|key| self.key_name(key))));
            put("destinationEncryptionAlgorithm", self.algorithm.as_str().into());
            if !context.is_empty() {
                put("destinationEncryptionContext", Value::Object(context));
            }
            return Value::Object(request);
        }
        if let Some(name) = self.key_name(&self.key) {
            put("keyId", name.into());
        }
        match self.operation {
            O::Decrypt | O::Encrypt => put("encryptionAlgorithm", self.algorithm.as_str().into()),
            // DynamoDB and RDS ask for a number of bytes, the others for a kind of key.
            O::GenerateDataKey | O::GenerateDataKeyWithoutPlaintext if matches!(self.purpose, Purpose::Table { .. } | Purpose::Database(_)) => {
                put("numberOfBytes", 64.into());
            }
            O::GenerateDataKey | O::GenerateDataKeyWithoutPlaintext => put("keySpec", "AES_256".into()),
            O::GenerateDataKeyPair | O::GenerateDataKeyPairWithoutPlaintext => put("keyPairSpec", "RSA_3072".into()),
            O::Sign | O::Verify => {
                put("messageType", "DIGEST".into());
                put("signingAlgorithm", self.algorithm.as_str().into());
            }
            O::GenerateMac | O::VerifyMac => put("macAlgorithm", self.algorithm.as_str().into()),
            O::DeriveSharedSecret => put("keyAgreementAlgorithm", self.algorithm.as_str().into()),
            O::ReEncrypt => {}
        }
        if !context.is_empty() {
            put("encryptionContext", Value::Object(context));
        }
        Value::Object(request)
    }

    fn additional(&self) -> Option<Value> {
        let material = self.material.as_ref().filter(|_| self.refusal.is_none())?;
        Some(match self.operation {
            Operation::ReEncrypt => json!({"destinationKeyMaterialId": material, "sourceKeyMaterialId": material}),
            _ => json!({"keyMaterialId": material}),
        })
    }

    /// As the caller's account is told of it; a service's call, as the owner is.
    pub(crate) fn event(&self) -> Event {
        let resource = |key: &KeyArn| Resource { account: key.account(), kind: "AWS::KMS::Key", arn: key.to_string() };
        Event {
            at: self.at,
            id: self.id.clone(),
            request_id: self.request_id.clone(),
            shared_id: (self.is_cross_account() && !self.is_denied()).then(|| self.shared_id.clone()),
            recipient: self.caller_account(),
            partition: self.key.partition(),
            region: self.key.region().to_string(),
            service: "kms",
            name: self.operation.name(),
            identity: self.caller.clone(),
            origin: self.origin.clone(),
            refusal: self.refusal.clone(),
            request: self.request(),
            response: Value::Null,
            additional: self.additional(),
            service_details: None,
            resources: Some(std::iter::once(&self.key).chain(&self.destination).map(resource).collect()),
            read_only: true,
            kind: EventKind::ApiCall,
        }
    }

    /// As the key's owner is told of it, where the caller is of another account. Denied calls are told to the caller alone.
    ///
    /// Source: AWS KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail"; AWS CloudTrail User Guide, "`sharedEventID`".
    pub(crate) fn owner_event(&self) -> Option<Event> {
        (self.is_cross_account() && !self.is_denied()).then(|| {
            let partition = self.key.partition();
            let identity = Identity::Account { account: self.caller_account(), principal_id: self.caller.principal_id(partition) };
            Event { id: self.owner_id.clone(), recipient: self.key.account(), identity, ..self.event() }
        })
    }
}
