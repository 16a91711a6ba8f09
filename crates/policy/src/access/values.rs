//! Values that context keys may have in an example, and the request that is made of them.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    Test,
    access::{
        Caller, Request, Term,
        attempt::{Attempt, Carried},
        example::is_any_id,
        term::instance,
    },
    comparison::Resolved,
    context_key::ContextKey,
};

/// Whether values, or no values, fulfil what is demanded of a key.
pub(crate) type Fulfils<'f> = dyn Fn(Option<&[Cow<'_, str>]>) -> bool + 'f;

/// What was decided for the context keys of conditions: a request with these values, or without the key.
pub(crate) type Decisions = BTreeMap<String, Option<Vec<String>>>;

/// Values of every kind that conditions rarely name.
const FRESH: [&str; 8] = ["example", "198.51.100.99", "2001:db8::99", "0", "1000000000", "true", "false", "arn:aws:s3:::example"];

impl Attempt<'_> {
    /// The request with these decisions.
    pub(super) fn request(&self, decisions: Decisions) -> Request {
        let mut context = self.identity();
        for (name, values) in decisions {
            match values {
                Some(values) => context.insert(name, values),
                None => context.remove(&name),
            };
        }
        if let (Some([path]), false) = (context.get("aws:sourceorgpaths").map(Vec::as_slice), context.contains_key("aws:sourceorgid")) {
            let id = path.split('/').next().unwrap_or_default().to_owned();
            context.insert("aws:sourceorgid".to_owned(), vec![id]);
        }
        for (id, paths) in [("aws:principalorgid", "aws:principalorgpaths"), ("aws:sourceorgid", "aws:sourceorgpaths")] {
            if let (Some([id]), false) = (context.get(id).map(Vec::as_slice), context.contains_key(paths)) {
                let path = format!("{id}/r-bbbb/");
                context.insert(paths.to_owned(), vec![path]);
            }
        }
        Request { caller: self.candidate.caller.clone(), action: self.action.name.to_owned(), context }
    }

    /// What any request of the caller carries.
    pub(super) fn identity(&self) -> BTreeMap<String, Vec<String>> {
        let mut context: BTreeMap<String, Vec<String>> = self.chosen.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect();
        for name in [
            "aws:PrincipalArn",
            "aws:PrincipalAccount",
            "aws:PrincipalOrgID",
            "aws:PrincipalOrgPaths",
            "aws:PrincipalType",
            "aws:username",
            "aws:PrincipalIsAWSService",
            "aws:PrincipalServiceName",
            "aws:ResourceAccount",
            "aws:ResourceOrgID",
            "aws:RequestedRegion",
            "aws:SecureTransport",
            "aws:CurrentTime",
            "aws:EpochTime",
        ] {
            if let Carried::This(Some(values)) = self.carried(&Term::of_variable(name)) {
                context.insert(name.to_lowercase(), values);
            }
        }
        if let Some(arn) = self.candidate.caller.arn() {
            context.insert("aws:principalarn".to_owned(), vec![arn.to_owned()]);
        }
        if let Caller::Service { name } = &self.candidate.caller {
            context.insert("aws:principalservicename".to_owned(), vec![name.clone()]);
            context.insert("aws:principalservicenameslist".to_owned(), vec![name.clone()]);
        }
        if let Some(account) = self.candidate.caller.account() {
            context.insert("aws:userid".to_owned(), vec![self.user_id()]);
            context.insert("kms:calleraccount".to_owned(), vec![account.id.to_string()]);
        }
        context
    }

    /// `aws:userid` of the caller's requests, with an id that AWS might have given.
    pub(super) fn user_id(&self) -> String {
        match &self.candidate.caller {
            Caller::Role { session, .. } => format!("AROAEXAMPLEEXAMPLE00:{session}"),
            Caller::Root { account, .. } => account.id.to_string(),
            _ => "AIDAEXAMPLEEXAMPLE00".to_owned(),
        }
    }

    /// The first value that no condition names and that fulfils those of the key: none at all, or one of [`FRESH`].
    pub(super) fn fresh(&self, key: ContextKey, name: &str, decisions: &Decisions, fulfils: &Fulfils<'_>) -> Option<(Option<Vec<String>>, bool)> {
        if key == ContextKey::UserId && self.candidate.caller.account().is_some() {
            let own = vec![self.user_id()];
            return fulfils(borrowed(Some(&own)).as_deref()).then_some((Some(own), false));
        }
        // Keys of the encryption context go with the list of its keys.
        if name == "kms:encryptioncontextkeys" && decisions.keys().any(|name| name.starts_with(ENCRYPTION_CONTEXT)) {
            return None;
        }
        if fulfils(None) {
            return Some((None, false));
        }
        FRESH.iter().find(|value| fulfils(Some(&[Cow::Borrowed(**value)]))).map(|value| (Some(vec![(*value).to_owned()]), false))
    }

    /// Values that conditions name or that lie beside these, and whether a condition had to name them.
    pub(super) fn named(&self, key: ContextKey, name: &str, literals: &[(&Term, bool)], decisions: &Decisions) -> Vec<(Option<Vec<String>>, bool)> {
        let mut values: Vec<(Option<Vec<String>>, bool)> = Vec::new();
        if key == ContextKey::UserId {
            let open = literals.iter().flat_map(|(term, _)| &term.condition.values).filter(|value| is_any_id(value));
            values.extend(open.map(|value| (Some(vec![value.replacen('*', "AROAEXAMPLEEXAMPLE00", 1).replace(['*', '?'], "0")]), false)));
        }
        if matches!(key, ContextKey::SourceAccount) {
            values.push((Some(vec!["999888777666".to_owned()]), false));
        }
        let mut all = Vec::new();
        for (term, _) in literals {
            for value in &term.condition.values {
                let Some(value) = self.expanded(term, value) else { continue };
                let network = value.split_once('/').filter(|_| term.operator().test == Test::IpAddress).map(|(base, _)| base.to_owned());
                let instances = match term.operator().test {
                    Test::StringLike | Test::Arn | Test::IpAddress => {
                        vec![network.unwrap_or_else(|| instance(&value)), value.replace('*', "example").replace('?', "0")]
                    }
                    _ => vec![value.clone()],
                };
                for instance in instances {
                    values.push((Some(vec![instance.clone()]), true));
                    all.push(instance);
                }
                if let Ok(number) = value.parse::<f64>() {
                    values.extend([number - 1.0, number + 1.0].map(|number| (Some(vec![number.to_string()]), true)));
                }
                if let Some(date) = crate::comparison::date(&value) {
                    let second = chrono::TimeDelta::seconds(1);
                    let near = [date.checked_sub_signed(second), date.checked_add_signed(second)].into_iter().flatten();
                    values.extend(near.map(|date| (Some(vec![date.to_rfc3339()]), true)));
                }
            }
        }
        if key.is_list() {
            all.dedup();
            values.push((Some(all), true));
        }
        if name == "kms:encryptioncontextkeys" {
            let present = encryption_context_keys(decisions);
            for (values, _) in &mut values {
                let values = values.get_or_insert_default();
                values.extend(present.iter().filter(|key| !values.iter().any(|value| value.eq_ignore_ascii_case(key))).cloned().collect::<Vec<_>>());
            }
            values.insert(0, ((!present.is_empty()).then_some(present), false));
        }
        values
    }

    pub(super) fn expanded(&self, term: &Term, value: &str) -> Option<String> {
        if !term.variables || !value.contains("${") {
            return Some(value.to_owned());
        }
        let (before, rest) = value.split_once("${")?;
        let (name, behind) = rest.split_once('}')?;
        match self.resolve(name) {
            Resolved::Value(resolved) => Some(format!("{before}{resolved}{behind}")),
            _ => None,
        }
    }

    /// Whether the values that were tried are all that could fulfil the conditions of a key: one of them demands a text of its own list.
    pub(super) fn is_exhausted(literals: &[(&Term, bool)]) -> bool {
        literals.iter().any(|(term, negated)| {
            // Of a key that may have several values, each may fulfil another condition.
            let texts = matches!(term.operator().test, Test::StringEquals | Test::Bool) && term.operator().set.is_none() && !term.has_variable();
            texts && !term.condition.values.is_empty() && term.demands_a_value(*negated)
        })
    }
}

const ENCRYPTION_CONTEXT: &str = "kms:encryptioncontext:";

pub(crate) fn borrowed(values: Option<&[String]>) -> Option<Vec<Cow<'_, str>>> {
    values.map(|values| values.iter().map(|value| Cow::Borrowed(value.as_str())).collect())
}

/// The keys of the encryption context for which a value was decided.
fn encryption_context_keys(decisions: &Decisions) -> Vec<String> {
    let present = decisions.iter().filter(|(_, values)| values.is_some());
    present.filter_map(|(name, _)| name.strip_prefix(ENCRYPTION_CONTEXT)).map(str::to_owned).collect()
}

/// Adds what goes with what was decided: a service that is gone through, the list of the encryption context's keys, and their values.
pub(crate) fn complete(decisions: &mut Decisions, by_key: &BTreeMap<String, Vec<(&Term, bool)>>) {
    if decisions.get("kms:viaservice").is_some_and(Option::is_some) {
        decisions.entry("aws:viaawsservice".to_owned()).or_insert_with(|| Some(vec!["true".to_owned()]));
    }
    let present = encryption_context_keys(decisions);
    if !present.is_empty() && !by_key.contains_key("kms:encryptioncontextkeys") {
        decisions.insert("kms:encryptioncontextkeys".to_owned(), Some(present));
    }
    for key in decisions.get("kms:encryptioncontextkeys").cloned().flatten().unwrap_or_default() {
        decisions.entry(format!("{ENCRYPTION_CONTEXT}{}", key.to_lowercase())).or_insert_with(|| Some(vec!["example".to_owned()]));
    }
}
