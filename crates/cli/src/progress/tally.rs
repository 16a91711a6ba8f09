//! What the events so far add up to.

use std::collections::HashMap;

use kms_insights_collect::Event;
use kms_insights_model::{AccountId, Region};

use crate::terminal::counted;

/// One account that is being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountTally {
    pub(crate) name: Option<String>,
    pub(crate) regions: u64,
    pub(crate) regions_done: u64,
    pub(crate) keys_listed: u64,
    pub(crate) keys_read: u64,
    pub(crate) facts_lacking: u64,
    pub(crate) listings_failed: u64,
}

/// The whole run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accounts: u64,
    pub(crate) accounts_done: u64,
    pub(crate) keys_read: u64,
    pub(crate) usages_read: u64,
    pub(crate) under_way: HashMap<AccountId, AccountTally>,
    /// The Regions whose event history is being looked through, and how many keys are still looked for.
    searches: HashMap<(AccountId, Region), u64>,
    /// Signs of these searches since the last time that all of them were told of.
    signs: usize,
}

impl Tally {
    /// Counts an event.
    pub(crate) fn count(&mut self, event: &Event) {
        match event {
            Event::Planned { accounts, .. } => self.accounts = *accounts as u64,
            Event::AccountStarted { account, name } => {
                self.under_way.insert(*account, AccountTally { name: name.clone(), ..AccountTally::default() });
            }
            Event::RegionsListed { account, regions } => self.of(*account).regions = *regions as u64,
            Event::KeysListed { account, keys, .. } => self.of(*account).keys_listed += *keys as u64,
            Event::KeyRead { account, facts_lacking, .. } => {
                let tally = self.of(*account);
                tally.keys_read += 1;
                tally.facts_lacking += *facts_lacking as u64;
                self.keys_read += 1;
            }
            Event::RegionFinished { account, failure, .. } => {
                let tally = self.of(*account);
                tally.regions_done += 1;
                tally.listings_failed += u64::from(failure.is_some());
            }
            Event::UsageRead { .. } => self.usages_read += 1,
            Event::AccountFinished { .. } => self.accounts_done += 1,
            Event::SearchingHistory { account, region, keys: 0, .. } => drop(self.searches.remove(&(*account, region.clone()))),
            Event::SearchingHistory { account, region, keys, .. } => {
                self.searches.insert((*account, region.clone()), *keys);
                self.signs += 1;
            }
            Event::AwaitingLastUsage { .. } | Event::Stopping | Event::Publishing => {}
        }
    }

    /// What is being looked for in event histories.
    pub(crate) fn searching(&self) -> Option<String> {
        let (keys, regions) = (self.searches.values().sum(), self.searches.len() as u64);
        (regions > 0).then(|| format!("event history of {}: {} to look for, two requests a second in each", counted(regions, "Region"), counted(keys, "key")))
    }

    /// The same once for every time that all the searches gave a sign, however many there are.
    pub(crate) fn searching_by_now(&mut self) -> Option<String> {
        if self.signs < self.searches.len().max(1) {
            return None;
        }
        self.signs = 0;
        self.searching()
    }

    fn of(&mut self, account: AccountId) -> &mut AccountTally {
        self.under_way.entry(account).or_default()
    }

    /// Forgets an account that is done, and says what it came to.
    pub(crate) fn take(&mut self, account: AccountId) -> AccountTally {
        self.under_way.remove(&account).unwrap_or_default()
    }
}
