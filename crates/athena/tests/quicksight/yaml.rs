//! YAML of JSON, as people write templates: blocks, and quotes wherever a text could be taken for something else.

use serde_json::Value;

pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                put(text, &[&indent, &scalar(&Value::String(name.clone())), ":"]);
                nested(value, depth + 1, text);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                let mut inner = String::new();
                match element {
                    Value::Object(members) if !members.is_empty() => {
                        block(element, depth + 1, &mut inner);
                        // The first member stands beside the dash.
                        put(text, &[&indent, "- ", inner.trim_start()]);
                    }
                    other => {
                        put(text, &[&indent, "-"]);
                        nested(other, depth + 1, text);
                    }
                }
            }
        }
        other => put(text, &[&indent, &scalar(other), "\n"]),
    }
}

fn put(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
}

fn nested(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            block(value, depth, text);
        }
        Value::Array(elements) if !elements.is_empty() => {
            text.push('\n');
            block(value, depth, text);
        }
        other => put(text, &[" ", &scalar(other), "\n"]),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        // JSON's quotes are YAML's.
        other => other.to_string(),
    }
}

/// Words that YAML takes for nothing but text.
fn is_plain(text: &str) -> bool {
    let spoken = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&text.to_lowercase().as_str());
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !spoken
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c) || c == ' ')
        && !text.ends_with(' ')
}

#[test]
fn texts_that_look_like_something_else_are_quoted() {
    let value = serde_json::json!({ "a": { "b": ["x", "yes", "012", "a: b", true, [], { "c": 1, "d": ["e"] }] } });
    assert_eq!(document(&value), "a:\n  b:\n    - x\n    - \"yes\"\n    - \"012\"\n    - \"a: b\"\n    - true\n    - []\n    - c: 1\n      d:\n        - e\n");
}
