//! Who works with a key, and for what.

use kms_insights_model::{AccountId, AccountState, KeyArn, KeySpec, Partition, Timestamp};

use super::{
    actors::{Actor, Place},
    cryptographic::{KeyName, Operation, Use},
    event::{Origin, Refusal},
    identity::{Identity, RoleSession, SessionKind, unique_id},
    purpose::Purpose,
};
use crate::{
    Archetype, Organization,
    dice::Dice,
    key::{Key, OUTSIDE},
};

/// One of those that use a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worker {
    /// The application by itself, with an encryption context of its own, or none where the key takes none.
    Application,
    Bucket,
    Secret,
    Table,
    Volume,
    Database,
    Warehouse,
    Function,
    Queue,
    Topic,
    LogGroup,
    Parameter,
    FileSystem,
    StateMachine,
    /// An IAM user.
    User(&'static str),
    /// A role of another account of the organization.
    Member(AccountId),
    /// An account outside of the organization.
    Outside(AccountId),
}

const ORDINARY: &[Worker] = &[
    Worker::Bucket,
    Worker::Secret,
    Worker::Table,
    Worker::Function,
    Worker::Queue,
    Worker::LogGroup,
    Worker::Application,
    Worker::FileSystem,
    Worker::StateMachine,
    Worker::Parameter,
];

/// The account of the organization, other than the owner, that uses a key of this kind; `None` where none does, or cannot any more.
pub(crate) fn member(key: &Key<'_>) -> Option<AccountId> {
    let organization: &Organization = key.organization();
    let account = match key.archetype()? {
        Archetype::Vendor | Archetype::RamShared => key.neighbour(),
        Archetype::OrganizationWide => organization.other_account(key.account().id, &mut key.trail_dice().part(3)),
        _ => return None,
    };
    let found = organization.account(account).filter(|account| account.state == AccountState::Active && account.region(key.arn().region()).is_some())?;
    (found.id != key.account().id).then_some(found.id)
}

fn outside(at: usize) -> Option<Worker> {
    OUTSIDE[at].parse().ok().map(Worker::Outside)
}

/// Those who use the key; the first is always of the key's own account.
pub(crate) fn workers(key: &Key<'_>) -> Vec<Worker> {
    use Archetype as A;
    let mut dice = key.trail_dice().part(1);
    if let Some(service) = key.serves() {
        return vec![match service {
            "ebs" => Worker::Volume,
            "s3" => Worker::Bucket,
            "rds" => Worker::Database,
            "ssm" => Worker::Parameter,
            "lambda" => Worker::Function,
            "sns" => Worker::Topic,
            "dynamodb" => Worker::Table,
            _ => Worker::Secret,
        }];
    }
    if key.spec() != KeySpec::SymmetricDefault {
        return vec![Worker::Application];
    }
    let mut workers = match key.archetype() {
        Some(A::Volumes) => vec![Worker::Volume],
        Some(A::Databases) => vec![Worker::Database, Worker::Warehouse, Worker::Secret],
        Some(A::AdminsAndUsers) => vec![Worker::Application, Worker::Bucket, Worker::Secret],
        Some(A::ServiceFenced) => vec![Worker::LogGroup],
        Some(A::ServiceUnfenced) => vec![Worker::Topic, Worker::Bucket],
        Some(A::CallerAccountFenced) => vec![Worker::Secret],
        Some(A::IamUsers) => vec![Worker::User("alice"), Worker::User("ci/deployer")],
        Some(A::ForgottenSample) => vec![Worker::StateMachine],
        Some(A::HostileTexts) => vec![Worker::Application],
        _ => (0..dice.between(1, 3)).map(|_| ORDINARY[dice.index(ORDINARY.len())]).collect(),
    };
    match key.archetype() {
        Some(A::Vendor | A::RamShared) => workers.extend(outside(0)),
        Some(A::GrantedOutside) => workers.extend(outside(1)),
        Some(A::Public) => workers.extend(outside(3)),
        _ => {}
    }
    workers.extend(member(key).map(Worker::Member));
    workers
}

/// What this worker asks for on an ordinary day.
pub(crate) fn operation(key: &Key<'_>, worker: Worker, dice: &mut Dice) -> Operation {
    use Operation as O;
    match key.spec() {
        KeySpec::SymmetricDefault => {}
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 if key.archetype() == Some(Archetype::RsaEncryption) => {
            return if dice.chance(60) { O::Decrypt } else { O::Encrypt };
        }
        KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => return if dice.chance(60) { O::GenerateMac } else { O::VerifyMac },
        _ if key.archetype() == Some(Archetype::KeyAgreement) => return O::DeriveSharedSecret,
        _ => return if dice.chance(80) { O::Sign } else { O::Verify },
    }
    match worker {
        Worker::Application | Worker::User(_) => match dice.below(20) {
            0 => O::ReEncrypt,
            1 => O::GenerateDataKeyPair,
            2 => O::GenerateDataKeyPairWithoutPlaintext,
            3..=6 => O::Encrypt,
            7..=10 => O::GenerateDataKey,
            _ => O::Decrypt,
        },
        Worker::Volume if dice.chance(15) => O::GenerateDataKeyWithoutPlaintext,
        Worker::Parameter if dice.chance(20) => O::Encrypt,
        Worker::Volume | Worker::Function | Worker::Parameter => O::Decrypt,
        _ if dice.chance(25) => O::GenerateDataKey,
        _ => O::Decrypt,
    }
}

/// What a use is told by.
pub(crate) struct Ids {
    pub(crate) event: String,
    pub(crate) request: String,
}

/// The use of a key by one of its workers at a moment.
pub(crate) fn used(key: &Key<'_>, worker: Worker, operation: Operation, at: Timestamp, ids: Ids, refusal: Option<Refusal>, dice: &mut Dice) -> Use {
    let arn = key.arn();
    let place = Place { partition: arn.partition(), account: key.account().id, region: arn.region().to_string(), at, busy: dice.part(8) };
    let Actor { identity, origin } = actor(key, worker, &place, dice);
    let symmetric = key.spec() == KeySpec::SymmetricDefault;
    let stranger = matches!(worker, Worker::Member(_) | Worker::Outside(_));
    let named = match dice.below(4) {
        _ if stranger => KeyName::Arn,
        0 | 1 if symmetric && matches!(operation, Operation::Decrypt) => KeyName::Absent,
        0 if key.alias_count() > 0 => KeyName::Alias(key.alias(0).name),
        1 => KeyName::Id,
        _ => KeyName::Arn,
    };
    Use {
        at,
        id: ids.event,
        owner_id: dice.uuid(),
        request_id: ids.request,
        shared_id: dice.uuid(),
        operation,
        destination: (operation == Operation::ReEncrypt).then(|| other_key(key, at)),
        named,
        algorithm: algorithm(key),
        purpose: if symmetric { purpose(key, worker, &place, dice) } else { Purpose::Untold },
        material: key.material_at(at),
        key: arn,
        caller: identity,
        origin,
        refusal,
    }
}

fn algorithm(key: &Key<'_>) -> String {
    let metadata = key.metadata();
    let lists = [metadata.encryption_algorithms, metadata.signing_algorithms, metadata.key_agreement_algorithms, metadata.mac_algorithms];
    lists.into_iter().flatten().next_back().unwrap_or_default()
}

/// The key that a ciphertext is moved to: another one of the account and Region that was in use after this moment, for the call is a use of both. The same key where
/// there is none: its encryption context can be changed, too.
fn other_key(key: &Key<'_>, at: Timestamp) -> KeyArn {
    let organization = key.organization();
    let count = u32::try_from(organization.key_count(key.account(), key.arn().region())).unwrap_or(0);
    let later = (1..count.min(12)).map(|step| organization.key_at(key.account(), key.region_index(), (key.index() + step) % count));
    let mut fitting = later.filter(|other| {
        !other.is_aws_managed()
            && !key.is_aws_managed()
            && other.spec() == KeySpec::SymmetricDefault
            && other.created_at() + chrono::TimeDelta::minutes(1) < at
            && other.last_usage().used_at.is_some_and(|used_at| used_at.timestamp() > at.timestamp())
    });
    // Encryption algorithms must agree.
    if key.spec() == KeySpec::SymmetricDefault { fitting.next().map_or_else(|| key.arn(), |other| other.arn()) } else { key.arn() }
}

fn actor(key: &Key<'_>, worker: Worker, place: &Place, dice: &mut Dice) -> Actor {
    let application = key.application();
    let role = match key.archetype() {
        Some(Archetype::HostileTexts) => "a+b=c,d.e@f-g_h".to_owned(),
        Some(Archetype::NotAction) => "developers".to_owned(),
        Some(Archetype::DeletedPrincipals) => "service".to_owned(),
        Some(Archetype::AdminsAndUsers) if dice.chance(30) => format!("{application}-batch"),
        Some(Archetype::ForgottenSample) => "StepFunctionsSample-ProcessOrder-role".to_owned(),
        Some(Archetype::Volumes | Archetype::Databases) => "platform".to_owned(),
        _ => format!("{application}-service"),
    };
    let regional = |service: &str| format!("{service}.{}.amazonaws.com", place.region);
    match worker {
        Worker::Application => place.application(&role, dice),
        // S3 does not give its name.
        Worker::Bucket => place.application_through(&role, "AWS Internal", dice),
        Worker::Secret => place.application_through(&role, "secretsmanager.amazonaws.com", dice),
        Worker::Table => place.application_through(&role, "dynamodb.amazonaws.com", dice),
        Worker::Volume => place.infrastructure(&volume(key, place.busy).1),
        Worker::Database => Place::service("rds.amazonaws.com"),
        Worker::Warehouse => place.application_through("aws-service-role/redshift.amazonaws.com/AWSServiceRoleForRedshift", "redshift.amazonaws.com", dice),
        Worker::Function => place.application_through(&role, "lambda.amazonaws.com", dice),
        Worker::Queue => place.application_through(&role, "sqs.amazonaws.com", dice),
        Worker::Topic => Place::service("sns.amazonaws.com"),
        Worker::LogGroup => Place::service(&regional("logs")),
        Worker::Parameter => place.application_through(&role, "ssm.amazonaws.com", dice),
        Worker::FileSystem => place.application_through(&role, "elasticfilesystem.amazonaws.com", dice),
        Worker::StateMachine => place.application_through(&role, "states.amazonaws.com", dice),
        Worker::User(name) => place.user(name, dice),
        Worker::Member(account) => {
            let role = if key.archetype() == Some(Archetype::RamShared) { "shared-services" } else { "data-exchange/importer" };
            Place { account, ..place.clone() }.application(role, dice)
        }
        // Of strangers their own log tells more; the owner's tells their account and a principal's id.
        Worker::Outside(account) => {
            let session =
                RoleSession { account, role: "integration".to_owned(), session: "worker".to_owned(), since: place.at, via: None, kind: SessionKind::Plain };
            let principal_id = format!("{}:{}", unique_id("AROA", account.as_str()), session.session);
            Actor { identity: Identity::Account { account, principal_id }, origin: Origin::network("192.0.2.44", "Boto3/1.40.61 md/Botocore#1.40.61") }
        }
    }
}

/// A volume under the key, and the instance that it is attached to: as a grant says, where there is one.
fn volume(key: &Key<'_>, busy: Dice) -> (String, String) {
    let mut dice = busy.part(5);
    let grants = key.grants();
    let granted = grants.get(dice.index(grants.len().max(1))).and_then(|grant| {
        let volume = grant.constraints.encryption_context_subset.get("aws:ebs:id")?;
        Some((volume.clone(), grant.grantee_principal.as_ref()?.rsplit('/').next()?.to_owned()))
    });
    granted.unwrap_or_else(|| {
        let mut known = key.trail_dice().part(40 + dice.below(3));
        (format!("vol-0{}", known.hex(16)), format!("i-0{}", known.hex(16)))
    })
}

fn purpose(key: &Key<'_>, worker: Worker, place: &Place, dice: &mut Dice) -> Purpose {
    let application = key.application();
    let within = dice.below(3);
    let known = || key.trail_dice().part(20 + within);
    let arn = |service: &str, rest: &str| format!("arn:{}:{service}:{}:{}:{rest}", place.partition, place.region, place.account);
    match worker {
        Worker::Application | Worker::User(_) if key.archetype() == Some(Archetype::HostileTexts) => {
            Purpose::Application("\u{1b}[31m'\"; --\n\\ 🔑 \"eventSource\":\"kms.amazonaws.com\"")
        }
        Worker::Application | Worker::User(_) if dice.chance(30) => Purpose::Untold,
        Worker::Application | Worker::User(_) => Purpose::Application(application),
        Worker::Bucket | Worker::Member(_) | Worker::Outside(_) => {
            let object = dice.chance(40).then(|| format!("{}/part-{:05}.parquet", place.at.format("%Y/%m/%d"), dice.below(400)));
            Purpose::Bucket { bucket: format!("{application}-{within}-{}", place.account), object }
        }
        Worker::Secret => {
            Purpose::Secret { arn: arn("secretsmanager", &format!("secret:{application}/{within}-{}", known().alphanumeric(6))), version: known().uuid() }
        }
        Worker::Table => Purpose::Table { name: format!("{application}-{within}"), subscriber: place.account },
        Worker::Volume => Purpose::Volume(volume(key, place.busy).0),
        Worker::Database => Purpose::Database(constraint(key, "aws:rds:db-id").unwrap_or_else(|| format!("db-{}", known().base32(26)))),
        Worker::Warehouse => Purpose::Warehouse {
            arn: constraint(key, "aws:redshift:arn").unwrap_or_else(|| arn("redshift", &format!("cluster:{application}"))),
            created: constraint(key, "aws:redshift:createtime").unwrap_or_else(|| "20250101T000000Z".to_owned()),
        },
        Worker::Function => Purpose::Function(arn("lambda", &format!("function:{application}-{within}"))),
        Worker::Queue => Purpose::Queue(arn("sqs", &format!("{application}-{within}"))),
        Worker::Topic => Purpose::Topic(arn("sns", &format!("{application}-{within}"))),
        Worker::LogGroup => Purpose::LogGroup(arn("logs", &format!("log-group:/aws/lambda/{application}-{within}"))),
        Worker::Parameter => Purpose::Parameter(arn("ssm", &format!("parameter/{application}/{within}"))),
        Worker::FileSystem => Purpose::FileSystem(format!("fs-0{}", known().hex(16))),
        Worker::StateMachine => Purpose::StateMachine(arn("states", &format!("stateMachine:{application}"))),
    }
}

/// What one of the key's grants is bound to.
fn constraint(key: &Key<'_>, name: &str) -> Option<String> {
    key.grants()
        .iter()
        .find_map(|grant| grant.constraints.encryption_context_subset.get(name).or_else(|| grant.constraints.encryption_context_equals.get(name)).cloned())
}

/// Somebody whom nobody gave permission.
pub(crate) fn intruder(key: &Key<'_>, at: Timestamp, dice: &mut Dice) -> Use {
    let arn = key.arn();
    let place = Place { partition: arn.partition(), account: arn.account(), region: arn.region().to_string(), at, busy: dice.part(8) };
    let Actor { identity, origin } = place.application("reporting/nightly-batch", dice);
    let ids = Ids { event: dice.uuid(), request: dice.uuid() };
    let operation = operation(key, Worker::Application, dice);
    // A re-encryption refused is refused for one of its keys.
    let operation = if operation == Operation::ReEncrypt { Operation::Decrypt } else { operation };
    let refusal = Use::denied(&assumed(&identity, arn.partition()), operation, &arn);
    Use { caller: identity, origin, ..used(key, Worker::Application, operation, at, ids, Some(refusal), dice) }
}

/// The ARN that an error message names its caller by: a session's own, not its role's.
pub(crate) fn assumed(identity: &Identity, partition: Partition) -> String {
    identity.json(partition)["arn"].as_str().unwrap_or_default().to_owned()
}
