//! IAM's wildcards.

/// Whether `text` matches `pattern`, in which `*` stands for any characters and `?` for exactly one; letters compare without regard to case.
///
/// Walks both texts with one point to go back to, so the time is at most the product of the lengths, whatever the pattern.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted.eq_ignore_ascii_case(&text[t]) => {
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
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
