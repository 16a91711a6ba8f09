//! What was done to a key over its life: who made it and through what, its aliases, policies, grants and rotation.

use chrono::TimeDelta;
use kms_insights_model::{Grant, KeyState, Origin as KeyOrigin, RotationType, Timestamp};
use serde_json::{Value, json};

use super::{
    actors::{Actor, Place},
    event::{Event, EventKind, Resource},
    identity::Identity,
    life,
};
use crate::{Archetype, dice::Dice, key::Key};

/// Through what a key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Console,
    Terraform,
    CloudFormation,
    Sdk,
}

/// Something that was done to a key.
#[derive(Clone, Debug)]
enum Change {
    CreateStack,
    DeleteStack,
    Create,
    Replicate(usize),
    Alias(usize),
    MoveAlias(usize),
    EnableRotation,
    RotateOnDemand,
    /// By KMS itself.
    Rotate,
    PutPolicy,
    Tag,
    Grant(Box<Grant>),
    /// A grant that lived a short while: made, and retired by whom it was made for.
    PassingGrant,
    RetirePassingGrant,
    ImportMaterial,
    MaterialExpired,
    Disable,
    ScheduleDeletion,
    CancelDeletion,
    Enable,
}

fn maker(key: &Key<'_>) -> Maker {
    match key.archetype() {
        Some(Archetype::ForgottenSample) => Maker::CloudFormation,
        Some(Archetype::AdminsAndUsers) => Maker::Console,
        _ => [Maker::Terraform, Maker::Terraform, Maker::CloudFormation, Maker::Console, Maker::Sdk][key.trail_dice().part(200).index(5)],
    }
}

/// Whether the key was made with the default policy, and got its own one later.
fn has_later_policy(key: &Key<'_>) -> bool {
    use Archetype as A;
    matches!(
        key.archetype(),
        Some(A::Vendor | A::OrganizationWide | A::Public | A::UselessFence | A::DeletedPrincipals | A::PolicyHidden | A::MetadataHidden | A::IamUsers)
    )
}

fn changes(key: &Key<'_>) -> Vec<(Timestamp, Change)> {
    if key.is_aws_managed() {
        return Vec::new();
    }
    let (made, now) = (key.created_at(), key.now());
    let mut dice = key.trail_dice().part(210);
    let seconds = |seconds: i64| made + TimeDelta::seconds(seconds);
    let mut list = vec![(made, Change::Create)];
    if key.archetype() == Some(Archetype::ForgottenSample) {
        list.push((seconds(-18), Change::CreateStack));
        // Its template keeps the key when the stack is deleted: that is how it was forgotten.
        list.push((life::between(seconds(3600), (seconds(20 * 86_400)).min(now), &mut dice), Change::DeleteStack));
    }
    if let Some(set) = key.set().filter(|_| !key.is_replica()) {
        list.extend(set.replicas.iter().map(|region| (made, Change::Replicate(*region))));
    }
    for (at, alias) in key.aliases().into_iter().enumerate() {
        let created = alias.created_at.unwrap_or(made);
        list.push((created, Change::Alias(at)));
        list.extend(alias.updated_at.filter(|moved| *moved > created).map(|moved| (moved, Change::MoveAlias(at))));
    }
    if key.rotation_period().is_some() {
        list.push((seconds(4), Change::EnableRotation));
    }
    for (at, kind) in key.rotation_moments() {
        list.push((at, if kind == RotationType::OnDemand { Change::RotateOnDemand } else { Change::Rotate }));
    }
    if has_later_policy(key) {
        list.push((life::between(seconds(60), now, &mut dice), Change::PutPolicy));
    }
    if maker(key) == Maker::Console && !key.tags().is_empty() {
        list.push((seconds(600), Change::Tag));
    }
    for grant in key.grants() {
        list.extend(grant.created_at.map(|at| (at, Change::Grant(Box::new(grant)))));
    }
    if key.archetype() == Some(Archetype::Volumes) {
        let since = life::between(now - TimeDelta::days(40), now, &mut dice).max(made);
        list.push((since, Change::PassingGrant));
        list.push((since + (now - since) / 2, Change::RetirePassingGrant));
    }
    if key.origin() == KeyOrigin::External && key.archetype() != Some(Archetype::PendingImport) {
        list.push((seconds(900), Change::ImportMaterial));
    }
    match (life::blocked(key), key.state()) {
        (Some(blocked), KeyState::Disabled) => list.push((blocked.since, Change::Disable)),
        (Some(blocked), KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => list.push((blocked.since, Change::ScheduleDeletion)),
        (Some(blocked), KeyState::PendingImport) if key.archetype() == Some(Archetype::ExpiredImport) => list.push((blocked.since, Change::MaterialExpired)),
        // Somebody took it for unused, and somebody else did not.
        (None, KeyState::Enabled) if key.archetype() == Some(Archetype::UsedLongAgo) => {
            let at = life::between(now - TimeDelta::days(60), now - TimeDelta::days(2), &mut dice);
            list.extend([(at, Change::ScheduleDeletion), (at + TimeDelta::hours(5), Change::CancelDeletion), (at + TimeDelta::minutes(304), Change::Enable)]);
        }
        _ => {}
    }
    list.retain(|(at, _)| *at < now);
    list
}

/// The events of changes to a key from one moment to another, without order. They are of the key's account and Region.
pub(crate) fn within(key: &Key<'_>, from: Timestamp, until: Timestamp) -> Vec<Event> {
    let happened = changes(key).into_iter().enumerate().filter(|(_, (at, _))| *at >= from && *at < until);
    happened.map(|(number, (at, change))| Made { key, at, dice: key.trail_dice().part(300).part(number as u64) }.event(&change)).collect()
}

struct Made<'a> {
    key: &'a Key<'a>,
    at: Timestamp,
    dice: Dice,
}

/// What a call asked and what came of it.
struct Call {
    name: &'static str,
    request: Value,
    response: Value,
    actor: Actor,
}

/// How KMS's log writes dates in answers.
fn spelled(at: Timestamp) -> String {
    at.format("%b %-d, %Y, %-I:%M:%S %p").to_string()
}

impl Made<'_> {
    fn place(&self) -> Place {
        let arn = self.key.arn();
        Place { partition: arn.partition(), account: arn.account(), region: arn.region().to_string(), at: self.at, busy: self.key.trail_dice().part(301) }
    }

    /// Whoever made the key: the same person or pipeline for all that was done at once.
    fn maker(&self) -> Actor {
        let (place, mut dice) = (self.place(), self.key.trail_dice().part(302));
        match maker(self.key) {
            Maker::Console => place.console(&mut dice),
            Maker::Terraform => place.terraform(&mut dice),
            Maker::CloudFormation => place.cloudformation(&mut dice),
            Maker::Sdk => place.script(&mut dice),
        }
    }

    /// A person, later on.
    fn person(&self) -> Actor {
        let mut dice = self.dice.part(1);
        self.place().console(&mut dice)
    }

    fn event(&self, change: &Change) -> Event {
        let key = self.key;
        let arn = key.arn();
        let id = arn.key_id();
        let done = json!({"keyId": arn});
        let aliased = |at: usize| format!("arn:{}:kms:{}:{}:{}", arn.partition(), arn.region(), arn.account(), key.alias(at).name);
        let mut more = Vec::new();
        let call = |name, request, response, actor| Call { name, request, response, actor };
        let call = match change {
            Change::CreateStack | Change::DeleteStack => return self.stack(matches!(change, Change::CreateStack)),
            Change::Rotate => return self.by_kms("RotateKey", json!({"keyId": id, "rotationType": "AUTOMATIC"})),
            Change::MaterialExpired => return self.by_kms("DeleteExpiredKeyMaterial", json!({"keyId": id})),
            Change::Create => call("CreateKey", self.creation(), json!({"keyMetadata": self.metadata()}), self.maker()),
            Change::Replicate(region) => {
                let replica = &key.account().regions[*region].region;
                let metadata = json!({"aWSAccountId": arn.account(), "keyId": id, "arn": arn.to_string().replace(arn.region().as_str(), replica.as_str()), "creationDate": spelled(self.at), "enabled": false, "keyState": "Creating", "multiRegion": true});
                let request =
                    json!({"keyId": id, "replicaRegion": replica, "bypassPolicyLockoutSafetyCheck": false, "description": key.metadata().description});
                call("ReplicateKey", request, json!({"replicaKeyMetadata": metadata, "replicaPolicy": self.default_policy()}), self.maker())
            }
            Change::Alias(at) => {
                more.push(aliased(*at));
                call("CreateAlias", json!({"aliasName": key.alias(*at).name, "targetKeyId": id}), done, self.maker())
            }
            Change::MoveAlias(at) => {
                more.push(aliased(*at));
                call("UpdateAlias", json!({"aliasName": key.alias(*at).name, "targetKeyId": id}), done, self.person())
            }
            Change::EnableRotation => {
                let request = json!({"keyId": id, "rotationPeriodInDays": key.rotation_period()});
                call("EnableKeyRotation", request, done, self.maker())
            }
            Change::RotateOnDemand => call("RotateKeyOnDemand", json!({"keyId": id}), done, self.person()),
            Change::PutPolicy => {
                let request = json!({"keyId": id, "policyName": "default", "policy": key.policy(), "bypassPolicyLockoutSafetyCheck": false});
                call("PutKeyPolicy", request, done, self.person())
            }
            Change::Tag => call("TagResource", json!({"keyId": id, "tags": self.tags()}), Value::Null, self.maker()),
            Change::Grant(grant) => self.grant(grant),
            Change::PassingGrant => {
                let (volume, instance) = self.passing();
                let request = json!({"keyId": arn, "granteePrincipal": self.infrastructure(&instance), "constraints": {"encryptionContextSubset": {"aws:ebs:id": volume}}, "operations": ["Decrypt"]});
                call("CreateGrant", request, json!({"grantId": self.passing_id(), "keyId": arn}), self.platform())
            }
            Change::RetirePassingGrant => {
                let actor = self.place().infrastructure(&self.passing().1);
                call("RetireGrant", Value::Null, done, actor)
            }
            Change::ImportMaterial => {
                let model = if key.archetype() == Some(Archetype::Imported) { "KEY_MATERIAL_DOES_NOT_EXPIRE" } else { "KEY_MATERIAL_EXPIRES" };
                let valid_to = key.metadata().valid_to.map(spelled);
                call("ImportKeyMaterial", json!({"keyId": id, "expirationModel": model, "validTo": valid_to}), done, self.person())
            }
            Change::Disable => call("DisableKey", json!({"keyId": id}), done, self.person()),
            Change::ScheduleDeletion => {
                let date = key.metadata().deletion_date.unwrap_or(self.at + TimeDelta::days(30));
                let days = (date - self.at).num_days().clamp(7, 30);
                let response = json!({"keyId": arn, "keyState": "PendingDeletion", "deletionDate": spelled(date), "pendingWindowInDays": days});
                call("ScheduleKeyDeletion", json!({"keyId": id, "pendingWindowInDays": days}), response, self.person())
            }
            Change::CancelDeletion => call("CancelKeyDeletion", json!({"keyId": id}), done, self.person()),
            Change::Enable => call("EnableKey", json!({"keyId": id}), done, self.person()),
        };
        self.of_kms(call, more)
    }

    fn of_kms(&self, call: Call, aliases: Vec<String>) -> Event {
        let arn = self.key.arn();
        let mut dice = self.dice.part(2);
        let account = arn.account();
        let aliases = aliases.into_iter().map(|arn| Resource { account, kind: "AWS::KMS::Alias", arn });
        let key = Resource { account, kind: "AWS::KMS::Key", arn: arn.to_string() };
        let caller = call.actor.identity.account().unwrap_or(account);
        Event {
            at: self.at,
            id: dice.uuid(),
            request_id: dice.uuid(),
            shared_id: (caller != account).then(|| dice.uuid()),
            recipient: account,
            partition: arn.partition(),
            region: arn.region().to_string(),
            service: "kms",
            name: call.name,
            identity: call.actor.identity,
            origin: call.actor.origin,
            refusal: None,
            request: call.request,
            response: call.response,
            additional: None,
            service_details: None,
            resources: Some(std::iter::once(key).chain(aliases).collect()),
            read_only: false,
            kind: EventKind::ApiCall,
        }
    }

    /// What KMS does of its own accord.
    fn by_kms(&self, name: &'static str, details: Value) -> Event {
        let actor = Actor { identity: Identity::Internal { account: self.key.account().id }, ..Place::service("AWS Internal") };
        let event = self.of_kms(Call { name, request: Value::Null, response: Value::Null, actor }, Vec::new());
        Event { kind: EventKind::ServiceEvent, service_details: Some(details), ..event }
    }

    /// The stack that made the sample, and its end.
    fn stack(&self, created: bool) -> Event {
        let value = |name: &str| self.key.tags().into_iter().find(|tag| tag.key == name).map(|tag| tag.value).unwrap_or_default();
        let (name, id) = (value("aws:cloudformation:stack-name"), value("aws:cloudformation:stack-id"));
        let (call, request, response) = if created {
            let template = "https://awssampledbuswest2.s3.amazonaws.com/stepfunctions/process-order.yaml";
            ("CreateStack", json!({"stackName": name, "templateURL": template, "capabilities": ["CAPABILITY_IAM"], "parameters": []}), json!({"stackId": id}))
        } else {
            ("DeleteStack", json!({"stackName": name}), Value::Null)
        };
        let mut actor = self.maker();
        if let Identity::Role(session) = &mut actor.identity {
            session.via = None;
        }
        let mut dice = self.key.trail_dice().part(302);
        let origin = self.place().console(&mut dice).origin;
        let event = self.of_kms(Call { name: call, request, response, actor: Actor { origin, ..actor } }, Vec::new());
        Event { service: "cloudformation", resources: None, ..event }
    }

    fn default_policy(&self) -> String {
        let arn = self.key.arn();
        let root = format!("arn:{}:iam::{}:root", arn.partition(), arn.account());
        let statement = json!({"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"});
        serde_json::to_string_pretty(&json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})).unwrap_or_default()
    }

    fn tags(&self) -> Value {
        self.key.tags().into_iter().map(|tag| json!({"tagKey": tag.key, "tagValue": tag.value})).collect()
    }

    fn creation(&self) -> Value {
        let metadata = self.key.metadata();
        let policy = if has_later_policy(self.key) { self.default_policy() } else { self.key.policy().as_str().to_owned() };
        let spec = metadata.spec.as_ref().map(kms_insights_model::KeySpec::as_str);
        let mut request = json!({
            "policy": policy,
            "description": metadata.description,
            "keyUsage": metadata.usage.as_ref().map(kms_insights_model::KeyUsageType::as_str),
            "customerMasterKeySpec": spec,
            "keySpec": spec,
            "origin": metadata.origin.as_ref().map(KeyOrigin::as_str),
            "bypassPolicyLockoutSafetyCheck": false,
            "multiRegion": self.key.set().is_some(),
            "tags": if maker(self.key) == Maker::Console { json!([]) } else { self.tags() },
        });
        if let Some(store) = metadata.custom_key_store_id {
            request["customKeyStoreId"] = store.into();
        }
        request
    }

    fn metadata(&self) -> Value {
        let (arn, metadata) = (self.key.arn(), self.key.metadata());
        let spec = metadata.spec.as_ref().map(kms_insights_model::KeySpec::as_str);
        let waits = metadata.origin == Some(KeyOrigin::External);
        json!({
            "aWSAccountId": arn.account(),
            "keyId": arn.key_id(),
            "arn": arn,
            "creationDate": spelled(self.at),
            "enabled": !waits,
            "description": metadata.description,
            "keyUsage": metadata.usage.as_ref().map(kms_insights_model::KeyUsageType::as_str),
            "keyState": if waits { "PendingImport" } else { "Enabled" },
            "origin": metadata.origin.as_ref().map(KeyOrigin::as_str),
            "keyManager": "CUSTOMER",
            "customerMasterKeySpec": spec,
            "keySpec": spec,
            "encryptionAlgorithms": metadata.encryption_algorithms,
            "multiRegion": self.key.set().is_some(),
        })
    }

    /// A grant of today's, when it was made.
    fn grant(&self, grant: &Grant) -> Call {
        let arn = self.key.arn();
        let constraints = json!({"encryptionContextSubset": grant.constraints.encryption_context_subset, "encryptionContextEquals": grant.constraints.encryption_context_equals, "sourceArn": grant.constraints.source_arn});
        let present = |value: &Value| value.as_object().is_some_and(|map| !map.is_empty()) || value.is_string();
        let constraints: serde_json::Map<String, Value> =
            constraints.as_object().into_iter().flatten().filter(|(_, value)| present(value)).map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut request = json!({"keyId": arn, "operations": grant.operations});
        let mut put = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                request[name] = value.as_str().into();
            }
        };
        put("granteePrincipal", &grant.grantee_principal);
        if grant.grantee_principal.is_none() {
            put("granteeServicePrincipal", &grant.grantee_service_principal);
        }
        put("retiringPrincipal", &grant.retiring_principal);
        put("name", &grant.name);
        if !constraints.is_empty() {
            request["constraints"] = Value::Object(constraints);
        }
        let issuer = grant.issuing_account.as_deref().and_then(|root| root.split(':').nth(4)).and_then(|account| account.parse().ok());
        let actor = match issuer {
            // A stranger with the right to make grants: the owner is told of its account alone.
            Some(account) if account != arn.account() => {
                let principal_id = format!("{}:backup", super::identity::unique_id("AROA", &format!("{account}")));
                Actor { identity: Identity::Account { account, principal_id }, ..self.person() }
            }
            _ => self.platform(),
        };
        Call { name: "CreateGrant", request, response: json!({"grantId": grant.id, "keyId": arn}), actor }
    }

    fn platform(&self) -> Actor {
        let mut dice = self.dice.part(4);
        self.place().application_through("platform", "ec2.amazonaws.com", &mut dice)
    }

    fn passing(&self) -> (String, String) {
        let mut dice = self.key.trail_dice().part(310);
        (format!("vol-0{}", dice.hex(16)), format!("i-0{}", dice.hex(16)))
    }

    fn passing_id(&self) -> String {
        self.key.trail_dice().part(311).hex(64)
    }

    fn infrastructure(&self, instance: &str) -> String {
        let arn = self.key.arn();
        format!("arn:{}:sts::{}:assumed-role/aws:ec2-infrastructure/{instance}", arn.partition(), arn.account())
    }
}
