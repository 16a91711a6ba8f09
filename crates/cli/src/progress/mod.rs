//! The progress of a run, from its events: bars on a terminal, plain lines elsewhere, JSON lines for programs. All on stderr.

mod bars;
mod json;
mod lines;
mod tally;

use std::{io::IsTerminal, sync::Arc};

use kms_insights_collect::Observer;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Bars that disappear at the end.
    Bars,
    /// A line for each account and for what lacks.
    Lines,
    /// Each event as a line of JSON.
    Json,
    /// Nothing.
    Silent,
}

impl Style {
    /// What suits the place that stderr goes to.
    pub(crate) fn fitting(json: bool, quiet: bool) -> Self {
        match (json, quiet) {
            (_, true) => Self::Silent,
            (true, false) => Self::Json,
            (false, false) if std::io::stderr().is_terminal() => Self::Bars,
            (false, false) => Self::Lines,
        }
    }

    /// An observer that shows events in this style.
    pub(crate) fn observer(self) -> Observer {
        match self {
            Self::Bars => bars::observer(),
            Self::Lines => lines::observer(),
            Self::Json => json::observer(),
            Self::Silent => Arc::new(|_| ()),
        }
    }
}
