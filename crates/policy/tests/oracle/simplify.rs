//! Makes a policy that shows something smaller, so that a person can read it.

use serde_json::Value;

/// The smallest policy, by leaving parts out, of which the claim still holds.
pub fn simplify(policy: &Value, claim: impl Fn(&Value) -> bool) -> Value {
    let mut policy = policy.clone();
    while let Some(smaller) = smaller(&policy).into_iter().find(|smaller| claim(smaller)) {
        policy = smaller;
    }
    policy
}

/// Every value with one item of a list or one member of an object left out, but for what every statement must have.
fn smaller(value: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match value {
        Value::Array(items) => {
            for index in 0..items.len() {
                if items.len() > 1 {
                    let mut rest = items.clone();
                    rest.remove(index);
                    found.push(Value::Array(rest));
                }
                found.extend(smaller(&items[index]).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[index] = item;
                    Value::Array(items)
                }));
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let needed = ["Version", "Statement", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource"];
                if !needed.contains(&name.as_str()) && (members.len() > 1 || member.is_object()) {
                    let mut rest = members.clone();
                    rest.remove(name);
                    found.push(Value::Object(rest));
                }
                found.extend(smaller(member).into_iter().map(|member| {
                    let mut members = members.clone();
                    members.insert(name.clone(), member);
                    Value::Object(members)
                }));
            }
        }
        _ => {}
    }
    found
}
