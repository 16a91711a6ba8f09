//! AWS Organizations. Source: AWS Organizations API Reference.

use kms_insights_model::{AccountId, AccountState};
use serde_json::{Value, json};

use super::{
    kms_wire::seconds,
    paging::{self, Next},
};
use crate::{Behaviour, FaultKind, Organization, SimulatedAccount, identity::Caller, reply::ApiError};

type Answer = Result<Value, ApiError>;

pub(crate) struct Organizations<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) caller: &'a Caller,
    pub(crate) body: Value,
    pub(crate) page_fault: Option<FaultKind>,
}

impl Organizations<'_> {
    pub(crate) fn answer(&self, operation: &str) -> Answer {
        self.caller.check(&format!("organizations:{operation}"), "*")?;
        if !self.behaviour.organization_in_use {
            return Err(ApiError::new(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."));
        }
        let entitled = self.caller.account == self.organization.management().id || Some(self.caller.account) == self.behaviour.delegated_administrator;
        if operation == "DescribeOrganization" {
            // Every account of the organization may ask this.
            return Ok(self.describe_organization());
        }
        if !entitled {
            return Err(ApiError::new(400, "AccessDeniedException", "You don't have permissions to access this resource."));
        }
        match operation {
            "ListAccounts" => {
                let accounts = self.organization.accounts();
                self.paged("Accounts", accounts.len(), |at| self.account(&accounts[at]))
            }
            "ListRoots" => self.paged(
                "Roots",
                1,
                |_| json!({"Id": self.organization.root_id(), "Arn": self.arn("root", self.organization.root_id()), "Name": "Root", "PolicyTypes": []}),
            ),
            "ListOrganizationalUnitsForParent" => {
                let parent = self.parent()?;
                let units: Vec<usize> = (0..self.organization.units().len()).filter(|at| self.organization.units()[*at].parent == parent).collect();
                self.paged("OrganizationalUnits", units.len(), |at| self.unit(units[at]))
            }
            "ListAccountsForParent" => {
                let parent = self.parent()?;
                let accounts: Vec<&SimulatedAccount> = self.organization.accounts().iter().filter(|account| account.unit == parent).collect();
                self.paged("Accounts", accounts.len(), |at| self.account(accounts[at]))
            }
            "ListChildren" => self.children(),
            "ListParents" => self.parents(),
            "DescribeOrganizationalUnit" => {
                let wanted = self.body["OrganizationalUnitId"].as_str().unwrap_or_default();
                let at = self.organization.units().iter().position(|unit| unit.id == wanted);
                let at = at.ok_or_else(|| ApiError::new(400, "OrganizationalUnitNotFoundException", "We can't find an OU with the specified ID."))?;
                Ok(json!({"OrganizationalUnit": self.unit(at)}))
            }
            "DescribeAccount" => {
                let wanted = self.body["AccountId"].as_str().and_then(|id| id.parse::<AccountId>().ok());
                let account = wanted.and_then(|id| self.organization.account(id));
                let account = account.ok_or_else(|| ApiError::new(400, "AccountNotFoundException", "You specified an account that doesn't exist."))?;
                Ok(json!({"Account": self.account(account)}))
            }
            _ => Err(ApiError::new(400, "UnknownOperationException", "")),
        }
    }

    fn arn(&self, kind: &str, id: &str) -> String {
        let management = self.organization.management().id;
        format!("arn:{}:organizations::{management}:{kind}/{}/{id}", self.organization.partition(), self.organization.id())
    }

    fn paged(&self, name: &str, total: usize, item: impl Fn(usize) -> Value) -> Answer {
        let limit = match self.body.get("MaxResults").filter(|limit| !limit.is_null()) {
            None => 20,
            Some(limit) => usize::try_from(limit.as_u64().unwrap_or(0))
                .ok()
                .filter(|limit| (1..=20).contains(limit))
                .ok_or_else(|| ApiError::new(400, "InvalidInputException", "You specified an invalid value: MaxResults must be between 1 and 20."))?,
        };
        let page = paging::page(total, self.body["NextToken"].as_str(), limit, self.page_fault)
            .ok_or_else(|| ApiError::new(400, "InvalidInputException", "You specified an invalid value: NextToken."))?;
        let mut answer = json!({name: (page.start..page.end).map(item).collect::<Vec<_>>()});
        if let Next::Marker(token) = page.next {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }

    fn describe_organization(&self) -> Value {
        let management = self.organization.management();
        json!({"Organization": {
            "Id": self.organization.id(),
            "Arn": format!("arn:{}:organizations::{}:organization/{}", self.organization.partition(), management.id, self.organization.id()),
            "FeatureSet": "ALL",
            "MasterAccountArn": self.arn("account", management.id.as_str()),
            "MasterAccountId": management.id,
            "MasterAccountEmail": management.email,
            "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
        }})
    }

    /// `State` is what counts; `Status` still is there for callers that know no better, and does not tell all states.
    fn account(&self, account: &SimulatedAccount) -> Value {
        let status = match account.state {
            AccountState::Active | AccountState::PendingActivation => "ACTIVE",
            AccountState::PendingClosure => "PENDING_CLOSURE",
            _ => "SUSPENDED",
        };
        json!({
            "Id": account.id,
            "Arn": self.arn("account", account.id.as_str()),
            "Email": account.email,
            "Name": account.name,
            "Status": status,
            "State": account.state,
            "JoinedMethod": if account.unit.is_none() { "INVITED" } else { "CREATED" },
            "JoinedTimestamp": seconds(account.joined_at),
        })
    }

    fn unit(&self, at: usize) -> Value {
        let unit = &self.organization.units()[at];
        json!({"Id": unit.id, "Arn": self.arn("ou", &unit.id), "Name": unit.name})
    }

    /// The place of the unit that `ParentId` names; `None` for the root.
    fn parent(&self) -> Result<Option<usize>, ApiError> {
        let wanted = self.body["ParentId"].as_str().unwrap_or_default();
        if wanted == self.organization.root_id() {
            return Ok(None);
        }
        let at = self.organization.units().iter().position(|unit| unit.id == wanted);
        at.map(Some).ok_or_else(|| ApiError::new(400, "ParentNotFoundException", "We can't find a root or OU with the ParentId that you specified."))
    }

    fn children(&self) -> Answer {
        let parent = self.parent()?;
        let units = self.body["ChildType"] == "ORGANIZATIONAL_UNIT";
        let ids: Vec<&str> = if units {
            self.organization.units().iter().filter(|unit| unit.parent == parent).map(|unit| unit.id.as_str()).collect()
        } else {
            self.organization.accounts().iter().filter(|account| account.unit == parent).map(|account| account.id.as_str()).collect()
        };
        self.paged("Children", ids.len(), |at| json!({"Id": ids[at], "Type": if units { "ORGANIZATIONAL_UNIT" } else { "ACCOUNT" }}))
    }

    fn parents(&self) -> Answer {
        let wanted = self.body["ChildId"].as_str().unwrap_or_default();
        let of_account = wanted.parse::<AccountId>().ok().and_then(|id| self.organization.account(id)).map(|account| account.unit);
        let parent = of_account.or_else(|| self.organization.units().iter().find(|unit| unit.id == wanted).map(|unit| unit.parent));
        let parent = parent.ok_or_else(|| ApiError::new(400, "ChildNotFoundException", "We can't find an OU or account with the specified ChildId."))?;
        self.paged("Parents", 1, |_| match parent {
            Some(at) => json!({"Id": self.organization.units()[at].id, "Type": "ORGANIZATIONAL_UNIT"}),
            None => json!({"Id": self.organization.root_id(), "Type": "ROOT"}),
        })
    }
}
