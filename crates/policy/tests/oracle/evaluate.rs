//! Whether a key policy lets a request pass (IAM User Guide: "Policy evaluation logic", "AWS JSON policy elements: Principal" and ": `NotPrincipal`"; KMS
//! Developer Guide: "Key policies in AWS KMS").

use serde_json::Value;

use super::{
    conditions::{hold, texts},
    operators::like_text,
    request::{Caller, Request},
};

/// What the key policy says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// The policy allows the caller. A caller of another account needs its own account's IAM as well, which is taken as generous.
    Allowed,
    /// The policy allows only the caller's account, whose IAM decides. It is taken as generous.
    AllowedByDelegation,
    /// A Deny statement applies.
    ExplicitDeny,
    /// Nothing allows the request, or KMS does not perform the operation for other accounts.
    NotAllowed,
}

impl Decision {
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed | Self::AllowedByDelegation)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::AllowedByDelegation => "AllowedByDelegation",
            Self::ExplicitDeny => "ExplicitDeny",
            Self::NotAllowed => "NotAllowed",
        }
    }
}

/// The permissions of the operations of which the KMS API Reference says "Cross-account use: Yes" (`ReEncrypt` has two). "If you give a user in a different
/// account permission for other operations, those permissions have no effect" (KMS Developer Guide, "Allowing users in other accounts to use a KMS key").
pub const CROSS_ACCOUNT: [&str; 22] = [
    "CreateGrant",
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "DescribeKey",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetKeyRotationStatus",
    "GetPublicKey",
    "ListGrants",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
    "RevokeGrant",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// How a principal element names a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    No,
    /// Through its account.
    Account,
    Itself,
}

/// The decision of the key policy, and of KMS on callers of other accounts.
pub fn allows(policy: &Value, request: &Request, key_account: &str, partition: &str) -> Decision {
    let decision = policy_decision(policy, request, partition);
    if decision.is_allowed() && !may_call(request, key_account, partition) { Decision::NotAllowed } else { decision }
}

/// Whether KMS performs the operation for the caller's account at all. Services are of no account.
pub fn may_call(request: &Request, key_account: &str, partition: &str) -> bool {
    let outside = request.caller.account().is_some_and(|account| account != (partition, key_account));
    !outside || CROSS_ACCOUNT.iter().any(|operation| operation.eq_ignore_ascii_case(&request.action))
}

/// The decision of the key policy alone.
pub fn policy_decision(policy: &Value, request: &Request, partition: &str) -> Decision {
    let one;
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        statement => {
            one = [statement.clone()];
            &one
        }
    };
    // "Variables were introduced in version 2012-10-17. … If you don't include the Version element … variables … are treated as literal strings"
    let variables = policy["Version"] == "2012-10-17";
    let naming = |effect: &str| {
        statements
            .iter()
            .filter(|statement| statement["Effect"] == effect && applies(statement, request, variables))
            .map(|statement| named_by_statement(statement, &request.caller, partition))
            .max()
            .unwrap_or(Naming::No)
    };
    // A Deny on an account denies all of its principals.
    if naming("Deny") > Naming::No {
        return Decision::ExplicitDeny;
    }
    match naming("Allow") {
        Naming::Itself => Decision::Allowed,
        Naming::Account => Decision::AllowedByDelegation,
        Naming::No => Decision::NotAllowed,
    }
}

/// Action, resource and condition; not the principal.
fn applies(statement: &Value, request: &Request, variables: bool) -> bool {
    let action = match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => names_action(actions, &request.action),
        (None, Some(actions)) => !names_action(actions, &request.action),
        // AWS refuses it; without an action a statement says nothing.
        (None, None) => false,
    };
    // "If the required Resource element is missing from a key policy statement, the policy statement has no effect" (KMS Developer Guide, "Key policies in AWS
    // KMS"). What it holds is taken as this key, the only resource that a key policy is for.
    let resource = statement.get("Resource").or_else(|| statement.get("NotResource")).is_some();
    action && resource && hold(statement.get("Condition"), request, variables)
}

/// "*", or `kms:` and a pattern; "The prefix and the action name are case insensitive" ("IAM JSON policy elements: Action").
fn names_action(actions: &Value, action: &str) -> bool {
    texts(actions).iter().any(|written| {
        let written = written.to_ascii_lowercase();
        written == "*" || written.strip_prefix("kms:").is_some_and(|pattern| like_text(pattern, &action.to_ascii_lowercase()))
    })
}

fn named_by_statement(statement: &Value, caller: &Caller, partition: &str) -> Naming {
    let except =
        |deny: bool, element: &Value| if deny { not_principal_deny(element, caller, partition) } else { not_principal_allow(element, caller, partition) };
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(element), _) => named(element, caller, partition),
        (None, Some(element)) if except(statement["Effect"] == "Deny", element) => Naming::Itself,
        _ => Naming::No,
    }
}

/// How a principal element names a caller.
///
/// - "*" and `{"AWS": "*"}` are everybody, services too. The guide calls the two equivalent "for anonymous users" and "all principals"; that a service is one
///   of them follows from the guide's data perimeter policies, which except services from a Deny on "*".
/// - An account's id or root ARN is the account: "Using the account ARN in the Principal element does not limit permissions to only the root user of the
///   account". For the root user itself, whom no identity policy limits, that is to be named itself.
/// - A bare id is an account of the key's partition.
/// - A role's ARN names all its sessions, a session's ARN that session.
/// - An IAM user's ARN names the sessions that the user federated ("AWS STS federated user principal" in "How AWS enforcement code logic evaluates requests").
/// - `Service` names a service by exactly its name; "can't be `"Service": "*"`". `Federated` and `CanonicalUser` name nobody who calls KMS. Ids of deleted
///   principals (`AIDA…`, `AROA…`) name nobody: "The policy no longer applies, even if you recreate the user".
/// - Wildcards are no part of names: "You cannot use a wildcard to match part of a principal name or ARN."
pub fn named(element: &Value, caller: &Caller, partition: &str) -> Naming {
    if element == "*" {
        return Naming::Itself;
    }
    let list = |kind: &str| texts(&element[kind]);
    if let Caller::Service { name } = caller {
        let listed = list("Service").contains(name) || list("AWS").iter().any(|written| written == "*");
        return if listed { Naming::Itself } else { Naming::No };
    }
    list("AWS").iter().map(|written| named_aws(written, caller, partition)).max().unwrap_or(Naming::No)
}

/// How one principal, written as in `{"AWS": …}`, names a caller who is not a service.
pub fn named_aws(written: &str, caller: &Caller, partition: &str) -> Naming {
    let itself = match caller {
        Caller::Role { arn, .. } => written == arn || written == caller.principal(),
        Caller::User { arn } => written == arn,
        Caller::FederatedUser { arn, issuer } => written == arn || (written == issuer && !issuer.ends_with(":root")),
        Caller::Root { .. } | Caller::Service { .. } => false,
    };
    if written == "*" || itself {
        return Naming::Itself;
    }
    let Some((own_partition, account)) = caller.account() else { return Naming::No };
    let by_id = written == account && own_partition == partition;
    if by_id || written == format!("arn:{own_partition}:iam::{account}:root") {
        return if matches!(caller, Caller::Root { .. }) { Naming::Itself } else { Naming::Account };
    }
    Naming::No
}

/// Allow with `NotPrincipal`: whether the statement allows the caller. Everybody whom the element does not name is allowed.
///
/// "Using it with "Effect":"Allow" is not supported" says the guide today; earlier it said that doing so "allows all principals except the one named in the
/// `NotPrincipal` element", and that "The syntax for specifying `NotPrincipal` is the same as for specifying … Principal". So an element names here whom it
/// names there: an account excepts all of its principals, not its root user alone.
fn not_principal_allow(element: &Value, caller: &Caller, partition: &str) -> bool {
    named(element, caller, partition) == Naming::No
}

/// Deny with `NotPrincipal`: whether the statement denies the caller.
///
/// "you must also specify the account ARN of the not-denied principal. Otherwise, the policy might deny access to the entire account containing the principal";
/// "If an assumed-role user … is being evaluated, AWS might validate the account first, then the role, and then the assumed-role user". Whatever might be
/// denied is denied here: a user needs itself and its account on the list, a role's session needs itself, the role and the account, a federated user its
/// session and its account (the guide does not speak of these), the root user its account, a service itself.
fn not_principal_deny(element: &Value, caller: &Caller, partition: &str) -> bool {
    if element == "*" || texts(&element["AWS"]).iter().any(|written| written == "*") {
        return false;
    }
    let lists = |name: &str| texts(&element["AWS"]).iter().any(|written| written == name);
    let Some((own_partition, account)) = caller.account() else {
        return named(element, caller, partition) == Naming::No;
    };
    let lists_account = lists(&format!("arn:{own_partition}:iam::{account}:root")) || (own_partition == partition && lists(account));
    let lists_itself = match caller {
        Caller::Role { arn, .. } => lists(arn) && lists(&caller.principal()),
        Caller::User { arn } | Caller::FederatedUser { arn, .. } => lists(arn),
        Caller::Root { .. } | Caller::Service { .. } => true,
    };
    !(lists_account && lists_itself)
}
