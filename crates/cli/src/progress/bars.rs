//! Bars on a terminal: one for the run, one for each account under way. They are gone when the run ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kms_insights_collect::{Event, Observer};
use kms_insights_model::AccountId;

use super::tally::Tally;
use crate::terminal::{grouped, printable};

struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    accounts: HashMap<AccountId, ProgressBar>,
    tally: Tally,
}

pub(super) fn observer() -> Observer {
    let all = MultiProgress::new();
    let overall = all.add(ProgressBar::new(0).with_style(style("{bar:30} {pos}/{len} accounts  {msg}  {elapsed}")));
    let bars = Mutex::new(Bars { all, overall, accounts: HashMap::new(), tally: Tally::default() });
    Arc::new(move |event| bars.lock().unwrap_or_else(PoisonError::into_inner).show(&event))
}

/// A style from a template of this file; one that indicatif cannot read falls back to its default, which a test would show.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("━╸ "))
}

impl Bars {
    fn show(&mut self, event: &Event) {
        self.tally.count(event);
        match event {
            Event::Planned { accounts, .. } => self.overall.set_length(*accounts as u64),
            Event::AccountStarted { account, name } => {
                let name: String = printable(name.as_deref().unwrap_or_default()).chars().take(24).collect();
                let bar = self.all.insert_before(&self.overall, ProgressBar::new(0).with_style(style("{prefix:<38} {bar:20} {pos}/{len} keys  {msg}")));
                bar.set_prefix(format!("{account} {name}"));
                self.accounts.insert(*account, bar);
            }
            Event::AccountFinished { account, .. } => {
                if let Some(bar) = self.accounts.remove(account) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
                self.tally.take(*account);
                self.overall.set_position(self.tally.accounts_done);
            }
            Event::KeysListed { account, .. }
            | Event::KeyRead { account, .. }
            | Event::RegionFinished { account, .. }
            | Event::RegionsListed { account, .. } => {
                self.redraw(*account);
            }
            Event::UsageRead { .. } | Event::SearchingHistory { .. } => {}
            Event::AwaitingLastUsage { keys } => {
                self.overall.set_style(style("{bar:30} {pos}/{len} last usages, five a second in each account and Region{msg}  {elapsed}"));
                self.overall.set_length(self.tally.usages_read + keys);
            }
            Event::Stopping => self.overall.println("stopping: what was read is kept; once more to end at once"),
            Event::Publishing => self.overall.set_style(style("publishing  {elapsed}")),
        }
        if self.tally.accounts_done < self.tally.accounts {
            self.overall.set_message(format!("{} keys, {} last usages", grouped(self.tally.keys_read), grouped(self.tally.usages_read)));
        } else {
            self.overall.set_position(self.tally.usages_read);
            self.overall.set_message(self.tally.searching().map_or(String::new(), |what| format!("; {what}")));
        }
    }

    fn redraw(&mut self, account: AccountId) {
        let Some((bar, tally)) = self.accounts.get(&account).zip(self.tally.under_way.get(&account)) else { return };
        bar.set_length(tally.keys_listed);
        bar.set_position(tally.keys_read);
        let lacking =
            if tally.facts_lacking + tally.listings_failed > 0 { format!(", {} lacking", tally.facts_lacking + tally.listings_failed) } else { String::new() };
        bar.set_message(format!("{}/{} Regions{lacking}", tally.regions_done, tally.regions));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.overall.finish_and_clear();
    }
}
