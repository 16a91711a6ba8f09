//! AWS KMS, as far as an inventory reads it. Source: AWS KMS API Reference.

use kms_insights_model::Region;
use serde_json::{Value, json};

use super::{
    kms_wire as wire,
    paging::{self, Next},
};
use crate::{
    FaultKind, Organization, SimulatedAccount,
    identity::Caller,
    key::{Denial, Key, SERVICES},
    reply::ApiError,
    stores,
};

type Answer = Result<Value, ApiError>;

/// A request to KMS in one account and Region.
pub(crate) struct Kms<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) account: &'a SimulatedAccount,
    pub(crate) region: Region,
    pub(crate) caller: &'a Caller,
    pub(crate) body: Value,
    pub(crate) page_fault: Option<FaultKind>,
}

/// The id in what a request names a key by; `None` where it names none or an alias.
pub(crate) fn key_id(body: &Value) -> Option<&str> {
    let name = body["KeyId"].as_str()?;
    let id = name.rsplit_once(":key/").map_or(name, |(_, id)| id);
    (!id.contains('/')).then_some(id)
}

impl<'a> Kms<'a> {
    pub(crate) fn answer(&self, operation: &str) -> Answer {
        match operation {
            "ListKeys" => self.list_keys(),
            "ListAliases" => self.list_aliases(),
            "DescribeCustomKeyStores" => self.custom_key_stores(),
            "DescribeKey" => self.with_key(operation, true, |key| Ok(wire::metadata(&key.arn(), &key.metadata()))),
            "GetKeyPolicy" => self.with_key(operation, false, |key| self.policy(key)),
            "ListKeyPolicies" => self.with_key(operation, false, |key| {
                let names = if key.ram_policy().is_some() { vec!["AWS_RAM", "default"] } else { vec!["default"] };
                self.paged("PolicyNames", names.len(), 100, 1000, |at| json!(names[at]))
            }),
            "ListGrants" => self.with_key(operation, false, |key| self.grants(key)),
            "ListResourceTags" => self.with_key(operation, false, |key| {
                let tags = key.tags();
                self.paged("Tags", tags.len(), 50, 50, |at| json!({"TagKey": tags[at].key, "TagValue": tags[at].value}))
            }),
            "GetKeyRotationStatus" => self.with_key(operation, false, |key| {
                let status = key.rotation().ok_or_else(|| unsupported(key))?;
                Ok(wire::rotation(&key.arn(), &status))
            }),
            "ListKeyRotations" => self.with_key(operation, false, |key| self.rotations(key)),
            "GetKeyLastUsage" => self.with_key(operation, false, |key| Ok(wire::last_usage(&key.arn(), &key.last_usage()))),
            _ => Err(ApiError::new(400, "UnknownOperationException", "")),
        }
    }

    fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        let Some(limit) = self.body.get("Limit").filter(|limit| !limit.is_null()) else { return Ok(default) };
        // What is more than the maximum is refused, not cut down.
        usize::try_from(limit.as_u64().unwrap_or(0)).ok().filter(|limit| (1..=max).contains(limit)).ok_or_else(|| {
            ApiError::validation(format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value between 1 and {max}"
            ))
        })
    }

    fn marker(&self) -> Option<&str> {
        self.body["Marker"].as_str()
    }

    fn paged(&self, name: &str, total: usize, default: usize, max: usize, item: impl Fn(usize) -> Value) -> Answer {
        let limit = self.limit(default, max)?;
        let page = paging::page(total, self.marker(), limit, self.page_fault).ok_or_else(invalid_marker)?;
        Ok(finish(name, (page.start..page.end).map(item).collect(), &page.next))
    }

    fn list_keys(&self) -> Answer {
        self.caller.check("kms:ListKeys", "*")?;
        let Some(at) = self.account.region(&self.region) else { return self.paged("Keys", 0, 100, 1000, |_| Value::Null) };
        let unit = &self.account.regions[at];
        self.paged("Keys", unit.keys as usize, 100, 1000, |index| {
            let arn = self.organization.key_at(self.account, at, u32::try_from(index).unwrap_or(0)).arn();
            json!({"KeyId": arn.key_id(), "KeyArn": arn})
        })
    }

    /// Aliases are listed key by key, so that a page costs no more than itself: a marker is the place of a key and of one of its aliases.
    fn list_aliases(&self) -> Answer {
        self.caller.check("kms:ListAliases", "*")?;
        let limit = self.limit(50, 100)?;
        let start = self.marker().map_or(Some(0), paging::position).ok_or_else(invalid_marker)?;
        let keys = self.organization.key_count(self.account, &self.region);
        let only = match self.body["KeyId"].as_str() {
            None => None,
            Some(_) => Some(self.find(false)?),
        };
        let region = self.account.region(&self.region);
        let key_at = |index: usize| match (&only, region) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(region)) => Some(self.organization.key_at(self.account, region, u32::try_from(index).ok()?)),
            _ => None,
        };
        let keys = if only.is_some() { 1 } else { keys };
        let mut items = Vec::new();
        let (mut index, mut alias) = (usize::try_from(start >> 8).unwrap_or(usize::MAX), usize::try_from(start & 0xff).unwrap_or(0));
        let mut next = Next::End;
        while index < keys {
            let Some(key) = key_at(index) else { break };
            let count = key.alias_count();
            if alias >= count {
                (index, alias) = (index + 1, 0);
                continue;
            }
            if items.len() == limit {
                next = Next::Marker(paging::marker(((index as u64) << 8) | alias as u64));
                break;
            }
            items.push(wire::alias(&key.arn(), &key.alias(alias)));
            alias += 1;
        }
        // Aliases that AWS has set aside for services that have no key here yet; they have no target.
        if next == Next::End && only.is_none() && index == keys {
            let managed = region.map_or(0, |at| self.account.regions[at].managed as usize);
            for service in SERVICES.iter().skip(managed + alias) {
                if items.len() == limit {
                    next = Next::Marker(paging::marker(((keys as u64) << 8) | alias as u64));
                    break;
                }
                let name = format!("alias/aws/{service}");
                items.push(json!({"AliasName": name, "AliasArn": format!("arn:{}:kms:{}:{}:{name}", self.region.partition(), self.region, self.account.id)}));
                alias += 1;
            }
        }
        match self.page_fault {
            Some(FaultKind::RepeatedMarker) => next = Next::Marker(self.marker().map_or_else(|| paging::marker((keys as u64) << 8), str::to_owned)),
            Some(FaultKind::MissingMarker) if self.marker().is_none() => next = Next::Nowhere,
            _ => {}
        }
        Ok(finish("Aliases", items, &next))
    }

    fn custom_key_stores(&self) -> Answer {
        self.caller.check("kms:DescribeCustomKeyStores", "*")?;
        let mut stores = self.account.region(&self.region).map(|at| stores::of_region(self.account, &self.account.regions[at])).unwrap_or_default();
        for (member, named) in [("CustomKeyStoreId", false), ("CustomKeyStoreName", true)] {
            if let Some(wanted) = self.body[member].as_str() {
                stores.retain(|store| if named { store.store.name.as_deref() == Some(wanted) } else { store.store.id == wanted });
                if stores.is_empty() {
                    return Err(ApiError::new(400, "CustomKeyStoreNotFoundException", ""));
                }
            }
        }
        self.paged("CustomKeyStores", stores.len(), 100, 1000, |at| wire::store(&stores[at]))
    }

    fn policy(&self, key: &Key<'_>) -> Answer {
        let name = self.body["PolicyName"].as_str().unwrap_or("default");
        let policy = match name {
            "default" => Some(key.policy()),
            "AWS_RAM" => key.ram_policy(),
            _ => None,
        };
        let policy = policy.ok_or_else(|| ApiError::new(400, "NotFoundException", "No such policy exists"))?;
        Ok(json!({"Policy": policy.as_str(), "PolicyName": name}))
    }

    fn grants(&self, key: &Key<'_>) -> Answer {
        let mut grants = key.grants();
        if let Some(id) = self.body["GrantId"].as_str() {
            grants.retain(|grant| grant.id == id);
        }
        if let Some(grantee) = self.body["GranteePrincipal"].as_str() {
            grants.retain(|grant| grant.grantee_principal.as_deref() == Some(grantee));
        }
        let arn = key.arn();
        self.paged("Grants", grants.len(), 50, 100, |at| wire::grant(&arn, &grants[at]))
    }

    fn rotations(&self, key: &Key<'_>) -> Answer {
        let rotations = key.rotations().ok_or_else(|| unsupported(key))?;
        let arn = key.arn();
        let first = (self.body["IncludeKeyMaterial"] == "ALL_KEY_MATERIAL").then(|| json!({"KeyId": arn, "KeyMaterialId": key.first_material_id()}));
        let shift = usize::from(first.is_some());
        self.paged("Rotations", rotations.len() + shift, 100, 1000, |at| match &first {
            Some(first) if at == 0 => first.clone(),
            _ => wire::rotations_entry(&arn, &rotations[at - shift]),
        })
    }

    fn with_key(&self, operation: &str, aliases: bool, answer: impl FnOnce(&Key<'a>) -> Answer) -> Answer {
        let key = self.find(aliases);
        let resource = match &key {
            Ok(key) => key.arn().to_string(),
            Err(_) => format!("arn:{}:kms:{}:{}:key/*", self.region.partition(), self.region, self.account.id),
        };
        let action = format!("kms:{operation}");
        self.caller.check(&action, &resource)?;
        let key = key?;
        match key.denial(operation) {
            Some(Denial::NotAllowed) => Err(self.caller.denied(&action, &resource, &format!("because no resource-based policy allows the {action} action"))),
            Some(Denial::Explicit) => Err(self.caller.denied(&action, &resource, "with an explicit deny in a resource-based policy")),
            None => answer(&key),
        }
    }

    fn find(&self, aliases: bool) -> Result<Key<'a>, ApiError> {
        let name = self.body["KeyId"]
            .as_str()
            .ok_or_else(|| ApiError::validation("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"))?;
        let prefix = format!("arn:{}:kms:{}:{}:", self.region.partition(), self.region, self.account.id);
        let local = match name.strip_prefix(&prefix) {
            Some(local) => local.strip_prefix("key/").unwrap_or(local),
            // Keys of another account or Region cannot be reached from here.
            None if name.starts_with("arn:") => return Err(self.not_found(name)),
            None => name,
        };
        if local.starts_with("alias/") {
            if !aliases {
                return Err(ApiError::new(400, "NotFoundException", format!("Invalid keyId '{name}'")));
            }
            let found = self.organization.keys(self.account, &self.region).find(|key| key.aliases().iter().any(|alias| alias.name == local));
            return found.ok_or_else(|| ApiError::new(400, "NotFoundException", format!("Alias {prefix}{local} is not found.")));
        }
        self.organization.find_key(self.account, &self.region, local).ok_or_else(|| self.not_found(local))
    }

    fn not_found(&self, name: &str) -> ApiError {
        let arn = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            format!("arn:{}:kms:{}:{}:key/{name}", self.region.partition(), self.region, self.account.id)
        };
        ApiError::new(400, "NotFoundException", format!("Key '{arn}' does not exist"))
    }
}

fn invalid_marker() -> ApiError {
    ApiError::new(400, "InvalidMarkerException", "Could not deserialize marker")
}

fn unsupported(key: &Key<'_>) -> ApiError {
    let metadata = key.metadata();
    ApiError::new(
        400,
        "UnsupportedOperationException",
        format!(
            "{} key spec is {} and origin is {} which is not valid for key rotation.",
            key.arn(),
            metadata.spec.as_ref().map_or("unknown", kms_insights_model::KeySpec::as_str),
            metadata.origin.as_ref().map_or("unknown", kms_insights_model::Origin::as_str)
        ),
    )
}

fn finish(name: &str, items: Vec<Value>, next: &Next) -> Value {
    let mut answer = json!({"Truncated": *next != Next::End});
    answer[name] = Value::Array(items);
    if let Next::Marker(marker) = next {
        answer["NextMarker"] = json!(marker);
    }
    answer
}
