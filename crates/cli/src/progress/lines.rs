//! Plain lines, for logs.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use kms_insights_collect::{Event, Observer};

use super::tally::{AccountTally, Tally};
use crate::terminal::{counted, printable};

pub(super) fn observer() -> Observer {
    let tally = Mutex::new(Tally::default());
    Arc::new(move |event| {
        let line = {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(&event);
            line(&mut tally, &event)
        };
        if let Some(line) = line {
            // A closed stderr must not end a run.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    })
}

/// The line for an event, where it deserves one.
fn line(tally: &mut Tally, event: &Event) -> Option<String> {
    match event {
        Event::Planned { organization, accounts, skipped } => {
            let place = organization.as_ref().map_or_else(|| "no organization".to_owned(), |id| format!("organization {id}"));
            let skipped = if *skipped > 0 { format!(", {skipped} skipped (suspended, closed or not yet active)") } else { String::new() };
            Some(format!("{}: {} to read{skipped}", printable(&place), counted(*accounts as u64, "account")))
        }
        Event::AccountFinished { account, failure, keys } => {
            // An account of which an earlier attempt read everything has no other events.
            let done = AccountTally { keys_read: *keys, ..tally.take(*account) };
            let name = done.name.as_deref().map(|name| format!(" ({})", printable(name))).unwrap_or_default();
            let what = failure.as_ref().map_or_else(|| finished(&done), |failure| format!("not read: {}", printable(&failure.to_string())));
            Some(format!("[{}/{}] {account}{name}: {what}", tally.accounts_done, tally.accounts))
        }
        Event::RegionFinished { account, region, failure: Some(failure) } => {
            Some(format!("{account} {region}: keys not all listed: {}", printable(&failure.to_string())))
        }
        Event::AwaitingLastUsage { keys } => {
            Some(format!("last usage: {} to go, at five a second in each account and Region (bound it with --last-usage-budget)", counted(*keys, "key")))
        }
        Event::SearchingHistory { .. } => tally.searching_by_now().map(|what| format!("{what} (bound it with --lookup-budget)")),
        Event::Stopping => Some("stopping: what was read is kept; once more to end at once".to_owned()),
        Event::Publishing => Some("publishing".to_owned()),
        _ => None,
    }
}

fn finished(done: &AccountTally) -> String {
    let mut what = vec![match done.regions {
        0 => format!("{}, all read before", counted(done.keys_read, "key")),
        regions => format!("{} in {}", counted(done.keys_read, "key"), counted(regions, "Region")),
    }];
    if done.facts_lacking > 0 {
        what.push(format!("{} lacking", counted(done.facts_lacking, "fact")));
    }
    if done.listings_failed > 0 {
        what.push(format!("{} not fully listed", counted(done.listings_failed, "Region")));
    }
    what.join(", ")
}

#[cfg(test)]
mod tests {
    use kms_insights_model::{ApiAction, ErrorCode, Failure, OrganizationId};

    use super::*;

    #[test]
    fn a_log_tells_each_account_and_what_lacks() {
        let account = "111122223333".parse().unwrap();
        let region: kms_insights_model::Region = "eu-central-1".parse().unwrap();
        let denied = Failure::new(ApiAction::KmsListKeys, ErrorCode::AccessDenied, "AccessDeniedException: no");
        let events = [
            Event::Planned { organization: Some(OrganizationId("o-example".to_owned())), accounts: 1, skipped: 2 },
            Event::AccountStarted { account, name: Some("pay\u{1b}[31mroll".to_owned()) },
            Event::RegionsListed { account, regions: 2 },
            Event::KeysListed { account, region: region.clone(), keys: 2 },
            Event::KeyRead { account, region: region.clone(), facts_lacking: 0 },
            Event::KeyRead { account, region: region.clone(), facts_lacking: 1 },
            Event::RegionFinished { account, region: region.clone(), failure: None },
            Event::SearchingHistory { account, region: region.clone(), requests: 60, keys: 1 },
            // Of two searches two signs are one line.
            Event::SearchingHistory { account, region: "us-east-1".parse().unwrap(), requests: 60, keys: 30 },
            Event::SearchingHistory { account, region: region.clone(), requests: 120, keys: 1 },
            Event::SearchingHistory { account, region: region.clone(), requests: 130, keys: 0 },
            Event::RegionFinished { account, region, failure: Some(denied) },
            Event::AccountFinished { account, keys: 2, failure: None },
            Event::AccountStarted { account, name: None },
            Event::AccountFinished { account, keys: 41, failure: None },
            Event::AwaitingLastUsage { keys: 2 },
        ];
        let mut tally = Tally::default();
        let lines: Vec<String> = events
            .iter()
            .filter_map(|event| {
                tally.count(event);
                line(&mut tally, event)
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
