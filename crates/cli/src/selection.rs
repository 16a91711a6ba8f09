//! What a run is limited to, in words: `runs.selection`.

use kms_insights_collect::Options;

/// The accounts, organizational units and Regions that a run is limited to; `None` where it reads all that the caller can see.
pub(crate) fn in_words(options: &Options) -> Option<String> {
    let regions = options.regions.as_deref().unwrap_or_default();
    let parts = [
        listed("accounts", options.selection.accounts.iter().map(ToString::to_string)),
        listed("organizational units", options.selection.organizational_units.iter().cloned()),
        listed("Regions", regions.iter().map(ToString::to_string)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The first of many names, and how many more there are.
fn listed(what: &str, names: impl ExactSizeIterator<Item = String>) -> Option<String> {
    const SHOWN: usize = 20;
    let count = names.len();
    let shown: Vec<String> = names.take(SHOWN).collect();
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    (count > 0).then(|| format!("{what} {}{more}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_told_by_the_first_and_their_number() {
        let named = |count: u64| listed("accounts", (1..=count).map(|number| format!("{number:012}")).collect::<Vec<_>>().into_iter());
        assert_eq!(named(0), None);
        assert_eq!(named(2).as_deref(), Some("accounts 000000000001, 000000000002"));
        let many = named(57).unwrap();
        assert!(many.starts_with("accounts 000000000001, ") && many.ends_with("000000000020 and 37 more"), "{many}");
    }
}
