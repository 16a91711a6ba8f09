//! The scan compared with itself, done in other ways: one byte after the other, and in pieces.

mod measured;
mod pieces;

use proptest::prelude::*;

/// Texts that begin as an object does: strings, brackets and escapes well formed or not, with much that looks like a record's source.
pub(super) fn texts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => prop::sample::select(vec!["\"", "\\", "\\\\", "\\\"", "{", "}", "[", "]", ":", ",", "k", "kms.amazonaws.com", " ", "\n"]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            r#""eventSource":"kms.amazonaws.com""#,
            "\"eventSource\" :\r\n\t\"kms.amazonaws.com\"",
            r#""eventSource":"kms.amazonaws.com.cn""#,
            r#""eventSource":"s3.amazonaws.com""#,
            r#""a\"eventSource":"kms.amazonaws.com""#,
            r#"\"eventSource\":\"kms.amazonaws.com\""#,
            r#""eventSource":{"eventSource":"kms.amazonaws.com"}"#,
            r#""eventSource":["kms.amazonaws.com"]"#,
            r#"{"a":[1,{"b":"}]\\"},"c"],"d":{}}"#,
            r#""kms":"kms.amazonaws.com""#,
            r#""eventSource""#,
            r#":"kms.amazonaws.com""#,
        ]).prop_map(str::to_owned),
        // So that what matters stands at any place within 64 bytes, and across two of them.
        3 => (prop::sample::select(vec!["a", "k", "é", " "]), 0..70_usize).prop_map(|(letter, count)| letter.repeat(count)),
        1 => (0..140_usize).prop_map(|count| "\\".repeat(count)),
        1 => prop::collection::vec(32..127_u8, 0..20).prop_map(|letters| letters.into_iter().map(char::from).collect()),
        1 => (0..9_usize).prop_map(|count| "}".repeat(count)),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| format!("{{{}", parts.concat()).into_bytes())
}
