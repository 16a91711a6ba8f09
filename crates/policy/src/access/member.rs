//! Whether the callers of a class are among the principals that a statement lists.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "`NotPrincipal`". IAM distinguishes no names by case: an ARN in another case is that of the same
//! role or user, or of none, and which of these AWS does not document.

use kms_insights_model::Arn;

use crate::{
    Principal, PrincipalForm, Surroundings,
    access::{Caller, CallerAccount, Who},
};

/// Whether something holds for the requests of a class of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// For each of them.
    Always,
    /// For none of them.
    Never,
    /// It depends on the request, or cannot be told.
    Depends,
}

impl Holds {
    pub(crate) const fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Depends => Self::Depends,
        }
    }
}

/// Whether a listed principal stands for the callers of the class.
pub(crate) fn stands_for(listed: &Principal, who: &Who, around: &Surroundings<'_>) -> Holds {
    use PrincipalForm as Form;
    if listed.is_everyone() {
        return Holds::Always;
    }
    if listed.form == Form::Deleted || matches!(who, Who::Named(principal) if principal.form == Form::Deleted) {
        return Holds::Never;
    }
    if listed.form == Form::Service {
        return match who {
            Who::EveryService if &*listed.text == "*" => Holds::Always,
            Who::Everyone | Who::EveryService => Holds::Depends,
            Who::Named(principal) if principal.form == Form::Service && (&*listed.text == "*" || listed.text == principal.text) => Holds::Always,
            Who::Named(principal) if principal.form == Form::Service && without_region(&listed.text) == without_region(&principal.text) => Holds::Depends,
            _ => Holds::Never,
        };
    }
    if who.is_service() {
        return Holds::Never;
    }
    let listed_account = listed.account().map(|id| CallerAccount { id, other_partition: listed.other_partition(around.key) });
    if let (Some(listed_account), Some(account)) = (listed_account, who.account(around))
        && listed_account != account
    {
        return Holds::Never;
    }
    match (listed.form, who) {
        (Form::Account(_), who) if who.account(around).is_some() && !who.cannot_be_told() => Holds::Always,
        (_, Who::Named(principal)) if listed.principal_type == principal.principal_type && listed.text == principal.text && !who.cannot_be_told() => {
            Holds::Always
        }
        (Form::Role(_) | Form::User(_) | Form::AssumedRole(_), Who::Named(principal)) if same_but_for_case(&listed.text, &principal.text) => Holds::Depends,
        (Form::Role(_), Who::Named(principal)) => match principal.form {
            Form::Role(_) | Form::User(_) | Form::FederatedUser(_) => Holds::Never,
            // A session carries the name of its role, not its path.
            Form::AssumedRole(_) if !same_name(role_name(&listed.text), session_role(&principal.text)) => Holds::Never,
            _ => Holds::Depends,
        },
        (Form::User(_), Who::Named(principal)) => match principal.form {
            Form::Role(_) | Form::User(_) | Form::AssumedRole(_) => Holds::Never,
            _ => Holds::Depends,
        },
        (Form::AssumedRole(_), Who::Named(principal)) => match principal.form {
            Form::User(_) | Form::AssumedRole(_) | Form::FederatedUser(_) => Holds::Never,
            Form::Role(_) if !same_name(role_name(&principal.text), session_role(&listed.text)) => Holds::Never,
            _ => Holds::Depends,
        },
        (Form::FederatedUser(_), Who::Named(principal)) => match principal.form {
            Form::Role(_) | Form::AssumedRole(_) | Form::FederatedUser(_) => Holds::Never,
            _ => Holds::Depends,
        },
        _ => Holds::Depends,
    }
}

/// Whether a listed principal stands for this caller; `None` where it cannot be told.
pub(crate) fn is(listed: &Principal, caller: &Caller, around: &Surroundings<'_>) -> Option<bool> {
    use PrincipalForm as Form;
    if let Caller::Service { name } = caller {
        return Some(match listed.form {
            Form::Anyone => listed.is_everyone(),
            Form::Service if &*listed.text != "*" && *listed.text != **name && without_region(&listed.text) == without_region(name) => return None,
            Form::Service => &*listed.text == "*" || *listed.text == **name,
            _ => false,
        });
    }
    let of_account = || listed.account().is_some_and(|id| caller.account() == Some(CallerAccount { id, other_partition: listed.other_partition(around.key) }));
    Some(match listed.form {
        Form::Anyone if listed.is_everyone() => true,
        Form::Account(_) => of_account(),
        // A federated session does not say whose it is.
        Form::User(_) if matches!(caller, Caller::FederatedUser { .. }) && of_account() => return None,
        Form::Role(_) | Form::User(_) if caller.arn().is_some_and(|arn| same_but_for_case(&listed.text, arn)) => return None,
        Form::Role(_) | Form::User(_) | Form::FederatedUser(_) => caller.arn() == Some(&*listed.text),
        Form::AssumedRole(_) => match (caller, session_of(&listed.text)) {
            (Caller::Role { session, .. }, (role, Some(listed))) if of_account() && session == listed => {
                if role != caller.role_name() && same_name(role, caller.role_name()) {
                    return None;
                }
                role == caller.role_name()
            }
            _ => false,
        },
        Form::Service | Form::Deleted => false,
        Form::IdentityProvider(_) | Form::PublicIdentityProvider | Form::CanonicalUser | Form::Other(_) | Form::Anyone => return None,
    })
}

/// Whether the caller is none of these; `None` where that cannot be told. Whom an account that the `NotPrincipal` of an Allow lists excludes is not documented.
pub(crate) fn is_none_of(listed: &[Principal], of_not_principal: bool, caller: &Caller, around: &Surroundings<'_>) -> Option<bool> {
    let mut told = Some(true);
    for principal in listed {
        match is(principal, caller, around) {
            Some(true) if of_not_principal && matches!(principal.form, PrincipalForm::Account(_)) => told = None,
            Some(true) => return Some(false),
            Some(false) => {}
            None => told = None,
        }
    }
    told
}

/// Whether `NotPrincipal` of a Deny spares the callers of the class.
///
/// A principal is spared where it is listed together with its account; of a role the session has to be listed too, so that a role cannot be said to be. Source: IAM
/// User Guide, "AWS JSON policy elements: `NotPrincipal`".
pub(crate) fn spares(listed: &[Principal], who: &Who, around: &Surroundings<'_>) -> Holds {
    if listed.iter().any(Principal::is_everyone) {
        return Holds::Always;
    }
    let undecided = listed.iter().any(Principal::cannot_be_told);
    let lists = |test: &dyn Fn(&Principal) -> bool| listed.iter().any(test);
    match who {
        Who::Everyone => return Holds::Depends,
        Who::EveryService => return if lists(&|principal| principal.form == PrincipalForm::Service) { Holds::Depends } else { Holds::Never },
        who if who.is_service() => {
            return if lists(&|principal| stands_for(principal, who, around) == Holds::Always) { Holds::Always } else { Holds::Never };
        }
        _ if undecided => return Holds::Depends,
        Who::EveryPrincipal | Who::Organization(_) => return if lists(&|principal| principal.account().is_some()) { Holds::Depends } else { Holds::Never },
        _ => {}
    }
    let Some(account) = who.account(around) else { return Holds::Depends };
    let of_account = |principal: &Principal| principal.account() == Some(account.id) && principal.other_partition(around.key) == account.other_partition;
    let by_account = lists(&|principal| matches!(principal.form, PrincipalForm::Account(_)) && of_account(principal));
    match who {
        Who::Named(principal) if principal.form.is_user() => match (lists(&|listed| listed.text == principal.text), by_account) {
            (true, true) => Holds::Always,
            // Without its account a principal "might" be denied, says the documentation.
            (true, false) => Holds::Depends,
            (false, _) if lists(&|listed| same_but_for_case(&listed.text, &principal.text)) => Holds::Depends,
            (false, _) => Holds::Never,
        },
        _ if lists(&of_account) => Holds::Depends,
        _ => Holds::Never,
    }
}

/// Whether `NotPrincipal` of a Deny spares this caller; `None` where it cannot be told.
pub(crate) fn spares_caller(listed: &[Principal], caller: &Caller, around: &Surroundings<'_>) -> Option<bool> {
    let lists = |test: &dyn Fn(&Principal) -> bool| listed.iter().any(test);
    if lists(&Principal::is_everyone) {
        return Some(true);
    }
    if lists(&|principal| is(principal, caller, around).is_none()) {
        return None;
    }
    let itself = lists(&|principal| !matches!(principal.form, PrincipalForm::Account(_)) && is(principal, caller, around) == Some(true));
    let account = lists(&|principal| matches!(principal.form, PrincipalForm::Account(_)) && is(principal, caller, around) == Some(true));
    let told = |itself: bool| match (itself, account) {
        (true, true) => Some(true),
        (true, false) => None,
        (false, _) => Some(false),
    };
    match caller {
        Caller::Service { .. } => Some(itself),
        Caller::Root { .. } => Some(account),
        Caller::User { .. } | Caller::FederatedUser { .. } => told(itself),
        Caller::Role { .. } => {
            let is_role = |principal: &Principal| matches!(principal.form, PrincipalForm::Role(_)) && is(principal, caller, around) == Some(true);
            let is_session = |principal: &Principal| matches!(principal.form, PrincipalForm::AssumedRole(_)) && is(principal, caller, around) == Some(true);
            match (lists(&is_role), lists(&is_session)) {
                (true, true) => told(true),
                (false, false) => Some(false),
                _ => None,
            }
        }
    }
}

/// Whether ARNs differ in nothing but their case.
fn same_but_for_case(one: &str, other: &str) -> bool {
    one != other && one.eq_ignore_ascii_case(other)
}

fn same_name(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// The name of a service without its Region: `logs.amazonaws.com` and `logs.eu-central-1.amazonaws.com` may be one caller, by which name it calls is not documented.
pub(crate) fn without_region(name: &str) -> String {
    let is_region = |label: &&str| label.matches('-').count() >= 2 && label.ends_with(|last: char| last.is_ascii_digit());
    name.split('.').filter(|label| !is_region(label)).collect::<Vec<_>>().join(".")
}

/// The name of the role of an ARN `arn:aws:iam::…:role/path/name`.
pub(crate) fn role_name(arn: &str) -> Option<&str> {
    Arn::parse(arn)?.resource.strip_prefix("role/").map(|path| path.rsplit_once('/').map_or(path, |(_, name)| name))
}

/// The name of the role of a session's ARN `arn:aws:sts::…:assumed-role/name/session`.
pub(crate) fn session_role(arn: &str) -> Option<&str> {
    session_of(arn).0
}

/// Role and session of a session's ARN.
pub(crate) fn session_of(arn: &str) -> (Option<&str>, Option<&str>) {
    let rest = Arn::parse(arn).and_then(|arn| arn.resource.strip_prefix("assumed-role/"));
    match rest.map(|rest| rest.split_once('/').ok_or(rest)) {
        Some(Ok((role, session))) => (Some(role), Some(session)),
        Some(Err(role)) => (Some(role), None),
        None => (None, None),
    }
}
