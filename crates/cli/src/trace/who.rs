//! Principals as people call them.

use kms_insights_model::{AccountId, Arn};

use super::service::{UNNAMED, service_of_host};

/// Who called, as the log names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'e> {
    pub(super) principal: &'e str,
    pub(super) session: Option<&'e str>,
    pub(super) invoked_by: Option<&'e str>,
}

impl Caller<'_> {
    /// In words, beside a key of this account: `role deployment/terraform-apply`, `alice@example.com in role AWSReservedSSO_…`.
    pub(super) fn in_words(&self, account: AccountId) -> String {
        // KMS does some things of its own accord: it gives the account, and no name.
        if self.invoked_by == Some(UNNAMED) && (self.principal.is_empty() || self.principal == account.as_str()) {
            return "AWS itself".to_owned();
        }
        let name = principal(self.principal, account);
        // A session is worth naming where it tells a person: identity providers name sessions after them.
        match self.session.filter(|session| session.contains('@')) {
            Some(person) => format!("{person} in {name}"),
            None => name,
        }
    }
}

/// A principal in words, beside a key of this account.
pub(super) fn principal(text: &str, own: AccountId) -> String {
    if text.is_empty() {
        return "somebody whom the record does not name".to_owned();
    }
    if text == "*" {
        return "everyone".to_owned();
    }
    if text == own.as_str() {
        return "its own account".to_owned();
    }
    if text.parse::<AccountId>().is_ok() {
        return format!("account {text}");
    }
    if let Some(service) = service_of_host(text) {
        return service;
    }
    let Some(arn) = Arn::parse(text) else { return text.to_owned() };
    let of_account = if arn.account == own.as_str() || arn.account.is_empty() { String::new() } else { format!(" of account {}", arn.account) };
    let (kind, name) = match arn.resource.split_once('/') {
        None if arn.resource == "root" && of_account.is_empty() => return "its own account".to_owned(),
        None if arn.resource == "root" => return format!("account {}", arn.account),
        None => return text.to_owned(),
        Some(parts) => parts,
    };
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    match kind {
        // The paths of roles that AWS makes say no more than their names.
        "role" if name.starts_with("aws-reserved/") || name.starts_with("aws-service-role/") => format!("role {}{of_account}", last(name)),
        "role" => format!("role {name}{of_account}"),
        "assumed-role" => format!("role {}{of_account}", name.split('/').next().unwrap_or(name)),
        "user" => format!("user {name}{of_account}"),
        "federated-user" => format!("federated user {name}{of_account}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> AccountId {
        "111122223333".parse().unwrap()
    }

    #[test]
    fn principals_of_the_own_account_go_by_their_names_and_others_with_their_account() {
        let words = |text| principal(text, own());
        assert_eq!(words("arn:aws:iam::111122223333:role/deployment/terraform-apply"), "role deployment/terraform-apply");
        assert_eq!(words("arn:aws:iam::444455556666:role/partner"), "role partner of account 444455556666");
        assert_eq!(words("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a1b"), "role AWSReservedSSO_Admin_0a1b");
        assert_eq!(words("arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc"), "role aws:ec2-infrastructure");
        assert_eq!(words("arn:aws:iam::111122223333:user/ci/deployer"), "user ci/deployer");
        assert_eq!(words("arn:aws:iam::111122223333:root"), "its own account");
        assert_eq!(words("arn:aws:iam::444455556666:root"), "account 444455556666");
        assert_eq!(words("444455556666"), "account 444455556666");
        assert_eq!(words("111122223333"), "its own account");
        assert_eq!(words("rds.amazonaws.com"), "RDS");
        assert_eq!(words("*"), "everyone");
        assert_eq!(words("AIDAEXAMPLE"), "AIDAEXAMPLE");
        assert_eq!(words(""), "somebody whom the record does not name");
    }

    #[test]
    fn a_session_that_is_a_persons_names_that_person() {
        let role = "arn:aws:iam::111122223333:role/admin";
        let caller = |session| Caller { principal: role, session, invoked_by: None }.in_words(own());
        assert_eq!(caller(Some("alice@example.com")), "alice@example.com in role admin");
        assert_eq!(caller(Some("i-0abc")), "role admin");
        let kms = Caller { principal: "111122223333", session: None, invoked_by: Some("AWS Internal") };
        assert_eq!(kms.in_words(own()), "AWS itself");
    }
}
