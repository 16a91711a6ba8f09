//! One request's way through the simulated AWS: who asks, within which quota, struck by which fault, answered by which service.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use kms_insights_model::{AccountId, Region};
use serde_json::Value;

use crate::{
    Behaviour, Organization, Outcome,
    counters::Counters,
    dice::{Dice, uuid},
    fault::{FaultBox, FaultKind, Target},
    identity::{AssumedRole, Caller, IdentityError, Sessions},
    quota::Quotas,
    reply::{AMZ_JSON, ApiError, Ending, JSON, Protocol, Reply},
    request::Call,
    service::{
        account::AccountManagement,
        cloudtrail::CloudTrail,
        kms::{self, Kms},
        organizations::Organizations,
        s3::{self, Buckets},
        small,
        sts::{self, Sts},
    },
    trail::{days::Days, delivery::Delivery},
};

/// Everything that the connections share.
pub(crate) struct World {
    pub(crate) organization: Arc<Organization>,
    pub(crate) behaviour: Behaviour,
    pub(crate) counters: Counters,
    pub(crate) buckets: Buckets,
    pub(crate) days: Arc<Days>,
    delivery: Option<Delivery>,
    faults: RwLock<Arc<FaultBox>>,
    quotas: Quotas,
    sessions: Sessions,
    chance: Mutex<Dice>,
}

/// What comes of a request.
pub(crate) enum Answer {
    Reply(Reply),
    /// The connection is reset.
    Reset,
}

impl World {
    pub(crate) fn new(organization: Organization, behaviour: Behaviour) -> Self {
        let owner = behaviour.caller_account.unwrap_or(organization.management().id);
        let chance = Mutex::new(organization.dice().part(77));
        let organization = Arc::new(organization);
        let days = Arc::new(Days::new(Arc::clone(&organization), behaviour.clone()));
        Self {
            // Where there is no organization, there is no trail of one.
            delivery: (behaviour.trail.exists && behaviour.organization_in_use).then(|| Delivery::new(Arc::clone(&days))),
            days,
            buckets: Buckets::new(&behaviour.buckets, owner),
            faults: RwLock::new(Arc::new(FaultBox::new(behaviour.fault_seed, behaviour.faults.clone()))),
            chance,
            organization,
            behaviour,
            counters: Counters::default(),
            quotas: Quotas::default(),
            sessions: Sessions::default(),
        }
    }

    pub(crate) fn faults(&self) -> Arc<FaultBox> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_faults(&self, faults: Vec<crate::Fault>) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(FaultBox::new(self.behaviour.fault_seed, faults));
    }

    fn roll(&self) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).roll()
    }

    pub(crate) fn request_id(&self) -> String {
        let mut dice = Dice::new(self.roll());
        uuid(dice.roll(), dice.roll())
    }

    async fn wait(&self) {
        let latency = self.behaviour.latency;
        let jitter = if latency.jitter_ms > 0 { Dice::new(self.roll()).below(latency.jitter_ms + 1) } else { 0 };
        let millis = latency.fixed_ms + jitter;
        if millis > 0 {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
    }

    pub(crate) async fn answer(&self, call: &Call, request_id: &str) -> Answer {
        let caller = match self.caller(call) {
            Ok(caller) => caller,
            Err(error) => return Answer::Reply(Reply::error(call.protocol, &identity_error(call, error), request_id)),
        };
        let mut under_way = self.counters.begin(&caller, call.service, call.operation);
        let admitted = !self.behaviour.quotas || self.quotas.admit(call.service, call.operation, caller.account, &call.region);
        self.wait().await;
        if !admitted {
            under_way.finish(Outcome::Throttled);
            return Answer::Reply(Reply::error(call.protocol, &throttled(call), request_id));
        }
        let body: Value = match call.protocol {
            Protocol::AwsJson | Protocol::RestJson if !call.body.is_empty() => match serde_json::from_slice(&call.body) {
                Ok(body) => body,
                Err(error) => {
                    under_way.finish(Outcome::Error);
                    return Answer::Reply(Reply::error(call.protocol, &ApiError::new(400, "SerializationException", error.to_string()), request_id));
                }
            },
            _ => Value::Null,
        };
        let key = if call.service == "kms" { kms::key_id(&body).map(str::to_owned) } else { None };
        let account = if call.operation == "AssumeRole" { sts::role_account(&call.body).unwrap_or(caller.account) } else { caller.account };
        let object = s3::object_key(call);
        let target = Target { account, region: &call.region, service: call.service, operation: call.operation, key: key.as_deref(), object: object.as_deref() };
        let mut page_fault = None;
        let mut damage = None;
        let faults = self.faults();
        for (at, kind) in faults.strike(&target) {
            if matches!(kind, FaultKind::TruncatedBody | FaultKind::MalformedBody) {
                damage = damage.or(Some((at, kind)));
                continue;
            }
            faults.befell(at);
            match kind {
                FaultKind::Slow(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                FaultKind::Stall => {
                    under_way.stall();
                    std::future::pending::<()>().await;
                }
                FaultKind::Reset => {
                    under_way.finish(Outcome::Fault);
                    return Answer::Reset;
                }
                FaultKind::RepeatedMarker | FaultKind::MissingMarker => page_fault = Some(kind),
                FaultKind::HtmlError => {
                    under_way.finish(Outcome::Fault);
                    return Answer::Reply(Reply::new(500, "text/html; charset=utf-8", HTML_ERROR));
                }
                FaultKind::AccessDenied | FaultKind::Throttle | FaultKind::Status(_) | FaultKind::NotFound => {
                    under_way.finish(Outcome::Fault);
                    return Answer::Reply(Reply::error(call.protocol, &declared_error(call, &caller, kind), request_id));
                }
                FaultKind::TruncatedBody | FaultKind::MalformedBody => {}
            }
        }
        let (mut reply, outcome) = match self.dispatch(call, &caller, body, page_fault, request_id) {
            Ok(reply) => (reply, Outcome::Ok),
            Err(error) => {
                let outcome = if error.code.starts_with("AccessDenied") { Outcome::Denied } else { Outcome::Error };
                (Reply::error(call.protocol, &error, request_id), outcome)
            }
        };
        // An empty body cannot be cut in the middle.
        let damage = damage.filter(|(_, kind)| *kind == FaultKind::TruncatedBody || !reply.body.is_empty());
        under_way.finish(if damage.is_some() { Outcome::Fault } else { outcome });
        if let Some((at, kind)) = damage {
            faults.befell(at);
            if kind == FaultKind::TruncatedBody {
                reply.ending = Ending::Broken;
            } else {
                reply.body = reply.body.slice(..reply.body.len() / 2);
            }
        }
        Answer::Reply(reply)
    }

    /// Who asks. The credentials of one partition are unknown in every other.
    fn caller(&self, call: &Call) -> Result<Caller, IdentityError> {
        let organization = &*self.organization;
        let is_used = organization.shape().regions.iter().any(|region| region.as_str() == &*call.region);
        if !is_used && call.region.parse::<Region>().is_ok_and(|region| region.partition() != organization.partition()) {
            return Err(IdentityError::Unknown);
        }
        self.sessions.caller(organization, &self.behaviour, &call.access_key)
    }

    /// The sessions that were given out.
    pub(crate) fn assumed_roles(&self) -> Vec<AssumedRole> {
        self.sessions.assumed()
    }

    fn dispatch(&self, call: &Call, caller: &Caller, body: Value, page_fault: Option<FaultKind>, request_id: &str) -> Result<Reply, ApiError> {
        let organization = &*self.organization;
        let json = |value: Value| Reply::json(200, AMZ_JSON, &value);
        match call.service {
            "kms" | "cloudtrail" => {
                let (account, region) = self.place(call, caller)?;
                if call.service == "kms" {
                    Kms { organization, account, region, caller, body, page_fault }.answer(call.operation).map(json)
                } else {
                    CloudTrail { days: &self.days, account, region, caller, body, page_fault }.answer(call.operation).map(json)
                }
            }
            "organizations" => Organizations { organization, behaviour: &self.behaviour, caller, body, page_fault }.answer(call.operation).map(json),
            "account" => {
                let answer = AccountManagement { organization, behaviour: &self.behaviour, caller, body, page_fault }.answer(call.operation);
                answer.map(|value| Reply::json(200, JSON, &value))
            }
            "sts" => {
                let (behaviour, sessions) = (&self.behaviour, &self.sessions);
                Sts { organization, behaviour, sessions, caller, body: &call.body, request_id }.answer(call.operation)
            }
            "tagging" => small::tagged_resources(organization, caller, &call.region, &body).map(json),
            "s3" => s3::answer(&self.buckets, self.delivery.as_ref(), caller, call),
            service => small::answer(organization, caller, service, call.operation, request_id),
        }
    }

    /// The account and Region that a regional request reads. In a Region that is not enabled for it, an account's credentials are not known.
    fn place(&self, call: &Call, caller: &Caller) -> Result<(&crate::SimulatedAccount, Region), ApiError> {
        let invalid = || ApiError::new(400, "UnrecognizedClientException", "The security token included in the request is invalid.");
        let account = self.organization.account(caller.account).filter(|account| account.is_active()).ok_or_else(invalid)?;
        let region: Region = call.region.parse().map_err(|_| invalid())?;
        let enabled = account.region(&region).is_some() || self.organization.partition().default_regions().contains(&region.as_str());
        if enabled { Ok((account, region)) } else { Err(invalid()) }
    }

    /// The account whose credentials a static access key is.
    pub(crate) fn caller_account(&self) -> AccountId {
        self.behaviour.caller_account.unwrap_or(self.organization.management().id)
    }
}

const HTML_ERROR: &str = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n\
    <p>The server encountered an internal error and was unable to complete your request.</p>\n";

fn identity_error(call: &Call, error: IdentityError) -> ApiError {
    match (error, call.protocol) {
        (IdentityError::Expired, Protocol::Query | Protocol::RestXml) => {
            ApiError::new(403, "ExpiredToken", "The security token included in the request is expired")
        }
        (IdentityError::Expired, Protocol::Ec2) => ApiError::new(400, "RequestExpired", "Request has expired."),
        (IdentityError::Expired, _) => ApiError::new(400, "ExpiredTokenException", "The security token included in the request is expired"),
        (IdentityError::Unknown, Protocol::Query) => ApiError::new(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
        (IdentityError::Unknown, Protocol::Ec2) => ApiError::new(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
        (IdentityError::Unknown, Protocol::RestXml) => {
            ApiError::new(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        }
        (IdentityError::Unknown, _) => ApiError::new(400, "UnrecognizedClientException", "The security token included in the request is invalid."),
    }
}

fn throttled(call: &Call) -> ApiError {
    match call.service {
        "organizations" => {
            ApiError::new(400, "TooManyRequestsException", "AWS Organizations can't complete your request because another request is already in progress.")
        }
        "account" => ApiError::new(429, "TooManyRequestsException", "Too many requests"),
        "sts" | "iam" => ApiError::new(400, "Throttling", "Rate exceeded"),
        "ec2" => ApiError::new(503, "RequestLimitExceeded", "Request limit exceeded."),
        "s3" => ApiError::new(503, "SlowDown", "Please reduce your request rate."),
        _ => ApiError::new(400, "ThrottlingException", "Rate exceeded"),
    }
}

fn declared_error(call: &Call, caller: &Caller, kind: FaultKind) -> ApiError {
    match (kind, call.service) {
        (FaultKind::Throttle, _) => throttled(call),
        (FaultKind::AccessDenied, "s3") => ApiError::new(403, "AccessDenied", "Access Denied"),
        (FaultKind::AccessDenied, "sts" | "iam" | "ec2") => {
            ApiError::new(403, "AccessDenied", format!("User: {} is not authorized to perform: {}:{}", caller.arn, call.service, call.operation))
        }
        (FaultKind::AccessDenied, service) => {
            let action = format!("{service}:{}", call.operation);
            let status = if service == "account" { 403 } else { 400 };
            ApiError { status, ..caller.denied(&action, "*", "with an explicit deny in a service control policy") }
        }
        (FaultKind::NotFound, "s3") => {
            ApiError::new(404, if call.uri.path().trim_matches('/').contains('/') { "NoSuchKey" } else { "NoSuchBucket" }, "Not found")
        }
        (FaultKind::NotFound, "account") => ApiError::new(404, "ResourceNotFoundException", "Not found"),
        (FaultKind::NotFound, "organizations") => ApiError::new(400, "AccountNotFoundException", "You specified an account that doesn't exist."),
        (FaultKind::NotFound, _) => ApiError::new(400, "NotFoundException", "Not found"),
        (FaultKind::Status(status), "kms") => ApiError::new(status, if status == 503 { "ServiceUnavailableException" } else { "KMSInternalException" }, ""),
        (FaultKind::Status(status), "sts" | "iam" | "ec2") => ApiError::new(status, if status == 503 { "ServiceUnavailable" } else { "InternalFailure" }, ""),
        (FaultKind::Status(status), "s3") => {
            ApiError::new(status, if status == 503 { "ServiceUnavailable" } else { "InternalError" }, "We encountered an internal error.")
        }
        (FaultKind::Status(status), "organizations") => {
            ApiError::new(status, "ServiceException", "AWS Organizations can't complete your request because of an internal service error.")
        }
        (_, _) => ApiError::new(if let FaultKind::Status(status) = kind { status } else { 500 }, "InternalServerException", "Internal error"),
    }
}
