//! Which keys an event touched, and on which resource.

use std::{borrow::Cow, fmt::Write as _};

use crate::event::{KmsEvent, Text};

/// A key that an event touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched<'e> {
    /// The key's ARN; where the record gives only an alias, the alias' ARN, which the inventory resolves.
    pub key: Text<'e>,
    /// The resource on whose behalf.
    pub resource: Option<&'e str>,
}

/// Hands on each key that the event touched, once. `ReEncrypt` touches two: the one that it decrypts with, and the one that it encrypts with.
pub fn touched<'e>(event: &'e KmsEvent<'_>, mut each: impl FnMut(Touched<'e>)) {
    let is_key = |arn: &&Text<'_>| arn.contains(":key/");
    let mut keys = event.resources.iter().filter(is_key).map(|arn| Cow::Borrowed(&**arn));
    let request = &event.request;
    if event.name == "ReEncrypt" {
        let (first, second) = (keys.next(), keys.next());
        let is_listed_once = first.is_some() && second.is_none();
        let source = first.or_else(|| named(event, request.source_key_id.as_ref()?));
        let destination = second.or_else(|| {
            let name = request.destination_key_id.as_ref()?;
            // Were the alias another key's, that key would be listed beside the one that is.
            if is_listed_once && name.contains("alias/") { source.clone() } else { named(event, name) }
        });
        match (source, destination) {
            // With one key on both sides it is one use, on what is encrypted from now on.
            (Some(source), Some(key)) if source == key => {
                each(Touched { key, resource: request.destination_context.get().or_else(|| request.source_context.get()) });
            }
            (source, destination) => {
                if let Some(key) = source {
                    each(Touched { key, resource: request.source_context.get() });
                }
                if let Some(key) = destination {
                    each(Touched { key, resource: request.destination_context.get() });
                }
            }
        }
        return;
    }
    let mut found = false;
    for (place, key) in event.resources.iter().enumerate().filter(|(_, arn)| is_key(arn)) {
        found = true;
        // Some records list a key twice.
        if !event.resources[..place].contains(key) {
            each(Touched { key: Cow::Borrowed(&**key), resource: request.context.get() });
        }
    }
    if !found && let Some(key) = unlisted(event) {
        each(Touched { key, resource: request.context.get() });
    }
}

/// The key of a record without resources.
fn unlisted<'e>(event: &'e KmsEvent<'_>) -> Option<Text<'e>> {
    let (request, response) = (&event.request, &event.response);
    let answered = response.key_arn.as_ref().or(response.key_id.as_ref()).filter(|key| key.contains(":key/"));
    match answered {
        Some(arn) => Some(Cow::Borrowed(&**arn)),
        None => named(event, request.key_id.as_ref().or(request.target_key_id.as_ref())?),
    }
}

/// The ARN of what a request calls a key: an id, an ARN, or an alias, of the account that is asked.
fn named<'e>(event: &'e KmsEvent<'_>, name: &'e Text<'_>) -> Option<Text<'e>> {
    if name.is_empty() {
        return None;
    }
    if name.starts_with("arn:") {
        return Some(Cow::Borrowed(&**name));
    }
    let account = event.recipient.as_ref().or(event.identity.account.as_ref())?;
    let partition = event.region.parse::<kms_insights_model::Region>().ok()?.partition();
    let kind = if name.starts_with("alias/") { "" } else { "key/" };
    let mut arn = String::with_capacity(100);
    // Writing to a String cannot fail.
    let _ = write!(arn, "arn:{partition}:kms:{}:{account}:{kind}{name}", event.region);
    Some(Cow::Owned(arn))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const OTHER: &str = "arn:aws:kms:eu-west-1:111122223333:key/9999abcd-12ab-34cd-56ef-1234567890ab";

    fn all(event: &KmsEvent<'_>) -> Vec<(String, Option<String>)> {
        let mut all = Vec::new();
        touched(event, |touched| all.push((touched.key.into_owned(), touched.resource.map(str::to_owned))));
        all
    }

    fn event(name: &'static str) -> KmsEvent<'static> {
        KmsEvent { name: name.into(), region: "eu-west-1".into(), recipient: Some("111122223333".into()), ..KmsEvent::default() }
    }

    #[test]
    fn aliases_among_the_resources_are_no_keys() {
        let mut made = event("CreateAlias");
        made.resources = vec!["arn:aws:kms:eu-west-1:111122223333:alias/app".into(), KEY.into()];
        assert_eq!(all(&made), [(KEY.to_owned(), None)]);
    }

    #[test]
    fn re_encryption_touches_the_source_and_the_destination_each_with_its_own_resource() {
        let mut event = event("ReEncrypt");
        event.resources = vec![KEY.into(), OTHER.into()];
        event.request.source_context.consider("aws:ebs:id", || "snap-1".into());
        event.request.destination_context.consider("aws:ebs:id", || "snap-2".into());
        assert_eq!(all(&event), [(KEY.to_owned(), Some("snap-1".to_owned())), (OTHER.to_owned(), Some("snap-2".to_owned()))]);
        event.resources = vec![KEY.into(), KEY.into()];
        assert_eq!(all(&event), [(KEY.to_owned(), Some("snap-2".to_owned()))]);
    }

    #[test]
    fn without_resources_the_answer_names_the_key_and_else_the_request_does() {
        let mut event = event("Decrypt");
        assert_eq!(all(&event), []);
        event.request.key_id = Some("1234abcd-12ab-34cd-56ef-1234567890ab".into());
        assert_eq!(all(&event), [(KEY.to_owned(), None)]);
        event.request.key_id = Some("alias/app".into());
        assert_eq!(all(&event), [("arn:aws:kms:eu-west-1:111122223333:alias/app".to_owned(), None)]);
        event.response.key_id = Some(KEY.into());
        assert_eq!(all(&event), [(KEY.to_owned(), None)]);
    }
}
