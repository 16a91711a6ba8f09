//! Who is at work in an account: people, applications, pipelines and services.

use chrono::{DurationRound as _, TimeDelta};
use kms_insights_model::{AccountId, Partition, Timestamp};

use super::{
    event::Origin,
    identity::{Identity, RoleSession, SessionKind},
};
use crate::dice::Dice;

/// Where and when something happens.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) at: Timestamp,
    /// Dice of those who are busy at the moment: calls come in bursts of the same caller.
    pub(crate) busy: Dice,
}

/// Who calls, and from where.
pub(crate) struct Actor {
    pub(crate) identity: Identity,
    pub(crate) origin: Origin,
}

const PEOPLE: &[&str] = &["alice", "bob", "carol", "dmitri", "eve.oconnor", "fatima"];
const CONSOLE: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) terraform-provider-aws/6.19.0 (+https://registry.terraform.io/providers/hashicorp/aws) \
    aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.24.8 md/GOOS#linux md/GOARCH#amd64 api/kms#1.46.2 m/g";
const SDKS: &[&str] = &[
    "Boto3/1.40.61 md/Botocore#1.40.61 ua/2.1 os/linux#6.1.155-176.282.amzn2023.x86_64 md/arch#x86_64 lang/python#3.12.11 md/pyimpl#CPython m/b,Z,D cfg/retry-mode#legacy Botocore/1.40.61",
    "aws-sdk-java/2.35.10 md/io#async md/http#NettyNio ua/2.1 api/KMS#2.35.x os/Linux#5.10.245 lang/java#21.0.9 md/OpenJDK_64-Bit_Server_VM#21.0.9+10-LTS md/vendor#Amazon.com_Inc. m/D,N",
    "aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.25.3 md/GOOS#linux md/GOARCH#arm64 api/kms#1.46.2 m/E,g",
    "aws-sdk-js/3.917.0 ua/2.1 os/linux#5.10.245-241.978.amzn2.x86_64 lang/js md/nodejs#22.20.0 api/kms#3.917.0 m/E,e",
];
const CLI: &str = "aws-cli/2.31.22 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.155 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython m/b,E,n cfg/retry-mode#standard md/installer#exe sid/4a1f";

impl Place {
    /// When a session that is in use now began: an hour's is renewed at each full hour.
    fn hour(&self) -> Timestamp {
        self.at.duration_trunc(TimeDelta::hours(1)).unwrap_or(self.at)
    }

    fn morning(&self) -> Timestamp {
        self.at.duration_trunc(TimeDelta::hours(8)).unwrap_or(self.at)
    }

    fn session(&self, role: &str, session: &str, kind: SessionKind) -> RoleSession {
        RoleSession { account: self.account, role: role.to_owned(), session: session.to_owned(), since: self.hour(), via: None, kind }
    }

    /// A private address of the account's network.
    fn private(&self, dice: &mut Dice) -> String {
        let second = self.account.as_str().bytes().fold(0_u32, |sum, digit| (sum * 7 + u32::from(digit)) % 200);
        format!("10.{second}.{}.{}", dice.below(4), 10 + dice.below(40))
    }

    /// An application: a role that it wears on an instance, in a function, a container or a pod.
    pub(crate) fn application(&self, role: &str, dice: &mut Dice) -> Actor {
        let (session, kind) = match dice.below(3) {
            0 => (format!("i-0{}", Dice::new(dice.below(6)).hex(16)), SessionKind::Instance),
            1 => (role.rsplit('/').next().unwrap_or(role).to_owned(), SessionKind::Plain),
            _ => (
                format!("botocore-session-{}", self.hour().timestamp()),
                SessionKind::WebIdentity("oidc.eks.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"),
            ),
        };
        Actor { identity: Identity::Role(self.session(role, &session, kind)), origin: Origin::network(self.private(dice), SDKS[role.len() % SDKS.len()]) }
    }

    /// The same, through a service that passes the request on.
    pub(crate) fn application_through(&self, role: &str, service: &str, dice: &mut Dice) -> Actor {
        let mut actor = self.application(role, dice);
        if let Identity::Role(session) = &mut actor.identity {
            session.via = Some(service.to_owned());
        }
        actor.origin = Origin::Service(service.to_owned());
        actor
    }

    /// A service by itself.
    pub(crate) fn service(service: &str) -> Actor {
        Actor { identity: Identity::Service(service.to_owned()), origin: Origin::Service(service.to_owned()) }
    }

    /// EBS on behalf of an instance.
    pub(crate) fn infrastructure(&self, instance: &str) -> Actor {
        Actor {
            identity: Identity::Role(self.session("aws:ec2-infrastructure", instance, SessionKind::Infrastructure)),
            origin: Origin::Service("AWS Internal".to_owned()),
        }
    }

    /// A person in the console, in a role of IAM Identity Center.
    pub(crate) fn console(&self, dice: &mut Dice) -> Actor {
        let role =
            format!("aws-reserved/sso.amazonaws.com/AWSReservedSSO_{}_{}", dice.pick(&["AdministratorAccess", "PowerUserAccess"]), &self.account.as_str()[..6]);
        let person = dice.pick(PEOPLE);
        let session = RoleSession { since: self.morning(), ..self.session(&role, &format!("{person}@example.com"), SessionKind::Console) };
        Actor { identity: Identity::Role(session), origin: Origin::network(format!("203.0.113.{}", 10 + dice.below(20)), CONSOLE) }
    }

    /// A person at a terminal, as an IAM user.
    pub(crate) fn user(&self, name: &str, dice: &mut Dice) -> Actor {
        let identity = Identity::User { account: self.account, name: name.to_owned(), console_since: None, via: None };
        Actor { identity, origin: Origin::network(format!("203.0.113.{}", 40 + dice.below(20)), CLI) }
    }

    /// A user signed in to the console with a password.
    pub(crate) fn console_user(&self, dice: &mut Dice) -> Actor {
        let name = dice.pick(PEOPLE).to_owned();
        let identity = Identity::User { account: self.account, name, console_since: Some(self.morning()), via: None };
        Actor { identity, origin: Origin::network(format!("203.0.113.{}", 40 + dice.below(20)), CONSOLE) }
    }

    pub(crate) fn root(&self) -> Actor {
        Actor { identity: Identity::Root { account: self.account }, origin: Origin::network("203.0.113.5", CONSOLE) }
    }

    /// Somebody to whom a user lent its rights.
    pub(crate) fn federated(&self, dice: &mut Dice) -> Actor {
        let identity = Identity::Federated { account: self.account, name: dice.pick(PEOPLE).to_owned(), issuer: "token-broker", since: self.hour() };
        Actor { identity, origin: Origin::network("203.0.113.77", SDKS[0]) }
    }

    /// A pipeline that applies Terraform.
    pub(crate) fn terraform(&self, dice: &mut Dice) -> Actor {
        let session = self.session("deployment/terraform-apply", "GitHubActions", SessionKind::WebIdentity("token.actions.githubusercontent.com"));
        Actor { identity: Identity::Role(session), origin: Origin::network(format!("198.51.100.{}", dice.below(200)), TERRAFORM) }
    }

    /// A program of somebody's own.
    pub(crate) fn script(&self, dice: &mut Dice) -> Actor {
        let session = self.session("platform-tooling", dice.pick(&["bootstrap", "onboarding"]), SessionKind::Plain);
        Actor { identity: Identity::Role(session), origin: Origin::network(self.private(dice), SDKS[0]) }
    }

    /// CloudFormation, in the name of whoever makes the stack.
    pub(crate) fn cloudformation(&self, dice: &mut Dice) -> Actor {
        let mut actor = self.console(dice);
        if let Identity::Role(session) = &mut actor.identity {
            session.via = Some("cloudformation.amazonaws.com".to_owned());
        }
        actor.origin = Origin::Service("cloudformation.amazonaws.com".to_owned());
        actor
    }
}
