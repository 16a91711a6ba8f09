//! Everything that an account is told of a Region on a day.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use chrono::{NaiveDate, TimeDelta};
use kms_insights_model::AccountId;
use serde_json::{Value, json};

use super::{
    actors::Place,
    changes,
    cryptographic::Use,
    event::{Event, EventKind, Resource},
    other,
    runs::Runs,
    uses::{self, midnight},
    work,
};
use crate::{Behaviour, Organization, SimulatedAccount, key::Key};

/// The place of a key in the organization.
#[derive(Clone, Copy, Debug)]
struct KeyPlace {
    account: usize,
    region: usize,
    index: u32,
}

/// What an organization's accounts do, told day by day.
pub(crate) struct Days {
    organization: Arc<Organization>,
    behaviour: Behaviour,
    /// The keys of others that an account uses. To find them takes a walk over all keys, which one question is not worth; there are few.
    visits: OnceLock<HashMap<AccountId, Vec<KeyPlace>>>,
}

impl Days {
    pub(crate) fn new(organization: Arc<Organization>, behaviour: Behaviour) -> Self {
        Self { organization, behaviour, visits: OnceLock::new() }
    }

    pub(crate) fn organization(&self) -> &Organization {
        &self.organization
    }

    pub(crate) const fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    fn visits(&self) -> &HashMap<AccountId, Vec<KeyPlace>> {
        self.visits.get_or_init(|| {
            let mut visits: HashMap<AccountId, Vec<KeyPlace>> = HashMap::new();
            for (account, owner) in self.organization.accounts().iter().enumerate().filter(|(_, owner)| owner.is_active()) {
                for (region, unit) in owner.regions.iter().enumerate() {
                    for index in 0..unit.keys {
                        if let Some(member) = work::member(&self.organization.key_at(owner, region, index)) {
                            visits.entry(member).or_default().push(KeyPlace { account, region, index });
                        }
                    }
                }
            }
            visits
        })
    }

    /// The calls of cryptographic operations with an account's keys of a Region, whoever called.
    pub(crate) fn uses(&self, account: &SimulatedAccount, region: usize, day: NaiveDate) -> Vec<Use> {
        self.keys(account, region).flat_map(|key| uses::on(&key, day)).collect()
    }

    /// The calls by an account of another's keys.
    fn uses_elsewhere(&self, account: &SimulatedAccount, region: usize, day: NaiveDate) -> Vec<Use> {
        let name = &account.regions[region].region;
        let places = self.visits().get(&account.id).into_iter().flatten();
        let keys = places.map(|place| self.organization.key_at(&self.organization.accounts()[place.account], place.region, place.index));
        keys.filter(|key| key.arn().region() == name).flat_map(|key| uses::on(&key, day)).filter(|used| used.caller_account() == account.id).collect()
    }

    fn keys<'a>(&'a self, account: &'a SimulatedAccount, region: usize) -> impl Iterator<Item = Key<'a>> {
        self.organization.keys(account, &account.regions[region].region)
    }

    /// The events in an account's history of a Region and day, in the order of time.
    pub(crate) fn events(&self, account: &SimulatedAccount, region: usize, day: NaiveDate) -> Vec<Event> {
        let (from, until) = (midnight(day), midnight(day) + TimeDelta::days(1));
        let mut events = self.background(account, region, day);
        for used in self.uses(account, region, day) {
            if used.is_cross_account() { events.extend(used.owner_event()) } else { events.push(used.event()) }
        }
        events.extend(self.uses_elsewhere(account, region, day).iter().map(Use::event));
        events.extend(self.keys(account, region).flat_map(|key| changes::within(&key, from, until)));
        events.extend(Runs { organization: &self.organization, behaviour: &self.behaviour }.on(account, region, day));
        events.retain(|event| event.at < self.organization.now());
        events.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        events
    }

    /// What has nothing to do with any key, and people who look at keys in the console.
    fn background(&self, account: &SimulatedAccount, region: usize, day: NaiveDate) -> Vec<Event> {
        let unit = &account.regions[region];
        let start = midnight(day);
        let mut dice = unit.dice.part(910).part(u64::try_from(start.timestamp() / 86_400).unwrap_or(0));
        let busy = dice.part(1);
        let place = |millis: u64| Place {
            partition: self.organization.partition(),
            account: account.id,
            region: unit.region.to_string(),
            at: start + TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(0)),
            busy,
        };
        let calls = if region == 0 { dice.between(4, 12) } else { dice.between(1, 5) };
        let mut events: Vec<Event> = (0..calls).map(|_| other::event(&place(dice.below(86_400_000)), &mut dice)).collect();
        // A timer writes at the beginning of each part of the day, so that no log file is without a record, whatever the trail leaves out and whenever it ends.
        for part in 0..u64::from(super::delivery::SLOTS) {
            let length = 86_400_000 / u64::from(super::delivery::SLOTS);
            events.push(other::log_stream(&place(part * length), &mut dice));
        }
        let keys = self.organization.key_count(account, &unit.region);
        if keys > 0 && dice.chance(40) {
            let at = place(dice.between(7 * 3_600_000, 18 * 3_600_000));
            let index = u32::try_from(dice.index(keys)).unwrap_or(0);
            let key = self.organization.key_at(account, region, index);
            events.push(looked_at(&at, "ListAliases", json!({"limit": 100}), None, dice.part(2)));
            if key.denial("DescribeKey").is_none() && key.created_at() < at.at {
                events.push(looked_at(&at, "DescribeKey", json!({"keyId": key.id()}), Some(&key), dice.part(3)));
            }
        }
        events
    }
}

/// A person looks around in the console.
fn looked_at(place: &Place, name: &'static str, request: Value, key: Option<&Key<'_>>, mut dice: crate::dice::Dice) -> Event {
    let mut person = place.busy.part(9);
    let actor = place.console(&mut person);
    Event {
        at: place.at,
        id: dice.uuid(),
        request_id: dice.uuid(),
        shared_id: None,
        recipient: place.account,
        partition: place.partition,
        region: place.region.clone(),
        service: "kms",
        name,
        identity: actor.identity,
        origin: actor.origin,
        refusal: None,
        request,
        response: Value::Null,
        additional: None,
        service_details: None,
        resources: key.map(|key| vec![Resource { account: place.account, kind: "AWS::KMS::Key", arn: key.arn().to_string() }]),
        read_only: true,
        kind: EventKind::ApiCall,
    }
}
