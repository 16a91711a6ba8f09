//! `deploy/quicksight.yaml`: the payloads as resources, the role that reads for them, and the parameters that fill in their places.

use kms_insights_athena::permissions::{Purpose, Resource, statements};
use serde_json::{Map, Value, json};

use crate::{
    data_sets::{self, logical_id},
    payloads, yaml,
};

pub(crate) fn yaml() -> String {
    format!(
        "# Generated: KMS_INSIGHTS_REGENERATE=1 cargo test -p kms-insights-athena generated writes it anew. docs/quicksight.md says how to deploy it.\n{}",
        yaml::document(&template())
    )
}

fn template() -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "QuickSight over the kms-insights database of Athena: data source, data sets, analysis, dashboard and topic",
        "Metadata": { "AWS::CloudFormation::Interface": { "ParameterGroups": [
            { "Label": { "default": "QuickSight" }, "Parameters": ["OwnerArn", "NamePrefix"] },
            { "Label": { "default": "Athena" }, "Parameters": ["Database", "WorkGroup"] },
            { "Label": { "default": "Amazon S3" }, "Parameters": ["LakeBucket", "LakePrefix", "ResultBucket", "KmsKeyArns"] },
        ] } },
        "Parameters": parameters(),
        "Conditions": {
            "HasPrefix": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "LakePrefix" }, ""] }] },
            "HasKmsKeys": { "Fn::Not": [{ "Fn::Equals": [{ "Fn::Join": ["", { "Ref": "KmsKeyArns" }] }, ""] }] },
        },
        "Resources": resources(),
        "Outputs": {
            "DashboardArn": { "Description": "The dashboard", "Value": { "Fn::GetAtt": ["Dashboard", "Arn"] } },
            "TopicId": { "Description": "The topic: share it in the console of QuickSight, since a template cannot", "Value": { "Fn::Sub": "${NamePrefix}-topic" } },
            "RoleArn": { "Description": "The role that QuickSight reads with", "Value": { "Fn::GetAtt": ["Role", "Arn"] } },
        },
    })
}

fn parameters() -> Value {
    json!({
        "OwnerArn": {
            "Type": "String",
            "Description": "The ARN of the QuickSight user or group that owns what is made, such as arn:aws:quicksight:us-east-1:111122223333:group/default/auditors",
            "AllowedPattern": "^arn:aws[a-z-]*:quicksight:[a-z0-9-]+:[0-9]{12}:(user|group)/[A-Za-z0-9_.-]+/.+$",
            "ConstraintDescription": "the ARN of a QuickSight user or group",
        },
        "NamePrefix": {
            "Type": "String",
            "Default": "kms-insights",
            "Description": "What the ids of data source, data sets, analysis, dashboard and topic begin with",
            "AllowedPattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",
            "ConstraintDescription": "letters, digits, hyphens and underscores",
        },
        "Database": {
            "Type": "String",
            "Default": "kms_insights_database",
            "Description": "The database that kms-insights athena setup made",
            "AllowedPattern": "^[a-z0-9_]{1,255}$",
            "ConstraintDescription": "lower-case letters, digits and underscores",
        },
        "WorkGroup": {
            "Type": "String",
            "Default": "primary",
            "Description": "The workgroup of Athena; give it a limit for what a query may read",
            "AllowedPattern": "^[a-zA-Z0-9._-]{1,128}$",
            "ConstraintDescription": "the name of a workgroup",
        },
        "LakeBucket": bucket("The bucket of the lake"),
        "LakePrefix": {
            "Type": "String",
            "Default": "",
            "Description": "The prefix of the lake in its bucket, without slashes at its ends; empty where the lake is the whole bucket",
            "AllowedPattern": "^$|^[^/].*[^/]$|^[^/]$",
            "ConstraintDescription": "a prefix without slashes at its ends",
        },
        "ResultBucket": bucket("The bucket in which the workgroup keeps results"),
        "KmsKeyArns": {
            "Type": "CommaDelimitedList",
            "Default": "",
            "Description": "The ARNs of the KMS keys that encrypt the lake and the results, separated by commas; empty where S3 or AWS manages these keys",
            "AllowedPattern": "^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
            "ConstraintDescription": "ARNs of KMS keys",
        },
    })
}

fn bucket(description: &str) -> Value {
    json!({
        "Type": "String",
        "Description": description,
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "ConstraintDescription": "the name of a bucket",
    })
}

fn resources() -> Value {
    let mut resources = Map::new();
    resources.insert("ReadPolicy".to_owned(), policy());
    resources.insert("Role".to_owned(), role());
    for (name, payload) in payloads() {
        let (id, kind) = match name.split_once("_set_").or_else(|| name.split_once("_schedule_")) {
            Some(("data", set)) => (format!("{}DataSet", logical_id(set)), "DataSet"),
            Some((_, set)) => (format!("{}RefreshSchedule", logical_id(set)), "RefreshSchedule"),
            None if name == "data_source" => ("DataSource".to_owned(), "DataSource"),
            None => (
                logical_id(&name),
                match name.as_str() {
                    "analysis" => "Analysis",
                    "dashboard" => "Dashboard",
                    _ => "Topic",
                },
            ),
        };
        resources.insert(id, resource(kind, payload));
    }
    Value::Object(resources)
}

/// A payload as a resource. CloudFormation has the API's members but for those that are told here.
fn resource(kind: &str, mut payload: Value) -> Value {
    let members = payload.as_object_mut().unwrap();
    let mut resource = json!({ "Type": format!("AWS::QuickSight::{kind}") });
    match kind {
        "RefreshSchedule" => {
            let frequency = members["Schedule"]["ScheduleFrequency"].as_object_mut().unwrap();
            let zone = frequency.remove("Timezone").unwrap();
            frequency.insert("TimeZone".to_owned(), zone);
            // The id of the data set says nothing of the order.
            let id = members["DataSetId"].as_str().unwrap().trim_start_matches("${NamePrefix}-").to_owned();
            resource["DependsOn"] = json!(format!("{}DataSet", logical_id(data_sets::find(&id).name)));
        }
        "Topic" => {
            let topic = members.remove("Topic").unwrap();
            members.extend(topic.as_object().unwrap().clone());
        }
        _ => {}
    }
    // It cannot read before it may.
    if kind == "DataSet" {
        resource["DependsOn"] = json!("ReadPolicy");
    }
    resource["Properties"] = filled_in(payload);
    resource
}

/// `${…}` as CloudFormation fills it in.
fn filled_in(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, filled_in(value))).collect(),
        Value::Array(elements) => elements.into_iter().map(filled_in).collect(),
        Value::String(text) if text.contains("${") => {
            match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains('$')) {
                Some(name) => match name.split_once('.') {
                    Some((resource, attribute)) => json!({ "Fn::GetAtt": [resource, attribute] }),
                    None => json!({ "Ref": name }),
                },
                None => json!({ "Fn::Sub": text }),
            }
        }
        other => other,
    }
}

fn role() -> Value {
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "Reads the lake of kms-insights through Athena for QuickSight, and nothing else",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{ "Effect": "Allow", "Principal": { "Service": "quicksight.amazonaws.com" }, "Action": "sts:AssumeRole" }],
            },
        },
    })
}

fn policy() -> Value {
    let mut needed = statements(Purpose::QuickSight, |resource| {
        let sub = |text: &str| json!({ "Fn::Sub": text });
        match resource {
            Resource::Any => json!("*"),
            Resource::WorkGroup => sub("arn:${AWS::Partition}:athena:${AWS::Region}:${AWS::AccountId}:workgroup/${WorkGroup}"),
            Resource::DataCatalog => sub("arn:${AWS::Partition}:athena:${AWS::Region}:${AWS::AccountId}:datacatalog/AwsDataCatalog"),
            Resource::Database => json!([
                sub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:catalog"),
                sub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:database/${Database}"),
                sub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:table/${Database}/*"),
            ]),
            Resource::DefaultDatabase => json!([
                sub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:catalog"),
                sub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:database/default"),
            ]),
            Resource::LakeBucket => sub("arn:${AWS::Partition}:s3:::${LakeBucket}"),
            Resource::LakeObjects => json!({ "Fn::If": [
                "HasPrefix",
                sub("arn:${AWS::Partition}:s3:::${LakeBucket}/${LakePrefix}/*"),
                sub("arn:${AWS::Partition}:s3:::${LakeBucket}/*"),
            ] }),
            Resource::ResultBucket => sub("arn:${AWS::Partition}:s3:::${ResultBucket}"),
            Resource::ResultObjects => sub("arn:${AWS::Partition}:s3:::${ResultBucket}/*"),
        }
    });
    needed.push(json!({ "Fn::If": [
        "HasKmsKeys",
        { "Sid": "UseKeys", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": { "Ref": "KmsKeyArns" } },
        { "Ref": "AWS::NoValue" },
    ] }));
    json!({
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "Description": "What QuickSight needs to read the lake of kms-insights through Athena",
            "Roles": [{ "Ref": "Role" }],
            "PolicyDocument": { "Version": "2012-10-17", "Statement": needed },
        },
    })
}
