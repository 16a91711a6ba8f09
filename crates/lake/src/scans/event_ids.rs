//! Which events were counted, so that one that CloudTrail delivers again later is not counted again: sixteen bytes for each.

use chrono::NaiveDate;
use kms_insights_trail::EventId;
use object_store::path::Path;

use crate::Lake;

/// The folder of what scans keep for themselves.
pub(super) const TRAIL: &str = "_trail";

const BYTES: usize = 16;

pub(super) fn encode(ids: &[EventId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0.to_le_bytes()).collect()
}

/// The ids in a file; `None` if it is none.
pub(super) fn decode(bytes: &[u8]) -> Option<impl Iterator<Item = EventId>> {
    let (ids, rest) = bytes.as_chunks::<BYTES>();
    rest.is_empty().then(|| ids.iter().map(|id| EventId(u128::from_le_bytes(*id))))
}

impl Lake {
    pub(super) fn event_ids_path(&self, date: NaiveDate) -> Path {
        self.root().clone().join(TRAIL).join("event_ids").join(format!("event_date={date}"))
    }
}
