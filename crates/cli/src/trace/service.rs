//! AWS services as people call them.

use kms_insights_model::Arn;

use super::facts::Use;

/// What CloudTrail calls a service that does not give its name.
pub(super) const UNNAMED: &str = "AWS Internal";

/// What a service is called, by the name before `.amazonaws.com`, which is also its name in ARNs but for those that follow it.
const NAMES: &[(&str, &str)] = &[
    ("athena", "Athena"),
    ("autoscaling", "EC2 Auto Scaling"),
    ("backup", "AWS Backup"),
    ("bedrock", "Bedrock"),
    ("cassandra", "Keyspaces"),
    ("cloudformation", "CloudFormation"),
    ("cloudtrail", "CloudTrail"),
    ("codebuild", "CodeBuild"),
    ("codepipeline", "CodePipeline"),
    ("connect", "Connect"),
    ("dms", "DMS"),
    ("dynamodb", "DynamoDB"),
    ("ebs", "EBS"),
    ("ec2", "EC2"),
    ("ec2-frontend-api", "EC2"),
    ("ecr", "ECR"),
    ("ecs", "ECS"),
    ("eks", "EKS"),
    ("elasticache", "ElastiCache"),
    ("elasticfilesystem", "EFS"),
    ("elasticmapreduce", "EMR"),
    ("es", "OpenSearch"),
    ("events", "EventBridge"),
    ("firehose", "Data Firehose"),
    ("fsx", "FSx"),
    ("glue", "Glue"),
    ("kafka", "MSK"),
    ("kinesis", "Kinesis"),
    ("kms", "KMS"),
    ("lambda", "Lambda"),
    ("logs", "CloudWatch Logs"),
    ("monitoring", "CloudWatch"),
    ("pipes", "EventBridge Pipes"),
    ("rds", "RDS"),
    ("redshift", "Redshift"),
    ("redshift-serverless", "Redshift Serverless"),
    ("s3", "S3"),
    ("sagemaker", "SageMaker"),
    ("scheduler", "EventBridge Scheduler"),
    ("secretsmanager", "Secrets Manager"),
    ("servicecatalog", "Service Catalog"),
    ("ses", "SES"),
    ("sns", "SNS"),
    ("sqs", "SQS"),
    ("ssm", "Systems Manager"),
    ("sso", "IAM Identity Center"),
    ("states", "Step Functions"),
    ("transfer", "Transfer Family"),
    ("workmail", "WorkMail"),
    ("workspaces", "WorkSpaces"),
];

fn named(short: &str) -> Option<&'static str> {
    NAMES.binary_search_by_key(&short, |(short, _)| short).ok().map(|at| NAMES[at].1)
}

/// The name before a service's domain, its Region apart: `logs` of `logs.eu-central-1.amazonaws.com`. `None` for what is no service's host.
fn short(host: &str) -> Option<&str> {
    let front = [".amazonaws.com.cn", ".amazonaws.com", ".amazonaws.eu"].iter().find_map(|domain| host.strip_suffix(domain))?;
    front.split('.').next().filter(|short| !short.is_empty())
}

/// What a service is called, by its host, such as `states.amazonaws.com`; `None` for what is no service's host.
pub(super) fn service_of_host(host: &str) -> Option<String> {
    let short = short(host)?;
    Some(named(short).map_or_else(|| host.to_owned(), str::to_owned))
}

/// The service that a resource is of, as encryption contexts name resources.
fn service_of_resource(resource: &str) -> Option<String> {
    if let Some(arn) = Arn::parse(resource) {
        return Some(named(arn.service).unwrap_or(arn.service).to_owned());
    }
    let known = [("vol-", "EBS"), ("snap-", "EBS"), ("fs-", "EFS")];
    known.iter().find(|(prefix, _)| resource.starts_with(prefix)).map(|(_, service)| (*service).to_owned())
}

/// The service through which a key is used; `None` where whoever uses it asks KMS directly.
pub(super) fn service_of_use(used: &Use) -> Option<String> {
    let host = used.invoked_by.as_deref();
    host.and_then(service_of_host)
        .or_else(|| used.resource.as_deref().and_then(service_of_resource))
        // Some services, S3 among them, do not give their name.
        .or_else(|| host.map(|_| "a service that is not named".to_owned()))
}

/// The service that an AWS managed key is for, by its alias: `aws/ebs`.
pub(super) fn service_of_managed_alias(alias: &str) -> Option<String> {
    let short = alias.strip_prefix("alias/aws/")?;
    Some(named(short).unwrap_or(short).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(invoked_by: Option<&str>, resource: Option<&str>) -> Option<String> {
        let at = kms_insights_model::Timestamp::UNIX_EPOCH;
        service_of_use(&Use {
            key_arn: String::new(),
            principal: String::new(),
            event_name: "Decrypt".to_owned(),
            resource: resource.map(str::to_owned),
            invoked_by: invoked_by.map(str::to_owned),
            uses: 1,
            errors: 0,
            first_at: at,
            last_at: at,
            first_used_on: None,
            last_used_at: None,
        })
    }

    #[test]
    fn services_are_in_order_so_that_they_can_be_looked_up() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn a_service_is_known_by_its_host_and_else_by_the_resource() {
        let name = |invoked_by, resource| used(invoked_by, resource).unwrap();
        assert_eq!(name(Some("states.amazonaws.com"), None), "Step Functions");
        assert_eq!(name(Some("logs.cn-north-1.amazonaws.com.cn"), None), "CloudWatch Logs");
        assert_eq!(name(Some("new.amazonaws.com"), Some("vol-0abc")), "new.amazonaws.com");
        assert_eq!(name(Some(UNNAMED), Some("arn:aws:s3:::reports")), "S3");
        assert_eq!(name(Some(UNNAMED), None), "a service that is not named");
        assert_eq!(name(None, Some("vol-0abc")), "EBS");
        assert_eq!(name(None, Some("arn:aws:new:eu-west-1:111122223333:x")), "new");
        assert_eq!(used(None, Some("orders")), None);
        assert_eq!(used(None, None), None);
    }

    #[test]
    fn managed_keys_name_their_service() {
        assert_eq!(service_of_managed_alias("alias/aws/secretsmanager").as_deref(), Some("Secrets Manager"));
        assert_eq!(service_of_managed_alias("alias/aws/acm").as_deref(), Some("acm"));
        assert_eq!(service_of_managed_alias("alias/app"), None);
    }
}
