//! Whether a condition, or an element, keeps anybody out at all: asked of the comparison itself, and not of how its values are spelled.

use std::{borrow::Cow, net::IpAddr};

use kms_insights_model::KeyArn;

use crate::{
    Condition, Resources, Surroundings, Test,
    access::Term,
    comparison::{self, Resolved},
    context_key::ContextKey,
    wildcard::has_wildcard,
};

impl Resources {
    /// Whether the element names the key that carries the policy: by `*`, by its ARN or by a pattern of it.
    pub fn name_key(&self, key: &KeyArn) -> bool {
        self.include(key)
    }
}

impl Condition {
    /// Whether it holds for whatever value the request of a stranger has for its key: another account's id, a role of any name, an address anywhere. Only of keys whose
    /// values say who or where the caller is; of others, and where a policy variable decides, the answer is no.
    pub fn holds_for_strangers(&self, variables: bool, around: &Surroundings<'_>) -> bool {
        let term = Term::new(self, variables, around);
        let operator = term.operator();
        if operator.negated || self.values.is_empty() {
            return false;
        }
        if operator.test == Test::IpAddress {
            return matches!(term.key, ContextKey::Network) && covers_a_family(&self.values);
        }
        let passes = |value: &str| term.holds(Some(&[Cow::Borrowed(value)]), &|_| Resolved::Open) == Some(true);
        strangers(&term, around).into_iter().any(|values| !values.is_empty() && values.iter().all(|value| passes(value)))
    }

    /// Whether it holds for a request without its key; `None` where that cannot be told.
    pub fn holds_without_key(&self, variables: bool) -> Option<bool> {
        comparison::holds(self, None, variables, &|_| Resolved::Open)
    }
}

/// Numbers of accounts that no pattern has in mind: three for each first digit.
const ACCOUNTS: [&str; 30] = [
    "083629174405",
    "019475628831",
    "062218390547",
    "183920475566",
    "147750932218",
    "129046618375",
    "265018843791",
    "230947715628",
    "298371046650",
    "371905582846",
    "346682019937",
    "352841770695",
    "402937615584",
    "471860239915",
    "438159027762",
    "519703864428",
    "560284917731",
    "547391820065",
    "618472095537",
    "653920718846",
    "670185539224",
    "704618293357",
    "782039461150",
    "739506184472",
    "846192057738",
    "805731649926",
    "891264073359",
    "927503816642",
    "964820175593",
    "950379264481",
];

/// Names that no pattern has in mind, of several lengths and beginnings.
const NAMES: [&str; 6] = ["q7XkWm2v", "Zt.9_xKd3Lp-44", "b", "path/to/Rw5hGs", "0Ndj@corp", "Mf83+qa,Zu=1w2e3r4t5y6u7i8o"];

/// Values of strangers for the key, in sets: what matches all of one set leaves everybody a way to fulfil it.
fn strangers(term: &Term, around: &Surroundings<'_>) -> Vec<Vec<String>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let named =
        |make: &dyn Fn(&str, &str) -> String| NAMES.iter().zip(ACCOUNTS.iter().step_by(3)).map(|(name, account)| make(name, account)).collect::<Vec<_>>();
    let partition = around.key.partition().as_str();
    match term.key {
        ContextKey::CallerAccount | ContextKey::PrincipalAccount | ContextKey::SourceAccount => vec![texts(&ACCOUNTS)],
        ContextKey::PrincipalArn => ["role", "user"].map(|kind| named(&|name, account| format!("arn:{partition}:iam::{account}:{kind}/{name}"))).into(),
        ContextKey::SourceArn => sources(&term.condition.values, around),
        ContextKey::PrincipalOrgId | ContextKey::SourceOrgId => vec![texts(&ORGANIZATIONS)],
        ContextKey::PrincipalOrgPaths | ContextKey::SourceOrgPaths => {
            vec![ORGANIZATIONS.iter().flat_map(|id| [format!("{id}/r-q7x2/"), format!("{id}/r-b4kd/ou-b4kd-9w3h5m1z/ou-b4kd-e6t8c2n4/")]).collect()]
        }
        ContextKey::PrincipalType => vec![texts(&["Account", "User", "FederatedUser", "AssumedRole"])],
        ContextKey::UserId => [("AROA", ":"), ("AIDA", "")]
            .map(|(prefix, end)| named(&|name, account| format!("{prefix}Q7XKWM2V{account}Z{end}{}", if end.is_empty() { "" } else { name })))
            .into(),
        _ => Vec::new(),
    }
}

const ORGANIZATIONS: [&str; 4] = ["o-q7xkwm2v9d", "o-0b4t8c6n2e5", "o-z1w3h5m7r9y0k2l4", "o-f83qazu1w2e3r4t5y6u7i8o9p0"];

/// ARNs of strangers' resources of the service that a value names, one set for each value: those of a service are its own, whoever's it acts for.
fn sources(values: &[String], around: &Surroundings<'_>) -> Vec<Vec<String>> {
    /// More patterns than this in one condition are not asked after; a condition with so many names something.
    const LIMIT: usize = 20;
    let of_value = |value: &String| {
        let parts: Vec<&str> = value.splitn(6, ':').collect();
        let part = |at: usize, otherwise: &'static str| {
            parts.get(at).copied().filter(|part| parts.len() == 6 && !has_wildcard(part)).map_or_else(|| otherwise.to_owned(), str::to_owned)
        };
        let partition = parts.get(1).copied().filter(|part| parts.len() == 6 && !has_wildcard(part)).unwrap_or_else(|| around.key.partition().as_str());
        let (service, region) = (part(2, "sns"), part(3, "eu-north-1"));
        let has_account = parts.len() < 6 || !parts[4].is_empty();
        let one = |(name, account): (&&str, &&str)| format!("arn:{partition}:{service}:{region}:{}:{name}", if has_account { account } else { "" });
        NAMES.iter().zip(ACCOUNTS.iter().step_by(3)).map(one).collect()
    };
    values.iter().filter(|value| has_wildcard(value)).take(LIMIT).map(of_value).collect()
}

/// Whether the networks together are all addresses of IPv4, or all of IPv6.
fn covers_a_family(networks: &[String]) -> bool {
    let ranges = |v6: bool| {
        let mut ranges: Vec<(u128, u128)> =
            networks.iter().filter_map(|network| range(network)).filter(|(of_v6, _)| *of_v6 == v6).map(|(_, range)| range).collect();
        ranges.sort_unstable();
        ranges
    };
    let covers = |v6: bool, last: u128| {
        let mut next = 0;
        for (start, end) in ranges(v6) {
            if start > next {
                return false;
            }
            if end >= last {
                return true;
            }
            next = next.max(end + 1);
        }
        false
    };
    covers(false, u128::from(u32::MAX)) || covers(true, u128::MAX)
}

/// The first and the last address of a network in CIDR notation, and whether it is one of IPv6.
fn range(network: &str) -> Option<(bool, (u128, u128))> {
    let (base, length) = network.trim().split_once('/').unwrap_or((network.trim(), ""));
    let (v6, base, width) = match base.parse().ok()? {
        IpAddr::V4(address) => (false, u128::from(u32::from(address)), 32_u32),
        IpAddr::V6(address) => (true, u128::from(address), 128),
    };
    let length = if length.is_empty() { width } else { length.parse().ok().filter(|length| *length <= width)? };
    // A shift by all bits is none.
    let hosts = u128::MAX.checked_shr(128 - (width - length)).unwrap_or(0);
    Some((v6, (base & !hosts, base | hosts)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operator;

    fn condition(operator: &str, key: &str, values: &[&str]) -> Condition {
        Condition { operator: Operator::read(operator), key: key.to_owned(), values: values.iter().map(|&value| value.to_owned()).collect() }
    }

    fn holds(operator: &str, key: &str, values: &[&str]) -> bool {
        let key_arn: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let around = Surroundings::of_key(&key_arn, chrono::DateTime::UNIX_EPOCH);
        condition(operator, key, values).holds_for_strangers(true, &around)
    }

    #[test]
    fn whatever_matches_everybodys_value_keeps_nobody_out_however_it_is_spelled() {
        for (operator, key, values) in [
            ("StringLike", "aws:PrincipalArn", &["*"][..]),
            ("StringLike", "aws:PrincipalArn", &["arn:*"]),
            ("StringLike", "aws:PrincipalArn", &["*:*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::????????????:user/*"]),
            ("StringLike", "aws:PrincipalArn", &["arn:aws:iam::111122223333:role/app", "arn:aws:iam::*:*"]),
            ("StringLike", "kms:CallerAccount", &["????????????"]),
            ("StringLike", "aws:PrincipalAccount", &["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:s3:::*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:eu-central-1:*:*"]),
            ("StringLike", "aws:SourceArn", &["arn:aws:sns*"]),
            ("StringLike", "aws:PrincipalOrgID", &["o-*"]),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", &["o-*/r-*/*"]),
            ("StringEquals", "aws:PrincipalType", &["Account", "User", "FederatedUser", "AssumedRole"]),
            ("StringLike", "aws:userid", &["AROA*:*"]),
            ("IpAddress", "aws:SourceIp", &["::/0"]),
            ("IpAddress", "aws:SourceIp", &["128.0.0.0/1", "0.0.0.0/1"]),
            ("IpAddress", "aws:SourceIp", &["0.0.0.0/2", "64.1.2.3/2", "128.0.0.0/1", "10.0.0.0/8"]),
            ("Null", "aws:PrincipalOrgID", &["false"]),
        ] {
            assert!(holds(operator, key, values), "{operator} {key} {values:?}");
        }
    }

    #[test]
    fn whatever_asks_for_somebody_keeps_others_out() {
        for (operator, key, values) in [
            ("StringEquals", "aws:PrincipalArn", &["*"][..]),
            // As an ARN it has too few parts to match any.
            ("ArnLike", "aws:PrincipalArn", &["*:*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/app"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws-cn:iam::*:role/*"]),
            ("StringLike", "kms:CallerAccount", &["1*"]),
            ("StringLike", "kms:CallerAccount", &["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*"]),
            ("StringLike", "kms:CallerAccount", &["???????????"]),
            ("StringNotEquals", "kms:CallerAccount", &["444455556666"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:s3:::logs-*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:*:111122223333:*"]),
            ("StringLike", "aws:PrincipalOrgID", &["o-example*"]),
            ("StringLike", "aws:PrincipalOrgPaths", &["*"]),
            ("StringLike", "aws:PrincipalArn", &["${aws:PrincipalTag/arn}"]),
            ("StringLike", "kms:ViaService", &["*"]),
            ("IpAddress", "aws:SourceIp", &["0.0.0.0/1", "192.0.0.0/2"]),
            ("IpAddress", "aws:SourceIp", &["10.0.0.0/8", "::/1"]),
            ("IpAddress", "aws:SourceIp", &["0.0.0.0/33"]),
            ("NotIpAddress", "aws:SourceIp", &["0.0.0.0/0"]),
            ("IpAddress", "kms:EncryptionContext:address", &["0.0.0.0/0"]),
            ("Null", "aws:PrincipalOrgID", &["true"]),
            ("StringMatches", "aws:PrincipalArn", &["*"]),
        ] {
            assert!(!holds(operator, key, values), "{operator} {key} {values:?}");
        }
    }

    #[test]
    fn a_request_without_the_key_passes_what_does_not_demand_it() {
        for (operator, values, expected) in [
            ("StringEqualsIfExists", &["x"][..], Some(true)),
            ("ForAllValues:StringEquals", &["x"], Some(true)),
            ("StringNotEquals", &["x"], Some(true)),
            ("StringEquals", &["x"], Some(false)),
            ("Null", &["false"], Some(false)),
            ("Null", &["true"], Some(true)),
            ("Null", &["true", "false"], Some(true)),
            ("StringMatches", &["x"], None),
        ] {
            assert_eq!(condition(operator, "kms:ViaService", values).holds_without_key(true), expected, "{operator} {values:?}");
        }
    }
}
