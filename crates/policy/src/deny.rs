//! Whether a Deny may take back what an Allow gives. A first look, which weighs no condition: it finds no Allow harmless, but some whose effect is not certain.

use crate::{Effect, Principal, PrincipalForm, Principals, Statement, StatementPrincipal, reach};

impl Statement {
    /// Whether this statement is a Deny that may forbid some of the actions of `allow` to all that `row`, one of its principals, stands for. Its conditions are taken
    /// to hold. A Deny for some among those whom `row` stands for leaves the others, and does not count.
    pub fn may_forbid(&self, allow: &Self, row: &StatementPrincipal) -> bool {
        self.effect == Effect::Deny && self.has_effect() && self.may_be_about(row) && self.actions.may_overlap(&allow.actions)
    }

    fn may_be_about(&self, row: &StatementPrincipal) -> bool {
        // Everyone but those that `NotPrincipal` lists is nearly everyone.
        let form = if row.negated_principal { PrincipalForm::Anyone } else { row.form };
        match &self.principals {
            Principals::Only(listed) => listed.iter().any(|principal| may_include(principal, row, form)),
            Principals::Except(listed) => !reach::excludes_everyone(listed) && !is_spared(listed, row, form),
        }
    }
}

/// Whether `listed` may stand for all that the row does, which has this form.
fn may_include(listed: &Principal, row: &StatementPrincipal, form: PrincipalForm) -> bool {
    match listed.form {
        PrincipalForm::Anyone => true,
        PrincipalForm::Deleted => false,
        _ if form == PrincipalForm::Anyone => false,
        // Nobody can tell whom these stand for.
        PrincipalForm::CanonicalUser | PrincipalForm::Other(None) => true,
        PrincipalForm::Service => form == PrincipalForm::Service && (listed.text == "*" || listed.text == row.principal),
        PrincipalForm::Account(account) => account_of(row).is_none_or(|of| of == account),
        // A session carries the name of the role or user that it is of, but not its path.
        PrincipalForm::Role(account) | PrincipalForm::User(account) => {
            listed.text == row.principal || matches!(form, PrincipalForm::AssumedRole(of) | PrincipalForm::FederatedUser(of) if of == account)
        }
        _ => listed.text == row.principal,
    }
}

/// Whether `NotPrincipal` certainly spares the row: it lists the principal and its account, without which the principal is denied all the same.
///
/// Source: IAM User Guide, "AWS JSON policy elements: `NotPrincipal`".
fn is_spared(listed: &[Principal], row: &StatementPrincipal, form: PrincipalForm) -> bool {
    let itself = listed.iter().any(|principal| principal.principal_type == row.principal_type && principal.text == row.principal);
    let by_account = |account| listed.iter().any(|principal| matches!(principal.form, PrincipalForm::Account(of) if of == account));
    match form {
        PrincipalForm::Role(account) | PrincipalForm::User(account) => itself && by_account(account),
        PrincipalForm::Service => itself,
        _ => false,
    }
}

/// The account that the row's principal belongs to; `None` where there is none, or it cannot be told.
fn account_of(row: &StatementPrincipal) -> Option<kms_insights_model::AccountId> {
    Principal { principal_type: row.principal_type, form: row.form, text: String::new() }.account()
}

#[cfg(test)]
mod tests {
    use crate::{parse, statement_principals};

    /// Whether the second of two statements may forbid what the first allows to its only principal.
    fn may_forbid(allowed: &str, denied: &str) -> bool {
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Resource": "*", {allowed}}}, {{"Effect": "Deny", "Resource": "*", {denied}}}]}}"#
        );
        let document = parse(&policy).unwrap_or_else(|error| panic!("{error}: {policy}"));
        let key = "arn:aws:kms:eu-central-1:111122223333:key/k".parse().unwrap();
        let rows = statement_principals(&document, &key, None);
        document.statements[1].may_forbid(&document.statements[0], &rows[0])
    }

    #[test]
    fn a_deny_may_forbid_only_what_it_may_cover_of_both_principal_and_actions() {
        const EVERYONE: &str = r#""Principal": "*", "Action": "kms:Decrypt""#;
        const ROLE: &str = r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/path/vendor"}, "Action": "kms:Decrypt""#;
        const SESSION: &str = r#""Principal": {"AWS": "arn:aws:sts::444455556666:assumed-role/vendor/s"}, "Action": "kms:Decrypt""#;
        const ACCOUNT: &str = r#""Principal": {"AWS": "444455556666"}, "Action": ["kms:Decrypt", "kms:DescribeKey"]"#;
        const LOGS: &str = r#""Principal": {"Service": "logs.amazonaws.com"}, "Action": "kms:*""#;
        const CANONICAL: &str = r#""Principal": {"CanonicalUser": "79a5"}, "Action": "kms:Decrypt""#;
        for (allowed, denied, may) in [
            (EVERYONE, r#""Principal": "*", "Action": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}"#, true),
            (EVERYONE, r#""Principal": "*", "Action": "kms:Encrypt""#, false),
            (EVERYONE, r#""Principal": "*", "Action": "kms:ListKeys""#, false),
            (EVERYONE, r#""Principal": "*", "NotAction": "kms:Encrypt""#, true),
            (EVERYONE, r#""Principal": "*", "NotAction": "kms:*""#, false),
            (EVERYONE, r#""Principal": {"AWS": "444455556666"}, "Action": "kms:*""#, false),
            (EVERYONE, r#""NotPrincipal": {"AWS": "111122223333"}, "Action": "kms:*""#, true),
            (EVERYONE, r#""NotPrincipal": "*", "Action": "kms:*""#, false),
            (r#""NotPrincipal": {"AWS": "444455556666"}, "Action": "kms:*""#, r#""Principal": {"AWS": "444455556666"}, "Action": "kms:*""#, false),
            (ROLE, r#""Principal": "*", "Action": "kms:Decrypt""#, true),
            (ROLE, r#""Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "kms:Decrypt""#, true),
            (ROLE, r#""Principal": {"AWS": "999999999999"}, "Action": "kms:Decrypt""#, false),
            (ROLE, r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/path/vendor"}, "Action": "kms:Decrypt""#, true),
            (ROLE, r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/other"}, "Action": "kms:Decrypt""#, false),
            (ROLE, r#""Principal": {"AWS": "AROACKCEVSQ6C2EXAMPLE"}, "Action": "kms:Decrypt""#, false),
            (ROLE, r#""Principal": {"Service": "*"}, "Action": "kms:Decrypt""#, false),
            (ROLE, r#""NotPrincipal": {"AWS": "111122223333"}, "Action": "kms:Decrypt""#, true),
            (ROLE, r#""NotPrincipal": {"AWS": "arn:aws:iam::444455556666:role/path/vendor"}, "Action": "kms:Decrypt""#, true),
            (ROLE, r#""NotPrincipal": {"AWS": ["arn:aws:iam::444455556666:role/path/vendor", "444455556666"]}, "Action": "kms:Decrypt""#, false),
            (SESSION, r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/path/vendor"}, "Action": "kms:Decrypt""#, true),
            (ACCOUNT, r#""Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "kms:Describe*""#, true),
            (ACCOUNT, r#""Principal": {"AWS": "arn:aws:iam::444455556666:role/one"}, "Action": "kms:*""#, false),
            (LOGS, r#""Principal": {"Service": "logs.amazonaws.com"}, "Action": "kms:Decrypt""#, true),
            (LOGS, r#""Principal": {"Service": "s3.amazonaws.com"}, "Action": "kms:Decrypt""#, false),
            (LOGS, r#""NotPrincipal": {"Service": "logs.amazonaws.com"}, "Action": "kms:Decrypt""#, false),
            (CANONICAL, r#""Principal": {"AWS": "999999999999"}, "Action": "kms:Decrypt""#, true),
        ] {
            assert_eq!(may_forbid(allowed, denied), may, "{allowed}\n{denied}");
        }
    }
}
