//! Roles and their sessions, which are one principal by two names.

use kms_insights_model::{AccountId, Arn};
use kms_insights_policy::{Principal, PrincipalForm};

/// The role behind the principal, by its account and its name, which is unique there whatever its path: of a role its own, of a session that of its role, whose path it
/// does not tell; nothing for others.
pub(crate) fn role_of(principal: &Principal) -> Option<(AccountId, &str)> {
    let resource = Arn::parse(&principal.text)?.resource;
    match principal.form {
        PrincipalForm::Role(account) => Some((account, last(resource))),
        PrincipalForm::AssumedRole(account) => Some((account, resource.split('/').nth(1)?)),
        _ => None,
    }
}

/// What follows the last slash.
pub(crate) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use kms_insights_policy::PrincipalType;

    use super::*;

    #[test]
    fn a_session_is_known_by_its_role_wherever_that_lies() {
        let account: AccountId = "111122223333".parse().unwrap();
        for (text, expected) in [
            ("arn:aws:iam::111122223333:role/app", Some((account, "app"))),
            ("arn:aws:iam::111122223333:role/teams/a/app", Some((account, "app"))),
            ("arn:aws:sts::111122223333:assumed-role/app/deploy", Some((account, "app"))),
            ("arn:aws:iam::111122223333:user/app", None),
            ("arn:aws:sts::111122223333:federated-user/app", None),
            ("111122223333", None),
        ] {
            assert_eq!(role_of(&Principal::read(PrincipalType::Aws, text)), expected, "{text}");
        }
    }
}
