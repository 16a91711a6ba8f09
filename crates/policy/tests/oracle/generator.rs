//! Random worlds, policies, grants and requests that meet: all names come from one small [pool](super::pool).
//!
//! Seeded, so that a seed is a case. With proptest: `any::<u64>().prop_map(Generator::new)`; [`simplify`](super::simplify::simplify) makes a policy smaller by
//! its parts, as proptest cannot here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    conditions::texts,
    operators::like_text,
    pool::{ACCOUNTS, ACTIONS, KEY_ACCOUNT, MEMBERSHIPS, PARTITION, REGION, ROLES, SERVICES, SESSIONS, USERS},
    request::{Caller, Context, Membership, Request, Source, WITH_ENCRYPTION_CONTEXT, World, put},
};

/// Draws everything from one seed.
#[derive(Clone, Debug)]
pub struct Generator {
    state: u64,
    /// Whether policies also have conditions whose outcome AWS does not document: a multivalued key without a set operator, `ForAnyValue:…IfExists`.
    pub undocumented: bool,
}

impl Generator {
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, undocumented: false }
    }

    /// The next number of `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// One to three of them, not twice the same place.
    pub fn some<T: Clone>(&mut self, from: &[T], at_most: usize) -> Vec<T> {
        let mut rest = from.to_vec();
        let count = 1 + self.below(at_most.min(rest.len()));
        (0..count)
            .map(|_| {
                let at = self.below(rest.len());
                rest.swap_remove(at)
            })
            .collect()
    }

    /// The key's account and others, in organizations or in none.
    pub fn world(&mut self) -> World {
        let mut memberships = BTreeMap::new();
        for account in ACCOUNTS {
            if self.chance(75) {
                let (organization, path) = self.pick(&MEMBERSHIPS);
                memberships.insert(account.to_owned(), Membership { organization: organization.to_owned(), path: path.to_owned() });
            }
        }
        World { partition: PARTITION.to_owned(), region: REGION.to_owned(), key_account: KEY_ACCOUNT.to_owned(), memberships }
    }

    pub fn account(&mut self) -> &'static str {
        if self.chance(50) { KEY_ACCOUNT } else { self.pick(&ACCOUNTS) }
    }

    pub fn caller(&mut self) -> Caller {
        if self.chance(20) {
            return Caller::Service { name: self.pick(&SERVICES).to_owned() };
        }
        let account = self.account();
        self.caller_of(account)
    }

    fn caller_of(&mut self, account: &str) -> Caller {
        match self.below(16) {
            0..=8 => Caller::Role { arn: format!("arn:aws:iam::{account}:role/{}", self.pick(&ROLES)), session: self.pick(&SESSIONS).to_owned() },
            9..=12 => Caller::User { arn: format!("arn:aws:iam::{account}:user/{}", self.pick(&USERS)) },
            13..=14 => Caller::Root { account: account.to_owned(), partition: PARTITION.to_owned() },
            _ => {
                // A session is named for whoever federated, but need not be.
                let (name, issuer) = self.pick(&[("alice", "user/alice"), ("carol", "root")]);
                Caller::FederatedUser { arn: format!("arn:aws:sts::{account}:federated-user/{name}"), issuer: format!("arn:aws:iam::{account}:{issuer}") }
            }
        }
    }

    /// A request as KMS could receive it: no key contradicts another. Mostly by a caller and for an action that the policy names.
    pub fn request(&mut self, world: &World, policy: &Value) -> Request {
        let caller = self.caller_named_in(policy).unwrap_or_else(|| self.caller());
        let action = self.action_named_in(policy).unwrap_or_else(|| self.pick(&ACTIONS));
        self.request_by(world, caller, action)
    }

    /// A request that a grant is likely to be for: by its grantee or retiring principal, for an operation of the grant.
    pub fn request_on_grant(&mut self, world: &World, grant: &Value) -> Request {
        let fields = ["GranteePrincipal", "GranteePrincipal", "GranteeServicePrincipal", "RetiringPrincipal"];
        let names: Vec<String> = fields.iter().flat_map(|field| texts(&grant[*field])).collect();
        let name = self.pick(&names);
        let caller = self.caller_named(&name).unwrap_or_else(|| self.caller());
        let operations = texts(&grant["Operations"]);
        let action = if self.chance(15) { "RetireGrant".to_owned() } else { self.pick(&operations) };
        self.request_by(world, caller, &action)
    }

    fn request_by(&mut self, world: &World, caller: Caller, action: &str) -> Request {
        let mut context = world.resource_context();
        let now = self.pick(&[("2026-03-01T12:00:00Z", "1772366400"), ("2026-12-31T23:30:00Z", "1798759800"), ("2025-11-05T06:07:08Z", "1762322828")]);
        put(&mut context, "aws:CurrentTime", &[now.0]);
        put(&mut context, "aws:EpochTime", &[now.1]);
        let names_caller_account = self.chance(85);
        context.extend(world.identity_context(&caller, names_caller_account));
        match &caller {
            Caller::Service { name } => self.service_context(world, name, &mut context),
            _ => self.principal_context(&caller, &mut context),
        }
        self.operation_context(action, &mut context);
        Request { caller, action: action.to_owned(), context }
    }

    /// One of the policy's statements, to be met by a request.
    fn statement_of(&mut self, policy: &Value) -> Option<Value> {
        let chosen = match &policy["Statement"] {
            Value::Array(statements) => self.pick(statements),
            statement => statement.clone(),
        };
        self.chance(75).then_some(chosen)
    }

    fn caller_named_in(&mut self, policy: &Value) -> Option<Caller> {
        let statement = self.statement_of(policy)?;
        let element = statement.get("Principal").or_else(|| statement.get("NotPrincipal"))?;
        let mut names = texts(&element["AWS"]);
        names.extend(texts(&element["Service"]));
        if names.is_empty() {
            return None;
        }
        let name = self.pick(&names);
        self.caller_named(&name)
    }

    /// Somebody whom a name in a policy or a grant stands for.
    fn caller_named(&mut self, name: &str) -> Option<Caller> {
        if name.ends_with(".amazonaws.com") {
            return Some(Caller::Service { name: name.to_owned() });
        }
        let account = ACCOUNTS.into_iter().find(|account| name.contains(account))?;
        let by_name = |name: &str| ROLES.into_iter().find(|role| role.rsplit('/').next() == Some(name));
        // AWS writes ARNs in lower case: nobody has another one.
        if name.starts_with("ARN:") {
            return Some(self.caller_of(account));
        }
        match name.splitn(6, ':').nth(5).and_then(|resource| resource.split_once('/')) {
            Some(("role", _)) => Some(Caller::Role { arn: name.to_owned(), session: self.pick(&SESSIONS).to_owned() }),
            Some(("user", _)) => Some(Caller::User { arn: name.to_owned() }),
            Some(("assumed-role", rest)) => {
                let (role, session) = rest.split_once('/')?;
                Some(Caller::Role { arn: format!("arn:aws:iam::{account}:role/{}", by_name(role)?), session: session.to_owned() })
            }
            Some(_) => None,
            // The account: anybody in it.
            None => Some(self.caller_of(account)),
        }
    }

    fn action_named_in(&mut self, policy: &Value) -> Option<&'static str> {
        let statement = self.statement_of(policy)?;
        let pattern = self.pick(&texts(statement.get("Action")?));
        let pattern = pattern.to_ascii_lowercase();
        let pattern = pattern.strip_prefix("kms:")?;
        let named: Vec<&'static str> = ACTIONS.into_iter().filter(|action| like_text(pattern, &action.to_ascii_lowercase())).collect();
        (!named.is_empty()).then(|| self.pick(&named))
    }

    fn service_context(&mut self, world: &World, name: &str, context: &mut Context) {
        let account = self.account();
        let arn = match name {
            "s3.amazonaws.com" => "arn:aws:s3:::a-bucket".to_owned(),
            "cloudtrail.amazonaws.com" => format!("arn:aws:cloudtrail:{REGION}:{account}:trail/all"),
            _ => format!("arn:aws:logs:{REGION}:{account}:log-group:/app/web:stream"),
        };
        if self.chance(70) {
            context.extend(world.source_context(&Source { arn, account: account.to_owned() }));
        }
    }

    fn principal_context(&mut self, caller: &Caller, context: &mut Context) {
        let temporary = matches!(caller, Caller::Role { .. } | Caller::FederatedUser { .. });
        if !matches!(caller, Caller::Root { .. }) && self.chance(50) {
            let team = self.pick(&["red", "blue", "alice", "app"]);
            put(context, "aws:PrincipalTag/team", &[team]);
        }
        if temporary {
            put(context, "aws:TokenIssueTime", &["2026-03-01T11:00:00Z"]);
            // Only temporary credentials carry it, and its age only where it is true.
            if self.chance(60) {
                let present = self.chance(50);
                put(context, "aws:MultiFactorAuthPresent", &[if present { "true" } else { "false" }]);
                if present {
                    let age = self.pick(&["250", "3600", "90000"]);
                    put(context, "aws:MultiFactorAuthAge", &[age]);
                }
            }
        }
        let via = self.chance(30);
        put(context, "aws:ViaAWSService", &[if via { "true" } else { "false" }]);
        if via {
            let service = self.pick(&["s3.eu-central-1.amazonaws.com", "ec2.eu-central-1.amazonaws.com"]);
            put(context, "kms:ViaService", &[service]);
            if self.chance(40) {
                let chain: &[&str] = self.pick(&[&["cloudformation.amazonaws.com"][..], &["cloudformation.amazonaws.com", "athena.amazonaws.com"][..]]);
                put(context, "aws:CalledVia", chain);
                put(context, "aws:CalledViaFirst", &chain[..1]);
                put(context, "aws:CalledViaLast", &chain[chain.len() - 1..]);
            }
        } else if self.chance(25) {
            put(context, "aws:SourceVpce", &["vpce-11111111"]);
            put(context, "aws:SourceVpc", &["vpc-11111111"]);
        } else {
            let address = self.pick(&["203.0.113.7", "203.0.113.200", "198.51.100.9", "2001:db8:1234:5678::9", "2001:db8::1"]);
            put(context, "aws:SourceIp", &[address]);
        }
    }

    fn operation_context(&mut self, action: &str, context: &mut Context) {
        if (WITH_ENCRYPTION_CONTEXT.contains(&action) || action == "CreateGrant") && self.chance(60) {
            let pairs = [("stage", self.pick(&["prod", "test"])), ("Department", self.pick(&["finance", "red", "*", "fin?nce"]))];
            let pairs = self.some(&pairs, 2);
            for (key, value) in &pairs {
                put(context, &format!("kms:EncryptionContext:{key}"), &[value]);
            }
            let keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
            put(context, "kms:EncryptionContextKeys", &keys);
        }
        if ["CreateGrant", "ListGrants", "RevokeGrant"].contains(&action) {
            let for_service = self.chance(40);
            put(context, "kms:GrantIsForAWSResource", &[if for_service { "true" } else { "false" }]);
        }
        if action == "CreateGrant" {
            let operations = self.some(&["Decrypt", "Encrypt", "GenerateDataKey", "RetireGrant"], 3);
            put(context, "kms:GrantOperations", &operations);
            let (account, role) = (self.account(), self.pick(&ROLES));
            put(context, "kms:GranteePrincipal", &[&format!("arn:aws:iam::{account}:role/{role}")]);
        }
    }
}
