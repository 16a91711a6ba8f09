//! A key's uses, day by day, so that they come to what `kms:GetKeyLastUsage` says.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use kms_insights_model::Timestamp;

use super::{
    cryptographic::{Operation, Use},
    identity::Identity,
    life,
    work::{self, Ids, Worker},
};
use crate::{Archetype, dice::Dice, key::Key};

/// The first moment of a day.
pub(crate) fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn moment(day: NaiveDate, dice: &mut Dice) -> Timestamp {
    midnight(day) + TimeDelta::milliseconds(i64::try_from(dice.below(86_400_000)).unwrap_or(0))
}

fn ids(dice: &mut Dice) -> Ids {
    Ids { event: dice.uuid(), request: dice.uuid() }
}

/// The calls of cryptographic operations with a key on a day, in no order. A `ReEncrypt` is with the key that it reads.
///
/// What succeeded came before the second of the last use that KMS tells of, which is the last of them, under its own event id; after it only failures come. So the
/// log, as far as it goes back, and `kms:GetKeyLastUsage` say the same.
pub(crate) fn on(key: &Key<'_>, day: NaiveDate) -> Vec<Use> {
    let (start, now) = (midnight(day), key.now());
    if start > now || start + TimeDelta::days(1) <= key.created_at() {
        return Vec::new();
    }
    let mut dice = key.trail_dice().part(100).part(u64::try_from(start.timestamp() / 86_400).unwrap_or(0));
    let last = key.last_usage();
    let used_at = last.used_at;
    let workers = work::workers(key);
    let blocked = life::blocked(key);
    let exists = |at: Timestamp| at > key.created_at() + TimeDelta::seconds(30) && at < now;
    let mut uses = Vec::new();
    for (number, worker) in workers.iter().enumerate() {
        // How busy a worker is follows from the key; how often it calls on one day, from the day.
        let busy = key.trail_dice().part(60 + number as u64).below(4);
        let calls = [dice.below(2) * dice.below(2), dice.below(3), 1 + dice.below(3), 3 + dice.below(5)][usize::try_from(busy).unwrap_or(0)];
        for repetition in 0..calls {
            let mut dice = dice.part(number as u64 * 100 + repetition);
            let at = moment(day, &mut dice);
            // In the second of the last use nothing else succeeds: the log tells seconds.
            if !exists(at) || used_at.is_none_or(|used_at| at.timestamp() >= used_at.timestamp()) {
                continue;
            }
            let operation = work::operation(key, *worker, &mut dice);
            let ids = ids(&mut dice);
            let mut call = work::used(key, *worker, operation, at, ids, None, &mut dice);
            if dice.chance(2) && operation != Operation::ReEncrypt && !matches!(call.caller, Identity::Service(_)) {
                let arn = &call.key;
                call.refusal = Some(Use::denied(&work::assumed(&call.caller, arn.partition()), operation, arn));
            }
            uses.push(call);
        }
    }
    if let (Some(at), Some(operation)) = (used_at.filter(|at| at.date_naive() == day), last.operation.as_deref().and_then(Operation::named)) {
        // The first worker is of the account: the event id is that of the only record.
        let worker = match (operation, workers.first()) {
            (Operation::Encrypt | Operation::ReEncrypt, _) if !key.is_aws_managed() => Worker::Application,
            (_, worker) => worker.copied().unwrap_or(Worker::Application),
        };
        let ids = Ids { event: last.cloudtrail_event_id.unwrap_or_default(), request: last.kms_request_id.unwrap_or_default() };
        uses.push(work::used(key, worker, operation, at, ids, None, &mut dice.part(9000)));
    }
    if let Some(blocked) = &blocked
        // Some notice that their key is gone, and some try on and on.
        && key.trail_dice().part(70).chance(40)
    {
        let mut dice = dice.part(9100);
        for _ in 0..dice.below(3) {
            let (at, worker) = (moment(day, &mut dice), workers[0]);
            if at > blocked.since && exists(at) {
                let operation = match work::operation(key, worker, &mut dice) {
                    Operation::ReEncrypt => Operation::Decrypt,
                    operation => operation,
                };
                let ids = ids(&mut dice);
                uses.push(work::used(key, worker, operation, at, ids, Some(blocked.refusal.clone()), &mut dice));
            }
        }
    }
    let mut stray = dice.part(9200);
    if !key.is_aws_managed() && key.archetype() != Some(Archetype::ForgottenSample) && stray.chance(3) {
        let at = moment(day, &mut stray);
        if exists(at) {
            uses.push(work::intruder(key, at, &mut stray));
        }
    }
    uses.extend(sample_attempt(key).filter(|used| used.at.date_naive() == day));
    uses
}

/// The forgotten sample was run once, and failed: its state machine's role lacked a permission. So KMS never saw a use of the key, which is why it says "never used", and
/// yet the log tells what the key was for: made by CloudFormation, named by an alias, and asked for a data key by Step Functions' sample.
fn sample_attempt(key: &Key<'_>) -> Option<Use> {
    if key.archetype() != Some(Archetype::ForgottenSample) {
        return None;
    }
    let mut dice = key.trail_dice().part(80);
    let at = key.created_at() + TimeDelta::seconds(i64::try_from(dice.between(300, 1500)).unwrap_or(300));
    let ids = ids(&mut dice);
    let operation = Operation::GenerateDataKey;
    let mut used = work::used(key, Worker::StateMachine, operation, at, ids, None, &mut dice);
    used.refusal = Some(Use::denied(&work::assumed(&used.caller, used.key.partition()), operation, &used.key));
    (at < key.now()).then_some(used)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::*;
    use crate::{Behaviour, Organization, OrganizationShape, trail::days::Days};

    /// Of several organizations, and not only of those that tests serve: a `ReEncrypt` of one key must never come after the last use of the other.
    #[test]
    fn the_last_success_of_every_key_is_what_kms_tells_of_it() {
        for seed in 1..=6 {
            let organization = Arc::new(Organization::generate(OrganizationShape { seed, ..OrganizationShape::default() }));
            let days = Days::new(Arc::clone(&organization), Behaviour::default());
            let first = organization.now().date_naive() - TimeDelta::days(20);
            let mut last: HashMap<String, (Timestamp, String)> = HashMap::new();
            let mut two_keys = 0;
            for account in organization.accounts().iter().filter(|account| account.is_active()) {
                for region in 0..account.regions.len() {
                    let uses = first.iter_days().take(21).flat_map(|day| days.uses(account, region, day)).filter(|used| used.refusal.is_none());
                    for used in uses {
                        two_keys += usize::from(used.keys().count() == 2);
                        for key in used.keys() {
                            let told = last.entry(key.to_string()).or_insert((used.at, used.id.clone()));
                            if used.at > told.0 {
                                *told = (used.at, used.id.clone());
                            }
                        }
                    }
                    for key in organization.keys(account, &account.regions[region].region) {
                        let usage = key.last_usage();
                        let expected = usage.used_at.filter(|at| at.date_naive() >= first).zip(usage.cloudtrail_event_id);
                        assert_eq!(last.get(&key.arn().to_string()).cloned(), expected, "{seed}: {} {:?}", key.arn(), key.archetype());
                    }
                }
            }
            assert!(two_keys > 0, "{seed}");
        }
    }
}
