//! Whether a grant lets a request pass (KMS Developer Guide, "Grants in AWS KMS"; KMS API Reference, `CreateGrant`, `GrantConstraints`, `RetireGrant`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    conditions::texts,
    evaluate::{Decision, Naming, may_call, named_aws, policy_decision},
    request::{Caller, Request, WITH_ENCRYPTION_CONTEXT},
};

/// Policy and grants together: a Deny of the policy wins, and what the policy does not allow a grant may.
pub fn allows_with_grants(policy: &Value, grants: &[Value], request: &Request, key_account: &str, partition: &str) -> Decision {
    let by_policy = policy_decision(policy, request, partition);
    if by_policy == Decision::ExplicitDeny {
        return by_policy;
    }
    if !may_call(request, key_account, partition) {
        return Decision::NotAllowed;
    }
    let by_grant = grants.iter().map(|grant| granted(grant, request, partition)).max().unwrap_or(Naming::No);
    match (by_policy, by_grant) {
        (Decision::Allowed, _) | (_, Naming::Itself) => Decision::Allowed,
        (Decision::AllowedByDelegation, _) | (_, Naming::Account) => Decision::AllowedByDelegation,
        _ => Decision::NotAllowed,
    }
}

/// Whether a grant, as `ListGrants` tells it, gives the caller the operation: itself, or through its account, of which the reference only says that it can be a
/// grantee principal.
///
/// For `RetireGrant` the grant is the one to be retired. A grant that permits `CreateGrant` permits only grants that are no wider than itself; a request here
/// does not tell what it would grant, so that is not looked at.
pub fn granted(grant: &Value, request: &Request, partition: &str) -> Naming {
    let retires = request.action.eq_ignore_ascii_case("RetireGrant");
    let retiring = if retires { named_in(grant, "RetiringPrincipal", "RetiringServicePrincipal", &request.caller, partition) } else { Naming::No };
    let operation = texts(&grant["Operations"]).iter().any(|operation| operation.eq_ignore_ascii_case(&request.action));
    if operation && constraints_hold(&grant["Constraints"], request) {
        return retiring.max(named_in(grant, "GranteePrincipal", "GranteeServicePrincipal", &request.caller, partition));
    }
    retiring
}

/// `ListGrants` names a service as `GranteePrincipal` too where a service made the grant for itself.
fn named_in(grant: &Value, principal: &str, service: &str, caller: &Caller, partition: &str) -> Naming {
    if let Caller::Service { name } = caller {
        let named = [principal, service].iter().any(|field| grant[*field] == name.as_str());
        return if named { Naming::Itself } else { Naming::No };
    }
    // A grant has no wildcard principals.
    grant[principal].as_str().filter(|written| *written != "*").map_or(Naming::No, |written| named_aws(written, caller, partition))
}

fn constraints_hold(constraints: &Value, request: &Request) -> bool {
    encryption_context_holds(constraints, request) && source_holds(constraints, request)
}

/// "These encryption context constraints apply only to cryptographic operations that support an encryption context, that is, all cryptographic operations with
/// a symmetric KMS key." "in a grant constraint, the key in each key-value pair is not case sensitive, but the value is case sensitive."
fn encryption_context_holds(constraints: &Value, request: &Request) -> bool {
    if !WITH_ENCRYPTION_CONTEXT.iter().any(|operation| operation.eq_ignore_ascii_case(&request.action)) {
        return true;
    }
    let given: BTreeMap<&str, &str> =
        request.context.iter().filter_map(|(key, values)| Some((key.strip_prefix("kms:encryptioncontext:")?, values.first()?.as_str()))).collect();
    let wanted = |name: &str| -> Option<BTreeMap<String, String>> {
        let pairs = constraints[name].as_object()?;
        Some(pairs.iter().map(|(key, value)| (key.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned())).collect())
    };
    let includes = |wanted: &BTreeMap<String, String>| wanted.iter().all(|(key, value)| given.get(key.as_str()) == Some(&value.as_str()));
    wanted("EncryptionContextSubset").is_none_or(|wanted| includes(&wanted))
        && wanted("EncryptionContextEquals").is_none_or(|wanted| includes(&wanted) && wanted.len() == given.len())
}

/// "effectively the same as having the aws:SourceArn global condition key in the grant", so a request without the key fails. "can also be applied to the
/// `DescribeKey` operation when specified in the request", which is taken to mean that DescribeKey passes without the key. "it does not apply to
/// `RetireGrant`".
fn source_holds(constraints: &Value, request: &Request) -> bool {
    let Some(wanted) = constraints["SourceArn"].as_str() else { return true };
    let source = request.values("aws:SourceArn").and_then(|values| values.first());
    match request.action.to_ascii_lowercase().as_str() {
        "retiregrant" => true,
        "describekey" => source.is_none_or(|source| source == wanted),
        _ => source.is_some_and(|source| source == wanted),
    }
}
