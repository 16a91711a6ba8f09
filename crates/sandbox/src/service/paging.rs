//! Listings in pages.

use crate::FaultKind;

/// One page: the items from `start` to `end`, and how it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) next: Next,
}

/// How a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    End,
    Marker(String),
    /// There is more, it says, but not where.
    Nowhere,
}

/// Markers are opaque: they neither count from zero nor look like a number.
const MASK: u64 = 0x5a17_c3d9_4e21_7b60;

pub(crate) fn marker(position: u64) -> String {
    format!("AAAA{:016x}", position ^ MASK)
}

pub(crate) fn position(marker: &str) -> Option<u64> {
    u64::from_str_radix(marker.strip_prefix("AAAA")?, 16).ok().map(|value| value ^ MASK)
}

/// The page of `total` items that begins at `from`; `None` where the marker is none of ours.
pub(crate) fn page(total: usize, from: Option<&str>, limit: usize, fault: Option<FaultKind>) -> Option<Page> {
    let start = from.map_or(Some(0), |marker| usize::try_from(position(marker)?).ok())?;
    if from.is_some() && start > total && fault.is_none() {
        return None;
    }
    let start = start.min(total);
    let end = start.saturating_add(limit).min(total);
    let next = match fault {
        Some(FaultKind::RepeatedMarker) => Next::Marker(from.map_or_else(|| marker(limit.min(total) as u64), str::to_owned)),
        Some(FaultKind::MissingMarker) if from.is_none() => Next::Nowhere,
        _ if end < total => Next::Marker(marker(end as u64)),
        _ => Next::End,
    };
    Some(Page { start, end, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let mut seen = Vec::new();
        let mut from: Option<String> = None;
        loop {
            let page = page(25, from.as_deref(), 10, None).unwrap();
            seen.extend(page.start..page.end);
            match page.next {
                Next::Marker(marker) => from = Some(marker),
                _ => break,
            }
        }
        assert_eq!(seen, (0..25).collect::<Vec<_>>());
        assert!(page(25, Some("nonsense"), 10, None).is_none());
    }

    #[test]
    fn a_repeated_marker_leads_to_itself() {
        let first = page(25, None, 10, Some(FaultKind::RepeatedMarker)).unwrap();
        let Next::Marker(marker) = first.next else { panic!("a marker") };
        let second = page(25, Some(&marker), 10, Some(FaultKind::RepeatedMarker)).unwrap();
        assert_eq!((second.start, second.end, second.next), (10, 20, Next::Marker(marker)));
    }
}
