//! A run of the collector.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Timestamp, open_enum::serde_as_text};

/// The id of a run: the moment it began, or that of the run it completes, and eight random characters, so that ids sort by the age of their facts and two runs begun at
/// once differ: `20261122T060300Z-3f9a1c07`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(Arc<str>);

/// Every id has so many characters.
const LENGTH: usize = 25;

/// A text that is not the id of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a run (an example: 20261122T060300Z-3f9a1c07)")]
pub struct InvalidRunId(String);

impl RunId {
    /// The id of a run that begins at `started_at`; `nonce` tells apart runs that begin in the same second.
    pub fn new(started_at: Timestamp, nonce: u32) -> Self {
        Self(format!("{}-{nonce:08x}", started_at.format("%Y%m%dT%H%M%SZ")).into())
    }

    /// The id that a file's name begins with, and what follows it, from the `-` or `.` on that sets it apart: `20261122T060300Z-3f9a1c07-g0001-0000.parquet`.
    pub fn split_file_name(name: &str) -> Option<(Self, &str)> {
        let (id, rest) = name.split_at_checked(LENGTH)?;
        if rest.starts_with(['-', '.']) { Some((id.parse().ok()?, rest)) } else { None }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The date of the run, which is the snapshot's: `2026-11-22`.
    pub fn snapshot_date(&self) -> String {
        format!("{}-{}-{}", &self.0[0..4], &self.0[4..6], &self.0[6..8])
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sound = text.len() == LENGTH
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                16 => byte == b'-',
                17.. => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
                _ => byte.is_ascii_digit(),
            });
        if sound { Ok(Self(Arc::from(text))) } else { Err(InvalidRunId(text.chars().take(64).collect())) }
    }
}

serde_as_text!(RunId);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every fact that applies was observed, in every account that was to be read.
    Complete,
    /// Something lacks; `collection_errors` says what.
    Partial,
}

impl RunStatus {
    /// The value in the `runs` table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_carry_their_date_and_read_back() {
        let id = RunId::new("2026-11-22T06:03:00Z".parse().unwrap(), 0x3f9a_1c07);
        assert_eq!(id.as_str(), "20261122T060300Z-3f9a1c07");
        assert_eq!(id.snapshot_date(), "2026-11-22");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
    }

    #[test]
    fn the_id_that_a_file_is_named_by_is_told_from_the_rest_of_its_name() {
        let id: RunId = "20261122T060300Z-3f9a1c07".parse().unwrap();
        for rest in ["-g0001-0000.parquet", "-0000.parquet", ".parquet", ".ids", "-"] {
            assert_eq!(RunId::split_file_name(&format!("{id}{rest}")), Some((id.clone(), rest)));
        }
        let names =
            ["20261122T060300Z-3f9a1c07", "20261122T060300Z-3f9a1c070.parquet", "20261122T060300Z-3f9a1c07_a.parquet", "20261122_060300_00012_abcde-x.parquet"];
        for name in names.into_iter().chain(["", "_SUCCESS", "20261122T060300Z-3f9a1c0\u{f6}.parquet"]) {
            assert_eq!(RunId::split_file_name(name), None, "{name}");
        }
    }

    #[test]
    fn paths_are_not_run_ids() {
        for text in ["", "../../etc/passwd", "20261122T060300Z-3F9A1C07", "20261122T060300Z-3f9a1c0", "20261122T060300Z/3f9a1c07"] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
