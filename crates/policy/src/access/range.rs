//! What the requests of a class of callers carry for a context key.

use std::borrow::Cow;

use kms_insights_model::{AccountId, Timestamp};

use crate::{
    Principal, PrincipalForm, Surroundings,
    access::{Who, member},
    context_key::ContextKey,
};

/// Stands for an organization that no policy names.
pub(crate) const ELSEWHERE: &str = "o-elsewhere";

/// What the requests of a class of callers carry for a context key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Range<'a> {
    /// This.
    Exactly(Cow<'a, str>),
    /// Nothing.
    Lacking,
    /// One of these; `None` is nothing.
    OneOf(Vec<Option<String>>),
    /// The time, from this moment on.
    Time(Timestamp),
    /// Anything of its kind, or where it may lack, nothing.
    Open { may_lack: bool },
}

/// What the requests of these callers carry for the key. What a class leaves open is narrowed by conditions, not here.
pub(crate) fn range<'a>(key: ContextKey, who: &'a Who, around: &Surroundings<'a>) -> Range<'a> {
    use ContextKey as Key;
    let exactly = |text: &'a str| Range::Exactly(Cow::Borrowed(text));
    match key {
        Key::ResourceAccount => return Range::Exactly(Cow::Owned(around.key.account().to_string())),
        Key::ResourceOrgId if around.organization_id.is_some() => return Range::Exactly(around.organization()),
        Key::RequestedRegion => return exactly(around.key.region().as_str()),
        Key::SecureTransport => return exactly("true"),
        Key::CurrentTime | Key::EpochTime => return Range::Time(around.now),
        Key::ResourceOrgId | Key::ResourceOrgPaths | Key::Chosen | Key::ChosenList | Key::Network | Key::Attestation | Key::KeyFact | Key::Unrecognized => {
            return Range::Open { may_lack: true };
        }
        _ => {}
    }
    if who.is_service() {
        return match key {
            Key::PrincipalIsService => exactly("true"),
            Key::SourceAccount | Key::SourceArn | Key::SourceOrgId | Key::SourceOrgPaths | Key::UserId | Key::OfPrincipal => Range::Open { may_lack: true },
            Key::ServiceName => match who {
                Who::Named(principal) => {
                    let plain = member::without_region(&principal.text);
                    let regional = plain.replacen('.', &format!(".{}.", around.key.region().as_str()), 1);
                    Range::OneOf(vec![Some(principal.text.to_string()), Some(plain), Some(regional)])
                }
                _ => Range::Open { may_lack: false },
            },
            // All names of the service, of which the caller's is one.
            Key::ServiceNames => Range::Open { may_lack: false },
            // What AWS puts there for its own services is not documented; it is nobody's account.
            Key::PrincipalAccount | Key::CallerAccount => Range::OneOf(vec![None, Some("AWS".to_owned())]),
            Key::PrincipalArn => Range::OneOf(vec![None, Some("arn:aws:iam::AWS:service".to_owned())]),
            Key::PrincipalType => Range::OneOf(vec![None, Some("AWSService".to_owned())]),
            _ => Range::Lacking,
        };
    }
    if *who == Who::Everyone {
        return Range::Open { may_lack: true };
    }
    let account = who.account(around);
    match key {
        Key::PrincipalTag => Range::Open { may_lack: true },
        Key::PrincipalIsService => exactly("false"),
        Key::ServiceName | Key::ServiceNames | Key::SourceAccount | Key::SourceArn | Key::SourceOrgId | Key::SourceOrgPaths => Range::Lacking,
        Key::PrincipalAccount => account.map_or(Range::Open { may_lack: false }, |account| Range::Exactly(Cow::Owned(account.id.to_string()))),
        // Requests with it and without it are both possible, as far as KMS documents it.
        Key::CallerAccount => account.map_or(Range::Open { may_lack: true }, |account| Range::OneOf(vec![Some(account.id.to_string()), None])),
        Key::PrincipalOrgId | Key::PrincipalOrgPaths => match (who, account) {
            (Who::Organization(id), _) if key == Key::PrincipalOrgId => exactly(id),
            (Who::Organization(id), _) => Range::OneOf(paths(id)),
            (_, None) => Range::Open { may_lack: true },
            (_, Some(account)) => membership(key, account.id, around),
        },
        _ => match who {
            Who::Named(principal) => of_named(key, principal),
            _ => Range::Open { may_lack: matches!(key, Key::UserName | Key::OfPrincipal) },
        },
    }
}

/// What a named principal's requests carry.
fn of_named(key: ContextKey, principal: &Principal) -> Range<'_> {
    use PrincipalForm as Form;
    let text = &*principal.text;
    match (key, principal.form) {
        (ContextKey::PrincipalArn, Form::Role(_) | Form::FederatedUser(_)) => Range::Exactly(Cow::Borrowed(text)),
        // What a user is allowed, its federated sessions are as well: IAM User Guide, "Permissions for GetFederationToken".
        (ContextKey::PrincipalArn, Form::User(account)) => {
            let partition = text.split(':').nth(1).unwrap_or("aws");
            Range::OneOf(vec![Some(text.to_owned()), Some(format!("arn:{partition}:sts::{account}:federated-user/session"))])
        }
        (ContextKey::PrincipalArn, Form::AssumedRole(account)) => {
            let partition = text.split(':').nth(1).unwrap_or("aws");
            let role = member::session_role(text).unwrap_or_default();
            Range::OneOf(vec![Some(format!("arn:{partition}:iam::{account}:role/{role}")), Some(format!("arn:{partition}:iam::{account}:role/path/{role}"))])
        }
        (ContextKey::UserName, Form::User(_)) => Range::OneOf(vec![Some(text.rsplit_once('/').map_or(text, |(_, name)| name).to_owned()), None]),
        (ContextKey::UserName, Form::Role(_) | Form::AssumedRole(_) | Form::FederatedUser(_)) => Range::Lacking,
        (ContextKey::PrincipalType, Form::User(_)) => Range::OneOf(vec![Some("User".to_owned()), Some("FederatedUser".to_owned())]),
        (ContextKey::PrincipalType, Form::Role(_) | Form::AssumedRole(_)) => Range::Exactly(Cow::Borrowed("AssumedRole")),
        (ContextKey::PrincipalType, Form::FederatedUser(_)) => Range::Exactly(Cow::Borrowed("FederatedUser")),
        _ => Range::Open { may_lack: matches!(key, ContextKey::UserName | ContextKey::OfPrincipal) },
    }
}

/// What is known of an account's organization.
fn membership<'a>(key: ContextKey, account: AccountId, around: &Surroundings<'a>) -> Range<'a> {
    let own = around.organization();
    let values = |id: &str| if key == ContextKey::PrincipalOrgId { vec![Some(id.to_owned())] } else { paths(id) };
    match (around.is_in_organization(account), around.organization_id) {
        (Some(true), Some(_)) if key == ContextKey::PrincipalOrgId => Range::Exactly(own),
        (Some(true), Some(_)) => Range::OneOf(values(&own)),
        (Some(true), None) => Range::OneOf(values(&own).into_iter().chain([None]).collect()),
        (Some(false), _) => Range::OneOf(values(ELSEWHERE).into_iter().chain([None]).collect()),
        (None, _) => Range::OneOf(values(ELSEWHERE).into_iter().chain(values(&own)).chain([None]).collect()),
    }
}

/// Two paths in an organization that share nothing but its id.
fn paths(id: &str) -> Vec<Option<String>> {
    vec![Some(format!("{id}/r-aaaa/ou-aaaa-aaaaaaaa/")), Some(format!("{id}/r-bbbb/"))]
}
