//! What AWS's documentation leaves open about whole statements: whoever reasons about a policy must be right however it is.

use serde_json::{Map, Value, json};

use super::{conditions::texts, generator::Generator, operators::like_text, request::Request};

/// How statements are read of which the documentation does not say what they do.
///
/// - A `Resource` that is neither `*` nor the key's. "The Resource element … in a key policy … is "*", which means "this KMS key"" (KMS Developer Guide, "Key policies in
///   AWS KMS"); what another does is not said.
/// - An element that "Grammar of the IAM JSON policy language" does not have, in a Deny: KMS refuses it, or does not heed it, or not the Deny. In an Allow it is ignored,
///   which is the widest that can be made of it.
/// - Callers of another partition: "IAM roles and resource-based policies delegate access across accounts only within a single partition" (IAM User Guide, "Cross account
///   resource access in IAM"), and KMS refuses to store a policy that names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Every statement counts, whatever its resource and without what it has beside IAM's elements.
    AsWritten,
    /// Of those statements Allows count, and Denies do not.
    Generous,
    /// Denies count, Allows of another resource do not, and nobody of another partition comes in.
    Strict,
}

impl Reading {
    pub const ALL: [Self; 3] = [Self::AsWritten, Self::Generous, Self::Strict];

    /// The policy with what counts in this reading.
    pub fn of(self, policy: &Value, key_arn: &str) -> Value {
        let mut policy = policy.clone();
        let counts = |statement: &Value| match (self, statement["Effect"] == "Deny") {
            (Self::AsWritten, _) | (Self::Generous, false) | (Self::Strict, true) => true,
            (Self::Generous, true) => !is_of_another_resource(statement, key_arn) && !has_unknown_elements(statement),
            (Self::Strict, false) => !is_of_another_resource(statement, key_arn),
        };
        match &mut policy["Statement"] {
            Value::Array(statements) => statements.retain(counts),
            statement if !counts(statement) => *statement = json!([]),
            _ => {}
        }
        policy
    }

    /// Whether the caller can come in at all.
    pub fn admits(self, request: &Request, partition: &str) -> bool {
        self != Self::Strict || request.caller.account().is_none_or(|(own, _)| own == partition)
    }
}

fn is_of_another_resource(statement: &Value, key_arn: &str) -> bool {
    let names_key = |element: &Value| texts(element).iter().any(|pattern| pattern == "*" || like_text(pattern, key_arn));
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(element), _) => !names_key(element),
        (None, Some(element)) => names_key(element),
        (None, None) => false,
    }
}

/// "Grammar of the IAM JSON policy language".
const ELEMENTS: [&str; 9] = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

fn has_unknown_elements(statement: &Value) -> bool {
    statement.as_object().is_some_and(|members| members.keys().any(|name| !ELEMENTS.contains(&name.as_str())))
}

impl Generator {
    /// The policy with something in it of which AWS does not document what it does: another resource, an element or an operator that IAM does not have.
    pub fn oddly_written(&mut self, policy: &Value) -> Value {
        let mut policy = policy.clone();
        let statement = match &mut policy["Statement"] {
            Value::Array(statements) => {
                let at = self.below(statements.len());
                &mut statements[at]
            }
            statement => statement,
        };
        let Value::Object(members) = statement else { return policy };
        match self.below(4) {
            0 => self.take_condition_for_unknown(members),
            1 => {
                members.insert("Foo".to_owned(), json!(1));
            }
            2 if members.get("Condition").is_some_and(|condition| condition.get("Null").is_some()) => {
                let condition = members["Condition"].as_object_mut().unwrap();
                let keys = condition.remove("Null").unwrap();
                condition.insert("NullIfExists".to_owned(), keys);
            }
            _ => {
                let resource = self.pick(&[
                    "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000",
                    "arn:aws:kms:eu-central-1:111122223333:alias/app",
                    "arn:aws:s3:::a-bucket",
                    "arn:aws:kms:*:111122223333:key/*",
                ]);
                members.insert("Resource".to_owned(), json!(resource));
            }
        }
        policy
    }

    /// A misspelt `Condition` demands nothing.
    fn take_condition_for_unknown(&mut self, members: &mut Map<String, Value>) {
        let condition = members.remove("Condition").unwrap_or_else(|| json!({}));
        let name = self.pick(&["Conditon", "Conditions"]);
        members.insert(name.to_owned(), condition);
    }
}
