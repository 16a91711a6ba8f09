//! How the collection of an account ended, told from what it left.

use std::collections::BTreeMap;

use kms_insights_model::{AccountOutcome, AccountRecord, ErrorCode};

use crate::count::signed;

/// What an account left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountTally {
    /// Its keys.
    pub keys: u64,
    /// Those of them that lack a fact.
    pub keys_incomplete: u64,
    /// Why facts of keys lack.
    pub key_failures: BTreeMap<ErrorCode, u64>,
    /// Its Regions of which the list of keys came to its end.
    pub regions_read: u64,
    /// Why the lists of keys of other Regions did not.
    pub region_failures: BTreeMap<ErrorCode, u64>,
    /// Other facts of the account and its Regions that lack, by name: aliases, custom key stores, Regions, OU path.
    pub other_failures: BTreeMap<&'static str, ErrorCode>,
}

impl AccountTally {
    /// Whether anything is staged of the account but its own record.
    fn is_empty(&self) -> bool {
        self.keys == 0 && self.regions_read == 0 && self.region_failures.is_empty()
    }

    fn lacks_nothing(&self) -> bool {
        self.keys_incomplete == 0 && self.key_failures.is_empty() && self.region_failures.is_empty() && self.other_failures.is_empty()
    }
}

/// The account's row in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSummary {
    /// How it ended.
    pub outcome: AccountOutcome,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// Its keys.
    pub keys: i64,
    /// Those of them that lack a fact.
    pub keys_incomplete: i64,
}

/// How the account ended, and why it is not complete. `record` lacks where the run was stopped before the account's collection ended.
pub fn summarize(record: Option<&AccountRecord>, tally: &AccountTally) -> AccountSummary {
    let (outcome, reason) = outcome(record, tally);
    AccountSummary { outcome, reason, keys: signed(tally.keys), keys_incomplete: signed(tally.keys_incomplete) }
}

fn outcome(record: Option<&AccountRecord>, tally: &AccountTally) -> (AccountOutcome, Option<String>) {
    let nothing_read = tally.keys == 0 && tally.regions_read == 0;
    let Some(record) = record else {
        return if nothing_read {
            (AccountOutcome::Failed, Some(format!("{}: the run was stopped before the account was read", ErrorCode::Interrupted)))
        } else {
            (AccountOutcome::Partial, Some(format!("{}: the run was stopped before the account was read to its end", ErrorCode::Interrupted)))
        };
    };
    if let Some(state) = &record.skipped {
        if tally.is_empty() {
            return (AccountOutcome::Skipped, Some(state.clone()));
        }
        // It was read before it came into this state. Which Regions it has is in the account's record, which comes last, and which this one has replaced.
        let (keys, regions) = (noun(tally.keys, "key", "keys"), noun(tally.regions_read, "Region", "Regions"));
        let kept = format!(
            "{state}: {} {keys} and {} whole {regions} are of an earlier attempt, and which Regions that one did not reach is not known",
            tally.keys, tally.regions_read
        );
        let outcome = if nothing_read { AccountOutcome::Failed } else { AccountOutcome::Partial };
        return (outcome, Some(std::iter::once(kept).chain(lacks(tally)).collect::<Vec<_>>().join("; ")));
    }
    if let Some(failure) = record.access.failure() {
        // An earlier attempt at the run may have been admitted.
        let outcome = if nothing_read { AccountOutcome::Failed } else { AccountOutcome::Partial };
        return (outcome, Some(format!("{}: {}", failure.code, failure.message)));
    }
    if tally.lacks_nothing() {
        return (AccountOutcome::Complete, None);
    }
    let outcome = if nothing_read && !tally.region_failures.is_empty() { AccountOutcome::Failed } else { AccountOutcome::Partial };
    (outcome, Some(lacks(tally).join("; ")))
}

/// What lacks of the Regions that are known, and of the keys in them.
fn lacks(tally: &AccountTally) -> Vec<String> {
    let mut reasons = Vec::new();
    let regions_lacking: u64 = tally.region_failures.values().sum();
    if regions_lacking > 0 {
        let all = regions_lacking + tally.regions_read;
        reasons.push(format!("{regions_lacking} of {all} {} not listed ({})", noun(all, "Region", "Regions"), codes(&tally.region_failures)));
    }
    if tally.keys_incomplete > 0 {
        let cause = if tally.key_failures.is_empty() { String::new() } else { format!(" ({})", codes(&tally.key_failures)) };
        reasons.push(format!("{} of {} {} incomplete{cause}", tally.keys_incomplete, tally.keys, noun(tally.keys, "key", "keys")));
    }
    reasons.extend(tally.other_failures.iter().map(|(fact, code)| format!("{fact} lacking ({code})")));
    reasons
}

fn codes(failures: &BTreeMap<ErrorCode, u64>) -> String {
    failures.keys().map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
}

fn noun(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use kms_insights_model::{ApiAction, Fact, Failure};

    use super::*;
    use crate::sample;

    fn read(regions_read: u64, keys: u64) -> AccountTally {
        AccountTally { keys, regions_read, ..AccountTally::default() }
    }

    #[test]
    fn an_account_that_lacks_nothing_is_complete_even_without_keys() {
        let record = sample::account_record();
        assert_eq!(outcome(Some(&record), &read(2, 5)), (AccountOutcome::Complete, None));
        assert_eq!(outcome(Some(&record), &read(2, 0)), (AccountOutcome::Complete, None));
    }

    #[test]
    fn an_account_never_reached_is_failed_and_one_left_halfway_is_partial() {
        let (never, reason) = outcome(None, &read(0, 0));
        assert_eq!(never, AccountOutcome::Failed);
        assert!(reason.unwrap().starts_with("interrupted: "));
        assert_eq!(outcome(None, &read(0, 3)).0, AccountOutcome::Partial);
    }

    #[test]
    fn a_denied_role_is_failed_with_its_code() {
        let mut record = sample::account_record();
        record.access = Fact::lacking(Failure::new(ApiAction::StsAssumeRole, ErrorCode::AssumeRoleDenied, "not authorized"));
        assert_eq!(outcome(Some(&record), &read(0, 0)), (AccountOutcome::Failed, Some("assume_role_denied: not authorized".to_owned())));
        assert_eq!(outcome(Some(&record), &read(1, 4)).0, AccountOutcome::Partial);
    }

    #[test]
    fn a_skipped_account_keeps_its_reason() {
        let mut record = sample::account_record();
        record.skipped = Some("suspended".to_owned());
        assert_eq!(outcome(Some(&record), &read(0, 0)), (AccountOutcome::Skipped, Some("suspended".to_owned())));
    }

    #[test]
    fn an_account_that_was_suspended_after_it_was_read_in_part_is_partial_and_says_what_is_from_before() {
        let mut record = sample::account_record();
        record.skipped = Some("the account is suspended".to_owned());
        let kept = "whole Regions are of an earlier attempt, and which Regions that one did not reach is not known";
        assert_eq!(outcome(Some(&record), &read(2, 5)), (AccountOutcome::Partial, Some(format!("the account is suspended: 5 keys and 2 {kept}"))));
        assert_eq!(outcome(Some(&record), &read(0, 1)), (AccountOutcome::Partial, Some(format!("the account is suspended: 1 key and 0 {kept}"))));
        assert_eq!(outcome(Some(&record), &read(2, 0)).0, AccountOutcome::Partial);
        // Tried, and nothing was read.
        let tally = AccountTally { region_failures: BTreeMap::from([(ErrorCode::AccessDenied, 4)]), ..AccountTally::default() };
        let (failed, reason) = outcome(Some(&record), &tally);
        assert_eq!((failed, reason.unwrap().ends_with("; 4 of 4 Regions not listed (access_denied)")), (AccountOutcome::Failed, true));
    }

    #[test]
    fn a_partial_account_says_what_lacks_and_why() {
        let mut tally = read(3, 120);
        tally.keys_incomplete = 2;
        tally.key_failures = BTreeMap::from([(ErrorCode::AccessDenied, 2), (ErrorCode::Throttled, 1)]);
        tally.region_failures = BTreeMap::from([(ErrorCode::AccessDenied, 1)]);
        tally.other_failures = BTreeMap::from([("regions", ErrorCode::AccessDenied)]);
        let (outcome, reason) = outcome(Some(&sample::account_record()), &tally);
        assert_eq!(outcome, AccountOutcome::Partial);
        assert_eq!(
            reason.unwrap(),
            "1 of 4 Regions not listed (access_denied); 2 of 120 keys incomplete (access_denied, throttled); regions lacking (access_denied)"
        );
    }

    #[test]
    fn an_account_with_no_region_listed_is_failed() {
        let tally = AccountTally { region_failures: BTreeMap::from([(ErrorCode::AccessDenied, 4)]), ..AccountTally::default() };
        assert_eq!(outcome(Some(&sample::account_record()), &tally).0, AccountOutcome::Failed);
    }
}
