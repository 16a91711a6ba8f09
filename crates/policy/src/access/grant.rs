//! Grants as ways in: they bypass the key policy, save for its Denies.
//!
//! Sources: AWS KMS Developer Guide, "Grants in AWS KMS"; AWS KMS API Reference, `GrantListEntry` and `GrantConstraints`.

use std::{collections::BTreeMap, sync::Arc};

use kms_insights_model::{Grant, GrantConstraints};

use crate::{
    ActionSet, Condition, Operator, Principal, PrincipalType, Surroundings,
    access::{Who, fence::Clause, literal::Literal, term::Term, ways::Opening},
};

/// What a grant opens, and what it serves: for its grantee the operations, and for whoever may retire it that.
pub(crate) fn openings(grant: &Grant, around: &Surroundings<'_>) -> Vec<(Opening, Option<String>)> {
    let mut openings = Vec::new();
    let resource = served(grant);
    if let Some(principal) = grantee(grant) {
        let who = Who::listed(&principal, around);
        let operations = grant.operations.iter().fold(ActionSet::EMPTY, |set, name| match ActionSet::of_names([name.as_str()]) {
            // An operation that the catalogue does not know is one all the same.
            ActionSet::EMPTY => set | ActionSet::UNRECOGNIZED,
            known => set | known,
        });
        let demands = demands(&grant.constraints);
        let mut pieces = vec![(operations & around.possible_actions(), Vec::new())];
        for (term, constrained) in &demands {
            pieces = pieces
                .into_iter()
                .flat_map(|(actions, clauses): (ActionSet, Vec<Clause>)| {
                    let mut more = clauses.clone();
                    more.push(Clause(vec![Literal::of(Arc::clone(term))]));
                    [(actions & *constrained, more), (actions - *constrained, clauses)]
                })
                .filter(|(actions, _)| !actions.is_empty())
                .collect();
        }
        openings.extend(pieces.into_iter().map(|(actions, clauses)| (Opening { who: who.clone(), actions, clauses, doubt: None }, resource.clone())));
    }
    if let Some(principal) = retiring(grant) {
        let who = Who::listed(&principal, around);
        openings.push((Opening { who, actions: ActionSet::of_names(["RetireGrant"]), clauses: Vec::new(), doubt: None }, resource.clone()));
    }
    // The account under which a grant was made may retire it; of the own account that goes without saying.
    let issuer = grant.issuing_account.as_deref().map(Principal::read_grantee).map(|issuer| Who::listed(&issuer, around));
    if let Some(who @ Who::Account(account)) = issuer
        && !account.is_own(around)
    {
        openings.push((Opening { who, actions: ActionSet::of_names(["RetireGrant"]), clauses: Vec::new(), doubt: None }, resource));
    }
    openings
}

/// The grantee. Where KMS fills the field of the service, the grantee is the service.
pub fn grantee(grant: &Grant) -> Option<Principal> {
    named(grant.grantee_service_principal.as_deref(), grant.grantee_principal.as_deref())
}

/// Who may retire the grant, beside those who may by its operations.
pub fn retiring(grant: &Grant) -> Option<Principal> {
    named(grant.retiring_service_principal.as_deref(), grant.retiring_principal.as_deref())
}

fn named(service: Option<&str>, principal: Option<&str>) -> Option<Principal> {
    service.map(|service| Principal::read(PrincipalType::Service, service)).or_else(|| principal.map(Principal::read_grantee))
}

/// What the constraints demand, as conditions, each with the actions that it is on.
///
/// Those on the encryption context are on cryptographic operations that have one, and compare its keys without regard to case. That on the source is on all but
/// `RetireGrant`; of `DescribeKey` it demands nothing where the request names no source. Source: AWS KMS API Reference, `GrantConstraints`.
fn demands(constraints: &GrantConstraints) -> Vec<(Arc<Term>, ActionSet)> {
    let term = |operator: &str, key: String, values: Vec<String>| Arc::new(Term::prepared(Condition { operator: Operator::read(operator), key, values }));
    let encrypting = crate::context_key::read("kms:EncryptionContextKeys").1 - ActionSet::of_names(["CreateGrant", "RetireGrant"]);
    // Which of two spellings of one key counts is not documented: that is left undecided.
    let mut pairs: BTreeMap<String, (&str, Vec<String>)> = BTreeMap::new();
    for (key, value) in constraints.encryption_context_subset.iter().chain(&constraints.encryption_context_equals) {
        pairs.entry(key.to_lowercase()).or_insert((key, Vec::new())).1.insert(0, value.clone());
    }
    let mut demands: Vec<(Arc<Term>, ActionSet)> = pairs
        .into_values()
        .map(|(key, values)| (term(if values.len() == 1 { "StringEquals" } else { "(either)" }, format!("kms:EncryptionContext:{key}"), values), encrypting))
        .collect();
    if !constraints.encryption_context_equals.is_empty() {
        let keys = constraints.encryption_context_equals.keys().cloned().collect();
        demands.push((term("ForAllValues:StringEqualsIgnoreCase", "kms:EncryptionContextKeys".to_owned(), keys), encrypting));
    }
    if let Some(arn) = &constraints.source_arn {
        let (describe, retire) = (ActionSet::of_names(["DescribeKey"]), ActionSet::of_names(["RetireGrant"]));
        demands.push((term("StringEquals", "aws:SourceArn".to_owned(), vec![arn.clone()]), ActionSet::ALL - describe - retire));
        demands.push((term("StringEqualsIfExists", "aws:SourceArn".to_owned(), vec![arn.clone()]), describe));
    }
    demands
}

/// The resource behind a grant, which its constraints or the session of its grantee name: `aws:ebs:id=vol-…`.
pub fn served(grant: &Grant) -> Option<String> {
    let constraints = &grant.constraints;
    if let Some(arn) = &constraints.source_arn {
        return Some(arn.clone());
    }
    let pairs: Vec<String> =
        constraints.encryption_context_equals.iter().chain(&constraints.encryption_context_subset).map(|(key, value)| format!("{key}={value}")).collect();
    if !pairs.is_empty() {
        return Some(pairs.join(", "));
    }
    // EC2 and other services take a session named for what they act for: `…assumed-role/aws:ec2-infrastructure/i-…`.
    let session = grant.grantee_principal.as_deref()?.split_once(":assumed-role/aws:")?.1;
    Some(session.replacen('/', "=", 1))
}
