//! What the value of a condition on an ARN says of the account.

use std::borrow::Cow;

use kms_insights_model::{AccountId, KeyArn};

use crate::{Test, access::CallerAccount, wildcard::has_wildcard};

/// Which principals' ARNs match the value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    /// Every one.
    All,
    /// None: names have no wildcards in them, and `aws:PrincipalArn` of a role's session is the role's ARN.
    Nobody,
    /// One only.
    One,
    /// Those that wildcards or variables leave open.
    Some,
    /// AWS does not document which: of ARN operators, what has wildcards and fewer than six parts.
    Undocumented,
}

/// The value of a condition on an ARN.
pub(crate) struct ArnPattern<'a> {
    /// The partition; `None` where the value leaves it open.
    partition: Option<Cow<'a, str>>,
    /// The account of every ARN that matches; `None` where the value leaves it open.
    pub(crate) account: Option<AccountId>,
    pub(crate) matching: Matching,
}

impl<'a> ArnPattern<'a> {
    /// Reads a value as the operator does.
    pub(crate) fn read(value: &'a str, test: Test) -> Self {
        let by_parts = test == Test::Arn;
        let wildcards = by_parts || test == Test::StringLike;
        let mut parts = value.splitn(6, ':');
        let head: [&str; 4] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let (account, resource) = (parts.next(), parts.next());
        // Read as one text, `arn:aws:iam::1*:…` may match an ARN in which the account stands elsewhere: then only a literal head holds the account in its place.
        let shifts = wildcards && !by_parts && head.iter().any(|part| has_wildcard(part));
        let varies = value.contains("${");
        let head_varies = head.iter().any(|part| part.contains("${"));
        let open = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte == b'*');
        let told = resource.is_some() && !shifts && !head_varies;
        let matches_all = (test == Test::StringLike && open(value))
            || (by_parts
                && (head[0] == "arn" || open(head[0]))
                && head[1..].iter().all(|part| open(part))
                && account.is_some_and(open)
                && resource.is_some_and(open));
        let is_of_nobody = (!wildcards && !varies && has_wildcard(value))
            || (by_parts && !varies && resource.is_none() && !has_wildcard(value))
            || (told && head[2] == "sts" && resource.is_some_and(|resource| resource.starts_with("assumed-role/")));
        let matching = if matches_all {
            Matching::All
        } else if is_of_nobody {
            Matching::Nobody
        } else if by_parts && resource.is_none() && has_wildcard(value) {
            Matching::Undocumented
        } else if varies || (wildcards && has_wildcard(value)) {
            Matching::Some
        } else {
            Matching::One
        };
        Self {
            partition: Some(head[1])
                .filter(|partition| told && !(wildcards && has_wildcard(partition)))
                .map(|partition| if test == Test::StringEqualsIgnoreCase { Cow::Owned(partition.to_lowercase()) } else { Cow::Borrowed(partition) }),
            account: account.filter(|_| told).and_then(|account| account.parse().ok()),
            matching,
        }
    }

    /// The account of every ARN that matches, as it stands towards the key; `None` where the value leaves it open.
    pub(crate) fn caller_account(&self, key: &KeyArn) -> Option<CallerAccount> {
        let other_partition = self.partition.as_deref().and_then(|partition| crate::principal::other_partition(partition, key));
        self.account.map(|id| CallerAccount { id, other_partition })
    }

    /// Whether no ARN of that account can match.
    pub(crate) fn excludes(&self, account: CallerAccount, key: &KeyArn) -> bool {
        let partition = self.partition.as_deref().is_some_and(|partition| crate::principal::other_partition(partition, key) != account.other_partition);
        partition || self.account.is_some_and(|id| id != account.id)
    }
}
