//! Whether a condition, or an element, keeps anybody out at all: asked of the comparison itself, and not of how its values are spelled.

use std::{borrow::Cow, net::IpAddr};

use kms_insights_model::KeyArn;

use crate::{
    Condition, Resources, Surroundings, Test,
    access::{Term, Who},
    comparison::{self, Resolved},
    context_key::ContextKey,
    wildcard::{has_wildcard, matches_exactly},
};

impl Resources {
    /// Whether the element names the key that carries the policy: by `*`, by its ARN or by a pattern of it.
    pub fn name_key(&self, key: &KeyArn) -> bool {
        self.include(key)
    }
}

impl Who {
    /// Whether the ARN of a principal is one of those by whose patterns the class is told; no, where it is told otherwise.
    pub fn is_like(&self, arn: &str) -> bool {
        matches!(self, Self::PrincipalsLike(_, patterns) if patterns.iter().any(|pattern| matches_exactly(pattern, arn)))
    }
}

impl Condition {
    /// Whether it holds for whatever value the request of a stranger has for its key: another account's id, a role or a user of any name, somebody's resource, an address
    /// anywhere. Only of keys whose values say who or where the caller is; of others, and where a policy variable decides, the answer is no. `None` where AWS does not
    /// document what the values match.
    pub fn holds_for_strangers(&self, variables: bool, around: &Surroundings<'_>) -> Option<bool> {
        let term = Term::new(self, variables, around);
        let operator = term.operator();
        if operator.negated || self.values.is_empty() {
            return Some(false);
        }
        match operator.test {
            // Through an endpoint of a VPC the address is in another key, whose presence says that it came so.
            Test::IpAddress => return Some(self.key.eq_ignore_ascii_case("aws:SourceIp") && covers_a_family(&self.values)),
            Test::Null => return Some(IS_ALWAYS_THERE.contains(&term.key) && self.values.iter().any(|value| value.eq_ignore_ascii_case("false"))),
            _ => {}
        }
        let passes = |value: &String| term.holds(Some(&[Cow::Borrowed(value)]), &|_| Resolved::Open);
        let of_set = |values: &Vec<String>| {
            // The first who is kept out decides, and there are many to ask.
            let mut outcome = Some(!values.is_empty());
            for value in values {
                match passes(value) {
                    Some(true) => {}
                    Some(false) => return Some(false),
                    None => outcome = None,
                }
            }
            outcome
        };
        let outcomes: Vec<Option<bool>> = strangers(&term, around).iter().map(of_set).collect();
        let is_of_arns = operator.test == Test::Arn && matches!(term.key, ContextKey::PrincipalArn | ContextKey::SourceArn);
        if outcomes.contains(&Some(true)) {
            Some(true)
        } else if outcomes.contains(&None) && is_of_arns && !term.has_variable() {
            None
        } else {
            Some(false)
        }
    }

    /// Whether it holds for a request without its key; `None` where that cannot be told.
    pub fn holds_without_key(&self, variables: bool) -> Option<bool> {
        comparison::holds(self, None, variables, &|_| Resolved::Open)
    }
}

/// Keys that every principal's request carries, or every request that a service makes for somebody's resource. An organization not every account has.
const IS_ALWAYS_THERE: [ContextKey; 7] = [
    ContextKey::CallerAccount,
    ContextKey::PrincipalAccount,
    ContextKey::PrincipalArn,
    ContextKey::PrincipalType,
    ContextKey::UserId,
    ContextKey::SourceAccount,
    ContextKey::SourceArn,
];

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
    let partition = around.key.partition().as_str();
    match term.key {
        ContextKey::CallerAccount | ContextKey::PrincipalAccount | ContextKey::SourceAccount => vec![texts(&ACCOUNTS)],
        // Who takes roles alone keeps users out.
        ContextKey::PrincipalArn => {
            vec![
                ["role", "user"].into_iter().flat_map(|kind| everybody(move |name, account| format!("arn:{partition}:iam::{account}:{kind}/{name}"))).collect(),
            ]
        }
        ContextKey::SourceArn => sources(&term.condition.values, around),
        ContextKey::PrincipalOrgId | ContextKey::SourceOrgId => vec![texts(&ORGANIZATIONS)],
        ContextKey::PrincipalOrgPaths | ContextKey::SourceOrgPaths => {
            vec![ORGANIZATIONS.iter().flat_map(|id| [format!("{id}/r-q7x2/"), format!("{id}/r-b4kd/ou-b4kd-9w3h5m1z/ou-b4kd-e6t8c2n4/")]).collect()]
        }
        ContextKey::PrincipalType => vec![texts(&["Account", "User", "FederatedUser", "AssumedRole"])],
        ContextKey::UserId => {
            let roles = everybody(|name, account| format!("AROAQ7XKWM2V{account}Z:{name}"));
            vec![roles.chain(everybody(|_, account| format!("AIDAQ7XKWM2V{account}Z"))).collect()]
        }
        _ => Vec::new(),
    }
}

/// What is made of each name and each account: patterns may divide up either.
fn everybody(make: impl Fn(&str, &str) -> String) -> impl Iterator<Item = String> {
    NAMES.iter().flat_map(|name| ACCOUNTS.iter().map(move |account| (name, account))).map(move |(name, account)| make(name, account))
}

const ORGANIZATIONS: [&str; 4] = ["o-q7xkwm2v9d", "o-0b4t8c6n2e5", "o-z1w3h5m7r9y0k2l4", "o-f83qazu1w2e3r4t5y6u7i8o9p0"];

/// ARNs of strangers' resources of the kind that a value names, one set for each value: those of a service are its own, whoever's it acts for.
fn sources(values: &[String], around: &Surroundings<'_>) -> Vec<Vec<String>> {
    /// More patterns than this in one condition are not asked after; a condition with so many names something.
    const LIMIT: usize = 20;
    let of_value = |value: &String| {
        let parts: Vec<&str> = value.splitn(6, ':').collect();
        let is_whole = parts.len() == 6;
        // What is literal stays; what follows a wildcard, and what lacks, is some stranger's.
        let part = |at: usize, otherwise: &str, more: &str| match parts.get(at).and_then(|part| part.split(['*', '?']).next()).unwrap_or_default() {
            head if is_whole && !head.is_empty() && !has_wildcard(parts[at]) => head.to_owned(),
            head if otherwise.starts_with(head) => otherwise.to_owned(),
            head => format!("{head}{more}"),
        };
        let partition = parts.get(1).copied().filter(|part| is_whole && !has_wildcard(part)).unwrap_or_else(|| around.key.partition().as_str());
        // S3 has no Region in its ARNs, nor an account.
        let region = if is_whole && parts[3].is_empty() { String::new() } else { part(3, "eu-north-1", "north-1") };
        let service = part(2, "sns", "");
        let has_account = !is_whole || !parts[4].is_empty();
        // The kind of resource (`trail/`, `log-group:`) says nothing of whose it is. Without an account what looks so is a name, as of a bucket.
        let head = parts.get(5).copied().filter(|_| has_account).and_then(|resource| resource.split(['*', '?']).next()).unwrap_or_default();
        let kind = head.rfind(['/', ':']).map_or("", |end| &head[..=end]).to_owned();
        everybody(move |name, account| format!("arn:{partition}:{service}:{region}:{}:{kind}{name}", if has_account { account } else { "" })).collect()
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

    fn holds(operator: &str, key: &str, values: &[&str]) -> Option<bool> {
        let key_arn: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let around = Surroundings::of_key(&key_arn, chrono::DateTime::UNIX_EPOCH);
        condition(operator, key, values).holds_for_strangers(true, &around)
    }

    const DIGITS: [&str; 10] = ["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"];

    /// Patterns of the ARNs of all in accounts that begin with these digits.
    fn of_accounts(digits: &[&str]) -> Vec<String> {
        digits.iter().map(|digit| format!("arn:aws:iam::{digit}:*")).collect()
    }

    #[test]
    fn whatever_matches_everybodys_value_keeps_nobody_out_however_it_is_spelled() {
        let divided = of_accounts(&DIGITS);
        let divided: Vec<&str> = divided.iter().map(String::as_str).collect();
        for (operator, key, values) in [
            ("StringLike", "aws:PrincipalArn", &["*"][..]),
            ("StringLike", "aws:PrincipalArn", &["arn:*"]),
            ("StringLike", "aws:PrincipalArn", &["*:*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/*", "arn:aws:iam::????????????:user/*"]),
            ("StringLike", "aws:PrincipalArn", &["arn:aws:iam::111122223333:role/app", "arn:aws:iam::*:*"]),
            ("ArnLike", "aws:PrincipalArn", &divided),
            ("StringLike", "kms:CallerAccount", &["????????????"]),
            ("StringLike", "aws:PrincipalAccount", &DIGITS),
            ("ArnLike", "aws:SourceArn", &["arn:aws:s3:::*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:eu-central-1:*:*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:cloudtrail:*:*:trail/*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:*:*:log-group:*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:us-*:????????????:log-group:*"]),
            ("StringLike", "aws:SourceArn", &["arn:aws:sns*"]),
            ("StringLike", "aws:SourceArn", &["arn:aws:lambda:*"]),
            ("StringLike", "aws:PrincipalOrgID", &["o-*"]),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", &["o-*/r-*/*"]),
            ("StringEquals", "aws:PrincipalType", &["Account", "User", "FederatedUser", "AssumedRole"]),
            ("StringLike", "aws:userid", &["AROA*:*", "AIDA*"]),
            ("IpAddress", "aws:SourceIp", &["::/0"]),
            ("IpAddress", "aws:SourceIp", &["128.0.0.0/1", "0.0.0.0/1"]),
            ("IpAddress", "aws:SourceIp", &["0.0.0.0/2", "64.1.2.3/2", "128.0.0.0/1", "10.0.0.0/8"]),
            ("Null", "kms:CallerAccount", &["false"]),
            ("Null", "aws:SourceAccount", &["false"]),
            ("Null", "aws:SourceArn", &["false"]),
        ] {
            assert_eq!(holds(operator, key, values), Some(true), "{operator} {key} {values:?}");
        }
    }

    #[test]
    fn whatever_asks_for_somebody_keeps_others_out() {
        let divided = of_accounts(&DIGITS[..6]);
        let divided: Vec<&str> = divided.iter().map(String::as_str).collect();
        for (operator, key, values) in [
            ("StringEquals", "aws:PrincipalArn", &["*"][..]),
            // Users are no roles.
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/*"]),
            ("StringLike", "aws:userid", &["AROA*:*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/app"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*"]),
            ("ArnLike", "aws:PrincipalArn", &["arn:aws-cn:iam::*:*"]),
            ("ArnLike", "aws:PrincipalArn", &divided),
            ("StringLike", "kms:CallerAccount", &["1*"]),
            ("StringLike", "kms:CallerAccount", &DIGITS[..9]),
            ("StringLike", "kms:CallerAccount", &["???????????"]),
            ("StringNotEquals", "kms:CallerAccount", &["444455556666"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:s3:::logs-*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:s3:::logs/*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:*:111122223333:*"]),
            ("ArnLike", "aws:SourceArn", &["arn:aws:logs:*:*:log-group:prod-*"]),
            ("StringLike", "aws:PrincipalOrgID", &["o-example*"]),
            ("StringLike", "aws:PrincipalOrgPaths", &["*"]),
            ("StringLike", "aws:PrincipalArn", &["${aws:PrincipalTag/arn}"]),
            ("ArnLike", "aws:PrincipalArn", &["${aws:PrincipalTag/arn}"]),
            ("StringLike", "kms:ViaService", &["*"]),
            ("IpAddress", "aws:SourceIp", &["0.0.0.0/1", "192.0.0.0/2"]),
            ("IpAddress", "aws:SourceIp", &["10.0.0.0/8", "::/1"]),
            ("IpAddress", "aws:SourceIp", &["0.0.0.0/33"]),
            ("NotIpAddress", "aws:SourceIp", &["0.0.0.0/0"]),
            ("IpAddress", "kms:EncryptionContext:address", &["0.0.0.0/0"]),
            // Who has it comes through an endpoint of a VPC.
            ("IpAddress", "aws:VpcSourceIp", &["0.0.0.0/0"]),
            ("Null", "aws:PrincipalArn", &["true"]),
            // Accounts without an organization do not have it.
            ("Null", "aws:PrincipalOrgID", &["false"]),
            ("Null", "aws:SourceOrgID", &["false"]),
            ("Null", "aws:VpcSourceIp", &["false"]),
            ("StringMatches", "aws:PrincipalArn", &["*"]),
        ] {
            assert_eq!(holds(operator, key, values), Some(false), "{operator} {key} {values:?}");
        }
    }

    #[test]
    fn what_patterns_of_arns_with_too_few_parts_match_nobody_says() {
        for values in [&["*"][..], &["*:*"], &["arn:aws:iam::111122223333:role/app", "arn:*"]] {
            assert_eq!(holds("ArnLike", "aws:PrincipalArn", values), None, "{values:?}");
        }
        assert_eq!(holds("ArnLike", "aws:SourceArn", &["arn:aws:*"]), None);
    }

    #[test]
    fn an_arn_is_like_the_patterns_of_its_class_alone() {
        let account = crate::access::CallerAccount { id: "444455556666".parse().unwrap(), other_partition: None };
        let class = Who::PrincipalsLike(account, std::sync::Arc::from(["arn:aws:iam::444455556666:role/team/*".to_owned()]));
        let like = ["arn:aws:iam::444455556666:role/team/a", "arn:aws:iam::444455556666:role/a"].map(|arn| class.is_like(arn));
        assert_eq!((like, Who::Everyone.is_like("arn:aws:iam::444455556666:role/a")), ([true, false], false));
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
