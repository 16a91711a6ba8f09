//! The id of a KMS key.

use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

use uuid::{
    Uuid,
    fmt::{Hyphenated, Simple},
};

use crate::{
    arn::{InvalidArn, invalid},
    open_enum::serde_as_text,
};

/// What the id of a multi-Region key begins with.
const MULTI_REGION: &str = "mrk-";

/// The id of a key within its account and Region: a UUID, or `mrk-` and 32 hexadecimal digits for a multi-Region key.
///
/// A run lists the keys of many accounts before it reads them: an id takes 24 bytes, of which none apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(Form);

/// Each text has one form: the first that fits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    Uuid(Uuid),
    MultiRegion(Uuid),
    Other(Arc<str>),
}

impl KeyId {
    /// Whether this is the id of a multi-Region key.
    pub fn is_multi_region(&self) -> bool {
        match &self.0 {
            Form::Uuid(_) => false,
            Form::MultiRegion(_) => true,
            Form::Other(text) => text.starts_with(MULTI_REGION),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Uuid(id) => f.pad(id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH])),
            Form::MultiRegion(id) => {
                let mut text = [0; MULTI_REGION.len() + Simple::LENGTH];
                let (prefix, digits) = text.split_at_mut(MULTI_REGION.len());
                prefix.copy_from_slice(MULTI_REGION.as_bytes());
                id.simple().encode_lower(digits);
                f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
            Form::Other(text) => f.pad(text),
        }
    }
}

impl FromStr for KeyId {
    type Err = InvalidArn;

    /// Admits what KMS may use as an id (letters, digits, hyphens; 256 at most), not only today's two forms.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sound = !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !sound {
            return Err(invalid(text, "the id of a KMS key"));
        }
        let form = match text.strip_prefix(MULTI_REGION) {
            Some(digits) => Uuid::try_parse(digits).ok().map(Form::MultiRegion),
            None => Uuid::try_parse(text).ok().map(Form::Uuid),
        };
        // A UUID may be written in other ways than KMS does, in capitals for one; such a text is kept as it is.
        let short = form.map(Self).filter(|id| id.to_string() == text);
        Ok(short.unwrap_or_else(|| Self(Form::Other(Arc::from(text)))))
    }
}

impl Ord for KeyId {
    /// As their texts.
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Uuid(one), Form::Uuid(two)) | (Form::MultiRegion(one), Form::MultiRegion(two)) => one.cmp(two),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for KeyId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

serde_as_text!(KeyId);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 9] = [
        "00000000-0000-4000-8000-000000000001",
        "1234ABCD-12ab-34cd-56ef-1234567890ab",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "1234abcd12ab34cd56ef1234567890ab",
        "mrk-0234abcd12ab34cd56ef1234567890ab",
        "mrk-1234ABCD12ab34cd56ef1234567890ab",
        "mrk-1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "some_other-id",
    ];

    #[test]
    fn an_id_is_written_as_it_was_read() {
        let written = TEXTS.map(|text| text.parse::<KeyId>().unwrap().to_string());
        assert_eq!(written, TEXTS);
        assert_eq!(size_of::<KeyId>(), 24);
        assert_eq!(format!("{:>40}|", TEXTS[2].parse::<KeyId>().unwrap()), "    1234abcd-12ab-34cd-56ef-1234567890ab|");
    }

    #[test]
    fn ids_are_ordered_as_their_texts() {
        let mut ids = TEXTS.map(|text| text.parse::<KeyId>().unwrap());
        ids.reverse();
        ids.sort();
        assert_eq!(ids.map(|id| id.to_string()), TEXTS);
    }

    #[test]
    fn ids_of_multi_region_keys_say_so() {
        assert_eq!(TEXTS.map(|text| text.parse::<KeyId>().unwrap().is_multi_region()), [false, false, false, false, true, true, true, true, false]);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let long = "a".repeat(257);
        for text in ["", "a/b", "{1234abcd-12ab-34cd-56ef-1234567890ab}", "urn:uuid:1234abcd-12ab-34cd-56ef-1234567890ab", &long] {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }
}
