//! What a scan of the trail's log files must find: daily usage, told from the history and not from its records.

use std::collections::BTreeMap;

use chrono::{NaiveDate, SubsecRound as _};
use kms_insights_model::{AccountId, Timestamp};
use serde::Serialize;

use super::{cryptographic::Use, days::Days};
use crate::SimulatedAccount;

/// A key's use on a day by one principal, with one operation, on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DailyUse {
    /// The day in UTC on which it was called.
    pub event_date: NaiveDate,
    /// The key's ARN.
    pub key_arn: String,
    /// The role and never its session; the user; the account, of a caller from outside of the organization; the service, where one calls by itself.
    pub principal: String,
    /// The operation.
    pub event_name: String,
    /// The resource that the encryption context names: an object of S3 counts as its bucket. `None` where it names none of AWS's, and for denied calls, whose parameters
    /// are not recorded.
    pub resource: Option<String>,
    /// The service that called, or passed the request on.
    pub invoked_by: Option<String>,
    /// Calls that succeeded.
    pub uses: u64,
    /// Calls that failed.
    pub errors: u64,
    /// The first of both, in whole seconds as the log tells them.
    pub first_at: Timestamp,
    /// The last of both.
    pub last_at: Timestamp,
}

type Of = (NaiveDate, String, String, &'static str, Option<String>, Option<String>);

/// Daily usage of the days from one to another, both included, as far as the trail's log files tell.
pub(crate) fn usage(days: &Days, from: NaiveDate, until: NaiveDate) -> Vec<DailyUse> {
    let organization = days.organization();
    let setting = &days.behaviour().trail;
    // Every cryptographic operation is a read.
    if !days.behaviour().organization_in_use || !setting.selects_kind(true, true) {
        return Vec::new();
    }
    let mut rows: BTreeMap<Of, DailyUse> = BTreeMap::new();
    for account in organization.accounts().iter().filter(|account| account.is_active()) {
        for (region, _) in account.regions.iter().enumerate().filter(|(_, unit)| setting.covers(organization, unit.region.as_str())) {
            for day in from.iter_days().take_while(|day| *day <= until) {
                for used in days.uses(account, region, day).iter().filter(|used| setting.tells(organization, used.at) && used.at < organization.now()) {
                    count(&mut rows, used, |caller| organization.account(caller).is_some_and(SimulatedAccount::is_active));
                }
            }
        }
    }
    rows.into_values().collect()
}

/// A call of another account's is told to both, and counts once: as the caller's account is told, if that is of the organization.
fn count(rows: &mut BTreeMap<Of, DailyUse>, used: &Use, is_ours: impl Fn(AccountId) -> bool) {
    let partition = used.key.partition();
    let stranger = used.is_cross_account() && !is_ours(used.caller_account());
    if stranger && used.is_denied() {
        return;
    }
    let principal = if stranger { used.caller_account().to_string() } else { used.caller.principal(partition) };
    let invoked_by = if stranger { None } else { used.caller.invoked_by().map(str::to_owned) };
    let at = used.at.trunc_subsecs(0);
    for key in used.keys() {
        let of = (at.date_naive(), key.to_string(), principal.clone(), used.operation.name(), used.resource(), invoked_by.clone());
        let row = rows.entry(of.clone()).or_insert_with(|| DailyUse {
            event_date: of.0,
            key_arn: of.1,
            principal: of.2,
            event_name: of.3.to_owned(),
            resource: of.4,
            invoked_by: of.5,
            uses: 0,
            errors: 0,
            first_at: at,
            last_at: at,
        });
        if used.refusal.is_some() {
            row.errors += 1;
        } else {
            row.uses += 1;
        }
        row.first_at = row.first_at.min(at);
        row.last_at = row.last_at.max(at);
    }
}
