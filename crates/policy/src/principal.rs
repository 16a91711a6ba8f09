//! Principals: what a policy names.

use std::{fmt, sync::Arc};

use kms_insights_model::{AccountId, Arn, KeyArn, Partition};

/// The kind under which a policy lists a principal; the bare `"*"` is `{"AWS": "*"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalType {
    /// `AWS`
    Aws,
    /// `Service`
    Service,
    /// `Federated`
    Federated,
    /// `CanonicalUser`
    CanonicalUser,
}

impl PrincipalType {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Aws, Self::Service, Self::Federated, Self::CanonicalUser];

    /// AWS's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Service => "Service",
            Self::Federated => "Federated",
            Self::CanonicalUser => "CanonicalUser",
        }
    }
}

impl fmt::Display for PrincipalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a principal is, as far as its text tells. Source: IAM User Guide, "AWS JSON policy elements: Principal".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalForm {
    /// `*`
    Anyone,
    /// An account, by its id or by the ARN of its root.
    Account(AccountId),
    /// An IAM role.
    Role(AccountId),
    /// An IAM user.
    User(AccountId),
    /// One session of a role.
    AssumedRole(AccountId),
    /// A session from `sts:GetFederationToken`.
    FederatedUser(AccountId),
    /// An AWS service; `*` for every one.
    Service,
    /// A SAML or OIDC provider of an account.
    IdentityProvider(AccountId),
    /// A public identity provider, such as `accounts.google.com`: of no account, and open to roles of any.
    PublicIdentityProvider,
    /// An S3 canonical user id: an account, but the id does not say which.
    CanonicalUser,
    /// The unique id (`AIDA…`, `AROA…`) that AWS leaves in place of a user or role that was deleted. It stands for nobody, also once the name is used again.
    Deleted,
    /// Something else: an ARN of another form, or a text that is no principal. Its account, where the text has one.
    Other(Option<AccountId>),
}

impl PrincipalForm {
    /// Whether it is an IAM user.
    pub(crate) const fn is_user(self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// One principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The kind under which it is listed.
    pub principal_type: PrincipalType,
    /// What it is.
    pub form: PrincipalForm,
    /// As written.
    pub text: Arc<str>,
}

/// How the names of services end, by partition.
const SERVICE_DOMAINS: [&str; 7] =
    [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov", ".cloud.adc-e.uk", ".csp.hci.ic.gov"];

impl Principal {
    /// Reads a principal of a policy.
    pub fn read(principal_type: PrincipalType, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let form = match principal_type {
            PrincipalType::Aws => aws_form(&text),
            PrincipalType::Service => PrincipalForm::Service,
            PrincipalType::Federated => match Arn::parse(&text) {
                Some(arn) => arn.account.parse().map_or(PrincipalForm::Other(None), PrincipalForm::IdentityProvider),
                None if &*text == "*" => PrincipalForm::Anyone,
                None => PrincipalForm::PublicIdentityProvider,
            },
            PrincipalType::CanonicalUser => PrincipalForm::CanonicalUser,
        };
        Self { principal_type, form, text }
    }

    /// Reads the grantee or retiring principal of a grant, which `kms:ListGrants` gives without its kind: a service by its name, else an ARN.
    pub fn read_grantee(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let service = !text.starts_with("arn:") && SERVICE_DOMAINS.iter().any(|domain| text.ends_with(domain));
        Self::read(if service { PrincipalType::Service } else { PrincipalType::Aws }, text)
    }

    /// The principal's account, where the text tells it.
    pub const fn account(&self) -> Option<AccountId> {
        match self.form {
            PrincipalForm::Account(account)
            | PrincipalForm::Role(account)
            | PrincipalForm::User(account)
            | PrincipalForm::AssumedRole(account)
            | PrincipalForm::FederatedUser(account)
            | PrincipalForm::IdentityProvider(account)
            | PrincipalForm::Other(Some(account)) => Some(account),
            PrincipalForm::Anyone
            | PrincipalForm::Service
            | PrincipalForm::PublicIdentityProvider
            | PrincipalForm::CanonicalUser
            | PrincipalForm::Deleted
            | PrincipalForm::Other(None) => None,
        }
    }

    /// Whether it is `*`: everyone.
    pub(crate) fn is_everyone(&self) -> bool {
        self.form == PrincipalForm::Anyone && self.principal_type == PrincipalType::Aws
    }

    /// Whether nobody can tell whom it stands for: an S3 canonical user id, an identity provider, a text or an ARN of another form.
    pub(crate) fn cannot_be_told(&self) -> bool {
        match self.form {
            PrincipalForm::CanonicalUser | PrincipalForm::PublicIdentityProvider | PrincipalForm::IdentityProvider(_) | PrincipalForm::Other(_) => true,
            PrincipalForm::Anyone => !self.is_everyone(),
            _ => false,
        }
    }

    /// The partition that the text names, if it is not the key's. Principals without an ARN are of the key's.
    pub(crate) fn other_partition(&self, key: &KeyArn) -> Option<&'static str> {
        Arn::parse(&self.text).and_then(|arn| other_partition(arn.partition, key))
    }
}

/// The partition, if it is not the key's.
pub(crate) fn other_partition(partition: &str, key: &KeyArn) -> Option<&'static str> {
    (partition != key.partition().as_str()).then(|| partition.parse::<Partition>().map_or("unrecognized", Partition::as_str))
}

/// Whether what follows the kind may name something: no part is empty, and there are no wildcards.
fn is_name(resource: &str) -> bool {
    resource.split('/').all(|part| !part.is_empty()) && !crate::wildcard::has_wildcard(resource)
}

fn aws_form(text: &str) -> PrincipalForm {
    if text == "*" {
        return PrincipalForm::Anyone;
    }
    if let Some(arn) = Arn::parse(text) {
        let Ok(account) = arn.account.parse() else { return PrincipalForm::Other(None) };
        let kind = arn.resource.split_once('/').map(|(kind, _)| kind);
        return match (arn.service, kind) {
            ("iam", None) if arn.resource == "root" => PrincipalForm::Account(account),
            // No role is called `*`: KMS takes no wildcards in a principal.
            (_, Some(_)) if !is_name(arn.resource) => PrincipalForm::Other(Some(account)),
            ("iam", Some("role")) => PrincipalForm::Role(account),
            ("iam", Some("user")) => PrincipalForm::User(account),
            ("iam", Some("saml-provider" | "oidc-provider")) => PrincipalForm::IdentityProvider(account),
            ("sts", Some("assumed-role")) => PrincipalForm::AssumedRole(account),
            ("sts", Some("federated-user")) => PrincipalForm::FederatedUser(account),
            _ => PrincipalForm::Other(Some(account)),
        };
    }
    if let Ok(account) = text.parse() {
        return PrincipalForm::Account(account);
    }
    let unique_id = text.len() >= 16 && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if unique_id && (text.starts_with("AIDA") || text.starts_with("AROA")) { PrincipalForm::Deleted } else { PrincipalForm::Other(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told_from_its_text() {
        let account: AccountId = "111122223333".parse().unwrap();
        let id = "AIDACKCEVSQ6C2EXAMPLE";
        for (principal_type, text, form) in [
            (PrincipalType::Aws, "*", PrincipalForm::Anyone),
            (PrincipalType::Aws, "111122223333", PrincipalForm::Account(account)),
            (PrincipalType::Aws, "arn:aws-iso-e:iam::111122223333:root", PrincipalForm::Account(account)),
            (PrincipalType::Aws, "arn:aws:iam::111122223333:role/path/app", PrincipalForm::Role(account)),
            (PrincipalType::Aws, "arn:aws:iam::111122223333:role/root", PrincipalForm::Role(account)),
            (PrincipalType::Aws, "arn:aws:iam::111122223333:user/alice", PrincipalForm::User(account)),
            (PrincipalType::Aws, "arn:aws-cn:sts::111122223333:assumed-role/app/session", PrincipalForm::AssumedRole(account)),
            (PrincipalType::Aws, "arn:aws:sts::111122223333:federated-user/bob", PrincipalForm::FederatedUser(account)),
            (PrincipalType::Aws, "arn:aws:iam::111122223333:group/staff", PrincipalForm::Other(Some(account))),
            (PrincipalType::Aws, "arn:aws:iam::*:role/app", PrincipalForm::Other(None)),
            (PrincipalType::Aws, "arn:aws:iam::11112222333:root", PrincipalForm::Other(None)),
            (PrincipalType::Aws, id, PrincipalForm::Deleted),
            (PrincipalType::Aws, "AROACKCEVSQ6C2EXAMPLE", PrincipalForm::Deleted),
            (PrincipalType::Aws, "AIDA", PrincipalForm::Other(None)),
            (PrincipalType::Aws, "", PrincipalForm::Other(None)),
            (PrincipalType::Service, "logs.eu-central-1.amazonaws.com", PrincipalForm::Service),
            (PrincipalType::Federated, "arn:aws:iam::111122223333:saml-provider/idp", PrincipalForm::IdentityProvider(account)),
            (PrincipalType::Federated, "accounts.google.com", PrincipalForm::PublicIdentityProvider),
            (PrincipalType::Federated, "*", PrincipalForm::Anyone),
            (PrincipalType::CanonicalUser, id, PrincipalForm::CanonicalUser),
        ] {
            assert_eq!(Principal::read(principal_type, text.to_owned()).form, form, "{text}");
        }
    }

    #[test]
    fn the_same_digits_in_another_partition_are_another_account() {
        let key: KeyArn = "arn:aws-cn:kms:cn-north-1:111122223333:key/k".parse().unwrap();
        for (text, other) in [
            ("111122223333", None),
            ("arn:aws-cn:iam::111122223333:root", None),
            ("arn:aws:iam::111122223333:root", Some("aws")),
            ("arn:aws-us-gov:iam::444455556666:role/app", Some("aws-us-gov")),
            ("arn:aws-tomorrow:iam::444455556666:role/app", Some("unrecognized")),
        ] {
            assert_eq!(Principal::read(PrincipalType::Aws, text).other_partition(&key), other, "{text}");
        }
    }

    #[test]
    fn grantees_without_an_arn_are_services() {
        for (text, form) in
            [("rds.amazonaws.com", PrincipalForm::Service), ("ec2.c2s.ic.gov", PrincipalForm::Service), ("evil.example.com", PrincipalForm::Other(None))]
        {
            assert_eq!(Principal::read_grantee(text.to_owned()).form, form, "{text}");
        }
    }
}
