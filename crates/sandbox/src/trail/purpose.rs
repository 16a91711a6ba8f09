//! What a key is used for, and how the encryption context tells it.
//!
//! Sources: the pages on data protection of the services, each of which says which encryption context it sends.

use kms_insights_model::{AccountId, Partition};

/// What a cryptographic operation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// No encryption context: asymmetric and HMAC keys have none, and applications need not send one.
    Untold,
    /// An application's own encryption context, which names no resource of AWS.
    Application(&'static str),
    Volume(String),
    /// RDS tells an instance by its id.
    Database(String),
    /// S3 tells the object; with an S3 Bucket Key, the bucket.
    Bucket {
        bucket: String,
        object: Option<String>,
    },
    Table {
        name: String,
        subscriber: AccountId,
    },
    Secret {
        arn: String,
        version: String,
    },
    Parameter(String),
    Function(String),
    Queue(String),
    Topic(String),
    LogGroup(String),
    StateMachine(String),
    FileSystem(String),
    Warehouse {
        arn: String,
        created: String,
    },
}

impl Purpose {
    /// The encryption context.
    pub(crate) fn context(&self, partition: Partition) -> Vec<(&'static str, String)> {
        match self {
            Self::Untold => Vec::new(),
            Self::Application(name) => vec![("Application", (*name).to_owned()), ("Purpose", "field-encryption".to_owned())],
            Self::Volume(id) => vec![("aws:ebs:id", id.clone())],
            Self::Database(id) => vec![("aws:rds:db-id", id.clone())],
            Self::Bucket { bucket, object } => {
                let object = object.as_ref().map_or(String::new(), |object| format!("/{object}"));
                vec![("aws:s3:arn", format!("arn:{partition}:s3:::{bucket}{object}"))]
            }
            Self::Table { name, subscriber } => vec![("aws:dynamodb:subscriberId", subscriber.to_string()), ("aws:dynamodb:tableName", name.clone())],
            Self::Secret { arn, version } => vec![("SecretARN", arn.clone()), ("SecretVersionId", version.clone())],
            Self::Parameter(arn) => vec![("PARAMETER_ARN", arn.clone())],
            Self::Function(arn) => vec![("aws:lambda:FunctionArn", arn.clone())],
            Self::Queue(arn) => vec![("aws:sqs:arn", arn.clone())],
            Self::Topic(arn) => vec![("aws:sns:topicArn", arn.clone())],
            Self::LogGroup(arn) => vec![("aws:logs:arn", arn.clone())],
            Self::StateMachine(arn) => vec![("aws:states:stateMachineArn", arn.clone())],
            Self::FileSystem(id) => vec![("aws:elasticfilesystem:filesystem:id", id.clone())],
            Self::Warehouse { arn, created } => vec![("aws:redshift:arn", arn.clone()), ("aws:redshift:createtime", created.clone())],
        }
    }

    /// The resource that a use is reckoned to: for an object of S3 its bucket, and none where the context names none of AWS's.
    pub(crate) fn resource(&self, partition: Partition) -> Option<String> {
        match self {
            Self::Untold | Self::Application(_) => None,
            Self::Bucket { bucket, .. } => Some(format!("arn:{partition}:s3:::{bucket}")),
            Self::Table { name, .. } => Some(name.clone()),
            Self::Secret { arn, .. } | Self::Warehouse { arn, .. } => Some(arn.clone()),
            Self::Volume(text)
            | Self::Database(text)
            | Self::Parameter(text)
            | Self::Function(text)
            | Self::Queue(text)
            | Self::Topic(text)
            | Self::LogGroup(text)
            | Self::StateMachine(text)
            | Self::FileSystem(text) => Some(text.clone()),
        }
    }
}
