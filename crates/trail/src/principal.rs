//! Who called: the role and not its session, the service where it called on its own.

use std::borrow::Cow;

use kms_insights_model::Arn;

use crate::event::{Identity, Text};

/// The principal behind a call, as the tables name it.
///
/// A role's or user's ARN; an account's id where the record says no more, as those of other accounts' calls do; a service's name where it called on its own; and where even that is missing, whatever
/// the record has to tell callers apart. Empty when it has nothing.
pub fn principal<'r>(identity: &Identity<'r>) -> Text<'r> {
    // A role's path is in the issuer's ARN alone.
    if let Some(issuer) = &identity.issuer_arn {
        return issuer.clone();
    }
    if let Some(arn) = &identity.arn {
        return role_of_session(arn).map_or_else(|| arn.clone(), Cow::Owned);
    }
    let service = identity.invoked_by.as_ref().filter(|_| identity.kind.as_deref() == Some("AWSService"));
    let others = [service, identity.account.as_ref(), identity.principal_id.as_ref(), identity.user_name.as_ref(), identity.invoked_by.as_ref()];
    others.into_iter().flatten().next().cloned().unwrap_or_default()
}

/// `arn:aws:iam::111122223333:role/R` for `arn:aws:sts::111122223333:assumed-role/R/session`.
fn role_of_session(arn: &str) -> Option<String> {
    let parts = Arn::parse(arn).filter(|arn| arn.service == "sts")?;
    let role = parts.resource.strip_prefix("assumed-role/")?.split('/').next()?;
    Some(format!("arn:{}:iam::{}:role/{role}", parts.partition, parts.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as the members of an identity are")]
    fn some(text: &str) -> Option<Text<'_>> {
        Some(Cow::Borrowed(text))
    }

    #[test]
    fn a_session_is_its_role_with_its_path_where_the_record_has_it() {
        let session = Identity { kind: some("AssumedRole"), arn: some("arn:aws:sts::111122223333:assumed-role/app/i-0abc"), ..Identity::default() };
        assert_eq!(principal(&session), "arn:aws:iam::111122223333:role/app");
        let issued = Identity { issuer_arn: some("arn:aws:iam::111122223333:role/team/app"), ..session };
        assert_eq!(principal(&issued), "arn:aws:iam::111122223333:role/team/app");
    }

    #[test]
    fn users_roots_accounts_services_and_strangers_have_the_name_that_is_known() {
        let arn = |arn| Identity { arn: some(arn), account: some("111122223333"), ..Identity::default() };
        assert_eq!(principal(&arn("arn:aws:iam::111122223333:user/alice")), "arn:aws:iam::111122223333:user/alice");
        assert_eq!(principal(&arn("arn:aws:iam::111122223333:root")), "arn:aws:iam::111122223333:root");
        let other_account =
            Identity { kind: some("AWSAccount"), principal_id: some("AROAEXAMPLE:session"), account: some("444455556666"), ..Identity::default() };
        assert_eq!(principal(&other_account), "444455556666");
        let service = Identity { kind: some("AWSService"), invoked_by: some("logs.amazonaws.com"), account: some("111122223333"), ..Identity::default() };
        assert_eq!(principal(&service), "logs.amazonaws.com");
        assert_eq!(principal(&Identity { principal_id: some("AIDAEXAMPLE"), ..Identity::default() }), "AIDAEXAMPLE");
        assert_eq!(principal(&Identity::default()), "");
    }
}
