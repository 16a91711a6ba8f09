//! Which two runs are compared: by what a person names them by.

use std::fmt;

use kms_insights_lake::{shown, tables::runs::RunRow};
use kms_insights_model::RunId;

/// A published run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) day: String,
    pub(super) row: RunRow,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({})", self.id, self.day, self.row.status)
    }
}

/// Two runs, the one with the older facts first.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(super) earlier: Run,
    pub(super) later: Run,
}

/// Why there are no two runs to compare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No run goes by that name.
    #[error("there is no published run {wanted:?}; there are: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// The runs that there are.
        known: Vec<String>,
    },
    /// Several runs go by that name.
    #[error("{wanted:?} may be any of {}", matching.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The runs that it may mean.
        matching: Vec<String>,
    },
    /// There are several latest runs.
    #[error("{wanted} is one run of each organization, and there are several: name two of {}", known.join(", "))]
    SeveralOrganizations {
        /// What was asked for.
        wanted: &'static str,
        /// The runs that there are.
        known: Vec<String>,
    },
    /// There is one run only.
    #[error("there is no run before {latest} to compare it with; there are: {}", known.join(", "))]
    NoPrevious {
        /// The latest run.
        latest: String,
        /// The runs that there are.
        known: Vec<String>,
    },
    /// Both are the same.
    #[error("both are the run {run}: there is nothing to compare")]
    Same {
        /// The run.
        run: String,
    },
    /// The runs are of two organizations.
    #[error("{} is of organization {}, and {} of {}: of runs of two organizations nothing can be compared", runs[0], organizations[0], runs[1], organizations[1])]
    DifferentOrganizations {
        /// The runs.
        runs: [String; 2],
        /// Their organizations.
        organizations: [String; 2],
    },
}

impl ChoiceError {
    /// Whether other words on the command line would do, with the lake as it is.
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::NoPrevious { .. })
    }
}

/// The run that the views show, and the one that they compare it with.
const LATEST: &str = "latest";
const PREVIOUS: &str = "previous";

/// The two runs by these names, or the latest two: a run's id or what only its id begins with, the day of the only run of that day, `latest` or `previous`. `runs` are
/// those that are published.
///
/// # Errors
/// When a name is that of no run or of several, or the two are not of one organization.
pub fn choose(runs: &[RunRow], first: Option<&str>, second: Option<&str>) -> Result<Pair, ChoiceError> {
    let runs: Vec<Run> = runs.iter().filter_map(|row| row.run_id.parse().ok().map(|id: RunId| Run { day: id.snapshot_date(), id, row: row.clone() })).collect();
    let first = first.unwrap_or(PREVIOUS);
    let second = second.unwrap_or(LATEST);
    // A run that is named by itself tells the organization of which the other is the latest.
    let named: Vec<Option<&Run>> = [first, second].into_iter().map(|wanted| by_name(&runs, wanted)).collect::<Result<_, _>>()?;
    let organization = named.iter().flatten().next().map(|run| run.row.organization_id.clone());
    let mut chosen = Vec::new();
    for (wanted, named) in [first, second].into_iter().zip(named) {
        chosen.push(match named {
            Some(run) => run,
            None => by_age(&runs, wanted, organization.as_ref())?,
        });
    }
    // Both were chosen above.
    let (Some(a), Some(b)) = (chosen.first(), chosen.last()) else { return Err(ChoiceError::Same { run: first.to_owned() }) };
    if a.id == b.id {
        return Err(ChoiceError::Same { run: a.id.to_string() });
    }
    if let (Some(of_a), Some(of_b)) = (&a.row.organization_id, &b.row.organization_id)
        && of_a != of_b
    {
        return Err(ChoiceError::DifferentOrganizations { runs: [a.to_string(), b.to_string()], organizations: [of_a.clone(), of_b.clone()] });
    }
    let age = |run: &Run| (run.row.started_at, run.row.finished_at, run.id.clone());
    let (earlier, later) = if age(a) <= age(b) { (*a, *b) } else { (*b, *a) };
    Ok(Pair { earlier: earlier.clone(), later: later.clone() })
}

/// The run that a name alone tells; `None` where the name is one for whichever run is the latest.
fn by_name<'a>(runs: &'a [Run], wanted: &str) -> Result<Option<&'a Run>, ChoiceError> {
    if [LATEST, PREVIOUS].contains(&wanted) {
        return Ok(None);
    }
    let mut matching: Vec<&Run> = runs.iter().filter(|run| run.day == wanted || (!wanted.is_empty() && run.id.as_str().starts_with(wanted))).collect();
    // A whole id is never the beginning of another.
    match (matching.pop(), matching.len()) {
        (Some(run), 0) => Ok(Some(run)),
        (None, _) => Err(ChoiceError::Unknown { wanted: wanted.to_owned(), known: names(runs) }),
        (Some(last), _) => {
            matching.push(last);
            Err(ChoiceError::Ambiguous { wanted: wanted.to_owned(), matching: matching.into_iter().map(ToString::to_string).collect() })
        }
    }
}

fn by_age<'a>(runs: &'a [Run], wanted: &str, organization: Option<&Option<String>>) -> Result<&'a Run, ChoiceError> {
    let is_latest = wanted == LATEST;
    let of_organization: Vec<RunRow> =
        runs.iter().filter(|run| organization.is_none_or(|of| *of == run.row.organization_id)).map(|run| run.row.clone()).collect();
    let latest = shown(&of_organization, 1);
    if latest.len() > 1 {
        return Err(ChoiceError::SeveralOrganizations { wanted: if is_latest { LATEST } else { PREVIOUS }, known: names(runs) });
    }
    let compared = shown(&of_organization, 2);
    let found = if is_latest { latest.first().copied() } else { (compared.len() > 1).then(|| compared[0]) };
    match found.and_then(|row| runs.iter().find(|run| run.row.run_id == row.run_id)) {
        Some(run) => Ok(run),
        None => match latest.first() {
            Some(latest) => Err(ChoiceError::NoPrevious { latest: latest.run_id.clone(), known: names(runs) }),
            None => Err(ChoiceError::Unknown { wanted: wanted.to_owned(), known: names(runs) }),
        },
    }
}

/// The most runs that a message names.
const MOST_NAMED: usize = 12;

fn names(runs: &[Run]) -> Vec<String> {
    if runs.is_empty() {
        return vec!["none".to_owned()];
    }
    let mut names: Vec<String> = runs.iter().rev().take(MOST_NAMED).map(ToString::to_string).collect();
    if runs.len() > MOST_NAMED {
        names.push(format!("and {} before these", runs.len() - MOST_NAMED));
    }
    names
}

impl Pair {
    /// What to know of the two runs before their difference is believed.
    pub fn notes(&self) -> Vec<String> {
        let Self { earlier, later } = self;
        let mut notes = Vec::new();
        let limit = |run: &Run| run.row.selection.clone().map_or_else(|| "everything".to_owned(), |selection| format!("only {selection}"));
        if (&earlier.row.scope, &earlier.row.selection) != (&later.row.scope, &later.row.selection) {
            notes.push(format!(
                "The earlier run was to read {}, the later one {}: what one of them was not to read is not_read or first_read, not gone or new.",
                limit(earlier),
                limit(later)
            ));
        }
        if earlier.row.customer_managed_only != later.row.customer_managed_only {
            let without = if later.row.customer_managed_only { "later" } else { "earlier" };
            notes.push(format!("The {without} run left out AWS managed keys."));
        }
        if earlier.row.organization_id.is_none() != later.row.organization_id.is_none() {
            let unnamed = if later.row.organization_id.is_none() { "later" } else { "earlier" };
            notes.push(format!("Of which organization the {unnamed} run is could not be told: the two are compared as if it were the same."));
        }
        if later.row.resumed_from.as_deref() == Some(earlier.id.as_str()) {
            notes.push("The later run completes the earlier one: most of its facts are of that one's day.".to_owned());
        }
        for run in [earlier, later] {
            if run.row.status != "complete" {
                let which = if run.id == later.id { "later" } else { "earlier" };
                let lack = if run.row.facts_lacking == 1 { "1 fact lacks".to_owned() } else { format!("{} facts lack", run.row.facts_lacking) };
                notes.push(format!("The {which} run is partial: {lack}, and of what could not be read nothing is said to have changed."));
            }
        }
        notes
    }
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A run of an organization; the id tells when it began.
    pub(in crate::diff) fn run(id: &str, organization: Option<&str>) -> RunRow {
        let day = |time: &str| format!("{}-{}-{}T{time}Z", &id[0..4], &id[4..6], &id[6..8]).parse().unwrap();
        RunRow {
            run_id: id.to_owned(),
            status: "complete".to_owned(),
            started_at: day("06:00:00"),
            finished_at: day("06:05:00"),
            tool_version: "0.1.0".to_owned(),
            organization_id: organization.map(str::to_owned),
            scope: "whole".to_owned(),
            selection: None,
            resumed_from: None,
            accounts_planned: 4,
            accounts_complete: 4,
            accounts_partial: 0,
            accounts_failed: 0,
            accounts_skipped: 0,
            regions_read: 3,
            keys: 7,
            keys_incomplete: 0,
            facts_lacking: 0,
            findings: 2,
            customer_managed_only: false,
            generation: 1,
        }
    }

    pub(in crate::diff) fn selected(run: RunRow) -> RunRow {
        RunRow { scope: "selection".to_owned(), selection: Some("accounts 111122223333".to_owned()), ..run }
    }

    /// Three runs of everything, two of them of one day, and a later one of an account.
    pub(in crate::diff) fn runs() -> Vec<RunRow> {
        let ids = ["20260820T060000Z-0000000a", "20261120T060000Z-0000000b", "20261120T070000Z-0000000c"];
        let mut runs: Vec<RunRow> = ids.map(|id| run(id, Some("o-1"))).into();
        runs[2].started_at = "2026-11-20T07:00:00Z".parse().unwrap();
        runs.push(selected(run("20261122T060000Z-0000000d", Some("o-1"))));
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::{
        sample::{run, runs, selected},
        *,
    };

    /// The last letters of the ids that are chosen, or why none is.
    fn chosen(runs: &[RunRow], first: Option<&str>, second: Option<&str>) -> Result<String, String> {
        let pair = choose(runs, first, second).map_err(|error| error.to_string())?;
        Ok([pair.earlier, pair.later].map(|run| run.id.as_str()[24..].to_owned()).concat())
    }

    #[test]
    fn a_run_is_named_by_its_id_the_beginning_of_it_its_day_or_its_age() {
        let runs = runs();
        for (first, second, expected) in [
            (None, None, "bc"),
            (Some("20260820T060000Z-0000000a"), None, "ac"),
            (Some("2026-08-20"), Some("previous"), "ab"),
            (Some("202608"), Some("20261120T07"), "ac"),
            // The older one comes first, however they are named.
            (Some("latest"), Some("20260820"), "ac"),
            (Some("2026-11-22"), Some("2026-08-20"), "ad"),
        ] {
            assert_eq!(chosen(&runs, first, second), Ok(expected.to_owned()), "{first:?} {second:?}");
        }
    }

    #[test]
    fn names_of_no_run_of_several_or_of_the_same_are_refused_with_what_there_is() {
        let of_two = [run("20261101T060000Z-0000000a", Some("o-1")), run("20261102T060000Z-0000000b", Some("o-2"))];
        let cases: [(&[RunRow], Option<&str>, Option<&str>); 9] = [
            (&runs(), Some("2026-11-20"), None),
            (&runs(), Some("2026-01-01"), None),
            (&runs(), Some(""), None),
            (&runs(), Some("latest"), Some("20261120T07")),
            (&runs()[..1], None, None),
            (&[], None, None),
            (&of_two, None, None),
            (&of_two, Some("20261101"), Some("20261102")),
            (&of_two, Some("20261101"), Some("previous")),
        ];
        let told: Vec<String> = cases.iter().map(|(runs, first, second)| chosen(runs, *first, *second).unwrap_err()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn what_makes_two_runs_hard_to_compare_is_told() {
        let notes = |earlier: RunRow, later: RunRow| choose(&[earlier, later], Some("202611"), Some("202612")).unwrap().notes().join("\n");
        let (earlier, later) = (run("20261101T060000Z-0000000a", Some("o-1")), run("20261201T060000Z-0000000b", Some("o-1")));
        assert_eq!(notes(earlier.clone(), later.clone()), "");
        let partial = RunRow { status: "partial".to_owned(), facts_lacking: 1, ..earlier.clone() };
        let completing = RunRow { resumed_from: Some(partial.run_id.clone()), organization_id: None, customer_managed_only: true, ..selected(later) };
        insta::assert_snapshot!(notes(partial, completing));
    }
}
