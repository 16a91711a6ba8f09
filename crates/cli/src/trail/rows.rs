//! What is told of the rows of daily usage while a scan goes on, so that they need not be kept.

use std::collections::BTreeMap;

use kms_insights_model::Timestamp;
use kms_insights_trail::DailyUse;

use crate::{
    exit::Trouble,
    terminal::{print, printable_json},
};

/// So much text is gathered before it is printed, in bytes.
const PRINTED_AT_ONCE: usize = 256 << 10;

/// Where the rows go.
#[derive(Debug)]
pub(super) enum Rows {
    /// Nowhere but into the lake.
    ToLake,
    /// To stdout, as an array of objects, one a line.
    ToStdout(JsonArray),
    /// Added up by key.
    ByKey(BTreeMap<String, KeyUse>),
}

/// An array that is printed as it comes.
#[derive(Debug, Default)]
pub(super) struct JsonArray {
    text: String,
    has_begun: bool,
}

/// What the uses of a key add up to.
#[derive(Debug, Default)]
pub(super) struct KeyUse {
    pub(super) uses: u64,
    pub(super) errors: u64,
    pub(super) last: Option<LastUse>,
}

/// The last use of a key.
#[derive(Debug)]
pub(super) struct LastUse {
    pub(super) at: Timestamp,
    pub(super) principal: String,
    pub(super) event_name: String,
    pub(super) resource: Option<String>,
}

impl Rows {
    /// Takes a row.
    pub(super) fn add(&mut self, row: &DailyUse) -> Result<(), Trouble> {
        match self {
            Self::ToLake => Ok(()),
            Self::ToStdout(array) => array.add(row),
            Self::ByKey(keys) => {
                if !keys.contains_key(&row.key_arn) {
                    keys.insert(row.key_arn.clone(), KeyUse::default());
                }
                if let Some(key) = keys.get_mut(&row.key_arn) {
                    key.add(row);
                }
                Ok(())
            }
        }
    }

    /// After the last row.
    pub(super) fn end(&mut self) -> Result<(), Trouble> {
        if let Self::ToStdout(array) = self { array.end() } else { Ok(()) }
    }
}

impl JsonArray {
    fn add(&mut self, row: &DailyUse) -> Result<(), Trouble> {
        let json = serde_json::to_string(row).map_err(|error| Trouble::failed(format_args!("a row of daily usage: {error}")))?;
        self.text.push_str(if self.has_begun { ",\n" } else { "[\n" });
        self.has_begun = true;
        self.text.push_str(&printable_json(&json));
        if self.text.len() > PRINTED_AT_ONCE {
            print(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Trouble> {
        self.text.push_str(if self.has_begun { "\n]\n" } else { "[]\n" });
        print(&self.text)
    }
}

impl KeyUse {
    fn add(&mut self, row: &DailyUse) {
        self.uses += row.uses;
        self.errors += row.errors;
        if let Some(at) = row.last_used_at
            && self.last.as_ref().is_none_or(|last| at > last.at)
        {
            self.last = Some(LastUse { at, principal: row.principal.clone(), event_name: row.event_name.clone(), resource: row.resource.clone() });
        }
    }
}
