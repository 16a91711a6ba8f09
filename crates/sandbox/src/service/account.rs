//! AWS Account Management. Source: AWS Account Management API Reference.

use kms_insights_model::AccountId;
use serde_json::{Value, json};

use super::paging::{self, Next};
use crate::{Behaviour, FaultKind, Organization, SimulatedAccount, identity::Caller, reply::ApiError};

type Answer = Result<Value, ApiError>;

pub(crate) struct AccountManagement<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) caller: &'a Caller,
    pub(crate) body: Value,
    pub(crate) page_fault: Option<FaultKind>,
}

impl AccountManagement<'_> {
    pub(crate) fn answer(&self, operation: &str) -> Answer {
        let denied = || ApiError::new(403, "AccessDeniedException", format!("User: {} is not authorized to perform: account:{operation}", self.caller.arn));
        self.caller.check(&format!("account:{operation}"), "*").map_err(|error| ApiError { status: 403, ..error })?;
        let account = match self.body["AccountId"].as_str().map(str::parse::<AccountId>) {
            None => self.caller.account,
            Some(Ok(id)) => id,
            Some(Err(_)) => return Err(ApiError::validation("AccountId")),
        };
        // Another account's Regions are for the management account and delegated administrators to see.
        let entitled = self.caller.account == self.organization.management().id || Some(self.caller.account) == self.behaviour.delegated_administrator;
        if account != self.caller.account && !(entitled && self.behaviour.organization_in_use) {
            return Err(denied());
        }
        let account = self.organization.account(account).ok_or_else(denied)?;
        if operation == "ListRegions" {
            return self.list_regions(account);
        }
        let name = self.body["RegionName"].as_str().unwrap_or_default();
        let status = self.regions(account).into_iter().find(|(region, _)| region == name).map_or("DISABLED", |(_, status)| status);
        Ok(json!({"RegionName": name, "RegionOptStatus": status}))
    }

    /// Every Region with its status. Regions that the organization does not use are told as disabled, so that nobody reads seventeen Regions where the shape
    /// says two.
    fn regions(&self, account: &SimulatedAccount) -> Vec<(String, &'static str)> {
        let defaults = self.organization.partition().default_regions();
        let mut regions: Vec<(String, &'static str)> = defaults.iter().map(|region| ((*region).to_owned(), "DISABLED")).collect();
        for region in &self.organization.shape().regions {
            let enabled = account.enabled_regions().any(|other| other == region);
            let status = match (defaults.contains(&region.as_str()), enabled) {
                (true, true) => "ENABLED_BY_DEFAULT",
                (false, true) => "ENABLED",
                (_, false) => "DISABLED",
            };
            regions.retain(|(other, _)| other != region.as_str());
            regions.push((region.to_string(), status));
        }
        regions.sort();
        regions
    }

    fn list_regions(&self, account: &SimulatedAccount) -> Answer {
        let mut regions = self.regions(account);
        if let Some(wanted) = self.body["RegionOptStatusContains"].as_array() {
            regions.retain(|(_, status)| wanted.iter().any(|other| other == status));
        }
        let limit = match self.body.get("MaxResults").filter(|limit| !limit.is_null()) {
            None => 50,
            Some(limit) => {
                let limit = usize::try_from(limit.as_u64().unwrap_or(0)).ok().filter(|limit| (1..=50).contains(limit));
                limit.ok_or_else(|| ApiError::validation("MaxResults must be between 1 and 50"))?
            }
        };
        let page = paging::page(regions.len(), self.body["NextToken"].as_str(), limit, self.page_fault).ok_or_else(|| ApiError::validation("NextToken"))?;
        let items: Vec<Value> = regions[page.start..page.end].iter().map(|(region, status)| json!({"RegionName": region, "RegionOptStatus": status})).collect();
        let mut answer = json!({"Regions": items});
        if let Next::Marker(token) = page.next {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }
}
