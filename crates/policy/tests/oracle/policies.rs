//! Random policies and grants.

use serde_json::{Map, Value, json};

use super::{
    generator::Generator,
    pool::{ACTION_PATTERNS, KEYS, Key, Kind, ROLES, SERVICES, SESSIONS, USERS},
    request::Caller,
};

impl Generator {
    /// One to four statements; the first is mostly an Allow, so that Denies have something to deny.
    pub fn policy(&mut self) -> Value {
        let count = 1 + self.below(4);
        let statements: Vec<Value> = (0..count)
            .map(|index| {
                let effect = if self.chance(if index == 0 { 85 } else { 45 }) { "Allow" } else { "Deny" };
                self.statement(effect)
            })
            .collect();
        let mut policy = Map::new();
        if self.chance(90) {
            policy.insert("Version".to_owned(), json!(if self.chance(93) { "2012-10-17" } else { "2008-10-17" }));
        }
        let single = count == 1 && self.chance(30);
        policy.insert("Statement".to_owned(), if single { statements[0].clone() } else { Value::Array(statements) });
        Value::Object(policy)
    }

    fn statement(&mut self, effect: &str) -> Value {
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), json!(effect));
        let (element, principals) = if self.chance(12) { ("NotPrincipal", self.exceptions()) } else { ("Principal", self.principals()) };
        statement.insert(element.to_owned(), principals);
        let actions = if self.chance(35) { vec!["kms:*"] } else { self.some(&ACTION_PATTERNS, 3) };
        statement.insert((if self.chance(12) { "NotAction" } else { "Action" }).to_owned(), self.listed(&actions));
        if self.chance(97) {
            statement.insert("Resource".to_owned(), json!("*"));
        }
        let conditions = self.pick(&[0, 0, 1, 1, 1, 2, 2, 3]);
        if conditions > 0 {
            let mut condition: Map<String, Value> = Map::new();
            for _ in 0..conditions {
                let (operator, key, values) = self.condition();
                let keys = condition.entry(operator).or_insert_with(|| json!({}));
                keys[key] = values;
            }
            statement.insert("Condition".to_owned(), Value::Object(condition));
        }
        Value::Object(statement)
    }

    /// One value as itself or in a list; several in a list.
    fn listed(&mut self, values: &[&str]) -> Value {
        if values.len() == 1 && self.chance(50) { json!(values[0]) } else { json!(values) }
    }

    /// A principal as in `{"AWS": …}`.
    fn aws_principal(&mut self) -> String {
        let account = self.account();
        match self.below(24) {
            0..=4 => format!("arn:aws:iam::{account}:root"),
            5..=7 => account.to_owned(),
            8..=12 => format!("arn:aws:iam::{account}:role/{}", self.pick(&ROLES)),
            13..=15 => {
                let (role, session) = (self.pick(&ROLES), self.pick(&SESSIONS));
                format!("arn:aws:sts::{account}:assumed-role/{}/{session}", role.rsplit('/').next().unwrap())
            }
            16..=18 => format!("arn:aws:iam::{account}:user/{}", self.pick(&USERS)),
            19 => format!("arn:aws:sts::{account}:federated-user/{}", self.pick(&["alice", "carol"])),
            20 => "*".to_owned(),
            // The same digits in another partition, and the ids of a deleted role and user.
            21 => format!("arn:aws-cn:iam::{account}:root"),
            22 => self.pick(&["AROAEXAMPLEDELETED001", "AIDAEXAMPLEDELETED001"]).to_owned(),
            // In another case: another role, and no principal at all.
            _ => format!("{}{}", self.pick(&["arn:aws:iam::", "ARN:AWS:IAM::"]), self.pick(&[format!("{account}:role/APP"), format!("{account}:ROOT")])),
        }
    }

    fn principals(&mut self) -> Value {
        let several = |generator: &mut Self| {
            let count = 1 + generator.below(2);
            let listed: Vec<String> = (0..count).map(|_| generator.aws_principal()).collect();
            if count == 1 && generator.chance(50) { json!(listed[0]) } else { json!(listed) }
        };
        match self.below(20) {
            0..=5 => json!("*"),
            6..=14 => json!({"AWS": several(self)}),
            15..=16 => {
                let services = self.some(&SERVICES, 2);
                json!({"Service": self.listed(&services)})
            }
            17 => json!({"AWS": several(self), "Service": self.pick(&SERVICES)}),
            18 => json!({"Federated": "cognito-identity.amazonaws.com", "AWS": several(self)}),
            _ => json!({"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}),
        }
    }

    /// For `NotPrincipal`: mostly a principal with what the guide wants beside it.
    fn exceptions(&mut self) -> Value {
        let caller = self.caller();
        let Some((partition, account)) = caller.account() else { return json!({"Service": caller.principal()}) };
        let mut listed = vec![caller.principal()];
        if let Caller::Role { arn, .. } = &caller
            && self.chance(75)
        {
            listed.push(arn.clone());
        }
        if self.chance(75) {
            listed.push(if self.chance(30) { account.to_owned() } else { format!("arn:{partition}:iam::{account}:root") });
        }
        if self.chance(25) {
            listed.swap_remove(0);
        }
        if listed.is_empty() { json!({"AWS": self.aws_principal()}) } else { json!({"AWS": listed}) }
    }

    /// Operator, key and values.
    fn condition(&mut self) -> (String, String, Value) {
        let at = self.below(KEYS.len());
        let key = &KEYS[at];
        // Odd case is the same key.
        let name = match self.below(10) {
            0 => key.name.to_ascii_lowercase(),
            1 => key.name.to_ascii_uppercase(),
            _ => key.name.to_owned(),
        };
        if self.chance(12) {
            let value = self.pick(&["true", "false"]);
            return ("Null".to_owned(), name, json!(value));
        }
        let values = self.some(key.values, 3);
        let mut operator = self.operator(key).to_owned();
        let many = key.kind == Kind::Many;
        let set = if many && !(self.undocumented && self.chance(20)) || self.chance(8) { self.pick(&["ForAllValues:", "ForAnyValue:"]) } else { "" };
        if self.chance(20) && (set != "ForAnyValue:" || self.undocumented) {
            operator.push_str("IfExists");
        }
        let values = match values[..] {
            [value @ ("true" | "false")] if self.chance(30) => json!(value == "true"),
            _ => self.listed(&values),
        };
        (format!("{set}{operator}"), name, values)
    }

    fn operator(&mut self, key: &Key) -> &'static str {
        const TEXT: [&str; 6] = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"];
        const ARN: [&str; 10] = [
            "ArnEquals",
            "ArnLike",
            "ArnLike",
            "ArnNotEquals",
            "ArnNotLike",
            "StringEquals",
            "StringLike",
            "StringNotLike",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
        ];
        const NUMBER: [&str; 6] =
            ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"];
        const DATE: [&str; 6] = ["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"];
        match key.kind {
            Kind::Text | Kind::Many => self.pick(&TEXT),
            Kind::Arn => self.pick(&ARN),
            Kind::Bool => {
                if self.chance(85) {
                    "Bool"
                } else {
                    self.pick(&["StringEquals", "StringNotEquals"])
                }
            }
            Kind::Ip => self.pick(&["IpAddress", "NotIpAddress"]),
            Kind::Date => self.pick(&DATE),
            Kind::Number if key.name == "aws:EpochTime" && self.chance(50) => self.pick(&DATE),
            Kind::Number => self.pick(&NUMBER),
        }
    }

    /// A grant as `ListGrants` tells it.
    pub fn grant(&mut self) -> Value {
        let mut grant = Map::new();
        let principal = |generator: &mut Self| loop {
            let principal = generator.aws_principal();
            if principal != "*" && principal.contains(':') {
                return principal;
            }
        };
        if self.chance(75) {
            grant.insert("GranteePrincipal".to_owned(), json!(principal(self)));
        } else {
            let field = self.pick(&["GranteePrincipal", "GranteeServicePrincipal"]);
            grant.insert(field.to_owned(), json!(self.pick(&SERVICES)));
        }
        if self.chance(40) {
            grant.insert("RetiringPrincipal".to_owned(), json!(principal(self)));
        }
        let operations = ["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "CreateGrant", "RetireGrant", "Sign"];
        let mut operations = self.some(&operations, 3);
        let mut constraints = Map::new();
        if self.chance(40) {
            let pairs = self.some(&[("stage", "prod"), ("STAGE", "test"), ("department", "finance"), ("Department", "red")], 2);
            let pairs: Map<String, Value> = pairs.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            let name = self.pick(&["EncryptionContextSubset", "EncryptionContextEquals"]);
            constraints.insert(name.to_owned(), Value::Object(pairs));
        }
        if self.chance(15) {
            constraints.insert("SourceArn".to_owned(), json!("arn:aws:s3:::a-bucket"));
        } else if self.chance(30) {
            // Not with SourceArn: what that means for DescribeKey is not clear.
            operations.push("DescribeKey");
        }
        grant.insert("Operations".to_owned(), json!(operations));
        if !constraints.is_empty() {
            grant.insert("Constraints".to_owned(), Value::Object(constraints));
        }
        Value::Object(grant)
    }
}
