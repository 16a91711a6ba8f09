//! Ids by which a finding is known again in the next run.

use std::fmt::Write as _;

use kms_insights_model::KeyArn;
use sha2::{Digest, Sha256};

/// The first sixteen hexadecimal digits of the SHA-256 of key ARN, rule and cause, each followed by a zero byte, which none of them holds.
pub(crate) fn stable_id(key: &KeyArn, rule: &str, cause: &str) -> String {
    let mut hash = Sha256::new();
    for part in [key.to_string().as_str(), rule, cause] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).fold(String::with_capacity(16), |mut id, byte| {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_in_every_run_and_differ_by_key_rule_and_cause() {
        let key: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        let other: KeyArn = "arn:aws:kms:eu-central-1:111122223333:key/9999abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap();
        // Waivers and tickets refer to these ids: this value must never change.
        assert_eq!(stable_id(&key, "public", "statement 0"), "860d28723fd06b39");
        let mut ids = vec![
            stable_id(&key, "public", "statement 0"),
            stable_id(&key, "public", "statement 1"),
            stable_id(&key, "iam-user", "statement 0"),
            stable_id(&other, "public", "statement 0"),
        ];
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }
}
