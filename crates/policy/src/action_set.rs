//! Sets of KMS actions, as small as a number.

use crate::{
    ACTIONS, Actions, Capability, KmsAction,
    action::{covers_all_of_kms, may_act_on_key},
    wildcard,
};

/// A set of actions of the catalogue that act on a key; beside them one place for all that the catalogue does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionSet(u64);

/// The place of what the catalogue does not know.
const UNLISTED: u64 = 1 << 63;

const _: () = assert!(ACTIONS.len() < 63, "each action has its bit");

/// The bits of those actions of the catalogue that act on a key and pass a test.
macro_rules! bits {
    ($action:ident => $test:expr) => {{
        let (mut bits, mut at) = (0_u64, 0);
        while at < ACTIONS.len() {
            let $action = &ACTIONS[at];
            if $action.on_key && $test {
                bits |= 1 << at;
            }
            at += 1;
        }
        bits
    }};
}

/// For each capability of [`Capability::ALL`] its actions.
const BY_CAPABILITY: [u64; Capability::ALL.len()] = {
    let mut all = [0; Capability::ALL.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if matches!(Capability::ALL[at], Capability::Unrecognized) {
            UNLISTED
        } else {
            bits!(action => action.capability as u8 == Capability::ALL[at] as u8)
        };
        at += 1;
    }
    all
};

/// For each length of a name the actions that have it, also those that act on no key.
const BY_LENGTH: [u64; 48] = {
    let mut all = [0; 48];
    let mut at = 0;
    while at < ACTIONS.len() {
        all[ACTIONS[at].name.len()] |= 1 << at;
        at += 1;
    }
    all
};

/// For each letter the actions that begin with it.
const BY_INITIAL: [u64; 26] = {
    let mut all = [0; 26];
    let mut at = 0;
    while at < ACTIONS.len() {
        all[(ACTIONS[at].name.as_bytes()[0] - b'A') as usize] |= 1 << at;
        at += 1;
    }
    all
};

impl ActionSet {
    /// No action.
    pub const EMPTY: Self = Self(0);
    /// Every action of the catalogue that acts on a key.
    pub const ALL: Self = Self(bits!(action => true));
    /// Those that principals of other accounts can perform; what the catalogue does not know may be one.
    pub const CROSS_ACCOUNT: Self = Self(bits!(action => action.cross_account) | UNLISTED);
    /// What the catalogue does not know.
    pub const UNRECOGNIZED: Self = Self(UNLISTED);

    /// What `Action` or `NotAction` of an Allow covers: never less than it really does.
    ///
    /// The place of unknown actions is taken only by what names nothing else: a pattern without an action in the catalogue, or a `NotAction` that leaves none of it.
    pub fn allowed_by(actions: &Actions) -> Self {
        match actions {
            Actions::Only(patterns) => patterns.iter().fold(Self::EMPTY, |set, pattern| set | Self::named_by(pattern)),
            Actions::Except(patterns) => {
                let left = Self::ALL - Self::listed_by(patterns);
                if left.is_empty() && !patterns.iter().any(|pattern| covers_all_of_kms(pattern)) { Self::UNRECOGNIZED } else { left }
            }
            Actions::Absent => Self::EMPTY,
        }
    }

    /// What `Action` or `NotAction` of a Deny covers: never more than it really does.
    pub fn denied_by(actions: &Actions) -> Self {
        let covers_all = |patterns: &[String]| patterns.iter().any(|pattern| covers_all_of_kms(pattern));
        match actions {
            Actions::Only(patterns) if covers_all(patterns) => Self::ALL | Self::UNRECOGNIZED,
            Actions::Only(patterns) => Self::listed_by(patterns),
            Actions::Except(patterns) => Self::ALL - Self::listed_by(patterns),
            Actions::Absent => Self::EMPTY,
        }
    }

    /// The actions of the catalogue that act on a key and that the names list.
    pub fn of_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        names.into_iter().fold(Self::EMPTY, |set, name| set | (Self(bits_of_name(name)) & Self::ALL))
    }

    fn listed_by(patterns: &[String]) -> Self {
        patterns.iter().fold(Self::EMPTY, |set, pattern| set | (Self(bits_of_pattern(pattern)) & Self::ALL))
    }

    fn named_by(pattern: &str) -> Self {
        let bits = bits_of_pattern(pattern);
        if bits == 0 && may_act_on_key(pattern) { Self::UNRECOGNIZED } else { Self(bits) & Self::ALL }
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many actions are in it.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether nothing of `other` lacks.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether they share an action.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The actions that amount to the capability.
    #[must_use]
    pub fn of(self, capability: Capability) -> Self {
        Self(self.0 & BY_CAPABILITY[capability as usize])
    }

    /// What holding these actions amounts to, in the order of [`Capability::ALL`].
    pub fn capabilities(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| !self.of(*capability).is_empty())
    }

    /// The actions of the catalogue that are in it, in its order.
    pub fn iter(self) -> impl Iterator<Item = &'static KmsAction> {
        ACTIONS.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, action)| action)
    }

    /// The names of its actions, sorted; `kms:*` where it has all.
    pub fn names(self) -> Vec<String> {
        if self.contains(Self::ALL) {
            return vec!["kms:*".to_owned()];
        }
        let mut names: Vec<String> = self.iter().map(|action| format!("kms:{}", action.name)).collect();
        names.sort_unstable();
        names
    }

    /// One action of it, the one that tells most: a use before anything else.
    pub(crate) fn representative(self) -> Option<&'static KmsAction> {
        Capability::ALL.into_iter().find_map(|capability| self.of(capability).iter().next())
    }
}

fn bits_of_pattern(pattern: &str) -> u64 {
    match pattern.split_once(':') {
        Some((service, name)) if service.eq_ignore_ascii_case("kms") => {
            if name == "*" {
                ActionSet::ALL.0
            } else if let Some(prefix) = name.strip_suffix('*').filter(|prefix| !wildcard::has_wildcard(prefix)) {
                ActionSet::ALL.0 & bits_of_prefix(prefix)
            } else if wildcard::has_wildcard(name) {
                ActionSet::ALL.0 & matching(|action| wildcard::matches(name, action.name))
            } else {
                bits_of_name(name)
            }
        }
        Some((service, _)) if !wildcard::has_wildcard(service) => 0,
        None if pattern == "*" => ActionSet::ALL.0,
        None if !wildcard::has_wildcard(pattern) => 0,
        _ => matching(|action| action.is_covered_by(pattern)),
    }
}

/// The bits of the actions whose names begin so: by far the most common pattern.
fn bits_of_prefix(prefix: &str) -> u64 {
    let initial = prefix.bytes().next().map(|byte| byte.to_ascii_uppercase().wrapping_sub(b'A'));
    let mut candidates = initial.and_then(|initial| BY_INITIAL.get(usize::from(initial))).copied().unwrap_or_default();
    let mut bits = 0;
    while candidates != 0 {
        let at = candidates.trailing_zeros();
        if ACTIONS[at as usize].name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)) {
            bits |= 1 << at;
        }
        candidates &= candidates - 1;
    }
    bits
}

/// The bit of the action of that name, whether or not it acts on a key.
fn bits_of_name(name: &str) -> u64 {
    let mut candidates = BY_LENGTH.get(name.len()).copied().unwrap_or_default();
    while candidates != 0 {
        let at = candidates.trailing_zeros();
        if ACTIONS[at as usize].name.eq_ignore_ascii_case(name) {
            return 1 << at;
        }
        candidates &= candidates - 1;
    }
    0
}

fn matching(test: impl Fn(&KmsAction) -> bool) -> u64 {
    ACTIONS.iter().enumerate().filter(|(_, action)| test(action)).fold(0, |bits, (at, _)| bits | 1 << at)
}

impl std::ops::BitOr for ActionSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitAnd for ActionSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl std::ops::Sub for ActionSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(patterns: &[&str]) -> Actions {
        Actions::Only(patterns.iter().map(|&pattern| pattern.to_owned()).collect())
    }

    fn except(patterns: &[&str]) -> Actions {
        Actions::Except(patterns.iter().map(|&pattern| pattern.to_owned()).collect())
    }

    #[test]
    fn patterns_cover_what_iam_says_they_do() {
        for (actions, names) in [
            (only(&["kms:Decrypt"]), &["kms:Decrypt"][..]),
            (only(&["KMS:decrypt", "kms:ENCRYPT"]), &["kms:Decrypt", "kms:Encrypt"]),
            (only(&["kms:ReEncrypt*"]), &["kms:ReEncryptFrom", "kms:ReEncryptTo"]),
            (only(&["kms:*Grant"]), &["kms:CreateGrant", "kms:RetireGrant", "kms:RevokeGrant"]),
            (only(&["k*:Sign"]), &["kms:Sign"]),
            (only(&["kms:*"]), &["kms:*"]),
            (only(&["*"]), &["kms:*"]),
            (only(&["kms:ListKeys", "s3:GetObject", "Decrypt"]), &[]),
            (except(&["kms:*"]), &[]),
        ] {
            assert_eq!(ActionSet::allowed_by(&actions).names(), names, "{actions:?}");
        }
    }

    #[test]
    fn what_no_catalogue_knows_is_kept_in_an_allow_and_not_taken_for_denied() {
        assert_eq!(ActionSet::allowed_by(&only(&["kms:Tomorrow"])), ActionSet::UNRECOGNIZED);
        assert_eq!(ActionSet::denied_by(&only(&["kms:Tomorrow"])), ActionSet::EMPTY);
        assert!(ActionSet::denied_by(&only(&["kms:*"])).contains(ActionSet::UNRECOGNIZED));
        assert!(!ActionSet::allowed_by(&only(&["kms:*"])).contains(ActionSet::UNRECOGNIZED), "a wildcard that covers known actions says enough");
    }

    #[test]
    fn every_action_on_a_key_has_one_capability() {
        let all = Capability::ALL.into_iter().fold(ActionSet::EMPTY, |all, capability| {
            assert!(!all.intersects(ActionSet::ALL.of(capability)), "{capability}");
            all | ActionSet::ALL.of(capability)
        });
        assert_eq!(all, ActionSet::ALL);
    }
}
