//! What else an account's log is full of: calls of other services, some of which name KMS without being calls of it.

use kms_insights_model::AccountId;
use serde_json::{Value, json};

use super::{
    actors::{Actor, Place},
    event::{Event, EventKind, Refusal, Resource, iso},
    identity::{Identity, RoleSession, unique_id},
};
use crate::dice::Dice;

/// How often each kind occurs; together a thousand. Most of what accounts log are descriptions and roles assumed.
const KINDS: &[(u64, Kind)] = &[
    (300, describe_instances),
    (200, assume_role),
    (90, log_stream),
    (80, describe_table),
    (70, bucket_settings),
    (55, list_tags),
    (45, describe_stacks),
    (35, volume_made),
    (30, run_instances),
    (25, function_updated),
    (20, role_policy),
    (12, web_identity),
    (10, sign_in),
    (8, lookup_events),
    (7, event_rule),
    (6, tested_pattern),
    (5, invoked_by_kms),
    (1, saml),
    (1, portal),
];

type Kind = fn(&Place, &mut Dice) -> Event;

const ROLES: &[&str] =
    &["orders-service", "payments-service", "reporting/nightly-batch", "monitoring-agent", "search-indexer", "web-frontend", "etl/loader", "backup-operator"];

/// How every session token begins. The rest is cut short: a token is of no interest, and random bytes would be most of a log.
const TOKEN: &str = "IQoJb3JpZ2luX2VjEJz//////////wEaCXVzLWVhc3QtMSJHMEUCIQDzvEXAMPLE5cW9kZXMgYXJlIG5vdCBoZXJlAiBMb25nIHRva2VucyBhcmUgYWxs";

/// One event of another service.
pub(crate) fn event(place: &Place, dice: &mut Dice) -> Event {
    let mut left = dice.below(KINDS.iter().map(|(weight, _)| weight).sum());
    for (weight, kind) in KINDS {
        if left < *weight {
            return kind(place, dice);
        }
        left -= weight;
    }
    describe_instances(place, dice)
}

/// One of every kind, for tests of shapes.
#[cfg(test)]
pub(crate) fn one_of_each(place: &Place) -> Vec<Event> {
    KINDS.iter().enumerate().map(|(at, (_, kind))| kind(place, &mut Dice::new(at as u64))).collect()
}

struct Call {
    service: &'static str,
    name: &'static str,
    read_only: bool,
    request: Value,
    response: Value,
}

fn call(place: &Place, dice: &mut Dice, actor: Actor, call: Call) -> Event {
    Event {
        at: place.at,
        id: dice.uuid(),
        request_id: dice.uuid(),
        shared_id: None,
        recipient: place.account,
        partition: place.partition,
        region: place.region.clone(),
        service: call.service,
        name: call.name,
        identity: actor.identity,
        origin: actor.origin,
        refusal: None,
        request: call.request,
        response: call.response,
        additional: None,
        service_details: None,
        resources: None,
        read_only: call.read_only,
        kind: EventKind::ApiCall,
    }
}

fn somebody(place: &Place, dice: &mut Dice) -> Actor {
    let mut dice = if dice.chance(92) { place.busy } else { dice.part(1) };
    let dice = &mut dice;
    match dice.below(20) {
        0 | 1 => place.console(dice),
        2 => place.user("ci/deployer", dice),
        3 => place.console_user(dice),
        4 => place.terraform(dice),
        5 => place.federated(dice),
        6 if dice.chance(5) => place.root(),
        _ => {
            let role = dice.pick(ROLES);
            place.application(role, dice)
        }
    }
}

/// One of a few instances: accounts name the same ones again and again.
fn instance(place: &Place, dice: &mut Dice) -> String {
    let known = Dice::new(place.account.as_str().parse().unwrap_or(0)).part(place.busy.part(dice.below(4)).below(40));
    format!("i-0{}", { known }.hex(16))
}

fn describe_instances(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let name = dice.pick(&["DescribeInstances", "DescribeVolumes", "DescribeSecurityGroups", "DescribeNetworkInterfaces", "DescribeInstanceStatus"]);
    let request = match dice.below(3) {
        0 => json!({"instancesSet": {"items": [{"instanceId": instance(place, dice)}, {"instanceId": instance(place, dice)}]}, "filterSet": {}}),
        1 => {
            json!({"maxResults": 1000, "filterSet": {"items": [{"name": "tag:Environment", "valueSet": {"items": [{"value": "prod"}]}}, {"name": "instance-state-name", "valueSet": {"items": [{"value": "running"}]}}]}})
        }
        _ => json!({"maxResults": 100, "filterSet": {}}),
    };
    let mut event = call(place, dice, actor, Call { service: "ec2", name, read_only: true, request, response: Value::Null });
    if dice.chance(3) {
        let identity = event.identity.json(place.partition)["arn"].as_str().unwrap_or_default().to_owned();
        event.refusal = Some(Refusal {
            code: "Client.UnauthorizedOperation",
            message: format!(
                "You are not authorized to perform this operation. User: {identity} is not authorized to perform: ec2:{} because no identity-based policy allows the ec2:{} action",
                event.name, event.name
            ),
        });
    }
    event
}

fn run_instances(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let id = format!("i-0{}", dice.hex(16));
    let (subnet, group, image) =
        (format!("subnet-0{}", dice.hex(16)), format!("sg-0{}", Dice::new(dice.below(9)).hex(16)), format!("ami-0{}", Dice::new(dice.below(5)).hex(16)));
    let block = json!({"items": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "deleteOnTermination": true, "volumeType": "gp3", "encrypted": true, "kmsKeyId": format!("arn:{}:kms:{}:{}:alias/aws/ebs", place.partition, place.region, place.account)}}]});
    let request = json!({
        "instancesSet": {"items": [{"imageId": image, "minCount": 1, "maxCount": 1, "keyName": "deploy"}]},
        "instanceType": dice.pick(&["m7g.large", "c7i.xlarge", "t4g.medium"]), "blockDeviceMapping": block, "monitoring": {"enabled": false},
        "networkInterfaceSet": {"items": [{"deviceIndex": 0, "subnetId": subnet, "groupSet": {"items": [{"groupId": group}]}}]},
        "clientToken": dice.uuid(), "disableApiTermination": false,
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [{"key": "Name", "value": "worker"}, {"key": "Environment", "value": "prod"}]}]},
    });
    let response = json!({
        "requestId": dice.uuid(), "reservationId": format!("r-0{}", dice.hex(16)), "ownerId": place.account, "groupSet": {},
        "instancesSet": {"items": [{
            "instanceId": id, "imageId": image, "currentInstanceBootMode": "uefi", "instanceState": {"code": 0, "name": "pending"},
            "privateDnsName": format!("ip-10-0-{}-{}.{}.compute.internal", dice.below(4), dice.below(250), place.region), "keyName": "deploy", "amiLaunchIndex": 0, "productCodes": {},
            "launchTime": place.at.timestamp_millis(), "placement": {"availabilityZone": format!("{}a", place.region), "tenancy": "default"},
            "monitoring": {"state": "disabled"}, "subnetId": subnet, "vpcId": "vpc-0a1b2c3d4e5f60718", "stateReason": {"code": "pending", "message": "pending"},
            "architecture": "arm64", "rootDeviceType": "ebs", "rootDeviceName": "/dev/xvda", "blockDeviceMapping": {}, "virtualizationType": "hvm", "hypervisor": "xen",
            "tagSet": {"items": [{"key": "Name", "value": "worker"}, {"key": "Environment", "value": "prod"}]}, "sourceDestCheck": true, "enaSupport": true,
        }]},
    });
    call(place, dice, actor, Call { service: "ec2", name: "RunInstances", read_only: false, request, response })
}

/// Names a KMS key in its request, as many services do.
fn volume_made(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let key = format!("arn:{}:kms:{}:{}:key/{}", place.partition, place.region, place.account, Dice::new(dice.below(12)).part(3).uuid());
    let (volume, zone) = (format!("vol-0{}", dice.hex(16)), format!("{}b", place.region));
    let request = json!({"size": "200", "zone": zone, "volumeType": "gp3", "encrypted": true, "kmsKeyId": key, "clientToken": dice.uuid()});
    let response = json!({"requestId": dice.uuid(), "volumeId": volume, "size": "200", "zone": zone, "status": "creating", "createTime": place.at.timestamp_millis(), "volumeType": "gp3", "iops": 3000, "encrypted": true, "masterEncryptionKeyId": key, "tagSet": {}, "multiAttachEnabled": false});
    call(place, dice, actor, Call { service: "ec2", name: "CreateVolume", read_only: false, request, response })
}

fn assume_role(place: &Place, dice: &mut Dice) -> Event {
    let service = dice.pick(&["lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "states.amazonaws.com"]);
    let mut busy = place.busy.part(1);
    let role = if dice.chance(70) { busy.pick(ROLES) } else { dice.pick(ROLES) };
    let actor = if dice.chance(60) { Place::service(service) } else { somebody(place, dice) };
    let name = role.rsplit('/').next().unwrap_or(role);
    let arn = format!("arn:{}:iam::{}:role/{role}", place.partition, place.account);
    let session = format!("{name}-{}", place.at.timestamp() / 3600);
    let id = unique_id("AROA", &format!("{}{role}", place.account));
    let request = json!({"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600});
    let response = json!({
        "credentials": {
            "accessKeyId": format!("ASIA{}", dice.base32(16)), "sessionToken": format!("{TOKEN}{}==", dice.base32(14)),
            "expiration": (place.at + chrono::TimeDelta::hours(1)).format("%b %-d, %Y, %-I:%M:%S %p").to_string(),
        },
        "assumedRoleUser": {"assumedRoleId": format!("{id}:{session}"), "arn": format!("arn:{}:sts::{}:assumed-role/{name}/{session}", place.partition, place.account)},
    });
    let mut event = call(place, dice, actor, Call { service: "sts", name: "AssumeRole", read_only: true, request, response });
    event.resources = Some(vec![Resource { account: place.account, kind: "AWS::IAM::Role", arn }]);
    if matches!(event.identity, Identity::Service(_)) {
        event.shared_id = Some(dice.uuid());
    }
    event
}

fn web_identity(place: &Place, dice: &mut Dice) -> Event {
    const PROVIDER: &str = "oidc.eks.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE";
    let subject = format!("system:serviceaccount:default:{}", dice.pick(&["orders", "search"]));
    let provider = format!("arn:{}:iam::{}:oidc-provider/{PROVIDER}", place.partition, place.account);
    let arn = format!("arn:{}:iam::{}:role/orders-service", place.partition, place.account);
    let actor = Actor { identity: Identity::WebIdentity { provider: PROVIDER, subject: subject.clone() }, ..place.application("orders-service", dice) };
    let request = json!({"roleArn": arn, "roleSessionName": format!("botocore-session-{}", place.at.timestamp())});
    let response = json!({"subjectFromWebIdentityToken": subject, "audience": "sts.amazonaws.com", "provider": provider, "packedPolicySize": 0});
    let mut event = call(place, dice, actor, Call { service: "sts", name: "AssumeRoleWithWebIdentity", read_only: true, request, response });
    event.resources = Some(vec![Resource { account: place.account, kind: "AWS::IAM::Role", arn }]);
    event
}

fn saml(place: &Place, dice: &mut Dice) -> Event {
    let identity = Identity::Saml { provider: "https://login.example.com/saml", subject: "carol@example.com".to_owned() };
    let actor = Actor { identity, ..place.console(dice) };
    let request = json!({"roleArn": format!("arn:{}:iam::{}:role/Federated-Admin", place.partition, place.account), "principalArn": format!("arn:{}:iam::{}:saml-provider/corporate", place.partition, place.account), "durationSeconds": 3600});
    call(
        place,
        dice,
        actor,
        Call {
            service: "sts",
            name: "AssumeRoleWithSAML",
            read_only: true,
            request,
            response: json!({"subjectType": "persistent", "issuer": "https://login.example.com/saml", "audience": "https://signin.aws.amazon.com/saml"}),
        },
    )
}

/// The only kind that surely is a write.
pub(crate) fn log_stream(place: &Place, dice: &mut Dice) -> Event {
    let role = dice.pick(ROLES);
    let actor = place.application(role, dice);
    let name = role.rsplit('/').next().unwrap_or(role);
    let request = json!({"logGroupName": format!("/aws/lambda/{name}"), "logStreamName": format!("{}/[$LATEST]{}", place.at.format("%Y/%m/%d"), dice.hex(32))});
    call(place, dice, actor, Call { service: "logs", name: "CreateLogStream", read_only: false, request, response: Value::Null })
}

fn describe_table(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let table = dice.pick(&["orders", "sessions", "carts", "events"]);
    let arn = format!("arn:{}:dynamodb:{}:{}:table/{table}", place.partition, place.region, place.account);
    let mut event = call(
        place,
        dice,
        actor,
        Call { service: "dynamodb", name: "DescribeTable", read_only: true, request: json!({"tableName": table}), response: Value::Null },
    );
    event.resources = Some(vec![Resource { account: place.account, kind: "AWS::DynamoDB::Table", arn }]);
    event
}

/// A person of IAM Identity Center, before any role is assumed.
fn portal(place: &Place, dice: &mut Dice) -> Event {
    let user = Dice::new(dice.below(6)).part(5).uuid();
    let actor = Actor { identity: Identity::IdentityCenter { account: place.account, user }, ..place.console(dice) };
    call(
        place,
        dice,
        actor,
        Call { service: "sso", name: "ListAccountRoles", read_only: true, request: json!({"account_id": place.account}), response: Value::Null },
    )
}

fn bucket_settings(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let bucket = format!("example-{}-{}", dice.pick(&["orders", "archive", "reports", "landing-zone"]), place.account);
    let host = format!("{bucket}.s3.{}.amazonaws.com", place.region);
    let (name, read_only, request) = if dice.chance(80) {
        (
            dice.pick(&["GetBucketAcl", "GetBucketLocation", "GetBucketPolicyStatus", "GetBucketEncryption"]),
            true,
            json!({"bucketName": bucket, "Host": host, "encryption": ""}),
        )
    } else {
        let key = format!("arn:{}:kms:{}:{}:key/{}", place.partition, place.region, place.account, Dice::new(dice.below(12)).part(3).uuid());
        let rule = json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": true});
        (
            "PutBucketEncryption",
            false,
            json!({"bucketName": bucket, "Host": host, "encryption": "", "ServerSideEncryptionConfiguration": {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rule}}),
        )
    };
    let mut event = call(place, dice, actor, Call { service: "s3", name, read_only, request, response: Value::Null });
    event.additional = Some(
        json!({"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0, "AuthenticationMethod": "AuthHeader", "x-amz-id-2": dice.base32(32), "bytesTransferredOut": dice.below(900)}),
    );
    event.resources = Some(vec![Resource { account: place.account, kind: "AWS::S3::Bucket", arn: format!("arn:{}:s3:::{bucket}", place.partition) }]);
    event
}

fn list_tags(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let (service, name) = [
        ("lambda", "ListTags20170331"),
        ("rds", "DescribeDBInstances"),
        ("elasticloadbalancing", "DescribeTargetHealth"),
        ("monitoring", "DescribeAlarms"),
        ("ecs", "DescribeServices"),
    ][dice.index(5)];
    let request =
        json!({"resource": format!("arn:{}:{service}:{}:{}:resource/{}", place.partition, place.region, place.account, dice.below(30)), "maxRecords": 100});
    call(place, dice, actor, Call { service, name, read_only: true, request, response: Value::Null })
}

fn describe_stacks(place: &Place, dice: &mut Dice) -> Event {
    let actor = if dice.chance(50) { place.console(dice) } else { place.terraform(dice) };
    let stack = format!(
        "arn:{}:cloudformation:{}:{}:stack/{}/{}",
        place.partition,
        place.region,
        place.account,
        dice.pick(&["network", "orders", "cdk-toolkit"]),
        Dice::new(dice.below(4)).uuid()
    );
    call(
        place,
        dice,
        actor,
        Call { service: "cloudformation", name: "DescribeStacks", read_only: true, request: json!({"stackName": stack}), response: Value::Null },
    )
}

fn function_updated(place: &Place, dice: &mut Dice) -> Event {
    let actor = somebody(place, dice);
    let function = dice.pick(&["resize-images", "nightly-report", "order-events"]);
    let key = format!("arn:{}:kms:{}:{}:key/{}", place.partition, place.region, place.account, Dice::new(dice.below(12)).part(3).uuid());
    let request = json!({"functionName": function, "environment": {}, "kMSKeyArn": key, "timeout": 30, "memorySize": 512});
    let response = json!({
        "functionName": function, "functionArn": format!("arn:{}:lambda:{}:{}:function:{function}", place.partition, place.region, place.account), "runtime": "python3.12",
        "role": format!("arn:{}:iam::{}:role/orders-service", place.partition, place.account), "handler": "app.handler", "codeSize": 10_312_448, "timeout": 30, "memorySize": 512,
        "lastModified": iso(place.at), "codeSha256": dice.base32(44), "version": "$LATEST", "environment": {}, "kMSKeyArn": key, "tracingConfig": {"mode": "PassThrough"},
        "revisionId": dice.uuid(), "state": "Active", "lastUpdateStatus": "InProgress", "packageType": "Zip", "architectures": ["arm64"], "ephemeralStorage": {"size": 512},
    });
    call(place, dice, actor, Call { service: "lambda", name: "UpdateFunctionConfiguration20150331v2", read_only: false, request, response })
}

/// A policy as a string inside a string, which names KMS and its event source.
fn role_policy(place: &Place, dice: &mut Dice) -> Event {
    let actor = if dice.chance(50) { place.terraform(dice) } else { place.console(dice) };
    let role = dice.pick(ROLES);
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "UseKeys", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": format!("arn:{}:kms:*:{}:key/*", place.partition, place.account), "Condition": {"StringLike": {"kms:ViaService": ["s3.*.amazonaws.com", "kms.amazonaws.com"]}}},
            {"Effect": "Allow", "Principal": {"Service": "kms.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    });
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    let request = json!({"roleName": role.rsplit('/').next().unwrap_or(role), "policyName": "use-keys", "policyDocument": text});
    let mut event = call(place, dice, actor, Call { service: "iam", name: "PutRolePolicy", read_only: false, request, response: Value::Null });
    event.refusal = dice.chance(20).then(|| Refusal {
        code: "MalformedPolicyDocumentException",
        message: "Statement must not contain \"Principal\": {\"Service\": \"kms.amazonaws.com\"} \\ see the guide".to_owned(),
    });
    event
}

fn sign_in(place: &Place, dice: &mut Dice) -> Event {
    let actor = if dice.chance(10) { place.root() } else { place.console_user(dice) };
    let mut event = call(
        place,
        dice,
        actor,
        Call { service: "signin", name: "ConsoleLogin", read_only: false, request: Value::Null, response: json!({"ConsoleLogin": "Success"}) },
    );
    event.additional = Some(
        json!({"LoginTo": format!("https://console.aws.amazon.com/kms/home?region={}&state=hashArgs%23&isauthcode=true", place.region), "MobileVersion": "No", "MFAUsed": "Yes"}),
    );
    event.kind = EventKind::ConsoleSignIn;
    event
}

/// Somebody looks for calls of KMS in the log: names its event source as a value.
fn lookup_events(place: &Place, dice: &mut Dice) -> Event {
    let actor = place.console(dice);
    let request = json!({"lookupAttributes": [{"attributeKey": "EventSource", "attributeValue": "kms.amazonaws.com"}], "maxResults": 50});
    call(place, dice, actor, Call { service: "cloudtrail", name: "LookupEvents", read_only: true, request, response: Value::Null })
}

/// A rule whose pattern is JSON in a string.
fn event_rule(place: &Place, dice: &mut Dice) -> Event {
    let actor = place.terraform(dice);
    let pattern =
        json!({"source": ["aws.kms"], "detail": {"eventSource": ["kms.amazonaws.com"], "eventName": ["DisableKey", "ScheduleKeyDeletion"]}}).to_string();
    let request = json!({"name": "kms-key-deletion", "description": "says \"eventSource\":\"kms.amazonaws.com\" {[ \\\\ ]}", "eventPattern": pattern, "state": "ENABLED", "eventBusName": "default"});
    let response = json!({"ruleArn": format!("arn:{}:events:{}:{}:rule/kms-key-deletion", place.partition, place.region, place.account)});
    call(place, dice, actor, Call { service: "events", name: "PutRule", read_only: false, request, response })
}

/// A whole event of KMS as an argument of another service's call: the same member names, one level deeper.
fn tested_pattern(place: &Place, dice: &mut Dice) -> Event {
    let actor = place.console(dice);
    let victim: AccountId = place.account;
    let event = json!({
        "eventVersion": "1.11", "eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "eventTime": iso(place.at), "eventID": dice.uuid(),
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:{}:iam::{victim}:user/nobody", place.partition), "accountId": victim},
        "resources": [{"accountId": victim, "type": "AWS::KMS::Key", "ARN": format!("arn:{}:kms:{}:{victim}:key/{}", place.partition, place.region, Dice::new(dice.below(12)).uuid())}],
    });
    let request = json!({"executionName": dice.uuid(), "Records": [event.clone()], "input": {"detail": event}});
    call(place, dice, actor, Call { service: "states", name: "StartExecution", read_only: false, request, response: json!({"startDate": iso(place.at)}) })
}

/// KMS itself calls another service, for a custom key store.
fn invoked_by_kms(place: &Place, dice: &mut Dice) -> Event {
    let session = RoleSession {
        account: place.account,
        role: "aws-service-role/cks.kms.amazonaws.com/AWSServiceRoleForKeyManagementServiceCustomKeyStores".to_owned(),
        session: "KeyManagementServiceCustomKeyStores".to_owned(),
        since: place.at,
        via: Some("kms.amazonaws.com".to_owned()),
        kind: super::identity::SessionKind::Plain,
    };
    let actor = Actor { identity: Identity::Role(session), ..Place::service("kms.amazonaws.com") };
    let request = json!({"filters": {"clusterIds": [format!("cluster-{}", Dice::new(dice.below(3)).lower(11))]}});
    call(place, dice, actor, Call { service: "cloudhsm", name: "DescribeClusters", read_only: true, request, response: Value::Null })
}
