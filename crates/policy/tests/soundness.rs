//! The reasoning against the request-level evaluator: whatever request that allows comes in by some way in, and each certain way in has a request that it allows.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::collections::BTreeSet;

use kms_insights_model::{AccountId, Grant, KeyArn, OrganizationId};
use kms_insights_policy::{
    PolicyDocument, Surroundings,
    access::{Caller, CallerAccount, KeyPolicies, Kind, Request, WayIn, key_access},
    parse, read_grants,
};
use oracle::{
    generator::Generator,
    grants::allows_with_grants,
    readings::Reading,
    request::{Caller as OracleCaller, Request as OracleRequest, World},
    simplify::simplify,
};
use serde_json::{Value, json};

/// So many policies are tried in each run; `KMS_INSIGHTS_SOUNDNESS_POLICIES` asks for more, `KMS_INSIGHTS_SOUNDNESS_SEED` for others.
const POLICIES: u64 = 3_000;
const REQUESTS: usize = 12;
/// No request of the generator is earlier.
const EARLIEST: &str = "2025-11-05T06:07:08Z";

/// Seeds whose policies once showed a fault. They are tried first; a change of the generator makes other policies of them.
const KEPT: &[u64] = &[
    17, 19, 30, 57, 63, 129, 169, 185, 205, 318, 327, 390, 499, 531, 569, 647, 669, 1_107, 1_375, 1_457, 1_887, 2_711, 2_863, 3_111, 101_115, 104_629, 122_594,
    1_062_923, 1_147_813, 1_207_496, 5_005_006, 5_020_887, 5_115_595,
];

/// One policy in four has conditions of which AWS documents no outcome: the evaluator chooses one, and the reasoning must not depend on which.
fn generator(seed: u64) -> Generator {
    let mut generator = Generator::new(seed);
    generator.undocumented = seed.is_multiple_of(4);
    generator
}

fn seeds() -> impl Iterator<Item = u64> {
    let first = from_environment("KMS_INSIGHTS_SOUNDNESS_SEED", 1);
    KEPT.iter().copied().chain(first..first + from_environment("KMS_INSIGHTS_SOUNDNESS_POLICIES", POLICIES))
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What the product is told of the world: all, or only the key.
struct Known {
    key: KeyArn,
    organization: Option<OrganizationId>,
    accounts: Option<BTreeSet<AccountId>>,
}

impl Known {
    fn of(world: &World, all: bool) -> Self {
        let own = world.memberships.get(&world.key_account).filter(|_| all).map(|membership| membership.organization.clone());
        let members = |organization: &String| {
            world.memberships.iter().filter(|(_, membership)| membership.organization == *organization).map(|(account, _)| account.parse().unwrap()).collect()
        };
        Self {
            key: format!("arn:{}:kms:{}:{}:key/1234abcd-12ab-34cd-56ef-1234567890ab", world.partition, world.region, world.key_account).parse().unwrap(),
            accounts: own.as_ref().map(members),
            organization: own.map(OrganizationId),
        }
    }

    fn around(&self, now: &str) -> Surroundings<'_> {
        Surroundings {
            organization_id: self.organization.as_ref(),
            organization_accounts: self.accounts.as_ref(),
            ..Surroundings::of_key(&self.key, now.parse().unwrap())
        }
    }
}

fn ours(request: &OracleRequest, key: &KeyArn) -> Request {
    let account = request
        .caller
        .account()
        .map(|(partition, id)| CallerAccount { id: id.parse().unwrap(), other_partition: (partition != key.partition().as_str()).then_some("aws-cn") });
    let caller = match (&request.caller, account) {
        (OracleCaller::Role { arn, session }, Some(account)) => Caller::Role { account, arn: arn.clone(), session: session.clone() },
        (OracleCaller::User { arn }, Some(account)) => Caller::User { account, arn: arn.clone() },
        (OracleCaller::Root { .. }, Some(account)) => Caller::Root { account, arn: request.caller.principal() },
        (OracleCaller::FederatedUser { arn, .. }, Some(account)) => Caller::FederatedUser { account, arn: arn.clone() },
        (OracleCaller::Service { name }, _) => Caller::Service { name: name.clone() },
        (caller, None) => panic!("{caller:?} has no account"),
    };
    Request { caller, action: request.action.clone(), context: request.context.clone() }
}

fn theirs(request: &Request) -> OracleRequest {
    let caller = match &request.caller {
        Caller::Role { arn, session, .. } => OracleCaller::Role { arn: arn.clone(), session: session.clone() },
        Caller::User { arn, .. } => OracleCaller::User { arn: arn.clone() },
        Caller::Root { account, arn } => OracleCaller::Root { account: account.id.to_string(), partition: arn.split(':').nth(1).unwrap().to_owned() },
        Caller::FederatedUser { arn, account } => OracleCaller::FederatedUser { arn: arn.clone(), issuer: format!("arn:aws:iam::{}:root", account.id) },
        Caller::Service { name } => OracleCaller::Service { name: name.clone() },
    };
    OracleRequest { caller, action: request.action.clone(), context: request.context.clone() }
}

/// One world, its policy and its grants.
struct Case {
    world: World,
    known: Known,
    policy: Value,
    grants: Vec<Value>,
}

impl Case {
    fn generate(seed: u64, generator: &mut Generator) -> Self {
        let world = generator.world();
        let known = Known::of(&world, generator.chance(70));
        let policy = generator.policy();
        let grants = if generator.chance(30) { vec![generator.grant()] } else { Vec::new() };
        // From numbers of its own, so that the policies of the other seeds, those that are kept among them, stay what they are.
        let odd = seed % 5 == 2 && !KEPT.contains(&seed);
        let policy = if odd { Generator::new(seed ^ 0x0DD).oddly_written(&policy) } else { policy };
        Self { world, known, policy, grants }
    }

    fn with(&self, policy: &Value) -> Self {
        let known = Known { key: self.known.key.clone(), organization: self.known.organization.clone(), accounts: self.known.accounts.clone() };
        Self { world: self.world.clone(), known, policy: policy.clone(), grants: self.grants.clone() }
    }

    fn document(&self) -> PolicyDocument {
        parse(&self.policy.to_string()).unwrap_or_else(|error| panic!("{error}: {}", self.policy))
    }

    fn model_grants(&self) -> Vec<Grant> {
        let mut grants = self.grants.clone();
        for (at, grant) in grants.iter_mut().enumerate() {
            grant["GrantId"] = json!(at.to_string());
        }
        read_grants(&Value::Array(grants).to_string()).unwrap()
    }

    fn ways(&self, now: &str) -> Vec<WayIn> {
        let document = self.document();
        key_access(KeyPolicies { default: Some(&document), ram: None }, &self.model_grants(), &self.known.around(now)).ways
    }

    /// Whether the request is allowed, in that reading of what AWS does not document.
    fn allows(&self, request: &OracleRequest, reading: Reading) -> bool {
        let policy = reading.of(&self.policy, &self.known.key.to_string());
        let decision = allows_with_grants(&policy, &self.grants, request, &self.world.key_account, &self.world.partition);
        decision.is_allowed() && reading.admits(request, &self.world.partition)
    }

    /// Whether the request is allowed in some reading.
    fn may_allow(&self, request: &OracleRequest) -> bool {
        Reading::ALL.into_iter().any(|reading| self.allows(request, reading))
    }

    /// Whether the request may be allowed and comes in by no way in.
    fn loses(&self, request: &OracleRequest) -> bool {
        // Ways in are told for now and later: a request comes at its own time, the analysis was made before.
        let around = self.known.around(EARLIEST);
        self.may_allow(request) && !self.ways(EARLIEST).iter().any(|way| way.admits(&ours(request, &self.known.key), &around))
    }

    /// A way in that is said to be certain and has no request that is allowed in every reading.
    fn invented(&self) -> Option<(WayIn, Option<OracleRequest>)> {
        let now = "2026-03-01T12:00:00Z";
        let around = self.known.around(now);
        let certain = self.ways(now).into_iter().filter(|way| way.kind != Kind::Intent && way.certainty.is_certain());
        let mut certain = certain.map(|way| {
            let example = way.example(&around).map(|request| theirs(&request));
            (way, example)
        });
        certain.find(|(_, example)| example.as_ref().is_none_or(|request| !Reading::ALL.into_iter().all(|reading| self.allows(request, reading))))
    }

    fn tell(&self, now: &str) -> String {
        let ways: Vec<String> = self
            .ways(now)
            .iter()
            .map(|way| {
                format!("  {} {} {} {:?} [{}] {:?} by {:?}", way.who.kind(), way.who, way.kind, way.actions.names(), way.fence, way.certainty, way.cause)
            })
            .collect();
        let known = if self.known.organization.is_some() { "known" } else { "not known" };
        format!(
            "policy {}\ngrants {}\norganization {known}: {:?}\nways in:\n{}",
            self.policy,
            Value::Array(self.grants.clone()),
            self.world.memberships,
            ways.join("\n")
        )
    }
}

#[test]
fn whatever_is_allowed_comes_in_by_some_way_in() {
    let mut allowed = 0;
    for seed in seeds() {
        let mut generator = generator(seed);
        let case = Case::generate(seed, &mut generator);
        for _ in 0..REQUESTS {
            let on_grant = case.grants.first().filter(|_| generator.chance(40));
            let request = match on_grant {
                Some(grant) => generator.request_on_grant(&case.world, grant),
                None => generator.request(&case.world, &case.policy),
            };
            allowed += u64::from(case.may_allow(&request));
            if case.loses(&request) {
                let smallest = case.with(&simplify(&case.policy, |policy| case.with(policy).loses(&request)));
                panic!("seed {seed}: allowed, and comes in by no way in:\n{request:?}\n{}", smallest.tell(EARLIEST));
            }
        }
    }
    assert!(allowed > 1_000, "too few requests were allowed to show anything: {allowed}");
}

#[test]
fn each_certain_way_in_has_a_request_that_is_allowed() {
    let (mut certain, mut open) = (0, 0);
    for seed in seeds() {
        let case = Case::generate(seed, &mut generator(seed));
        let ways = case.ways("2026-03-01T12:00:00Z");
        open += ways.iter().filter(|way| way.kind != Kind::Intent).count();
        certain += ways.iter().filter(|way| way.kind != Kind::Intent && way.certainty.is_certain()).count();
        if case.invented().is_some() {
            let smallest = case.with(&simplify(&case.policy, |policy| case.with(policy).invented().is_some()));
            let (way, example) = smallest.invented().unwrap();
            panic!(
                "seed {seed}: certain, and its example is not allowed: {} {} [{}]\n{example:?}\n{}",
                way.who,
                way.kind,
                way.fence,
                smallest.tell("2026-03-01T12:00:00Z")
            );
        }
    }
    assert!(certain * 10 > open * 6, "too much is left undecided to be of use: {certain} of {open} ways are certain");
}
