//! What earlier runs of the collector left in the log: once a week it asked about every key, and none of that is a use.

use chrono::{Datelike as _, NaiveDate, TimeDelta};
use kms_insights_model::{KeySpec, Origin as KeyOrigin, Timestamp};
use serde_json::{Value, json};

use super::{
    actors::Actor,
    event::{Event, EventKind, Origin, Refusal, Resource, iso},
    identity::{Identity, RoleSession, SessionKind, unique_id},
    uses::midnight,
    work,
};
use crate::{Behaviour, Organization, SimulatedAccount, dice::Dice, key::Key};

const AGENT: &str = "aws-sdk-rust/1.3.10 ua/2.1 api/kms/1.129.0 os/linux lang/rust/1.94.1 m/E";
const ADDRESS: &str = "198.51.100.7";

/// The collector's earlier runs.
pub(crate) struct Runs<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) behaviour: &'a Behaviour,
}

/// One run's calls in an account and Region, in their order.
struct Session<'a> {
    organization: &'a Organization,
    account: &'a SimulatedAccount,
    region: String,
    caller: Identity,
    at: Timestamp,
    dice: Dice,
    events: Vec<Event>,
}

impl Runs<'_> {
    /// When the run of a day began; it was always on the same day of the week.
    fn begun(&self, day: NaiveDate) -> Option<Timestamp> {
        let mut dice = self.organization.dice().part(60);
        let weekday = dice.below(7);
        let at = midnight(day) + TimeDelta::seconds(i64::try_from(3 * 3600 + dice.below(3600)).unwrap_or(0));
        (u64::from(day.weekday().num_days_from_monday()) == weekday && at + TimeDelta::hours(1) < self.organization.now()).then_some(at)
    }

    fn home(&self) -> kms_insights_model::AccountId {
        self.behaviour.caller_account.unwrap_or(self.organization.management().id)
    }

    /// Whether the collector's role can be assumed in an account.
    fn admits(&self, account: &SimulatedAccount) -> bool {
        let management = account.id == self.organization.management().id;
        account.is_active() && !self.behaviour.roles_missing.contains(&account.id) && (!management || self.behaviour.role_in_management)
    }

    fn operator(&self) -> Identity {
        Identity::User { account: self.home(), name: "operator".to_owned(), console_since: None, via: None }
    }

    /// The calls that an account is told of on a day, in one of its Regions.
    pub(crate) fn on(&self, account: &SimulatedAccount, region: usize, day: NaiveDate) -> Vec<Event> {
        let Some(begun) = self.begun(day) else { return Vec::new() };
        let own = account.id == self.home();
        if !own && !self.admits(account) {
            return Vec::new();
        }
        let caller = if own {
            self.operator()
        } else {
            let role = self.behaviour.role_name.trim_start_matches('/').to_owned();
            let session = "kms-insights".to_owned();
            Identity::Role(RoleSession { account: account.id, role, session, since: begun, via: None, kind: SessionKind::Plain })
        };
        let unit = &account.regions[region];
        let dice = unit.dice.part(900).part(u64::try_from(begun.timestamp() / 86_400).unwrap_or(0));
        let mut session = Session { organization: self.organization, account, region: unit.region.to_string(), caller, at: begun, dice, events: Vec::new() };
        if region == 0 {
            if own {
                session.call("organizations", "ListAccounts", Value::Null, None);
                self.assumptions(&mut session, begun);
            } else {
                session.events.extend(self.assumption(account, begun).map(|(_, member)| member));
            }
            session.call("account", "ListRegions", json!({"maxResults": 50}), None);
        }
        session.call("kms", "ListKeys", json!({"limit": 1000}), None);
        session.call("kms", "ListAliases", json!({"limit": 100}), None);
        session.call("kms", "DescribeCustomKeyStores", Value::Null, None);
        for key in self.organization.keys(account, &unit.region) {
            session.read(&key);
        }
        session.events
    }

    /// The roles assumed, as the caller's account is told; refusals are told to it alone.
    fn assumptions(&self, session: &mut Session<'_>, begun: Timestamp) {
        for account in self.organization.accounts().iter().filter(|account| account.id != self.home() && account.is_active()) {
            if let Some((told, _)) = self.assumption(account, begun) {
                session.events.push(told);
                continue;
            }
            let (arn, user) = (self.role_arn(account), work::assumed(&self.operator(), self.organization.partition()));
            session.call("sts", "AssumeRole", json!({"roleArn": arn, "roleSessionName": "kms-insights"}), None);
            if let Some(event) = session.events.last_mut() {
                let message = format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {arn}");
                event.refusal = Some(Refusal { code: "AccessDenied", message });
            }
        }
    }

    fn role_arn(&self, account: &SimulatedAccount) -> String {
        format!("arn:{}:iam::{}:role/{}", self.organization.partition(), account.id, self.behaviour.role_name.trim_start_matches('/'))
    }

    /// A role assumed: what the caller's account and the role's are told.
    fn assumption(&self, account: &SimulatedAccount, begun: Timestamp) -> Option<(Event, Event)> {
        self.admits(account).then(|| {
            let partition = self.organization.partition();
            let mut dice = account.dice.part(901).part(u64::try_from(begun.timestamp() / 86_400).unwrap_or(0));
            let arn = self.role_arn(account);
            let name = arn.rsplit('/').next().unwrap_or_default();
            let id = unique_id("AROA", &format!("{}{}", account.id, self.behaviour.role_name.trim_start_matches('/')));
            let response = json!({
                "credentials": {"accessKeyId": format!("ASIA{}", dice.base32(16)), "sessionToken": "IQoJb3JpZ2luX2VjE==", "expiration": iso(begun + TimeDelta::hours(1))},
                "assumedRoleUser": {"assumedRoleId": format!("{id}:kms-insights"), "arn": format!("arn:{partition}:sts::{}:assumed-role/{name}/kms-insights", account.id)},
            });
            let operator = self.operator();
            let event = Event {
                at: begun,
                id: dice.uuid(),
                request_id: dice.uuid(),
                shared_id: Some(dice.uuid()),
                recipient: self.home(),
                partition,
                region: account.regions.first().map_or(String::new(), |unit| unit.region.to_string()),
                service: "sts",
                name: "AssumeRole",
                identity: operator.clone(),
                origin: Origin::network(ADDRESS, AGENT),
                refusal: None,
                request: json!({"roleArn": arn, "roleSessionName": "kms-insights", "durationSeconds": 3600}),
                response,
                additional: None,
                service_details: None,
                resources: Some(vec![Resource { account: account.id, kind: "AWS::IAM::Role", arn }]),
                read_only: true,
                kind: EventKind::ApiCall,
            };
            let stranger = Identity::Account { account: self.home(), principal_id: operator.principal_id(partition) };
            let member = Event { id: dice.uuid(), recipient: account.id, identity: stranger, ..event.clone() };
            (event, member)
        })
    }
}

impl Session<'_> {
    fn call(&mut self, service: &'static str, name: &'static str, request: Value, key: Option<&Key<'_>>) {
        self.at += TimeDelta::milliseconds(35);
        let denied = key.filter(|key| service == "kms" && key.denial(name).is_some());
        let partition = self.organization.partition();
        let refusal = denied.map(|key| {
            let message = format!("User: {} is not authorized to perform: kms:{name} on resource: {}", work::assumed(&self.caller, partition), key.arn());
            Refusal { code: "AccessDenied", message }
        });
        let Actor { identity, origin } = Actor { identity: self.caller.clone(), origin: Origin::network(ADDRESS, AGENT) };
        let resource = |key: &Key<'_>| Resource { account: key.account().id, kind: "AWS::KMS::Key", arn: key.arn().to_string() };
        self.events.push(Event {
            at: self.at,
            id: self.dice.uuid(),
            request_id: self.dice.uuid(),
            shared_id: None,
            recipient: self.account.id,
            partition,
            region: self.region.clone(),
            service,
            name,
            identity,
            origin,
            request: if refusal.is_some() { Value::Null } else { request },
            refusal,
            response: Value::Null,
            additional: None,
            service_details: None,
            resources: key.map(|key| vec![resource(key)]),
            read_only: true,
            kind: EventKind::ApiCall,
        });
    }

    /// Everything that is asked about a key.
    fn read(&mut self, key: &Key<'_>) {
        if key.created_at() > self.at {
            return;
        }
        let id = key.id().to_string();
        self.call("kms", "DescribeKey", json!({"keyId": id}), Some(key));
        self.call("kms", "GetKeyPolicy", json!({"keyId": id, "policyName": "default"}), Some(key));
        if !key.is_aws_managed() {
            self.call("kms", "GetKeyPolicy", json!({"keyId": id, "policyName": "AWS_RAM"}), Some(key));
            if let Some(event) = self.events.last_mut().filter(|event| event.refusal.is_none() && key.ram_policy().is_none()) {
                event.refusal = Some(Refusal { code: "NotFoundException", message: "No such policy exists".to_owned() });
            }
        }
        self.call("kms", "ListGrants", json!({"keyId": id, "limit": 100}), Some(key));
        self.call("kms", "ListResourceTags", json!({"keyId": id, "limit": 50}), Some(key));
        if key.spec() == KeySpec::SymmetricDefault && matches!(key.origin(), KeyOrigin::AwsKms | KeyOrigin::External) {
            self.call("kms", "GetKeyRotationStatus", json!({"keyId": id}), Some(key));
            self.call("kms", "ListKeyRotations", json!({"keyId": id, "limit": 1000}), Some(key));
        }
        self.call("kms", "GetKeyLastUsage", json!({"keyId": id}), Some(key));
    }
}
