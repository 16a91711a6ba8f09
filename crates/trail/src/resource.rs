//! What a key was used on, from the encryption context that services give.

use std::borrow::Cow;

/// The members of an encryption context by which services name the resource that they encrypt, the most telling first.
///
/// Source: the services' documentation of their use of AWS KMS, most under "Encryption context" in their user guides.
pub const RESOURCE_KEYS: &[&str] = &[
    "aws:s3:arn",
    "aws:ebs:id",
    "aws:rds:db-id",
    "aws:rds:dbc-id",
    "aws:dynamodb:tableName",
    "SecretARN",
    "PARAMETER_ARN",
    "aws:lambda:FunctionArn",
    "aws:sqs:arn",
    "aws:sns:topicArn",
    "aws:logs:arn",
    "aws:cloudtrail:arn",
    "aws:ecr:arn",
    "aws:redshift:arn",
    "aws:redshift-serverless:arn",
    "aws:elasticfilesystem:filesystem:id",
    "aws:kinesis:arn",
    "aws:cassandra:tableName",
    "aws:events:event-bus:arn",
    "aws:states:stateMachineArn",
    "aws:backup:backup-vault",
    "aws:codecommit:id",
    "aws:workmail:arn",
    "aws:workspaces:sid-directoryid",
    "aws:pi:service",
    "aws:scheduler:schedule:arn",
    "aws:sso:instance-arn",
    "aws:bedrock:arn",
    "glue_catalog_id",
];

/// The resource that an encryption context names, as it names it; of an object in S3 its bucket, since S3 asks for each object anew and a day of one bucket is one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedResource<'r>(Option<(usize, Cow<'r, str>)>);

impl<'r> NamedResource<'r> {
    /// Takes a member of the context into account: of several names the most telling counts, in whatever order they stand.
    pub fn consider(&mut self, name: &str, value: impl FnOnce() -> Cow<'r, str>) {
        let place = RESOURCE_KEYS.iter().position(|key| *key == name);
        if let Some(place) = place.filter(|place| self.0.as_ref().is_none_or(|(best, _)| place < best)) {
            self.0 = Some((place, value()));
        }
    }

    /// The resource.
    pub fn get(&self) -> Option<&str> {
        let (place, value) = self.0.as_ref()?;
        Some(if RESOURCE_KEYS[*place] == "aws:s3:arn" { bucket(value) } else { value })
    }
}

fn bucket(arn: &str) -> &str {
    arn.split_once('/').map_or(arn, |(bucket, _)| bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let mut named = NamedResource::default();
        for (name, value) in pairs {
            named.consider(name, || (*value).into());
        }
        named.get().map(str::to_owned)
    }

    #[test]
    fn services_name_their_resource_and_an_object_counts_as_its_bucket() {
        assert_eq!(of(&[("aws:ebs:id", "vol-0abc")]).as_deref(), Some("vol-0abc"));
        assert_eq!(
            of(&[("SecretVersionId", "v1"), ("SecretARN", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf")]).as_deref(),
            Some("arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf")
        );
        assert_eq!(of(&[("aws:s3:arn", "arn:aws:s3:::reports/2026/11.csv")]).as_deref(), Some("arn:aws:s3:::reports"));
        assert_eq!(of(&[("aws:s3:arn", "arn:aws:s3:::reports")]).as_deref(), Some("arn:aws:s3:::reports"));
        assert_eq!(of(&[("tenant", "42")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn of_several_names_the_most_telling_counts_in_whatever_order_they_stand() {
        let pairs = [("aws:rds:dbc-id", "cluster-1"), ("aws:rds:db-id", "db-1")];
        assert_eq!(of(&pairs).as_deref(), Some("db-1"));
        assert_eq!(of(&[pairs[1], pairs[0]]).as_deref(), Some("db-1"));
    }
}
