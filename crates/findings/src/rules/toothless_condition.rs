use kms_insights_policy::{Condition, Effect, PrincipalType, SetQualifier, Statement, Test, access::Kind};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    changed_policy::{add_condition, without_if_exists},
    culprit::Culprit,
    subject::{Subject, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "toothless-condition",
    title: "A condition fences nothing",
    severity: Severity::Medium,
    documentation: "An Allow has a condition that looks like a fence and is none, since it holds for the requests that it seems to keep out:\n\n\
        - values that match everybody's, however they are spelled: `StringLike` `*` or `ArnLike` `arn:aws:iam::*:*` on `aws:PrincipalArn`, `????????????` on an account, \
        `o-*` on an organization; where services alone are allowed `arn:aws:s3:::*` or `arn:aws:cloudtrail:*:*:trail/*` on `aws:SourceArn`; `0.0.0.0/0`, `::/0` or networks that \
        together are one of these on `aws:SourceIp`; and a `Null` that demands no more than that a key is there which every such request carries. The condition is tried with \
        values of strangers that no policy has in mind. What takes roles and no users, or users and no roles, is not reported. Of keys that a \
        request may lack, only those are meant whose presence says nothing: a wildcard on an encryption context or on `kms:ViaService` demands that there is one, and is not reported;\n\
        - `ForAllValues` without a `Null` guard on a key that a request may lack: it holds for a request without any value. Each request to make a grant lists operations and each \
        to set tags has some, so `kms:GrantOperations` and, for `kms:TagResource` alone, `aws:TagKeys` are not reported. Source: IAM User Guide, \"Multivalued context keys\";\n\
        - `…IfExists` on a key that a request may lack, which then comes in: `kms:ViaService`, the source of a service's request, the organization, the network, multi-factor \
        authentication, an enclave's attestation, tags of the principal. Not where another condition of the statement on that key demands it. Source: IAM User Guide, \"IAM JSON policy elements: Condition operators\".\n\n\
        Medium. Certain, save these. Likely on an organization, for not every account has one, and on `aws:SourceIp`: a request through a VPC endpoint does not carry it, and \
        `0.0.0.0/0` has no address of IPv6. Possible for an ARN operator with a pattern of fewer than six parts (`ArnLike` `*`), of which AWS does not document what it \
        matches. Who comes in is the matter of other rules. In a Deny such conditions make it wider, and are not reported.",
    rests_on: &[RestsOn::Policies],
    remediation: "Name the values that are meant; with ForAllValues add a Null condition that demands the key; take IfExists away where the key must be there.",
    check,
};

/// Why a condition fences nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Toothless {
    /// It matches the values of all these.
    MatchesAll(&'static str, Confidence),
    IsThere,
    HoldsOfNone,
    HoldsWithout,
}

impl Toothless {
    const fn reason(self) -> &'static str {
        match self {
            Self::MatchesAll(whose, _) => whose,
            Self::IsThere => "every such request has the key",
            Self::HoldsOfNone => "it holds for requests without any value",
            Self::HoldsWithout => "it holds for requests without the key",
        }
    }

    const fn confidence(self) -> Confidence {
        match self {
            Self::MatchesAll(_, confidence) => confidence,
            Self::IsThere | Self::HoldsOfNone | Self::HoldsWithout => Confidence::Certain,
        }
    }
}

/// Keys whose presence says nothing of who calls, as every principal's requests carry them, or everybody can see to it that theirs do; and whose values match that match
/// a stranger's.
const SAYS_NOTHING: [(&str, &str, Confidence); 7] = [
    ("kms:CallerAccount", "it matches every account's", Confidence::Certain),
    ("aws:PrincipalAccount", "it matches every account's", Confidence::Certain),
    ("aws:PrincipalArn", "it matches every role's and every user's", Confidence::Certain),
    ("aws:PrincipalType", "it matches everybody's", Confidence::Certain),
    ("aws:PrincipalOrgID", "it matches every organization's", Confidence::Likely),
    ("aws:PrincipalOrgPaths", "it matches every organization's", Confidence::Likely),
    ("aws:userid", "it matches every role's and every user's", Confidence::Certain),
];

/// The same where services alone are allowed: nobody else's requests carry them.
const SAYS_NOTHING_OF_SERVICES: [(&str, &str, Confidence); 4] = [
    ("aws:SourceAccount", "it matches every account's", Confidence::Certain),
    ("aws:SourceArn", "it matches resources of every account", Confidence::Certain),
    ("aws:SourceOrgID", "it matches every organization's", Confidence::Likely),
    ("aws:SourceOrgPaths", "it matches every organization's", Confidence::Likely),
];

const EVERY_ADDRESS: Toothless = Toothless::MatchesAll("it covers all addresses of IPv4, or all of IPv6", Confidence::Likely);
const UNDOCUMENTED: Toothless =
    Toothless::MatchesAll("it matches everybody's or nobody's: AWS does not document ARN patterns of fewer than six parts", Confidence::Possible);

/// Keys that a request may lack though it comes from whom the condition is to keep out, or that whoever calls may leave out.
const MAY_LACK: [&str; 28] = [
    "kms:ViaService",
    "kms:EncryptionContextKeys",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceIp",
    "aws:VpcSourceIp",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:MultiFactorAuthPresent",
    "aws:MultiFactorAuthAge",
    "aws:SourceIdentity",
    "aws:FederatedProvider",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "ec2:SourceInstanceARN",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceARN",
];

/// The same, by their beginnings.
const MAY_LACK_BELOW: [&str; 3] = ["kms:EncryptionContext:", "kms:RecipientAttestation:", "aws:PrincipalTag/"];

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| way.kind != Kind::Intent) {
        let conditions = &culprit.statement.conditions;
        if culprit.statement.effect != Effect::Allow || conditions.is_empty() {
            continue;
        }
        let variables = culprit.document.has_variables();
        let found: Vec<(&Condition, Toothless)> =
            conditions.entries.iter().filter_map(|condition| Some((condition, toothless(condition, culprit.statement, variables, subject)?))).collect();
        if found.is_empty() {
            continue;
        }
        let which = names(found.iter().map(|(condition, why)| format!("{} {} ({})", condition.operator, condition.key, why.reason())));
        let confidence = found.iter().map(|(_, why)| why.confidence()).max().unwrap_or(Confidence::Possible);
        let title = format!("A condition fences nothing: {which}; allowed is {}", culprit.whom());
        let mut finding = subject.statement_finding(&RULE, (Severity::Medium, confidence), title, &culprit);
        let path = |condition: &Condition| vec!["Condition".to_owned(), condition.operator.text.clone(), condition.key.clone()];
        finding.place = culprit.place(found.iter().map(|(condition, _)| path(condition)).collect());
        finding.changed_policy = mended(&culprit, &found);
        findings.push(finding);
    }
}

fn toothless(condition: &Condition, statement: &Statement, variables: bool, subject: &Subject<'_>) -> Option<Toothless> {
    let is_among = |keys: &[&str]| keys.iter().any(|key| condition.key.eq_ignore_ascii_case(key));
    let operator = &condition.operator;
    if operator.negated || operator.test == Test::Unrecognized || condition.values.is_empty() {
        return None;
    }
    let mut of_key = statement.conditions.entries.iter().filter(|other| other.key.eq_ignore_ascii_case(&condition.key));
    let says_nothing = says_nothing(&condition.key, statement);
    if operator.test == Test::Null {
        // Beside another condition on the key it is a guard.
        let alone = of_key.count() == 1 && says_nothing.is_some();
        return (alone && condition.holds_for_strangers(variables, &subject.around) == Some(true)).then_some(Toothless::IsThere);
    }
    let matches_all = if operator.test == Test::IpAddress { Some(EVERY_ADDRESS) } else { says_nothing };
    match matches_all.map(|matches_all| (matches_all, condition.holds_for_strangers(variables, &subject.around))) {
        Some((matches_all, Some(true))) => return Some(matches_all),
        Some((_, None)) => return Some(UNDOCUMENTED),
        _ => {}
    }
    let may_lack = is_among(&MAY_LACK) || MAY_LACK_BELOW.iter().any(|prefix| starts_with(&condition.key, prefix));
    // Another condition on the key may demand it, so that no request comes in without.
    if !may_lack || !of_key.all(|other| other.holds_without_key(variables) == Some(true)) {
        return None;
    }
    match operator.set {
        _ if operator.if_exists => Some(Toothless::HoldsWithout),
        Some(SetQualifier::ForAllValues) => Some(Toothless::HoldsOfNone),
        _ => None,
    }
}

/// What it means where the values of the key match every stranger's; nothing for other keys, and those of services where others are allowed too.
fn says_nothing(key: &str, statement: &Statement) -> Option<Toothless> {
    let listed = statement.principals.listed();
    let of_services = !statement.principals.is_negated() && listed.iter().all(|principal| principal.principal_type == PrincipalType::Service);
    let of_services: &[_] = if of_services { &SAYS_NOTHING_OF_SERVICES } else { &[] };
    let found = SAYS_NOTHING.iter().chain(of_services).find(|(known, ..)| key.eq_ignore_ascii_case(known));
    found.map(|(_, whose, confidence)| Toothless::MatchesAll(whose, *confidence))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// The policy with the conditions as they are likely meant, where that is plain: with a guard, and without `IfExists`.
fn mended(culprit: &Culprit<'_>, found: &[(&Condition, Toothless)]) -> Option<String> {
    if found.iter().any(|(_, why)| matches!(why, Toothless::MatchesAll(..) | Toothless::IsThere)) {
        return None;
    }
    let mut statement = culprit.written()?;
    for (condition, _) in found {
        if condition.operator.if_exists {
            without_if_exists(&mut statement, condition)?;
        }
        if condition.operator.set == Some(SetQualifier::ForAllValues) {
            add_condition(&mut statement, "Null", &condition.key, json!("false"))?;
        }
    }
    culprit.replaced_by(vec![statement])
}
