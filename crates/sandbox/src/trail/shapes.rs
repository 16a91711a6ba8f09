//! One record of each shape, to be read by people beside AWS's examples.

use std::collections::BTreeMap;

use chrono::{Days as CalendarDays, TimeDelta};
use kms_insights_model::Timestamp;
use serde_json::{Value, json};

use super::{
    actors::Place,
    changes,
    cryptographic::{Operation, Use},
    days::Days,
    event::Refusal,
    other, runs,
    work::{self, Ids, Worker},
};
use crate::{Archetype, Behaviour, KeyCount, Organization, OrganizationShape, dice::Dice, key::Key};

type Records = BTreeMap<String, Value>;

fn organization() -> Organization {
    let regions = ["us-east-1", "eu-central-1"].iter().map(|region| region.parse().unwrap()).collect();
    Organization::generate(OrganizationShape { seed: 42, accounts: 6, regions, keys: KeyCount::Fixed(20), ..OrganizationShape::default() })
}

fn keys(organization: &Organization) -> impl Iterator<Item = Key<'_>> {
    let active = organization.accounts().iter().filter(|account| account.is_active());
    active.flat_map(move |account| account.enabled_regions().flat_map(move |region| organization.keys(account, region)))
}

fn of_kind(organization: &Organization, kind: Archetype) -> Key<'_> {
    keys(organization).find(|key| key.archetype() == Some(kind)).unwrap()
}

fn used(key: &Key<'_>, worker: Worker, operation: Operation, refusal: Option<Refusal>) -> Use {
    let mut dice = Dice::new(5);
    let ids = Ids { event: dice.uuid(), request: dice.uuid() };
    work::used(key, worker, operation, key.now() - TimeDelta::days(3), ids, refusal, &mut dice)
}

#[test]
fn uses_of_keys() {
    use Archetype as A;
    use Operation as O;
    let organization = organization();
    let mut records = Records::new();
    let mut tell = |what: &str, kind: A, worker: Worker, operation: O| {
        let told = used(&of_kind(&organization, kind), worker, operation, None);
        // What a stranger's own account is told is not this organization's to know.
        let record = told.owner_event().map_or_else(|| told.event().record(), |event| event.record());
        records.insert(format!("{} by {what}", operation.name()), record);
    };
    tell("an application", A::AdminsAndUsers, Worker::Application, O::Encrypt);
    tell("an application", A::AdminsAndUsers, Worker::Application, O::ReEncrypt);
    tell("an application", A::AdminsAndUsers, Worker::Application, O::GenerateDataKeyPair);
    tell("an application", A::RsaEncryption, Worker::Application, O::Decrypt);
    tell("an application", A::RsaSigning, Worker::Application, O::Sign);
    tell("an application", A::EccSigning, Worker::Application, O::Verify);
    tell("an application", A::Hmac, Worker::Application, O::GenerateMac);
    tell("an application", A::Hmac, Worker::Application, O::VerifyMac);
    tell("an application", A::KeyAgreement, Worker::Application, O::DeriveSharedSecret);
    tell("a user", A::IamUsers, Worker::User("ci/deployer"), O::Decrypt);
    tell("a hostile text", A::HostileTexts, Worker::Application, O::Decrypt);
    tell("S3", A::ServiceUnfenced, Worker::Bucket, O::GenerateDataKey);
    tell("Secrets Manager", A::CallerAccountFenced, Worker::Secret, O::Decrypt);
    tell("DynamoDB", A::DefaultPolicy, Worker::Table, O::GenerateDataKey);
    tell("EBS", A::Volumes, Worker::Volume, O::GenerateDataKeyWithoutPlaintext);
    tell("RDS", A::Databases, Worker::Database, O::Decrypt);
    tell("Redshift", A::Databases, Worker::Warehouse, O::Decrypt);
    tell("CloudWatch Logs", A::ServiceFenced, Worker::LogGroup, O::Decrypt);
    let vendor = work::workers(&of_kind(&organization, A::Vendor)).into_iter().find(|worker| matches!(worker, Worker::Outside(_))).unwrap();
    tell("a vendor", A::Vendor, vendor, O::Decrypt);
    let (shared, member) = keys(&organization).find_map(|key| Some((key.clone(), work::member(&key)?))).unwrap();
    let told = used(&shared, Worker::Member(member), O::Decrypt, None);
    records.insert("Decrypt by another account of the organization".to_owned(), told.event().record());
    records.insert("Decrypt by another account of the organization, as the owner is told".to_owned(), told.owner_event().unwrap().record());
    insta::assert_json_snapshot!(records);
}

#[test]
fn refused_uses_of_keys() {
    let organization = organization();
    let key = of_kind(&organization, Archetype::AdminsAndUsers);
    let refusal = |code, message: &str| Some(Refusal { code, message: format!("{} {message}", key.arn()) });
    let denied = work::intruder(&key, key.now() - TimeDelta::days(1), &mut Dice::new(6));
    let records = [
        ("denied", denied.event().record()),
        ("disabled", used(&key, Worker::Secret, Operation::Decrypt, refusal("DisabledException", "is disabled.")).event().record()),
        (
            "pending deletion",
            used(&key, Worker::Bucket, Operation::GenerateDataKey, refusal("KMSInvalidStateException", "is pending deletion.")).event().record(),
        ),
    ];
    insta::assert_json_snapshot!(BTreeMap::from(records));
    assert_eq!(denied.resource(), None, "the parameters of denied calls are not recorded");
}

#[test]
fn changes_of_keys() {
    let organization = organization();
    let mut records = Records::new();
    for key in keys(&organization) {
        for event in changes::within(&key, Timestamp::UNIX_EPOCH, organization.now()) {
            let by = event.identity.invoked_by().map_or(String::new(), |by| format!(" through {by}"));
            records.entry(format!("{}{by}", event.name)).or_insert_with(|| event.record());
        }
    }
    insta::assert_json_snapshot!(records);
}

#[test]
fn other_services_and_their_look_alikes() {
    let organization = organization();
    let place = Place {
        partition: organization.partition(),
        account: organization.management().id,
        region: "us-east-1".to_owned(),
        at: organization.now(),
        busy: Dice::new(3),
    };
    let records: Records = other::one_of_each(&place).into_iter().map(|event| (format!("{} {}", event.source(), event.name), event.record())).collect();
    insta::assert_json_snapshot!(records);
}

#[test]
fn earlier_runs_of_the_collector() {
    let organization = organization();
    let missing = organization.accounts()[2].id;
    let behaviour = Behaviour { roles_missing: [missing].into(), role_name: "audit/kms-insights-reader".to_owned(), ..Behaviour::default() };
    let runs = runs::Runs { organization: &organization, behaviour: &behaviour };
    let today = organization.now().date_naive();
    let week: Vec<_> = (1..=7).filter_map(|days| today.checked_sub_days(CalendarDays::new(days))).collect();
    let mut records = Records::new();
    let mut names = Vec::new();
    for (account, who) in [(0, "caller"), (1, "member"), (2, "without role")] {
        let account = &organization.accounts()[account];
        let told: Vec<_> = week.iter().flat_map(|day| runs.on(account, 0, *day)).collect();
        names.push((who, told.len()));
        for event in told {
            let refused = event.refusal.as_ref().map_or("", |_| ", refused");
            records.entry(format!("{who}: {}{refused}", event.name)).or_insert_with(|| event.record());
        }
    }
    assert_eq!(names[2], ("without role", 0));
    insta::assert_json_snapshot!(records);
}

#[test]
fn no_two_events_of_a_day_have_one_id_and_none_is_of_another_day_or_later_than_now() {
    let organization = std::sync::Arc::new(organization());
    let days = Days::new(std::sync::Arc::clone(&organization), Behaviour::default());
    let mut ids = std::collections::BTreeSet::new();
    let today = organization.now().date_naive();
    for account in organization.accounts().iter().filter(|account| account.is_active()) {
        for (region, day) in (0..account.regions.len()).flat_map(|region| [(region, today), (region, today.pred_opt().unwrap())]) {
            for event in days.events(account, region, day) {
                assert!(event.at < organization.now() && event.at.date_naive() == day, "{}", event.at);
                assert_eq!(json!(event.recipient), json!(account.id));
                assert!(ids.insert(event.id.clone()), "{} twice", event.id);
            }
        }
    }
    assert!(ids.len() > 100, "{}", ids.len());
}
