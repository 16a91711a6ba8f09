//! IAM's wildcards.

/// Whether `text` matches `pattern`, in which `*` stands for any characters and `?` for exactly one; letters compare without regard to case, as in actions.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    walk(pattern.as_bytes(), text.as_bytes(), |wanted, found| wanted.eq_ignore_ascii_case(&found))
}

/// The same with regard to case, as in the values of conditions.
pub(crate) fn matches_exactly(pattern: &str, text: &str) -> bool {
    let same = |wanted: u8, found: u8| match wanted {
        1 => found == b'*',
        2 => found == b'?',
        _ => wanted == found,
    };
    walk(pattern.as_bytes(), text.as_bytes(), same)
}

/// Stands for `*` itself in a pattern.
pub(crate) const STAR: char = '\u{1}';
/// Stands for `?` itself in a pattern.
pub(crate) const QUESTION_MARK: char = '\u{2}';

/// The text as a pattern that matches it alone.
pub(crate) fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '*' => STAR,
            '?' => QUESTION_MARK,
            c => c,
        })
        .collect()
}

/// Walks both texts with one point to go back to, so the time is at most the product of the lengths, whatever the pattern.
fn walk(pattern: &[u8], text: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
                // One character, however many bytes it has.
                while t < text.len() && text[t] & 0xC0 == 0x80 {
                    t += 1;
                }
            }
            Some(&wanted) if same(wanted, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|&byte| byte == b'*')
}

/// Whether `text` has a wildcard.
pub(crate) fn has_wildcard(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'*' | b'?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_iam_matches_them() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("kms:*", "KMS:Decrypt", true),
            ("kms:?*", "kms:Decrypt", true),
            ("kms:?", "kms:Decrypt", false),
            ("k*:*", "kms:Decrypt", true),
            ("kms:*crypt", "kms:Decrypt", true),
            ("kms:*crypt", "kms:DecryptX", false),
            ("kms:**", "kms:", true),
            ("kms:?*", "kms:", false),
            ("*a*b", "xaxbxab", true),
            ("*a*b", "xaxbxabc", false),
            ("?", "ü", true),
            ("??", "ü", false),
            ("ü?", "üü", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(matches_exactly(&escaped("a*"), "a*") && !matches_exactly(&escaped("a*"), "ab"));
    }
}
